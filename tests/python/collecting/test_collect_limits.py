"""What a stranger's or a producer's requests may cost the collector."""

from __future__ import annotations

import asyncio
import base64
import errno
import gc
import gzip
import json
import resource
import signal
import socket
import sys
import threading
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hirehouse.collecting import app, connections
from hirehouse.collecting.answers import Rejected
from hirehouse.collecting.calls import MAX_EVENTS, MAX_LINES, MAX_REQUEST, read_call
from hirehouse.collecting.connections import Connection, connection_limit
from hirehouse.collecting.throttle import ADDRESSES, WINDOW, WRONG_KEYS, Throttle
from hirehouse.collecting.write_keys import add_key
from support.collectors import PATIENCE, Collector, call, scraped, serving, spooled, until
from support.events import event, line
from support.project import BIN

GZIP = {"Content_Encoding": "gzip"}
MEGABYTE = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def refused(body: bytes, call: str = "batch") -> Rejected:
    with pytest.raises(Rejected) as found:
        read_call(call, body)
    return found.value


def test_a_small_body_does_not_become_many_bytes() -> None:
    context = {"context": {"a": "x" * 50_000}}
    many = line({**context, "batch": [{}] * 4_000})
    assert len(gzip.compress(many)) < 300
    error = refused(many)
    assert (error.status, "2,500 events" in str(error)) == (413, True)
    error = refused(line({**context, "batch": [{}] * MAX_EVENTS}))
    assert (error.status, "2,048,000 bytes" in str(error)) == (413, True)
    lines, _ = read_call("batch", line({"context": {"a": "x" * 500}, "batch": [{}] * MAX_EVENTS}))
    assert len(lines) == MAX_EVENTS
    assert sum(map(len, lines)) <= MAX_LINES


def test_lines_take_no_more_memory_than_is_counted() -> None:
    body = line({"batch": [{"properties": {"a": "x" * 900}}] * 500})
    tracemalloc.start()
    try:
        lines, _ = read_call("batch", body)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 1.2 * sum(map(sys.getsizeof, lines))


def test_a_context_is_written_once_for_all_events() -> None:
    """In each of 2,400 events, a number that no float equals, 200 lists deep, took a second."""
    deep = b"[" * 200 + b"1e400" + b"]" * 200
    body = b'{"context":{"a":' + deep + b'},"batch":[' + b"{}," * 2_399 + b'{"context":{"b":1}}]}'
    begun = time.process_time()
    lines, _ = read_call("batch", body)
    assert time.process_time() - begun < 0.5
    assert b'"context":{"a":' + deep.replace(b"e", b"E+") + b',"b":1}' in lines[-1]


def test_all_requests_share_what_may_be_held(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted as it is held: decompressed, and as the lines of the spool."""
    monkeypatch.setattr(app, "MAX_PENDING", 100_000)
    body = line({"context": {"a": "x" * 5_000}, "batch": [{}] * 30})
    with serving(folder) as port:
        for large in (line({"x": " " * 100_000}), body):
            answer = call(port, "/v1/batch", gzip.compress(large), **GZIP)
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
        assert call(port, "/v1/track", event()).status == 200  # nothing is held any more
    assert len(spooled(folder)) == 1


@pytest.mark.parametrize("header", [True, False])
def test_without_a_known_key_a_body_is_not_parsed(
    folder: Path, keys: Path, header: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor read, if the header has the key."""
    key = add_key(keys, "web")

    def parse(*_: object) -> Any:
        raise AssertionError("parsed")

    monkeypatch.setattr(app, "read_body", parse)
    members = ",".join(f'"a{number}":1' for number in range(20_000))
    body = f'{{{members},"a0":1,"writeKey":"unknown"}}'.encode()
    many = b'{"batch":[' + b",".join(b'{"writeKey":"%d"}' % n for n in range(20)) + b"]}"
    with serving(folder, keys) as port:
        if header:
            head = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: Basic eDo=\r\n"
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.sendall(head + b"Content-Length: 500000\r\n\r\n{")
                assert client.recv(1_000).startswith(b"HTTP/1.1 401")
        else:
            for wrong in (body, many, b"{", many.replace(b"19", key.encode())):
                assert call(port, "/v1/batch", wrong).status == 401
            assert call(port, "/v1/batch", gzip.compress(body), **GZIP).status == 401


def test_a_key_must_be_a_member_of_the_body(folder: Path, keys: Path) -> None:
    key = add_key(keys, "web")
    with serving(folder, keys) as port:
        assert call(port, "/v1/track", {"properties": {"writeKey": key}}).status == 401
        own = {"batch": [{"writeKey": "other"}], "writeKey": key}
        assert call(port, "/v1/batch", json.dumps(own, indent=4).encode()).status == 200


def test_others_are_answered_while_a_large_body_is_parsed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = threading.Event()

    def slow(call: str, body: bytes) -> tuple[list[bytes], str]:
        if len(body) > app.MAX_INLINE:
            wait.wait(PATIENCE)
        return read_call(call, body)

    monkeypatch.setattr(app, "read_body", slow)
    with serving(folder) as port:
        large = line({"batch": [event(x="x" * 30_000)] * 3})
        answers: list[int] = []
        thread = threading.Thread(target=lambda: answers.append(call(port, "/v1/b", large).status))
        thread.start()
        assert call(port, "/health", method="GET").status == 200
        assert call(port, "/v1/track", event()).status == 200
        assert not answers
        wait.set()
        thread.join()
        assert answers == [200]


def test_addresses_with_wrong_keys_wait(folder: Path, keys: Path) -> None:
    """Nothing of their bodies is read; a known key in the header passes."""
    key = add_key(keys, "web")
    with serving(folder, keys) as port:
        for _ in range(WRONG_KEYS):
            assert call(port, "/v1/track", {}).status == 401
        head = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n{"
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(head)
            answer = client.recv(1_000)
        assert answer.startswith(b"HTTP/1.1 429")
        assert 0 < int(answer.partition(b"retry-after: ")[2].split()[0]) <= WINDOW
        assert call(port, "/v1/track", {"writeKey": key}).status == 429
        for text, status in ((key, 200), ("wrong", 429)):
            basic = {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}
            assert call(port, "/v1/track", {}, **basic).status == status
        # As a proxy of this machine states it.
        other = {"X_Forwarded_For": "198.51.100.7"}
        assert call(port, "/v1/track", {}, **other).status == 401
        assert call(port, "/v1/track", {"writeKey": key}, **other).status == 200
        found = scraped(port)
    assert found['hirehouse_answers_total{status="401"}'] == WRONG_KEYS + 1


def test_the_throttle_is_bounded_and_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    throttle = Throttle()
    for number in range(WRONG_KEYS):
        assert not throttle.wait("2001:db8::1")
        throttle.note(f"2001:db8::{number + 1:x}")  # a client of IPv6 has a whole network
    now = 10.0
    assert throttle.wait("2001:db8::ffff") == WINDOW - 10
    assert not throttle.wait("2001:db8:0:1::1")
    now = WINDOW
    assert not throttle.wait("2001:db8::1")
    for number in range(ADDRESSES + 50):
        throttle.note(f"address {number}" * 100)
    assert len(throttle.counts) == ADDRESSES
    assert sum(map(sys.getsizeof, throttle.counts)) < 200 * ADDRESSES


@pytest.mark.parametrize("path", ["/v1/track", "/health", "/nothing"])
def test_a_request_with_both_lengths_is_refused_and_its_connection_closed(
    folder: Path, path: str
) -> None:
    """What follows the shorter body may be a request that a proxy has not seen."""
    smuggled = b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n"
    method = b"POST" if "v1" in path else b"GET"
    head = b"%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(folder) as port:
        client = socket.create_connection(("127.0.0.1", port), timeout=10)
        with client, client.makefile("rb") as answer:
            length = len(b"0\r\n\r\n" + smuggled)
            client.sendall(head % (method, path.encode(), length) + b"0\r\n\r\n" + smuggled)
            text = answer.read()
    assert text.startswith(b"HTTP/1.1 400")
    assert text.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "lines",
    [
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Content-Length: +3",
    ],
)
def test_unclear_lengths_are_refused(folder: Path, lines: bytes) -> None:
    with serving(folder) as port:
        client = socket.create_connection(("127.0.0.1", port), timeout=10)
        with client, client.makefile("rb") as answer:
            client.sendall(b"POST /v1/track HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n\r\n{} ")
            text = answer.read()
    assert text.startswith(b"HTTP/1.1 400")
    assert text.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("soft", "hard", "limit", "raised"),
    [
        (1_024, 1_048_576, 2_000, 2_690),
        (1_024, 1_024, 334, 1_024),
        (256, resource.RLIM_INFINITY, 2_000, 2_690),
        (20_000, 20_000, 2_000, 20_000),
        (100, 100, 1, 100),
    ],
)
def test_the_system_limits_the_connections(
    soft: int, hard: int, limit: int, raised: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = [soft, hard]
    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(state))
    monkeypatch.setattr(
        resource, "setrlimit", lambda _, limits: state.__setitem__(slice(2), limits)
    )
    assert connection_limit() == limit
    assert state == [raised, hard]


@pytest.mark.parametrize("files", [1_024, 250])
def test_more_connections_than_files(folder: Path, files: int) -> None:
    """They are refused without a line in the log for each, and a later one is served."""
    limited = ("bash", "-c", f'ulimit -n {files}; exec "$0" "$@"', str(BIN / "hirehouse"))
    collector = Collector("--spool", str(folder), command=limited)
    clients = []
    for _ in range(2 * files):
        clients.append(socket.socket())
        clients[-1].setblocking(False)
        clients[-1].connect_ex(("127.0.0.1", collector.port))
    time.sleep(2)
    for client in clients:
        client.close()

    def served() -> bool:
        with suppress(OSError):
            return call(collector.port, "/v1/track", event()).status == 200
        return False

    until(served)
    assert collector.process.stderr
    time.sleep(2)  # asyncio tries to accept again after a second
    collector.process.send_signal(signal.SIGTERM)
    log = collector.process.stderr.read()
    assert collector.end() == 0
    # Only where there are fewer than the collector spares does it ever lack one.
    assert files == 250 or b"Too many open files" not in log
    assert log.count(b"\n") < 4, log
    assert len(spooled(folder)) == 1


def test_refused_accepts_are_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(connections.AcceptErrors())
        message = "socket.accept() out of system resource"
        for _ in range(100):
            error = OSError(errno.EMFILE, "Too many open files")
            loop.call_exception_handler({"message": message, "exception": error})

    asyncio.run(main())
    assert capsys.readouterr().err == "error: connections wait: [Errno 24] Too many open files\n"


def test_closed_connections_leave_nothing(folder: Path) -> None:
    def held() -> int:
        gc.collect()
        return sum(isinstance(one, Connection) for one in gc.get_objects())

    with serving(folder) as port:
        before = held()
        for _ in range(50):
            call(port, "/health", method="GET")
        # Long before a timer would have closed them.
        until(lambda: held() <= before + 3, seconds=connections.REQUEST_TIMEOUT / 3)


def highest_memory(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def test_memory_stays_within_the_stated_bound(folder: Path) -> None:
    """Bodies that never end, requests that queue up behind one, and bodies of many small lists."""
    collector = Collector("--spool", str(folder))
    before = highest_memory(collector.process.pid)
    head = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    lists = b'{"x":[' + b"[]," * 170_000 + b"0]}"
    slow = (head % MAX_REQUEST + b" ", b" " * (MAX_REQUEST - 2))
    queued = ((head % 2 + b"{}") * 20, head % len(lists) + lists)
    clients = []
    for number in range(200):
        clients.append(socket.create_connection(("127.0.0.1", collector.port)))
        for part in (slow, queued)[number % 4 == 0]:
            clients[-1].sendall(part)
    until(lambda: call(collector.port, "/v1/track", lists).status in (413, 503))
    grown = highest_memory(collector.process.pid) - before
    for client in clients:
        client.close()
    until(lambda: call(collector.port, "/v1/track", lists).status == 413)
    bound = app.MAX_PENDING + 100 * MAX_REQUEST + len(clients) * 100_000  # as the docs say
    print(f"grown by {grown / MEGABYTE:.0f} MB of {bound / MEGABYTE:.0f}")
    assert grown < bound
    assert collector.end() == 0
