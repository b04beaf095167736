"""A full refresh by dbt beside its floor: one hand-written DuckDB script of the same marts.

The script computes the marts straight from the raw tables, in the same file; both must give the
same rows. dbt's own start is left out. dbt also finds copies of events that no mart reads yet, and
builds the marts of arrival, and the floor does not; so its work for the same marts is told, too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from growth import checked
from hirehouse.contracts.model import ROOT
from hirehouse.landing.land import land
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from simulator import A_YEAR_AGO, simulate

FLOOR = ROOT / "scripts" / "benchmarks" / "floor.sql"
MARTS = ["core", "marketplace", "finance"]


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of some work, by the wall clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def floor() -> None:
    """Build the marts into the schema `floor`, anew."""
    with open_warehouse("duckdb") as warehouse:
        warehouse.execute("set threads = 2")
        warehouse.execute("drop schema if exists floor cascade")
        warehouse.execute(FLOOR.read_text(encoding="utf-8"))


def differing() -> list[str]:
    """Marts whose rows are not those of the floor."""
    names = ", ".join(f"'{schema}'" for schema in MARTS)
    found = []
    with open_warehouse("duckdb") as warehouse:
        for schema, mart in warehouse.query(
            f"select table_schema, table_name from information_schema.tables"
            f" where table_schema in ({names}) order by 1, 2"
        ):
            columns = ", ".join(
                str(name)
                for (name,) in warehouse.query(
                    "select column_name from information_schema.columns"
                    f" where table_schema = '{schema}' and table_name = '{mart}'"
                )
            )
            sides = [f"select {columns} from {place}.{mart}" for place in (schema, "floor")]
            [(count,)] = warehouse.query(
                f"select count(*) from (({sides[0]} except all {sides[1]})"
                f" union all ({sides[1]} except all {sides[0]}))"
            )
            if count:
                found.append(f"{mart}: {count:,} rows")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=13_000, help="about 80 events each")
    parser.add_argument("--runs", type=int, default=3, help="the best of so many runs counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hirehouse-bench-") as temporary:
        folder = Path(temporary)
        simulate(folder / "events", candidates=options.candidates, days=365, start=A_YEAR_AGO)
        (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
        os.environ |= {"DBT_PROFILES_DIR": str(folder), "HIREHOUSE_TARGET": "duckdb"}
        os.environ["HIREHOUSE_DUCKDB"] = str(folder / "hirehouse.duckdb")
        with open_warehouse() as warehouse:
            events = land([folder / "events"], warehouse).events
        dbt = WarmDbt(folder=folder / "target")

        def refresh(*selection: str) -> None:
            checked(dbt.run("run", "--full-refresh", *selection))

        dbt.run("seed")
        same = [f"+marts.{name}" for name in MARTS]
        works: dict[str, Callable[[], None]] = {
            "floor": floor,
            "dbt, the same marts": lambda: refresh("--select", *same),
            "dbt, all models": refresh,
        }
        best = {name: (float("inf"), float("inf")) for name in works}
        for _ in range(options.runs):
            for name, work in works.items():
                best[name] = min(best[name], timed(work))
        wrong = differing()
    print(f"{events:,} events; best of {options.runs} runs; wall and processor seconds")
    for name, (wall, cpu) in best.items():
        ratio, cpu_ratio = wall / best["floor"][0], cpu / best["floor"][1]
        print(f"{name:22} {wall:7.2f} {cpu:7.2f}   ratio {ratio:.2f}, processor {cpu_ratio:.2f}")
    if wrong:
        sys.exit("not the same rows: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
