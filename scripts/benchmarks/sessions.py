"""Sessions, page views and persons beside what is usual: a watermark on the time of the event.

Both sides read the same landed events in the same PostgreSQL and compute the same rows: a full
refresh of either is compared with the other. `sessions_sql` has the other side, as packages for web
tracking do it: a run takes the events since the latest one it has seen, less a lookback. Both then
build the same increments, late and re-sent events among them, and what an increment has left is
compared with a full refresh.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from growth import SERVER, checked
from hirehouse.contracts.model import ROOT
from hirehouse.landing.land import land
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from past import connect, machine
from simulator import A_YEAR_AGO, simulate
from support.servers import Postgres

SQL = ROOT / "scripts" / "benchmarks" / "sessions_sql"
REPORT = ROOT / "docs" / "benchmarks" / "sessions.md"
MEASURED = "<!-- measured by scripts/bench sessions --write -->\n"
EVENTS = (b'"event":"page_viewed"', b'"event":"identity_linked"')
# The tables of the other side, their keys, and our marts with the same columns, and more.
TABLES = {
    "page_views": ("page_view_id", "growth.fct_page_views"),
    "sessions": ("session_id", "growth.fct_sessions"),
    "persons": ("person_id", "growth.dim_persons"),
}
NOT_OURS = {"visitor_id", "session_number"}  # of page views, where only the other side has them


@dataclass(frozen=True)
class Setting:
    """How the other side finds what has changed.

    Args:
        lookback: how far before the latest event a run begins, as an interval of PostgreSQL.
        restitch: whether a run also recomputes persons whose links have changed, however long they
            have not been seen.
    """

    lookback: str
    restitch: bool

    @property
    def title(self) -> str:
        return f"watermark less {self.lookback}, " + (
            "persons of all page views renewed" if self.restitch else "persons of seen ones renewed"
        )


SETTINGS = (
    Setting("3 hours", restitch=False),
    Setting("3 days", restitch=False),
    Setting("3 days", restitch=True),
    Setting("30 days", restitch=True),
)


@dataclass
class Result:
    """Seconds, and by table the rows that differ from a full refresh; `idle` had nothing new."""

    title: str
    initial: float
    increments: list[float]
    idle: float
    read: float
    differ: dict[str, int]


def build(cursor: Any, schema: str, setting: Setting, source: str = "landed") -> None:
    """Build the tables of the other side in a new schema, from the events of schema `source`."""
    cursor.execute(f"create schema {schema}")
    cursor.execute(f"set search_path to {schema}, {source}")
    cursor.execute((SQL / "tables.sql").read_text(encoding="utf-8"))
    run(cursor, schema, setting, source)
    cursor.execute((SQL / "indexes.sql").read_text(encoding="utf-8"))


def run(cursor: Any, schema: str, setting: Setting, source: str = "landed") -> None:
    """Bring the tables of a schema up to date, as one transaction."""
    cursor.execute(f"set search_path to {schema}, {source}")
    cursor.execute((SQL / "run.sql").read_text(encoding="utf-8"), vars(setting))


def columns(cursor: Any, schema: str, table: str) -> str:
    """The columns that both sides have, in a list."""
    cursor.execute(
        "select column_name from information_schema.columns"
        " where table_schema = %s and table_name = %s order by ordinal_position",
        (schema, table),
    )
    names = [name for (name,) in cursor.fetchall()]
    return ", ".join(n for n in names if table != "page_views" or n not in NOT_OURS)


def differing(cursor: Any, key: str, names: str, first: str, second: str) -> int:
    """The number of keys whose rows are not the same in two relations."""
    one, other = (f"select {names} from {relation}" for relation in (first, second))
    cursor.execute(
        f"select count(distinct {key}) from"
        f" (({one} except all {other}) union all ({other} except all {one})) as rows"
    )
    [(count,)] = cursor.fetchall()
    return int(count)


def compared(cursor: Any, schema: str, relations: Callable[[str], str]) -> dict[str, int]:
    """By table the rows of a schema that differ from those of the relation named for the table."""
    return {
        table: differing(
            cursor, key, columns(cursor, schema, table), f"{schema}.{table}", relations(table)
        )
        for table, (key, _) in TABLES.items()
    }


def mart(table: str) -> str:
    """Our mart with the rows of a table."""
    return TABLES[table][1]


def in_schema(schema: str) -> Callable[[str], str]:
    """The tables of a schema."""
    return lambda table: f"{schema}.{table}"


def timed(work: Callable[[], object]) -> float:
    """Seconds that some work takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def read(cursor: Any, relations: Callable[[str], str]) -> float:
    """Seconds to read every row and column of the three relations once, inside the server."""

    def all_rows() -> None:
        for table in TABLES:
            cursor.execute(f"create temporary table taken as select * from {relations(table)}")
            cursor.execute("drop table taken")

    return timed(all_rows)


def cut(folder: Path, out: Path, sizes: list[int]) -> list[Path]:
    """The page views and links of a simulated marketplace, by arrival, in files of these sizes."""

    def lines() -> Iterator[bytes]:
        for path in sorted(folder.glob("events-*.ndjson.gz")):
            with gzip.open(path) as file:
                yield from (line for line in file if any(event in line for event in EVENTS))

    left, paths = lines(), []
    for number, size in enumerate(sizes):
        paths.append(out / f"{number:02}.ndjson")
        taken = list(islice(left, size))
        if len(taken) < size:
            sys.exit(f"the simulation has {size - len(taken):,} events too few: more --candidates")
        paths[-1].write_bytes(b"".join(taken))
    return paths


def measure(files: list[Path], dbt: WarmDbt, cursor: Any) -> list[Result]:
    """Build all sides from the first file, and bring them up to date with each of the others."""
    selected = [f"+{name.partition('.')[2]}" for _, name in TABLES.values()]

    def ours(*options: str) -> None:
        checked(dbt.run("run", "--select", *selected, *options))

    def landed(file: Path) -> None:
        with open_warehouse("postgres") as warehouse:
            land([file], warehouse)

    landed(files[0])
    checked(dbt.run("seed"))
    initial = [timed(lambda: ours("--full-refresh"))]
    schemas = {f"watermark_{number}": setting for number, setting in enumerate(SETTINGS)}
    for schema, setting in schemas.items():
        initial.append(timed(partial(build, cursor, schema, setting)))
    print("initial builds:", [round(seconds, 2) for seconds in initial], flush=True)
    cursor.execute("vacuum analyze")  # what autovacuum does within minutes

    def run_all() -> list[float]:
        others = [timed(partial(run, cursor, *item)) for item in schemas.items()]
        return [timed(ours), *others]

    rounds = []
    for file in files[1:]:
        landed(file)
        rounds.append(run_all())
        print([round(seconds, 2) for seconds in rounds[-1]], flush=True)
    increments = [list(times) for times in zip(*rounds, strict=True)]
    idle = run_all()
    reads = [read(cursor, relations) for relations in (mart, *map(in_schema, schemas))]

    cursor.execute("create schema kept")
    for table in TABLES:
        cursor.execute(f"create table kept.{table} as select * from {mart(table)}")
    ours("--full-refresh")
    build(cursor, "whole", SETTINGS[0])
    if any(wrong := compared(cursor, "whole", mart).values()):
        sys.exit(f"the full refreshes do not compute the same: {list(wrong)} rows differ")
    differ = [
        {
            t: differing(cursor, key, "*", f"kept.{t}", relation)
            for t, (key, relation) in TABLES.items()
        }
    ]
    differ += [compared(cursor, schema, in_schema("whole")) for schema in schemas]
    titles = ["hirehouse, by batch", *(setting.title for setting in SETTINGS)]
    measured = titles, initial, increments, idle, reads, differ
    return [Result(*values) for values in zip(*measured, strict=True)]


def table(results: list[Result]) -> str:
    """The results as a table in Markdown."""
    lines = [
        "| how a run finds what is new | initial build, s | increment, s | without new events, s"
        " | reading all, s | page views that differ | sessions | persons |",
        "|---|" + "---:|" * 7,
    ]
    for result in results:
        median = statistics.median(result.increments)
        times = result.initial, median, result.idle, result.read
        cells = [result.title, *(f"{seconds:.1f}" for seconds in times)]
        cells += [f"{result.differ[name]:,}" for name in TABLES]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the initial build")
    parser.add_argument("--increment", type=int, default=10_000, help="events of each increment")
    parser.add_argument("--increments", type=int, default=5)
    parser.add_argument("--candidates", type=int, default=43_000, help="about 25 such events each")
    parser.add_argument("--write", action="store_true", help="put the result into docs/benchmarks")
    options = parser.parse_args()
    sizes = [options.events, *[options.increment] * options.increments]
    with tempfile.TemporaryDirectory(prefix="hirehouse-bench-") as temporary, ExitStack() as stack:
        folder = Path(temporary)
        folder.chmod(0o755)  # PostgreSQL runs as another user
        (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
        server = Postgres(folder / "postgres", **SERVER)
        stack.callback(server.stop)
        environment = server.environment(server.new_database())
        os.environ |= environment | {
            "DBT_PROFILES_DIR": str(folder),
            "HIREHOUSE_SCHEMA": "analytics",
        }
        print("simulating", flush=True)
        simulate(folder / "events", candidates=options.candidates, days=365, start=A_YEAR_AGO)
        files = cut(folder / "events", folder, sizes)
        # Not the connection as a context, which would be one transaction.
        connection = stack.enter_context(closing(connect(environment)))
        cursor = connection.cursor()
        results = measure(files, WarmDbt(folder=folder / "target"), cursor)
        cursor.execute("show server_version")
        [(version,)] = cursor.fetchall()
    command = "scripts/bench sessions" + "".join(
        f" --{name} {value}" for name, value in vars(options).items() if name != "write"
    )
    text = (
        f"{table(results)}\n{options.events:,} events, then {options.increments} increments of"
        f" {options.increment:,}, of which the median; rows after the last one."
        f" `{command}` on {machine()}, PostgreSQL {version}.\n"
    )
    print(text)
    if options.write:
        before, _, after = REPORT.read_text(encoding="utf-8").split(MEASURED)
        REPORT.write_text(f"{before}{MEASURED}{text}{MEASURED}{after}", encoding="utf-8")
    if any(results[0].differ.values()):
        sys.exit("what increments of hirehouse have left is not what a full refresh gives")


if __name__ == "__main__":
    main()
