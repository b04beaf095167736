"""hirehouse upgrade: what an older version has landed is whole, and goes on, in schema landed."""

from __future__ import annotations

import os
import random
import re
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner, Result

from conftest import run_dbt
from hirehouse.commands.main import app
from hirehouse.landing.land import land
from hirehouse.running.lock import LoopLock
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.landed_schema import ensure_tables, raw_tables
from hirehouse.warehouse.upgrade import upgrade
from support.events import event, line, write
from support.forks import Fork, Tell
from support.marts import Enter

Rows = dict[str, list[tuple[Any, ...]]]
Environment = dict[str, str]
MESSAGE = "this warehouse was made by an older version: run `hirehouse upgrade`"


def names(warehouse: Warehouse, schema: str) -> list[str]:
    """The tables of a schema and its views."""
    sql = "select table_name from information_schema.tables where table_schema = ? order by 1"
    return [name for (name,) in warehouse.query(sql, [schema])]


def content(warehouse: Warehouse, schema: str) -> Rows:
    """All rows of a schema by table, less those of dlt."""
    return {
        name: sorted(warehouse.query(f'select * from {schema}."{name}"'), key=repr)
        for name in names(warehouse, schema)
        if not name.startswith("_dlt")
    }


def shape(warehouse: Warehouse, schema: str) -> list[tuple[Any, ...]]:
    """The columns of a schema's tables, and on PostgreSQL its indexes."""
    columns = warehouse.query(
        "select table_name, ordinal_position, column_name, data_type, is_nullable,"
        " character_maximum_length, numeric_precision, numeric_scale"
        " from information_schema.columns where table_schema = ? order by 1, 2",
        [schema],
    )
    columns = [row for row in columns if not row[0].startswith("_dlt")]
    if warehouse.engine == "postgres":
        indexes = "select tablename, indexname from pg_indexes where schemaname = ? order by 1, 2"
        columns += warehouse.query(indexes, [schema])
    return columns


def make_old(warehouse: Warehouse) -> None:
    """Put what has landed where older versions have it, with a record of loads that dlt kept."""
    if warehouse.engine == "postgres":
        warehouse.execute("alter schema landed rename to raw")
    else:
        warehouse.execute("create schema raw")
        for name, sql in warehouse.query(
            "select table_name, sql from duckdb_tables() where schema_name = 'landed'"
        ):
            warehouse.execute(str(sql).replace("landed.", "raw.", 1))
            warehouse.execute(f'insert into raw."{name}" select * from landed."{name}"')
        warehouse.execute("drop schema landed cascade")
    warehouse.execute("create table raw._dlt_loads as select '1.5' as load_id")


def lines(first: int, count: int) -> list[bytes]:
    """Events, of which every tenth fails and every tenth has a property that no contract names."""
    made = []
    for number in range(first, first + count):
        match number % 10:
            case 3:
                made.append(b'{"broken": %d}' % number)
            case 7:
                made.append(line(event(number, unknown=number)))
            case _:
                made.append(line(event(number)))
    return made


def land_some(folder: Path, warehouse: Warehouse) -> Path:
    """Land two batches, and give their folder."""
    inputs = folder / "in"
    inputs.mkdir()
    land([write(inputs / "a.ndjson", lines(0, 200))], warehouse)
    land([write(inputs / "b.ndjson", lines(200, 50))], warehouse)
    return inputs


@pytest.fixture
def old(environment: Environment, tmp_path: Path) -> Rows:
    """A warehouse of each engine as an older version has made it; all that has landed there."""
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        land_some(tmp_path, warehouse)
        rows = content(warehouse, "landed")
        make_old(warehouse)
        assert content(warehouse, "raw") == rows
    assert len(rows["interview_requested"]) == 225
    assert len(rows["failed_events"]) == len(rows["unknown_properties"]) == 25
    assert len(rows["batches"]) == 2
    return rows


def command(*arguments: str, code: int = 0) -> Result:
    """Run a command; AssertionError with its output on another exit code."""
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == code, done.output + repr(done.exception)
    return done


# What moves.


def test_all_that_has_landed_moves_and_landing_goes_on(old: Rows, tmp_path: Path) -> None:
    with open_warehouse() as warehouse:
        before = shape(warehouse, "raw")
        tables = names(warehouse, "raw")
    said = command("upgrade").stdout
    assert f"moved {len(tables) - 1} tables" in said
    assert "dropped the tables of dlt, which nothing reads: _dlt_loads\n" in said
    assert "\n  dbt build --full-refresh\n  dbt run-operation drop_leftovers\n" in said
    with open_warehouse() as warehouse:
        assert content(warehouse, "landed") == old
        assert "_dlt_loads" not in names(warehouse, "landed")
        assert shape(warehouse, "landed") == before
        assert not warehouse.query(
            "select 1 from information_schema.schemata where schema_name = 'raw'"
        )
        again = land([tmp_path / "in"], warehouse)
        assert (len(again.already), again.batches) == (2, [])
        new = write(tmp_path / "c.ndjson", lines(300, 20))
        assert land([new], warehouse).batches == [3]
        small = write(tmp_path / "d.ndjson", lines(400, 20))
        assert land([small], warehouse).batches == [4]
        after = content(warehouse, "landed")
    command("failures", "replay", "--all", code=1)  # as before: these still fail
    assert "nothing to move" in command("upgrade").stdout
    with open_warehouse() as warehouse:
        assert content(warehouse, "landed")["interview_requested"] == after["interview_requested"]
        assert len(after["interview_requested"]) == 225 + 36


def test_what_contracts_got_since_is_added(warehouse: Warehouse, tmp_path: Path) -> None:
    land_some(tmp_path, warehouse)
    wanted = {name: len(columns) for name, columns in raw_tables().items()}
    warehouse.execute("alter table landed.interview_requested drop column context_utm_campaign")
    warehouse.execute("alter table landed.offer_extended drop column expires_on")
    warehouse.execute("drop table landed.production_counted")
    make_old(warehouse)
    upgrade(warehouse)
    found = warehouse.query(
        "select table_name, count(*) from information_schema.columns"
        " where table_schema = 'landed' group by table_name"
    )
    assert dict(found) == wanted
    assert warehouse.query("select count(*) from landed.interview_requested") == [(225,)]


def test_an_older_warehouse_without_rows_moves_too(warehouse: Warehouse) -> None:
    ensure_tables(warehouse)
    make_old(warehouse)
    assert set(upgrade(warehouse).moved) == set(raw_tables())
    assert set(names(warehouse, "landed")) == set(raw_tables())


@pytest.mark.one_engine
def test_empty_tables_that_are_there_already_are_no_obstacle(old: Rows) -> None:
    with open_warehouse() as warehouse:
        warehouse.execute("create schema landed")
        warehouse.execute("create table landed.offer_extended (a integer)")
        warehouse.execute("create table landed.mine as select 1 as a")
        upgrade(warehouse)
        assert warehouse.query("select a from landed.mine") == [(1,)]
        warehouse.execute("drop table landed.mine")
        assert content(warehouse, "landed") == old


def test_what_others_keep_in_schema_raw_stays(old: Rows, environment: Environment) -> None:
    with open_warehouse() as warehouse:
        warehouse.execute("create table raw.theirs as select 7 as a")
        warehouse.execute("create view raw.seven as select a from raw.theirs")
    target = environment["HIREHOUSE_TARGET"]
    said = command("upgrade", "--target", target).stdout
    assert "left in schema raw" in said
    # The target is part of what is to be run next.
    assert f"  dbt build --full-refresh --target {target}\n" in said
    assert f"  dbt run-operation drop_leftovers --target {target}\n" in said
    with open_warehouse() as warehouse:
        assert names(warehouse, "raw") == ["_dlt_loads", "seven", "theirs"]
        assert warehouse.query("select a from raw.seven") == [(7,)]
        assert content(warehouse, "landed") == old
    assert "nothing to move" in command("upgrade").stdout
    with open_warehouse() as warehouse:
        assert content(warehouse, "landed") == old


def test_tables_of_dlt_are_dropped_unless_others_share_the_schema(warehouse: Warehouse) -> None:
    ensure_tables(warehouse)
    for name in ("_dlt_loads", "theirs"):
        warehouse.execute(f"create table landed.{name} as select 7 as a")
    assert upgrade(warehouse).dropped == []
    assert warehouse.query("select a from landed._dlt_loads") == [(7,)]
    warehouse.execute("drop table landed.theirs")
    assert upgrade(warehouse).dropped == ["_dlt_loads"]
    assert set(names(warehouse, "landed")) == set(raw_tables())
    assert upgrade(warehouse).dropped == []


@pytest.mark.usefixtures("postgres_environment")
def test_views_of_schema_raw_and_its_grants_go_on_in_postgres(tmp_path: Path) -> None:
    with open_warehouse() as warehouse:
        land_some(tmp_path, warehouse)
        make_old(warehouse)
        warehouse.execute("create view public.counted as select count(*) as n from raw.batches")
        warehouse.execute("grant usage on schema raw to public")
        upgrade(warehouse)
        assert warehouse.query("select n from public.counted") == [(2,)]
        # Its owner is one who may use it, public the other.
        acl = "select cardinality(nspacl) from pg_namespace where nspname = 'landed'"
        assert warehouse.query(acl) == [(2,)]


# What does not.


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("present", [False, True])
def test_there_may_be_nothing_to_move(present: bool) -> None:
    with open_warehouse() as warehouse:
        # Someone else's schema of that name, and their batches.
        warehouse.execute("create schema raw")
        warehouse.execute("create table raw.batches (batch_id integer)")
        if present:
            ensure_tables(warehouse)
        before = content(warehouse, "landed")
    said = command("upgrade").stdout
    assert "nothing to move" in said
    assert "dbt" not in said
    with open_warehouse() as warehouse:
        assert content(warehouse, "landed") == before
        assert names(warehouse, "raw") == ["batches"]
        ensure_tables(warehouse)  # which nobody is told to upgrade for


def test_rows_in_both_schemas_are_an_error_that_changes_nothing(old: Rows) -> None:
    with open_warehouse() as warehouse:
        upgrade(warehouse)
        make_old(warehouse)
        warehouse.execute("create schema landed")
        warehouse.execute("create table landed.batches as select * from raw.batches")
    said = command("upgrade", code=1).output
    assert "both have rows" in said
    assert "drop schema raw" in said
    with open_warehouse() as warehouse:
        assert content(warehouse, "raw") == old
        assert content(warehouse, "landed") == {"batches": old["batches"]}
        # What it says to do helps.
        warehouse.execute("drop schema landed cascade")
    command("upgrade")
    with open_warehouse() as warehouse:
        assert content(warehouse, "landed") == old


def test_no_loop_may_be_running_meanwhile(old: Rows) -> None:
    claim = LoopLock()
    claim.acquire()
    try:
        said = command("upgrade", code=3).output
    finally:
        claim.release()
    assert "is kept up to date by hirehouse run" in said
    with open_warehouse() as warehouse:
        assert content(warehouse, "raw") == old
    command("upgrade")


@pytest.mark.one_engine
def test_other_commands_say_what_to_do_and_begin_no_second_schema(
    old: Rows, tmp_path: Path
) -> None:
    inputs = str(tmp_path / "in")
    ways: list[Sequence[str]] = [
        ["land", inputs],
        ["failures", "list"],
        ["failures", "list", "--unknown"],
        ["failures", "replay", "--all"],
        ["failures", "replay", "--unknown"],
        ["trace", "m-0000001"],
    ]
    for way in ways:
        assert MESSAGE in command(*way, code=1).output, way
    with open_warehouse() as warehouse:
        assert names(warehouse, "landed") == []
        assert content(warehouse, "raw") == old


# kill -9.


def _upgrade_until(moment: str, _: Tell) -> None:
    """Upgrade, and kill this process -9 in a moment such as "before 7" or "after commit"."""
    with open_warehouse() as warehouse:
        execute = warehouse.execute
        done = 0

        def reach(*moments: str) -> None:
            if moment in moments:
                os.kill(os.getpid(), signal.SIGKILL)

        def reaching(sql: str, parameters: Sequence[Any] = ()) -> None:
            nonlocal done
            reach(f"before {done}", f"before {sql}")
            execute(sql, parameters)
            done += 1
            reach(f"after {sql}")

        with patch.object(warehouse, "execute", reaching):
            upgrade(warehouse)


SAMPLE = 2  # moments without --all, drawn anew for each warehouse
BEFORE = [*(f"before {number}" for number in (0, 1, 2, 4, 17, 61)), "before commit"]


@pytest.mark.parametrize(
    ("engine", "others", "before", "after"),
    [
        ("duckdb", False, BEFORE, "after commit"),
        ("postgres", False, ["before 0", "before 2", "before commit"], "after commit"),
        ("postgres", True, BEFORE, "after commit"),
    ],
)
def test_a_kill_at_any_moment_loses_nothing(
    engine: str,
    others: bool,
    before: list[str],
    after: str,
    tmp_path: Path,
    enter: Enter,
    request: pytest.FixtureRequest,
) -> None:
    enter(engine)
    if not request.config.getoption("--all"):
        some = random.Random(f"{engine} {others}").sample(before, SAMPLE)
        before = [moment for moment in before if moment in some]
    with open_warehouse() as warehouse:
        land_some(tmp_path, warehouse)
        rows = content(warehouse, "landed")
        make_old(warehouse)
        if others:
            warehouse.execute("create table raw.theirs as select 7 as a")
            rows["theirs"] = [(7,)]
    for moment in (*before, after):
        fork = Fork(partial(_upgrade_until, moment))
        assert list(fork.lines()) == []
        assert fork.kill(), f"it has ended before {moment}"
        with open_warehouse() as warehouse:
            there = content(warehouse, "landed")
            assert bool(there) == (moment == after)
            # In each moment all of it is in one of the two.
            assert there | content(warehouse, "raw") == rows
    assert "nothing to move" in command("upgrade").stdout
    with open_warehouse() as warehouse:
        assert content(warehouse, "landed") | content(warehouse, "raw") == rows


# What older versions have built.


@pytest.mark.one_engine
def test_leftovers_are_named_and_then_dropped(environment: Environment, tmp_path: Path) -> None:
    made = ["core.dim_candidates", "staging.stg_hiring__offer_extended"]
    kept = [*made, "intermediate.model_progress", "landed.old", "elsewhere.old"]
    old = ["core.old_view", "core.old", "reference.old", 'staging."Old one"']
    variables = environment | {"DBT_TARGET_PATH": str(tmp_path), "DBT_LOG_PATH": str(tmp_path)}
    with open_warehouse() as warehouse:
        for schema in ("core", "staging", "intermediate", "reference", "landed", "elsewhere"):
            warehouse.execute(f"create schema {schema}")
        for name in (*kept, *old[1:]):
            warehouse.execute(f"create table {name} as select 1 as a")
        warehouse.execute("create view core.old_view as select a from core.old")
    everything = {name.replace('"', "") for name in (*kept, *old)}

    def left() -> set[str]:
        with open_warehouse() as warehouse:
            rows = warehouse.query("select table_schema, table_name from information_schema.tables")
        return {f"{a}.{b}" for a, b in rows} & everything

    def drop(*arguments: str) -> str:
        done = run_dbt(["run-operation", "drop_leftovers", *arguments], variables)
        assert done.returncode == 0, done.stdout
        return done.stdout

    said = drop("--args", "{dry_run: true}")
    named = {f"{kind} {name}" for name, kind in zip(old, ("view", *["table"] * 3), strict=True)}
    named = {name.replace('"', "") for name in named}
    assert set(re.findall(r"would drop (.*)", said)) == named
    assert left() == everything
    assert set(re.findall(r"dropped (.*)", drop())) == named
    assert left() == set(kept)
    assert "nothing is left" in drop()
