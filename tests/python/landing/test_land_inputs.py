"""Which files land: by their names, how they are packed, and where links lead."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import BinaryIO

import pytest
from typer.testing import CliRunner

from hirehouse.commands.main import app
from hirehouse.landing import decompress
from hirehouse.landing.decompress import InputError, chunks
from hirehouse.landing.inputs import InputFile, LeftOut, files_at
from hirehouse.landing.land import land
from hirehouse.landing.read_batches import open_input
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.events import event, line, packed, write

pytestmark = pytest.mark.one_engine


def ids(warehouse: Warehouse) -> list[str]:
    """The numbers of the events that have landed, in order."""
    rows = warehouse.query("select event_id from landed.interview_requested order by event_id")
    return [str(int(key.removeprefix("m-"))) for (key,) in rows]


def bodies(warehouse: Warehouse) -> list[str]:
    rows = warehouse.query("select body from landed.failed_event_bodies order by body")
    return [body for (body,) in rows]


NAMES = [
    *("a.ndjson", "b.NDJSON", "c.jsonl", "d.json", "e.JSON.GZ", "f.jsonl.gz", "g.json.zst"),
    *("h.ndjson.ZST", "1772442000.gz", "j.zst", "k.ndjson.gz", "l.json", "m.ndjson.zst"),
]


def test_a_folder_lands_every_archive_of_the_format(warehouse: Warehouse, tmp_path: Path) -> None:
    """Packed or not is told by content, and letters may be upper case."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, name in enumerate(NAMES, 100):
        kind = ("gzip", "zstd", "plain")[number % 3]
        (folder / name).write_bytes(packed(line(event(number)) + b"\n", kind))
    result = land([folder], warehouse)
    assert (result.events, result.failed, result.left_out) == (len(NAMES), 0, {})
    assert ids(warehouse) == [str(100 + n) for n in range(len(NAMES))]


def test_what_is_left_out_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    assert environment
    folder = tmp_path / "in"
    (folder / ".git").mkdir(parents=True)
    write(folder / "a.ndjson", [line(event(1))])
    for name in (".git/b.ndjson", ".c.ndjson", "d.ndjson.tmp", "e.part"):
        write(folder / name, [line(event(2))])
    for name in ("f.csv", "g.CSV", "h.log", "i", "j.csv.gz", "k.csv.gz"):
        write(folder / name, [b"a,b"])
    write(folder / "manifest.json", [b"{", b' "files": [', b"  {}", b" ]", b"}"])
    (folder / "out.ndjson").symlink_to("/etc/passwd")
    done = CliRunner().invoke(app, ["land", "--json", str(folder)])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["events"], told["failed"]) == (1, 0)
    found = {why: sorted(Path(n).name for n in names) for why, names in told["left_out"].items()}
    assert found == {
        "the name starts with a dot": [".c.ndjson", ".git"],
        "not finished: the name ends in .tmp or .part, or the folder is _temporary": [
            "d.ndjson.tmp",
            "e.part",
        ],
        "the name ends in .csv": ["f.csv", "g.CSV"],
        "the name ends in .log": ["h.log"],
        "the name has another ending": ["i"],
        "the name ends in .csv.gz": ["j.csv.gz", "k.csv.gz"],
        "JSON over several lines": ["manifest.json"],
        "a link that leads out of the folder": ["out.ndjson"],
    }
    told = " ".join(CliRunner().invoke(app, ["land", str(folder)]).stdout.split())
    assert "files left out 2 the name ends in .csv, such as" in told


def test_a_path_without_events_is_an_error(environment: dict[str, str], tmp_path: Path) -> None:
    assert environment

    def run(*arguments: str | Path) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["land", *map(str, arguments)])
        return done.exit_code, " ".join(done.output.split())

    good = write(tmp_path / "good.ndjson", [line(event(1))])
    for name, file in {"empty": "", "tables": "a.csv", "json": "a.json", "being": "a.part"}.items():
        (tmp_path / name).mkdir()
        if file:
            write(tmp_path / name / file, [b"{", b"}"])
    for path, told in {
        "empty": "no files of events. Their names end in .ndjson, .jsonl or .json",
        "tables": "left out: 1, the name ends in .csv",
        "json": "left out: 1, JSON over several lines",
        "*ables": "left out: 1, a folder, not a file",
    }.items():
        code, text = run(tmp_path / path)
        assert (code, told in text) == (2, True), text
    assert run(good, tmp_path / "empty")[0] == 2
    with open_warehouse() as warehouse:
        assert ids(warehouse) == []
    # The spool of a collector comes to be empty.
    assert run(tmp_path / "being")[0] == run("--remove", tmp_path / "empty")[0] == 0
    assert run(good)[0] == 0


@pytest.mark.parametrize("kind", ["gzip", "zstd", "plain"])
def test_an_empty_file_is_fine(warehouse: Warehouse, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.ndjson", "b.ndjson.gz", "c.json.zst", "d.gz"):
        (folder / name).touch()
    (folder / "e.ndjson").write_bytes(packed(b"", kind))
    (folder / "f.ndjson").write_bytes(packed(b"\n \r\n", kind))
    result = land([folder], warehouse)
    assert (result.unreadable, result.lines, result.left_out) == ([], 0, {})


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_packed_files_may_have_parts_and_must_be_whole(tmp_path: Path, kind: str) -> None:
    data = os.urandom(700_000) + b"\n" * 4_000_000
    part = packed(data, kind)
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0abcd" * (kind == "zstd")

    def unpacked(stored: bytes, appended: bytes = b"") -> tuple[bytes, int]:
        (tmp_path / "a").write_bytes(stored + appended)
        with (tmp_path / "a").open("rb") as file:
            found = list(chunks(file, len(stored), "a"))
        return b"".join(found), max(map(len, found))

    assert unpacked(skippable + part) == (data, decompress.BLOCK)
    assert unpacked(part + packed(b"", kind) + skippable + part)[0] == data * 2
    assert unpacked(part, b"what another process appends")[0] == data
    for cut in (5, 10_000, len(part) - 1, len(part) + 9):
        with pytest.raises(InputError, match=rf"^a: corrupt or truncated {kind} near byte "):
            unpacked((part + part)[:cut])
    with pytest.raises(InputError, match=kind):
        unpacked(part + b"no part at all")


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    for kind in ("gzip", "zstd"):
        (tmp_path / kind).write_bytes(packed(b"\0" * 50_000_000, kind))
        with (tmp_path / kind).open("rb") as file:
            sizes = [len(chunk) for chunk in chunks(file, 10**9, kind)]
        assert (sum(sizes), max(sizes)) == (50_000_000, decompress.BLOCK)


def test_links_land_unless_they_lead_out(warehouse: Warehouse, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    write(outside / "secret.ndjson", [line(event(9)), b"root:x:0:0"])
    folder = tmp_path / "in"
    (folder / "below").mkdir(parents=True)
    (folder / "..data").mkdir()
    write(folder / "..data" / "b.ndjson", [line(event(2))])
    write(folder / "below" / "c.txt", [line(event(3))])
    write(folder / "below" / "d.ndjson", [line(event(4))])
    links = {
        "in/b.ndjson": "..data/b.ndjson",
        "in/c.ndjson": "below/c.txt",
        "in/again.ndjson": "below/d.ndjson",
        "in/absolute.ndjson": str(folder / "below" / "d.ndjson"),
        "in/secret.ndjson": "../outside/secret.ndjson",
        "in/passwd.ndjson": "/etc/passwd",
        "in/up": "../outside",
        "in/roundabout.ndjson": "below/../../outside/secret.ndjson",
        "in/chain.ndjson": "secret.ndjson",
        "in/nothing.ndjson": "below/nothing",
        "in/self.ndjson": "self.ndjson",
        "in/dot": ".",
        "in/below/up": "..",
        "in/below/out": "../..",
        "there": "in",
    }
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    # By a link that the command line names.
    result = land([tmp_path / "there"], warehouse)
    assert (result.events, result.failed, result.unreadable) == (3, 0, [])
    assert ids(warehouse) == ["2", "3", "4"]
    left = {Path(name).name: why for why, names in result.left_out.items() for name in names}
    leads_out = {"secret.ndjson", "passwd.ndjson", "up", "roundabout.ndjson", "chain.ndjson", "out"}
    assert {left[name] for name in leads_out - {"up"}} == {"a link that leads out of the folder"}
    assert left["self.ndjson"] == "Too many levels of symbolic links"
    assert left.keys() == leads_out | {"nothing.ndjson", "self.ndjson", "dot", "..data", "c.txt"}
    for pattern in ("in/*.ndjson", "in/**/*.ndjson", "in/**", "there/*.ndjson"):
        again = land([str(tmp_path / pattern)], warehouse)
        assert (again.events, again.failed, again.unreadable) == (0, 0, []), pattern
    assert bodies(warehouse) == []
    named = land([folder / "secret.ndjson"], warehouse)
    assert (named.events, named.failed) == (1, 1)


def test_circles_of_links_end(tmp_path: Path) -> None:
    """glob.glob follows two links to their own folder 2^40 times."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "1.ndjson", [line(event(1))])
    for name, target in {"a/1": ".", "a/2": ".", "a/b": "../b", "b/a": "../a", "b/1": "1"}.items():
        (tmp_path / name).symlink_to(target)
    wanted = sorted(str(tmp_path / name / "1.ndjson") for name in ("a", "b"))
    for path in (tmp_path, tmp_path / "**", tmp_path / "**" / "*.ndjson", tmp_path / "*" / "**"):
        left_out = LeftOut()
        begun = time.process_time()
        assert sorted(files_at(str(path), left_out)) == wanted, path
        assert time.process_time() - begun < 5
        assert path != tmp_path or sum(map(len, left_out.values())) == 5


def test_pipes_sockets_and_deep_folders_stop_nothing(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.ndjson", [line(event(1))])
    os.mkfifo(tmp_path / "pipe.ndjson")
    (tmp_path / "pipes.ndjson").symlink_to("pipe.ndjson")
    (tmp_path / "folder.ndjson").mkdir()
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("s.ndjson")
    for _ in range(30):  # longer than the system allows for a path
        Path("deep" * 50).mkdir()
        os.chdir("deep" * 50)
    for pattern in ("", "/*.ndjson", "/**/*.ndjson"):
        result = land([f"{tmp_path}{pattern}"], warehouse)
        assert len(result.inputs) + len(result.already) == 1
        left = {Path(n).name: why for why, names in result.left_out.items() for n in names}
        assert {n for n, why in left.items() if why.startswith("no regular file")} == {
            *("pipe.ndjson", "pipes.ndjson", "s.ndjson")
        }
        assert ("folder.ndjson" in left) == (pattern == "/*.ndjson")
        too_long = [text.split(": ")[1] for text in result.unreadable]
        assert too_long == ["File name too long"] * (pattern != "/*.ndjson")
    listener.close()


def test_a_folder_that_may_not_be_read_is_named(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "in" / "locked"
    locked.mkdir(parents=True)
    write(tmp_path / "in" / "a.ndjson", [line(event(1))])
    scan = os.scandir

    def refusing(path: str) -> object:
        if path == str(locked):  # this process may be root, and read it
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    for path in (locked.parent, locked.parent / "**"):
        result = land([path], warehouse)
        assert len(result.inputs + result.already) == 1
        assert (result.left_out, result.unreadable) == ({}, [f"{locked}: Permission denied"])
    with pytest.raises(InputError, match="locked: Permission denied"):
        land([locked], warehouse)


def test_a_file_that_vanishes_or_may_not_be_read_stops_no_other(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [write(tmp_path / f"{n}.ndjson", [line(event(n))]) for n in range(3)]

    def opened(place: InputFile) -> BinaryIO:
        if place.path == files[0]:
            place.path.unlink(missing_ok=True)
        if place.path == files[1]:  # this process may be root, and read it
            raise PermissionError(13, "Permission denied")
        return open_input(place)

    monkeypatch.setattr("hirehouse.landing.read_batches.open_input", opened)
    result = land([tmp_path], warehouse)
    assert (result.events, result.inputs) == (1, [str(files[2])])
    assert result.unreadable == [f"{files[1]}: Permission denied"]
    again = land(files, warehouse, listed=True)
    assert (again.already, len(again.unreadable)) == ([str(files[2])], 1)


def test_what_has_replaced_a_listed_file_is_not_read(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret", [b"secret"])
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(secret)
    with pytest.raises(InputError, match="no regular file"):
        open_input(InputFile("pipe", tmp_path / "pipe", listed=True))
    with pytest.raises(OSError, match="symbolic"):
        open_input(InputFile("link", tmp_path / "link", listed=True))
    with open_input(InputFile("link", tmp_path / "link")) as file:
        assert file.read() == b"secret\n"
