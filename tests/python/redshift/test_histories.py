"""Incremental equals full refresh on the Redshift rig, two builds at once included."""

from __future__ import annotations

from pathlib import Path

from support.histories import histories
from support.marts import MakeEnvironment
from support.sequences import Stage
from support.steps import Step

SEED = 7
# Models of every strategy, with all that they read.
SAMPLE = ("int_offers", "dim_candidates_history", "mrr_monthly")


def test_histories_give_what_a_full_build_gives(
    make_environment: MakeEnvironment, tmp_path: Path
) -> None:
    """Of all models and a thousand histories, with --all: see test_property.py."""
    stage = Stage(make_environment("redshift", tmp_path), tmp_path, only=SAMPLE)
    steps = [
        *(Step("land", 1), Step("run"), Step("uncommitted", 2), Step("land", 3)),
        *(Step("at once", models=("+int_offers",)), Step("run")),
    ]
    assert stage.play(histories(3, 40, SEED), steps) == []
