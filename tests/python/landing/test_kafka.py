"""Kafka, with two brokers other than Apache Kafka: the messages of a topic land once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from typer.testing import CliRunner

import hirehouse.collecting.spool
import hirehouse.landing.kafka_topic
import hirehouse.running.loop
from conftest import ALL_ENGINES
from hirehouse.collecting.kafka_sink import KafkaSink
from hirehouse.commands.main import app
from hirehouse.events.validate import MAX_LINE
from hirehouse.landing.inputs import Batch, InputProgress, Limits
from hirehouse.landing.kafka_topic import KafkaTopic
from hirehouse.landing.land import Landed, LandingCache, land
from hirehouse.landing.write_batches import write_batch
from hirehouse.running.graph import BATCHES
from hirehouse.running.loop import Loop
from hirehouse.running.warm_dbt import Outcome
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.brokers import Noida, Tansu
from support.collectors import Collector, Load, call, serving, until
from support.events import event, line
from support.forks import Fork, landing
from support.marts import Enter
from support.project import BIN
from support.servers import free_port

RecordProperty = Callable[[str, object], None]
SMALL = Limits(lines=400)
GROUPS = count()
SERVERS = ("postgres", pytest.param("redshift", marks=pytest.mark.every))
PACKED = ("none", "gzip", "snappy", "lz4", "zstd")


@pytest.fixture(scope="module")
def broker() -> Iterator[Noida]:
    broker = Noida()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def tansu() -> Iterator[Tansu]:
    broker = Tansu()
    yield broker
    broker.stop()


@pytest.fixture
def own_broker() -> Iterator[Noida]:
    """A broker that a test may stop."""
    broker = Noida()
    yield broker
    broker.stop()


@pytest.fixture(autouse=True)
def duckdb(duckdb_environment: dict[str, str]) -> None:
    """A new DuckDB file, unless a test uses another warehouse."""


def messages(*numbers: int) -> list[tuple[str, bytes]]:
    """The events of a range of numbers, keyed by user."""
    return [(str(e["userId"]), line(e)) for e in map(event, range(*numbers))]


def landed(url: str, limits: Limits | None = None, cache: LandingCache | None = None) -> Landed:
    """The result of landing a topic that can be read completely."""
    with open_warehouse() as warehouse:
        result = land([url], warehouse, limits=limits, cache=cache)
    assert result.unreadable == []
    return result


def rows(warehouse: Warehouse) -> Counter[str]:
    """The number of committed rows of each event."""
    found = warehouse.query(
        "select r.event_id from landed.interview_requested as r inner join landed.batches as b"
        " on b.batch_id = r.batch_id where b.committed_at is not null"
    )
    return Counter(event_id for (event_id,) in found)


def counted() -> Counter[str]:
    with open_warehouse() as warehouse:
        return rows(warehouse)


def each_once(*numbers: int) -> Counter[str]:
    return Counter(str(event(number)["messageId"]) for number in range(*numbers))


@pytest.mark.redshift
def test_a_topic_lands_once(broker: Noida, warehouse: Warehouse) -> None:
    """Messages of different producers; one that is not an event fails, with its position."""
    topic = f"all_{warehouse.engine}"
    url = broker.topic(topic)
    for number, packed in enumerate(PACKED):
        part = messages(number * 500, number * 500 + 500)
        broker.write(topic, part, **{"compression.type": packed})
    pretty = line(event(2_500)).replace(b'{"type"', b'{\n "type"')
    wrong = [b"nope", b"\xff\x00", b"x" * (MAX_LINE + 1), line(event(1, base_salary=-1))]
    end = [("k", pretty), ("k", None), *(("k", text) for text in wrong), ("k", None)]
    broker.write(topic, end)
    result = land([url], warehouse, limits=SMALL)
    assert (result.lines, result.events, result.failed) == (2_505, 2_501, 4)
    assert len(result.batches) > 5
    assert rows(warehouse) == each_once(2_501)
    failed = warehouse.query(
        "select input, line, byte_count from landed.failed_events order by line"
    )
    partition = int(failed[0][0].removeprefix(f"{url}[")[:-1])
    lines = {number: size for name, number, size in failed if name == f"{url}[{partition}]"}
    last = max(lines)
    assert lines == {last - 3 + n: len(text) for n, text in enumerate(wrong)}
    [(value,)] = [(m.value(),) for m in read(broker, topic, partition) if m.offset() == last - 1]
    assert value == wrong[-1]  # lines count from 1, offsets from 0

    again = land([url], warehouse, limits=SMALL)
    assert (again.lines, again.batches, again.unreadable) == (0, [], [])
    broker.write(topic, messages(2_501, 2_600))
    assert land([url], warehouse).events == 99
    assert rows(warehouse) == each_once(2_600)


def read(broker: Noida, topic: str, partition: int) -> list[Any]:
    """All messages of a partition."""
    settings = {"bootstrap.servers": broker.address, "group.id": "test", "log_level": 2}
    with closing(Consumer(settings)) as consumer:
        place = TopicPartition(topic, partition, OFFSET_BEGINNING)
        consumer.assign([place])
        _, high = consumer.get_watermark_offsets(place, timeout=10)
        found: list[Any] = []

        def is_whole() -> bool:
            found.extend(consumer.consume(1_000, 0.1))
            return len(found) >= high

        until(is_whole)
        return found


def test_aborted_transactions_are_gaps(broker: Noida) -> None:
    """Aborted transactions and control records use offsets without a message."""
    url = broker.topic("gaps", 1)
    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": "t"})
    producer.init_transactions(30)
    for number, (key, value) in enumerate(messages(20)):
        producer.begin_transaction()
        producer.produce("gaps", value, key)
        (producer.abort_transaction if number % 3 == 1 else producer.commit_transaction)(30)
    assert landed(url, Limits(lines=7)).events == 13
    assert landed(url).lines == 0
    broker.write("gaps", messages(20, 25))
    assert landed(url).events == 5
    kept = each_once(25) - Counter(f"m-{number:07d}" for number in range(1, 20, 3))
    assert counted() == kept


def test_a_long_gap_starts_a_new_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hirehouse.landing.kafka_topic, "MAX_GAP", 3)
    with closing(KafkaTopic(f"kafka://127.0.0.1:{free_port()}/t", "w")) as topic:
        topic.ends = {0: 99}
        batch = Batch()
        for offset in (5, 6, 9, 14, 14):  # the last one is repeated
            message: Any = SimpleNamespace(
                error=lambda: None,
                partition=lambda: 0,
                offset=lambda o=offset: o,
                value=lambda: b"x",
            )
            topic._add(batch, message)
    assert [s.lines for s in batch.segments] == [[b"x", b"x", b"", b"", b"x"], [b"x"]]
    assert [(s.first_line, s.last_line) for s in batch.segments] == [(6, 10), (15, 15)]
    assert batch.line_count == 6


def test_a_topic_that_was_created_again_is_another_input(tansu: Tansu) -> None:
    """Topics have ids; and a broker that reports a wrong end of a topic does no harm."""
    url = tansu.topic("anew")
    tansu.write("anew", messages(300))
    with closing(LandingCache()) as cache:
        assert landed(url, SMALL, cache).events == 300
        assert landed(url, cache=cache).lines == 0
    # Not while a client knows the old topic: librdkafka 2.4 and later may crash then.
    tansu.remake("anew")
    tansu.write("anew", messages(250, 800))
    with closing(LandingCache()) as cache:
        assert landed(url, SMALL, cache).events == 550
        assert landed(url, cache=cache).lines == 0
    assert counted() == each_once(300) + each_once(250, 800)


def test_missing_offsets_are_reported(broker: Noida) -> None:
    """Of a topic that was created again on a broker without topic ids, and of deleted messages."""
    url = broker.topic("short", 1)
    broker.write("short", messages(300))
    assert landed(url).events == 300
    broker.remake("short", 1)
    broker.write("short", messages(50))
    with open_warehouse() as warehouse:
        result = land([url], warehouse)
    assert result.lines == 0
    [text] = result.unreadable
    assert text.startswith(f"{url}[0]: it ends before offset 50, but has landed up to 299")
    done = subprocess.run([BIN / "hirehouse", "land", url], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"created again" in done.stderr

    with closing(KafkaTopic(url, "w")) as topic:
        moved: list[int] = []
        consumer: Any = SimpleNamespace(
            get_watermark_offsets=lambda *_, **__: (5_000, 9_000),
            seek=lambda place: moved.append(place.offset),
        )
        real, topic.consumer = topic.consumer, consumer
        topic.next = {0: 300}
        error: Any = SimpleNamespace(code=lambda: KafkaError._AUTO_OFFSET_RESET)
        topic._report_error(error, 0)
        topic.consumer = real
    assert topic.unreadable == [f"{url}[0]: offsets 300 to 4,999 were deleted before they landed"]
    assert moved == [5_000]


def test_a_failed_landing_is_repeated(broker: Noida, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same member reads again what it had read but not landed."""
    url = broker.topic("failing")
    cache = LandingCache()
    broker.write("failing", messages(1_500))
    calls = iter([False, True, False, False, True])

    def unsure(*arguments: Any) -> int:
        if next(calls, False):
            raise OSError("disk full")
        return write_batch(*arguments)

    monkeypatch.setattr("hirehouse.landing.land.write_batch", unsure)
    with closing(cache):
        for _ in range(2):
            with pytest.raises(OSError, match="disk full"):
                landed(url, SMALL, cache)
        landed(url, SMALL, cache)
        assert landed(url, SMALL, cache).lines == 0
        broker.write("failing", messages(1_500, 1_510))
        until(cache.topics[url].waiting)
        assert landed(url, SMALL, cache).events > 0
        until(lambda: not cache.topics[url].waiting() or landed(url, SMALL, cache))
    assert counted() == each_once(1_510)


def test_messages_that_were_fetched_but_not_landed_are_fetched_again(broker: Noida) -> None:
    """A landing may end with buffered messages of which landed.batches has no trace."""
    url = broker.topic("dropped", 2)
    broker.write("dropped", messages(40))
    with closing(KafkaTopic(url, "w")) as topic:
        reading = topic.batches({}, {}, Limits(lines=1))
        first = next(reading).segments[0]
        assert isinstance(reading, Generator)
        reading.close()
        done = {first.input.checksum: InputProgress(first.last_line)}
        rest = [s for batch in topic.batches(done, {}, Limits()) for s in batch.segments]
    assert not topic.unreadable
    lines = [*first.lines, *(one for segment in rest for one in segment.lines)]
    assert sorted(lines) == sorted(text for _, text in messages(40))


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that gives landings from now on a group of their own.

    noida-db keeps a dead member's place for long; and where to go on does not hang on a group.
    """
    return lambda: monkeypatch.setenv("HIREHOUSE_KAFKA_GROUP_ID", f"group-{next(GROUPS)}")


def member(url: str, lines: int) -> Fork:
    """A landing to be killed, in small batches."""
    return Fork(landing([url], Limits(lines=lines)))


@pytest.mark.redshift
@pytest.mark.parametrize(
    ("engine", "kills"),
    [
        *(("duckdb", 3), ("redshift", 1)),
        *(pytest.param(engine, 20, marks=pytest.mark.every) for engine in ALL_ENGINES),
    ],
)
def test_killed_landings_of_a_topic_lose_and_double_nothing(
    engine: str,
    kills: int,
    broker: Noida,
    groups: Callable[[], None],
    enter: Enter,
    record_property: RecordProperty,
) -> None:
    enter(engine)
    topic, draw = f"killed_{engine}_{kills}", random.Random(kills)
    url = broker.topic(topic)
    written = done = 0
    for _ in range(kills):
        broker.write(topic, messages(written, written + 2_000))
        written += 2_000
        groups()
        lander = member(url, 100)
        for _ in range(draw.randrange(1, 8)):
            lander.until("batch")
        time.sleep(draw.uniform(0, 0.1))
        done += lander.kill()
    record_property("kills in landing a topic", done)
    groups()
    landed(url)
    assert landed(url).lines == 0
    assert counted() == each_once(written)
    assert done


@pytest.mark.redshift
@pytest.mark.parametrize("environment", SERVERS, indirect=True)
def test_members_share_a_topic(
    environment: dict[str, str], broker: Noida, groups: Callable[[], None]
) -> None:
    """A second member joins during a landing; partitions that move land once."""
    topic = f"shared_{environment['HIREHOUSE_TARGET']}"
    groups()
    url = broker.topic(topic)
    broker.write(topic, messages(6_000))
    members = [member(url, 100)]
    assert members[0].until("batch")
    members.append(member(url, 100))
    members[1].until("batch")  # it may join too late to land one
    for one in members:
        one.finish()
    landed(url)
    assert landed(url).lines == 0
    assert counted() == each_once(6_000)


@pytest.mark.every
@pytest.mark.redshift
@pytest.mark.parametrize("environment", SERVERS, indirect=True)
def test_killed_members_of_a_group_lose_and_double_nothing(
    environment: dict[str, str],
    tansu: Tansu,
    groups: Callable[[], None],
    record_property: RecordProperty,
) -> None:
    topic = f"crowded_{environment['HIREHOUSE_TARGET']}"
    url = tansu.topic(topic)
    written = done = 0
    for _ in range(4):
        tansu.write(topic, messages(written, written + 15_000))
        written += 15_000
        groups()
        members = []
        for _ in range(3):
            members.append(member(url, 100))
            members[-1].until("batch")  # the last may join too late to land one
        done += members.pop(1).kill()
        for one in members:
            one.finish()
    record_property("members killed in a group", done)
    groups()
    landed(url)
    assert counted() == each_once(written)
    assert done


@pytest.mark.redshift
@pytest.mark.parametrize("environment", SERVERS, indirect=True)
def test_a_member_skips_what_another_has_landed(
    environment: dict[str, str], broker: Noida, groups: Callable[[], None]
) -> None:
    """Two groups read the topic concurrently; only landed.batches tells them of each other."""
    topic = f"both_{environment['HIREHOUSE_TARGET']}"
    url = broker.topic(topic)
    broker.write(topic, messages(3_000))
    with open_warehouse() as warehouse, warehouse.landing_lock():
        forks = []
        for _ in range(2):
            groups()
            forks.append(member(url, 400))
            # With lines in memory that the other one has as well.
            assert forks[-1].until("waiting for another landing into the same database")
    for fork in forks:
        fork.finish()
    assert counted() == each_once(3_000)


def test_a_collector_answers_when_kafka_has_acknowledged(
    own_broker: Noida, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with 503 while Kafka is down; events that are retried land as well."""
    monkeypatch.setattr(hirehouse.collecting.kafka_sink, "DELIVER", 2.0)
    monkeypatch.setattr(hirehouse.collecting.spool, "PROBLEM_SECONDS", 1.0)
    url = own_broker.topic("collected")
    with serving(KafkaSink(url)) as port:
        assert call(port, "/v1/batch", {"batch": list(map(event, range(100)))}).status == 200
        own_broker.leave()
        answer = call(port, "/v1/track", event(100))
        assert answer.status == 503
        assert "Retry-After" in answer.headers
        assert "collected" in answer.json["message"]
        assert call(port, "/ready", method="GET").status == 503
        own_broker.start()
        until(lambda: call(port, "/v1/track", event(100)).status == 200)
        until(lambda: call(port, "/ready", method="GET").status == 200)
        assert call(port, "/v1/batch", {"batch": [5, event(101)]}).status == 200
    result = landed(url)
    assert result.failed == 1
    found = counted()
    assert set(found) == set(each_once(102))
    # A message whose delivery timed out may have arrived: staging excludes the copy.
    assert found - each_once(102) <= Counter({"m-0000100": found["m-0000100"] - 1})
    for partition in range(4):
        for message in read(own_broker, "collected", partition):
            user = message.key() and message.key().decode()
            assert (b'"userId":"%s"' % user.encode() in message.value()) if user else True


def test_the_events_of_a_user_keep_their_order(broker: Noida) -> None:
    url = broker.topic("ordered")
    with serving(KafkaSink(url)) as port:
        for number in range(0, 300, 60):
            batch = list(map(event, range(number, number + 60)))
            del batch[0]["userId"]
            batch[0]["anonymousId"] = "emp-7"
            assert call(port, "/v1/batch", {"batch": batch}).status == 200
    assert landed(url).events == 300
    with open_warehouse() as warehouse:
        found = warehouse.query(
            "select coalesce(user_id, anonymous_id), event_id from landed.interview_requested"
            " order by batch_id, batch_row"
        )
    users = {user for user, _ in found}
    assert len(users) == 50
    for user in users:
        ids = [event_id for one, event_id in found if one == user]
        assert ids == sorted(ids)


def has_answers(load: Load) -> bool:
    return len(load.answered) > 50


@pytest.mark.parametrize("trials", [1, pytest.param(20, marks=pytest.mark.every)])
def test_events_answered_by_a_killed_collector_land(trials: int, broker: Noida) -> None:
    topic, first = f"answered_{trials}", 0
    url = broker.topic(topic)
    sent: set[str] = set()
    answered: set[str] = set()
    for _ in range(trials):
        collector = Collector("--to", url)
        load = Load(collector.port, first)
        until(partial(has_answers, load))
        collector.end(9)
        for thread in load.threads:
            thread.join()
        sent, answered, first = sent | load.sent, answered | load.answered, load.next
    assert landed(url).failed == 0
    found = counted()
    assert answered <= set(found) <= sent
    assert max(found.values()) == 1


class Idle:
    """Stands for dbt: a project of one model."""

    def __init__(self, *_: object, **__: object) -> None:
        node = SimpleNamespace(
            resource_type="model", name="stg_landing__batches", schema="staging",
            config=SimpleNamespace(materialized="view"), depends_on_nodes=[],
        )  # fmt: skip
        self.manifest = SimpleNamespace(
            nodes={BATCHES: node}, sources={}, child_map={BATCHES: []},
            unit_tests={}, exposures={}, metrics={}, semantic_models={}, saved_queries={},
            build_parent_and_child_maps=lambda: None,
        )  # fmt: skip

    def run(self, *_: str, nodes: set[str]) -> Outcome:
        return Outcome(success=True, status=dict.fromkeys(nodes, "success"))

    def skip_schema_checks(self, _: set[str]) -> None:
        """Do nothing."""


def is_unreadable(loop: Loop) -> bool:
    """Whether a round reports something unreadable."""
    made = loop.round()
    return bool(made and made.unreadable)


def came(loop: Loop, count: int) -> None:
    """Run rounds until that many events have landed."""
    found = 0

    def have_landed() -> bool:
        nonlocal found
        made = loop.round()
        found += made.events if made else 0
        return found >= count

    until(have_landed)
    assert found == count


@pytest.mark.usefixtures("duckdb_environment")
def test_a_loop_ends_if_the_client_of_kafka_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hirehouse.running.loop, "WarmDbt", Idle)
    monkeypatch.setitem(sys.modules, "hirehouse.landing.kafka_topic", None)
    with pytest.raises(ModuleNotFoundError):
        Loop(["kafka://127.0.0.1:9/events"]).round()


def test_a_loop_reads_a_topic_and_a_folder(
    own_broker: Noida, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hirehouse.running.loop, "WarmDbt", Idle)
    monkeypatch.setattr(hirehouse.landing.kafka_client, "REACH", 1.0)
    url = own_broker.topic("loop")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.ndjson").write_bytes(line(event(1_000)) + b"\n")
    own_broker.write("loop", messages(10))
    loop = Loop([str(inbox), url])
    first = loop.round()
    assert first
    assert (first.events, first.good, first.unreadable) == (11, True, [])
    until(lambda: loop.round() is None)
    own_broker.write("loop", messages(10, 20))
    came(loop, 10)
    own_broker.leave()
    until(partial(is_unreadable, loop))
    (inbox / "b.ndjson").write_bytes(line(event(1_001)) + b"\n")
    away = loop.round()
    assert away
    assert (away.events, len(away.unreadable)) == (1, 1)
    own_broker.start()
    own_broker.write("loop", messages(20, 30))
    came(loop, 10)
    loop.cache.close()
    assert counted() == each_once(30) + each_once(1_000, 1_002)


@pytest.mark.parametrize("command", [["land"], ["collect", "--port", "1", "--to"]])
def test_an_unreachable_broker_is_reported(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Immediately; and a malformed URL is wrong usage."""
    monkeypatch.setattr(hirehouse.landing.kafka_client, "REACH", 1.0)
    address = f"127.0.0.1:{free_port()}"
    begun = time.monotonic()
    done = CliRunner().invoke(app, [*command, f"kafka://{address}/events"])
    assert time.monotonic() - begun < 10
    assert done.exit_code == 1
    told = " ".join(done.stderr.split())
    assert f"error: kafka://{address}/events: no broker answers" in told
    assert not capfd.readouterr().err  # Kafka's library logs nothing
    done = CliRunner().invoke(app, [*command, f"kafka://{address}"])
    assert done.exit_code == 2
    assert "kafka://BROKER:PORT/TOPIC" in done.stderr


def test_a_missing_topic_is_reported(broker: Noida) -> None:
    url = broker.url("nowhere")
    with open_warehouse() as warehouse:
        [text] = land([url], warehouse).unreadable
    assert text.startswith(f"{url}: ")
    assert "nknown topic" in text
    with pytest.raises(ConnectionError, match=r"nowhere: .*nknown topic"):
        KafkaSink(url)


def test_an_invalid_setting_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIREHOUSE_KAFKA_SECURITY_PROTOCOL", "smoke")
    with open_warehouse() as warehouse, pytest.raises(ConnectionError, match="smoke"):
        land(["kafka://127.0.0.1:1/t"], warehouse)


def test_only_completed_files_are_forgotten(broker: Noida, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a topic would land again in a process that has landed many files."""
    monkeypatch.setattr(hirehouse.landing.land, "MAX_CACHED", 0)
    url = broker.topic("kept")
    broker.write("kept", messages(10))
    with closing(LandingCache({"file": InputProgress(3, complete=True)})) as cache:
        assert landed(url, cache=cache).events == 10
        assert landed(url, cache=cache).lines == 0
        assert all(not one.complete for one in cache.done.values())
