"""Parquet files of rows land as the same events would as NDJSON."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pandas
import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from hirehouse.commands.main import app
from hirehouse.landing.inputs import InputFile, InputProgress, LeftOut, Limits
from hirehouse.landing.land import land
from hirehouse.landing.parquet_rows import parquet_lines
from hirehouse.landing.read_batches import WAIT, Reader
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.events import line, write

pytestmark = pytest.mark.one_engine

DAY = datetime(2026, 1, 30)
SCORES = pa.schema(
    [
        ("event", pa.string()),
        ("occurred_at", pa.timestamp("us")),
        ("received_at", pa.timestamp("us", "UTC")),
        ("candidate_id", pa.string()),
        ("position_id", pa.string()),
        ("model", pa.string()),
        ("model_version", pa.string()),
        ("score", pa.decimal128(7, 6)),
        ("scored_at", pa.timestamp("ns", "Europe/Berlin")),
        ("features_as_of", pa.timestamp("ms")),
    ]
)


def scores(count: int, first: int = 0, **columns: list[Any]) -> pa.Table:
    """Right scores of so many candidates; `columns` replace or add some."""
    numbers = range(first, first + count)
    values: dict[str, list[Any]] = {
        "event": ["candidate_scored"] * count,
        "occurred_at": [DAY + timedelta(seconds=number) for number in numbers],
        "received_at": [DAY.replace(tzinfo=UTC)] * count,
        "candidate_id": [f"cand-{number}" for number in numbers],
        "position_id": ["pos-1"] * count,
        "model": ["acceptance"] * count,
        "model_version": ["1"] * count,
        "score": [Decimal(number % 1_000_000).scaleb(-6) for number in numbers],
        "scored_at": [DAY.replace(tzinfo=UTC)] * count,
        "features_as_of": [DAY] * count,
    }
    table = pa.table(values, schema=SCORES)
    for name, replacement in columns.items():
        if name in table.column_names:
            table = table.drop(name)
        table = table.append_column(name, pa.array(replacement))
    return table


def written(path: Path, table: pa.Table, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, **options)
    return path


def landed(warehouse: Warehouse, event: str = "candidate_scored") -> list[tuple[Any, ...]]:
    """The rows of an event's table but for where they came from, in the order of landing."""
    rows = warehouse.query(f"select * from landed.{event} order by batch_id, batch_row")
    columns = [
        name
        for (name,) in warehouse.query(
            "select column_name from information_schema.columns where table_schema = 'landed'"
            f" and table_name = '{event}' order by ordinal_position"
        )
    ]
    own = {"event_id", "batch_id", "batch_row", "context_library_name"}
    places = [place for place, name in enumerate(columns) if name not in own]
    return [tuple(row[place] for place in places) for row in rows]


def ids(warehouse: Warehouse) -> list[str]:
    rows = warehouse.query("select event_id from landed.candidate_scored")
    return sorted(key for (key,) in rows)


def test_rows_land_as_ndjson_does(warehouse: Warehouse, tmp_path: Path) -> None:
    """Times of any zone, decimals, floats, lists, categories and nulls, as pandas writes them."""
    zone = timezone(timedelta(hours=2))
    frame = pandas.DataFrame(
        {
            "event": pandas.Categorical(["candidate_profile_submitted"] * 3),
            "message_id": ["p-1", "p-2", "p-3"],
            "occurred_at": [DAY + timedelta(microseconds=n) for n in range(3)],
            "received_at": [datetime(2026, 1, 30, 3, n, tzinfo=zone) for n in range(3)],
            "user_id": ["u", None, "ü"],
            "context_page_url": ["https://a.example/", None, None],
            "candidate_id": ["c-1", "c-2", "c-3"],
            "role": pandas.Categorical(["data_engineer", "other", "data_engineer"]),
            "years_experience": [1, 2, 70],
            "location": ["Zürich", 'a "b"\n', "Oslo"],
            "remote_preference": ["remote"] * 3,
            "min_base_salary": [50_000.0, None, 70_000.0],  # as pandas has whole numbers and nulls
            "currency": ["EUR", None, "GBP"],
            "skills": [["SQL", "ünï"], None, []],
        }
    )
    frame.to_parquet(tmp_path / "profiles.parquet")
    lines = []
    for number in range(3):
        whole = frame.iloc[number].to_dict()
        row = {n: v for n, v in whole.items() if isinstance(v, list) or pandas.notna(v)}
        properties = {name: row[name] for name in frame.columns[6:] if name in row}
        if "min_base_salary" in properties:
            properties["min_base_salary"] = int(properties["min_base_salary"])
        event: dict[str, Any] = {
            **{"type": "track", "event": "candidate_profile_submitted", "messageId": f"n-{number}"},
            **{"timestamp": f"{row['occurred_at'].isoformat()}Z", "userId": row.get("user_id")},
            **{"receivedAt": row["received_at"].isoformat(), "properties": properties},
            "context": {"page": {"url": row.get("context_page_url")}},
        }
        lines.append(line(event))
    write(tmp_path / "profiles.ndjson", lines)
    result = land([tmp_path / "profiles.parquet", tmp_path / "profiles.ndjson"], warehouse)
    assert (result.events, result.failed, result.unknown_properties) == (6, 0, 0), result
    rows = landed(warehouse, "candidate_profile_submitted")
    assert rows[:3] == rows[3:]
    assert rows[0][2] == datetime(2026, 1, 30, 1, 0)  # received_at in UTC
    keys = "select event_id from landed.candidate_profile_submitted order by 1"
    assert [key for (key,) in warehouse.query(keys)][3:] == ["p-1", "p-2", "p-3"]


def test_decimals_and_times_are_exact(warehouse: Warehouse, tmp_path: Path) -> None:
    nano = pa.array([1_769_731_200_123_456_789], pa.timestamp("ns"))
    table = scores(1, first=123_456).drop("occurred_at").append_column("occurred_at", nano)
    land([written(tmp_path / "scores.parquet", table)], warehouse)
    sql = "select score, occurred_at, scored_at, features_as_of from landed.candidate_scored"
    [(score, occurred_at, *times)] = warehouse.query(sql)
    assert (score, occurred_at) == (Decimal("0.123456"), datetime(2026, 1, 30, 0, 0, 0, 123456))
    assert times == [DAY, DAY]


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_a_rounded_float_is_the_number_that_it_shows(
    warehouse: Warehouse, tmp_path: Path, kind: pa.DataType
) -> None:
    values = [0.1, 0.837463, 1.0, 1e-06]
    table = scores(4).drop("score").append_column("score", pa.array(values, kind))
    assert land([written(tmp_path / "a.parquet", table)], warehouse).failed == 0
    rows = warehouse.query("select score from landed.candidate_scored order by batch_row")
    assert [row[0] for row in rows] == [Decimal(str(value)) for value in values]
    longer = scores(3, score=[1 / 3, float("nan"), float("inf")])
    result = land([written(tmp_path / "b.parquet", longer)], warehouse)
    assert result.failed_by_rule == {"scale": 1, "type": 2}


def test_failed_rows_are_patched_and_replayed(
    duckdb_environment: dict[str, str], tmp_path: Path
) -> None:
    assert duckdb_environment
    table = scores(3, model_version=["1", None, "1"], rank=[None, None, 7])
    written(tmp_path / "scores.parquet", table)

    def run(*arguments: str | Path) -> str:
        done = CliRunner().invoke(app, list(map(str, arguments)))
        assert done.exit_code == 0, done.output
        return done.stdout

    told = orjson.loads(run("land", "--json", tmp_path / "scores.parquet"))
    assert (told["events"], told["failed"], told["unknown_properties"]) == (2, 1, 1)
    [failure] = orjson.loads(run("failures", "list", "--json"))
    assert (failure["rule"], failure["pointer"]) == ("required", "/properties/model_version")
    with open_warehouse() as warehouse:
        sql = "select failure_id, line, event, context_library_name from landed.failed_events"
        [(failure_id, *place)] = warehouse.query(sql)
    assert place == [2, "candidate_scored", "hirehouse-land"]
    run("failures", "patch", failure_id, "--set", '/properties/model_version="2"')
    run("failures", "replay", failure_id)
    with open_warehouse() as warehouse:
        sql = "select candidate_id, model_version, score from landed.candidate_scored order by 1"
        assert warehouse.query(sql)[1] == ("cand-1", "2", Decimal("0.000001"))
        keys = ids(warehouse)
    assert len(set(keys)) == 3
    traced = run("trace", "--spool", tmp_path, keys[0])
    assert "scores.parquet: line " in " ".join(traced.split())
    assert "from " in traced


def test_the_same_rows_count_once_however_they_are_written(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    table = scores(5_000)
    file = written(tmp_path / "scores.parquet", table)
    assert land([file], warehouse).events == 5_000
    first = ids(warehouse)
    assert len(set(first)) == 5_000
    assert land([file, shutil.copy(file, tmp_path / "b.parquet")], warehouse).batches == []
    again = tmp_path / "again"
    backwards = table.take(pa.array(range(4_999, -1, -1)))
    backwards = backwards.select(sorted(backwards.column_names, reverse=True))
    for part in range(2):
        rows = backwards.slice(part * 2_500, 2_500)
        written(again / f"part-0000{part}.gz.parquet", rows, compression="gzip")
    (again / "_SUCCESS").touch()
    (again / ".part-00000.crc").write_bytes(b"crc\0")
    written(again / "_temporary" / "0" / "part-00000.parquet", scores(5_001))
    result = land([again], warehouse)
    assert (result.events, len(result.inputs), result.unreadable) == (5_000, 2, [])
    assert ids(warehouse) == sorted(first * 2)


def big(value: int) -> pa.Array:
    return pa.array([value], pa.decimal256(60, 0))


COLUMN = "scores.parquet: column "
REFUSED = {
    "no event": (scores(1).drop("event"), COLUMN + "event: required: add the name of the event"),
    "no time": (scores(1).drop("occurred_at"), COLUMN + "occurred_at: required: add the time"),
    "a property is missing": (
        scores(2).drop("model_version"),
        COLUMN + "model_version: required by candidate_scored: add it",
    ),
    "bytes": (scores(1, user_id=[b"u"]), COLUMN + "user_id: bytes, which no event can have"),
    "bytes in a list": (scores(1, tags=[[{"a": b"u"}]]), COLUMN + "tags: bytes"),
    "too many digits": (
        scores(1).append_column("amount", big(10)),
        COLUMN + "amount: values of type decimal256(60, 0); write another one",
    ),
    "two names": (scores(1, Score=[1]), COLUMN + "Score: there are two of this name"),
    "as landed": (scores(1, event_id=["a"]), COLUMN + "event_id: name it message_id"),
    "as a producer": (scores(1, userId=["a"]), COLUMN + "userId: name it user_id"),
    "set by landing": (scores(1, batch_id=[1]), COLUMN + "batch_id: leave it out"),
    "nested": (
        scores(1, properties=[{"a": 1}]),
        COLUMN + "properties: write each of its members as a column",
    ),
    "an index": (
        scores(1, __index_level_0__=[5]),
        COLUMN + "__index_level_0__: it is pandas's index: write with index=False",
    ),
}


def test_a_file_of_which_no_event_can_land_says_what_to_do(
    duckdb_environment: dict[str, str], tmp_path: Path
) -> None:
    assert duckdb_environment
    files = [
        written(tmp_path / str(number) / "scores.parquet", table)
        for number, (table, _) in enumerate(REFUSED.values())
    ]
    done = CliRunner().invoke(app, ["land", "--json", *map(str, files)])
    assert done.exit_code == 1
    unreadable = orjson.loads(done.stdout)["unreadable"]
    for file, (name, (_, told)), text in zip(files, REFUSED.items(), unreadable, strict=True):
        assert text.startswith(f"{file.parent}/{told}"), name
        assert text in "".join(done.stderr.split("error: ")).replace("\n", ""), name
    with open_warehouse() as warehouse:
        assert warehouse.query("select 1 from landed.batches") == []


def test_names_that_no_contract_knows_are_no_error_of_the_file(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """Some rows may be right."""
    table = scores(3, event=["candidate_scored", "no_such", None], page=[None, None, "a"])
    result = land([written(tmp_path / "a.parquet", table)], warehouse)
    assert (result.events, result.failed_by_rule) == (1, {"event": 2})


def test_a_damaged_file_stops_no_other(warehouse: Warehouse, tmp_path: Path) -> None:
    good = written(tmp_path / "good.parquet", scores(1))
    data = written(tmp_path / "cut.parquet", scores(9_000)).read_bytes()
    old = time.time() - 2 * WAIT
    middle = data[:200] + b"\xff" * 4_000 + data[4_200:]
    for name, content in {"cut": data[:-9], "middle": middle, "short": b"PAR1"}.items():
        (tmp_path / f"{name}.parquet").write_bytes(content)
        os.utime(tmp_path / f"{name}.parquet", (old, old))
    result = land([tmp_path], warehouse)
    assert (result.events, result.inputs) == (1, [str(good)])
    assert len(result.unreadable) == 3
    for name, text in zip(("cut", "middle", "short"), sorted(result.unreadable), strict=True):
        assert text.startswith(f"{tmp_path / name}.parquet: not readable as Parquet: "), text


def test_a_file_that_is_being_written_waits(warehouse: Warehouse, tmp_path: Path) -> None:
    data = written(tmp_path / "scores.parquet", scores(100)).read_bytes()
    file = tmp_path / "scores.parquet"
    file.write_bytes(data[:-100])
    result = land([file], warehouse)
    assert (result.waiting, result.unreadable, result.events) == ([str(file)], [], 0)
    file.write_bytes(data)
    result = land([file], warehouse)
    assert (result.waiting, result.inputs, result.events) == ([], [str(file)], 100)


def test_parquet_of_a_folder_that_has_no_events_is_left_out(
    duckdb_environment: dict[str, str], tmp_path: Path
) -> None:
    assert duckdb_environment
    mart = written(tmp_path / "marts" / "fct.parquet", pa.table({"id": [1]}))
    done = CliRunner().invoke(app, ["land", str(mart.parent)])
    assert done.exit_code == 2
    assert "left out: 1, Parquet without a column event" in " ".join(done.output.split())
    done = CliRunner().invoke(app, ["land", str(mart)])
    assert (done.exit_code, "column event: required" in done.output) == (1, True)
    written(mart.parent / "scores.PARQUET", scores(1))
    done = CliRunner().invoke(app, ["land", "--json", str(mart.parent)])
    told = orjson.loads(done.stdout)
    assert (done.exit_code, told["events"], len(told["left_out"])) == (0, 1, 1)


def test_a_landing_goes_on_at_the_row_where_one_has_stopped(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    file = written(tmp_path / "scores.parquet", scores(5_000))
    done: dict[str, InputProgress] = {}
    limits = Limits(lines=1_500)
    batches = list(Reader([InputFile("a", file)], done, limits, LeftOut()).batches())
    [first] = batches[0].segments
    assert [batch.line_count for batch in batches] == [1_500, 1_500, 1_500, 500]
    assert [batch.segments[0].complete for batch in batches] == [False, False, False, True]
    done[first.input.checksum] = InputProgress(first.last_line)
    seen: list[tuple[int, int]] = []
    reader = Reader([InputFile("a", file)], done, limits, LeftOut(), lambda *at: seen.append(at))
    rest = list(reader.batches())
    lines = [text for batch in batches[1:] for text in batch.segments[0].lines]
    assert [text for batch in rest for text in batch.segments[0].lines] == lines
    assert seen[-1] == (file.stat().st_size, file.stat().st_size)
    assert land([file], warehouse, limits=limits).events == 5_000


class Counting(io.FileIO):
    """A file that counts the bytes that are read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size) or b""
        self.count += len(data)
        return data


def resident() -> int:
    """Bytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_rows_are_read_as_they_are_needed_and_are_small(tmp_path: Path) -> None:
    table = scores(20_000, user_id=[os.urandom(50).hex() for _ in range(20_000)])
    file = written(tmp_path / "a.parquet", table, row_group_size=1_000)
    with Counting(str(file)) as source:
        lines: Iterator[list[bytes]] = parquet_lines(source, "a")
        assert len(next(lines)) <= 2_000
        early = source.count
        assert sum(map(len, lines)) >= 18_000
        assert early < file.stat().st_size / 4
        assert source.count > file.stat().st_size / 2
    before = resident()
    with file.open("rb") as source:
        held = list(parquet_lines(source, "a"))
    assert resident() - before < 3 * sum(len(text) for texts in held for text in texts)


def test_dates_and_booleans_keep_their_type(tmp_path: Path) -> None:
    file = written(tmp_path / "a.parquet", scores(1, day=[date(2026, 1, 2)], good=[True]))
    with file.open("rb") as source:
        [[text]] = parquet_lines(source, "a")
    found = orjson.loads(text)["properties"]
    assert (found["day"], found["good"]) == ("2026-01-02", True)
