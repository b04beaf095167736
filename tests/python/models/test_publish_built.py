"""The published copy of all marts is the same from each engine, and follows the data tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from conftest import ENGINES, surrounded_by
from hirehouse.contracts.model import ROOT
from hirehouse.querying.publishing import NotPublished, Publication, publish
from hirehouse.querying.relations import Relations
from hirehouse.running.loop import Loop, Round
from hirehouse.running.publisher import Publisher
from hirehouse.warehouse.connections import open_warehouse
from support.built import Built
from support.marts import SCHEMAS

DUPLICATE = "insert into core.dim_dates select * from core.dim_dates limit 1"


@pytest.fixture(scope="module")
def copies(
    builds: dict[str, Built], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Publication]:
    """The copy of each engine."""
    folder = tmp_path_factory.mktemp("copies")
    made = {}
    for engine in ENGINES:
        with surrounded_by(builds[engine].environment):
            made[engine] = publish(path=folder / f"{engine}.duckdb")
    return made


def test_all_marts_are_published_the_same_from_each_engine(copies: dict[str, Publication]) -> None:
    marts = {mart.relation for mart in Relations(ROOT, "analytics").marts()}
    columns = "select schema_name, table_name, column_name, data_type, comment"
    with duckdb.connect() as connection:
        described = []
        for engine, made in copies.items():
            assert made.missing == []
            assert made.tables == len(marts)
            connection.execute(f"attach '{made.path}' as copy_{engine} (read_only)")
            found = f"{columns} from duckdb_columns() where database_name = ? order by all"
            described.append(connection.execute(found, [f"copy_{engine}"]).fetchall())
        assert described[0] == described[1]
        for mart in (mart for mart in marts if mart.partition(".")[0] in SCHEMAS):
            for one, other in (ENGINES, ENGINES[::-1]):
                more = f"from copy_{one}.{mart} except all from copy_{other}.{mart}"
                assert connection.execute(f"select count(*) from ({more})").fetchall() == [(0,)], (
                    mart
                )
        offers = "select count(*) > 0 from copy_postgres.marketplace.fct_offers"
        assert connection.execute(offers).fetchall() == [(True,)]


def run_notebook(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the example as a script, in a folder of its own."""
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / "notebook" / "hiring.py")],
        cwd=folder,
        env=os.environ | {"MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_notebook_draws_the_funnel_and_revenue(
    copies: dict[str, Publication], builds: dict[str, Built], tmp_path: Path
) -> None:
    assert "run `hirehouse publish`" in run_notebook(tmp_path).stderr
    path = tmp_path / "data" / "published" / "hirehouse.duckdb"
    path.parent.mkdir(parents=True)
    shutil.copy(copies["duckdb"].path, path)
    done = run_notebook(tmp_path)
    assert done.returncode == 0, done.stderr
    with surrounded_by(builds["duckdb"].environment), open_warehouse() as warehouse:
        [(opened, hired)] = warehouse.query(
            "select count(*), count(hired_at) from marketplace.fct_candidacies"
        )
        [(mrr,)] = warehouse.query(
            "select sum(closing_mrr * reporting_rate) from finance.mrr_movements_monthly"
            " where mrr_month = (select max(mrr_month) from finance.mrr_movements_monthly)"
        )
    assert f"funnel: opened {opened} screened" in done.stdout
    assert f" hired {hired} " in done.stdout
    assert done.stdout.endswith(f" {float(mrr):,.2f}\n")
    charts = (tmp_path / "data" / "notebook").iterdir()
    assert {chart.name: chart.stat().st_size > 10_000 for chart in charts} == {
        "funnel.png": True,
        "mrr.png": True,
    }
    path.chmod(0o644)
    with duckdb.connect(str(path)) as connection:
        connection.execute("alter table marketplace.hiring_funnel_weekly drop hired_count")
    assert "hired_count" in run_notebook(tmp_path).stderr


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
