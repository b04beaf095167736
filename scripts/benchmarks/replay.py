"""Replaying failed events beside landing such lines afresh.

Once they land as they are, since their contract has grown meanwhile; once all were patched before.
What is measured is the replay alone: reading the originals, applying the patches, checking, writing
the events and what was done about each.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import orjson

from hirehouse.contracts.model import ROOT, Contract, load
from hirehouse.failures.actions import FailureActions
from hirehouse.failures.patches import Changes
from hirehouse.failures.queries import Selection
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.servers import Postgres

MOST = 1.5
CHANGES = Changes(set=[("/properties/currency", "USD")])


def event(number: int, currency: str) -> bytes:
    """A line of the usual size; it fails where the currency is none."""
    moment = f"2026-03-02T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.123Z"
    document = {
        "type": "track",
        "event": "interview_requested",
        "messageId": f"m-{number:07d}",
        "timestamp": moment,
        "sentAt": moment,
        "receivedAt": moment,
        "userId": f"emp-{number % 500}",
        "context": {
            "library": {"name": "analytics-python", "version": "2.2.0"},
            "page": {"url": f"https://jobs.example.com/candidates/{number}"},
        },
        "properties": {
            "candidacy_id": f"cdy-{number}",
            "candidate_id": f"cand-{number % 9_000}",
            "employer_id": f"emp-{number % 500}",
            "position_id": f"pos-{number % 3_000}",
            "base_salary": 100_000 + number % 90_000,
            "currency": currency,
        },
    }
    return orjson.dumps(document) + b"\n"


def narrow() -> dict[tuple[str, int], Contract]:
    """The contracts as they were, without the currency of the events."""
    contracts = dict(load())
    old = contracts["interview_requested", 1]
    columns = (
        replace(c, meta=c.meta | {"enum": ["EUR"]}) if c.name == "currency" else c
        for c in old.columns
    )
    return contracts | {("interview_requested", 1): replace(old, columns=tuple(columns))}


def replayed(warehouse: Warehouse, file: Path, count: int, *, patch: bool) -> float:
    """Seconds of replaying the lines of a file, which fail before."""
    with mock.patch("hirehouse.landing.land.load", load if patch else narrow):
        if land([file], warehouse).failed != count:
            sys.exit("not all lines failed")
    desk = FailureActions(warehouse, "bench")
    if patch:
        desk.patch(Selection(), CHANGES)
    begun = time.perf_counter()
    done = desk.replay(Selection())
    if done.actions != {"replayed": count}:
        sys.exit(f"{done.actions} of {count:,}")
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3, help="the best of so many runs counts")
    options = parser.parse_args()

    server, count = Postgres(), options.events
    slow = []
    with tempfile.TemporaryDirectory(prefix="hirehouse-bench-") as temporary:
        folder = Path(temporary)
        (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
        os.environ["DBT_PROFILES_DIR"] = str(folder)
        files = [folder / f"{name}.ndjson" for name in ("fresh", "old", "wrong")]
        for part, path in enumerate(files):
            currency = "XXX" if path.stem == "wrong" else "USD"
            numbers = range(part * count, (part + 1) * count)
            path.write_bytes(b"".join(event(number, currency) for number in numbers))
        fresh, old, wrong = files
        for engine in ("duckdb", "postgres"):
            best = [float("inf")] * 3
            for run in range(options.runs):
                os.environ |= server.environment(server.new_database())
                os.environ["HIREHOUSE_DUCKDB"] = str(folder / f"{engine}{run}.duckdb")
                with open_warehouse(engine) as warehouse:
                    times = (
                        replayed(warehouse, old, count, patch=False),
                        replayed(warehouse, wrong, count, patch=True),
                        land([fresh], warehouse).seconds,
                    )
                best = [min(pair) for pair in zip(best, times, strict=True)]
            ratios = [seconds / best[2] for seconds in best[:2]]
            print(f"{engine}: {count:,} events landed in {best[2]:.2f} s;", end=" ")
            print(f"replayed in {best[0]:.2f} s, ratio {ratios[0]:.2f};", end=" ")
            print(f"patched ones in {best[1]:.2f} s, ratio {ratios[1]:.2f}")
            slow += [engine] * (ratios[0] > MOST)
    server.stop()
    print(f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most")
    if slow:
        sys.exit(f"{', '.join(slow)}: a replay must take at most {MOST} times as long")


if __name__ == "__main__":
    main()
