"""The loop of `hirehouse run`: it loses nothing, builds what is affected, and resumes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from itertools import chain
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from dbt.adapters.factory import FACTORY
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

import hirehouse.running.loop
from conftest import ALL_ENGINES, BUCKET, ENGINES, surrounded_by
from hirehouse.collecting.s3_sink import S3Sink
from hirehouse.collecting.spool import Sink
from hirehouse.commands.main import app
from hirehouse.commands.run import problems_of
from hirehouse.landing.land import land
from hirehouse.running.lock import LoopLock, LoopLockHeld
from hirehouse.running.loop import Loop, Round
from hirehouse.running.warm_dbt import Outcome, WarmDbt
from hirehouse.warehouse.connections import LANDING_LOCK, open_warehouse
from hirehouse.warehouse.landed_schema import raw_tables
from simulator import simulate
from support.collectors import call, serving, until
from support.events import event, line, write
from support.forks import MODELS, Fork, Tell
from support.marts import SCHEMAS, MakeEnvironment, land_into, mart_hashes, shuffled
from support.parsing import keep
from support.servers import S3

RecordProperty = Callable[[str, object], None]
PATIENCE = 240  # seconds, on a busy machine
REQUESTED = "stg_employer_app__interview_requested"
# Models that count events of all kinds.
COUNTING = ("stg_landing__events", "stg_landing__properties")
# Models that every round builds: they decide which rows count.
COUNTED = {"stg_landing__copies", "stg_landing__batches"}

# Of these and all that they read a normal run builds warehouses: of every materialization, strategy
# and depth, of arrival too, and some that an event REQUESTED touches, and others.
FEW = (
    *("dim_candidates", "int_candidacies", "int_offers", "mrr_monthly"),
    *("contract_coverage", "event_health_daily"),
)
FEWER = ("dim_candidates",)  # on the Redshift rig
UNTOUCHED = {"int_candidate_versions", "int_offers", "mrr_monthly"}

# Few models read it.
COUNT = {
    "event": "production_counted",
    "properties": {"counted_on": "2026-03-02", "entity": "candidates", "row_count": 1},
}
COMMENT = {
    "duckdb": "select comment from duckdb_tables() where schema_name || '.' || table_name = '{}'",
    "postgres": "select obj_description(cast('{}' as regclass), 'pg_class')",
}


class Station:
    """A warehouse of one engine, and a parsed project that all loops of a test share.

    Args:
        only: models that the project has, with all that they read; every model if empty.
    """

    def __init__(self, environment: dict[str, str], folder: Path, only: Sequence[str]) -> None:
        self.environment = environment
        self.folder = folder
        market = folder / "market"
        simulate(market, seed=5, start=date(2026, 1, 5), days=40, candidates=60)
        self.parts = shuffled([market], folder, 4, seed=3)
        self.dbt = WarmDbt(folder=folder / "target")
        if only:
            keep(self.dbt.manifest, only)
        self.selected: list[str] = []

    def loop(self, inbox: Path, deferrable_per_round: int = 1_000) -> Loop:
        """A loop as at the start of a process."""
        inbox.mkdir(exist_ok=True)
        return Loop([str(inbox)], deferrable_per_round=deferrable_per_round)

    def warm(self, *_: object, **__: object) -> WarmDbt:
        return self.dbt

    def empty(self) -> None:
        """Empty the database, whose name the parsed project has."""
        schemas = {node.schema for node in self.dbt.manifest.nodes.values()}
        with open_warehouse() as warehouse:
            for schema in [*schemas, "landed"]:
                warehouse.execute(f"drop schema if exists {schema} cascade")

    def pretend(
        self,
        patch: pytest.MonkeyPatch,
        failures: Mapping[str, str] = MappingProxyType({}),
        seconds: Mapping[str, float] = MappingProxyType({}),
    ) -> list[set[str]]:
        """Let dbt do nothing, and say that all went well but some models, and what reads them.

        Args:
            failures: what it says of models that fail, by name.
            seconds: what it says that models took.

        Returns:
            The names that are selected from now on.
        """
        nodes = self.dbt.manifest.nodes
        skipped: set[str] = set()
        for name in failures:
            skipped |= made_of(self.dbt.manifest, name, views=True)
        status = {n: "skipped" if name_of(n) in skipped else "success" for n in nodes}
        status |= {n: "error" for n in nodes if name_of(n) in failures}
        messages = {n: failures.get(name_of(n), "") for n in nodes}

        def run(*_: str, nodes: set[str]) -> Outcome:
            result = {n: status[n] for n in nodes}
            took = {n: seconds.get(name_of(n), 0.0) for n in nodes}
            return Outcome(not failures, took, result, {n: messages[n] for n in nodes})

        patch.setattr(self.dbt, "run", run)
        with open_warehouse() as warehouse:  # as the first run of dbt makes it
            warehouse.execute("create schema if not exists staging")
            warehouse.execute(
                "create table if not exists staging.model_progress"
                " (model varchar(255), batch_id bigint)"
            )
        return selected_by(self.dbt, patch)

    def marts(self, *more: str) -> dict[str, str]:
        """A hash of each mart, also of `more` schemas, which show the order of arrival."""
        with open_warehouse() as warehouse:
            return mart_hashes(warehouse, (*SCHEMAS, *more))


@pytest.fixture(scope="module", params=ENGINES)
def made_station(
    request: pytest.FixtureRequest,
    make_environment: MakeEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Station]:
    folder = tmp_path_factory.mktemp(request.param)
    environment = make_environment(request.param, folder)
    with surrounded_by(environment):
        yield Station(environment, folder, ())


@pytest.fixture
def station(made_station: Station, monkeypatch: pytest.MonkeyPatch) -> Station:
    """The empty warehouse of each engine; loops share one parsed project."""
    made_station.empty()
    monkeypatch.setattr(hirehouse.running.loop, "WarmDbt", made_station.warm)
    return made_station


@pytest.fixture(params=ALL_ENGINES)
def building(
    request: pytest.FixtureRequest,
    make_environment: MakeEnvironment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Station]:
    """A station whose models are built: FEW of them, or all with --all."""
    environment = make_environment(request.param, tmp_path)
    only = FEWER if request.param == "redshift" else FEW
    with surrounded_by(environment):
        made = Station(environment, tmp_path, () if request.config.getoption("--all") else only)
        monkeypatch.setattr(hirehouse.running.loop, "WarmDbt", made.warm)
        yield made


def rounds(loop: Loop) -> Round:
    """A round that has something to do, and succeeds."""
    result = loop.round()
    assert result
    assert result.good, result
    return result


def name_of(node: str) -> str:
    """The name in a unique id, with its version if the model has versions."""
    return node.split(".", 2)[2]


def selected_by(dbt: WarmDbt, monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The names that each later run of dbt selects."""
    seen: list[set[str]] = []
    run = dbt.run

    def watched(*arguments: str, nodes: Collection[str] = ()) -> Any:
        seen.append({name_of(node) for node in nodes})
        return run(*arguments, nodes=nodes)

    monkeypatch.setattr(dbt, "run", watched)
    return seen


def made_of(manifest: Any, *some: str, views: bool = False) -> set[str]:
    """The names of models and of all tables, or also views, downstream."""
    names = {i: name_of(i) for i, n in manifest.nodes.items() if n.resource_type == "model"}
    found = {i for i, name in names.items() if name in some}
    while more := {c for i in found for c in manifest.child_map[i] if c in names} - found:
        found |= more
    kinds = ("table", "incremental", "view") if views else ("table", "incremental")
    return {names[i] for i in found if manifest.nodes[i].config.materialized in kinds}


def may_land(environment: dict[str, str]) -> bool:
    """Whether another process could commit a batch now."""
    if environment["HIREHOUSE_TARGET"] == "duckdb":
        opening = "import duckdb, sys; duckdb.connect(sys.argv[1])"
        command = [sys.executable, "-c", opening, environment["HIREHOUSE_DUCKDB"]]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    with open_warehouse() as other:
        return bool(other.query("select pg_try_advisory_lock(?)", [LANDING_LOCK])[0][0])


def test_a_loop_lands_and_builds_what_comes(
    building: Station,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: RecordProperty,
) -> None:
    station = building
    inbox = tmp_path / "inbox"
    loop = station.loop(inbox)
    seen = selected_by(loop.dbt, monkeypatch)
    for part in station.parts[:2]:
        shutil.copy(part, inbox)
    whole = rounds(loop)
    assert whole.batches == [1]
    assert whole.events > 400
    assert whole.lag_seconds
    assert whole.models == len(seen.pop()) == len(loop.graph.everything())
    assert loop.round() is None

    # One event, and only models downstream of it. Events that arrive during a round wait.
    build = loop.dbt.run

    def late(*arguments: str, **more: Any) -> Any:
        write(inbox / "late.ndjson", [line(event(2) | COUNT)])
        # A batch that another process commits now would be built in part.
        assert not may_land(station.environment)
        return build(*arguments, **more)

    monkeypatch.setattr(loop.dbt, "run", late)
    write(inbox / "one.ndjson", [line(event(1))])
    one = rounds(loop)
    assert (one.batches, one.lines, one.events, one.failed) == ([2], 1, 1, 0)
    touched = made_of(loop.dbt.manifest, REQUESTED, *COUNTING)
    assert seen.pop() == touched | COUNTED
    record_property("seconds of a round with one event", f"{one.seconds:.1f}")
    monkeypatch.setattr(loop.dbt, "run", build)
    assert rounds(loop).batches == [3]

    # Which tables the batch of another process filled is unknown.
    seen.clear()
    land_into(station.environment, [station.parts[2]])
    write(inbox / "after.ndjson", [line(event(3))])
    assert rounds(loop).batches == [5]
    assert seen[0] - touched > UNTOUCHED
    nodes = loop.dbt.manifest.nodes
    views = {name_of(i) for i, n in nodes.items() if n.config.materialized == "view"}
    assert not views & seen[0]

    with open_warehouse() as warehouse:
        for table in ("intermediate.int_candidacies", "finance.mrr_monthly"):
            assert warehouse.query(COMMENT[warehouse.engine].format(table))[0][0]
    found = station.marts("operations")
    outcome = loop.dbt.run("run", "--full-refresh")
    assert outcome.success
    assert found == station.marts("operations")


def test_an_unreadable_file_is_reported_once(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.pretend(monkeypatch)
    inbox = tmp_path / "inbox"
    loop = station.loop(inbox)
    good = write(inbox / "good.ndjson", [line(event(1))])
    bad = write(inbox / "bad.ndjson.gz", [line(event(n)) for n in range(2, 500)], packed=True)
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    result = rounds(loop)
    assert [str(bad) in text for text in result.unreadable] == [True]
    assert result.events == 1
    assert loop.round() is None
    good.unlink()
    assert loop.round() is None
    bad.write_bytes(whole)
    mended = rounds(loop)
    assert (mended.unreadable, mended.events) == ([], 498)
    # A copy under another name, and a file of which only the times have changed.
    shutil.copy(bad, inbox / "copy.ndjson.gz")
    os.utime(bad)
    again = rounds(loop)
    assert (again.batches, again.events) == ([], 0)


def test_a_half_line_waits_and_what_is_left_out_is_named_once(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.pretend(monkeypatch)
    monkeypatch.setattr("hirehouse.running.loop.WAIT", 1)
    inbox = tmp_path / "inbox"
    loop = station.loop(inbox)
    half = inbox / "half.ndjson"
    half.write_bytes(line(event(1)) + b"\n" + line(event(2))[:-9])
    (inbox / "truth.json").write_bytes(b'{\n "a": 1\n}\n')
    (inbox / "link.ndjson").symlink_to("/etc/passwd")
    # A file may vanish between a look and its landing.
    new = loop.inbox.new
    monkeypatch.setattr(loop.inbox, "new", lambda: new() | {str(inbox / "gone.ndjson"): (0,)})
    first = rounds(loop)
    monkeypatch.setattr(loop.inbox, "new", new)
    assert (first.events, first.failed, first.waiting) == (1, 0, [str(half)])
    assert first.left_out == {
        "a link that leads out of the folder": [str(inbox / "link.ndjson")],
        "JSON over several lines": [str(inbox / "truth.json")],
    }
    assert loop.round() is None
    with half.open("ab") as file:
        file.write(line(event(2))[-9:])
    grown = rounds(loop)
    assert (grown.events, grown.failed, grown.waiting, grown.left_out) == (2, 0, [], {})

    # One that has no end lands when its time is over.
    half.write_bytes(b'{"a":')
    assert rounds(loop).waiting
    assert loop.round() is None
    monkeypatch.setattr("hirehouse.landing.read_batches.WAIT", 1)
    time.sleep(1.1)
    last = rounds(loop)
    assert (last.lines, last.failed, last.waiting) == (1, 1, [])
    assert loop.round() is None

    (inbox / "late.txt").touch()
    told = rounds(loop)
    assert (told.batches, told.left_out) == (
        *([], {"the name ends in .txt": [str(inbox / "late.txt")]}),
    )
    assert loop.round() is None


@pytest.mark.one_engine
def test_a_loop_lands_what_comes_to_s3(
    station: Station, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.pretend(monkeypatch)
    monkeypatch.setattr(hirehouse.running.loop, "LIST_EVERY", 0)
    monkeypatch.setattr(hirehouse.running.loop, "LIST_SHARE", 0)
    monkeypatch.setattr(hirehouse.running.loop, "WAIT", 0.5)
    url = f"s3://{BUCKET}/in"

    def put(number: int) -> None:
        key = f"in/{number}.ndjson"
        s3.client.put_object(Bucket=BUCKET, Key=key, Body=line(event(number)))

    with serving(S3Sink(url, CollectorRegistry(), 0.05)) as port:
        loop = Loop([url], remove=True, deferrable_per_round=1_000)
        assert rounds(loop).batches == []
        assert call(port, "/v1/track", event(1)).status == 200
        assert rounds(loop).events == 1
        assert s3.objects(BUCKET) == {}
        assert loop.round() is None
        put(2)
        assert rounds(loop).events == 1

    # It goes on after S3 was away, and after an object could not be read.
    s3.fault = lambda *_: "SlowDown"
    failed = loop.round()
    assert failed
    assert failed.error.startswith(f"{url}: ")
    s3.fault = None
    put(3)
    put(4)
    s3.fault = lambda _, path, __: "AccessDenied" if path.endswith("/3.ndjson") else ""
    denied = loop.round()
    assert denied
    assert (denied.events, len(denied.unreadable)) == (1, 1)
    assert loop.round() is None
    s3.fault = None
    time.sleep(0.6)
    assert rounds(loop).events == 1
    assert loop.round() is None
    assert Loop([url]).inbox.new().keys() == {f"{url}/{n}.ndjson" for n in (2, 3, 4)}


@pytest.mark.every
def test_marts_are_the_same_by_way_of_s3_and_of_a_spool(
    station: Station, s3: S3, tmp_path: Path
) -> None:
    events = []
    for text in chain.from_iterable(part.read_text().splitlines() for part in station.parts):
        with suppress(ValueError):  # a line that is broken is no part of a request
            events.append(json.loads(text))
            # Else times would be corrected by the collector's clock.
            events[-1].pop("sentAt", None)

    def marts(sink: Path | Sink, place: str) -> dict[str, str]:
        station.empty()
        with serving(sink) as port:
            for first in range(0, len(events), 100):
                batch = {"batch": events[first : first + 100]}
                assert call(port, "/v1/batch", batch).status == 200
        with open_warehouse() as warehouse:
            landed = land([place], warehouse)
            assert landed.lines == len(events)
        outcome = station.dbt.run("build", *MODELS)
        assert outcome.success, outcome.failed()
        station.dbt.close()
        return station.marts()

    url, spool = f"s3://{BUCKET}/in", tmp_path / "spool"
    found = marts(S3Sink(url, CollectorRegistry(), 0.05), url)
    assert len(s3.objects(BUCKET)) > 1
    assert found == marts(spool, str(spool))
    assert sum("(0 rows)" not in name for name in found) > 20


def test_a_failed_model_waits_with_everything_downstream(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = tmp_path / "inbox"
    loop = station.loop(inbox)
    every = loop.graph.everything()
    failed = "int_candidacy_openings"
    hanging = made_of(station.dbt.manifest, failed, views=True)
    seen = station.pretend(monkeypatch, {failed: "Runtime Error"})
    result = loop.round()
    assert result
    assert (list(result.broken), result.good) == ([failed], False)
    assert len(seen.pop()) == len(every)
    assert {loop.graph.names[node] for node in loop.pending} == hanging
    assert loop.round() is None

    # It is not retried yet. Models downstream read other tables as well, and must not be ahead.
    write(inbox / "1.ndjson", [line(event(1))])
    assert loop.round()
    others = made_of(station.dbt.manifest, REQUESTED, *COUNTING) - hanging
    assert seen.pop() == others | COUNTED

    for tries in (2, 3):
        assert loop.tries == tries - 1
        loop.again_at = 0
        assert loop.round()
        assert seen.pop() == hanging
        assert loop.again_at > time.monotonic() + 2**tries - 1
    loop.again_at = 0
    station.pretend(monkeypatch)
    assert rounds(loop).models == len(hanging)
    assert (loop.pending, loop.failing, loop.tries) == (set(), set(), 0)
    assert loop.round() is None


def test_aggregates_and_marts_of_arrival_are_built_in_turn(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = tmp_path / "inbox"
    loop = station.loop(inbox, deferrable_per_round=3)
    seen = station.pretend(monkeypatch)
    write(inbox / "0.ndjson", [line(event(0))])
    assert rounds(loop).models == len(seen.pop()) == len(loop.graph.everything())
    names = {loop.graph.names[node] for node in loop.graph.deferrable}
    can_wait = {
        "stg_landing__events",
        "reconciliation",
        "stg_web__experiment_exposed",
        "mrr_monthly",
        "fct_attribution",  # a fact, but a table
    }
    assert can_wait <= names
    assert not names & {REQUESTED, "fct_candidacies", "fct_sign_ups", "dim_dates", *COUNTED}
    parts = [{loop.graph.names[node] for node in turn} for turn in loop.graph.turns]
    assert set().union(*parts) == names
    # A model is never built without those above it that can wait, too.
    assert {"features_candidate_daily", "int_known_events", "market_days"} <= next(
        part for part in parts if "features_candidate_daily" in part
    )

    # While events keep coming, facts and dimensions go first; the others are built in turn.
    all_waiting = made_of(station.dbt.manifest, REQUESTED, *COUNTING) & names
    turns: list[set[str]] = []
    while set().union(*turns) != all_waiting:
        assert len(turns) < len(parts)
        write(inbox / f"{len(turns) + 1}.ndjson", [line(event(len(turns) + 1))])
        assert rounds(loop).good
        built = seen.pop()
        assert "int_candidacy_openings" in built
        turns.append(built & names)
        assert {loop.graph.names[node] for node in loop.pending} == all_waiting - turns[-1]
    waiting = [part & all_waiting for part in parts]
    for turn in turns:
        assert turn == set().union(*(part for part in waiting if part <= turn))
        assert len(turn) <= 3 or turn in waiting

    # And all at once when no events come.
    assert loop.pending
    assert rounds(loop).good
    assert {loop.graph.names[node] for node in loop.pending} == set()
    assert loop.round() is None


@pytest.mark.one_engine
def test_a_turn_that_takes_long_rests(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = tmp_path / "inbox"
    loop = station.loop(inbox)
    seen = station.pretend(monkeypatch, seconds={"training_time_to_fill": 6.0, "mrr_monthly": 4.0})
    now = 1_000.0
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr("hirehouse.running.turns.time", clock)
    write(inbox / "0.ndjson", [line(event(0))])
    assert rounds(loop).models == len(seen.pop()) == len(loop.graph.everything())

    write(inbox / "1.ndjson", [line(event(1))])
    assert rounds(loop).good
    built = set().union(*seen)
    # What other turns need of it is built.
    assert {"features_employer_daily", "int_known_activity"} <= built
    assert {loop.graph.names[node] for node in loop.pending} == {"training_time_to_fill"}
    assert loop.round() is None
    now += 6.0 * 20
    assert rounds(loop).models == 1
    assert not loop.pending


def test_a_model_that_gained_a_column_says_how_to_build_it() -> None:
    message = (
        "Compilation Error in model int_offers (models/int_offers.sql)\n  \n"
        "      The source and target schemas on this incremental model are out of sync!\n"
        "      They can be reconciled in several ways:"
    )
    [said] = problems_of(Round(1, broken={"int_offers": message}))
    assert said == (
        "int_offers: Compilation Error in model int_offers (models/int_offers.sql) The source and"
        " target schemas on this incremental model are out of sync!"
        " Run `dbt build --full-refresh --select int_offers+`; see docs/contracts.md."
    )


def test_exit_codes(station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    station.pretend(monkeypatch)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    write(inbox / "good.ndjson", [line(event(1))])

    def once(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["run", "--once", *arguments])
        return result.exit_code, result.output

    code, text = once(str(inbox))
    assert (code, "1 events" in text) == (0, True), text
    code, text = once("--json", str(inbox))
    assert (code, json.loads(text)["batches"]) == (0, [])
    for name in ("a.txt", "b.txt"):
        (inbox / name).touch()
    code, text = once(str(inbox))
    assert (code, "and 1 more: the name ends in .txt" in text) == (0, True), text
    (inbox / "bad.ndjson.gz").write_bytes(b"bad")
    code, text = once(str(inbox))
    assert (code, "bad.ndjson.gz" in text) == (1, True), text
    (inbox / "bad.ndjson.gz").unlink()
    with pytest.MonkeyPatch.context() as patch:
        station.pretend(patch, {"fct_offers": "Runtime Error in model\n  no such column\n  secret"})
        code, text = once(str(inbox))
        assert (code, "fct_offers: Runtime Error in model no such column" in text) == (1, True)
        assert "secret" not in text
    segment = write(inbox / "1-1.ndjson", [line(event(2))])
    for more, stays in (((), True), (("--remove",), False)):
        assert (once(*more, str(inbox))[0], segment.exists()) == (0, stays)
    code, text = once(str(tmp_path / "nowhere"))
    assert (code, "no such file" in text) == (2, True), text
    claim = LoopLock()
    claim.acquire()
    code, text = once(str(inbox))
    assert (code, f"process {os.getpid()}" in text) == (3, True), text
    claim.release()


@pytest.mark.redshift
def test_kills_lose_and_double_nothing(
    building: Station,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    record_property: RecordProperty,
) -> None:
    station = building
    everything = request.config.getoption("--all")
    if not everything and station.environment["HIREHOUSE_TARGET"] == "postgres":
        pytest.skip("DuckDB stands for both")
    inbox = tmp_path / "inbox"
    draw = random.Random(7)
    kills = 0

    def work(tell: Tell) -> None:
        loop, lock = station.loop(inbox), LoopLock()
        while True:
            until(partial(is_acquired, lock))
            result = loop.round()
            tell("idle" if result is None else f"round {result.error}")
            time.sleep(0.05)

    inbox.mkdir()
    for part in station.parts:
        shutil.copy(part, inbox)
        if not everything and part is not station.parts[-1] and kills:
            continue
        for _ in range(5 if everything else 1):
            child = Fork(work, mine=True)
            time.sleep(draw.uniform(0.1, 5))
            kills += child.kill()
    lock = LoopLock()
    until(partial(is_acquired, lock))
    rounds(station.loop(inbox))
    lock.release()
    record_property("kills of a loop", kills)
    assert kills
    found = station.marts()
    with open_warehouse() as warehouse:
        [(batches, landed)] = warehouse.query(
            "select count(*), sum(line_count) from landed.batches where committed_at is not null"
        )
    assert landed == sum(len(part.read_bytes().splitlines()) for part in station.parts)
    assert batches <= len(station.parts)
    station.empty()
    rounds(station.loop(inbox))
    assert found == station.marts()


def is_acquired(lock: LoopLock) -> bool:
    """Whether the lock is held now; a server may need a moment to notice that one was killed."""
    with suppress(LoopLockHeld):
        lock.acquire()
        return True
    return False


def test_columns_equal_those_of_the_information_schema(made_station: Station) -> None:
    engine = made_station.environment["HIREHOUSE_TARGET"]
    made_station.empty()
    made_station.dbt.run("compile", "--select", "dim_dates")  # makes the adapter
    with open_warehouse() as warehouse:
        land([], warehouse)
        warehouse.execute("create table landed.odd (a numeric, b text, c varchar, d char(3))")
        warehouse.execute("alter table landed.odd add column e smallint")
        warehouse.execute("alter table landed.odd drop column b")
        columns = warehouse.query(
            "select table_name, column_name, data_type, character_maximum_length,"
            " numeric_precision, numeric_scale from information_schema.columns"
            " where table_schema = 'landed' order by table_name, ordinal_position"
        )
    if engine == "duckdb":  # of which dbt needs only the types
        columns = [(*column[:3], None, None, None) for column in columns]
    adapter: Any = FACTORY.adapters[engine]
    with adapter.connection_named("columns"):
        for table in ["odd", *raw_tables()]:
            relation = adapter.Relation.create(schema="landed", identifier=table)
            found = [
                (c.column, c.dtype, c.char_size, c.numeric_precision, c.numeric_scale)
                for c in adapter.get_columns_in_relation(relation)
            ]
            assert found == [column[1:] for column in columns if column[0] == table]
    made_station.dbt.close()
