"""Replay of unknown properties: they go into the rows of their events once contracts name them."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import hirehouse.failures.unknown_properties
import hirehouse.warehouse.landed_schema
from hirehouse.commands.failures import failures_app
from hirehouse.contracts.model import Column, DataType, load
from hirehouse.failures.unknown_properties import list_unknown, replay_unknown
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.events import event, line, write

pytestmark = pytest.mark.redshift

HALF = "2026-03-02 08:00:00.500000"
# By kind: type and rules, values with what the table holds then, values that don't conform.
KINDS: dict[str, tuple[str, dict[str, Any], list[tuple[object, object]], list[object]]] = {
    "level": ("varchar(8)", {"enum": ["é", "", 'a"b']}, [("é", "é"), ("", "")], ["x", 7]),
    "days": ("bigint", {}, [(2**62, 2**62), (-1, -1)], ["7", 2**63]),
    "fee": ("numeric(6,2)", {}, [(1.5, "1.50"), (20, "20.00")], [0.001]),
    "remote": ("boolean", {}, [(True, True), (False, False)], [0]),
    "starts": ("date", {}, [("2026-03-03", "2026-03-03")], ["2026-02-30"]),
    "seen": ("timestamp", {}, [("2026-03-02T10:00:00.5+02:00", HALF)], ["2026-03-09T00:00:00Z"]),
    "tags": ("varchar(40)", {"items": {"type": "string"}}, [(["b"], '["b"]'), ([], "[]")], [[1]]),
}
COLUMNS = tuple(Column(n, DataType.parse(k), "", meta) for n, (k, meta, *_) in KINDS.items())
EXPECTED = {name: [value for _, value in right] for name, (_, _, right, _) in KINDS.items()}
WRONG = {name: len(wrong) for name, (*_, wrong) in KINDS.items()}


@pytest.fixture
def grow(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that adds the columns to the contract of `interview_requested`, or a version."""

    def work(version: int = 1) -> None:
        contracts, tables = dict(load()), dict(hirehouse.warehouse.landed_schema.raw_tables())
        old = contracts["interview_requested", 1]
        name = "interview_requested" if version == 1 else f"interview_requested_v{version}"
        columns = (*old.columns, *COLUMNS)
        new = replace(old, table=name, version=version, columns=columns)
        contracts["interview_requested", version] = new
        tables[name] = (*tables["interview_requested"], *COLUMNS)
        monkeypatch.setattr(hirehouse.failures.unknown_properties, "load", lambda: contracts)
        monkeypatch.setattr(hirehouse.warehouse.landed_schema, "raw_tables", lambda *_: tables)

    return work


def values(warehouse: Warehouse, name: str) -> list[Any]:
    rows = warehouse.query(
        f"select {name} from landed.interview_requested where {name} is not null"
        " order by batch_id, batch_row"
    )
    plain = (bool, int)
    return [value if isinstance(value, plain) else str(value) for (value,) in rows]


def counts(warehouse: Warehouse) -> dict[str, tuple[int, int, bool]]:
    """Version, count and `named` of what is unknown, by property."""
    groups = list_unknown(warehouse, "interview_requested")
    return {one["property"]: (one["version"], one["count"], one["named"]) for one in groups}


def test_replayed_values_equal_landed_ones(
    warehouse: Warehouse, tmp_path: Path, grow: Callable[..., None]
) -> None:
    numbers = iter(range(1_000))
    lines = [line(event(next(numbers), nothing=None, days=None))]
    for name, (_, _, right, wrong) in KINDS.items():
        sent = [*(value for value, _ in right), *wrong]
        lines += [line(event(next(numbers), **{name: value})) for value in sent]
    count = len(lines)
    land([write(tmp_path / "in.ndjson", lines)], warehouse)
    arrived = {name: len(EXPECTED[name]) + WRONG[name] for name in KINDS}
    before = {n: (1, number + (n == "days"), False) for n, number in arrived.items()}
    assert counts(warehouse) == before | {"nothing": (1, 1, False)}
    assert list_unknown(warehouse, "offer_extended") == []
    assert not replay_unknown(warehouse, "ana").counts
    # A batch that is not committed does not count.
    more = [line(event(next(numbers), days=5, nothing=1))]
    land([write(tmp_path / "more.ndjson", more)], warehouse)
    lost = "(select max(batch_id) from landed.batches)"
    warehouse.execute(f"update landed.batches set committed_at = null where batch_id = {lost}")
    # Another version than that of these events names them.
    grow(2)
    assert counts(warehouse) == before | {"nothing": (1, 1, False)}
    assert not replay_unknown(warehouse, "ana").counts

    grow()
    assert counts(warehouse) == {
        "nothing": (1, 1, False),
        **{name: (1, number, True) for name, number in arrived.items()},
    }
    assert not replay_unknown(warehouse, "ana", "offer_extended").counts
    dry = replay_unknown(warehouse, "ana", dry_run=True)
    assert not any(values(warehouse, name) for name in KINDS)
    back = replay_unknown(warehouse, "ana", "interview_requested")
    assert dry == back
    assert back.models == {"stg_employer_app__interview_requested"}
    assert {n: number for (_, n), number in back.counts.items()} == {
        name: len(expected) for name, expected in EXPECTED.items()
    }
    assert back.fails.total() == sum(WRONG.values())
    assert {name: values(warehouse, name) for name in KINDS} == EXPECTED
    assert warehouse.query("select count(*) from landed.interview_requested") == [(count + 1,)]

    # Again: what failed still fails, and no batch is written.
    again = replay_unknown(warehouse, "bo")
    assert (again.counts.total(), again.fails) == (0, back.fails)
    assert {name: values(warehouse, name) for name in KINDS} == EXPECTED
    batches = warehouse.query("select inputs from landed.batches where committed_at is not null")
    entries = [one for (inputs,) in batches for one in json.loads(inputs) if "failures" in one]
    assert [one["by"] for one in entries] == ["ana"] * len(KINDS)
    left = {name: (1, number, True) for name, number in WRONG.items()}
    assert counts(warehouse) == left | {"nothing": (1, 1, False)}


def landed_days(warehouse: Warehouse, folder: Path) -> None:
    lines = [line(event(number, days=number)) for number in range(50)]
    land([write(folder / "in.ndjson", lines)], warehouse)


def test_an_interrupted_replay_leaves_nothing_and_can_be_repeated(
    warehouse: Warehouse, tmp_path: Path, grow: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    landed_days(warehouse, tmp_path)
    grow()
    monkeypatch.setattr(hirehouse.failures.unknown_properties, "PAGE_SIZE", 20)
    execute, pages = warehouse.execute, []

    def failing(sql: str, parameters: Any = ()) -> None:
        pages.extend([1] if "update landed" in sql else [])
        if len(pages) == 3:
            pages.clear()
            raise KeyboardInterrupt
        execute(sql, parameters)

    monkeypatch.setattr(warehouse, "execute", failing)
    with pytest.raises(KeyboardInterrupt):
        replay_unknown(warehouse, "ana")
    monkeypatch.setattr(warehouse, "execute", execute)
    assert values(warehouse, "days") == []
    back = replay_unknown(warehouse, "ana")
    assert (back.counts.total(), len(back.models)) == (50, 1)
    assert values(warehouse, "days") == list(range(50))


@pytest.mark.usefixtures("postgres_environment")
def test_of_two_concurrent_replays_one_waits_and_finds_nothing_to_do(
    tmp_path: Path, grow: Callable[..., None]
) -> None:
    said: queue.Queue[str] = queue.Queue()

    def work(actor: str) -> int:
        with open_warehouse(say=said.put) as mine:
            return replay_unknown(mine, actor).counts.total()

    with open_warehouse() as warehouse, ThreadPoolExecutor() as pool:
        landed_days(warehouse, tmp_path)
        grow()
        with warehouse.landing_lock():
            both = [pool.submit(work, actor) for actor in ("ana", "bo")]
            assert all("waiting" in said.get(timeout=30) for _ in both)
        assert sorted(one.result() for one in both) == [0, 50]
        assert values(warehouse, "days") == list(range(50))


@pytest.mark.parametrize("text", ["list --unknown --rule enum", "replay --all --dry-run"])
def test_options_without_effect_are_rejected(text: str) -> None:
    assert CliRunner().invoke(failures_app, text.split()).exit_code == 2
