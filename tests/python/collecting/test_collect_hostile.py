"""Whatever a request has in its body or its headers, it is answered with 2xx or 4xx."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import random
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from hirehouse.collecting import calls
from hirehouse.collecting.answers import Rejected
from hirehouse.collecting.app import Collector
from hirehouse.collecting.calls import PATHS, read_body, read_call
from hirehouse.collecting.spool import Sink
from hirehouse.collecting.write_keys import Keys, add_key
from hirehouse.emission_testing.collector import MemoryCollector
from support.collectors import call, serving, spooled
from support.events import TIME, event

NUMBERS = (
    *("NaN", "-Infinity", "1e999999999", "1e-9999999999999999999", "-0.0", "1E400", "0.1e-400"),
    *("1" * 400, "1" * 5_000, "100000000000000000000000000000000.000000001", "01", "+1", "0x1"),
)
TEXTS = (
    *(r'"\ud83d"', r'"\u0000"', r'"\u00"', '"\x00"', '"\u2028"', '""', '"[object Object]"', "'a'"),
    *('"9999-12-31T23:59:59.999999-23:59"', '"0001-01-01T00:00:00+23:59"', f'"{TIME}"'),
)
STRUCTURES = (
    *("{}", "[]", "[{}]", "null", "true", '{"a":1,"a":2}', '{"":{}}', "{", "]", ",", ":", '"'),
    *(
        begin * depth + end * depth
        for begin, end in ("[]", ('{"a":', "}"))
        for depth in (99, 2_000)
    ),
    *('{"a":' * 240 + number + "}" * 240 for number in ("1e400", "NaN")),
)
PARTS = [part.encode() for part in (*NUMBERS, *TEXTS, *STRUCTURES)]
MEMBERS = ("sentAt", "timestamp", "originalTimestamp", "context", "writeKey", "batch", "messageId")
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32-be", "utf-7", "latin-1", "cp037")
HEADERS = (b"host", b"content-encoding", b"content-type", b"origin", b"authorization")
VALUES = (b"[", b"gzip", b"br", b"Basic \xff", b"Basic ====", b"Basic", b"x" * 5_000, b"\xff", b"")


def body(draw: random.Random) -> bytes:
    """A right request with mutations of its members, its bytes, and its encoding."""
    request: Any = event(draw.randrange(9))
    if draw.random() < 0.5:
        request = {"batch": [event(n) for n in range(draw.randrange(4))], "context": {"a": {}}}
        request["sentAt"] = TIME
    text = json.dumps(request, separators=(",", ":")).encode()
    for _ in range(draw.randrange(5)):
        place = draw.randrange(len(text) + 1)
        part = draw.choice(PARTS) if draw.random() < 0.8 else draw.randbytes(draw.randrange(4))
        end = place + draw.choice((0, 0, 1, 20))
        if draw.random() < 0.7 and (colon := text.find(b":", place)) > 0:  # another value
            place, end = colon + 1, max(text.find(b",", colon), colon + 1)
        elif draw.random() < 0.7 and (brace := text.find(b"{", place)) >= 0:  # another member
            place = end = brace + 1
            part = b'"%s":%s,' % (draw.choice(MEMBERS).encode(), part)
        text = text[:place] + part + text[end:]
    if draw.random() < 0.1:
        with suppress(UnicodeError):
            text = text.decode().encode(draw.choice(ENCODINGS))
    return text


TRIALS = pytest.mark.parametrize("trials", [2_000, pytest.param(100_000, marks=pytest.mark.every)])


@TRIALS
def test_a_body_is_read_or_rejected(trials: int) -> None:
    draw = random.Random(trials)
    read = 0
    for _ in range(trials):
        text = body(draw)
        try:
            lines, _ = read_call(draw.choice([*PATHS.values()]), text)
        except Rejected as refused:
            status = refused.status
        except Exception as error:
            raise AssertionError(f"{text!r}") from error
        else:
            status, read = 200, read + 1
            assert not any(b"\n" in line for line in lines)
        assert status < 500, text
    assert trials // 10 < read < trials  # not all mutations are refused


class Nowhere(Sink):
    """Takes all lines."""

    async def append(self, lines: list[bytes]) -> None:
        assert all(lines)


async def ask(collector: Any, path: str, text: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    """Call an application as a server does; returns the status of its answer."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": text, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "root_path": ""}
    scope |= {"headers": headers, "http_version": "1.1", "scheme": "http"}
    scope |= {"client": ("192.0.2.1", 1), "server": ("127.0.0.1", 80)}
    await collector(scope, receive, send)
    return int(sent[0]["status"])


@TRIALS
@pytest.mark.parametrize("sink", [Nowhere, MemoryCollector])
def test_a_request_is_answered(trials: int, sink: type[Sink], tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    basic = b"Basic " + base64.b64encode(add_key(keys, "web").encode())
    collector = Collector(sink(), Keys(keys), CollectorRegistry()).app()
    draw = random.Random(trials)

    async def main() -> set[int]:
        found = set()
        for _ in range(trials):
            text, headers = body(draw), [(b"authorization", basic)]
            if draw.random() < 0.3:
                text = gzip.compress(text, 1, mtime=0)
                headers.append((b"content-encoding", b"gzip"))
            if draw.random() < 0.2:
                headers.insert(0, (draw.choice(HEADERS), draw.choice(VALUES)))
            path = f"/v1/{draw.choice([*PATHS, 'track/', 'm/../x', 'b' * 999])}"
            try:
                found.add(await ask(collector, path, text, headers))
            except Exception as error:
                raise AssertionError(f"{path} {headers} {text!r}") from error
        return found

    found = asyncio.run(main())
    assert found <= {200, 307, 400, 401, 404, 413, 415, 429}
    assert found >= {200, 400, 404, 415}


@pytest.mark.parametrize(
    "text",
    [
        b'{"x":1e-9999999999999999999}',
        b'{"x":' + b"[" * 600 + b"NaN" + b"]" * 600 + b"}",
        b'{"x":' + b'{"a":' * 400 + b"1e400" + b"}" * 400 + b"}",
        b'{"batch":[' + b'{"a":' * 400 + b'"\\ud83d"' + b"}" * 400 + b"]}",
    ],
)
def test_numbers_and_depths_that_are_not_read(tmp_path: Path, text: bytes) -> None:
    with serving(tmp_path) as port:
        answer = call(port, "/v1/track", text)
        assert answer.status == 400
        assert answer.json["message"]
        assert call(port, "/v1/track", event()).status == 200
    assert len(spooled(tmp_path)) == 1


def test_what_nobody_has_foreseen_is_400_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> Any:
        raise LookupError("\x1b[31m\nof the body")

    monkeypatch.setattr(calls, "read_call", broken)
    with serving(tmp_path) as port:
        assert call(port, "/v1/track", b"{}").status == 400
    [logged] = capsys.readouterr().err.splitlines()
    assert "2 bytes for /v1/track" in logged
    assert "LookupError" in logged
    assert "of the body" not in logged
    monkeypatch.setattr(calls, "read_call", lambda *_: bytearray(1 << 62))
    with pytest.raises(Rejected) as refused:
        read_body("track", b"{}")
    assert refused.value.status == 503


@pytest.mark.parametrize("body", [b"[1]", b'{"a": 1', b'{"messageId": [1]}' + b" " * 10])
def test_a_rejected_body_does_not_stay_in_memory(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that waits to be answered would hold the frames that parsed it."""
    monkeypatch.setattr(calls, "MAX_LINE", 1)
    with pytest.raises(Rejected) as refused:
        read_body("track", body)
    assert [entry.name for entry in refused.traceback][1:] == ["read_body"]
    assert refused.value.__context__ is None
    with pytest.raises(Rejected) as refused:
        read_call("track", body)
    assert len(refused.traceback) > 1


@pytest.mark.parametrize("trials", [300, pytest.param(20_000, marks=pytest.mark.every)])
def test_bytes_that_are_no_http(tmp_path: Path, trials: int) -> None:
    """Any answer, or none, but never 500, and the next request is served."""
    draw = random.Random(trials)
    right = (
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
    )
    with serving(tmp_path) as port:
        for _ in range(trials):
            text = bytearray(right + b"\r\n{}")
            for _ in range(draw.randrange(1, 4)):
                place = draw.randrange(len(text))
                text[place : place + draw.choice((0, 1, 9))] = draw.choice(
                    (draw.randbytes(2), b"\r\n", b"Host: [", b"%00", b"Expect: 100-continue\r\n")
                )
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.sendall(text)
                client.shutdown(socket.SHUT_WR)
                answer = client.recv(1_000)
            assert b"HTTP/1.1 5" not in answer, text
        assert call(port, "/v1/track", event()).status == 200
