"""Landing with faults: of files, writes, locks and databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from conftest import ENGINES
from hirehouse.landing.failed_events import read_failed
from hirehouse.landing.inputs import Limits
from hirehouse.landing.land import land
from hirehouse.landing.write_batches import WriteError, append
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.landed_schema import ensure_tables
from hirehouse.warehouse.profile import WarehouseError
from support.collectors import until
from support.events import event, line, write

pytestmark = pytest.mark.redshift

COMMITTED = "batch_id in (select batch_id from landed.batches where committed_at is not null)"


def values(warehouse: Warehouse, column: str) -> list[Any]:
    """The values of a column in committed batches, in the order of landing."""
    sql = f"select {column} from landed.interview_requested where {COMMITTED}"
    return [row[0] for row in warehouse.query(f"{sql} order by batch_id, batch_row")]


@pytest.mark.parametrize("harm", ["cut", "changed", "no gzip"])
def test_corrupt_gzip_is_named_and_lands_later(
    warehouse: Warehouse, tmp_path: Path, harm: str
) -> None:
    lines = [line(event(i)) for i in range(3_000)]
    good = write(tmp_path / "b.ndjson", [line(event(7_000))])
    bad = write(tmp_path / "a.ndjson.gz", lines, packed=True)
    whole = bad.read_bytes()
    middle = len(whole) // 2
    harmed = {
        "cut": whole[:middle],
        "changed": whole[:-8] + b"\0\0\0\0" + whole[-4:],
        "no gzip": b"plain" + whole,
    }
    bad.write_bytes(harmed[harm])
    result = land([bad, good], warehouse, limits=Limits(lines=1_000))
    [message] = result.unreadable
    assert str(bad) in message
    assert "byte" in message
    assert values(warehouse, "event_id")[-1] == "m-0007000"
    assert (
        '"complete":true'
        not in "".join(
            text
            for (text,) in warehouse.query("select inputs from landed.batches")
            if "a.ndjson" in text
        ).replace("b.ndjson", "")
        or harm == "no gzip"
    )
    assert len(values(warehouse, "event_id")) <= 2_001
    bad.write_bytes(whole)
    assert land([bad], warehouse).unreadable == []
    assert {f"m-{n:07d}" for n in range(3_000)} <= set(values(warehouse, "event_id"))


def test_rows_of_a_crashed_batch_do_not_count(warehouse: Warehouse, tmp_path: Path) -> None:
    ensure_tables(warehouse)
    warehouse.execute(
        "insert into landed.batches (batch_id, started_at, inputs) values (1, now(), '[]')"
    )
    warehouse.execute(
        "insert into landed.failed_event_bodies (failure_id, batch_id, part, encoding, body)"
        " values ('orphan', 1, 0, 'utf8', 'x')"
    )
    result = land([write(tmp_path / "a.ndjson", [line(event())])], warehouse)
    assert result.batches == [2]
    with pytest.raises(WarehouseError, match="orphan"):
        read_failed(warehouse, "orphan")


def test_concurrent_landings_duplicate_nothing(
    postgres_environment: dict[str, str], tmp_path: Path
) -> None:
    del postgres_environment
    files = [
        write(tmp_path / f"{n}.ndjson", [line(event(1_000 * n + i)) for i in range(800)])
        for n in range(4)
    ]
    said: list[str] = []
    results = []

    def run(order: list[Path]) -> None:
        with open_warehouse(say=said.append) as warehouse:
            results.append(land(order, warehouse, limits=Limits(lines=300)))

    with open_warehouse() as warehouse:
        with warehouse.landing_lock():
            ensure_tables(warehouse)
            threads = [threading.Thread(target=run, args=[o]) for o in (files, files[::-1])]
            for thread in threads:
                thread.start()
            threading.Event().wait(1)
        for thread in threads:
            thread.join()
        assert len(results) == 2
        landed = values(warehouse, "event_id")
        assert len(landed) == len(set(landed)) == 3_200
        assert any("waiting" in text for text in said)


def test_landing_waits_for_an_open_duckdb_file(tmp_path: Path, profiles: Path) -> None:
    path = tmp_path / "w.duckdb"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; c=duckdb.connect({str(path)!r}); print(1); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin
    assert holder.stdout
    holder.stdout.readline()
    said: list[str] = []
    threading.Timer(1, lambda: holder.communicate("\n")).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_PROFILES_DIR", str(profiles))
        patch.setenv("HIREHOUSE_DUCKDB", str(path))
        with open_warehouse("duckdb", say=said.append) as warehouse:
            assert warehouse.query("select 1") == [(1,)]
        holder.wait()
        with pytest.raises(WarehouseError, match=r"Redshift localhost:5439.*refused"):
            open_warehouse("redshift")
        with pytest.raises(WarehouseError, match="no target"):
            open_warehouse("oracle")
    [text] = said
    assert str(path) in text
    assert str(holder.pid) in text


def test_a_postgres_database_must_be_c_and_utc(
    postgres_environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("postgres")
    name = server.new_database("locale 'C.UTF-8'")
    with open_warehouse() as warehouse:
        warehouse.execute(f"alter database {name} set timezone to 'Asia/Tokyo'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGDATABASE", name)
        with pytest.raises(WarehouseError, match=r"collation.*Asia/Tokyo.*create database"):
            open_warehouse()
    assert postgres_environment


@pytest.mark.parametrize("environment", ENGINES, indirect=True)
def test_a_failed_write_lands_later(warehouse: Warehouse, tmp_path: Path) -> None:
    ensure_tables(warehouse)
    # Written after interview_requested, whose row has to go with it.
    warehouse.execute("alter table landed.failed_events alter column event set not null")
    file = write(tmp_path / "a.ndjson", [line(event(1)), b"no"])
    with pytest.raises(WarehouseError, match=r"\bevent\b") as caught:
        land([file], warehouse)
    assert "a.ndjson" not in str(caught.value)
    assert "\n" not in str(caught.value)
    for table in ("interview_requested", "failed_events"):
        assert warehouse.query(f"select count(*) from landed.{table}") == [(0,)]
    warehouse.execute("alter table landed.failed_events alter column event drop not null")
    result = land([file], warehouse)
    assert (result.events, result.failed) == (1, 1)
    assert result.batches == [2]
    assert values(warehouse, "event_id") == ["m-0000001"]


@pytest.mark.parametrize("environment", ENGINES, indirect=True)
def test_a_transient_write_error_is_retried(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def unsteady(*arguments: Any) -> None:
        tries.append(1)
        append(*arguments)
        if len(tries) < 3:
            raise WriteError("connection lost", passing=True)

    monkeypatch.setattr("hirehouse.landing.write_batches.append", unsteady)
    result = land([write(tmp_path / "a.ndjson", [line(event(1)), b"no"])], warehouse)
    assert (result.batches, len(tries)) == ([3], 3)
    assert values(warehouse, "event_id") == ["m-0000001"]


@pytest.mark.parametrize("harm", ["lost", "locked"])
def test_a_lost_connection_or_a_lock_is_retried_in_a_new_batch(
    postgres_environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    harm: str,
) -> None:
    del postgres_environment
    waiting = "select pid from pg_locks where relation = 'landed.failed_events'::regclass"
    waiting += " and not granted and pid <> pg_backend_pid()"
    if harm == "locked":
        monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=1s")
    file = write(tmp_path / "a.ndjson", [line(event(1)), b"no"])
    with open_warehouse() as warehouse, open_warehouse() as other:
        land([], warehouse)
        with ThreadPoolExecutor(1) as pool:
            with other.transaction():
                other.execute("lock table landed.failed_events in share mode")
                landing = pool.submit(land, [file], warehouse)
                if harm == "lost":
                    until(lambda: other.query(waiting))
                    other.query(f"select pg_terminate_backend(pid) from ({waiting}) as w")
                second = "select 1 from landed.batches where batch_id > 1"
                until(lambda: landing.done() or other.query(second))
            result = landing.result()
        assert (result.batches[0] > 1, result.events, result.failed) == (True, 1, 1)
        for table in ("interview_requested", "failed_events"):
            assert other.query(f"select batch_id from landed.{table}") == [(result.batches[0],)]
