"""How the cost of a build grows with the history: 1, 10 and 100 million events.

The smallest history is a simulated year. Each larger one is ten copies of the one before, a year
or ten years earlier each time and with ids of their own, multiplied inside the database. The last
files of the simulation, of 100,000 lines each, are held back: they are the new events of the
incremental runs, with their late and re-sent ones, and are the same for every size.
What dbt costs to start and to parse is left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import psycopg2

from hirehouse.contracts.model import ROOT, load
from hirehouse.landing.land import land
from hirehouse.running.warm_dbt import Outcome, WarmDbt
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.landed_schema import ensure_tables, raw_tables
from simulator import A_YEAR_AGO, simulate
from support.servers import Postgres

CANDIDATES = 13_500  # about a million events in a year
DAYS = 365
PER_FILE = 100_000
HELD_BACK = 3
COPIES = 10
# The extract of production tells of whole days, and the last file ends in the middle of one.
NOT_OF_A_PART = ["every_day_of_production_is_whole_in_the_marts"]
# As its manual advises for 24 GB; left alone, PostgreSQL takes 128 MB of it as its cache.
SERVER = {"shared_buffers": "6GB", "effective_cache_size": "12GB", "work_mem": "64MB"}
REPORT = ROOT / "docs" / "benchmarks" / "growth.md"
MEASURED = "<!-- measured by scripts/bench growth -->\n"
Result = dict[str, Any]


def multiply(warehouse: Warehouse, years: int) -> None:
    """Fill schema landed with ten times what schema `source` of the same warehouse has.

    Args:
        years: how many the source spans. A copy lies so many before the one that follows it, and
            its batches come before those of what follows, as if all had landed year by year.
    """
    [(batches,)] = warehouse.query("select max(batch_id) from source.batches")
    for table in ("batches", *(contract.table for contract in load().values())):
        columns = raw_tables()[table]
        names = ", ".join(column.name for column in columns)
        for copy in reversed(range(COPIES)):
            earlier = (COPIES - 1 - copy) * int(batches)
            values = ", ".join(
                moved(c.name, c.type.kind, f"~{years}{copy}", copy * years * DAYS, earlier)
                for c in columns
            )
            warehouse.execute(
                f'insert into landed."{table}" ({names}) select {values} from source."{table}"'
            )


def moved(column: str, kind: str, mark: str, days: int, batches: int) -> str:
    """A column of a copy, as SQL."""
    if column == "batch_id":
        return f"batch_id + {batches}"
    # The newest copy is what the held-back events go on from, so it keeps its inputs and ids.
    if not days:
        return column
    if column.endswith("_id") and kind == "varchar":
        return f"{column} || '{mark}'"
    earlier = f"{column} - interval '{days} days'"
    by_kind = {"timestamp": earlier, "date": f"cast({earlier} as date)"}
    return "'[]'" if column == "inputs" else by_kind.get(kind, column)


@contextmanager
def source_of(warehouse: Warehouse, smaller: str) -> Iterator[None]:
    """The raw tables of a smaller warehouse of the same engine, as schema `source`."""
    if warehouse.engine == "duckdb":
        ensure_tables(warehouse)
        warehouse.execute(f"attach '{smaller}' as smaller (read_only)")
        warehouse.execute("create schema source")
        for table in raw_tables():
            warehouse.execute(f'create view source."{table}" as from smaller.landed."{table}"')
    else:  # the database is a copy of the smaller one
        warehouse.execute("alter schema landed rename to source")
        ensure_tables(warehouse)
    yield
    warehouse.execute("drop schema source cascade")


@dataclass
class Watch:
    """Seconds by the wall clock, and of the processors in this process: all but PostgreSQL's."""

    wall: float = 0.0
    cpu: float = 0.0

    def __enter__(self) -> Watch:
        self.wall, self.cpu = -time.perf_counter(), -time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter()
        self.cpu += time.process_time()


def checked(outcome: Outcome) -> Outcome:
    if not outcome.success:
        sys.exit("\n".join(f"{n}: {message}" for n, message in outcome.failed().items()))
    return outcome


def tell_slowest(outcome: Outcome) -> None:
    slowest = sorted(outcome.seconds.items(), key=lambda item: -item[1])[:5]
    print("  ", ", ".join(f"{n.split('.')[2]} {s:.1f}" for n, s in slowest), flush=True)


def measure(engine: str, new: list[Path], folder: Path) -> Result:
    """A full refresh, then incremental runs with new events and their tests."""
    dbt = WarmDbt(folder=folder / "target")
    checked(dbt.run("seed"))
    with Watch() as full:
        checked(dbt.run("run", "--full-refresh"))
    if engine == "postgres":  # what its autovacuum does within minutes, on the same two cores
        with open_warehouse(engine) as warehouse:
            warehouse.execute("vacuum analyze")
    runs, tests = [], []
    for file in new:
        with open_warehouse(engine) as warehouse:
            land([file], warehouse)
        with Watch() as watch:
            outcome = checked(dbt.run("run"))
        runs.append(watch)
        tell_slowest(outcome)
        with Watch() as watch:
            outcome = checked(dbt.run("test", "--exclude", *NOT_OF_A_PART, "test_type:unit"))
        tests.append(watch)
        tell_slowest(outcome)
    with open_warehouse(engine) as warehouse:
        [(events,)] = warehouse.query("select sum(event_count) from landed.batches")
    return {
        "engine": engine,
        "events": int(events),
        "full": full.wall,
        "full_cpu": full.cpu,
        "incremental": statistics.median(run.wall for run in runs),
        "incremental_cpu": statistics.median(run.cpu for run in runs),
        "tests": statistics.median(run.wall for run in tests),
        "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def in_child(work: Callable[[], Result]) -> Result:
    """The result of some work, done in a process of its own, so that its memory is its own."""
    reader, writer = os.pipe()
    if not os.fork():
        try:
            os.write(writer, orjson.dumps(work()))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.wait()
    if not answer:
        sys.exit("a measurement failed; see above")
    result: Result = orjson.loads(answer)
    return result


def prepare(engine: str, millions: int, smaller: str, events: list[Path]) -> Result:
    """Make the history of one size in the warehouse that the environment names."""
    with open_warehouse(engine) as warehouse:
        if millions == 1:
            land(events, warehouse)
            # Of the days before, as data tests look at what has landed since.
            warehouse.execute(
                "update landed.batches set committed_at = committed_at - interval '2 days'"
            )
        else:
            with source_of(warehouse, smaller):
                multiply(warehouse, millions // 10)
            if engine == "postgres":
                warehouse.execute("vacuum analyze")
    print(f"made the history of {millions} million events", flush=True)
    return {}


@contextmanager
def warehouses(engine: str, todo: list[int], folder: Path) -> Iterator[list[dict[str, str]]]:
    """The environments of the warehouses, by size; on PostgreSQL with a server of its own."""
    if engine == "duckdb":
        paths = [folder / "duckdb" / str(size) / "hirehouse.duckdb" for size in todo]
        for path in paths:
            path.parent.mkdir(parents=True)
        yield [{"HIREHOUSE_DUCKDB": str(path)} for path in paths]
        return

    server = Postgres(folder / "postgres", **SERVER)
    try:
        yield [server.environment(server.new_database()) for _ in todo]
    finally:
        server.stop()


def copy_database(source: str, target: str) -> None:
    """Make one PostgreSQL database of the bench's server a copy of another."""
    connection = psycopg2.connect(
        host=os.environ["PGHOST"],
        port=os.environ["PGPORT"],
        user=os.environ["PGUSER"],
        dbname="postgres",
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"drop database {target}")
        cursor.execute(f"create database {target} template {source}")
    connection.close()


def table(results: list[Result]) -> str:
    """The results as a table: a full refresh beside the size before, a run beside the smallest."""
    lines = [
        "| engine | events | full refresh, s | times the size before | processor, s | times"
        " | incremental run, s | times the smallest | processor, s | times | its data tests, s"
        " | memory, GiB |",
        "|---|" + "---:|" * 11,
    ]
    before: dict[str, Result] = {}
    first: dict[str, Result] = {}
    for result in results:
        engine = result["engine"]
        cells = [f"{engine} | {result['events']:,}"]
        here = engine == "duckdb"  # PostgreSQL works in processes of its own
        for name, beside in (("full", before), ("incremental", first)):
            for key in (name, f"{name}_cpu"):
                if not here and key.endswith("cpu"):
                    cells.append(" | ")
                    continue
                ratio = f"{result[key] / beside[engine][key]:.2f}" if engine in beside else ""
                cells.append(f"{result[key]:.1f} | {ratio}")
        memory = f"{result['gib']:.1f}" if here else ""
        cells.append(f"{result['tests']:.1f} | {memory}")
        lines.append(f"| {' | '.join(cells)} |")
        before[engine] = result
        first.setdefault(engine, result)
    return "\n".join(lines)


def chart(results: list[Result]) -> str:
    """How often the cost of the smallest history each larger one costs, on DuckDB."""
    some = [result for result in results if result["engine"] == "duckdb"]
    sizes = ", ".join(f"{result['events'] / 1e6:.0f}M" for result in some)
    lines = ["```mermaid", "xychart-beta"]
    lines.append('    title "Processor time beside that of the smallest history, DuckDB"')
    lines.append(f'    x-axis "events" [{sizes}]')
    lines.append('    y-axis "times"')
    for name in ("full_cpu", "incremental_cpu"):
        lines.append(f"    line [{', '.join(f'{r[name] / some[0][name]:.2f}' for r in some)}]")
    legend = "The upper line is the full refresh, the lower one the incremental run."
    return "\n".join([*lines, "```", "", legend])


def machine(options: argparse.Namespace) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"`scripts/bench growth --largest {options.largest} --engine"
        f" {' --engine '.join(options.engine)}` on {os.cpu_count()} cores ({platform.machine()}),"
        f" {memory:.0f} GB, {platform.system()}, dbt threads as in profiles.yml.example."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", action="append", choices=["duckdb", "postgres"])
    parser.add_argument("--largest", type=int, default=10, choices=[1, 10, 100], help="millions")
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    parser.add_argument("--write", action="store_true", help=f"renew {REPORT.name}")
    options = parser.parse_args()
    options.engine = options.engine or ["duckdb"]
    todo = [size for size in (1, 10, 100) if size <= options.largest]
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="hirehouse-bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # the server of PostgreSQL runs as another user
        (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
        os.environ |= {"DBT_PROFILES_DIR": str(folder), "HIREHOUSE_SCHEMA": "analytics"}
        out = folder / "events"
        size = {"candidates": options.candidates, "events_per_file": PER_FILE}
        simulate(out, seed=1, days=DAYS, start=A_YEAR_AGO, **size)
        files = sorted(out.glob("*.ndjson.gz"))[:-1]  # the last file is not full
        old, new = files[:-HELD_BACK], files[-HELD_BACK:]
        for engine in options.engine:
            os.environ["HIREHOUSE_TARGET"] = engine
            largest = [size for size in todo if engine == "duckdb" or size <= 10]
            with warehouses(engine, largest, folder) as environments:
                smaller = ""
                for millions, environment in zip(largest, environments, strict=True):
                    os.environ |= environment
                    if smaller and engine == "postgres":
                        copy_database(smaller, environment["PGDATABASE"])
                    in_child(partial(prepare, engine, millions, smaller, old))
                    smaller = environment.get("PGDATABASE") or environment["HIREHOUSE_DUCKDB"]
                for environment in environments:
                    os.environ |= environment
                    results.append(in_child(partial(measure, engine, new, folder)))
                    print(results[-1], flush=True)
    print(table(results))
    print(machine(options))
    if options.write:
        head, _, rest = REPORT.read_text(encoding="utf-8").partition(MEASURED)
        _, _, tail = rest.partition(MEASURED)
        parts = (table(results), machine(options), chart(results))
        measured = "\n\n".join(parts)
        text = f"{head}{MEASURED}{measured}\n{MEASURED}{tail}"
        REPORT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
