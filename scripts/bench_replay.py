"""Replaying failed events beside landing the same lines, corrected, afresh.

The events failed for one value; a patch by fingerprint corrects all of them. What is measured is
the replay alone: reading the originals, patching, checking, writing the events and the actions.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import dlt  # noqa: F401 - imported beforehand: what is measured is landing, not imports
import orjson

from hirehouse.actions import Desk
from hirehouse.contracts import ROOT
from hirehouse.land import land
from hirehouse.patches import Changes
from hirehouse.states import Selection
from hirehouse.warehouse import Warehouse, open_warehouse

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


def measure(warehouse: Warehouse, right: Path, wrong: Path, count: int) -> tuple[float, float]:
    """Seconds of landing the right lines, and of replaying the wrong ones."""
    if land([wrong], warehouse).failed != count:
        sys.exit("not all lines failed")
    desk = Desk(warehouse, "bench")
    desk.patch(Selection(), CHANGES)
    begun = time.perf_counter()
    done = desk.replay(Selection())
    replayed = time.perf_counter() - begun
    landed = land([right], warehouse)
    if landed.events != count or done.actions["replayed"] != count:
        sys.exit(f"landed {landed.events:,} and replayed {done.actions['replayed']:,} of {count:,}")
    return landed.seconds, replayed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3, help="the best of so many runs counts")
    options = parser.parse_args()
    sys.path.append(str(ROOT / "tests" / "python"))
    from servers import Postgres  # noqa: PLC0415 - the tests' own

    server = Postgres()
    too_slow = False
    with tempfile.TemporaryDirectory(prefix="hirehouse-bench-") as temporary:
        folder = Path(temporary)
        (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
        os.environ["DBT_PROFILES_DIR"] = str(folder)
        right, wrong = folder / "right.ndjson", folder / "wrong.ndjson"
        for path, currency in ((right, "USD"), (wrong, "XXX")):
            path.write_bytes(b"".join(event(n, currency) for n in range(options.events)))
        for engine in ("duckdb", "postgres"):
            best = [float("inf")] * 2
            for run in range(options.runs):
                os.environ |= server.environment(server.new_database())
                os.environ["HIREHOUSE_DUCKDB"] = str(folder / f"{engine}{run}.duckdb")
                with open_warehouse(engine) as warehouse:
                    times = measure(warehouse, right, wrong, options.events)
                best = [min(pair) for pair in zip(best, times, strict=True)]
            fresh, replayed = best
            ratio = replayed / fresh
            too_slow |= ratio > MOST
            print(
                f"{engine}: {options.events:,} events landed in {fresh:.2f} s, replayed in", end=""
            )
            print(f" {replayed:.2f} s; ratio {ratio:.2f}")
    server.stop()
    print(f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most")
    if too_slow:
        sys.exit(f"a replay must take at most {MOST} times as long")


if __name__ == "__main__":
    main()
