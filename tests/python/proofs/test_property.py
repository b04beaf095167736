"""Incremental equals full refresh: of any history, however it is cut, landed and run."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations

import pytest

from conftest import ENGINES
from support.comparing import Difference
from support.histories import DAYS, History, histories, is_settled, settled
from support.layout import ends_of
from support.marts import MakeEnvironment
from support.named import NAMED
from support.sequences import KEPT, Stage
from support.shrinking import Say, failing, shrink, told
from support.steps import PARTS, Step, anyhow, partly

SEED = int(os.environ.get("PROPERTY_SEED", "7"))
# All of the ways in one sequence; a batch of a named history has a run of its own.
TROUBLED = {
    "duckdb": [
        *("part", "land 1", "during run 2", "part", "crash 3", "anew", "land 4", "run"),
    ],
    "postgres": [
        *("land 1", "uncommitted 2", "part", "land 3", "anew", "at once", "run", "permuted"),
    ],
}
TROUBLED["redshift"] = TROUBLED["postgres"]
# Of a hundred histories at least so many have such a row, or the generator has gone dull.
LEAST = {
    "a candidacy": (40, "fct_candidacies", "1 = 1"),
    "a candidacy of a known channel": (15, "fct_candidacies", "channel is not null"),
    "a candidacy of a known role": (15, "fct_candidacies", "role is not null"),
    "a hire": (2, "fct_candidacies", "hired_at is not null"),
    "a closed candidacy": (3, "fct_candidacies", "status = 'closed'"),
    "a reopened candidacy": (3, "fct_candidacies", "closing_count > 0 and closed_at is null"),
    "two entries at one moment": (20, "fct_candidacy_stages", "entered_at = left_at"),
    "an offer": (10, "fct_offers", "1 = 1"),
    "an answered request": (6, "fct_interview_requests", "answer is not null"),
    "a view with a request after it": (2, "fct_profile_views", "requested_at is not null"),
    "a view of a search": (4, "fct_profile_views", "searched_at is not null"),
    "an interview with an outcome": (2, "int_interviews", "outcome is not null"),
    "an interview scheduled anew": (2, "int_interviews", "schedule_count > 1"),
    "two versions of a position": (6, "dim_positions_history", "valid_to is not null"),
    "two versions of a candidate": (8, "dim_candidates_history", "valid_to is not null"),
    "two versions of a subscription": (3, "int_subscription_versions", "valid_to is not null"),
    "an employer": (8, "dim_employers", "1 = 1"),
    "two versions of an employer": (2, "dim_employers_history", "valid_to is not null"),
    "a fee": (18, "fct_placement_fees", "1 = 1"),
    "a link of two persons": (15, "stg_web__identity_linked", "previous_id <> person_id"),
    "a merge of two persons": (
        6,
        "stg_web__identity_linked",
        "method = 'merge' and previous_id <> person_id",
    ),
    "a visitor with a person": (8, "int_person_ids", "not is_user"),
    "a session of several pages": (2, "int_session_page_views", "page_number > 1"),
    "a second session": (2, "int_session_page_views", "session_number > 1"),
    "a sign-up that a touch led to": (2, "fct_sign_ups", "touch_id is not null"),
    "a request of a clock that runs ahead": (
        5,
        "stg_employer_app__interview_requested",
        "occurred_at > received_at",
    ),
}


ALSO = {
    "an event after one that happened a month later": 15,
    "a copy": 15,
    "a copy with other values": 5,
    "a messageId with another time": 8,
    "a messageId in another event": 7,
    "a copy with another time": 12,
    "a copy after exactly 30 days": 2,
    "a messageId that counts again after a bit more than 30 days": 3,
    "a copy of a copy that is none of the first": 3,
    "copies that say the same in all": 10,
}


@dataclass
class Result:
    """What came of some histories that were played together."""

    histories: Sequence[History]
    steps: list[Step]
    differences: dict[int, list[Difference]]
    seconds: float


def play(stage: Stage, histories: Sequence[History], steps: list[Step], say: Say) -> Result:
    """Play a sequence and measure how long it takes."""
    begun = time.monotonic()
    found = failing(stage, histories, steps, say)
    return Result(histories, steps, found, time.monotonic() - begun)


def troubled(stage: Stage) -> list[Step]:
    """The steps of TROUBLED, parts of them chosen by the seed."""
    choice = random.Random(SEED)
    steps = []
    for text in TROUBLED[stage.engine]:
        what, batch = (text[:-2], int(text[-1])) if text[-1].isdigit() else (text, 0)
        is_part = what in PARTS
        steps.append(partly(what, list(stage.models), choice) if is_part else Step(what, batch))
    return steps


@pytest.fixture(scope="module")
def say(request: pytest.FixtureRequest) -> Say:
    """A function that tells of progress while a test is under way, as searches take minutes."""
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")

    def tell(text: str) -> None:
        if terminal:
            terminal.ensure_newline()
            terminal.write_line(text)
        print(text)

    return tell


@pytest.fixture(
    scope="module",
    params=[
        *ENGINES,
        pytest.param("redshift", marks=[pytest.mark.redshift, pytest.mark.every]),
    ],
)
def stage(
    request: pytest.FixtureRequest,
    make_environment: MakeEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
) -> Stage:
    """The project on each engine, parsed; in a normal run DuckDB alone builds all models."""
    folder = tmp_path_factory.mktemp(request.param)
    stage = Stage(make_environment(request.param, folder), folder)
    if request.param != "duckdb" and not request.config.getoption("--all"):
        ends = ends_of(stage.dbt.manifest)
        stage.only = random.Random(SEED).sample(ends, len(ends) // 3)
        stage.parse()
    return stage


@pytest.fixture(scope="module")
def first(stage: Stage, say: Say) -> Result:
    """The named histories and a sample of generated ones, in one sequence."""
    count = 120 if stage.engine == "duckdb" else 60
    steps = troubled(stage)
    generated = histories(max(step.batch for step in steps), count, SEED)
    return play(stage, [*NAMED.values(), *generated], steps, say)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_history(name: str, first: Result) -> None:
    differences = first.differences.get(list(NAMED).index(name), [])
    assert not differences, told(NAMED[name], first.steps, differences)


@pytest.fixture(scope="module")
def found(first: Result, stage: Stage) -> dict[str, int]:
    """Shares of the histories of `first`, while what it has landed is still there."""
    assert stage.sequences == 1
    return shares(stage, first.histories)


# The histories are the same on the other engine.
@pytest.mark.parametrize("stage", ["duckdb"], indirect=True)
def test_generated_histories_are_not_dull(
    found: dict[str, int], stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    for what, share in found.items():
        record_property(f"of 100 histories, with {what}", share)
    assert not too_few(found)
    assert not stage.without_rows()


@pytest.mark.parametrize("stage", ["duckdb"], indirect=True)
def test_dull_histories_are_noticed(found: dict[str, int], first: Result) -> None:
    for what, share in found.items():
        assert too_few(found | {what: share // 10}) == [f"{what}: {share // 10} %"]
    alike = [history[:1] for history in first.histories]
    assert len(too_few(found | sent_shares(alike))) == len(ALSO)


def test_generated_histories(
    first: Result,
    stage: Stage,
    say: Say,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    everything = request.config.getoption("--all")
    size, rounds = {"duckdb": (900, 11), "postgres": (250, 4), "redshift": (400, 4)}[stage.engine]
    results = [first]
    smallest_failing(stage, first, say)
    for number in range(1, rounds + 1) if everything else ():
        batches = 2 + number % 5
        generated = histories(batches, size, SEED + number)
        steps = anyhow(batches, SEED + number, list(stage.models) if number % 3 else ())
        if number % 2:
            # Only of these can aggregates be the same in any order of arrival.
            generated = [settled(history) for history in generated]
        steps.append(Step("permuted"))
        say(f"sequence {number} of {rounds}: {' | '.join(map(str, steps))}")
        results.append(play(stage, generated, steps, say))
        smallest_failing(stage, results[-1], say)
    played = [history for result in results for history in result.histories]
    kinds = Counter(step.what for result in results for step in result.steps)
    minutes = sum(result.seconds for result in results) / 60
    record_property(f"histories on {stage.engine}", f"{len(played):,}")
    record_property("their events", f"{sum(map(len, played)):,}")
    record_property("sequences of landings and runs", len(results))
    record_property("builds of a part", sum(kinds[what] for what in PARTS))
    record_property("sequences also built from permuted batches", kinds["permuted"])
    record_property("minutes", f"{minutes:.1f}")
    record_property("seed", SEED)


def smallest_failing(stage: Stage, result: Result, say: Say) -> None:
    """Fail with the smallest history that differs, made as small as it gets."""
    if not result.differences:
        return
    number = min(result.differences, key=lambda n: len(result.histories[n]))
    say(f"{len(result.differences)} histories differ; the smallest is made smaller")
    history, steps, differences = shrink(stage, result.histories[number], result.steps, say)
    if not differences:
        # Not by itself: then as it was found, among others.
        history, steps = result.histories[number], result.steps
        differences = result.differences[number]
    pytest.fail(
        f"{len(result.differences)} of {len(result.histories)} histories differ (seed {SEED})."
        f" The smallest:\n\n{told(history, steps, differences)}"
    )


def shares(stage: Stage, histories: Sequence[History]) -> dict[str, int]:
    """Of a hundred histories, how many are as LEAST and ALSO want some to be."""
    firsts = dict(
        stage.query(
            "select table_name, column_name from information_schema.columns"
            f" where table_schema = '{KEPT}' and ordinal_position = 1"
        )
    )
    counts = " union all ".join(
        f"select '{what}', count(distinct substr({firsts[model]}, 1, 6))"
        f" from {KEPT}.{model} where {condition}"
        for what, (_, model, condition) in LEAST.items()
    )
    found = {what: count * 100 // len(histories) for what, count in stage.query(counts)}
    return found | sent_shares(histories)


def sent_shares(histories: Sequence[History]) -> dict[str, int]:
    """Those shares that the histories themselves tell."""
    found = dict.fromkeys(ALSO, 0)
    for history in histories:
        pairs = list(permutations(history, 2))
        same_id = [(a, b) for a, b in pairs if a.id == b.id]
        again = [(a, b) for a, b in same_id if a.event == b.event and a.batch <= b.batch]
        apart = {abs(a.at - b.at) for a, b in again}
        copies = [(a, b) for a, b in same_id if (a.event, a.at) == (b.event, b.at)]
        true = (
            any(a.batch < b.batch and (a.at - b.at).days >= 30 for a, b in pairs),
            any(a.properties == b.properties for a, b in copies),
            any(a.properties != b.properties for a, b in copies),
            any(a.event == b.event and a.at != b.at for a, b in same_id),
            any(a.event != b.event and a.at == b.at for a, b in same_id),
            any(timedelta(0) < one <= DAYS for one in apart),
            DAYS in apart,
            any(DAYS < one < DAYS + timedelta(seconds=1) for one in apart),
            any(one <= DAYS for one in apart) and any(DAYS < one <= 2 * DAYS for one in apart),
            bool(again) and is_settled(history),
        )
        for what, holds in zip(ALSO, true, strict=True):
            found[what] += holds
    return {what: count * 100 // len(histories) for what, count in found.items()}


def too_few(found: dict[str, int]) -> list[str]:
    """What is true of fewer histories than it should."""
    least = {what: share for what, (share, _, _) in LEAST.items()} | ALSO
    return [f"{what}: {found[what]} %" for what in least if found[what] < least[what]]
