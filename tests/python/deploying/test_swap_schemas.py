"""Blue-green deployment: build beside production, compare, swap, and go back."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path

import pytest

from conftest import Done
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.profile import WarehouseError
from simulator import simulate
from support.marts import DOMAINS, land_into, mart_hashes

SCHEMAS = (*DOMAINS, "staging", "intermediate", "reference")
# A mart of each schema, and seeds.
SELECT = [
    "+dim_dates",
    "+mrr_monthly",
    "+email_performance_weekly",
    "+offers_monthly",
    "+fct_scores",
]
SELECT += ["+feature_usage_weekly", "+failed_events", "currency_rates"]
Operate = Callable[..., Done]


def build(environment: dict[str, str], folder: Path, prefix: str = "") -> None:
    """Build as with HIREHOUSE_SCHEMA=prefix, without a parse of its own."""
    variables = environment | ({"HIREHOUSE_SCHEMA": prefix} if prefix else {})
    dbt = WarmDbt(folder=folder / (prefix or "blue"), variables=variables)
    for node in dbt.manifest.nodes.values() if prefix else ():
        node.schema = f"{prefix}_{node.schema}"
        node.relation_name = None
    outcome = dbt.run("build", "--exclude-resource-type", "test", "unit_test", "--select", *SELECT)
    assert outcome.success, outcome.failed()


@pytest.fixture
def operate(environment: dict[str, str], tmp_path: Path) -> Operate:
    dbt = WarmDbt(folder=tmp_path / "operation", variables=environment)

    def run(name: str, **arguments: object) -> Done:
        given = ["run-operation", name, "--args", json.dumps(arguments)]
        printed = io.StringIO()
        with redirect_stdout(printed):
            result = dbt.runner.invoke([*given, *dbt.options, "--log-path", str(dbt.folder)])
        dbt.close()
        return Done(0 if result.success else 1, printed.getvalue() + str(result.exception or ""))

    return run


def make_schemas(warehouse: Warehouse, prefix: str, batch: int) -> None:
    """All schemas, one mart, and the record that each model is complete up to a batch."""
    for schema in SCHEMAS:
        warehouse.execute(f"create schema {prefix}{schema}")
    progress = f"{prefix}staging.model_progress"
    warehouse.execute(f"create table {progress} (model varchar(255), batch_id bigint)")
    warehouse.execute(f"insert into {progress} values ('int_offers', {batch})")
    mart = f"{prefix}operations.failed_events"
    warehouse.execute(f"create table {mart} (failure_id varchar(64), status varchar(9))")
    warehouse.execute(f"insert into {mart} values ('a', 'open'), ('b', 'batch {batch}')")


@pytest.mark.redshift
@pytest.mark.parametrize(
    "environment", ["postgres", pytest.param("redshift", marks=pytest.mark.every)], indirect=True
)
def test_production_is_swapped_with_what_is_as_far(
    environment: dict[str, str], operate: Operate
) -> None:
    readers = f"analysts_{uuid.uuid4().hex[:8]}"
    mart = "select status from operations.failed_events order by failure_id"
    with open_warehouse() as warehouse:
        make_schemas(warehouse, "", 2)
        make_schemas(warehouse, "green_", 1)
        warehouse.execute(f"create group {readers}")
    differing = operate("compare_schemas", prefix="green")
    assert differing.returncode == 1
    said = (
        "operations.failed_events: 2 rows, and 2 in green_operations; 1 are only here, 1 only there"
    )
    assert said in differing.stdout
    assert "Marts differ that should not: failed_events" in differing.stdout
    assert operate("compare_schemas", prefix="green", expected=["failed_events"]).returncode == 0

    # What is behind, or not there, is not put in place.
    refused = operate("swap_schemas", prefix="green", readers=readers)
    assert "1 models are less far than in production, such as int_offers" in refused.stdout
    missing = operate("swap_schemas", prefix="red", readers=readers)
    assert "There is no schema red_core: build all models" in missing.stdout
    with open_warehouse() as warehouse:
        assert warehouse.query(mart) == [("open",), ("batch 2",)]
        warehouse.execute("update green_staging.model_progress set batch_id = 2")

    swapped = operate("swap_schemas", prefix="green", readers=readers)
    assert swapped.returncode == 0, swapped.stdout
    user = f"ana_{readers}"
    with open_warehouse() as warehouse:
        assert warehouse.query(mart) == [("open",), ("batch 1",)]
        warehouse.execute("create table operations.later as select 1 as number")
        warehouse.execute(f"create user {user} password 'Change-me-3' in group {readers}")
        rights = (
            f"has_schema_privilege('{user}', 'operations', 'usage')",
            f"has_table_privilege('{user}', 'operations.failed_events', 'select')",
            f"has_table_privilege('{user}', 'operations.later', 'select')",
            f"not has_schema_privilege('{user}', 'staging', 'usage')",
        )
        assert warehouse.query(f"select {' and '.join(rights)}") == [(True,)]
    assert operate("drop_schemas", prefix="previous").returncode == 0
    with open_warehouse() as warehouse, pytest.raises(WarehouseError, match="does not exist"):
        warehouse.query("select * from previous_operations.failed_events")
    assert environment


@pytest.mark.every
@pytest.mark.redshift
@pytest.mark.parametrize("environment", ["postgres", "redshift"], indirect=True)
def test_builds_are_swapped_and_go_on_from_where_they_were(
    environment: dict[str, str], operate: Operate, tmp_path: Path
) -> None:
    readers = f"analysts_{uuid.uuid4().hex[:8]}"
    first, second = tmp_path / "first", tmp_path / "second"
    for seed, out in enumerate((first, second), 1):
        simulate(out, seed=seed, start=date(2026, 1, 5), days=40, candidates=60)
    land_into(environment, [first])
    build(environment, tmp_path)
    build(environment, tmp_path, "green")
    land_into(environment, [second])
    build(environment, tmp_path)

    behind = operate("compare_schemas", prefix="green")
    assert "should not: email_performance_weekly, failed_events" in behind.stdout
    refused = operate("swap_schemas", prefix="green", readers=readers)
    assert "models are less far than in production" in refused.stdout

    build(environment, tmp_path, "green")
    equal = operate("compare_schemas", prefix="green")
    assert (equal.returncode, "all other marts are equal" in equal.stdout) == (0, True), equal
    with open_warehouse() as warehouse:
        before = mart_hashes(warehouse, DOMAINS)
        warehouse.execute(f"create group {readers}")

    swapped = operate("swap_schemas", prefix="green", readers=readers)
    assert swapped.returncode == 0, swapped.stdout
    with open_warehouse() as warehouse:
        assert mart_hashes(warehouse, DOMAINS) == before
        assert len(mart_hashes(warehouse, [f"previous_{name}" for name in DOMAINS])) == len(before)

    # Back again, and production goes on from where it was.
    back = operate("swap_schemas", prefix="previous", readers=readers, old="green")
    assert back.returncode == 0, back.stdout
    build(environment, tmp_path)
    with open_warehouse() as warehouse:
        assert mart_hashes(warehouse, DOMAINS) == before


@pytest.mark.parametrize("environment", ["duckdb"], indirect=True)
def test_duckdb_has_no_schemas_to_swap(environment: dict[str, str], operate: Operate) -> None:
    assert environment
    assert "swap files instead" in operate("swap_schemas", prefix="green", readers="a").stdout
