"""Kafka, by two brokers that are not Apache Kafka: what a topic holds lands, once."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
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
from hirehouse.collecting.kafka_sink import KafkaSink
from hirehouse.commands.main import app
from hirehouse.events.validate import MAX_LINE
from hirehouse.landing.inputs import Batch, InputProgress, Limits
from hirehouse.landing.kafka_topic import KafkaTopic
from hirehouse.landing.land import Known, Landed, land
from hirehouse.landing.write_batches import BatchWriter
from hirehouse.running.graph import BATCHES
from hirehouse.running.loop import DIRECT, Loop, Round
from hirehouse.running.warm_dbt import Outcome
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.brokers import Noida, Tansu
from support.collectors import Collector, Load, call, serving, until
from support.events import event, line
from support.forks import Fork, landing
from support.project import BIN
from support.servers import free_port

RecordProperty = Callable[[str, object], None]
SMALL = Limits(lines=400)
GROUPS = count()
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
    """One that a test may send away."""
    broker = Noida()
    yield broker
    broker.stop()


@pytest.fixture(autouse=True)
def duckdb(duckdb_environment: dict[str, str]) -> None:
    """A new DuckDB file for this process, unless a test asks for another warehouse."""


def messages(*numbers: int) -> list[tuple[str, bytes]]:
    """The events of a range, keyed by user."""
    return [(str(e["userId"]), line(e)) for e in map(event, range(*numbers))]


def landed(url: str, limits: Limits | None = None, known: Known | None = None) -> Landed:
    """A landing that reads all."""
    with open_warehouse() as warehouse:
        result = land([url], warehouse, limits=limits, known=known, direct=DIRECT)
    assert result.unreadable == []
    return result


def rows(warehouse: Warehouse) -> Counter[str]:
    """How often each event counts."""
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


def test_a_topic_lands_once(broker: Noida, warehouse: Warehouse) -> None:
    """Written by applications of all kinds; what is no event fails, where it stood."""
    topic = f"all_{warehouse.engine}"
    url = broker.topic(topic)
    for number, packed in enumerate(PACKED):
        part = messages(number * 500, number * 500 + 500)
        broker.write(topic, part, **{"compression.type": packed})
    pretty = line(event(2_500)).replace(b'{"type"', b'{\n "type"')
    wrong = [b"nope", b"\xff\x00", b"x" * (MAX_LINE + 1), line(event(1, base_salary=-1))]
    end = [("k", pretty), ("k", None), *(("k", text) for text in wrong), ("k", None)]
    broker.write(topic, end)
    result = land([url], warehouse, limits=SMALL, direct=DIRECT)
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

    again = land([url], warehouse, limits=SMALL, direct=DIRECT)
    assert (again.lines, again.batches, again.unreadable) == (0, [], [])
    broker.write(topic, messages(2_501, 2_600))
    assert land([url], warehouse, direct=DIRECT).events == 99
    assert rows(warehouse) == each_once(2_600)


def read(broker: Noida, topic: str, partition: int) -> list[Any]:
    """All messages of a partition."""
    settings = {"bootstrap.servers": broker.address, "group.id": "test", "log_level": 2}
    with closing(Consumer(settings)) as consumer:
        place = TopicPartition(topic, partition, OFFSET_BEGINNING)
        consumer.assign([place])
        _, high = consumer.get_watermark_offsets(place, timeout=10)
        found: list[Any] = []
        until(lambda: found.extend(consumer.consume(1_000, 0.1)) or len(found) >= high)
        return found


def test_what_was_taken_back_is_a_gap(broker: Noida) -> None:
    """Aborted transactions, and the marks of all, take offsets without a message."""
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


def test_a_long_gap_costs_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hirehouse.landing.kafka_topic, "HOLE", 3)
    with closing(KafkaTopic(f"kafka://127.0.0.1:{free_port()}/t", "w")) as topic:
        topic.ends = {0: 99}
        batch = Batch()
        for offset in (5, 6, 9, 14, 14):  # the last one comes twice
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


def test_a_topic_made_anew_is_another(tansu: Tansu) -> None:
    """By its id; and a broker that says wrongly where a topic ends does no harm."""
    url = tansu.topic("anew")
    tansu.write("anew", messages(300))
    with closing(Known()) as known:
        assert landed(url, SMALL, known).events == 300
        assert landed(url, known=known).lines == 0
        tansu.remake("anew")
        tansu.write("anew", messages(250, 800))
        assert landed(url, SMALL, known).events == 550
        assert landed(url, known=known).lines == 0
    assert counted() == each_once(300) + each_once(250, 800)


def test_offsets_that_are_not_there_are_told(broker: Noida) -> None:
    """Of a topic made anew where topics have no ids, and of messages that were deleted."""
    url = broker.topic("short", 1)
    broker.write("short", messages(300))
    assert landed(url).events == 300
    broker.remake("short", 1)
    broker.write("short", messages(50))
    with open_warehouse() as warehouse:
        result = land([url], warehouse)
    assert result.lines == 0
    [text] = result.unreadable
    assert text.startswith(f"{url}[0]: it ends before offset 50, but was landed up to 299")
    done = subprocess.run([BIN / "hirehouse", "land", url], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"made anew" in done.stderr

    with closing(KafkaTopic(url, "w")) as topic:
        moved: list[int] = []
        consumer: Any = SimpleNamespace(
            get_watermark_offsets=lambda *_, **__: (5_000, 9_000),
            seek=lambda place: moved.append(place.offset),
        )
        real, topic.consumer = topic.consumer, consumer
        topic.next = {0: 300}
        error: Any = SimpleNamespace(code=lambda: KafkaError._AUTO_OFFSET_RESET)
        topic._explain(error, 0)
        topic.consumer = real
    assert topic.unreadable == [f"{url}[0]: offsets 300 to 4,999 were deleted before they landed"]
    assert moved == [5_000]


def test_a_landing_that_failed_is_made_up_for(
    broker: Noida, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same member: what it had read, but not landed, it reads again."""
    url = broker.topic("failing")
    known = Known()
    broker.write("failing", messages(1_500))
    commit, calls = (
        BatchWriter.commit,
        iter([False, True, False, False, True]),
    )

    def unsure(*arguments: Any) -> int:
        if next(calls, False):
            raise OSError("disk full")
        return commit(*arguments)

    monkeypatch.setattr(BatchWriter, "commit", unsure)
    with closing(known):
        for _ in range(2):
            with pytest.raises(OSError, match="disk full"):
                landed(url, SMALL, known)
        landed(url, SMALL, known)
        assert landed(url, SMALL, known).lines == 0
        broker.write("failing", messages(1_500, 1_510))
        until(known.topics[url].waiting)
        assert landed(url, SMALL, known).events > 0
        until(lambda: not known.topics[url].waiting() or landed(url, SMALL, known))
    assert counted() == each_once(1_510)


def test_what_was_fetched_but_not_handed_out_is_fetched_again(broker: Noida) -> None:
    """A landing may end with messages in hand that no record shows to be missing."""
    url = broker.topic("dropped", 2)
    broker.write("dropped", messages(40))
    with closing(KafkaTopic(url, "w")) as topic:
        reading = topic.batches({}, {}, Limits(lines=1))
        first = next(reading).segments[0]
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
    """A landing that can be killed, in batches of so many lines."""
    return Fork(landing([url], Limits(lines=lines), direct=DIRECT))


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.every)])
def test_landings_killed_in_a_row_lose_and_double_nothing(
    kills: int, broker: Noida, groups: Callable[[], None], record_property: RecordProperty
) -> None:
    topic, draw = f"killed_{kills}", random.Random(kills)
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


@pytest.mark.usefixtures("postgres_environment")
def test_members_share_a_topic(broker: Noida, groups: Callable[[], None]) -> None:
    """One begins, and another comes; what changes hands lands once."""
    groups()
    url = broker.topic("shared")
    broker.write("shared", messages(6_000))
    members = [member(url, 100)]
    assert members[0].until("batch")
    members.append(member(url, 100))
    members[1].until("batch")  # it may come too late to have one
    for one in members:
        one.finish()
    landed(url)
    assert landed(url).lines == 0
    assert counted() == each_once(6_000)


@pytest.mark.every
@pytest.mark.usefixtures("postgres_environment")
def test_members_are_killed_in_a_group(
    tansu: Tansu, groups: Callable[[], None], record_property: RecordProperty
) -> None:
    url = tansu.topic("crowded")
    written = done = 0
    for _ in range(4):
        tansu.write("crowded", messages(written, written + 15_000))
        written += 15_000
        groups()
        members = []
        for _ in range(3):
            members.append(member(url, 100))
            members[-1].until("batch")  # the last may come too late to have one
        done += members.pop(1).kill()
        for one in members:
            one.finish()
    record_property("members killed in a group", done)
    groups()
    landed(url)
    assert counted() == each_once(written)
    assert done


@pytest.mark.usefixtures("postgres_environment")
def test_a_member_leaves_out_what_another_has_landed(
    broker: Noida, groups: Callable[[], None]
) -> None:
    """Two groups read all of it at once: neither knows of the other but by landed.batches."""
    url = broker.topic("both")
    broker.write("both", messages(3_000))
    with open_warehouse() as warehouse, warehouse.landing_lock():
        forks = []
        for _ in range(2):
            groups()
            forks.append(member(url, 400))
            # With lines in its hands that the other one has, too.
            assert forks[-1].until("waiting for another landing into the same database")
    for fork in forks:
        fork.finish()
    assert counted() == each_once(3_000)


def test_a_collector_answers_when_kafka_has_it(
    own_broker: Noida, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And 503 while Kafka is away: what is sent again then lands, too."""
    monkeypatch.setattr(hirehouse.collecting.kafka_sink, "DELIVER", 2.0)
    monkeypatch.setattr(hirehouse.collecting.spool, "TROUBLE", 1.0)
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
    # A message that was given up on may have arrived: staging leaves the copy out.
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


@pytest.mark.parametrize("trials", [1, pytest.param(20, marks=pytest.mark.every)])
def test_what_a_killed_collector_answered_lands(trials: int, broker: Noida) -> None:
    topic, first = f"answered_{trials}", 0
    url = broker.topic(topic)
    sent: set[str] = set()
    answered: set[str] = set()
    for _ in range(trials):
        collector = Collector("--to", url)
        load = Load(collector.port, first)
        until(lambda load=load: len(load.answered) > 50)
        collector.end(9)
        for thread in load.threads:
            thread.join()
        sent, answered, first = sent | load.sent, answered | load.answered, load.next
    assert landed(url).failed == 0
    found = counted()
    assert answered <= set(found) <= sent
    assert max(found.values()) == 1


class Idle:
    """In place of dbt: nothing but a model to build."""

    def __init__(self, *_: object, **__: object) -> None:
        node = SimpleNamespace(
            resource_type="model", name="stg_landing__batches", schema="staging",
            config=SimpleNamespace(materialized="view"), depends_on_nodes=[],
        )  # fmt: skip
        self.manifest = SimpleNamespace(
            nodes={BATCHES: node}, sources={}, unit_tests={}, child_map={BATCHES: []},
            build_parent_and_child_maps=lambda: None,
        )  # fmt: skip

    def run(self, *_: str, nodes: set[str]) -> Outcome:
        return Outcome(success=True, status=dict.fromkeys(nodes, "success"))

    def settle(self, _: set[str]) -> None:
        """Keep nothing."""


def came(loop: Loop, count: int) -> None:
    """Rounds until so many events have landed."""
    rounds: list[Round] = []
    until(lambda: rounds.append(loop.round() or Round(0)) or sum(r.events for r in rounds) >= count)
    assert sum(r.events for r in rounds) == count


def test_a_loop_takes_from_a_topic_and_a_folder(
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
    lost = []
    until(lambda: lost.append(loop.round()) or any(r and r.unreadable for r in lost))
    (inbox / "b.ndjson").write_bytes(line(event(1_001)) + b"\n")
    away = loop.round()
    assert away
    assert (away.events, len(away.unreadable)) == (1, 1)
    own_broker.start()
    own_broker.write("loop", messages(20, 30))
    came(loop, 10)
    loop.known.close()
    assert counted() == each_once(30) + each_once(1_000, 1_002)


@pytest.mark.parametrize("command", [["land"], ["collect", "--port", "1", "--to"]])
def test_a_broker_that_is_not_there_is_named(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """At once, and what is no address is wrong usage."""
    monkeypatch.setattr(hirehouse.landing.kafka_client, "REACH", 1.0)
    address = f"127.0.0.1:{free_port()}"
    begun = time.monotonic()
    done = CliRunner().invoke(app, [*command, f"kafka://{address}/events"])
    assert time.monotonic() - begun < 10
    assert done.exit_code == 1
    told = " ".join(done.stderr.split())
    assert f"error: kafka://{address}/events: no broker answers there" in told
    assert not capfd.readouterr().err  # Kafka's library has nothing to say
    done = CliRunner().invoke(app, [*command, f"kafka://{address}"])
    assert done.exit_code == 2
    assert "kafka://BROKER:PORT/TOPIC" in done.stderr


def test_a_topic_that_is_not_there_is_named(broker: Noida) -> None:
    url = broker.url("nowhere")
    with open_warehouse() as warehouse:
        [text] = land([url], warehouse).unreadable
    assert text.startswith(f"{url}: ")
    assert "nknown topic" in text
    with pytest.raises(ConnectionError, match=r"nowhere: .*nknown topic"):
        KafkaSink(url)


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIREHOUSE_KAFKA_SECURITY_PROTOCOL", "smoke")
    with open_warehouse() as warehouse, pytest.raises(ConnectionError, match="smoke"):
        land(["kafka://127.0.0.1:1/t"], warehouse)


def test_only_files_that_are_done_are_forgotten(
    broker: Noida, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a topic would land anew in a process that has landed many files."""
    monkeypatch.setattr(hirehouse.landing.land, "REMEMBERED", 0)
    url = broker.topic("kept")
    broker.write("kept", messages(10))
    with closing(Known({"file": InputProgress(3, complete=True)})) as known:
        assert landed(url, known=known).events == 10
        assert landed(url, known=known).lines == 0
        assert all(not one.complete for one in known.done.values())
