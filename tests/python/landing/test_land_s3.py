"""Landing from S3: as from a folder, each object once, whatever S3 does."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

import hirehouse.landing.s3
from conftest import BUCKET
from hirehouse.commands.main import app
from hirehouse.landing.decompress import InputError
from hirehouse.landing.inputs import InputFile, InputProgress, LeftOut, Limits
from hirehouse.landing.land import land
from hirehouse.landing.remove_segments import remove_landed
from hirehouse.landing.s3 import Copies, S3Error, S3Folder
from hirehouse.running.loop import Inbox
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.events import event, line, packed, segment_name
from support.forks import Fork, landing
from support.servers import S3

RecordProperty = Callable[[str, object], None]
URL = f"s3://{BUCKET}/in/"


def put(s3: S3, key: str, text: bytes) -> str:
    s3.client.put_object(Bucket=BUCKET, Key=key, Body=text)
    return f"s3://{BUCKET}/{key}"


def segment(s3: S3, number: int, count: int = 1) -> str:
    """An object as the collector writes it."""
    lines = b"".join(line(event(number * 1_000 + row)) + b"\n" for row in range(count))
    return put(s3, f"in/{segment_name(number, lines)}", lines)


def ids(warehouse: Warehouse) -> list[str]:
    rows = warehouse.query(
        "select event_id from landed.interview_requested where batch_id in"
        " (select batch_id from landed.batches where committed_at is not null) order by 1"
    )
    return [key for (key,) in rows]


def reads(s3: S3) -> list[str]:
    """The paths of objects that have been read."""
    found = [path for method, path in s3.requests if method == "GET" and path.count("/") > 1]
    s3.requests.clear()
    return found


@pytest.mark.one_engine
def test_parquet_lands_from_s3(warehouse: Warehouse, s3: S3) -> None:
    sink = io.BytesIO()
    rows = {"event": ["interview_requested"] * 3, "occurred_at": [datetime(2026, 3, 2)] * 3}
    properties = [event(number)["properties"] for number in range(3)]
    columns = {name: [row[name] for row in properties] for name in properties[0]}
    parquet.write_table(pa.table(rows | columns), sink)
    put(s3, "in/part-0.snappy.parquet", sink.getvalue())
    put(s3, "in/_SUCCESS", b"")
    result = land([URL], warehouse)
    assert (result.events, result.failed, result.unreadable) == (3, 0, [])
    assert len(land([URL], warehouse).already) == 1


@pytest.mark.redshift
def test_objects_land_as_files_do(warehouse: Warehouse, s3: S3, tmp_path: Path) -> None:
    """Plain, packed and broken ones, in any batches, and none of them twice."""
    names = {"a.ndjson": "", "b.json.gz": "gzip", "deep/er/c é?.zst": "zstd", "d.NDJSON": ""}
    for number, (name, kind) in enumerate(names.items()):
        lines = [line(event(number * 1_000 + row)) for row in range(40)]
        text = b"\n".join([*lines, b"broken", line(event(number)) + b" " * number])
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packed(text, kind))  # without an end of the last line
        put(s3, f"in/{name}", path.read_bytes())
    for name in (".e.ndjson", ".f/g.ndjson", "h.ndjson.tmp", "i.txt", "manifest.json"):
        put(s3, f"in/{name}", b"{\n}")
    put(s3, "inner.ndjson", b"{}")
    segment(s3, 9)
    limits = Limits(lines=30)
    result = land([URL, f"{URL}a.ndjson"], warehouse, limits=limits)
    assert (len(result.inputs), result.events, result.failed) == (5, 165, 4)
    assert result.waiting == []
    assert {why: len(found) for why, found in result.left_out.items()} == {
        "the name starts with a dot": 2,
        "not finished: the name ends in .tmp or .part, or the folder is _temporary": 1,
        "the name ends in .txt": 1,
        "JSON over several lines": 1,
    }
    assert len(reads(s3)) == 6
    # The collector's own is known by its name, and the others by their content, also as files.
    again = land([URL.rstrip("/"), tmp_path], warehouse, limits=limits)
    assert (again.inputs, len(again.already), again.events) == ([], 5 + 4, 0)
    assert len(reads(s3)) == 5
    named = warehouse.query("select inputs from landed.batches order by batch_id")
    assert f"s3://{BUCKET}/in/a.ndjson" in named[0][0]


def test_an_object_that_is_named_lands_whatever_its_name(
    duckdb_environment: dict[str, str], s3: S3
) -> None:
    assert duckdb_environment
    url = put(s3, "in/odd name.txt", line(event(1)))
    put(s3, "in/other.ndjson", line(event(2)))
    with open_warehouse() as warehouse:
        assert land([url], warehouse, remove=True).inputs == [url]
        assert ids(warehouse) == ["m-0000001"]
    assert len(s3.objects(BUCKET)) == 2


@pytest.mark.usefixtures("duckdb_environment")
@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        (URL, 2, "no files of events"),
        (f"s3://{BUCKET}/in", 2, "no files of events"),
        (f"{URL}x.ndjson", 2, "no files of events"),
        ("s3://no-such-bucket/in", 2, "s3://no-such-bucket/in: no such bucket"),
        ("s3://", 2, "a folder is written as s3://BUCKET/FOLDER/"),
        (f"s3://{BUCKET}/denied", 2, "access denied: allow s3:ListBucket"),
        (f"s3://{BUCKET}/busy", 1, "SLOW_DOWN"),
    ],
)
def test_what_can_not_land_is_told(s3: S3, url: str, code: int, told: str) -> None:
    def fault(_: str, path: str, __: object) -> str:
        faults = {"denied": "AccessDenied", "busy": "SlowDown"}
        listing = path.strip("/") == BUCKET and s3.requests[-1][0] == "GET"
        return faults.get(url.rpartition("/")[2], "") if listing else ""

    s3.fault = fault
    done = CliRunner().invoke(app, ["land", url])
    assert (done.exit_code, told in done.stderr) == (code, True), done.output
    assert done.stderr.count("\n") == 1
    if code == 2 and "bucket" not in told.lower():
        assert CliRunner().invoke(app, ["land", "--remove", url]).exit_code == 0


@pytest.mark.redshift
def test_only_completely_landed_segments_are_removed(warehouse: Warehouse, s3: S3) -> None:
    first, second = segment(s3, 1, 3), segment(s3, 2)
    own = put(s3, "in/own.ndjson", line(event(5)))
    # Who removes objects needs no right to write them.
    s3.fault = lambda method, path, _: (
        "AccessDenied" if method == "PUT" and path.startswith(f"/{BUCKET}/in/") else ""
    )
    assert land([URL], warehouse).removed == []
    result = land([URL], warehouse, remove=True)
    assert (result.removed, result.unreadable) == ([first, second], [])
    assert [f"s3://{BUCKET}/{key}" for key in s3.objects(BUCKET)] == [own]
    numbers = (5, 1_000, 1_001, 1_002, 2_000)
    assert ids(warehouse) == [f"m-{number:07d}" for number in numbers]
    assert land([URL], warehouse, remove=True).events == 0


def test_a_partly_landed_segment_stays(s3: S3) -> None:
    segment(s3, 1, 3)
    [place] = S3Folder(URL).objects(LeftOut())
    assert place.checksum
    assert not remove_landed(place, {})
    assert not remove_landed(place, {place.checksum: InputProgress(last_line=2)})
    assert remove_landed(place, {place.checksum: InputProgress(last_line=3, complete=True)})
    assert s3.objects(BUCKET) == {}
    with pytest.raises(FileNotFoundError):
        remove_landed(place, {place.checksum: InputProgress(complete=True)})


@pytest.mark.usefixtures("duckdb_environment")
def test_an_s3_that_fails_in_the_midst_delays_and_loses_nothing(s3: S3) -> None:
    for number in range(12):
        segment(s3, number, 5)
    count = 0

    def fault(method: str, path: str, _: object) -> str:
        nonlocal count
        count += method == "GET" and "in/" in path
        return "SlowDown" if count > 7 else ""

    limits = Limits(lines=7)
    with open_warehouse() as warehouse:
        s3.fault = fault
        with pytest.raises(S3Error, match=f"{URL}.*(SLOW_DOWN|UNAVAILABLE)"):
            land([URL], warehouse, limits=limits, remove=True)
        assert 0 < len(ids(warehouse)) < 60
        s3.fault = None
        assert len(s3.objects(BUCKET)) == 12
        # One object can't be read, and one not be deleted: the others can.
        denied, kept = (f"/{BUCKET}/{key}" for key in list(s3.objects(BUCKET))[-2:])

        def deny(method: str, path: str, _: object) -> str:
            refused = path == denied or (path == kept and method == "DELETE")
            return "AccessDenied" if refused else ""

        s3.fault = deny
        result = land([URL], warehouse, limits=limits, remove=True)
        assert [text.rpartition(": ")[2] for text in result.unreadable] == [
            "allow s3:GetObject there",
            "allow s3:DeleteObject there",
        ]
        assert len(ids(warehouse)) == 55
        s3.fault = None
        assert len(s3.objects(BUCKET)) == 2
        land([URL], warehouse, remove=True)
        assert len(ids(warehouse)) == len(set(ids(warehouse))) == 60
    assert s3.objects(BUCKET) == {}


@pytest.mark.usefixtures("duckdb_environment")
def test_an_object_that_goes_while_it_is_read_is_no_error(s3: S3) -> None:
    """Another landing has removed it."""
    gone, other = segment(s3, 1), segment(s3, 2)

    def remove(method: str, path: str, _: object) -> str:
        if (method, path) == ("GET", f"/{gone.removeprefix('s3://')}"):
            s3.client.delete_object(Bucket=BUCKET, Key=path.removeprefix(f"/{BUCKET}/"))
        return ""

    s3.fault = remove
    with open_warehouse() as warehouse:
        result = land([URL], warehouse)
    assert (result.inputs, result.unreadable) == ([other], [])


@pytest.mark.redshift
@pytest.mark.one_engine
@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.every)])
def test_landings_killed_in_a_row_lose_and_double_nothing(
    environment: dict[str, str], s3: S3, kills: int, record_property: RecordProperty
) -> None:
    assert environment
    for number in range(15):
        segment(s3, number, 50)
    put(s3, "in/large.ndjson.gz", packed(b"\n".join(line(event(n)) for n in range(900)), "gzip"))
    draw, done = random.Random(kills), 0
    limits = Limits(lines=120, inputs=3)
    for _ in range(kills):
        lander = Fork(landing([URL], limits, remove=draw.random() < 0.5))
        for _ in range(draw.randrange(4)):
            lander.until("batch")
        time.sleep(draw.uniform(0, 0.3))
        done += lander.kill()
    record_property("kills in landing from S3", done)
    with open_warehouse() as warehouse:
        land([URL], warehouse, limits=limits, remove=True)
        found = ids(warehouse)
    expected = [n * 1_000 + row for n in range(15) for row in range(50)] + list(range(900))
    assert found == sorted(f"m-{number:07d}" for number in expected)
    assert list(s3.objects(BUCKET)) == ["in/large.ndjson.gz"]


def test_few_copies_are_kept_and_all_are_closed(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        put(s3, f"in/{number:02}.ndjson", b"x" * (100 if number % 10 else 1_000))
    monkeypatch.setattr(hirehouse.landing.s3, "AHEAD_BYTES", 500)
    places: list[InputFile] = list(S3Folder(URL).objects(LeftOut()))
    copies = Copies(places)
    most: list[int] = []
    for place in places[:25]:
        with copies.open(place.name) as file:
            assert len(file.read()) == (1_000 if place.path.stem[1] == "0" else 100)
        most.append(sum(size for size, _ in copies.begun.values()))
    assert max(most) <= 500
    assert max(most) > 100
    left = [copy.result() for _, copy in copies.begun.values()]
    copies.close()
    assert left
    assert all(file.closed for file in left)


def test_an_inbox_lists_s3_now_and_then(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hirehouse.running.loop.LIST_EVERY", 0.5)
    with pytest.raises(InputError, match="no such bucket"):
        Inbox(["s3://no-such-bucket/in"])
    inbox = Inbox([URL])  # nothing is there yet

    def new() -> list[str]:
        files = inbox.new()
        inbox.note_landed(files, [])
        return list(files)

    def later() -> list[str]:
        inbox.listed_again_at = 0.0
        return new()

    assert new() == []
    first = put(s3, "in/a.ndjson", b"1")
    s3.requests.clear()
    assert new() == []
    assert s3.requests == []
    assert later() == [first]
    assert later() == []
    second = put(s3, "in/b.ndjson", b"1")
    put(s3, "in/c.txt", b"1")
    put(s3, "in/a.ndjson", b"12")
    assert later() == [first, second]
    assert inbox.take_left_out() == {"the name ends in .txt": [f"{URL}c.txt"]}
    assert later() == []
    assert inbox.take_left_out() == {}
    s3.client.delete_object(Bucket=BUCKET, Key="in/a.ndjson")
    assert later() == []
    assert list(inbox.handled) == [second]
    s3.fault = lambda *_: "SlowDown"
    with pytest.raises(S3Error):
        later()
    s3.fault = None
    assert later() == []
