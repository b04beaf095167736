"""A DuckDB file may be copied, renamed, and attached under any name, and shows the same marts."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from hirehouse.warehouse.connections import open_warehouse
from hirehouse.warehouse.profile import WarehouseError
from support.built import Built
from support.marts import DOMAINS


@pytest.fixture(scope="module")
def built(builds: dict[str, Built]) -> Path:
    """The file of a warehouse with all models."""
    return Path(builds["duckdb"].environment["HIREHOUSE_DUCKDB"])


def counts(connection: duckdb.DuckDBPyConnection, catalog: str) -> dict[str, int]:
    """The rows of every relation, in a database of this name; fails where one can't be read."""
    relations = connection.execute(
        "select table_schema || '.' || table_name from information_schema.tables"
        " where table_catalog = ? and table_schema <> 'landed'",
        [catalog],
    ).fetchall()
    found = {}
    for (name,) in relations:
        [row] = connection.execute(f"select count(*) from {catalog}.{name}").fetchall()
        found[name] = row[0]
    return found


@pytest.fixture(scope="module")
def expected(built: Path) -> dict[str, int]:
    with duckdb.connect(str(built), read_only=True) as connection:
        found = counts(connection, built.stem)
    assert {name.split(".")[0] for name in found} > set(DOMAINS)
    assert found["marketplace.fct_candidacies"] > 0
    return found


def test_no_view_holds_the_name_of_the_file(built: Path) -> None:
    with duckdb.connect(str(built), read_only=True) as connection:
        views = dict(
            connection.execute(
                "select schema_name || '.' || view_name, sql from duckdb_views() where not internal"
            ).fetchall()
        )
    assert len(views) > 40
    assert [name for name, sql in views.items() if built.stem in sql] == []


def test_a_renamed_copy_shows_the_same(
    built: Path, expected: dict[str, int], tmp_path: Path
) -> None:
    copy = shutil.copy(built, tmp_path / "for_ana.duckdb")
    built.rename(built.with_suffix(".away"))
    try:
        with duckdb.connect(str(copy)) as connection:
            assert counts(connection, "for_ana") == expected
    finally:
        built.with_suffix(".away").rename(built)


@pytest.mark.parametrize("beside", [[], ["staging", "core", "landed"]])
def test_an_attached_file_shows_the_same_under_any_name(
    built: Path, expected: dict[str, int], beside: list[str]
) -> None:
    """Also beside schemas of the same names in the database that it is attached to."""
    with duckdb.connect() as connection:
        for schema in beside:
            connection.execute(f"create schema {schema}")
            connection.execute(f"create table {schema}.stg_landing__batches (batch_id bigint)")
        connection.execute(f"attach '{built}' as other (read_only)")
        assert counts(connection, "other") == expected


@pytest.mark.parametrize("name", ["landed", "staging", "intermediate", "reference"])
def test_a_file_can_not_have_the_name_of_a_schema_that_views_read(
    built: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copy(built, tmp_path / f"{name}.duckdb")
    views = {"intermediate": "core.dim_candidates", "reference": "marketplace.fct_candidacies"}
    query = f"select 1 from {name}.{views.get(name, 'staging.stg_landing__failed_events')}"
    with duckdb.connect(str(copy)) as connection, pytest.raises(duckdb.Error, match="Ambiguous"):
        connection.execute(query)
    monkeypatch.setenv("HIREHOUSE_DUCKDB", str(copy))
    with pytest.raises(WarehouseError, match="can't have the name of a schema"):
        open_warehouse("duckdb")
