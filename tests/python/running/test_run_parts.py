"""Parts of the loop of `hirehouse run`: its inbox, its lock, its cache of landed inputs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from hirehouse.landing.decompress import InputError
from hirehouse.landing.land import LandingCache, land
from hirehouse.running.graph import Graph
from hirehouse.running.lock import LoopLock, LoopLockHeld
from hirehouse.running.loop import Inbox
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.events import event, line, write

RecordProperty = Callable[[str, object], None]


def test_one_loop_at_a_time_has_a_warehouse(environment: dict[str, str]) -> None:
    first, second = LoopLock(), LoopLock()
    first.acquire()
    for _ in range(2):
        with pytest.raises(LoopLockHeld, match=f"process {os.getpid()} "):
            second.acquire()
        first.acquire()
    if environment["HIREHOUSE_TARGET"] == "postgres":
        # A restart of the server releases the lock.
        with open_warehouse() as warehouse:
            warehouse.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name like 'hirehouse run%'"
            )
            first.acquire()
            with pytest.raises(LoopLockHeld):
                second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_an_inbox_reports_each_file_once(tmp_path: Path, record_property: RecordProperty) -> None:
    inbox = tmp_path / "inbox"
    (inbox / "below").mkdir(parents=True)
    (inbox / ".hidden").mkdir()
    for name in ("a.ndjson.tmp", "b.ndjson.part", ".c.ndjson", ".hidden/d.ndjson", "e.txt"):
        (inbox / name).touch()
    lone = tmp_path / "lone.txt"
    lone.touch()
    told = Inbox([str(inbox), str(lone), str(tmp_path / "*.jsonl")])

    def new() -> set[str]:
        files = told.new()
        told.handled |= files
        return {Path(name).name for name in files}

    assert new() == {"lone.txt"}
    # Names that files have while they are written come and go, and are not told.
    assert told.take_left_out() == {"the name ends in .txt": [str(inbox / "e.txt")]}
    (inbox / "e.txt").rename(inbox / "f.txt")
    (inbox / "a.ndjson.tmp").rename(inbox / "below" / "a.ndjson")
    (tmp_path / "later.jsonl").touch()
    assert new() == {"a.ndjson", "later.jsonl"}
    assert told.take_left_out() == {"the name ends in .txt": [str(inbox / "f.txt")]}
    assert new() == set()
    assert told.take_left_out() == {}
    (inbox / "below" / "a.ndjson").chmod(0o600)
    assert new() == {"a.ndjson"}
    (inbox / "below" / "a.ndjson").unlink()
    assert new() == set()
    assert len(told.handled) == 2
    for number in range(5_000):
        (inbox / f"{number}.ndjson").touch()
    assert len(new()) == 5_000
    begun = time.perf_counter()
    assert new() == set()
    record_property("ms for a look at 5,000 files", f"{(time.perf_counter() - begun) * 1000:.0f}")
    with pytest.raises(InputError, match="nowhere"):
        Inbox([str(tmp_path / "nowhere")]).new()


def test_an_inbox_looks_again_at_a_file_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hirehouse.running.loop.WAIT", 0.3)
    file, other = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    for one in (file, other):
        one.write_bytes(b"{")
    inbox = Inbox([str(tmp_path)])
    files = inbox.new()
    assert len(files) == 2
    inbox.note_landed(files, [str(file)])
    assert inbox.new() == {}
    time.sleep(0.4)
    again = inbox.new()
    assert again.keys() == {str(file)}
    inbox.note_landed(again, [])
    assert inbox.new() == {}
    # They change before their time is over, or vanish.
    inbox.note_landed(files, [str(file), str(other)])
    file.write_bytes(b"{}")
    inbox.note_landed(inbox.new(), [])
    other.unlink()
    time.sleep(0.4)
    assert inbox.new() == {}
    inbox.note_landed({}, [])
    assert inbox.again_at == {}


def test_a_watched_folder_refuses_links_that_lead_out(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    secret = write(tmp_path / "secret.ndjson", [b"root:x:0:0"])
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "up").symlink_to("..")
    (folder / "link.ndjson").symlink_to(secret)
    (folder / "within.ndjson").symlink_to("a/1.txt")
    write(folder / "a" / "1.txt", [line(event(1))])
    os.mkfifo(folder / "pipe.ndjson")
    named = tmp_path / "named.ndjson"
    named.symlink_to(secret)
    for path in (folder, folder / "*.ndjson", folder / "**" / "*.ndjson"):
        inbox = Inbox([str(path)])
        assert inbox.new().keys() == {str(folder / "a" / "1.txt")}
        left = {Path(n).name: why for why, names in inbox.left_out.items() for n in names}
        assert left["link.ndjson"] == "a link that leads out of the folder"
        assert "no regular file" in left["pipe.ndjson"]
    # A link on the command line is followed.
    assert Inbox([str(named)]).new().keys() == {str(secret)}


def test_models_downstream_of_touched_tables_are_built_also_through_views() -> None:
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
    assert named(graph.with_descendants({"model.hirehouse.stg_a"})) == {
        *("stg_a", "table_a", "on_table", "gone", "int_ab")
    }


def test_a_landing_uses_the_cache_of_earlier_ones(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [write(tmp_path / f"{n}.ndjson", [line(event(n))]) for n in range(4)]
    cache = LandingCache()
    assert land(files[:2], warehouse, cache=cache).batches == [1]
    land(files[2:3], warehouse)
    assert land(files[:3], warehouse, cache=cache).batches == []
    assert (len(cache.done), cache.highest) == (3, 2)
    monkeypatch.setattr("hirehouse.landing.land.MAX_CACHED", 1)
    # Inputs that are no longer cached land again; the last ones are cached.
    again = land(files, warehouse, cache=cache)
    assert (len(again.already), again.events, len(cache.done)) == (1, 3, 1)
