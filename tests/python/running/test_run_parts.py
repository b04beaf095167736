"""What the loop of `hirehouse run` is made of: its inbox, its claim, its way of writing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from hirehouse.landing.inputs import InputError
from hirehouse.landing.land import Known, land
from hirehouse.running.graph import Graph
from hirehouse.running.lock import LoopLock, LoopLockHeld
from hirehouse.running.loop import Inbox
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.profile import WarehouseError
from simulator import simulate
from support.events import event, garbage, line, write
from support.scene import raw_hashes

RecordProperty = Callable[[str, object], None]


def test_one_loop_has_a_warehouse(environment: dict[str, str]) -> None:
    first, second = LoopLock(), LoopLock()
    first.hold()
    for _ in range(2):
        with pytest.raises(LoopLockHeld, match=f"process {os.getpid()} "):
            second.hold()
        first.hold()
    if environment["HIREHOUSE_TARGET"] == "postgres":
        # A server that has started anew knows nothing of the claim.
        with open_warehouse() as warehouse:
            warehouse.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name like 'hirehouse run%'"
            )
            first.hold()
            with pytest.raises(LoopLockHeld):
                second.hold()
    first.let_go()
    second.hold()
    second.let_go()


def test_an_inbox_tells_each_file_once(tmp_path: Path, record_property: RecordProperty) -> None:
    inbox = tmp_path / "inbox"
    (inbox / "below").mkdir(parents=True)
    (inbox / ".hidden").mkdir()
    for name in ("a.ndjson.tmp", "b.ndjson.part", ".c.ndjson", ".hidden/d.ndjson", "e.json"):
        (inbox / name).touch()
    lone = tmp_path / "lone.txt"
    lone.touch()
    told = Inbox([str(inbox), str(lone), str(tmp_path / "*.jsonl")])

    def new() -> set[str]:
        files = told.new()
        told.seen |= files
        return {Path(name).name for name in files}

    assert new() == {"lone.txt"}
    (inbox / "a.ndjson.tmp").rename(inbox / "below" / "a.ndjson")
    (tmp_path / "later.jsonl").touch()
    assert new() == {"a.ndjson", "later.jsonl"}
    assert new() == set()
    (inbox / "below" / "a.ndjson").chmod(0o600)
    assert new() == {"a.ndjson"}
    (inbox / "below" / "a.ndjson").unlink()
    assert new() == set()
    assert len(told.seen) == 2
    for number in range(5_000):
        (inbox / f"{number}.ndjson").touch()
    assert len(new()) == 5_000
    begun = time.perf_counter()
    assert new() == set()
    record_property("ms for a look at 5,000 files", f"{(time.perf_counter() - begun) * 1000:.0f}")
    with pytest.raises(InputError, match="nowhere"):
        Inbox([str(tmp_path / "nowhere")]).new()


def test_what_is_touched_is_built_and_views_lead_on_to_it() -> None:
    kinds = {
        "stg_landing__batches": "incremental",
        "stg_a": "view",
        "stg_b": "view",
        "table_a": "table",
        "on_table": "view",
        "gone": "ephemeral",
        "int_ab": "incremental",
        "days": "table",
    }
    children = {
        "stg_landing__batches": ["stg_a", "stg_b"],
        "stg_a": ["table_a", "gone"],
        "gone": ["int_ab"],
        "stg_b": ["int_ab"],
        "table_a": ["on_table"],
    }
    sources = {
        f"source.{t}": SimpleNamespace(identifier=t, source_name="app")
        for t in ("batches", "a", "b")
    }
    reads = {"stg_landing__batches": "batches", "stg_a": "a", "stg_b": "b"}
    nodes = {
        f"model.hirehouse.{name}": SimpleNamespace(
            name=name,
            schema="staging",
            resource_type="model",
            config=SimpleNamespace(materialized=kind),
            depends_on_nodes=[f"source.{reads[name]}"] if name in reads else [],
        )
        for name, kind in kinds.items()
    }
    graph = Graph(
        SimpleNamespace(
            nodes=nodes,
            sources=sources,
            child_map={
                f"model.hirehouse.{name}": [f"model.hirehouse.{c}" for c in children.get(name, [])]
                for name in kinds
            },
            build_parent_and_child_maps=lambda: None,
        )
    )

    def named(nodes: set[str]) -> set[str]:
        return {graph.names[node] for node in nodes}

    always = {"stg_landing__batches"}
    assert named(graph.touched({"batches"})) == always
    assert named(graph.touched({"batches", "b"})) == always | {"int_ab"}
    assert named(graph.touched({"batches", "a"})) == always | {"table_a", "int_ab"}
    assert named(graph.everything()) == kinds.keys() - {"gone"}
    assert named(graph.hanging_on({"model.hirehouse.stg_a"})) == {
        *("stg_a", "table_a", "on_table", "gone", "int_ab")
    }


def test_both_ways_of_writing_give_the_same_rows(
    environment: dict[str, str], tmp_path: Path
) -> None:
    del environment
    simulate(tmp_path / "in", seed=2, days=20, candidates=10, unknown_share=0.1)
    texts = [event(n, decline_reason=text) for n, text in enumerate(["", "\\N", "ä\t'\"", "null"])]
    write(tmp_path / "in" / "odd.ndjson", [*map(line, texts), *garbage()])
    hashes = []
    for direct in (0, 1_000_000):
        with open_warehouse() as warehouse:
            warehouse.execute("drop schema if exists landed cascade")
            landed = land([tmp_path / "in"], warehouse, direct=direct)
            assert landed.events + landed.failed == landed.lines
            assert landed.rows["failed_events"] == landed.failed > 900
            instead = {"batch_id": "t.batch_id"}
            hashes.append(raw_hashes(warehouse, instead))
    assert hashes[0] == hashes[1]


def test_a_landing_knows_what_came_before(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [write(tmp_path / f"{n}.ndjson", [line(event(n))]) for n in range(4)]
    known = Known()
    assert land(files[:2], warehouse, known=known, direct=10).batches == [1]
    land(files[2:3], warehouse)
    assert land(files[:3], warehouse, known=known, direct=10).batches == []
    assert (len(known.done), known.highest) == (3, 2)
    monkeypatch.setattr("hirehouse.landing.land.REMEMBERED", 1)
    # What it no longer knows lands again; the last ones it knows.
    again = land(files, warehouse, known=known, direct=10)
    assert (len(again.already), again.events, len(known.done)) == (1, 3, 1)


def test_a_write_without_dlt_is_whole_or_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.ndjson", [line(event(1)), b"no"])
    land([], warehouse)
    warehouse.execute("alter table landed.interview_requested alter column session_id set not null")
    with pytest.raises(WarehouseError, match="session_id") as caught:
        land([file], warehouse, direct=10)
    assert "cdy-1" not in str(caught.value)
    for table in ("interview_requested", "failed_events"):
        assert warehouse.query(f"select count(*) from landed.{table}") == [(0,)]
    warehouse.execute(
        "alter table landed.interview_requested alter column session_id drop not null"
    )
    assert land([file], warehouse, direct=10).batches == [2]
