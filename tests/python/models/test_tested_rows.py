"""Data tests look at the rows of the newest batches; with test_days 0 at all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hirehouse.contracts.example import example_event
from hirehouse.contracts.model import load
from hirehouse.landing.land import land
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from support.events import event, line, write
from support.parsing import keep, leave_out_comments

OLD, NEW = 1, 2
pytestmark = pytest.mark.one_engine

EVENT = "interview_requested"
LANDED = f"landed.{EVENT}"
STAGED = "stg_landing__events"
DERIVED = "intermediate.int_interview_requests"
MART = "fct_interview_requests"  # shows no batch: tested by the keys of what it reads
VERSIONED = "intermediate.int_candidate_versions"
HISTORIES = ("dim_candidates_history", "dim_positions_history")
BUILT = (MART, "dim_candidates", "dim_positions", *HISTORIES)


@pytest.fixture
def dbt(environment: dict[str, str], tmp_path: Path) -> WarmDbt:
    """A warehouse with an old and a new batch of twenty events each, and dbt on it."""
    for batch in (OLD, NEW):
        day = {"timestamp": f"2026-03-0{batch}T09:30:00Z"}
        numbers = range(batch * 100, batch * 100 + 10)
        rows = [line(event(n) | day) for n in numbers] + [line(signed_up(n) | day) for n in numbers]
        with open_warehouse() as warehouse:
            land([write(tmp_path / f"{batch}.ndjson", rows)], warehouse)
            warehouse.execute(
                f"update landed.batches set committed_at = committed_at - interval '3 days'"
                f" where batch_id = {OLD} and {batch} = {OLD}"
            )
    warm = WarmDbt(folder=tmp_path / "target", variables=environment)
    keep(warm.manifest, (STAGED, *BUILT, "reused_event_ids"))
    leave_out_comments(warm.manifest)
    assert warm.run("seed").success
    assert warm.run("run", "--select", *(f"+{name}" for name in (STAGED, *BUILT))).success
    return warm


def signed_up(number: int) -> dict[str, Any]:
    example = example_event(load()["candidate_signed_up", 1])
    example["properties"]["candidate_id"] = f"cand-{number}"
    return example | {"messageId": f"s-{number}"}


def broken(dbt: WarmDbt, days: int) -> set[str]:
    """The names of the tests that fail."""
    names = [STAGED, DERIVED.split(".")[1], MART, *HISTORIES]
    outcome = dbt.run(
        *("test", "--exclude-resource-type", "unit_test", "--vars", f"{{test_days: {days}}}"),
        *("--select", f"source:employer_app.{EVENT}", *names),
    )
    assert len(outcome.status) > len(names)
    return {node.split(".")[2] for node in outcome.failed()}


SPOILT = {
    f"update {LANDED} set base_salary = -1 where batch_id = ?": {"conforms_to_contract"},
    # The model of copies, which was built before, does not know of the second row.
    f"insert into {LANDED} select * from {LANDED} where batch_id = ? and batch_row = 5": {
        "an_event_id_names_one_event",
        f"unique_combination_{STAGED}",
    },
    f"insert into {DERIVED} select * from {DERIVED} where batch_id = ?": {
        "unique_int",
        f"unique_{MART}",
    },
    f"update {DERIVED} set requested_at = null where batch_id = ?": {f"no_nulls_{MART}"},
    f"update {VERSIONED} set valid_to = valid_from where batch_id = ?": {"every_history_has_one"},
}


def spoil(batch: int) -> None:
    with open_warehouse() as warehouse:
        for statement in SPOILT:
            warehouse.execute(statement, [batch])


def test_new_rows_are_tested_at_once_and_old_ones_at_night(dbt: WarmDbt) -> None:
    assert broken(dbt, days=0) == set()
    tests = set().union(*SPOILT.values())

    def seen(days: int) -> set[str]:
        found = broken(dbt, days)
        return {test for test in tests for name in found if test in name}

    spoil(OLD)
    assert seen(days=1) == set()
    assert seen(days=0) == tests
    spoil(NEW)
    assert seen(days=1) == tests
