"""All of the project on the Redshift rig: its marts are those of the other engines."""

from __future__ import annotations

import json
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
from support.exports import exported_hashes
from support.marts import (
    SCHEMAS,
    MakeEnvironment,
    dbt,
    mart_hashes,
    one_test_in,
    shuffled,
    timeless,
)
from support.parsing import leave_out_comments
from support.semantic_layer import Metrics

SEED = 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("redshift")


@pytest.fixture(scope="module")
def environment(folder: Path, make_environment: MakeEnvironment) -> Iterator[dict[str, str]]:
    made = make_environment("redshift", folder)
    with surrounded_by(made):
        yield made


@pytest.fixture(scope="module")
def loop(
    environment: dict[str, str],
    folder: Path,
    marketplaces: list[Path],
    request: pytest.FixtureRequest,
) -> Loop:
    """A loop that has built the marketplaces: in one round, and with --all the last in another."""
    assert environment["HIREHOUSE_TARGET"] == "redshift"
    (folder / "inbox").mkdir()
    later = marketplaces[-1:] if request.config.getoption("--all") else []
    first = [path for path in marketplaces if path not in later]
    loop = Loop([*map(str, first), str(folder / "inbox")])
    leave_out_comments(loop.dbt.manifest)  # test_run.py builds some with them
    assert rounds(loop)
    if later:
        [file] = shuffled(later, folder, 1, seed=1)
        shutil.copy(file, folder / "inbox")
        # It builds what its batch touches, and keeps other landings from the database meanwhile.
        assert len(rounds(loop)) == 1
    return loop


def rounds(loop: Loop) -> list[int]:
    """The batches of all rounds until there is nothing to do; AssertionError if one fails."""
    batches = []
    while result := loop.round():
        assert result.good, result
        batches += result.batches
    return batches


@pytest.mark.usefixtures("loop")
def test_tests_of_data_and_units_pass(
    environment: dict[str, str], folder: Path, request: pytest.FixtureRequest
) -> None:
    warm = WarmDbt(folder=folder / "target", variables=environment)
    everything = request.config.getoption("--all")
    outcome = warm.run("test", *([] if everything else one_test_in(10, warm, SEED)))
    assert outcome.success, outcome.failed()
    ran = [name for name in outcome.status if name.startswith(("test.", "unit_test."))]
    assert len(ran) > (300 if everything else 40)


@pytest.mark.usefixtures("loop")
def test_new_rows_of_an_incremental_mart_fit_its_table(
    environment: dict[str, str], folder: Path
) -> None:
    dbt(environment, folder, "run", "--select", "marts,config.materialized:incremental")


@pytest.mark.usefixtures("loop")
def test_rounds_of_a_loop_give_the_marts_of_the_other_engines(
    builds: dict[str, Built], request: pytest.FixtureRequest
) -> None:
    # The second round lands in another order.
    compared = timeless if request.config.getoption("--all") else dict
    with open_warehouse() as warehouse:
        assert compared(mart_hashes(warehouse)) == compared(builds["duckdb"].hashes)


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize(
    "schemas", [["finance"], pytest.param(SCHEMAS, marks=pytest.mark.every)], ids=["some", "all"]
)
def test_files_of_the_marts_have_their_rows(schemas: list[str], tmp_path: Path) -> None:
    with open_warehouse() as warehouse:
        expected = mart_hashes(warehouse, schemas, {})
    assert exported_hashes(tmp_path, schemas) == expected


@pytest.mark.every
def test_a_full_refresh_gives_the_same_marts(
    environment: dict[str, str], folder: Path, builds: dict[str, Built]
) -> None:
    dbt(environment, folder, "run", "--full-refresh")
    with open_warehouse() as warehouse:
        assert timeless(mart_hashes(warehouse)) == timeless(builds["duckdb"].hashes)


@pytest.mark.every
def test_metrics_and_questions_have_the_answers_of_the_other_engines(
    environment: dict[str, str], folder: Path, builds: dict[str, Built]
) -> None:
    metrics = Metrics(WarmDbt(folder=folder, variables=environment).manifest, "redshift", folder)
    with open_warehouse() as warehouse:
        assert metrics.differences(warehouse) == {}
    found = answers(environment, folder / "questions")
    expected = answers(builds["duckdb"].environment, folder / "questions on duckdb")
    # How late events were depends on which of two copies came first.
    assert found.pop("health_of_events")
    assert expected.pop("health_of_events")
    assert found == expected


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
