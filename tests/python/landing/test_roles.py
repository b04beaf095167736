"""The roles of deploy/roles*.sql: each may do what it is for, and nothing else."""

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
from support.forks import MODELS
from support.marts import DOMAINS, dbt

ROLES = ("loader", "transformer", "analysts")
USERS = {"postgres": "PGUSER", "redshift": "REDSHIFT_USER"}
DATABASES = {"postgres": "PGDATABASE", "redshift": "REDSHIFT_DATABASE"}
Become = Callable[[str], Warehouse]


@pytest.fixture
def suffix() -> str:
    """Users belong to a server, which tests share."""
    return uuid.uuid4().hex[:8]


@pytest.fixture
def become(environment: dict[str, str], suffix: str, monkeypatch: pytest.MonkeyPatch) -> Become:
    """A function that connects as a user, in this process and those it starts."""
    text = re.sub(rf"\b({'|'.join(ROLES)})\b", rf"\1_{suffix}", sql_of("roles.sql"))
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
            *MODELS,
            "--select",
            "+dim_candidates",
            "+offers_monthly",
            "currency_rates",
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


@pytest.mark.redshift
@pytest.mark.parametrize("environment", ["postgres", "redshift"], indirect=True)
def test_the_loop_of_serverless_owns_what_it_makes(
    environment: dict[str, str], suffix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database = environment[DATABASES[environment["HIREHOUSE_TARGET"]]]
    user, readers = f"IAMR:hirehouse-run_{suffix}", f"analysts_{suffix}"
    text = sql_of("roles-serverless.sql").replace("IAMR:hirehouse-run", user)
    text = text.replace("analysts", readers).replace("database hirehouse", f"database {database}")
    # PostgreSQL's word for it, also behind the stand-in.
    text = text.replace("password disable", "password null")
    text += f"create user ana_{suffix} password 'Change-me-3' in group {readers}"
    with open_warehouse() as warehouse:
        for statement in text.split(";"):
            warehouse.execute(statement.strip())
    # Redshift folds names in quotes, too.
    redshift = environment["HIREHOUSE_TARGET"] == "redshift"
    monkeypatch.setenv(USERS[environment["HIREHOUSE_TARGET"]], user.lower() if redshift else user)
    with open_warehouse() as loop:
        land(
            [write(tmp_path / "a.ndjson", [line(example_event(load()["offer_extended", 1]))])], loop
        )
        loop.execute("create table core.dim_candidates as select 1 as candidate_id")
        loop.execute("create schema green_core")
    monkeypatch.setenv(USERS[environment["HIREHOUSE_TARGET"]], f"ana_{suffix}")
    with open_warehouse() as analyst:
        assert analyst.query("select * from core.dim_candidates") == [(1,)]
        assert refused(analyst, "select * from landed.batches")


@pytest.mark.parametrize("name", ["roles.sql", "roles-serverless.sql"])
def test_every_schema_of_marts_has_its_readers(name: str) -> None:
    text = sql_of(name)
    grants = re.findall(r"(?:in|usage on) schema (reference, [\w, ]+?)(?: to|\n)", text)
    assert len(grants) == 2
    for grant in grants:
        assert set(grant.split(", ")) == {"reference", *DOMAINS}
    assert {*re.findall(r"create schema (\w+)", text)} == {
        "landed",
        "staging",
        "intermediate",
        "reference",
        *DOMAINS,
    }


def sql_of(name: str) -> str:
    return re.sub(r"--[^\n]*", "", (ROOT / "deploy" / name).read_text(encoding="utf-8"))


def refused(warehouse: Warehouse, sql: str) -> bool:
    with pytest.raises(WarehouseError, match=r"permission denied|lacks "):
        warehouse.execute(sql)
    return True
