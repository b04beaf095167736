"""Incremental equals full refresh: of any history, however it is cut, landed and run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import pytest

from conftest import ENGINES
from histories import History, collect, histories, sent
from marts import MakeEnvironment
from sequences import Difference, Stage, Step, anyhow, failing, plainly
from shrinking import shrink, told

SEED = int(os.environ.get("PROPERTY_SEED", "7"))
# Histories that broke a model once, or would break one that is written a little differently. Those
# that change aggregates have years of their own: no other one touches the months that they must.
NAMED: dict[str, History] = {
    "a candidacy opens after all that happens in it": (
        sent(1, "candidacy_stage_changed", "a", "2001-03-03", stage="onsite_interview"),
        sent(1, "offer_extended", "b", "2001-03-04"),
        sent(2, "offer_answered", "c", "2001-03-05", answer="accepted"),
        sent(3, "interview_requested", "d", "2001-03-02"),
    ),
    "an earlier opening lands last": (
        sent(1, "interview_requested", "b", "2003-03-02", candidate_id="~candidate-2"),
        sent(2, "candidacy_closed", "c", "2003-03-03"),
        sent(3, "application_submitted", "a", "2002-03-02", position_id="~position-2"),
    ),
    "the candidate and the position are known only later": (
        sent(1, "interview_requested", "a", "2004-03-04"),
        sent(2, "candidate_signed_up", "b", "2004-03-02", channel="referral"),
        sent(3, "position_opened", "c", "2004-03-03", role="data_engineer"),
    ),
    "an earlier sign-up changes the channel": (
        sent(1, "candidate_signed_up", "b", "2005-03-03", channel="organic"),
        sent(1, "application_submitted", "c", "2005-03-04"),
        sent(2, "candidate_signed_up", "a", "2005-03-02", channel="partner"),
    ),
    "everything at one moment": (
        sent(2, "interview_requested", "f", "2006-03-02"),
        sent(1, "interview_request_answered", "e", "2006-03-02", answer="accepted"),
        sent(3, "candidacy_stage_changed", "d", "2006-03-02", stage="coding_interview"),
        sent(1, "candidacy_stage_changed", "c", "2006-03-02", stage="coding_interview"),
        sent(2, "offer_extended", "b", "2006-03-02"),
        sent(3, "candidacy_closed", "a", "2006-03-02"),
        sent(1, "candidacy_closed", "g", "2006-03-02", reason="withdrawn"),
    ),
    "an event comes again with other values": (
        sent(1, "offer_extended", "a", "2026-03-02", base_salary=1),
        sent(1, "interview_requested", "b", "2026-03-01", base_salary=90_000),
        sent(2, "offer_extended", "a", "2026-03-02", base_salary=2),
        sent(2, "interview_requested", "b", "2026-03-01", base_salary=0),
        sent(3, "offer_extended", "a", "2026-03-02", base_salary=3, zone=120),
    ),
    "an event comes again with another time": (
        sent(1, "position_opened", "a", "2026-03-02", title="~a"),
        sent(2, "position_opened", "a", "2026-03-01", title="~b"),
        sent(3, "position_opened", "a", "2026-03-02", title="~c"),
    ),
    "two openings with one messageId": (
        sent(1, "interview_requested", "a", "2026-03-02"),
        sent(2, "application_submitted", "a", "2026-03-02", candidate_id="~candidate-2"),
    ),
    "a clock runs ahead": (
        sent(1, "interview_requested", "a", "2035-06-01", delay=-86_400),
        sent(1, "candidacy_closed", "b", "2035-06-02", delay=-86_400),
        sent(2, "candidacy_stage_changed", "c", "2026-03-02", stage="phone_screen"),
        sent(3, "subscription_changed", "d", "2035-06-01", delay=-86_400),
        sent(3, "subscription_changed", "e", "2026-03-02", change="cancelled"),
    ),
    "a closed candidacy is opened again and closed again": (
        sent(1, "application_submitted", "a", "2007-03-01"),
        sent(1, "candidacy_closed", "b", "2007-03-05", reason="rejected"),
        sent(2, "candidacy_stage_changed", "c", "2007-03-06", stage="final_interview"),
        sent(3, "candidacy_closed", "d", "2007-03-07", reason="withdrawn"),
    ),
    "a closing comes late, after what reopened the candidacy": (
        sent(1, "application_submitted", "a", "2009-03-01"),
        sent(2, "candidacy_stage_changed", "c", "2009-03-06", stage="final_interview"),
        sent(3, "candidacy_closed", "b", "2008-12-31 23:59:59.999999"),
    ),
    "a position changes before it opens": (
        sent(1, "position_updated", "b", "2010-03-02", title="~b", min_salary=1),
        sent(2, "position_closed", "c", "2010-03-03"),
        sent(3, "position_opened", "a", "2010-03-01", title="~a"),
    ),
    "two profiles and a review at one moment": (
        sent(1, "candidate_profile_submitted", "c", "2026-03-02", years_experience=1),
        sent(2, "candidate_profile_submitted", "b", "2026-03-02", min_base_salary=90_000),
        sent(2, "candidate_review_decided", "a", "2026-03-02"),
        sent(3, "candidate_signed_up", "d", "2026-03-01"),
    ),
    "an employer signs up after its update": (
        sent(1, "employer_profile_updated", "b", "2026-03-03", company_name="~b"),
        sent(2, "employer_signed_up", "c", "2026-03-02", company_name="~a"),
        sent(3, "employer_signed_up", "a", "2026-03-02", industry="finance"),
    ),
    "a refund comes before its invoice": (
        sent(1, "placement_refunded", "b", "2016-03-02", amount=100.5),
        sent(2, "placement_invoiced", "a", "2016-03-01", amount=100.5),
        sent(3, "placement_invoiced", "a", "2016-03-01", amount=0),
    ),
    "an offer turns out to be of another month": (
        sent(1, "interview_requested", "a", "2011-01-02"),
        sent(1, "offer_extended", "b", "2011-03-04", base_salary=1),
        sent(2, "offer_answered", "c", "2011-03-05", answer="accepted"),
        sent(3, "offer_extended", "d", "2011-02-27", base_salary=90_000),
    ),
    "the role of an offer is known only later": (
        sent(1, "interview_requested", "a", "2012-01-02"),
        sent(1, "offer_extended", "b", "2012-03-04"),
        sent(2, "position_opened", "c", "2012-01-01", role="data_engineer"),
    ),
    "a stage turns out to be left in another month": (
        sent(1, "application_submitted", "a", "2013-01-02"),
        sent(1, "candidacy_closed", "b", "2013-03-05"),
        sent(2, "candidacy_stage_changed", "c", "2013-02-03", stage="phone_screen"),
        sent(2, "candidacy_stage_changed", "d", "2013-04-03", stage="phone_screen"),
        sent(3, "candidacy_stage_changed", "e", "2013-02-28", stage="coding_interview"),
    ),
    "a request turns out to be of another month and another employer": (
        sent(1, "interview_requested", "a", "2014-03-04"),
        sent(2, "interview_requested", "b", "2014-02-04", employer_id="~employer-2"),
    ),
    "a candidate could be found earlier, and for another role": (
        sent(1, "candidate_signed_up", "a", "2015-01-02"),
        sent(1, "candidate_profile_submitted", "b", "2015-01-03", years_experience=1),
        sent(1, "candidate_review_decided", "c", "2015-03-04", decision="accepted"),
        sent(2, "candidate_review_decided", "d", "2015-02-04", decision="accepted"),
        sent(3, "candidate_profile_submitted", "e", "2015-02-27", role="data_engineer"),
        sent(3, "candidate_availability_changed", "f", "2015-04-09", availability="unavailable"),
    ),
    "two persons turn out to be one": (
        sent(1, "candidate_signed_up", "a", "2026-03-01"),
        sent(1, "page_viewed", "b", "2026-02-28", anonymous="~visitor-1"),
        sent(2, "candidate_signed_up", "c", "2026-03-02", candidate_id="~candidate-2"),
        sent(3, "identity_linked", "d", "2026-03-03", previous_id="~visitor-1"),
        sent(3, "identity_linked", "e", "2026-03-04", previous_id="~candidate-2", method="merge"),
    ),
}
# Each batch of a named history has a run of its own.
TROUBLED = [
    Step("land", 1),
    Step("run"),
    Step("during run", 2),
    Step("crash", 3),
    Step("land", 4),
    Step("run"),
]
# Of a hundred histories at least so many have such a row, or the generator has gone dull.
LEAST = {
    "a candidacy": (50, "fct_candidacies", "1 = 1"),
    "a candidacy of a known channel": (18, "fct_candidacies", "channel is not null"),
    "a candidacy of a known role": (20, "fct_candidacies", "role is not null"),
    "a hire": (6, "fct_candidacies", "hired_at is not null"),
    "a closed candidacy": (4, "fct_candidacies", "status = 'closed'"),
    "a reopened candidacy": (5, "fct_candidacies", "closing_count > 0 and closed_at is null"),
    "two entries at one moment": (30, "fct_candidacy_stages", "entered_at = left_at"),
    "an offer": (15, "fct_offers", "1 = 1"),
    "an answered request": (12, "fct_interview_requests", "answer is not null"),
    "two versions of a position": (10, "dim_positions_history", "valid_to is not null"),
    "two versions of a candidate": (12, "dim_candidates_history", "valid_to is not null"),
    "two versions of a subscription": (5, "int_subscription_versions", "valid_to is not null"),
    "an employer": (12, "dim_employers", "1 = 1"),
    "a fee": (25, "fct_placement_fees", "1 = 1"),
    "a link of two persons": (5, "stg_web__identity_linked", "previous_id <> person_id"),
    "a request of a clock that runs ahead": (
        8,
        "stg_employer_app__interview_requested",
        "occurred_at > received_at",
    ),
}


ALSO = {
    "an event after one that happened a month later": 20,
    "a copy": 20,
    "a copy with other values": 10,
    "a messageId with another time": 8,
    "a messageId in another event": 12,
}


@dataclass
class Result:
    """What came of some histories that were played together."""

    histories: Sequence[History]
    steps: list[Step]
    differences: dict[int, list[Difference]]
    seconds: float


def play(stage: Stage, histories: Sequence[History], steps: list[Step]) -> Result:
    """Play a sequence and measure how long it takes."""
    begun = time.monotonic()
    found = failing(stage, histories, steps)
    return Result(histories, steps, found, time.monotonic() - begun)


@pytest.fixture(scope="module", params=ENGINES)
def stage(
    request: pytest.FixtureRequest,
    make_environment: MakeEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
) -> Stage:
    """The project on each engine, parsed."""
    folder = tmp_path_factory.mktemp(request.param)
    return Stage(make_environment(request.param, folder), folder)


@pytest.fixture(scope="module")
def first(stage: Stage) -> Result:
    """The named histories and a sample of generated ones, in one sequence."""
    count, steps = (250, TROUBLED) if stage.engine == "duckdb" else (100, plainly(3))
    generated = collect(histories(max(step.batch for step in steps)), count, SEED)
    return play(stage, [*NAMED.values(), *generated], steps)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_history(name: str, first: Result) -> None:
    differences = first.differences.get(list(NAMED).index(name), [])
    assert not differences, told(NAMED[name], first.steps, differences)


# The histories are the same on the other engine.
@pytest.mark.parametrize("stage", ["duckdb"], indirect=True)
def test_generated_histories_are_not_dull(
    first: Result, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    # What `first` has landed is still there: no other sequence comes before this test.
    assert stage.sequences == 1
    found = shares(stage, first.histories)
    for what, share in found.items():
        record_property(f"of 100 histories, with {what}", share)
    assert not too_few(found)
    models = [model for model in stage.models if not stage.count(model)]
    assert not models, f"no rows: {models}"


@pytest.mark.parametrize("stage", ["duckdb"], indirect=True)
def test_dull_histories_are_noticed(first: Result, stage: Stage) -> None:
    found = shares(stage, first.histories)
    for what, share in found.items():
        assert too_few(found | {what: share // 10}) == [f"{what}: {share // 10} %"]
    alike = [history[:1] for history in first.histories]
    assert len(too_few(found | sent_shares(alike))) == len(ALSO)


def test_generated_histories(
    first: Result,
    stage: Stage,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    everything = request.config.getoption("--all")
    size, rounds = {"duckdb": (700, 15), "postgres": (200, 2)}[stage.engine]
    results = [first]
    smallest_failing(stage, first)
    for number in range(1, rounds + 1) if everything else ():
        batches = 2 + number % 5
        generated = collect(histories(batches), size, SEED + number)
        steps = anyhow(batches, number) if number % 2 else plainly(batches)
        results.append(play(stage, generated, steps))
        smallest_failing(stage, results[-1])
    played = [history for result in results for history in result.histories]
    minutes = sum(result.seconds for result in results) / 60
    record_property(f"histories on {stage.engine}", f"{len(played):,}")
    record_property("their events", f"{sum(map(len, played)):,}")
    record_property("sequences of landings and runs", len(results))
    record_property("minutes", f"{minutes:.1f}")
    record_property("seed", SEED)


def smallest_failing(stage: Stage, result: Result) -> None:
    """Fail with the smallest history that differs, made as small as it gets."""
    if not result.differences:
        return
    number = min(result.differences, key=lambda n: len(result.histories[n]))
    history, steps, differences = shrink(stage, result.histories[number], result.steps)
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
    found = {}
    for what, (_, model, condition) in LEAST.items():
        key = stage.columns(model)[0]
        [(count,)] = stage.query(
            f"select count(distinct substr({key}, 1, 6)) from kept.{model} where {condition}"
        )
        found[what] = count * 100 // len(histories)
    return found | sent_shares(histories)


def sent_shares(histories: Sequence[History]) -> dict[str, int]:
    """Those shares that the histories themselves tell."""
    found = dict.fromkeys(ALSO, 0)
    for history in histories:
        pairs = list(permutations(history, 2))
        same_id = [(a, b) for a, b in pairs if a.id == b.id]
        copies = [(a, b) for a, b in same_id if (a.event, a.at) == (b.event, b.at)]
        true = (
            any(a.batch < b.batch and (a.at - b.at).days >= 30 for a, b in pairs),
            any(a.properties == b.properties for a, b in copies),
            any(a.properties != b.properties for a, b in copies),
            any(a.event == b.event and a.at != b.at for a, b in same_id),
            any(a.event != b.event and a.at == b.at for a, b in same_id),
        )
        for what, holds in zip(ALSO, true, strict=True):
            found[what] += holds
    return {what: count * 100 // len(histories) for what, count in found.items()}


def too_few(found: dict[str, int]) -> list[str]:
    """What is true of fewer histories than it should."""
    least = {what: share for what, (share, _, _) in LEAST.items()} | ALSO
    return [f"{what}: {found[what]} %" for what in least if found[what] < least[what]]
