"""Data tests look at the rows of the newest batches; with test_days 0 at all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from events import event, line, write
from hirehouse.land import land
from hirehouse.warehouse import open_warehouse
from hirehouse.warm import WarmDbt

OLD, NEW = 1, 2
pytestmark = pytest.mark.one_engine

EVENT = "interview_requested"
STAGED = "staging.stg_employer_app__interview_requested"
DERIVED = "intermediate.int_interview_requests_answered"
MART = "fct_interview_requests"  # shows no batch: tested by the keys of what it reads


@pytest.fixture
def dbt(environment: dict[str, str], tmp_path: Path) -> WarmDbt:
    """A warehouse with an old and a new batch of ten events each, and dbt on it."""
    for batch in (OLD, NEW):
        day = {"timestamp": f"2026-03-0{batch}T09:30:00Z"}
        rows = [line(event(batch * 100 + row) | day) for row in range(10)]
        with open_warehouse() as warehouse:
            land([write(tmp_path / f"{batch}.ndjson", rows)], warehouse)
            warehouse.execute(
                f"update raw.batches set committed_at = committed_at - interval '3 days'"
                f" where batch_id = {OLD} and {batch} = {OLD}"
            )
    warm = WarmDbt(folder=tmp_path / "target", variables=environment)
    assert warm.run("seed").success
    assert warm.run("run", "--select", f"+{MART}").success
    return warm


def broken(dbt: WarmDbt, days: int) -> set[str]:
    """The names of the tests that fail."""
    names = [*(name.split(".")[1] for name in (STAGED, DERIVED)), MART]
    outcome = dbt.run(
        *("test", "--exclude-resource-type", "unit_test", "--vars", f"{{test_days: {days}}}"),
        *("--select", f"source:employer_app.{EVENT}", *names),
    )
    assert len(outcome.status) > len(names)
    return {node.split(".")[2] for node in outcome.failed()}


SPOILT = {
    f"update raw.{EVENT} set base_salary = -1 where batch_id = ?": {"conforms_to_contract"},
    f"insert into {STAGED} select * from {STAGED} where batch_id = ? and batch_row = 5": {
        "one_row_per_event"
    },
    f"insert into {DERIVED} select * from {DERIVED} where batch_id = ?": {
        "unique_int",
        f"unique_{MART}",
    },
    f"update {DERIVED} set requested_at = null where batch_id = ?": {f"no_nulls_{MART}"},
}


def test_new_rows_are_tested_at_once_and_old_ones_at_night(dbt: WarmDbt) -> None:
    assert broken(dbt, days=0) == set()
    tests = set().union(*SPOILT.values())
    for batch, days_that_see in ((OLD, (0,)), (NEW, (0, 1))):
        with open_warehouse() as warehouse:
            for statement in SPOILT:
                warehouse.execute(statement, [batch])
        for days in (1, 0):
            found = broken(dbt, days)
            seen = {test for test in tests for name in found if test in name}
            assert seen == (tests if days in days_that_see else set())
