"""Features look at nothing that became known later: of any history, whatever its future."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.look_ahead import SETS, Futures, Leak, parts
from support.marts import MakeEnvironment

SEED = 5
COUNT, ROUNDS = 100, 20  # histories, and how often so many with --all
CANDIDATES = "features_candidate_daily"
REQUESTS = "training_interview_acceptance"
NOW = (
    "(select max(n.role) from core.candidates_as_known as n where n.known_to is null"
    " and n.candidate_id = asked.candidate_id) as role"
)
BOTH = "greatest(events.known_at, {}.known_at) as known_at"
KNOWN = "activity.known_at,\n" + " " * 20
LEAKS = {
    "the time of the event counts": Leak(
        CANDIDATES, "asked.moment > activity.known_at", "asked.moment > activity.occurred_at"
    ),
    "an attribute is as it is now": Leak(CANDIDATES, "features.role,", f"{NOW},"),
    "a percentile is of the whole window": Leak(
        "market_days", "days.market_day >= cast(positions.known_from as date)", "1 = 1"
    ),
    "a link counts from before it was known": Leak(
        "int_known_activity", BOTH.format("links"), "events.known_at"
    ),
    "a replayed event was known when it failed": Leak(
        "int_known_events", "coalesce(replayed_at, received_at)", "received_at"
    ),
    "a replayed change was known when it failed": Leak(
        "int_position_changes", "coalesce(replayed_at, received_at)", "received_at"
    ),
    "a state is the last one": Leak(CANDIDATES, "and asked.moment > facts.known_from", ""),
    "an answer counts before its candidacy is known": Leak(
        "int_known_activity", BOTH.format("openings"), "events.known_at"
    ),
    "a late answer changes a label": Leak(
        REQUESTS,
        "and activity.known_at <",
        "and activity.occurred_at <",
    ),
    "the first request is the one that happened first": Leak(
        REQUESTS,
        f"{KNOWN}activity.event_known_at,",
        "",
    ),
    "an offer is known before its candidacy": Leak("training_offer_acceptance", KNOWN, ""),
    "a version is known when it begins": Leak(
        "int_employer_versions",
        "greatest(all_known_at, sign_up_known_at) as known_from",
        "occurred_at as known_from",
    ),
}
# One of each kind in a normal run.
KINDS = tuple(LEAKS)[:5]


@pytest.fixture(scope="module")
def make_futures(
    make_environment: MakeEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], Futures]:
    """A function from a seed to histories with two futures each."""

    def make(seed: int) -> Futures:
        folder = tmp_path_factory.mktemp("futures")
        return Futures(COUNT, seed, folder, make_environment("duckdb", folder))

    return make


@pytest.fixture(scope="module")
def futures(make_futures: Callable[[int], Futures]) -> Futures:
    """A sample, which all tests share."""
    return make_futures(SEED)


def report(futures: Futures, found: dict[str, set[int]]) -> str:
    """What differs, and the smallest history in which it does."""
    lines = [f"{what}: {len(numbers)} histories" for what, numbers in found.items()]
    number = min(set().union(*found.values()), key=lambda n: len(futures.pasts[n]))
    lines.append(f"The smallest is history {number}, cut at {futures.cuts[number]}:")
    known = sorted(futures.pasts[number], key=lambda one: one.known_at)
    return "\n".join([*lines, *(f"known {one.known_at}: {one.sent}" for one in known)])


def test_the_future_changes_no_features_of_the_past(
    futures: Futures,
    make_futures: Callable[[int], Futures],
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    rounds = ROUNDS if request.config.getoption("--all") else 1
    for number in range(rounds):
        played = make_futures(SEED + number) if number else futures
        found = played.differing(parts())
        assert not found, report(played, found)
    assert not [name for name in SETS if not futures.rows(name)]
    record_property("histories with two futures", rounds * COUNT)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in KINDS else pytest.mark.every) for n in LEAKS]
)
def test_a_planted_leak_is_found(
    name: str, futures: Futures, record_property: Callable[[str, object], None]
) -> None:
    found = futures.differing(LEAKS[name].planted())
    record_property(f"histories of {COUNT} that show: {name}", len(set().union(*found.values())))
    assert found


def test_a_leak_that_no_longer_applies_is_an_error() -> None:
    with pytest.raises(AssertionError, match="plant the leak anew"):
        Leak(CANDIDATES, "select nothing of the kind", "").planted()
