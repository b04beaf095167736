"""Properties that no contract named come back once one does, into the rows of their events."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

import hirehouse.tables
import hirehouse.unknown
from conftest import run_dbt
from events import event, line, write
from hirehouse.contracts import ROOT, Column, DataType, load
from hirehouse.land import land
from hirehouse.unknown import bring_back, unknown
from hirehouse.warehouse import Warehouse
from hirehouse.write import begin_batch
from marts import MakeEnvironment
from sequences import copied
from test_contract_change import add_column

# A column of each kind, with values that conform, and some that don't.
COLUMNS: dict[str, tuple[Column, list[object], list[object]]] = {
    "level": (
        Column("level", DataType.parse("varchar(8)"), "", {"enum": ["é", "", 'a"b']}),
        ["é", "", 'a"b'],
        ["x", 7],
    ),
    "days": (Column("days", DataType.parse("bigint"), ""), [2**62, -1], ["7", 2**63]),
    "fee": (Column("fee", DataType.parse("numeric(6,2)"), ""), [1.5, 20, 0.01], [0.001]),
    "remote": (Column("remote", DataType.parse("boolean"), ""), [True, False], [0]),
    "starts": (Column("starts", DataType.parse("date"), ""), ["2026-03-03"], ["2026-02-30"]),
    "seen": (
        Column("seen", DataType.parse("timestamp"), ""),
        ["2026-03-02T10:00:00.5+02:00"],
        ["2026-03-09T00:00:00Z"],
    ),
    "tags": (
        Column("tags", DataType.parse("varchar(40)"), "", {"items": {"type": "string"}}),
        [["b", "a"], []],
        [[1]],
    ),
}
EXPECTED = {
    "level": ["é", "", 'a"b'],
    "days": [2**62, -1],
    "fee": ["1.50", "20.00", "0.01"],
    "remote": [True, False],
    "starts": ["2026-03-03"],
    "seen": ["2026-03-02 08:00:00.500000"],
    "tags": ['["b","a"]', "[]"],
}


@pytest.fixture
def grow(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that gives the contract of `interview_requested` the columns."""

    def work() -> None:
        contracts = dict(load())
        old = contracts["interview_requested", 1]
        columns = (*old.columns, *(column for column, _, _ in COLUMNS.values()))
        contracts["interview_requested", 1] = replace(old, columns=columns)
        monkeypatch.setattr(hirehouse.unknown, "load", lambda: contracts)
        tables = hirehouse.tables.raw_tables()
        grown = (*tables["interview_requested"], *columns[len(old.columns) :])
        more = tables | {"interview_requested": grown}
        monkeypatch.setattr(hirehouse.tables, "raw_tables", lambda *_: more)

    return work


def values(warehouse: Warehouse, name: str) -> list[Any]:
    rows = warehouse.query(
        f"select {name} from raw.interview_requested where {name} is not null"
        " order by batch_id, batch_row"
    )
    plain = (bool, int)
    return [value if isinstance(value, plain) else str(value) for (value,) in rows]


def test_they_come_back_as_they_would_have_landed(
    warehouse: Warehouse, tmp_path: Path, grow: Callable[[], None]
) -> None:
    numbers = iter(range(1_000))
    lines = [line(event(next(numbers), nothing=None, days=None))]
    for name, (_, right, wrong) in COLUMNS.items():
        lines += [line(event(next(numbers), **{name: value})) for value in [*right, *wrong]]
    count = len(lines)
    land([write(tmp_path / "in.ndjson", lines)], warehouse, direct=count * 9)
    before = {row["property"]: row for row in unknown(warehouse)}
    assert before.keys() == {"nothing", *COLUMNS}
    assert not any(row["contracts"] or row["waiting"] for row in before.values())
    assert not bring_back(warehouse, "ana").counts
    # A batch that does not count.
    lost = begin_batch(warehouse, "[]")
    warehouse.execute(
        "insert into raw.unknown_properties select event_id, event, occurred_at, ?, batch_row,"
        " name, value from raw.unknown_properties",
        [lost],
    )

    grow()
    waiting = {row["property"]: row["waiting"] for row in unknown(warehouse)}
    assert waiting == {"nothing": 0} | {n: len([*r, *w]) for n, (_, r, w) in COLUMNS.items()}
    back = bring_back(warehouse, "ana")
    assert back.models == {"stg_employer_app__interview_requested"}
    assert {name: n for (_, name), n in back.counts.items()} == {
        name: len(right) for name, (_, right, _) in COLUMNS.items()
    }
    assert back.fails.total() == sum(len(wrong) for _, _, wrong in COLUMNS.values())
    assert {name: values(warehouse, name) for name in COLUMNS} == EXPECTED
    assert warehouse.query("select count(*) from raw.interview_requested") == [(count,)]
    [(told,)] = warehouse.query("select inputs from raw.batches order by batch_id desc limit 1")
    assert {one["by"] for one in json.loads(told)} == {"ana"}

    # Again: what failed fails, and no batch tells of nothing done.
    again = bring_back(warehouse, "bo")
    assert (again.counts.total(), again.fails) == (0, back.fails)
    assert {name: values(warehouse, name) for name in COLUMNS} == EXPECTED
    assert "bo" not in str(warehouse.query("select inputs from raw.batches"))
    left = {row["property"]: row["waiting"] for row in unknown(warehouse)}
    assert left == {"nothing": 0} | {n: len(wrong) for n, (_, _, wrong) in COLUMNS.items()}


def test_what_a_kill_left_half_done_is_finished(
    warehouse: Warehouse, tmp_path: Path, grow: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line(event(number, days=number)) for number in range(50)]
    land([write(tmp_path / "in.ndjson", lines)], warehouse, direct=999)
    grow()
    monkeypatch.setattr(hirehouse.unknown, "PAGE", 20)
    execute, pages = warehouse.execute, []

    def failing(sql: str, parameters: Any = ()) -> None:  # noqa: ANN401 - as it takes
        pages.extend([1] if "update raw" in sql else [])
        if len(pages) == 3:
            raise KeyboardInterrupt
        execute(sql, parameters)

    monkeypatch.setattr(warehouse, "execute", failing)
    with pytest.raises(KeyboardInterrupt):
        bring_back(warehouse, "ana")
    monkeypatch.setattr(warehouse, "execute", execute)
    assert len(values(warehouse, "days")) == 40
    assert bring_back(warehouse, "ana").counts.total() == 10
    assert values(warehouse, "days") == list(range(50))


def test_the_command_and_what_it_says_to_do_next(
    tmp_path: Path, make_environment: MakeEnvironment
) -> None:
    """A contract grows in a copy of the project; then staging has the values of before."""
    root = copied(tmp_path / "project")
    shutil.copytree(ROOT / "scripts" / "hirehouse", root / "scripts" / "hirehouse")
    environment = make_environment("duckdb", tmp_path)
    environment["DBT_TARGET_PATH"] = str(tmp_path / "target")

    def hirehouse_says(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-c", "from hirehouse.cli import main; main()", *arguments],
            env=environment | {"PYTHONPATH": str(root / "scripts"), "PATH": ""},
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    opened = {"position_id": "p", "employer_id": "e", "title": "t", "role": "data_engineer"}
    opened |= {"location": "london", "remote_policy": "remote"}
    told = [
        event(n) | {"event": "position_opened", "properties": opened | {"seniority": value}}
        for n, value in enumerate(["junior", "senior", "boss"])
    ]
    path = write(tmp_path / "in.ndjson", [line(one) for one in told])
    landed = json.loads(hirehouse_says("land", "--json", str(path)))
    assert (landed["events"], landed["unknown_properties"]) == (3, 3), landed
    assert "no contract has it" in hirehouse_says("failures", "list", "--unknown")
    assert "nothing done" in hirehouse_says("failures", "replay", "--unknown")
    staging = "stg_employer_app__position_opened"
    assert run_dbt(["run", "-s", f"+{staging}"], environment, root=root).returncode == 0

    add_column(root)
    assert "3 can be replayed" in hirehouse_says("failures", "list", "--unknown")
    said = hirehouse_says("failures", "replay", "--unknown", code=1)
    assert "2 replayed: seniority of raw.position_opened" in said
    assert "1 fail: enum at seniority of raw.position_opened" in said
    command = f"dbt build --full-refresh --select {staging}+"
    assert command in said
    done = run_dbt(["run", *command.removesuffix("+").split()[2:]], environment, root=root)
    assert done.returncode == 0, done.stdout
    with duckdb.connect(environment["HIREHOUSE_DUCKDB"]) as connection:
        rows = connection.execute(f"select seniority from staging.{staging}").fetchall()
    assert sorted(map(str, rows)) == ["('junior',)", "('senior',)", "(None,)"]
    assert json.loads(hirehouse_says("failures", "list", "--unknown", "--json"))[0]["waiting"] == 1
