"""The Dagster example lands and builds, as assets and by its jobs, and fails where they do."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import dagster as dg
import pytest

from conftest import surrounded_by
from hirehouse.contracts.model import ROOT, load
from hirehouse.warehouse.connections import open_warehouse
from support.events import event, line, write
from support.marts import MakeEnvironment
from support.parsing import parsed_for

EXAMPLE = ROOT / "examples" / "dagster" / "definitions.py"
STAGED = "employer_app__interview_requested"


@pytest.fixture(scope="module")
def example(
    make_environment: MakeEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModuleType]:
    """The module of the example, with its own inbox and warehouse."""
    folder = tmp_path_factory.mktemp("dagster")
    with surrounded_by(make_environment("duckdb", folder)) as patch:
        patch.setenv("HIREHOUSE_INBOX", str(folder / "inbox"))
        patch.setenv("DAGSTER_DISABLE_TELEMETRY", "true")
        parsed_for(ROOT, ROOT / "target" / "dagster", dict(os.environ))
        spec = importlib.util.spec_from_file_location("definitions", EXAMPLE)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "definitions", module)
        spec.loader.exec_module(module)
        yield module


def rows(table: str) -> int:
    with open_warehouse() as warehouse:
        [(count,)] = warehouse.query(f"select count(*) from {table}")
    return int(count)


def test_every_landed_table_is_an_upstream_asset_of_models(example: ModuleType) -> None:
    made = {key.path[-1] for key in example.land.keys}
    assert {contract.table for contract in load().values()} <= made
    needed = {parent for parents in example.models.asset_deps.values() for parent in parents}
    assert needed - set(example.models.keys) == set(example.land.keys) & needed


@pytest.mark.every
def test_assets_land_and_build(example: ModuleType) -> None:
    write(example.INBOX / "1.ndjson", [line(event(1))])
    wanted = {f"stg_{name}" for name in ("landing__batches", "landing__copies", STAGED)}
    keys = [key for key in example.models.keys if key.path[-1] in wanted]
    chosen = dg.AssetSelection.assets(*keys, *example.land.keys)
    done = dg.materialize(
        [example.land, example.models],
        selection=chosen,
        resources=example.defs.resources,
    )
    assert done.success
    assert rows(f"staging.stg_{STAGED}") == 1
    assert done.asset_materializations_for_node("land")
    assert done.get_asset_check_evaluations()


@pytest.mark.every
def test_a_job_lands_and_builds_new_events(example: ModuleType) -> None:
    write(example.INBOX / "2.ndjson", [line(event(2))])
    done = example.defs.get_job_def("each_ten_minutes").execute_in_process()
    assert done.success
    assert rows("marketplace.fct_interview_requests") == 2


def test_an_unreadable_file_fails_the_step(example: ModuleType) -> None:
    bad = example.INBOX / "3.ndjson.gz"
    bad.write_bytes(b"not gzip")
    with pytest.raises(subprocess.CalledProcessError):
        example.hirehouse("land")
    bad.unlink()
