"""A hiring marketplace that never was: its events, and the truth about it.

People behave plausibly, the network does not: events come late, come twice or come broken. The
same arguments give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import orjson

from hirehouse.simulate.marketplace import Marketplace
from hirehouse.simulate.output import Files, Output
from hirehouse.simulate.truth import Truth
from hirehouse.simulate.world import World

__all__ = ["CANDIDATES", "MAX_SEED", "START", "TRUTH_FILE", "Truth", "simulate"]

CANDIDATES = 5_200
START = date(2026, 1, 5)  # a Monday
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
    progress: Callable[[int], None] | None = None,
) -> Truth:
    """Write a simulated marketplace to a folder.

    The folder gets `events-00000.ndjson.gz` and on, in the order of arrival, and at the very end
    `truth.json`: a folder without it is not finished. Files of an earlier run are replaced.

    Args:
        out: the folder; made if it is not there.
        seed: names the marketplace; it is part of every id, so several can share a warehouse.
        days: simulated days; what would happen later does not.
        candidates: about how many candidates sign up; about 38 events come with each in
            90 days.
        start: first day, UTC.
        late_share: share of events that arrive five seconds to ten days late.
        resent_share: share of events that arrive a second time.
        broken_share: broken events per good one; they come on top and are no part of the truth.
        unknown_share: share of events with a property that their contract does not name.
        events_per_file: lines per file.
        progress: called with the number of days done, after each.

    Returns:
        The truth, as in truth.json.

    Raises:
        ValueError: a number is out of range.
        OSError: the folder can't be written.
    """
    if not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed must lie between 0 and {MAX_SEED}")
    if days < 1 or candidates < 1 or events_per_file < 1:
        raise ValueError("days, candidates and events per file must be 1 or more")
    if not all(0 <= s <= 1 for s in (late_share, resent_share, broken_share, unknown_share)):
        raise ValueError("shares must lie between 0 and 1")
    out.mkdir(parents=True, exist_ok=True)
    for stale in (out / TRUTH_FILE, *sorted(out.glob("events-*.ndjson.gz"))):
        stale.unlink(missing_ok=True)
    truth = Truth(seed, start, days)
    files = Files(out, events_per_file)
    output = Output(
        files,
        truth,
        seed=seed,
        late_share=late_share,
        resent_share=resent_share,
        broken_share=broken_share,
        unknown_share=unknown_share,
    )
    world = World(seed, start, days, output, truth)
    Marketplace(world, days, candidates, progress).begin()
    world.run()
    if progress:
        progress(days)
    output.close()
    truth.finish()
    truth.files = files.count
    content = orjson.dumps(truth.as_dict(), option=orjson.OPT_INDENT_2)
    (out / TRUTH_FILE).write_bytes(content + b"\n")
    return truth
