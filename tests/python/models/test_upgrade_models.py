"""From a warehouse that the code of an older version has made to the marts of this one."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from datetime import date
from pathlib import Path

import pytest

from conftest import run_dbt
from hirehouse.contracts.model import ROOT
from hirehouse.warehouse.connections import open_warehouse
from simulator import simulate
from support.marts import SCHEMAS, Enter, mart_hashes

# The last commit whose models keep no record of their progress, and land into the schema `raw`.
OLDER = "00e5229"
PROFILE = "profiles.yml.example"
PARTS = ("models", "macros", "seeds", "tests/generic", "tests/singular", "scripts/hirehouse")
LAND = "from hirehouse.cli import app; app()"


def older_project(folder: Path) -> Path:
    """The project as it was, from this repository's history."""
    archive = subprocess.run(
        ["git", "archive", OLDER, "dbt_project.yml", PROFILE, *PARTS],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        pytest.skip(
            f"the history of this clone does not reach back to {OLDER}: git fetch --unshallow"
        )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    (folder / PROFILE).rename(folder / "profiles.yml")
    return folder


@pytest.mark.parametrize("engine", ["duckdb", pytest.param("postgres", marks=pytest.mark.every)])
def test_an_older_warehouse_is_upgraded_as_its_messages_say(
    engine: str, enter: Enter, tmp_path: Path
) -> None:
    variables = enter(engine) | {"DBT_TARGET_PATH": str(tmp_path / "t"), "DBT_LOG_PATH": "logs"}
    market = tmp_path / "market"
    simulate(market, seed=5, start=date(2026, 1, 5), days=30, candidates=60)
    old = older_project(tmp_path / "old")
    as_it_was = variables | {"PYTHONPATH": str(old / "scripts"), "DBT_PROFILES_DIR": str(old)}
    landed = subprocess.run(
        [sys.executable, "-c", LAND, "land", str(market)],
        env=os.environ | as_it_was,
        capture_output=True,
        text=True,
        check=False,
    )
    assert landed.returncode in (0, 1), landed.stderr  # some lines fail their contracts
    models = ["build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    done = run_dbt(models, as_it_was, root=old)
    assert done.returncode == 0, done.stdout
    with open_warehouse() as warehouse:
        before = mart_hashes(warehouse, (*SCHEMAS, "operations"))

    def refused(*words: str) -> None:
        done = run_dbt(["build"], variables)
        assert done.returncode == 2, done.stdout
        assert all(word in done.stdout for word in words), done.stdout

    refused("older version", "`hirehouse upgrade`", "docs/upgrading.md")
    upgraded = subprocess.run(
        [str(Path(sys.executable).parent / "hirehouse"), "upgrade"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert upgraded.returncode == 0, upgraded.stderr
    refused("older version", "`dbt build --full-refresh`", "docs/upgrading.md")

    done = run_dbt(["run", "--full-refresh"], variables)
    assert done.returncode == 0, done.stdout
    done = run_dbt(["run-operation", "drop_leftovers"], variables)
    assert "dropped table staging.stg_landing__envelope" in done.stdout
    with open_warehouse() as warehouse:
        assert mart_hashes(warehouse, (*SCHEMAS, "operations")) == before
        left = {
            f"{schema}.{name}"
            for schema, name in warehouse.query(
                "select table_schema, table_name from information_schema.tables"
                " where table_schema in ('staging', 'intermediate')"
            )
        }
    manifest = json.loads((tmp_path / "t" / "manifest.json").read_text())
    made = {f"{n['schema']}.{n['alias']}" for n in manifest["nodes"].values()}
    assert left <= made | {"staging.model_progress"}
    done = run_dbt(models, variables)
    assert done.returncode == 0, done.stdout
