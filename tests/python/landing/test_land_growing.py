"""Files that grow, are copied or packed again: a failure counts once."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from hirehouse.events.validate import Verdict
from hirehouse.landing.failed_events import Failure, failure_ids
from hirehouse.landing.inputs import Batch, Input, InputProgress, Limits, Segment
from hirehouse.landing.land import _rest, land
from hirehouse.landing.write_batches import write_batch
from hirehouse.warehouse.connections import Warehouse
from hirehouse.warehouse.profile import WarehouseError
from support.events import event, line, write

pytestmark = pytest.mark.one_engine

COMMITTED = "batch_id in (select batch_id from landed.batches where committed_at is not null)"
LINES = [line(event(1)), b'{"broken": 1', b"", line(event(2)), b"no", b'{"broken": 1', b"no"]


def failures(warehouse: Warehouse) -> list[tuple[str, int, str]]:
    """(input, line, id) of all failed events, in the order of landing."""
    sql = f"select input, line, failure_id from landed.failed_events where {COMMITTED}"
    rows = warehouse.query(f"{sql} order by batch_id, batch_row")
    return [(Path(name).name, number, key) for name, number, key in rows]


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
