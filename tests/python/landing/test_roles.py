"""The roles of deploy/roles.sql: each may do what it is for, and nothing else."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from hirehouse.contracts.example import example_event
from hirehouse.contracts.model import ROOT, load
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.profile import WarehouseError
from support.events import line, write
from support.marts import DOMAINS, dbt

ROLES = ("loader", "transformer", "analysts")
USERS = {"postgres": "PGUSER", "redshift": "REDSHIFT_USER"}
Become = Callable[[str], Warehouse]


@pytest.fixture
def suffix() -> str:
    """Users belong to a server, which tests share."""
    return uuid.uuid4().hex[:8]


@pytest.fixture
def become(environment: dict[str, str], suffix: str, monkeypatch: pytest.MonkeyPatch) -> Become:
    """A function that connects as a user, in this process and those it starts."""
    text = re.sub(r"--[^\n]*", "", (ROOT / "deploy" / "roles.sql").read_text())
    text = re.sub(rf"\b({'|'.join(ROLES)})\b", rf"\1_{suffix}", text)
    text += f"create user ana_{suffix} password 'Change-me-3' in group analysts_{suffix}"
    with open_warehouse() as warehouse:
        for statement in text.split(";"):
            warehouse.execute(statement.strip())
    variable = USERS[environment["HIREHOUSE_TARGET"]]

    def connect(user: str) -> Warehouse:
        monkeypatch.setenv(variable, f"{user}_{suffix}")
        environment[variable] = f"{user}_{suffix}"
        return open_warehouse()

    return connect


@pytest.mark.redshift
@pytest.mark.parametrize("environment", ["postgres", "redshift"], indirect=True)
def test_each_role_may_do_what_it_is_for(
    environment: dict[str, str], become: Become, tmp_path: Path
) -> None:
    events = [line(example_event(contract)) for contract in load().values()]
    with become("loader") as loader:
        assert land([write(tmp_path / "a.ndjson", [*events, b"no"])], loader).failed == 1
        assert refused(loader, "create schema own")
    with become("transformer") as transformer:
        dbt(
            environment,
            tmp_path,
            "build",
            "--select",
            "+dim_candidates",
            "+offers_monthly",
            "currency_rates",
            "--exclude-resource-type",
            "test",
        )
        assert transformer.query("select count(*) from landed.failed_events") == [(1,)]
        assert refused(transformer, "delete from landed.batches")
        assert refused(transformer, "update landed.batches set committed_at = null")
    with become("loader") as loader:
        assert refused(loader, "select * from core.dim_candidates")
        assert refused(loader, "select * from staging.stg_landing__batches")
    with become("ana") as analyst:
        for table in (
            "core.dim_candidates",
            "marketplace.offers_monthly",
            "reference.currency_rates",
        ):
            analyst.query(f"select * from {table}")
        for table in (
            "landed.failed_events",
            "staging.stg_landing__batches",
            "intermediate.int_candidate_versions",
        ):
            assert refused(analyst, f"select * from {table}")
        assert refused(analyst, "delete from reference.currency_rates")
        assert refused(analyst, "create table core.own (a integer)")
        assert refused(analyst, "create schema own")


def test_every_schema_of_marts_has_its_readers() -> None:
    text = (ROOT / "deploy" / "roles.sql").read_text()
    for grant in re.findall(
        r"in schema (reference, [\w, ]+)|usage on schema (reference, [\w, ]+) to", text
    ):
        assert set("".join(grant).split(", ")) == {"reference", *DOMAINS}
    assert {*re.findall(r"create schema (\w+)", text)} == {
        "landed",
        "staging",
        "intermediate",
        "reference",
        *DOMAINS,
    }


def refused(warehouse: Warehouse, sql: str) -> bool:
    with pytest.raises(WarehouseError, match=r"permission denied|lacks "):
        warehouse.execute(sql)
    return True
