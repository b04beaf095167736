"""Incremental equals full refresh on the Redshift rig, two builds at once included."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.histories import histories
from support.marts import MakeEnvironment
from support.sequences import Stage
from support.steps import Step

SEED = 7
# Models of every strategy, with all that they read.
SAMPLE = ("fct_offers", "dim_candidates_history", "mrr_monthly")
EVERY = pytest.param((), 1_000, marks=pytest.mark.every)


@pytest.mark.parametrize(("only", "count"), [(SAMPLE, 40), EVERY])
def test_histories_give_what_a_full_build_gives(
    make_environment: MakeEnvironment, tmp_path: Path, only: tuple[str, ...], count: int
) -> None:
    stage = Stage(make_environment("redshift", tmp_path), tmp_path, only=only)
    steps = [
        *(Step("land", 1), Step("run"), Step("uncommitted", 2), Step("land", 3)),
        *(Step("at once", models=("+fct_offers",)), Step("run")),
    ]
    assert stage.play(histories(3, count, SEED), steps) == []
