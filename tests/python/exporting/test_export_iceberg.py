"""Iceberg tables of an export are the mart, version by version, for PyIceberg and for DuckDB."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import pytest
from pyiceberg.catalog import Catalog, load_catalog

from conftest import BUCKET
from hirehouse.warehouse.connections import open_warehouse
from support.exports import FUNNEL, OFFERS, export, make, manifest, paths, rows_in, rows_of
from support.servers import S3


@pytest.fixture(autouse=True)
def marts(duckdb_environment: dict[str, str]) -> None:
    assert duckdb_environment
    with open_warehouse() as warehouse:
        make(warehouse, OFFERS, 120)
        make(warehouse, FUNNEL, 20, view=True)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def change(sql: str) -> list[tuple[Any, ...]]:
    """Change a mart, and give the rows of offers."""
    with open_warehouse() as warehouse:
        warehouse.execute(sql)
        return rows_in(warehouse, OFFERS)


def catalog_of(path: Path, **settings: str) -> Catalog:
    return load_catalog("hirehouse", type="sql", uri=f"sqlite:///{path}", **settings)


@pytest.fixture(scope="module")
def reader() -> duckdb.DuckDBPyConnection:
    """DuckDB with its extension for Iceberg, from wheels."""
    connection = duckdb.connect()
    for name in ("avro", "iceberg"):
        spec = find_spec(f"duckdb_extension_{name}")
        assert spec
        [folder] = spec.submodule_search_locations or []
        [file] = Path(folder).rglob("*.duckdb_extension")
        connection.execute(f"load '{file}'")
    connection.execute("set TimeZone = 'UTC'")
    return connection


def test_each_version_is_a_snapshot(out: Path, reader: duckdb.DuckDBPyConnection) -> None:
    expected = [change(f"update {OFFERS} set base_salary = 1 where offered_at < '2026-01-01'")]
    export(OFFERS, FUNNEL, "--out", out, "--format", "iceberg")
    expected.append(change(f"update {OFFERS} set base_salary = 2 where offered_at < '2026-02-01'"))
    export(OFFERS, FUNNEL, "--out", out, "--format", "iceberg")
    assert "(unchanged)" in export(OFFERS, FUNNEL, "--out", out, "--format", "iceberg").stdout
    catalog = catalog_of(out / "catalog.db")
    table = catalog.load_table(OFFERS)
    assert [field.name for field in table.spec().fields] == ["offered_at_month"]
    snapshots = table.snapshots()
    assert len(snapshots) == 2
    for number, (snapshot, rows) in enumerate(zip(snapshots, expected, strict=True), 1):
        assert snapshot.summary
        told = snapshot.summary.additional_properties
        assert told["hirehouse.version"] == str(number)
        assert told["hirehouse.data_version"] == str(manifest(out)["data_version"])
        assert rows_of(table.scan(snapshot_id=snapshot.snapshot_id).to_arrow()) == rows
        read = reader.execute(
            "from iceberg_scan(?, snapshot_from_id => ?)",
            [table.metadata_location, snapshot.snapshot_id],
        )
        assert rows_of(read.to_arrow_table()) == rows
    # The files are those of the export, of which only the changed months are new.
    files = {unquote(task.file.file_path) for task in table.scan().plan_files()}
    assert files == {f"file://{path}" for path in paths(out, OFFERS)}
    month = table.scan(row_filter="offered_at >= '2026-03-01T00:00:00+00:00'").plan_files()
    assert len(list(month)) < len(files)
    found = reader.execute("from iceberg_scan(?)", [catalog.load_table(FUNNEL).metadata_location])
    with open_warehouse() as warehouse:
        assert rows_of(found.to_arrow_table()) == rows_in(warehouse, FUNNEL)


def test_snapshots_of_removed_versions_go(out: Path) -> None:
    for salary in (1, 2, 3):
        rows = change(f"update {OFFERS} set base_salary = {salary}")
        export(OFFERS, "--out", out, "--format", "iceberg", "--keep", "2")
    table = catalog_of(out / "catalog.db").load_table(OFFERS)
    found = [one.summary and one.summary["hirehouse.version"] for one in table.snapshots()]
    assert found == ["2", "3"]
    assert rows_of(table.scan().to_arrow()) == rows
    old = table.scan(snapshot_id=table.snapshots()[0].snapshot_id)
    assert {row["base_salary"] for row in old.to_arrow().to_pylist()} == {2}


def test_tables_begin_later_and_then_go_on(out: Path) -> None:
    """Also what a process leaves that is killed between its manifest and its tables."""
    export(OFFERS, "--out", out)
    export(OFFERS, "--out", out, "--format", "iceberg")
    rows = change(f"delete from {OFFERS} where offered_at >= '2026-02-01'")
    assert "use --format iceberg, or another folder" in export(OFFERS, "--out", out, code=1).stderr
    export(OFFERS, "--out", out, "--format", "iceberg")
    assert rows_of(catalog_of(out / "catalog.db").load_table(OFFERS).scan().to_arrow()) == rows


def test_a_folder_on_s3_needs_a_catalog_elsewhere(s3: S3, tmp_path: Path) -> None:
    url = f"s3://{BUCKET}/ice"
    said = export(OFFERS, "--out", url, "--format", "iceberg", code=1).stderr
    assert "on S3, name a catalog with --catalog https://" in said
    path = tmp_path / "catalog.db"
    export(OFFERS, "--out", url, "--format", "iceberg", "--catalog", f"sqlite:///{path}")
    endpoint = s3.environment()["AWS_ENDPOINT_URL"]
    table = catalog_of(path, **{"s3.endpoint": endpoint}).load_table(OFFERS)
    assert table.metadata_location.startswith(url)
    with open_warehouse() as warehouse:
        rows = rows_in(warehouse, OFFERS)
    assert rows_of(table.scan().to_arrow()) == rows
