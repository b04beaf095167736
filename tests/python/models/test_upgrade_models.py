"""From a warehouse that the code of an older version has made to the marts of this one."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from datetime import date
from pathlib import Path

import pytest

from conftest import ENGINES, run_dbt
from hirehouse.contracts.model import ROOT
from hirehouse.warehouse.connections import open_warehouse
from simulator import simulate
from support.forks import MODELS
from support.marts import Enter, land_into, mart_hashes
from support.project import BIN

# The last commit whose models keep no record of their progress, and land into the schema `raw`.
OLDER = "00e5229"
PROFILE = "profiles.yml.example"
PARTS = ("models", "macros", "seeds", "tests/generic", "tests/singular", "scripts/hirehouse")


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


def process(
    command: list[str], variables: dict[str, str], cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, such as one of the older version."""
    environment = os.environ | variables
    return subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )


def landed_as_before() -> None:
    """Put what has landed into the schema of the older version, whose lander can't be installed."""
    with open_warehouse() as warehouse:
        if warehouse.engine == "postgres":
            warehouse.execute("alter schema landed rename to raw")
            return
        warehouse.execute("create schema raw")
        for (table,) in warehouse.query(
            "select table_name from information_schema.tables where table_schema = 'landed'"
        ):
            warehouse.execute(f"create table raw.{table} as from landed.{table}")
        warehouse.execute("drop schema landed cascade")


@pytest.mark.one_engine
def test_dbt_refuses_what_an_older_version_landed(
    environment: dict[str, str], tmp_path: Path
) -> None:
    variables = environment | {"DBT_TARGET_PATH": str(tmp_path / "t")}
    with open_warehouse() as warehouse:
        warehouse.execute("create schema raw")
        warehouse.execute("create table raw.batches (batch_id bigint)")
    done = run_dbt(["run", "--select", "dim_dates"], variables)
    assert done.returncode == 2, done.stdout
    for words in ("older version", "`hirehouse upgrade`", "docs/upgrading.md"):
        assert words in done.stdout


@pytest.mark.every
@pytest.mark.parametrize("engine", ENGINES)
def test_an_older_warehouse_is_upgraded_as_its_messages_say(
    engine: str, enter: Enter, tmp_path: Path
) -> None:
    variables = enter(engine) | {"DBT_TARGET_PATH": str(tmp_path / "t"), "DBT_LOG_PATH": "logs"}
    market = tmp_path / "market"
    simulate(market, seed=5, start=date(2026, 1, 5), days=30, candidates=60)
    old = older_project(tmp_path / "old")
    as_it_was = variables | {"PYTHONPATH": str(old / "scripts"), "DBT_PROFILES_DIR": str(old)}
    land_into(variables, [market])
    landed_as_before()
    models = ["build", *MODELS]
    built = process([str(BIN / "dbt"), *models], as_it_was, cwd=old)
    assert built.returncode == 0, built.stdout
    with open_warehouse() as warehouse:
        before = mart_hashes(warehouse)

    def refused(*words: str) -> None:
        done = run_dbt(["build"], variables)
        assert done.returncode == 2, done.stdout
        assert all(word in done.stdout for word in words), done.stdout

    refused("older version", "`hirehouse upgrade`", "docs/upgrading.md")
    upgraded = process([str(BIN / "hirehouse"), "upgrade"], variables)
    assert upgraded.returncode == 0, upgraded.stderr
    refused("older version", "`dbt build --full-refresh`", "docs/upgrading.md")

    done = run_dbt([*models, "--full-refresh"], variables)
    assert done.returncode == 0, done.stdout
    done = run_dbt(["run-operation", "drop_leftovers"], variables)
    assert "dropped table staging.stg_landing__envelope" in done.stdout
    with open_warehouse() as warehouse:
        after = mart_hashes(warehouse)
        assert before.keys() <= after.keys()
        # The others have gained columns.
        assert len(before.items() & after.items()) > len(before) / 2
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
    again = run_dbt(models, variables)
    assert again.returncode == 0, again.stdout
