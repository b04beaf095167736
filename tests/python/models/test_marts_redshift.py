"""All of the project on the Redshift rig: its marts are those of the other engines."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import run_dbt, surrounded_by
from hirehouse.running.loop import Loop
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from rig.server import SERIALIZABLE, Redshift
from support.answers import answers
from support.built import Built
from support.marts import MakeEnvironment, dbt, land_into, mart_hashes, shuffled
from support.semantic_layer import Metrics

SEED = 1
LEFT_OUT = "left_out_of_this_build"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("redshift")


@pytest.fixture(scope="module")
def environment(
    folder: Path,
    make_environment: MakeEnvironment,
    marketplaces: list[Path],
    request: pytest.FixtureRequest,
) -> Iterator[dict[str, str]]:
    """Two of the three marketplaces, landed and built with tests of data and units."""
    made = make_environment("redshift", folder)
    with surrounded_by(made):
        assert not land_into(made, marketplaces[:-1]).unreadable
        warm = WarmDbt(folder=folder / "target", variables=made)
        if not request.config.getoption("--all"):
            leave_out_tests(warm.manifest)
        outcome = warm.run("build", "--exclude", f"tag:{LEFT_OUT}")
        assert outcome.success, outcome.failed()
        ran = [name for name in outcome.status if name.startswith(("test.", "unit_test."))]
        assert len(ran) > 100
        yield made


def leave_out_tests(manifest: Any) -> None:
    """Tag two thirds of the tests: they pass on DuckDB, whose marts are compared with these."""
    choice = random.Random(SEED)
    tests = [node for node in manifest.nodes.values() if node.resource_type == "test"]
    for kind in (tests, [*manifest.unit_tests.values()]):
        kind.sort(key=lambda node: node.unique_id)
        for node in choice.sample(kind, len(kind) * 2 // 3):
            node.tags.append(LEFT_OUT)


@pytest.mark.usefixtures("environment")
def test_a_build_and_a_loop_give_the_marts_of_the_other_engines(
    folder: Path,
    marketplaces: list[Path],
    builds: dict[str, Built],
) -> None:
    inbox = folder / "inbox"
    inbox.mkdir()
    loop = Loop([str(inbox)])
    files = shuffled(marketplaces[-1:], folder, 2, seed=1)
    batches = []
    # The first round builds everything; the second one what its batch touches, and keeps other
    # landings from the database meanwhile.
    for file in files:
        shutil.copy(file, inbox)
        while result := loop.round():
            assert result.good, result
            batches += result.batches
    assert len(batches) == 2
    with open_warehouse() as warehouse:
        assert mart_hashes(warehouse) == builds["duckdb"].hashes


@pytest.mark.every
def test_a_full_refresh_gives_the_same_marts(
    environment: dict[str, str], folder: Path, builds: dict[str, Built]
) -> None:
    dbt(environment, folder, "run", "--full-refresh")
    with open_warehouse() as warehouse:
        assert mart_hashes(warehouse) == builds["duckdb"].hashes


@pytest.mark.every
def test_metrics_and_questions_have_the_answers_of_the_other_engines(
    environment: dict[str, str], folder: Path, builds: dict[str, Built]
) -> None:
    metrics = Metrics(WarmDbt(folder=folder, variables=environment).manifest, "redshift", folder)
    with open_warehouse() as warehouse:
        assert metrics.differences(warehouse) == {}
    found = answers(environment, folder / "questions")
    assert found == answers(builds["duckdb"].environment, folder / "questions on duckdb")


@pytest.mark.every
def test_the_docs_have_the_columns_of_all_relations(
    environment: dict[str, str], folder: Path
) -> None:
    artifacts = environment | {"DBT_TARGET_PATH": str(folder / "docs")}
    done = run_dbt(
        # As the demo does: to compile tests takes as long as models.
        ["docs", "generate", "--exclude", "resource_type:test", "resource_type:unit_test"],
        artifacts,
    )
    assert done.returncode == 0, done.stdout
    read = {
        name: json.loads((folder / "docs" / f"{name}.json").read_text())
        for name in ("manifest", "catalog")
    }
    wanted = {
        unique_id: sorted(node["columns"])
        for unique_id, node in read["manifest"]["nodes"].items()
        if node["resource_type"] == "model" and node["config"]["contract"]["enforced"]
    }
    nodes: dict[str, Any] = read["catalog"]["nodes"]
    assert {name: sorted(nodes[name]["columns"]) for name in wanted} == wanted
    assert len(wanted) > 20


def test_a_serializable_database_is_for_one_thread(
    redshift: Redshift, environment: dict[str, str], tmp_path: Path
) -> None:
    database = redshift.new_database(SERIALIZABLE)
    done = run_dbt(
        ["run", "--select", "dim_dates"],
        environment | {"REDSHIFT_DATABASE": database, "DBT_TARGET_PATH": str(tmp_path)},
    )
    assert f"alter database {database} isolation level snapshot" in done.stdout.replace("\n", " ")
