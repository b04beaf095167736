"""Landing beside its floor: the least that any lander does, with no check of anything.

The floor reads the same gzip files, parses each line with orjson, makes an Arrow table per event
and inserts it into DuckDB. Landing does that, and checks every line besides.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import gzip
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from hirehouse.contracts.model import ROOT
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from simulator import simulate

CHUNK = 100_000
LEAST = 0.5


def floor(files: list[Path], database: Path) -> int:
    """Land files without any check; returns the number of lines that were JSON."""
    count = 0
    with duckdb.connect(str(database)) as connection:
        for file in files:
            rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
            with gzip.open(file) as lines:
                for line in lines:
                    try:
                        event = orjson.loads(line)
                    except orjson.JSONDecodeError:
                        continue
                    count += 1
                    rows[str(event.get("event"))].append(event)
                    if count % CHUNK == 0:
                        insert(connection, rows)
            insert(connection, rows)
    return count


def insert(connection: duckdb.DuckDBPyConnection, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Each event's rows into its table: the flat part of the envelope, and the properties."""
    for event, events in rows.items():
        flat = [
            {
                "event_id": e.get("messageId"),
                "occurred_at": e.get("timestamp"),
                "sent_at": e.get("sentAt"),
                "received_at": e.get("receivedAt"),
                "user_id": e.get("userId"),
                "anonymous_id": e.get("anonymousId"),
                **e["properties"],
            }
            for e in events
            if isinstance(e.get("properties"), dict)
        ]
        # A broken event's value has another type than the rest; the floor leaves its chunk out.
        with contextlib.suppress(pa.ArrowInvalid, pa.ArrowTypeError, duckdb.Error):
            chunk = pa.Table.from_pylist(flat)  # noqa: F841 - DuckDB finds it by its name
            connection.execute(f'create table if not exists "{event}" as from chunk limit 0')
            connection.execute(f'insert into "{event}" by name from chunk')
    rows.clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=5200, help="about 38 events each")
    parser.add_argument("--runs", type=int, default=3, help="the best of so many runs counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hirehouse-bench-") as temporary:
        folder = Path(temporary)
        simulate(folder / "events", candidates=options.candidates, broken_share=0.0)
        files = sorted((folder / "events").glob("*.ndjson.gz"))
        (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
        os.environ |= {"DBT_PROFILES_DIR": str(folder), "HIREHOUSE_TARGET": "duckdb"}
        best = {"floor": 0.0, "land": 0.0}
        for run in range(options.runs):
            begun = time.perf_counter()
            gc.disable()  # as cheap as can be: collecting takes a third of its time
            count = floor(files, folder / f"floor{run}.duckdb")
            gc.enable()
            best["floor"] = max(best["floor"], count / (time.perf_counter() - begun))
            os.environ["HIREHOUSE_DUCKDB"] = str(folder / f"land{run}.duckdb")
            with open_warehouse() as warehouse:
                result = land(files, warehouse)
            if result.lines != count:
                sys.exit(f"landed {result.lines:,} lines of {count:,}")
            best["land"] = max(best["land"], count / result.seconds)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count:,} events; floor {best['floor']:,.0f}, landing {best['land']:,.0f} a second")
    ratio = best["land"] / best["floor"]
    print(f"ratio {ratio:.2f}; memory {memory:,.0f} MB at most")
    if ratio < LEAST:
        sys.exit(f"landing must have at least {LEAST} of the floor's speed")


if __name__ == "__main__":
    main()
