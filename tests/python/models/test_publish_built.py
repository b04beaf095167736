"""The published copy of all marts is the same from each engine, and follows the data tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from conftest import ENGINES, surrounded_by
from hirehouse.contracts.model import ROOT
from hirehouse.querying.publishing import NotPublished, publish
from hirehouse.querying.relations import Relations
from hirehouse.running.loop import Loop, Round
from hirehouse.running.publisher import Publisher
from hirehouse.warehouse.connections import open_warehouse
from support.built import Built
from support.marts import SCHEMAS

DUPLICATE = "insert into core.dim_dates select * from core.dim_dates limit 1"


def test_all_marts_are_published_the_same_from_each_engine(
    builds: dict[str, Built], tmp_path: Path
) -> None:
    marts = {mart.relation for mart in Relations(ROOT, "analytics").marts()}
    with duckdb.connect() as connection:
        for engine in ENGINES:
            with surrounded_by(builds[engine].environment):
                made = publish(path=tmp_path / f"{engine}.duckdb")
            assert made.missing == []
            assert made.tables == len(marts)
            connection.execute(f"attach '{made.path}' as {engine} (read_only)")
        columns = "select schema_name, table_name, column_name, data_type, comment"
        described = [
            connection.execute(
                f"{columns} from duckdb_columns() where database_name = ? order by all", [engine]
            ).fetchall()
            for engine in ENGINES
        ]
        assert described[0] == described[1]
        for mart in (mart for mart in marts if mart.partition(".")[0] in SCHEMAS):
            for one, other in (ENGINES, ENGINES[::-1]):
                more = f"select count(*) from (from {one}.{mart} except all from {other}.{mart})"
                assert connection.execute(more).fetchall() == [(0,)], mart
        [row] = connection.execute("select count(*) from duckdb.marketplace.fct_offers").fetchall()
        assert row[0] > 0


def test_a_loop_publishes_nothing_if_a_data_test_fails(
    builds: dict[str, Built], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = builds["duckdb"].environment
    copy = shutil.copy(built["HIREHOUSE_DUCKDB"], tmp_path / "warehouse.duckdb")
    path = tmp_path / "published.duckdb"
    own = {"HIREHOUSE_DUCKDB": str(copy), "HIREHOUSE_PUBLISHED": str(path)}
    for name, value in (built | own).items():
        monkeypatch.setenv(name, value)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    loop = Loop([str(inbox)])
    assert len(loop.tests) > 200
    loop.tests = {name: test for name, test in loop.tests.items() if "dim_dates" in name}
    loop.pending = set()
    publisher = Publisher(loop)
    publisher.note(Round(1, models=1))
    assert publisher.publish()
    published_at = path.stat().st_mtime_ns
    with open_warehouse() as warehouse:
        warehouse.execute(DUPLICATE)
    publisher.note(Round(2, models=1))
    publisher.again_at = 0.0
    with pytest.raises(NotPublished, match="these tests fail: unique_dim_dates_date_day"):
        publisher.publish()
    assert path.stat().st_mtime_ns == published_at
    assert not set(loop.tests) & set(loop.dbt.manifest.nodes)
