"""Landing on the Redshift rig: one transaction a batch, COPY from S3, and retries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hirehouse.landing.land import land
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.landed_schema import ensure_tables
from hirehouse.warehouse.profile import WarehouseError
from hirehouse.warehouse.staged_files import NAMED
from rig.server import BUCKET, SERIALIZABLE, SNAPSHOT, Redshift
from support.events import event, line, write

STATEMENTS = ("lock table", 'copy landed."failed_events"', "update landed.batches", "commit")
# What a statement may say of it: message, code and detail.
PASSING = (
    ("1023", "XX000", "Serializable isolation violation on table - 1, (pid:1)"),
    ("could not open relation with OID 123", "XX000", ""),
    ("S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown", "XX000", ""),
)


@pytest.fixture
def warehouse(redshift_environment: dict[str, str]) -> Iterator[Warehouse]:
    assert redshift_environment
    with open_warehouse() as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "a.ndjson", [line(event(1)), b"no"])


@pytest.fixture
def staged(redshift: Redshift, redshift_environment: dict[str, str]) -> Callable[[], list[str]]:
    """The keys of the files that are on their way."""
    prefix = redshift_environment["REDSHIFT_DATABASE"]

    def keys() -> list[str]:
        listed = redshift.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")
        keys = [entry["Key"] for entry in listed.get("Contents", [])]
        return [key for key in keys if not key.endswith("/")]

    return keys


def counts(warehouse: Warehouse) -> list[int]:
    tables = ("batches", "interview_requested", "failed_events", "failed_event_bodies")
    return [warehouse.query(f"select count(*) from landed.{table}")[0][0] for table in tables]


@pytest.mark.parametrize(
    ("statement", "message", "code", "detail"),
    [
        # In a normal run each statement says one thing, and each thing is said.
        pytest.param(statement, *said, marks=[] if turn == n % 3 else pytest.mark.every)
        for n, statement in enumerate(STATEMENTS)
        for turn, said in enumerate(PASSING)
    ],
)
def test_what_may_go_well_the_next_time_is_tried_again(
    warehouse: Warehouse,
    redshift: Redshift,
    file: Path,
    statement: str,
    message: str,
    code: str,
    detail: str,
) -> None:
    land([], warehouse)
    for _ in range(2):
        redshift.fail(f"^{statement}", message, code, detail)
    result = land([file], warehouse)
    assert redshift.faults == []
    assert (result.batches, result.events, result.failed) == ([1], 1, 1)
    assert counts(warehouse) == [1, 1, 1, 1]


def test_a_batch_that_fails_leaves_nothing_and_lands_later(
    warehouse: Warehouse, redshift: Redshift, file: Path, staged: Callable[[], list[str]]
) -> None:
    land([], warehouse)
    redshift.fail('^copy landed."failed_events"', "Disk Full", "53100")
    with pytest.raises(WarehouseError, match="Disk Full"):
        land([file], warehouse)
    assert counts(warehouse) == [0, 0, 0, 0]
    assert len(staged()) > 2
    assert land([file], warehouse).batches == [1]
    assert counts(warehouse) == [1, 1, 1, 1]


def test_staged_files_go_once_they_are_copied_or_old(
    warehouse: Warehouse,
    redshift: Redshift,
    file: Path,
    staged: Callable[[], list[str]],
    redshift_environment: dict[str, str],
) -> None:
    old, young = (
        f"{redshift_environment['REDSHIFT_DATABASE']}/{datetime.now(UTC) - age:{NAMED}}-x/t.parquet"
        for age in (timedelta(hours=25), timedelta(hours=23))
    )
    other = f"{redshift_environment['REDSHIFT_DATABASE']}/20200101-someone/file"
    for key in (old, young, other):
        redshift.s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    land([file], warehouse)
    assert sorted(staged()) == sorted([young, other])


@pytest.mark.parametrize("isolation", [SNAPSHOT, SERIALIZABLE])
def test_two_landings_at_once_land_each_event_once(
    redshift: Redshift,
    isolation: str,
    tmp_path: Path,
    enter: Callable[[str], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enter("redshift")
    monkeypatch.setenv("REDSHIFT_DATABASE", redshift.new_database(isolation))
    files = [write(tmp_path / f"{n}.ndjson", [line(event(n))]) for n in range(1, 7)]

    def run(paths: list[Path]) -> None:
        with open_warehouse() as warehouse:
            for path in paths:
                land([path], warehouse)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, (files, files[::-1])))
    with open_warehouse() as warehouse:
        landed = warehouse.query("select event_id, batch_id from landed.interview_requested")
        batches = warehouse.query("select batch_id from landed.batches order by batch_id")
    assert len({event_id for event_id, _ in landed}) == len(landed) == 6
    assert [batch_id for (batch_id,) in batches] == list(range(1, 7))


def test_waiting_for_another_landing_is_told(warehouse: Warehouse, file: Path) -> None:
    said: list[str] = []
    land([], warehouse)
    with open_warehouse(say=said.append) as other:
        with warehouse.landing_lock():
            landing = threading.Thread(target=land, args=[[file], other])
            landing.start()
            landing.join(3)
            assert landing.is_alive()
        landing.join()
    assert said == ["waiting for another landing into the same database"]
    assert counts(warehouse)[0] == 1


def test_narrower_columns_are_widened(
    warehouse: Warehouse, redshift: Redshift, redshift_environment: dict[str, str]
) -> None:
    ensure_tables(warehouse)
    for statement in (
        "alter table landed.offer_extended alter column offer_id type varchar(8)",
        "alter table landed.batches alter column line_count type integer",
        "alter table landed.batches drop column unknown_property_count",
        "insert into landed.batches (batch_id, line_count, started_at, inputs)"
        " values (1, 7, now(), '[]')",
        "create view public.shown as select offer_id from landed.offer_extended",
        "create view public.above as select offer_id from public.shown",
    ):
        redshift.as_owner(statement, redshift_environment["REDSHIFT_DATABASE"])
    ensure_tables(warehouse)
    ensure_tables(warehouse)
    found = warehouse.query(
        "select table_name, column_name, data_type, character_maximum_length"
        " from information_schema.columns where table_schema = 'landed'"
        " and column_name in ('offer_id', 'line_count', 'unknown_property_count')"
        " and table_name in ('batches', 'offer_extended') order by 1, 2"
    )
    assert found == [
        ("batches", "line_count", "bigint", None),
        ("batches", "unknown_property_count", "bigint", None),
        ("offer_extended", "offer_id", "character varying", 64),
    ]
    assert warehouse.query("select batch_id, line_count from landed.batches") == [(1, 7)]
    assert warehouse.query("select 1 from pg_class where relname in ('shown', 'above')") == []


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("HIREHOUSE_S3_STAGE", "", "HIREHOUSE_S3_STAGE"),
        ("HIREHOUSE_S3_STAGE", "/tmp/x", "not /tmp/x"),
        ("HIREHOUSE_S3_STAGE", "s3://no-such-bucket-of-the-rig/x", "no-such-bucket-of-the-rig"),
        ("HIREHOUSE_IAM_ROLE", "'; drop table x; --", "no ARN"),
        ("HIREHOUSE_IAM_ROLE", "arn:aws:iam::1:role/other", "not authorized to assume IAM Role"),
        ("REDSHIFT_PORT", "1", "127.0.0.1:1/"),
    ],
)
def test_wrong_settings_are_named(
    redshift_environment: dict[str, str],
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    told: str,
) -> None:
    assert redshift_environment
    monkeypatch.setenv(variable, value)
    with pytest.raises(WarehouseError, match=told), open_warehouse() as warehouse:
        land([file], warehouse)
