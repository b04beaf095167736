"""Files that grow, are copied or packed again: a failure counts once, a half line waits."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from hirehouse.events.validate import Verdict
from hirehouse.landing import read_batches
from hirehouse.landing.failed_events import Failure, failure_ids
from hirehouse.landing.inputs import Batch, Input, InputFile, InputProgress, Limits, Segment
from hirehouse.landing.land import _rest, land
from hirehouse.landing.read_batches import WAIT, finished
from hirehouse.landing.write_batches import write_batch
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.profile import WarehouseError
from support.events import event, line, write
from support.forks import Fork, landing

pytestmark = pytest.mark.one_engine

COMMITTED = "batch_id in (select batch_id from landed.batches where committed_at is not null)"
LINES = [line(event(1)), b'{"broken": 1', b"", line(event(2)), b"no", b'{"broken": 1', b"no"]


def failures(warehouse: Warehouse) -> list[tuple[str, int, str]]:
    """(input, line, id) of all failed events, in the order of landing."""
    sql = f"select input, line, failure_id from landed.failed_events where {COMMITTED}"
    rows = warehouse.query(f"{sql} order by batch_id, batch_row")
    return [(Path(name).name, number, key) for name, number, key in rows]


def events(warehouse: Warehouse) -> list[str]:
    sql = f"select event_id from landed.interview_requested where {COMMITTED} order by event_id"
    return [key for (key,) in warehouse.query(sql)]


def test_a_failure_is_known_by_what_comes_before_it(warehouse: Warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.ndjson", LINES)
    assert land([file], warehouse).failed == 4
    data = file.read_bytes()
    found = failures(warehouse)
    assert [number for _, number, _ in found] == [2, 5, 6, 7]
    for _, number, key in found:
        before = b"".join(text + b"\n" for text in LINES[: number - 1])
        assert key == hashlib.sha256(before + LINES[number - 1]).hexdigest()

    # Under another name, packed again, grown, and in parts.
    write(tmp_path / "copy.jsonl", [*LINES, line(event(3))])
    (tmp_path / "b.gz").write_bytes(gzip.compress(data))
    with pa.output_stream(str(tmp_path / "c.zst"), compression="zstd") as stream:
        stream.write(data)
    write(tmp_path / "d.ndjson", [*LINES, b"", line(event(4))])
    for name in ("copy.jsonl", "b.gz", "c.zst", "d.ndjson"):
        result = land([tmp_path / name], warehouse, limits=Limits(lines=2))
        assert (result.failed, len(result.batches) > 2) == (4, True)
    assert failures(warehouse) == found

    # And together in one batch.
    write(tmp_path / "e.ndjson", [*LINES, b"", b"new"])
    write(tmp_path / "f.ndjson", [*LINES, b"", b"new", b"newer"])
    land([tmp_path / "e.ndjson", tmp_path / "f.ndjson"], warehouse)
    assert [(name, number) for name, number, _ in failures(warehouse)[4:]] == [
        *(("e.ndjson", 9), ("f.ndjson", 10))
    ]


def test_equal_lines_of_different_files_are_different_failures(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """Also at the same place of files of the same name."""
    for folder, number in {"a": 1, "b": 2}.items():
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "events.ndjson", [line(event(number)), b"{broken"])
    assert land([tmp_path / "a", tmp_path / "b"], warehouse).failed == 2
    assert len(set(failures(warehouse))) == 2


def test_a_resumed_landing_gives_the_same_ids(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a.ndjson", LINES)
    done: list[int] = []

    def failing(*arguments: object) -> int:
        if len(done) == 2:
            raise WarehouseError("the disk is full")
        done.append(write_batch(*arguments))  # type: ignore[arg-type]
        return done[-1]

    with monkeypatch.context() as patch:
        patch.setattr("hirehouse.landing.land.write_batch", failing)
        with pytest.raises(WarehouseError):
            land([file], warehouse, limits=Limits(lines=2))
    assert land([file], warehouse).lines == 3
    found = failures(warehouse)
    land([write(tmp_path / "b.ndjson", [*LINES, b""])], warehouse)
    assert len(found) == len(set(found)) == 4
    assert failures(warehouse) == found


def test_the_rest_of_a_batch_has_the_same_ids() -> None:
    def ids(segment: Segment) -> list[str]:
        lines = enumerate(segment.lines, segment.first_line)
        some = [Failure(segment, number, number, body, Verdict()) for number, body in lines]
        return list(failure_ids(some))

    start = hashlib.sha256(b"the lines before\n")
    batch = Batch([Segment(Input("a", "0", 9), 5, LINES, complete=True, before=start)])
    [rest] = _rest(batch, {"0": InputProgress(last_line=6)}).segments
    assert (rest.first_line, rest.complete) == (7, True)
    assert ids(rest) == ids(batch.segments[0])[2:]
    # Of a topic: by its id, partition and offset.
    topics = [Segment(Input("kafka://b/t[0]", f"{key}[0]", 0), 5, LINES) for key in "ab"]
    assert len({*ids(topics[0]), *ids(topics[1])}) == 2 * len(LINES)
    assert ids(topics[0])[2:] == ids(Segment(topics[0].input, 7, LINES[2:]))


def aged(path: Path, seconds: float = WAIT + 1) -> Path:
    """A file that was changed so long ago."""
    os.utime(path, (time.time() - seconds,) * 2)
    return path


HALF = line(event(3))[:-20]


def test_a_half_line_waits_for_its_end(warehouse: Warehouse, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(LINES[0] + b"\n" + HALF)
    for batches in ([1], []):
        result = land([file], warehouse)
        assert (result.batches, result.failed, result.inputs) == (batches, 0, [])
        assert result.waiting == [str(file)]
    assert events(warehouse) == ["m-0000001"]
    # The line comes to be complete.
    with file.open("ab") as more:
        more.write(line(event(3))[-20:])
    result = land([file], warehouse)
    assert (result.events, result.failed, result.waiting) == (2, 0, [])
    assert land([file], warehouse).already == [str(file)]


def test_a_half_line_of_an_old_file_lands(warehouse: Warehouse, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(b"\n".join([*LINES, HALF]))
    first = land([file], warehouse, limits=Limits(lines=len(LINES)))
    assert (first.events, first.failed, first.waiting) == (2, 4, [str(file)])
    result = land([aged(file)], warehouse)
    assert (result.lines, result.failed, result.inputs) == (1, 1, [str(file)])
    assert failures(warehouse)[-1][:2] == ("a.ndjson", 8)
    assert land([file], warehouse).already == [str(file)]
    (tmp_path / "b.ndjson").write_bytes(HALF)
    assert land([tmp_path / "b.ndjson"], warehouse).waiting
    assert land([aged(tmp_path / "b.ndjson")], warehouse).failed == 1


@pytest.mark.parametrize(
    ("tail", "age", "waits"),
    [
        (b"no", 0, True),
        (b"no", WAIT - 10, True),
        (b"no", -10, True),  # by another clock
        (b"no", WAIT + 1, False),
        (b"no", -1e9, False),
        (b"no\n", 0, False),
        (line(event(2)), 0, False),
        (b'{"a":"\\ud83d"}', 0, False),
        (b" \r", 0, False),
        (b"x" * 3_000_000, 0, True),
        (b"[" * 9_000, 0, True),
    ],
)
def test_only_a_half_line_of_a_file_that_changes_waits(
    warehouse: Warehouse, tmp_path: Path, tail: bytes, age: float, waits: bool
) -> None:
    (tmp_path / "a.ndjson").write_bytes(line(event(1)) + b"\n" + tail)
    result = land([aged(tmp_path / "a.ndjson", age)], warehouse)
    assert len(result.waiting) == waits
    assert result.events + result.failed == 1 + (not waits and bool(tail.strip()))


def test_packed_files_and_stdin_do_not_wait(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(LINES[0] + b"\n" + HALF))
    result = land([tmp_path / "a.gz"], warehouse)
    assert (result.events, result.failed, result.waiting) == (1, 1, [])
    stdin = io.BytesIO(LINES[3] + b"\n" + HALF)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stdin))
    result = land(["-"], warehouse)
    assert (result.events, result.failed, result.waiting) == (1, 1, [])


def test_a_waiting_segment_stays(warehouse: Warehouse, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "1-1.ndjson").write_bytes(LINES[0] + b"\n" + HALF)
    assert land([spool], warehouse, remove=True).removed == []
    aged(spool / "1-1.ndjson")
    assert len(land([spool], warehouse, remove=True).removed) == 1


def test_a_landing_of_a_growing_file_may_be_killed(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert environment
    lines = [line(event(number)) for number in range(3_000)]
    file = tmp_path / "a.ndjson"
    file.write_bytes(b"\n".join(lines)[:-20])
    lander = Fork(landing([file], Limits(lines=500), pause=0.2))
    for _ in range(3):
        assert lander.until("batch"), lander.said
    assert lander.kill()
    with open_warehouse() as warehouse:
        result = land([file], warehouse, limits=Limits(lines=500))
        assert (result.failed, result.waiting) == (0, [str(file)])
        assert events(warehouse) == [f"m-{number:07d}" for number in range(2_999)]
        write(file, lines)
        assert land([file], warehouse).failed == 0
        assert set(events(warehouse)) == {f"m-{number:07d}" for number in range(3_000)}


def test_a_look_for_the_end_of_a_line_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_batches, "BLOCK", 1_000)
    monkeypatch.setattr(read_batches, "PIECE", 5_000)
    for size, cut in ((900, 900), (4_500, 4_500), (50_000, 0)):
        (tmp_path / "a").write_bytes(b"{}\n" + b"x" * size)
        with (tmp_path / "a").open("rb") as file:
            place = InputFile("a", tmp_path / "a")
            assert finished(place, file, size + 3) == size + 3 - cut
            assert file.tell() == 0
