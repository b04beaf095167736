"""The seeds and the contracts name the same things."""

from __future__ import annotations

import csv

import pytest

from hirehouse.contracts.model import ROOT, load

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
