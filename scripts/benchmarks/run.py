"""How long an event waits until it counts in the marts, while events keep coming.

A process of its own plays the collector: it stamps simulated events with the time of their arrival,
evenly, and renames a file of them into the inbox each second. `hirehouse run` watches the inbox.
An event counts when the round ends that has landed its batch; those that no fact or dimension tells
of are left out. On PostgreSQL a reader asks a mart all the while whether what each round promises
is there.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import multiprocessing
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from hirehouse.contracts.model import ROOT
from hirehouse.running.graph import FACTS_AND_DIMENSIONS
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from simulator import simulate
from support.servers import Postgres

REPORT = ROOT / "docs" / "benchmarks" / "run.md"
DAYS = 90
LINES_A_CANDIDATE = 30  # at least
AIM = {50: 5.0, 95: 10.0}  # seconds by percentile
ARRIVED = re.compile(rb'"receivedAt":"[^"]*"')
COLORS = {"duckdb": "#e6a100", "postgres": "#336791"}
COUNT = "select count(*) from marketplace.fct_candidacies"
# How many rows that mart must have once a batch is built.
PROMISED = (
    "select first_batch, count(*) from (select min(batch_id) as first_batch"
    " from intermediate.int_candidacy_openings group by candidacy_id) as opened"
    " group by first_batch order by first_batch"
)
Seconds = list[float]


def simulated(folder: Path, lines: int) -> Iterator[bytes]:
    """At least so many lines of a marketplace whose last day was not long ago."""
    start = date.today() - timedelta(days=DAYS + 30)
    simulate(folder, candidates=lines // LINES_A_CANDIDATE, days=DAYS, start=start)
    for path in sorted(folder.glob("*.ndjson.gz")):
        with gzip.open(path) as file:
            yield from file


def put(inbox: Path, name: str, lines: Iterable[bytes]) -> None:
    """A file that comes into the inbox whole."""
    unfinished = inbox / f"{name}.tmp"
    unfinished.write_bytes(b"".join(lines))
    unfinished.rename(inbox / f"{name}.ndjson")


def collect(inbox: Path, lines: list[bytes], rate: int) -> None:
    """Let lines arrive at a rate, and hand them over each second."""
    begun = time.time()
    for second, start in enumerate(range(0, len(lines), rate)):
        stamped = []
        for place, line in enumerate(lines[start : start + rate]):
            at = datetime.fromtimestamp(begun + second + place / rate, UTC)
            text = f'"receivedAt":"{at:%Y-%m-%dT%H:%M:%S.%f}Z"'.encode()
            stamped.append(ARRIVED.sub(text, line, count=1))
        time.sleep(max(0.0, begun + second + 1 - time.time()))
        put(inbox, f"second-{second:06d}", stamped)


class Rounds(threading.Thread):
    """Reads what a running loop tells of its rounds."""

    def __init__(self, loop: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self.loop = loop
        self.done: list[dict[str, Any]] = []
        self.start()

    def run(self) -> None:
        assert self.loop.stdout
        for line in self.loop.stdout:
            self.done.append(orjson.loads(line))

    def until(self, lines: int) -> None:
        """Wait until so many lines have landed in all, and were built."""
        while sum(r["lines"] for r in self.done) < lines or not self.done[-1]["models"]:
            if self.loop.poll() is not None:
                sys.exit("hirehouse run has ended")
            time.sleep(0.2)


class Reader(threading.Thread):
    """Counts a mart twice a second."""

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__(daemon=True)
        self.warehouse = warehouse
        self.seen: list[tuple[float, int]] = []
        self.ended = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.ended.wait(0.5):
            begun = time.time()
            [(count,)] = self.warehouse.query(COUNT)
            self.seen.append((begun, int(count)))

    def check(self, ends: dict[int, float]) -> int:
        """How often it asked; AssertionError if a round had promised more than it found then."""
        self.ended.set()
        self.join()
        promised = total = 0
        first = dict(self.warehouse.query(PROMISED))
        due = []
        for batch in sorted(ends.keys() | first.keys()):
            total += first.get(batch, 0)
            if batch in ends:
                due.append((ends[batch], total))
        for at, count in self.seen:
            promised = max((total for end, total in due if end <= at), default=0)
            assert count >= promised, f"{count} of {promised} candidacies at {at}"
        return len(self.seen)


def told_of(manifest: dict[str, Any]) -> list[str]:
    """The raw tables of events that some fact or dimension is made of."""
    todo = [
        n for n, node in manifest["nodes"].items() if node["name"].startswith(FACTS_AND_DIMENSIONS)
    ]
    above: set[str] = set()
    while todo:
        node = todo.pop()
        if node not in above:
            above.add(node)
            todo += manifest["parent_map"].get(node, [])
    sources = manifest["sources"]
    found = [sources[node] for node in above if node in sources]
    return [str(s["identifier"]) for s in found if s["source_name"] != "landing"]


def waited(warehouse: Warehouse, tables: list[str], ends: dict[int, float]) -> Seconds:
    """Seconds from the arrival of each event to the end of its round, sorted."""
    result = []
    for table in tables:
        for batch, at in warehouse.query(f'select batch_id, received_at from landed."{table}"'):
            if batch in ends:
                result.append(ends[batch] - at.replace(tzinfo=UTC).timestamp())
    return sorted(result)


def percentile(values: Seconds, percent: float) -> float:
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def measure(engine: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One run of the loop on an engine."""
    count = int(options.rate * options.minutes * 60)
    lines = simulated(folder / "events", count + options.history)
    inbox = folder / "inbox"
    inbox.mkdir()
    put(inbox, "history", itertools.islice(lines, options.history))
    coming = list(itertools.islice(lines, count))
    if len(coming) < count:
        sys.exit("the simulation is too short")
    command = [str(ROOT / ".venv/bin/hirehouse"), "run", "--json", str(inbox)]
    with ExitStack() as stack:
        loop = stack.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        )
        stack.callback(loop.kill)
        rounds = Rounds(loop)
        rounds.until(options.history)
        reader = None
        if engine == "postgres":
            reader = Reader(stack.enter_context(open_warehouse(engine)))
        first = len(rounds.done)
        print(f"{engine}: events are coming", flush=True)
        collector = multiprocessing.get_context("spawn").Process(
            target=collect, args=(inbox, coming, options.rate)
        )
        collector.start()
        collector.join()
        rounds.until(options.history + count)
        loop.send_signal(signal.SIGTERM)
        if loop.wait() or not all(r["models"] and not r["broken"] for r in rounds.done):
            sys.exit(f"not all is built: {[r for r in rounds.done if r['broken'] or r['error']]}")
        counted = rounds.done[first:]
        ends = {
            batch: datetime.fromisoformat(r["ended_at"]).replace(tzinfo=UTC).timestamp()
            for r in counted
            for batch in r["batches"]
        }
        looks = reader.check(ends) if reader else 0
        tables = told_of(orjson.loads((ROOT / "target/run/manifest.json").read_bytes()))
        with open_warehouse(engine) as warehouse:
            seconds = waited(warehouse, tables, ends)
    return {
        "engine": engine,
        "seconds": seconds,
        "lines": count,
        "rounds": len(counted),
        "round": statistics.median(r["seconds"] for r in counted),
        "longest": max(r["seconds"] for r in counted),
        "looks": looks,
    }


def row(result: dict[str, Any]) -> str:
    """A result as a row of the report's table."""
    seconds = result["seconds"]
    cells = [result["engine"], f"{result['lines']:,}", f"{len(seconds):,}"]
    cells += [f"{percentile(seconds, p):.1f}" for p in (50, 95, 99)]
    cells += [f"{seconds[-1]:.1f}", f"{result['rounds']:,}"]
    cells += [f"{result['round']:.1f}", f"{result['longest']:.1f}"]
    cells += [f"{result['looks']:,}" if result["looks"] else ""]
    return f"| {' | '.join(cells)} |"


def plot(result: dict[str, Any]) -> str:
    """The share of events that count within a time, as SVG."""
    seconds, color = result["seconds"], COLORS[result["engine"]]
    left, top, width, height = 50, 20, 560, 240
    longest: float = max(12.0, seconds[-1])

    def x(value: float) -> float:
        return left + width * value / longest

    def y(percent: float) -> float:
        return top + height * (1 - percent / 100)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 30}'
        f' {top + height + 50}"'
        ' font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for percent in (0, 25, 50, 75, 95, 100):
        parts.append(f'<path d="M{left} {y(percent):.0f}h{width}" stroke="#ddd"/>')
        at = f'x="{left - 8}" y="{y(percent) + 4:.0f}"'
        parts.append(f'<text {at} text-anchor="end">{percent}%</text>')
    for second in range(0, int(longest) + 1, max(1, int(longest) // 12)):
        at = f'x="{x(second):.0f}" y="{top + height + 18}"'
        parts.append(f'<text {at} text-anchor="middle">{second}</text>')
    for percent, aim in AIM.items():
        parts.append(
            f'<circle cx="{x(aim):.0f}" cy="{y(percent):.0f}" r="5" fill="none" stroke="red"/>'
        )
    line = " ".join(f"{x(percentile(seconds, p)):.1f},{y(p):.1f}" for p in range(101))
    parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
    label = f"{result['engine']}: seconds from arrival to the marts; aims as circles"
    parts.append(f'<text x="{left}" y="{top + height + 40}">{label}</text></svg>')
    return "\n".join(parts) + "\n"


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GB, {platform.system()}"


def write_report(results: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Put the table between the marks of docs/benchmarks/run.md, and the plots beside it."""
    mark = "<!-- measured by scripts/bench run --write -->\n"
    before, _, after = REPORT.read_text(encoding="utf-8").split(mark)
    head = (
        "| engine | lines | events in marts | p50, s | p95, s | p99, s | longest, s | rounds"
        " | median round, s | longest round, s | looks of the reader |\n|---|" + "---:|" * 10
    )
    engines = " ".join(f"--engine {result['engine']}" for result in results)
    how = (
        f"`scripts/bench run {engines} --minutes {options.minutes:g} --rate {options.rate}"
        f" --history {options.history}` on {machine()}."
    )
    text = "\n".join([how, "", head, *(row(result) for result in results)])
    REPORT.write_text(f"{before}{mark}{text}\n{mark}{after}", encoding="utf-8")
    for result in results:
        REPORT.with_name(f"run-{result['engine']}.svg").write_text(plot(result), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", action="append", choices=list(COLORS))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=500, help="events a second")
    parser.add_argument("--history", type=int, default=100_000, help="events landed before")
    parser.add_argument("--write", action="store_true", help="put the result into docs/benchmarks")
    options = parser.parse_args()
    results = []
    for engine in options.engine or list(COLORS):
        with tempfile.TemporaryDirectory(prefix="hirehouse-bench-") as temporary:
            folder = Path(temporary)
            folder.chmod(0o755)  # PostgreSQL runs as another user
            (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
            os.environ |= {
                "DBT_PROFILES_DIR": str(folder),
                "HIREHOUSE_TARGET": engine,
                "HIREHOUSE_SCHEMA": "analytics",
                "HIREHOUSE_DUCKDB": str(folder / "hirehouse.duckdb"),
            }
            with ExitStack() as stack:
                if engine == "postgres":
                    server = Postgres(folder / "postgres")
                    stack.callback(server.stop)
                    os.environ |= server.environment(server.new_database())
                results.append(measure(engine, options, folder))
        print(row(results[-1]), flush=True)
    if options.write:
        write_report(results, options)
    late = [
        f"{result['engine']}: p{percent} is beyond {aim:.0f} s"
        for result in results
        for percent, aim in AIM.items()
        if percentile(result["seconds"], percent) > aim
    ]
    if late:
        sys.exit("; ".join(late))


if __name__ == "__main__":
    main()
