"""The collector with S3 as its sink: what it answers with 200 is there, whatever S3 does."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

import hirehouse.collecting.s3_sink
from conftest import BUCKET
from hirehouse.collecting.s3_sink import OBJECT_SIZE, PUTS, S3Sink
from hirehouse.collecting.spool import NotDurable
from hirehouse.commands.main import app
from hirehouse.landing.land import land
from hirehouse.landing.s3 import SEGMENT
from hirehouse.warehouse.connections import open_warehouse
from support.collectors import Answer, Collector, Load, call, serving, until
from support.events import event
from support.servers import S3

RecordProperty = Callable[[str, object], None]
URL = f"s3://{BUCKET}/in"


def sink(age: float = 0.1, url: str = URL) -> S3Sink:
    return S3Sink(url, CollectorRegistry(), age)


def send(port: int, number: int) -> Answer:
    return call(port, "/v1/track", event(number))


def ids(s3: S3) -> list[str]:
    """The ids of the events on S3, whose names must be right."""
    found = []
    for key, text in s3.objects(BUCKET).items():
        named = SEGMENT.fullmatch(key.removeprefix("in/"))
        assert named, key
        assert named[1] == hashlib.sha256(text).hexdigest()
        found += [json.loads(one)["messageId"] for one in text.splitlines()]
    return sorted(found)


def test_requests_that_wait_together_share_an_object(s3: S3) -> None:
    with serving(sink(0.5)) as port:
        assert send(port, 0).status == 200  # alone, and at once
        assert ids(s3) == ["m-0000000"]
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(partial(send, port), range(1, 21)))
            assert {answer.status for answer in answers} == {200}
        assert len(s3.objects(BUCKET)) <= 4
        assert call(port, "/ready", method="GET").status == 200
    assert ids(s3) == [f"m-{number:07d}" for number in range(21)]


def test_much_that_waits_is_written_at_once(s3: S3) -> None:
    async def main() -> None:
        own = sink(60)
        await own.start()
        await own.append([b"1"])
        line = b"x" * (OBJECT_SIZE // 4)
        async with asyncio.timeout(5):
            await asyncio.gather(*(own.append([line]) for _ in range(8)))
        assert (own.size, own.waiting) == (0, {})
        await own.close()

    begun = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hirehouse.collecting.s3_sink, "DELIVER", 5)
        asyncio.run(main())
    assert time.monotonic() - begun < 6
    sizes = [len(text) for text in s3.objects(BUCKET).values()]
    assert sorted(sizes) == [2, OBJECT_SIZE + 4, OBJECT_SIZE + 4]


def test_what_s3_refuses_is_answered_with_503(s3: S3) -> None:
    stored: list[str] = []

    def after(method: str, path: str, done: Callable[[], object]) -> str:
        if method != "PUT":
            return ""
        done()
        stored.append(path)
        return "SlowDown"

    with serving(sink()) as port:
        for code, told in (("SlowDown", "SLOW_DOWN"), ("AccessDenied", "allow s3:PutObject")):
            s3.fault = lambda method, *_, code=code: code if method == "PUT" else ""
            answer = send(port, 1)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert answer.json["message"].startswith(f"{URL}: ")
            assert told in answer.json["message"]
            assert call(port, "/ready", method="GET").status == 503
        assert ids(s3) == []
        s3.fault = after  # stored, but S3 does not say so
        assert send(port, 2).status == 503
        assert len(set(stored)) == 1
        assert len(stored) > 1
        s3.fault = None
        assert send(port, 2).status == 200  # the client tries again
    assert ids(s3) == ["m-0000002"] * 2


def test_a_silent_s3_is_answered_with_503_and_fills_no_memory(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hirehouse.collecting.s3_sink, "DELIVER", 0.5)
    speak = threading.Event()
    held: list[str] = []

    def silent(method: str, path: str, _: object) -> str:
        if method == "PUT" and len(held) < PUTS - 1:
            held.append(path)
            speak.wait()
        return ""

    async def main() -> None:
        own = sink(0.01)
        await own.start()
        for number in range(PUTS - 1):
            with pytest.raises(NotDurable, match="no answer within"):
                await own.append([b"%d" % number])
        assert own.problem()
        await own.append([b"other"])  # one that is slow does not hold up others
        held.clear()
        for _ in range(3):
            with pytest.raises(NotDurable):
                await own.append([b"x" * 1_000])
        assert (own.size, own.waiting) == (0, {})
        speak.set()
        await own.append([b"last"])
        await own.close()

    s3.fault = silent
    asyncio.run(main())
    texts = s3.objects(BUCKET).values()
    assert {b"other\n", b"last\n"} <= set(texts)
    assert b"" not in texts


@pytest.mark.usefixtures("duckdb_environment")
@pytest.mark.parametrize("trials", [1, pytest.param(20, marks=pytest.mark.every)])
def test_answered_events_land_once(s3: S3, trials: int, record_property: RecordProperty) -> None:
    """Two collectors write to one folder under load, and are killed -9; S3 refuses some writes."""
    draw = random.Random(trials)
    sent: set[str] = set()
    answered: set[str] = set()
    first = kills = 0

    def busy(method: str, _: str, done: Callable[[], object]) -> str:
        if method != "PUT" or draw.random() > 0.2:
            return ""
        if draw.random() < 0.5:
            done()
        return "SlowDown"

    for _ in range(trials):
        both = [Collector("--to", URL, "--age", draw.choice(["0.05", "0.3"])) for _ in range(2)]
        s3.fault = busy
        loads = []
        for collector in both:
            loads.append(Load(collector.port, first))
            first += 20_000  # within the bounds of a salary
        time.sleep(draw.uniform(0.5, 1.5))
        for collector in both:
            assert collector.end(signal.SIGKILL) == -signal.SIGKILL
            kills += 1
        for load in loads:
            for thread in load.threads:
                thread.join()
            sent, answered = sent | load.sent, answered | load.answered
    s3.fault = None
    with open_warehouse("duckdb") as warehouse:
        result = land([URL], warehouse)
        rows = warehouse.query("select event_id from landed.interview_requested")
        assert land([URL], warehouse).inputs == []
    landed = {event_id for (event_id,) in rows}
    record_property("kills of a collector into S3", kills)
    record_property("events answered", len(answered))
    assert result.failed == 0
    assert answered <= landed <= sent
    # What was answered with 503 though it was stored is never sent again by these clients.
    assert len(landed) == len(rows)
    assert len(answered) > 30 * trials


def test_it_ends_after_what_it_has_received(s3: S3) -> None:
    collector = Collector("--to", URL, "--age", "2")
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(send, collector.port, 0)
        until(lambda: ids(s3))
        answers = [pool.submit(send, collector.port, number) for number in range(1, 5)]
        time.sleep(0.3)
        assert collector.end() == 0
        assert {one.result().status for one in (first, *answers)} == {200}
    assert len(ids(s3)) == 5


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--to", "s3://no-such-bucket/in"], "s3://no-such-bucket/in: no such bucket"),
        (["--to", "s3:///in"], "s3://BUCKET/FOLDER/"),
        (["--to", "s3://bucket//in"], "s3://BUCKET/FOLDER/"),
        (["--to", URL, "--age", "9"], "at most 5"),
    ],
)
def test_wrong_arguments_are_told(arguments: list[str], told: str) -> None:
    done = CliRunner().invoke(app, ["collect", *arguments])
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())
