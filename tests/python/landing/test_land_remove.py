"""`--remove` deletes segments of the collector that have landed completely, and nothing else."""

from __future__ import annotations

import fcntl
import io
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

import hirehouse.collecting.spool
import hirehouse.landing.write_batches
from hirehouse.collecting.spool import PART
from hirehouse.commands.main import app
from hirehouse.landing.inputs import InputFile, InputProgress, Limits
from hirehouse.landing.land import land
from hirehouse.landing.read_batches import identify
from hirehouse.landing.remove_segments import remove_landed
from hirehouse.landing.write_batches import write_batch
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.profile import WarehouseError
from support.collectors import Collector, Load, call, serving, until
from support.events import event, line, write
from support.forks import Fork, Tell

pytestmark = pytest.mark.redshift


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def segment(spool: Path, number: int, count: int = 1) -> Path:
    """A segment as the collector writes it."""
    lines = [line(event(number * 1_000 + row)) for row in range(count)]
    return write(spool / f"{number}-1.ndjson", lines)


def left(spool: Path) -> set[str]:
    return {path.name for path in spool.iterdir()}


def ids(warehouse: Warehouse) -> list[str]:
    """The ids of events in committed batches, in order."""
    return [
        key
        for (key,) in warehouse.query(
            "select event_id from landed.interview_requested where batch_id in"
            " (select batch_id from landed.batches where committed_at is not null)"
            " order by event_id"
        )
    ]


def test_only_completely_landed_segments_are_removed(
    warehouse: Warehouse, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = segment(spool, 1, 3)
    others = [
        write(spool / "own.ndjson", [line(event(2))]),
        write(spool / f".2-1.ndjson{PART}", [line(event(3))]),
        write(spool / "3-1.ndjson.gz", [line(event(4))], packed=True),
    ]
    torn = spool / "4-1.ndjson"
    torn.write_bytes(b"\x1f\x8b\x08 no gzip")
    text = io.TextIOWrapper(io.BytesIO(line(event(5)) + b"\n"))
    monkeypatch.setattr(sys, "stdin", text)
    result = land([spool, *others, "-"], warehouse, remove=True)
    assert result.removed == [str(first)]
    assert [str(torn) in text for text in result.unreadable] == [True]
    assert left(spool) == {torn.name, *(path.name for path in others)}
    assert len(ids(warehouse)) == result.events == 7


def test_nothing_is_removed_without_the_option_or_lands_again_with_it(
    warehouse: Warehouse, spool: Path
) -> None:
    segment(spool, 1, 3)
    assert land([spool], warehouse).removed == []
    again = land([spool], warehouse, remove=True)
    assert (again.events, len(again.already), len(again.removed)) == (0, 1, 1)
    assert left(spool) == set()


def test_a_segment_locked_by_its_writer_stays(warehouse: Warehouse, spool: Path) -> None:
    with segment(spool, 1).open("ab") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert land([spool], warehouse, remove=True).removed == []
    assert len(land([spool], warehouse, remove=True).removed) == 1


def test_a_changed_segment_stays_until_it_lands(
    warehouse: Warehouse, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed, same = segment(spool, 1), segment(spool, 2)

    def change(*arguments: Any) -> int:
        batch_id = write_batch(*arguments)
        with changed.open("ab") as file:
            file.write(line(event(1_500)) + b"\n")
        return batch_id

    with monkeypatch.context() as patch:
        patch.setattr("hirehouse.landing.land.write_batch", change)
        assert land([spool], warehouse, remove=True).removed == [str(same)]
    assert left(spool) == {changed.name}
    assert land([spool], warehouse, remove=True).removed == [str(changed)]
    assert set(ids(warehouse)) == {"m-0001000", "m-0001500", "m-0002000"}


@pytest.mark.parametrize("where", ["commit_batch", "begin_batch"])
def test_an_interrupted_segment_stays(
    warehouse: Warehouse, spool: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    segment(spool, 1, 5)
    tries = iter(range(9))
    real = getattr(hirehouse.landing.write_batches, where)

    def failing(*arguments: object) -> object:
        if next(tries) == 1:
            raise WarehouseError("the disk is full")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(hirehouse.landing.write_batches, where, failing)
        with pytest.raises(WarehouseError):
            land([spool], warehouse, limits=Limits(lines=3), remove=True)
    assert left(spool) == {"1-1.ndjson"}
    assert len(ids(warehouse)) == 3
    result = land([spool], warehouse, limits=Limits(lines=3), remove=True)
    assert (result.events, left(spool)) == (2, set())
    assert len(set(ids(warehouse))) == len(ids(warehouse)) == 5


def test_a_partly_landed_segment_stays(spool: Path) -> None:
    place = InputFile("segment", segment(spool, 1, 3))
    with place.path.open("rb") as file:
        checksum = identify(place, file).checksum
    assert not remove_landed(place, {})
    assert not remove_landed(place, {checksum: InputProgress(last_line=3)})
    assert remove_landed(place, {checksum: InputProgress(last_line=3, complete=True)})
    assert left(spool) == set()


def test_a_segment_that_cannot_be_removed_is_reported(
    warehouse: Warehouse, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = segment(spool, 1)

    def refusing(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refusing)
    result = land([spool], warehouse, remove=True)
    assert result.unreadable == [f"{path}: not removed: Permission denied"]
    assert (result.events, result.removed) == (1, [])


def to_the_brink(folder: str, tell: Tell) -> None:
    """Land, and wait to be killed before a segment is removed."""

    def waiting(*_: object) -> bool:
        tell("committed")
        threading.Event().wait()
        return False

    with (
        patch("hirehouse.landing.land.remove_landed", waiting),
        open_warehouse(say=tell) as warehouse,
    ):
        land([folder], warehouse, remove=True)


def test_a_kill_between_commit_and_removal_leaves_a_file_for_the_next_landing(
    environment: dict[str, str], spool: Path
) -> None:
    assert environment
    segment(spool, 1, 3)
    lander = Fork(partial(to_the_brink, str(spool)))
    assert lander.until("committed"), lander.said
    assert lander.kill()
    assert left(spool) == {"1-1.ndjson"}
    with open_warehouse() as warehouse:
        result = land([spool], warehouse, remove=True)
        assert (result.events, len(result.removed), len(ids(warehouse))) == (0, 1, 3)
    assert left(spool) == set()


def test_the_open_segment_of_the_collector_stays(environment: dict[str, str], spool: Path) -> None:
    assert environment

    def run() -> str:
        done = CliRunner().invoke(app, ["land", "--remove", str(spool)])
        assert done.exit_code == 0, done.output
        return done.stdout

    with serving(spool, age=600) as port:
        assert call(port, "/v1/track", event(1)).status == 200
        [name] = left(spool)
        assert name.endswith(PART)
        assert "removed" not in run()
        # Not even if its path is named.
        done = CliRunner().invoke(app, ["land", "--remove", str(spool / name)])
        assert (done.exit_code, left(spool)) == (0, {name})
        assert call(port, "/v1/track", event(2)).status == 200
    assert "segments removed" in run()
    assert left(spool) == set()
    with open_warehouse() as warehouse:
        assert set(ids(warehouse)) == {"m-0000001", "m-0000002"}


def test_under_load_answered_events_land_once(warehouse: Warehouse, spool: Path) -> None:
    collector = Collector("--spool", str(spool), "--age", "0.05")
    load = Load(collector.port, 0)
    removed = 0
    try:
        for _ in range(15):
            removed += len(land([spool], warehouse, remove=True).removed)
    finally:
        collector.end()
    for thread in load.threads:
        thread.join()
    removed += len(land([spool], warehouse, remove=True).removed)
    until(lambda: not left(spool), 1)
    found = ids(warehouse)
    assert removed > 3
    assert load.answered <= set(found) <= load.sent
    assert len(set(found)) == len(found)
