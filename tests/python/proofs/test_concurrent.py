"""Landers, builds and readers at the same time."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from dbt.contracts.graph.manifest import Manifest

from conftest import surrounded_by
from hirehouse.landing.inputs import Limits
from hirehouse.running.loop import Loop
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from support.forks import MODELS, Fork, Tell, building, landing
from support.layout import ends_of
from support.marts import MakeEnvironment
from support.scene import Scene, check_readings

RecordProperty = Callable[[str, object], None]
BATCHES_READ = "staging.stg_landing__batches"
# Of every materialization, with views on tables, on a seed, and joins.
SAMPLE = ("fct_offers", "mrr_monthly")


@pytest.fixture(scope="module")
def postgres_scene(
    request: pytest.FixtureRequest,
    make_environment: MakeEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """Some files that land in many small batches.

    No event comes twice: which of two different copies is the first depends on who lands first.
    """
    folder = tmp_path_factory.mktemp("scene")
    everything = request.config.getoption("--all")
    with surrounded_by(make_environment("postgres", folder)):
        yield Scene(
            "postgres",
            folder,
            4 if everything else 3,
            only=() if everything else SAMPLE,
            limits=Limits(lines=100 if everything else 300),
            resent_share=0.0,
        )


def test_landers_at_once_lose_and_double_nothing(postgres_scene: Scene) -> None:
    """Some files are landed by one, some by all; in other orders, and so in other batches."""
    scene = postgres_scene
    scene.empty()
    orders = [scene.parts[:-1], scene.parts[1:], scene.parts[::-1]]
    landers = [Fork(landing(order, scene.limits)) for order in orders]
    said = [lander.finish() for lander in landers]
    assert all("batch" in lines for lines in said)  # each has landed a share
    assert any("waiting" in line for lines in said for line in lines)
    scene.build()
    assert scene.content(batches=False) == scene.expected_events


def test_builds_and_readers_during_a_landing_miss_nothing(
    postgres_scene: Scene, record_property: RecordProperty
) -> None:
    scene = postgres_scene
    scene.empty()
    first, *others = scene.parts
    Fork(landing([first], scene.limits)).finish()
    scene.build()
    with open_warehouse() as warehouse:
        whole = warehouse.query("select max(batch_id) from landed.batches")
    readings, ceilings = 0, []
    for part in others:
        lander = Fork(landing([part], scene.limits, pause=1))
        lander.until("batch")
        while not lander.ended():
            seen = [scene.rows()]
            build = Fork(building(scene.dbt, *MODELS), mine=True)
            while not build.ended():
                seen.append(scene.rows())
            build.finish()
            check_readings([*seen, scene.rows()])
            readings += len(seen)
            with open_warehouse() as warehouse:
                ceilings += warehouse.query(f"select max(batch_id) from {BATCHES_READ}")
        lander.finish()
        with open_warehouse() as warehouse:
            whole += warehouse.query("select max(batch_id) from landed.batches")
    assert set(ceilings) - set(whole), "no build met a landing half done"
    record_property("builds during landings", len(ceilings))
    record_property("times that every mart was read", readings)
    with older_snapshot(scene):
        scene.build()
    assert scene.content() == scene.expected


@contextmanager
def older_snapshot(scene: Scene) -> Iterator[None]:
    """AssertionError if a reader in one long transaction loses rows by what is done meanwhile.

    Left out are tables that dbt swaps for new ones: these are empty for an older snapshot.
    """
    kept = sorted(scene.nodes("seed", "view", "incremental").values())
    counts = " union all ".join(f"select '{name}', count(*) from {name}" for name in kept)
    with open_warehouse() as reader:
        before = reader.query(counts)
        reader.execute("begin isolation level repeatable read")
        reader.query("select 1")  # takes the snapshot, but no lock on what is counted
        yield
        assert reader.query(counts) == before


# What may run at once; with a few models each, where it is not about all.
AT_ONCE = ("build", "run", "run part", "run without", "build part", "refresh part", "seed", "loop")
# Rounds of builds at once, with --all; `None` is the whole project, which takes longer.
SHARES = (*range(9), None)
ROUNDS = 20


@pytest.fixture(scope="module")
def made_scene(
    make_environment: MakeEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Scene:
    """A marketplace that lands in three parts, with copies among its events."""
    folder = tmp_path_factory.mktemp("growing")
    variables = make_environment("postgres", folder)
    with surrounded_by(variables):
        scene = Scene("postgres", folder, 3, only=SAMPLE)
    scene.dbt.variables |= variables
    return scene


@pytest.fixture
def growing_scene(made_scene: Scene) -> Iterator[Scene]:
    """The same, with nothing landed yet."""
    with surrounded_by(made_scene.dbt.variables):
        made_scene.empty()
        yield made_scene


def test_builds_at_once_leave_what_one_build_gives(growing_scene: Scene) -> None:
    """Whatever is built, whole or in part, by however many: at the end all numbers are right."""
    rounds_of_builds_at_once(growing_scene, random.Random(5))


@pytest.mark.every
@pytest.mark.parametrize("share", SHARES)
def test_every_mart_survives_builds_at_once(
    share: int | None,
    make_environment: MakeEnvironment,
    tmp_path: Path,
    record_property: RecordProperty,
) -> None:
    def marts(manifest: Manifest) -> list[str]:
        ends = ends_of(manifest)
        random.Random(5).shuffle(ends)
        return ends[share :: len(SHARES) - 1]

    with surrounded_by(make_environment("postgres", tmp_path)):
        scene = Scene("postgres", tmp_path, ROUNDS, only=() if share is None else marts)
        builds = rounds_of_builds_at_once(scene, random.Random(share))
    record_property("rounds of builds at once", ROUNDS)
    record_property("builds in them", builds)


def rounds_of_builds_at_once(scene: Scene, choice: random.Random) -> int:
    """Two to four builds at once after each part that lands; gives how many there were."""
    first, *others = scene.parts
    Fork(landing([first], scene.limits)).finish()
    # None of them finds a schema or a table.
    at_once([building_some(scene, "all models", choice) for _ in range(3)])
    builds = 3
    for part in others:
        Fork(landing([part], scene.limits)).finish()
        kinds = choice.choices(AT_ONCE, k=choice.randint(2, 4))
        at_once([building_some(scene, kind, choice) for kind in kinds])
        builds += len(kinds)
    scene.build()
    assert scene.content() == scene.expected
    return builds


def at_once(works: list[Callable[[Tell], None]]) -> None:
    """Do some work in a child each, at the same time."""
    for child in [Fork(work, mine=True) for work in works]:
        child.finish()


def building_some(scene: Scene, kind: str, choice: random.Random) -> Callable[[Tell], None]:
    """A build of a kind of AT_ONCE, by chance; AssertionError in it if a model or a seed fails.

    Data tests may fail: while others build, they see inputs that are ahead of each other.
    """
    names = [node.split(".", 2)[2] for node in scene.seconds if node.startswith("model.")]
    some = choice.sample(names, min(len(names), choice.randint(1, 6)))
    # Unit tests read nothing that others build.
    build = ["build", "--exclude-resource-type", "unit_test"]
    arguments = {
        "all models": ["build", *MODELS],
        "build": build,
        "run": ["run"],
        "run part": ["run", "--select", *(choice.choice([n, f"+{n}", f"{n}+"]) for n in some)],
        "run without": ["run", "--exclude", *some],
        "build part": [*build, "--select", *(f"+{name}" for name in some)],
        "refresh part": ["run", "--full-refresh", "--select", *some],
        "seed": ["seed"],
    }

    def work(tell: Tell) -> None:
        if kind == "loop":
            # The project as this process has parsed it.
            with patch("hirehouse.running.loop.WarmDbt", lambda **_: scene.dbt):
                result = Loop([str(scene.parts[0])]).round()
            assert result
            assert result.good, result
            return
        outcome = scene.dbt.run(*arguments[kind])
        errors = {n: outcome.messages[n] for n, s in outcome.status.items() if s == "error"}
        tell(f"{kind}: {errors}")
        assert not errors, errors

    return work


class Telling(io.StringIO):
    """A stream whose lines are told instead."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self.told = tell

    def write(self, text: str) -> int:
        if text.strip():
            self.told(text.strip())
        return len(text)


def waiting(dbt: WarmDbt, *arguments: str) -> Callable[[Tell], None]:
    """Run dbt in a child; tells what it says about waiting."""

    def work(tell: Tell) -> None:
        def on_event(event: Any) -> None:
            if "waiting" in event.info.msg:
                tell(event.info.msg)

        dbt.runner.callbacks = [on_event]
        with redirect_stderr(Telling(tell)):
            outcome = dbt.run(*arguments)
        assert outcome.success, outcome.failed()

    return work


def test_dbt_says_which_build_it_waits_for(growing_scene: Scene) -> None:
    scene = growing_scene
    Fork(landing(scene.parts[:1], scene.limits)).finish()
    with open_warehouse() as other:
        other.execute(
            "select pg_advisory_lock(hashtext('hirehouse'), hashtext('intermediate.int_offers'))"
        )
        [(holder,)] = other.query("select pg_backend_pid()")
        build = Fork(waiting(scene.dbt, "run", "--select", "+int_offers"), mine=True)
        # Its own threads may wait for each other before.
        said = next(text for text in build.lines() if f"process {holder}" in text)
        assert "int_offers" in said
        assert not build.ended()
    build.finish()


def test_a_refresh_and_a_reader_of_a_view_and_its_table_do_not_lock_each_other_out(
    growing_scene: Scene,
) -> None:
    scene = growing_scene
    Fork(landing(scene.parts[:1], scene.limits)).finish()
    scene.build()
    before = scene.content()
    waiting = "select count(*) from pg_locks where locktype = 'relation' and not granted"
    with open_warehouse() as reader:
        reader.execute("begin")
        reader.execute("comment on view marketplace.fct_offers is 'locked until the end'")
        arguments = ("--full-refresh", "--select", "int_offers")
        build = Fork(building(scene.dbt, *arguments), mine=True)
        while reader.query(waiting) == [(0,)]:
            assert not build.ended()
        assert reader.query("select count(*) > 0 from intermediate.int_offers") == [(True,)]
        reader.execute("rollback")
    build.finish()
    assert scene.content() == before


def test_a_build_that_was_overtaken_keeps_nothing(growing_scene: Scene) -> None:
    """Where nothing makes builds wait for each other, the record of progress refuses one."""
    scene = growing_scene
    first, second, *_ = scene.parts
    Fork(landing([first], scene.limits)).finish()
    scene.build()
    before = scene.content()
    Fork(landing([second], scene.limits)).finish()
    with open_warehouse() as other:
        other.execute(
            "create function overtake() returns trigger language plpgsql as $$ begin"
            " if new.model = 'int_offers' then new.built_by = 'another'; end if;"
            " return new; end $$"
        )
        other.execute(
            "create trigger overtaken before update of batch_id on staging.model_progress"
            " for each row execute function overtake()"
        )
    outcome = scene.dbt.run("run", "--select", "int_offers")
    [message] = outcome.failed().values()
    assert "another build (dbt invocation another) works on int_offers" in message
    changed = {name.split()[0] for name, _ in scene.content().items() ^ before.items()}
    assert "intermediate.int_offers" not in changed
    with open_warehouse() as other:
        other.execute("drop trigger overtaken on staging.model_progress")
    assert scene.dbt.run("run", "--select", "int_offers").success


def hold(tell: Tell) -> None:
    """Keep the warehouse open until killed."""
    with open_warehouse():
        tell("open")
        time.sleep(600)


def test_dbt_says_for_whom_it_waits(tmp_path: Path, duckdb_environment: dict[str, str]) -> None:
    dbt = WarmDbt(folder=tmp_path / "target")
    holder = Fork(hold)
    holder.until("open")
    seeds = Fork(waiting(dbt, "seed"), mine=True)
    said = next(seeds.lines())
    waits = not seeds.ended()
    holder.kill()
    seeds.finish()
    path = duckdb_environment["HIREHOUSE_DUCKDB"]
    assert said == f"waiting for {path}, which process {holder.pid} has open"
    assert waits


@pytest.mark.every
@pytest.mark.usefixtures("duckdb_environment")
def test_landings_and_builds_of_a_duckdb_file_wait_for_each_other(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    scene = Scene("duckdb", tmp_path, 3, only=SAMPLE, limits=Limits(lines=500))
    Fork(landing(scene.parts[:1], scene.limits)).finish()

    build = Fork(building(scene.dbt, *MODELS), mine=True)
    assert build.until("NodeStart model.hirehouse.stg_landing__batches")
    lander = Fork(landing(scene.parts[1:2], scene.limits))
    build.finish()
    [waiting] = [line for line in lander.finish() if "waiting" in line]
    assert f"which process {build.pid} has open" in waiting

    lander = Fork(landing(scene.parts[2:], scene.limits))
    assert lander.until("batch")
    build = Fork(building(scene.dbt, *MODELS), mine=True)
    lander.finish()
    build.finish()
    assert f"which process {lander.pid} has open" in capfd.readouterr().err
    assert scene.content() == scene.expected
