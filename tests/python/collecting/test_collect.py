"""The answers of the collector, and what is in the spool then."""

from __future__ import annotations

import asyncio
import base64
import errno
import gzip
import http.client
import json
import os
import signal
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

import hirehouse.collecting.app
import hirehouse.collecting.connections
from hirehouse.collecting.calls import MAX_REQUEST, read_call
from hirehouse.collecting.connections import Connection
from hirehouse.collecting.spool import NotDurable, Spool, recover
from hirehouse.commands.main import app
from hirehouse.emission_testing.collector import MemoryCollector
from hirehouse.events.validate import MAX_LINE
from support.collectors import Collector, call, scraped, serving, spooled, until
from support.events import TIME, event, line

MEGABYTES = 1 << 20


def basic(key: str) -> str:
    return f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    with serving(folder) as port:
        yield port


def landed(folder: Path, count: int) -> list[Any]:
    """The events of a spool, once that many are there."""
    until(lambda: len(spooled(folder)) >= count)
    return spooled(folder)


def test_every_endpoint_accepts_events(port: int, folder: Path) -> None:
    calls = ["track", "identify", "page", "screen", "group", "alias"]
    for path in [*calls, *"tipsga"]:
        answer = call(port, f"/v1/{path}", {"userId": path})
        assert (answer.status, answer.json) == (200, {"success": True})
    for path in ("batch", "import", "b"):
        assert call(port, f"/v1/{path}", {"batch": [{"type": "track"}] * 2}).status == 200
    assert call(port, "/v1/batch", {"batch": []}).status == 200
    assert call(port, "/v1/m", {"series": [{"type": "Counter"}]}).status == 200
    events = landed(folder, 18)
    assert [e["type"] for e in events] == [*calls, *calls, *["track"] * 6]
    assert len({e["messageId"] for e in events}) == 18
    assert call(port, "/v1/tracks", {}).status == 404
    assert call(port, "/v1/track", method="GET").status == 405


def test_an_event_keeps_its_members(port: int, folder: Path) -> None:
    """Except the receivedAt of its client, and the key, which is a secret."""
    text = (
        b'{"messageId": "m-1", "receivedAt": "2001-01-01T00:00:00Z", "writeKey": "k",'
        b' "properties": {"a": 0.12345678901234567890123, "b": 123456789012345678901234567890,'
        b' "c": "\\u00e9, x: y"}, "channel": "web"}'
    )
    assert call(port, "/v1/track", text).status == 200
    landed(folder, 1)
    [path] = folder.glob("*.ndjson")
    written = path.read_bytes()
    assert b'"a":0.12345678901234567890123,"b":123456789012345678901234567890,' in written
    [found] = spooled(folder)
    assert found["receivedAt"] > "2026"
    assert found["properties"]["c"] == "é, x: y"
    assert set(found) == {"messageId", "receivedAt", "properties", "channel", "type"}


def test_a_batch_fills_in_missing_members_of_its_events() -> None:
    own = {"messageId": "m-2", "sentAt": "2026-03-02T00:00:00Z", "context": {"ip": "own"}}
    shared = {"context": {"ip": "shared", "app": {"version": "1"}}, "sentAt": TIME, "writeKey": "k"}
    lines, key = read_call("batch", line({"batch": [{"messageId": ""}, own, 5], **shared}))
    bare, kept, number = map(json.loads, lines)
    assert key == "k"
    assert bare["messageId"]
    assert bare["sentAt"] == TIME
    assert bare["context"] == shared["context"]
    assert kept["sentAt"] == own["sentAt"]
    assert kept["context"] == {"ip": "own", "app": {"version": "1"}}
    assert number == 5


def test_a_broken_event_does_not_affect_the_others() -> None:
    """NaN and lone surrogates are not JSON, but some SDKs send them."""
    body = b'{"batch":[{"a":NaN,"n":1.10},{"b":"\\ud83d","\\ud83d":1.10},{"c":1.10}]}'
    lines, _ = read_call("batch", body)
    assert lines[0].startswith(b'{"a":NaN,"n":1.1,')
    assert lines[1].startswith(b'{"b":"\\ud83d","\\ud83d":1.1,')
    assert json.loads(lines[2])["c"] == 1.1
    large = {"properties": {"x": "x" * MAX_LINE}}
    lines, _ = read_call("batch", line({"batch": [large, event()]}))
    assert len(lines) == 2


GZIP = {"Content_Encoding": "gzip"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "word"),
    [
        (b"", {}, 400, "invalid JSON"),
        (b"{", {}, 400, "invalid JSON"),
        (b"[1]", {}, 400, "a JSON object"),
        (b'{"a":1,"a":2}', {}, 400, "duplicate keys /a"),
        (b'{"a":1e-99999999999999999999}', {}, 400, "exponent"),
        (b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", {}, 400, "deep"),
        (b'{"a":' + b"[" * 200_000, {}, 400, ""),
        (b'{"a":' + b"1" * 5_000 + b"}", {}, 400, "invalid JSON"),
        (line(event(x="x" * MAX_LINE)), {}, 413, "32,768"),
        (b" " * (MAX_REQUEST + 1), {}, 413, "512,000"),
        # mtime: pytest-xdist needs the same test names in each process.
        (
            gzip.compress(b" " * (MAX_REQUEST + 1), mtime=0),
            {"Content_Encoding": "gzip"},
            413,
            "512,000",
        ),
        (gzip.compress(b"{}", mtime=0)[:-4], GZIP, 400, "complete"),
        (b"{}", GZIP, 400, "invalid gzip"),
        (b"{}", {"Content_Encoding": "br"}, 415, "gzip"),
    ],
)
def test_rejected_requests(
    port: int, folder: Path, body: bytes, headers: dict[str, str], status: int, word: str
) -> None:
    """SDKs read `code` and `message`; the answer is counted."""
    answer = call(port, "/v1/track", body, **headers)
    assert answer.status == status
    assert answer.json["success"] is False
    assert answer.json["code"]
    assert word in answer.json["message"]
    assert scraped(port)[f'hirehouse_answers_total{{status="{status}"}}'] == 1
    assert call(port, "/v1/batch", {"batch": 5}).status == 400
    assert not list(folder.glob("*.ndjson"))


def test_gzip_text_and_cross_origin_requests_are_accepted(port: int, folder: Path) -> None:
    packed = gzip.compress(line({"batch": [event()]}))
    assert call(port, "/v1/batch", packed, Content_Encoding="gzip").status == 200
    origin = {"Origin": "https://jobs.example"}
    answer = call(port, "/v1/t", line(event(2)), Content_Type="text/plain", **origin)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    asked = {"Access_Control_Request_Method": "POST"}
    asked["Access_Control_Request_Headers"] = "authorization,content-type"
    answer = call(port, "/v1/t", method="OPTIONS", **origin, **asked)
    assert answer.status == 200
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert len(landed(folder, 2)) == 2


def test_keys(tmp_path: Path, folder: Path) -> None:
    keys = tmp_path / "keys" / "keys.json"
    command = CliRunner().invoke

    def run(*arguments: str, code: int = 0) -> str:
        result = command(app, ["collect-keys", *arguments, "--keys", str(keys)])
        assert result.exit_code == code, result.output
        return result.output.strip()

    assert "No such file" in run("list", code=1)
    web, jobs = run("add", "web"), run("add", "jobs")
    assert web not in keys.read_text()
    assert "revoke it" in run("add", "web", code=1)
    assert run("list").split() == ["web", "jobs"]
    with serving(folder, keys) as port:
        assert call(port, "/v1/track", {}, Authorization=basic(web)).status == 200
        assert call(port, "/v1/batch", {"batch": [{}] * 3, "writeKey": jobs}).status == 200
        for wrong in ({}, {"writeKey": web[:-1]}, {"writeKey": 5}, {"writeKey": ""}):
            assert call(port, "/v1/track", wrong).status == 401
        for header in (basic("wrong"), "Basic ü", "Basic 1", f"Bearer {web}", ""):
            assert call(port, "/v1/track", {}, Authorization=header).status == 401
        run("revoke", "web")
        assert call(port, "/v1/track", {}, Authorization=basic(web)).status == 401
        assert "web has no key" in run("revoke", "web", code=1)
        new = run("add", "web")
        assert call(port, "/v1/track", {}, Authorization=basic(new)).status == 200
        keys.write_text("{")  # a broken file must not lose events
        assert call(port, "/v1/track", {}, Authorization=basic(new)).status == 200
        keys.unlink()
        assert call(port, "/v1/track", {}, Authorization=basic(new)).status == 200
        assert call(port, "/v1/track", {}, Authorization=basic(web)).status == 401
        found = scraped(port)
    assert found['hirehouse_collected_total{producer="web"}'] == 4
    assert found['hirehouse_collected_total{producer="jobs"}'] == 3
    assert found['hirehouse_answers_total{status="401"}'] == 11
    assert len(spooled(folder)) == 7
    assert all("writeKey" not in text for text in map(json.dumps, spooled(folder)))


def test_a_full_disk_answers_503_until_it_has_space(
    port: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up within a group of lines: none of it may land."""
    write = os.write

    def full(file: int, data: Any) -> int:
        if len(data) < 50:  # not of the spool: asyncio wakes itself up with a byte
            return write(file, data)
        if full.half:  # type: ignore[attr-defined]
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        full.half = True  # type: ignore[attr-defined]
        return write(file, data[: len(data) // 2])

    full.half = False  # type: ignore[attr-defined]
    assert call(port, "/v1/track", event(1)).status == 200
    assert call(port, "/ready", method="GET").status == 200
    monkeypatch.setattr(os, "write", full)
    for number in (2, 3):
        answer = call(port, "/v1/track", event(number))
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "No space left" in answer.json["message"]
    assert call(port, "/ready", method="GET").status == 503
    assert call(port, "/health", method="GET").status == 200
    monkeypatch.undo()
    assert call(port, "/v1/track", event(4)).status == 200
    assert scraped(port)['hirehouse_answers_total{status="503"}'] == 2
    assert [e["messageId"] for e in landed(folder, 2)] == ["m-0000001", "m-0000004"]
    until(lambda: not list(folder.glob(".*")))


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own needs root")
def test_a_full_file_system(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    if os.system(f"mount -t tmpfs -o size=256k none {folder} 2>/dev/null"):
        pytest.skip("this sandbox mounts nothing; the test above stands in")
    try:
        with serving(folder) as port:
            body = {"batch": [event(n) for n in range(100)]}
            answers = [call(port, "/v1/batch", body).status for _ in range(12)]
            assert set(answers) == {200, 503}
            for path in folder.glob("*.ndjson"):
                path.unlink()
            until(lambda: call(port, "/v1/track", event(1)).status == 200)
        assert len(spooled(folder)) == 1
    finally:
        os.system(f"umount {folder}")


def test_a_failed_fsync_fails_its_group_and_ends_its_segment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        spool = Spool(folder, CollectorRegistry(), age=60)
        await spool.start()
        await spool.append([b"1"])
        fsync = os.fsync

        def broken(_: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fsync", broken)
        both = [spool.append([b"2"]), spool.append([b"3"])]
        found = await asyncio.gather(*both, return_exceptions=True)
        assert [type(error) for error in found] == [NotDurable] * 2
        assert "Input/output error" in spool.problem()
        monkeypatch.setattr(os, "fsync", fsync)
        await spool.append([b"4"])
        await spool.close()

    asyncio.run(main())
    texts = [path.read_text() for path in sorted(folder.glob("*.ndjson"))]
    assert texts == ["1\n", "4\n"]


def test_segments_of_dead_processes_are_recovered(folder: Path) -> None:
    """But not those of a process that is still writing."""

    async def main() -> list[str]:
        spool = Spool(folder, CollectorRegistry(), age=60)
        await spool.start()
        await spool.append([b'{"a":1}'])
        recover(folder)
        names = [path.name for path in folder.iterdir()]
        await spool.close()
        return names

    folder.mkdir()
    (folder / ".1-1.ndjson.part").write_bytes(b'{"b":1}\n{"c":' + b"x" * 200_000)
    (folder / ".2-1.ndjson.part").write_bytes(b'{"d":')
    names = asyncio.run(main())
    assert sorted(name[0] for name in names) == [".", "1"]
    assert (folder / "1-1.ndjson").read_bytes() == b'{"b":1}\n'
    assert len(list(folder.iterdir())) == 2


def test_segments_end_by_size_and_age(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hirehouse.collecting.spool.SEGMENT_SIZE", 1_000)

    async def main() -> None:
        spool = Spool(folder, CollectorRegistry(), age=0.2)
        await spool.start()
        for _ in range(5):
            await spool.append([b"x" * 600])
        assert len(list(folder.glob("*.ndjson"))) == 2
        await asyncio.sleep(0.5)
        assert len(list(folder.glob("*.ndjson"))) == 3
        assert not list(folder.glob(".*"))
        await spool.close()

    asyncio.run(main())


def highest_memory(collector: Collector) -> int:
    """The peak memory of a process in bytes."""
    status = Path(f"/proc/{collector.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def test_abusive_clients_do_not_stop_it_or_exhaust_memory(folder: Path) -> None:
    """Slow clients, endless bodies, gzip bombs and deeply nested JSON, concurrently."""
    collector = Collector("--spool", str(folder))
    try:
        before = highest_memory(collector)
        stop = threading.Event()

        def connect(head: bytes) -> socket.socket:
            client = socket.create_connection(("127.0.0.1", collector.port))
            client.sendall(head)
            return client

        def endless() -> None:
            with (
                suppress(OSError),
                connect(
                    b"POST /v1/track HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                ) as client,
            ):
                while not stop.is_set():
                    client.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")

        head = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n"
        slow = [connect(head + b"{" * 60_000) for _ in range(100)]
        slow += [connect(b"POST /v1/tr") for _ in range(100)]
        threads = [threading.Thread(target=endless) for _ in range(2)]
        for thread in threads:
            thread.start()
        packer = zlib.compressobj(9, wbits=31)
        bomb = b"".join(packer.compress(b" " * MEGABYTES) for _ in range(200)) + packer.flush()
        deep = b'{"a":' * 80_000
        for _ in range(3):
            assert call(collector.port, "/v1/track", bomb, Content_Encoding="gzip").status == 413
            assert call(collector.port, "/v1/track", deep).status == 400
        assert call(collector.port, "/v1/track", event()).status == 200
        until(
            lambda: (
                scraped(collector.metrics_port)['hirehouse_answers_total{status="413"}'] == 3 + 2
            )
        )
        grown = highest_memory(collector) - before
        stop.set()
        for thread in threads:
            thread.join()
        for client in slow:
            client.close()
        assert grown < 150 * MEGABYTES
    finally:
        assert collector.end() == 0
    assert len(spooled(folder)) == 1


def test_slow_connections_are_closed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A slow body gets 408; on a slow head or a rejected body the connection is closed."""
    monkeypatch.setattr(hirehouse.collecting.app, "REQUEST_TIMEOUT", 0.3)
    monkeypatch.setattr(hirehouse.collecting.connections, "REQUEST_TIMEOUT", 0.3)
    with serving(folder) as port:
        head = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(head)
            assert b"408" in client.recv(1_000).split(b"\r\n")[0]
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            begun = time.monotonic()
            with suppress(OSError):
                while time.monotonic() < begun + 10:
                    client.sendall(b"P")
                    time.sleep(0.02)
            assert time.monotonic() - begun < 5
        assert scraped(port)['hirehouse_answers_total{status="408"}'] == 1


def test_too_many_pending_bytes_answer_503(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(hirehouse.collecting.app, "MAX_PENDING", 60_000)
    with serving(folder) as port:
        head = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(head + b"{" * 40_000)
            until(lambda: call(port, "/v1/track", b" " * 30_000).status == 503)
            assert call(port, "/v1/track", event()).status == 200
        until(lambda: call(port, "/v1/track", b" " * 30_000).status == 400)


def test_sigterm_finishes_open_requests(folder: Path) -> None:
    collector = Collector("--spool", str(folder), "--age", "60")
    head = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n"
    with socket.create_connection(("127.0.0.1", collector.port)) as client:
        client.sendall(head + b'{"messageId":')
        time.sleep(0.2)
        collector.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        client.sendall(b'"mine"}')
        assert b"200 OK" in client.recv(1_000)
    assert collector.end() == 0
    assert [e["messageId"] for e in spooled(folder)] == ["mine"]
    assert not list(folder.glob(".*"))


def test_micro() -> None:
    collector = Collector("--micro")
    port = collector.port
    try:
        good = event(1)
        wrong = event(2, currency="usd", salry=1)
        call(port, "/v1/batch", {"batch": [good, wrong, {"type": "group"}, 5]})
        call(port, "/v1/page", {"messageId": "p", "name": "Home", "timestamp": TIME})

        def ask(path: str, method: str = "GET") -> Any:
            return call(port, f"/micro/{path}", method=method).json

        assert ask("all") == {"total": 5, "good": 2, "bad": 3, "forgotten": 0}
        found = ask("good")
        assert [kept["contract"] for kept in found] == ["interview_requested", "page_viewed"]
        assert found[0]["event"]["properties"] == good["properties"]
        assert found[1]["event"]["type"] == "page"
        pointers = [[r["pointer"] for r in kept["reasons"]] for kept in ask("bad")]
        assert pointers[0] == ["/properties/currency", "/properties/salry"]
        assert "/type" in pointers[1]
        assert pointers[2] == [""]
        assert ask("reset", "POST") == {"total": 0, "good": 0, "bad": 0, "forgotten": 0}
        assert ask("bad") == []
    finally:
        assert collector.end(signal.SIGINT) == 0


def test_micro_counts_forgotten_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hirehouse.emission_testing.collector.KEPT", 3)
    with serving(MemoryCollector()) as port:
        call(port, "/v1/batch", {"batch": [event(n) for n in range(5)]})
        counts = call(port, "/micro/all", method="GET").json
        assert counts == {"total": 3, "good": 3, "bad": 0, "forgotten": 2}


def test_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = CliRunner().invoke
    for arguments in (["--keys", str(tmp_path / "none")], ["--spool", str(tmp_path / "file/x")]):
        result = command(app, ["collect", *arguments])
        assert result.exit_code == 1
        assert "error: " in result.output


def test_too_many_connections_answer_503_with_retry_after(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """Open connections are still served."""
    monkeypatch.setattr(Connection, "limit", 1)
    with serving(folder) as port:
        first = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for number in (1, 2):
            first.request("POST", "/v1/track", line(event(number)))
            response = first.getresponse()
            assert (response.status, response.read() != b"") == (200, True)
            for body in (event(9), b" " * MAX_REQUEST):
                answer = call(port, "/v1/track", body)
                assert (answer.status, answer.headers["Connection"]) == (503, "close")
                assert int(answer.headers["Retry-After"]) > 0
                assert "1 connections are open" in answer.json["message"]
        first.close()
        until(lambda: call(port, "/v1/track", event(3)).status == 200)
    assert [e["messageId"] for e in spooled(folder)] == [f"m-000000{n}" for n in (1, 2, 3)]
