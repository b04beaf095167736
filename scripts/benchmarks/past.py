"""The marts beside what they replace: questions to the production database of an application.

Both hold the same facts: a simulated marketplace is landed and built on PostgreSQL and on DuckDB,
and its staged events are written down a second time as the application would have, in third
normal form (tables.sql, fill.sql and indexes.sql in past_sql). Each question is asked of all
three; its answers must be equal, to the cent and the row.
"""

from __future__ import annotations

import argparse
import html
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg2

from growth import checked
from hirehouse.contracts.model import ROOT
from hirehouse.landing.land import land
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from simulator import A_YEAR_AGO, simulate
from support.servers import Postgres

SQL = ROOT / "scripts" / "benchmarks" / "past_sql"
REPORT = ROOT / "docs" / "benchmarks" / "past.md"
MEASURED = "<!-- measured by scripts/bench past --write -->\n"
AIMS = {"PostgreSQL": 20, "DuckDB": 100}
COLORS = {"PostgreSQL": "#33658a", "DuckDB": "#f6ae2d"}
# For both sides alike. jit off: compiling costs these queries, the long ones of the past most of
# all, more than it saves.
SETTINGS = {
    "shared_buffers": "2GB",
    "effective_cache_size": "4GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "random_page_cost": "1.1",
    "max_wal_size": "8GB",
    "jit": "off",
}
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Question:
    """A question of analysts, and how it is asked on either side."""

    name: str
    title: str
    past: str
    marts: str


@dataclass(frozen=True)
class Side:
    """Where questions are asked.

    `rows` gives an answer; `run` brings it to this process and makes no Python values of it, so
    that what is timed is the engine.
    """

    rows: Callable[[str], Rows]
    run: Callable[[str], object]


@dataclass(frozen=True)
class Sides:
    """The production database, and the marts by engine."""

    past: Side
    marts: dict[str, Side]


def questions() -> list[Question]:
    """All questions; the first line of the marts' SQL is the question's title."""
    found = []
    for path in sorted((SQL / "marts").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        past = (SQL / "production" / path.name).read_text(encoding="utf-8")
        title = text.partition("\n")[0].removeprefix("-- ")
        found.append(Question(path.stem, title, past, text))
    return found


def build(environment: dict[str, str], events: Path) -> int:
    """Land events into a new warehouse and build its models, without tests.

    Args:
        environment: variables that the profile reads.
        events: a folder that `hirehouse simulate` wrote.

    Returns:
        How many events landed, each counted once.
    """
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        with open_warehouse() as warehouse:
            land([events], warehouse)
        dbt = WarmDbt(folder=Path(environment["DBT_TARGET_PATH"]))
        checked(dbt.run("build", "--exclude-resource-type", "test", "unit_test"))
        with open_warehouse() as warehouse:
            tables = warehouse.query(
                "select table_name from information_schema.tables"
                " where table_schema = 'staging' and table_name like 'stg_%'"
                " and table_name not like 'stg_landing%'"
            )
            counts = [f"(select count(*) from staging.{table})" for (table,) in tables]
            [(total,)] = warehouse.query(f"select {' + '.join(counts)}")
            return int(total)
    finally:
        os.environ.clear()
        os.environ.update(before)


def connect(environment: dict[str, str], options: str = "") -> Any:
    """A connection to PostgreSQL that commits each statement."""
    connection = psycopg2.connect(
        host=environment["PGHOST"],
        port=environment["PGPORT"],
        user=environment["PGUSER"],
        dbname=environment["PGDATABASE"],
        options=options,
    )
    connection.autocommit = True
    return connection


def make_production(environment: dict[str, str]) -> None:
    """Write the schema `production` from the staged events of the same database."""
    connection = connect(environment)
    with connection.cursor() as cursor:
        for name in ("tables", "fill", "indexes"):
            cursor.execute((SQL / f"{name}.sql").read_text(encoding="utf-8"))
        cursor.execute("vacuum analyze")  # the marts as well
    connection.close()


@contextmanager
def opened(postgres: dict[str, str], database: Path) -> Iterator[Sides]:
    """Connect to the three places.

    Args:
        postgres: variables of the database that has both the marts and `production`.
        database: the DuckDB file with the marts.
    """

    def postgres_side(options: str) -> Side:
        cursor = stack.enter_context(connect(postgres, options)).cursor()

        def rows(sql: str) -> Rows:
            cursor.execute(sql)
            return list(cursor.fetchall())

        return Side(rows, cursor.execute)

    with ExitStack() as stack:
        duck = stack.enter_context(duckdb.connect(str(database), read_only=True))
        duck.execute("set TimeZone = 'UTC'")
        yield Sides(
            past=postgres_side("-c search_path=production"),
            marts={
                "PostgreSQL": postgres_side(""),
                "DuckDB": Side(
                    lambda sql: list(duck.execute(sql).fetchall()),
                    lambda sql: duck.execute(sql).to_arrow_table(),
                ),
            },
        )


def unequal(asked: Sequence[Question], sides: Sides) -> list[str]:
    """What the answers of the marts say otherwise than those of the production database."""
    found = []
    for question in asked:
        expected = sides.past.rows(question.past)
        if not expected:
            found.append(f"{question.name}: no rows, so nothing is compared")
        for engine, side in sides.marts.items():
            rows = side.rows(question.marts)
            if rows == expected:
                continue
            missing = [row for row in expected if row not in set(rows)]
            other = [row for row in rows if row not in set(expected)]
            found.append(
                f"{question.name} on {engine}: {len(rows)} rows, {len(expected)} in production; "
                f"{len(other)} differ, such as {other[:1]} where production has {missing[:1]}"
            )
    return found


def measure(asked: Sequence[Question], sides: Sides, runs: int) -> dict[str, dict[str, float]]:
    """Milliseconds by question and place: the median of warm runs.

    A place is `past`, an engine with the marts, or `kept` and an engine: the answer, kept in a
    table, is read. No mart can be faster than that. The places take turns, so that whatever else
    the machine does slows all of them.
    """
    result = {}
    for question in asked:
        calls = {"past": (sides.past.run, question.past)}
        for engine, side in sides.marts.items():
            kept = f"kept_{question.name}"
            side.run(f"create temporary table {kept} as {question.marts}")
            calls[engine] = (side.run, question.marts)
            calls[f"kept {engine}"] = (side.run, f"select * from {kept}")
        taken: dict[str, list[float]] = {place: [] for place in calls}
        for turn in range(runs + 1):
            for place, (run, sql) in calls.items():
                begun = time.perf_counter()
                run(sql)
                if turn:  # the first one warms
                    taken[place].append((time.perf_counter() - begun) * 1000)
        result[question.name] = {p: statistics.median(values) for p, values in taken.items()}
    return result


def ratios(times: dict[str, dict[str, float]], place: str) -> list[float]:
    """How many times as long production took, by question."""
    return [of["past"] / of[place] for of in times.values()]


def rounded(number: float) -> str:
    """Three digits at least: 0.35, 4.56, 78.9, 1,234."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def table(asked: Sequence[Question], times: dict[str, dict[str, float]]) -> str:
    """The measurements as a table in Markdown."""
    head = ["question", "production, ms"]
    for engine in AIMS:
        head += [f"marts on {engine}, ms", "times as fast", "kept answer"]
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    for question in asked:
        of = times[question.name]
        cells = [question.title, rounded(of["past"])]
        for engine in AIMS:
            fast = [rounded(of["past"] / of[place]) for place in (engine, f"kept {engine}")]
            cells += [rounded(of[engine]), *fast]
        lines.append(f"| {' | '.join(cells)} |")
    cells = ["**median**", ""]
    for engine in AIMS:
        places = (engine, f"kept {engine}")
        cells += ["", *(f"**{rounded(statistics.median(ratios(times, p)))}**" for p in places)]
    lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def plot(asked: Sequence[Question], times: dict[str, dict[str, float]]) -> str:
    """The ratios as SVG, on a scale of powers of ten from 0.1 to 10,000; aims as dashed lines."""
    left, width, step = 340, 480, 22
    bottom = 40 + step * len(asked)

    def x(ratio: float) -> float:
        return left + width * (math.log10(min(max(ratio, 0.1), 10_000)) + 1) / 5

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 30} {bottom + 44}"'
        ' font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for power in range(-1, 5):
        at = x(10.0**power)
        parts.append(f'<path d="M{at:.0f} 24V{bottom}" stroke="#ddd"/>')
        label = f"{10.0**power:,g}"
        parts.append(f'<text x="{at:.0f}" y="{bottom + 16}" text-anchor="middle">{label}</text>')
    for place, (engine, aim) in enumerate(AIMS.items()):
        color, at = COLORS[engine], x(aim)
        parts.append(f'<path d="M{at:.0f} 24V{bottom}" stroke="{color}" stroke-dasharray="4 3"/>')
        parts.append(f'<circle cx="{left + 120 * place}" cy="12" r="5" fill="{color}"/>')
        parts.append(f'<text x="{left + 10 + 120 * place}" y="16">{engine}</text>')
    for row, question in enumerate(asked):
        y = 40 + step * row
        name = html.escape(question.title.partition(",")[0].partition(":")[0])
        parts.append(f'<text x="{left - 12}" y="{y + 4}" text-anchor="end">{name}</text>')
        for engine, color in COLORS.items():
            of = times[question.name]
            at = x(of["past"] / of[engine])
            parts.append(f'<circle cx="{at:.1f}" cy="{y}" r="5" fill="{color}"/>')
    parts.append(
        f'<text x="{left}" y="{bottom + 36}">times as fast as the production database</text></svg>'
    )
    return "\n".join(parts) + "\n"


def write_report(text: str, svg: str) -> None:
    """Put the measurements between the marks of docs/benchmarks/past.md, and the plot beside it."""
    before, _, after = REPORT.read_text(encoding="utf-8").split(MEASURED)
    REPORT.write_text(f"{before}{MEASURED}{text}\n{MEASURED}{after}", encoding="utf-8")
    REPORT.with_suffix(".svg").write_text(svg, encoding="utf-8")


def start_postgres(folder: Path) -> Any:
    """A server of our own with SETTINGS; the wheel that has one comes with `bootstrap --dev`."""

    server = Postgres(folder)
    connection = connect(server.environment("postgres"))
    with connection.cursor() as cursor:
        for name, value in SETTINGS.items():
            cursor.execute(f"alter system set {name} = '{value}'")
    connection.close()
    server._run("pg_ctl", "-D", str(server.data), "-l", str(server.data / "log"), "-w", "restart")
    return server


def machine() -> str:
    """What it was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GB, {platform.system()}, "
        f"DuckDB {duckdb.__version__}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=26_000, help="about 80 events each")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--runs", type=int, default=7, help="timed runs of each question")
    parser.add_argument("--write", action="store_true", help="put the result into docs/benchmarks")
    options = parser.parse_args()
    asked = questions()
    with tempfile.TemporaryDirectory(prefix="hirehouse-bench-") as temporary, ExitStack() as stack:
        folder = Path(temporary)
        folder.chmod(0o755)  # PostgreSQL runs as another user
        (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
        common = {
            "DBT_PROFILES_DIR": str(folder),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "HIREHOUSE_SCHEMA": "analytics",
        }
        database = folder / "hirehouse.duckdb"
        duck = {"HIREHOUSE_TARGET": "duckdb", "HIREHOUSE_DUCKDB": str(database)}
        server = start_postgres(folder / "postgres")
        stack.callback(server.stop)
        name = server.new_database("encoding 'UTF8' lc_collate 'C' lc_ctype 'C'")
        postgres = common | server.environment(name)
        print("simulating", flush=True)
        simulate(
            folder / "events", candidates=options.candidates, days=options.days, start=A_YEAR_AGO
        )
        print("landing and building on DuckDB", flush=True)
        build(common | duck, folder / "events")
        print("landing and building on PostgreSQL", flush=True)
        events = build(postgres, folder / "events")
        print("writing the production database", flush=True)
        make_production(postgres)
        print("asking", flush=True)
        with opened(postgres, database) as sides:
            wrong = unequal(asked, sides)
            times = measure(asked, sides, options.runs)
            [(version,)] = sides.past.rows("show server_version")
    command = f"scripts/bench past --candidates {options.candidates} --days {options.days}"
    text = (
        f"{events:,} events; median of {options.runs} warm runs of each question, in milliseconds;"
        f" `{command}` on {machine()}, PostgreSQL {version}.\n\n{table(asked, times)}"
    )
    print(f"\n{text}")
    for engine, aim in AIMS.items():
        reached = statistics.median(ratios(times, engine))
        print(f"{engine}: {rounded(reached)} times as fast at the median; the aim is {aim}")
    if wrong:
        sys.exit("the answers are not equal:\n" + "\n".join(wrong))
    print(f"all {len(asked)} answers are equal on all three")
    if options.write:
        write_report(text, plot(asked, times))


if __name__ == "__main__":
    main()
