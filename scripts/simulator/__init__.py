"""A hiring marketplace that never was: its events, and the truth about it.

People behave plausibly, the network does not: events come late, come twice or come broken.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import orjson

from simulator.journeys import cohorts, told
from simulator.output import Output, Truth
from simulator.people import Marketplace
from simulator.standing import note_week

CANDIDATES = 5_200
START = date(2026, 1, 5)  # a Monday
A_YEAR_AGO = date(2025, 1, 6)  # for a whole year that lies in the past
MAX_SEED = 999_999_999  # an id with the seed in it must stay within 64 bytes
TRUTH_FILE = "truth.json"


def simulate(
    out: Path,
    *,
    seed: int = 1,
    days: int = 90,
    candidates: int = CANDIDATES,
    start: date = START,
    late_share: float = 0.03,
    resent_share: float = 0.01,
    broken_share: float = 0.002,
    unknown_share: float = 0.001,
    events_per_file: int = 100_000,
    progress: Callable[[int], object] = lambda _: None,
) -> Truth:
    """Write a simulated marketplace to a folder.

    The folder gets `events-00000.ndjson.gz` and on, in the order of arrival, and at the very end
    `truth.json`: a folder without it is not finished. Files of an earlier run are replaced.

    `hirehouse simulate --help` explains the arguments; `progress` is called with the number of
    days done, after each. Returns the truth; raises a ValueError if a number is out of range.
    """
    if not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed must lie between 0 and {MAX_SEED}")
    if min(days, candidates, events_per_file) < 1:
        raise ValueError("days, candidates and events per file must be 1 or more")
    shares = late_share, resent_share, broken_share, unknown_share
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError("shares must lie between 0 and 1")
    out.mkdir(parents=True, exist_ok=True)
    for stale in (out / TRUTH_FILE, *out.glob("events-*.ndjson.gz")):
        stale.unlink(missing_ok=True)
    truth = Truth(seed, start, days)
    output = Output(out, events_per_file, truth, *shares)
    marketplace = Marketplace(output)
    marketplace.run(marketplace.days(candidates, progress))
    note_week(marketplace, marketplace.erased, marketplace.end)
    output.close()
    truth.channels, truth.attribution = told(marketplace.journeys, marketplace.lost)
    truth.cohorts = cohorts(marketplace.journeys, marketplace.end)
    progress(days)
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    (out / TRUTH_FILE).write_bytes(orjson.dumps(truth, default=str, option=options))
    return truth
