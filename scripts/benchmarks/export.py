"""Exports beside their floor: DuckDB's own `COPY ... TO parquet` of the same marts, unparted.

An export also computes a fingerprint of each month and a checksum of each file, and parts the rows
by month.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from hirehouse.contracts.model import ROOT
from hirehouse.exporting.exports import choose_marts, export
from hirehouse.exporting.folders import Folder
from hirehouse.exporting.sources import COMPRESSION, Exported
from hirehouse.warehouse.connections import open_warehouse
from hirehouse.warehouse.profile import read_profile
from support.exports import FUNNEL, OFFERS, make

LEAST = 0.5
MADE = 1_000  # rows that are made; the rest are copies of them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000, help="of each of the two marts")
    parser.add_argument("--runs", type=int, default=3, help="the best of so many runs counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hirehouse-bench-") as temporary:
        folder = Path(temporary)
        (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
        os.environ |= {"DBT_PROFILES_DIR": str(folder), "HIREHOUSE_TARGET": "duckdb"}
        os.environ["HIREHOUSE_DUCKDB"] = str(folder / "warehouse.duckdb")
        with open_warehouse() as warehouse:
            for relation, view in ((OFFERS, False), (FUNNEL, True)):
                make(warehouse, relation, MADE, view=view)
                table = relation + "_rows" * view
                copies = f"range(1, {options.rows // MADE}) as copies (number)"
                warehouse.execute(f"insert into {table} select r.* from {table} as r, {copies}")
        ratios = [measure(mart, folder, options.runs) for mart in (OFFERS, FUNNEL)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory {memory:,.0f} MB at most, which the floor and making the rows needed, too")
    if min(ratios) < LEAST:
        sys.exit(f"an export must have at least {LEAST} of the floor's speed")


def measure(name: str, folder: Path, runs: int) -> float:
    """The best speed of exports of a mart, as a share of the floor's."""
    [mart] = choose_marts([name], "analytics")
    best = {"floor": 1e9, "export": 1e9, "again": 1e9}
    for run in range(runs):
        begun = time.perf_counter()
        rows = floor(mart, folder)
        best["floor"] = min(best["floor"], time.perf_counter() - begun)
        for kind in ("export", "again"):  # the second finds nothing changed
            begun = time.perf_counter()
            result = export([mart], Folder(str(folder / f"{name}{run}")), read_profile())
            best[kind] = min(best[kind], time.perf_counter() - begun)
            if result.manifest["marts"][name]["rows"] != rows:
                sys.exit(f"exported other rows than the {rows:,} of {name}")
    ratio = best["floor"] / best["export"]
    speeds = ", ".join(f"{kind} {rows / seconds:,.0f}" for kind, seconds in best.items())
    print(f"{name}, {rows:,} rows; a second: {speeds}; ratio {ratio:.2f}")
    return ratio


def floor(mart: Exported, folder: Path) -> int:
    """Copy a mart to one file; returns the number of rows."""
    with duckdb.connect(os.environ["HIREHOUSE_DUCKDB"], read_only=True) as connection:
        copy = f"copy {mart.relation} to '{folder}/floor.parquet'"
        done = connection.execute(f"{copy} (format parquet, compression {COMPRESSION})")
        return int(done.fetchall()[0][0])


if __name__ == "__main__":
    main()
