"""The seeds and the contracts name the same things."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from hirehouse.contracts.model import ROOT, load
from hirehouse.landing.land import land
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from support.events import write
from support.parsing import keep, leave_out_comments

# Stages that an event of its own tells of, so that candidacy_stage_changed must not.
OWN_EVENT = {"requested", "applied", "accepted", "offered", "hired", "started", "closed"}
MEASURED = {"email", "direct"}  # channels of sessions, which nobody declares at sign-up


def seeded(seed: str, column: str) -> set[str]:
    with (ROOT / "seeds" / f"{seed}.csv").open(encoding="utf-8") as file:
        return {row[column] for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("seed", "column", "own"),
    [
        ("roles", "role", set()),
        ("channels", "channel", MEASURED),
        ("stages", "stage", OWN_EVENT),
        ("currency_rates", "currency", set()),
    ],
)
def test_contracts_allow_what_the_seed_lists(seed: str, column: str, own: set[str]) -> None:
    allowed = {
        (contract.table, frozenset(c.meta["enum"]))
        for contract in load().values()
        for c in contract.columns
        if c.name == column and "enum" in c.meta
    }
    assert allowed
    assert {enum for _, enum in allowed} == {frozenset(seeded(seed, column) - own)}


def test_rules_lead_to_channels_that_the_seed_lists() -> None:
    assert seeded("channel_rules", "channel") <= seeded("channels", "channel")


@pytest.mark.usefixtures("duckdb_environment")
def test_a_relationship_is_tested_once_both_sides_are_built(tmp_path: Path) -> None:
    path = write(tmp_path / "nothing.ndjson", [])
    with open_warehouse() as warehouse:
        land([path], warehouse)
    dbt = WarmDbt(folder=tmp_path / "target")
    keep(dbt.manifest, ("dim_employers", "dim_candidates_history", "channels"))
    leave_out_comments(dbt.manifest)
    arguments = ("build", "--exclude-resource-type", "unit_test", "--select")
    # Its test of a relationship reads a seed, and that of its history a model, that are missing.
    assert dbt.run(*arguments, "+dim_employers").success
    # One test reads this history and another one.
    assert dbt.run(*arguments, "+dim_candidates_history").success
    assert dbt.run(*arguments, "channels").success
    with open_warehouse() as warehouse:
        warehouse.execute("drop view core.dim_employers")
        warehouse.execute("create view core.dim_employers as select 'nowhere' as channel")
    outcome = dbt.run(
        "test", "--select", "relationships_dim_employers_channel__channel__ref_channels_"
    )
    assert list(outcome.failed().values()) == ["Got 1 result, configured to fail if != 0"]
