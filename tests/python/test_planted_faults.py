"""Faults that incremental models are prone to, each planted in a copy of the project and caught."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from histories import collect, histories
from marts import MakeEnvironment
from sequences import Stage, Step, copied, failing
from shrinking import shrink, told
from test_property import NAMED

SEED = 3
HISTORIES = [*NAMED.values(), *collect(histories(3), 400, SEED)]
# A landing in the middle of a run, too: without that a run's ceiling would never matter.
STEPS = [
    Step("land", 1),
    Step("run"),
    Step("during run", 2),
    Step("land", 3),
    Step("run"),
]
LANDED = "macros/landing/landed.sql"
IS_NEW = "macros/incremental/is_new.sql"
MARKETPLACE = "models/intermediate/marketplace"


@dataclass(frozen=True)
class Fault:
    """A change of one file that makes a model wrong.

    Args:
        path: the file, below the project's folder.
        right, wrong: a text of it, and what takes its place wherever it stands.
        only: the model that shows it, which is built with all that it reads.
    """

    path: str
    right: str
    wrong: str
    only: str

    def plant(self, root: Path) -> None:
        """Change the file; AssertionError if it no longer has that text."""
        path = root / self.path
        text = path.read_text()
        assert self.right in text, f"{self.path} has changed: plant the fault anew"
        path.write_text(text.replace(self.right, self.wrong))


SINCE = (
    "{% if is_incremental() %}events.occurred_at > (select coalesce(max(own.occurred_at),"
    " cast('2000-01-01' as timestamp)) from {{ this }} as own)DAYS{% else %}1 = 1{% endif %}"
)
FAULTS = {
    "new is what happened since the last event": Fault(
        LANDED, "{{ is_new('events') }}", SINCE.replace("DAYS", ""), "int_offers"
    ),
    "new is what happened in the last three days, too": Fault(
        LANDED,
        "{{ is_new('events') }}",
        SINCE.replace("DAYS", " - interval '3' day"),
        "int_offers",
    ),
    "the last batch counts as new again": Fault(
        IS_NEW, "batch_id > {{", "batch_id >= {{", "int_placement_fees"
    ),
    "of copies the last one stays": Fault(
        LANDED,
        "order by events.batch_id, events.batch_row",
        "order by events.batch_id desc, events.batch_row desc",
        "stg_billing__placement_invoiced",
    ),
    "a copy in a later batch stays": Fault(
        LANDED, "and earlier.event_id is null", "", "stg_billing__placement_invoiced"
    ),
    "entries of one moment are in no order": Fault(
        f"{MARKETPLACE}/int_candidacy_stage_visits.sql",
        "order by entries.occurred_at, stages.rank, entries.event_id",
        "order by entries.occurred_at",
        "int_candidacy_stage_visits",
    ),
    # Left out, a tie may by chance be broken alike; so it is broken as an engine is free to do.
    "openings of one moment and messageId are in either order": Fault(
        f"{MARKETPLACE}/int_candidacy_attributes.sql",
        "openings.origin desc, ",
        "openings.origin {{ 'asc' if is_incremental() else 'desc' }}, ",
        "int_candidacy_attributes",
    ),
    "a run has no ceiling": Fault(
        LANDED,
        "events.batch_id in (select batches.batch_id from {{ ref('stg_landing__batches') }}"
        " as batches)",
        "1 = 1",
        "int_candidacy_attributes",
    ),
    "a late sign-up does not touch its candidacies": Fault(
        f"{MARKETPLACE}/int_candidacy_attributes.sql",
        "where {{ is_new('sign_ups') }}",
        "where 1 = 0",
        "int_candidacy_attributes",
    ),
    "what describes a candidacy does not touch it": Fault(
        f"{MARKETPLACE}/int_candidacies.sql",
        "select candidacy_id from described where {{ is_new() }}",
        "select candidacy_id from described where 1 = 0",
        "int_candidacies",
    ),
    "a late answer does not touch its offer": Fault(
        f"{MARKETPLACE}/int_offers.sql",
        "select offer_id from answers where {{ is_new() }}",
        "select offer_id from answers where 1 = 0",
        "int_offers",
    ),
    "an earlier copy is searched among new rows alone": Fault(
        "models/staging/landing/stg_landing__events.sql",
        "{% if is_incremental() %}",
        "{% if false %}",
        "stg_landing__events",
    ),
    "a touched key is computed from new rows alone": Fault(
        "models/intermediate/finance/int_subscription_versions.sql",
        "inner join touched on changes.subscription_id = touched.subscription_id",
        "where {{ is_new('changes') }}",
        "int_subscription_versions",
    ),
}
# Their rows tell of many histories or of lines that belong to none.
NAMELESS = {
    "a day's counts forget what arrived before": Fault(
        "models/intermediate/operations/int_event_counts.sql",
        "{% if is_incremental() %}",
        "{% if false %}",
        "int_event_counts",
    ),
    "an action does not touch its failure": Fault(
        "models/intermediate/operations/int_failed_events.sql",
        "select failure_id from actions where {{ is_new() }}",
        "select failure_id from actions where 1 = 0",
        "int_failed_events",
    ),
}
EASY = random.Random(SEED).sample(sorted(FAULTS), 2)


@pytest.fixture
def stage_of(
    tmp_path: Path, make_environment: MakeEnvironment
) -> Callable[[list[Fault], set[str]], Stage]:
    """A function that makes a stage of a copy of the project with faults planted in it."""

    def make(faults: list[Fault], only: set[str]) -> Stage:
        root = copied(tmp_path / "project")
        for fault in faults:
            fault.plant(root)
        return Stage(make_environment("duckdb", tmp_path), tmp_path, root, sorted(only))

    return make


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in EASY else pytest.mark.every) for n in FAULTS]
)
def test_a_planted_fault_is_caught(
    name: str,
    stage_of: Callable[[list[Fault], set[str]], Stage],
    record_property: Callable[[str, object], None],
) -> None:
    fault = FAULTS[name]
    found = failing(stage_of([fault], {fault.only}), HISTORIES, STEPS)
    record_property(f"histories of {len(HISTORIES)} that catch: {name}", len(found))
    assert found


def test_the_copy_without_a_fault_is_right(
    stage_of: Callable[[list[Fault], set[str]], Stage],
) -> None:
    stage = stage_of([], {fault.only for fault in FAULTS.values()})
    assert not stage.play(HISTORIES, STEPS)


@pytest.mark.every
@pytest.mark.parametrize("name", NAMELESS)
def test_a_planted_fault_of_rows_that_name_no_history_is_caught(
    name: str, stage_of: Callable[[list[Fault], set[str]], Stage]
) -> None:
    fault = NAMELESS[name]
    found = stage_of([fault], {fault.only}).play(HISTORIES, STEPS)
    assert {difference.model for difference in found} == {fault.only}


@pytest.mark.every
def test_what_catches_a_fault_is_made_small(
    stage_of: Callable[[list[Fault], set[str]], Stage],
) -> None:
    """An opening, then a sign-up in a later batch: nothing smaller shows that fault."""
    fault = FAULTS["a late sign-up does not touch its candidacies"]
    stage = stage_of([fault], {fault.only})
    found = failing(stage, HISTORIES, STEPS)
    largest = max((HISTORIES[number] for number in found), key=len)
    history, steps, differences = shrink(stage, largest, STEPS)
    text = told(history, steps, differences)
    assert len(history) == 2, text
    assert [one.batch for one in sorted(history, key=lambda one: one.batch)] == [1, 2], text
    assert "int_candidacy_attributes differs" in text
    assert 'sent(2, "candidate_signed_up", ' in text


def test_a_fault_that_no_longer_applies_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.sql").write_text("select 1")
    with pytest.raises(AssertionError, match="plant the fault anew"):
        Fault("model.sql", "select 2", "select 3", "model").plant(tmp_path)
