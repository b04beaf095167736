"""Faults that incremental models are prone to, each planted in a copy of the project and caught."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hirehouse.contracts.model import ROOT
from support.faults import FAULTS, NAMELESS, Fault
from support.histories import History, histories
from support.marts import MakeEnvironment
from support.named import NAMED
from support.sequences import Stage, copied
from support.shrinking import failing, shrink, told
from support.steps import plainly

SEED = 3
CHEAP = {"int_offers", "int_placement_fees", "int_subscription_versions"}
# In a normal run one fault, of a model that reads little; one in a macro would parse all again.
EASY = random.Random(SEED).choice(
    [
        name
        for name, fault in sorted(FAULTS.items())
        if fault.only in CHEAP and fault.path.startswith("models/")
    ]
)


@pytest.fixture(scope="module")
def played() -> list[History]:
    """The named histories and some generated ones."""
    return [*NAMED.values(), *histories(4, 150, SEED)]


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
    "name", [pytest.param(n, marks=[] if n == EASY else pytest.mark.every) for n in FAULTS]
)
def test_a_planted_fault_is_caught(
    name: str,
    stage_of: Callable[[list[Fault], set[str]], Stage],
    record_property: Callable[[str, object], None],
    played: list[History],
) -> None:
    fault = FAULTS[name]
    found = failing(stage_of([fault], {fault.only}), played, fault.steps())
    record_property(f"histories of {len(played)} that catch: {name}", len(found))
    assert found
    if name == EASY:
        # All that it reads is right, so the differences come from the fault and not from the copy.
        differing = {one.model for differences in found.values() for one in differences}
        assert differing == {fault.only}


@pytest.mark.every
def test_the_copy_without_a_fault_is_right(
    stage_of: Callable[[list[Fault], set[str]], Stage],
    played: list[History],
    request: pytest.FixtureRequest,
) -> None:
    everything = request.config.getoption("--all")
    faults = [*FAULTS.values(), *NAMELESS.values()] if everything else [FAULTS[EASY]]
    stage = stage_of([], {fault.only for fault in faults})
    assert not stage.play(played, max((fault.steps() for fault in faults), key=len))


@pytest.mark.every
@pytest.mark.parametrize("name", NAMELESS)
def test_a_planted_fault_of_rows_that_name_no_history_is_caught(
    name: str,
    stage_of: Callable[[list[Fault], set[str]], Stage],
    played: list[History],
) -> None:
    fault = NAMELESS[name]
    found = stage_of([fault], {fault.only}).play(played, fault.steps())
    assert {difference.model for difference in found} == {fault.only}


@pytest.mark.every
def test_what_catches_a_fault_is_made_small(
    stage_of: Callable[[list[Fault], set[str]], Stage],
    played: list[History],
) -> None:
    """An opening, then a sign-up in a later batch: nothing smaller shows that fault."""
    fault = FAULTS["a late sign-up does not touch its candidacies"]
    stage = stage_of([fault], {fault.only})
    found = failing(stage, played, plainly(4))
    largest = max((played[number] for number in found), key=len)
    history, steps, differences = shrink(stage, largest, plainly(4))
    text = told(history, steps, differences)
    assert len(history) == 2, text
    assert [one.batch for one in sorted(history, key=lambda one: one.batch)] == [1, 2], text
    assert "int_candidacy_attributes differs" in text
    assert 'sent(2, "candidate_signed_up", ' in text


def test_a_fault_that_no_longer_applies_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.sql").write_text("select 1")
    with pytest.raises(AssertionError, match="plant the fault anew"):
        Fault("model.sql", "select 2", "select 3", "model").plant(tmp_path)


@pytest.mark.parametrize("name", [*FAULTS, *NAMELESS])
def test_every_fault_can_be_planted(name: str, tmp_path: Path) -> None:
    fault = (FAULTS | NAMELESS)[name]
    (tmp_path / fault.path).parent.mkdir(parents=True)
    shutil.copy(ROOT / fault.path, tmp_path / fault.path)
    fault.plant(tmp_path)
