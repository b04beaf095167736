"""Changes of the file of write keys, and files that are none."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hirehouse.collecting.write_keys import Keys, add_key, read_keys, revoke_key
from hirehouse.commands.main import app
from support.collectors import Collector, call, serving
from support.project import BIN

DIGEST = hashlib.sha256(b"key").hexdigest()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def busy() -> Iterator[str]:
    """A port that is in use: a collector that starts in spite of an error ends there."""
    with socket.socket() as holder:
        holder.bind(("0.0.0.0", 0))
        holder.listen()
        yield str(holder.getsockname()[1])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_mode_of_the_file_is_kept(keys: Path) -> None:
    add_key(keys, "web")
    assert mode(keys) == 0o600
    keys.chmod(0o640)
    add_key(keys, "jobs")
    revoke_key(keys, "web")
    assert mode(keys) == 0o640
    assert list(read_keys(keys)) == ["jobs"]
    assert [path.name for path in keys.parent.iterdir()] == [keys.name]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_the_owner_of_the_file_is_kept(keys: Path) -> None:
    """Else a collector of that user could not read it any more."""
    add_key(keys, "web")
    os.chown(keys, 65534, 65533)
    add_key(keys, "jobs")
    assert (keys.stat().st_uid, keys.stat().st_gid, mode(keys)) == (65534, 65533, 0o600)


def test_a_link_to_the_file_stays_one(tmp_path: Path) -> None:
    link, target = tmp_path / "link.json", tmp_path / "secrets" / "keys.json"
    link.symlink_to(target)
    add_key(link, "web")
    add_key(link, "jobs")
    revoke_key(link, "web")
    assert link.is_symlink()
    assert list(read_keys(target)) == ["jobs"]


def test_parallel_additions_are_all_kept(keys: Path) -> None:
    program = "from sys import argv; from pathlib import Path; from hirehouse.collecting import"
    program += " write_keys; print(write_keys.add_key(Path(argv[1]), argv[2]))"
    command = [sys.executable, "-c", program, str(keys)]
    names = [f"producer-{number}" for number in range(8)]
    running = [subprocess.Popen([*command, name], stdout=subprocess.PIPE) for name in names]
    made = [process.communicate()[0].decode().strip() for process in running]
    assert sorted(read_keys(keys)) == names
    known = Keys(keys)
    assert [known.producer(key) for key in made] == names


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({"web": DIGEST, "jobs": DIGEST[:-1]}, "'jobs'"),
        ({"jobs": "é" * 64}, "'jobs'"),
        ({"jobs": f"{DIGEST}\n"}, "'jobs'"),
        ({"jobs": ""}, "'jobs'"),
        ({"jobs": None}, "'jobs'"),
        ({"jobs\x1b[31m": "key"}, r"'jobs\x1b[31m'"),
        ([DIGEST], "must be"),
        (f'{{"web": "{DIGEST}", "web": "{DIGEST}"}}', "duplicate keys /web"),
    ],
)
def test_a_wrong_digest_is_an_error_at_the_start(
    keys: Path, content: object, word: str, busy: str
) -> None:
    keys.write_text(content if isinstance(content, str) else json.dumps(content))
    result = CliRunner().invoke(app, ["collect", "--keys", str(keys), "--port", busy])
    assert result.exit_code == 1
    assert f"error: {keys}: " in result.output
    assert word in result.output


def test_a_digest_that_becomes_wrong_leaves_the_previous_keys_in_force(
    keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = add_key(keys, "web")
    with serving(tmp_path / "spool", keys) as port:
        for wrong in (json.dumps({"web": "é"}), None):
            keys.unlink()
            if wrong:
                keys.write_text(wrong)
            for _ in range(5):
                assert call(port, "/v1/track", {"writeKey": key}).status == 200
            [logged] = capsys.readouterr().err.splitlines()
            assert logged.endswith("the previous keys stay in force")


def test_digests_may_have_capitals(keys: Path) -> None:
    keys.write_text(json.dumps({"web": DIGEST.upper()}))
    assert Keys(keys).producer("key") == "web"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "collector.example"])
def test_micro_is_not_shown_to_others_without_a_key(host: str, busy: str) -> None:
    result = CliRunner().invoke(app, ["collect", "--micro", "--host", host, "--port", busy])
    assert result.exit_code == 2
    assert "--keys" in result.output


def test_micro_needs_a_key_if_there_are_keys(keys: Path) -> None:
    key = add_key(keys, "tests")
    collector = Collector("--micro", "--host", "0.0.0.0", "--keys", str(keys))
    try:
        basic = {"Authorization": f"Basic {base64.b64encode(key.encode()).decode()}"}
        for path, method in (("all", "GET"), ("good", "GET"), ("bad", "GET"), ("reset", "POST")):
            assert call(collector.port, f"/micro/{path}", method=method).status == 401
            assert call(collector.port, f"/micro/{path}", method=method, **basic).status == 200
    finally:
        assert collector.end() == 0


def test_a_port_that_is_in_use(tmp_path: Path, busy: str) -> None:
    for option in ("--port", "--metrics-port"):
        command = [str(BIN / "hirehouse"), "collect", "--spool", str(tmp_path), option, busy]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, "already in use" in done.stderr) == (1, True)
    assert f"error: metrics on 127.0.0.1:{busy}: " in done.stderr


def test_metrics_have_a_port_of_their_own(tmp_path: Path) -> None:
    collector = Collector("--spool", str(tmp_path))
    try:
        assert call(collector.port, "/metrics", method="GET").status == 404
        answer = call(collector.metrics_port, "/metrics", method="GET")
        assert b"hirehouse_spool_bytes_total" in answer.text
    finally:
        assert collector.end() == 0
