"""Near real time: land what has come, build what that touches, and again, in one process."""

from __future__ import annotations

import atexit
import glob
import os
import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hirehouse.contracts.model import ROOT
from hirehouse.events.validate import utc_now
from hirehouse.landing.inputs import TOPIC, InputError, address, found_at
from hirehouse.landing.land import Known, land
from hirehouse.landing.write_batches import DIRECT
from hirehouse.running.graph import Graph
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import Warehouse, first_line, open_warehouse
from hirehouse.warehouse.landed_schema import raw_tables

LONGEST = 60.0  # seconds between two tries
# A round writes no logs and artifacts, which cost more than its models, and asks for what there is
# only in the schemas of its models.
QUIET = (
    *("--log-level", "none", "--log-level-file", "none", "--no-write-json"),
    "--cache-selected-only",
)
# Of so many rounds one ends with a checkpoint of a DuckDB file. With one at each closing, it would
# rewrite parts of fifty tables; its log is as safe, and read in faster as long as it is short.
CHECKPOINT = 5
# Of what no fact or dimension is made of (aggregates, marts of arrival itself: half of all models)
# a round builds about so many, in turn, while events keep coming.
BESIDE = 3

Stamp = tuple[int, ...]


def pause(tries: int) -> float:
    return min(LONGEST, 2.0 ** min(tries, 10))


@dataclass
class Round:
    """What came of one round. `broken` has dbt's message by model."""

    number: int
    batches: list[int] = field(default_factory=list)
    lines: int = 0
    events: int = 0
    failed: int = 0
    models: int = 0
    broken: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    error: str = ""
    land_seconds: float = 0.0
    seconds: float = 0.0
    lag_seconds: float | None = None  # from the newest event's received_at to the end of the round
    ended_at: str = ""

    @property
    def good(self) -> bool:
        """Whether the marts tell of all that has landed."""
        return not (self.broken or self.error)


class Inbox:
    """The files that came, each told once: it is known by its name, size, times and inode.

    Args:
        paths: folders, files and globs; what lies in them may come and go.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = [str(Path(path).absolute()) for path in paths if not path.startswith(TOPIC)]
        self.seen: dict[str, Stamp] = {}

    def new(self) -> dict[str, Stamp]:
        """What was not yet marked as seen; InputError if a folder or file does not exist."""
        there = {}
        for path in self.paths:
            found = found_at(path)
            if not (found or Path(path).exists() or glob.has_magic(path)):
                raise InputError(f"{path}: no such file or folder")
            for name in found:
                with suppress(FileNotFoundError):  # taken away just now
                    stat = os.stat(name)  # noqa: PTH116 - thousands of them, several times a second
                    times = (stat.st_mtime_ns, stat.st_ctime_ns)
                    there[name] = (stat.st_size, *times, stat.st_ino)
        # What is gone is forgotten: memory is bounded by what lies there.
        self.seen = {name: self.seen[name] for name in there if name in self.seen}
        return {name: stamp for name, stamp in there.items() if self.seen.get(name) != stamp}


class Loop:
    """Rounds of one process that keeps a warehouse up to date.

    Args:
        paths: what is watched; see `Inbox`.
        target: which output of the profile.
        remove: delete segments of the collector that have landed whole.
        beside: how many models; see BESIDE. What waits is built at once when nothing comes.

    Raises:
        DbtError: the project can't be parsed.
        InputError: the address of a topic is none.
    """

    def __init__(
        self,
        paths: Iterable[str],
        target: str | None = None,
        remove: bool = False,
        beside: int = BESIDE,
    ) -> None:
        paths = list(paths)
        self.inbox = Inbox(paths)
        self.topics = [path for path in paths if path.startswith(TOPIC)]
        for topic in self.topics:
            address(topic)
        self.target, self.remove, self.beside = target, remove, beside
        self.known = Known()
        atexit.register(self.known.close)
        self.number = 0
        # The last batch that is built or pending; our own ones after it, and the tables they fill.
        self.ceiling = 0
        self.own: set[int] = set()
        self.filled: set[str] = set()
        self._parse()

    def _parse(self) -> None:
        self.changed_at = _changed_at()
        self.dbt = WarmDbt(folder=ROOT / "target" / "run", target=self.target)
        # Tests are most of a project; to find its way past them takes dbt a tenth of a round.
        nodes = self.dbt.manifest.nodes
        for node in [i for i, n in nodes.items() if n.resource_type == "test"]:
            del nodes[node]
        self.dbt.manifest.unit_tests.clear()
        self.graph = Graph(self.dbt.manifest)
        self.families = sorted(self.graph.families, key=min)  # the first one has waited longest
        # Whatever happened before: a model that is up to date costs next to nothing.
        self.pending = self.graph.everything()
        self.failing: set[str] = set()
        self.tries, self.again_at = 0, 0.0

    def round(self) -> Round | None:
        """Land and build once; None if there is nothing to do.

        What goes wrong stands in the result, and is done in a later round.
        """
        result = Round(self.number + 1)
        begun = time.monotonic()
        newest = None
        try:
            files = self.inbox.new()
            came = files or any(topic.waiting() for topic in self.known.topics.values())
            if not came and not self.pending - self._blocked():
                return None
            if self.failing and not self._blocked() and _changed_at() > self.changed_at:
                self._parse()  # someone may have mended a model
            # Open to the end: nobody can land into a DuckDB file between landing and building.
            with open_warehouse(self.target) as warehouse:
                newest = self._land(files, warehouse, result)
                result.land_seconds = time.monotonic() - begun
                self._build(warehouse, result)
                if warehouse.engine == "duckdb" and self.number % CHECKPOINT:
                    warehouse.execute("pragma disable_checkpoint_on_shutdown")
        except Exception as error:
            result.error = first_line(error) or type(error).__name__
        self.number += 1
        result.seconds = time.monotonic() - begun
        now = utc_now()
        result.ended_at = now.isoformat()
        if newest:
            result.lag_seconds = (now - newest) / timedelta(seconds=1)
        return result

    def _land(
        self, files: dict[str, Stamp], warehouse: Warehouse, result: Round
    ) -> datetime | None:
        inputs = [*files, *self.topics]
        landed = land(inputs, warehouse, known=self.known, direct=DIRECT, remove=self.remove)
        # Those that can't be read, too: each is told once, until it changes.
        self.inbox.seen |= files
        self.own |= set(landed.batches)
        self.filled |= {table for table, count in landed.rows.items() if count}
        result.batches, result.unreadable = landed.batches, landed.unreadable
        result.lines, result.events, result.failed = landed.lines, landed.events, landed.failed
        return landed.newest

    def _build(self, warehouse: Warehouse, result: Round) -> None:
        # No one may commit a batch between our look and dbt's: it would be built in part. Where all
        # is built it does no harm, and others need not wait for what may take long.
        whole = self.pending == self.graph.everything()
        with nullcontext() if whole else warehouse.landing_lock():
            self._note_batches(warehouse)
            chosen = self.pending - self._blocked()
            if result.batches and not whole:
                chosen = chosen - self.graph.aside | self._turn(chosen)
            if not chosen:
                return
            with_seeds = any(self.graph.kinds[node] == "seed" for node in chosen)
            outcome = self.dbt.run("build" if with_seeds else "run", *QUIET, nodes=chosen)
        built = {node for node in chosen if outcome.status.get(node) == "success"}
        failed = outcome.failed()
        broken = chosen & failed.keys()
        for other in failed.keys() - broken:  # on-run-start: nothing was built
            result.error = failed[other]
        self.dbt.settle(built)
        self.pending -= built
        self.failing = self.failing - built | broken
        if broken:
            self.tries += 1
            self.again_at = time.monotonic() + pause(self.tries)
        elif not self.failing:
            self.tries = 0
        result.models = len(built)
        result.broken = {self.graph.names[node]: failed[node] for node in broken}

    def _turn(self, chosen: set[str]) -> set[str]:
        """Of what can wait, that which has waited longest."""
        taken = set[str]()
        waiting = [family for family in self.families if family & chosen]
        for family in waiting:
            if taken and len(taken | family & chosen) > self.beside:
                break
            taken |= family & chosen
            self.families.remove(family)
            self.families.append(family)
        return taken

    def _note_batches(self, warehouse: Warehouse) -> None:
        """Add to `pending` what the batches after the ceiling touch, and raise it."""
        found = {
            batch_id
            for (batch_id,) in warehouse.query(
                "select batch_id from landed.batches"
                " where committed_at is not null and batch_id > ?",
                [self.ceiling],
            )
        }
        # Of a batch that someone else has landed we know nothing.
        tables = self.filled if found <= self.own else set(raw_tables())
        if found:
            self.pending |= self.graph.touched(tables | {"batches"})
            self.ceiling = max(found)
            self._record_untouched(warehouse)
        self.own, self.filled = set(), set()

    def _record_untouched(self, warehouse: Warehouse) -> None:
        """Record that models to which the new batches bring nothing are complete up to them, too.

        Else what is made of them would stay where they are, and read the same rows in each round.
        """
        untouched = sorted(
            self.graph.names[node]
            for node in self.graph.everything() - self.pending
            if self.graph.kinds[node] == "incremental"
        )
        if not untouched:
            return
        # Landing must not wait for a model that someone else builds; it has its turn next time.
        unlocked = " for update skip locked" if warehouse.engine == "postgres" else ""
        table, places = self.graph.progress, ", ".join("?" * len(untouched))
        warehouse.execute(
            f"update {table} set batch_id = ? where model in (select model from {table}"
            f" where batch_id < ? and model in ({places}){unlocked})",
            [self.ceiling, self.ceiling, *untouched],
        )

    def _blocked(self) -> set[str]:
        """What failed and has to wait, with all that is made of it.

        A model must not run ahead of what it reads: it would miss what that one learns later.
        """
        if time.monotonic() >= self.again_at:
            return set()
        return self.graph.hanging_on(self.failing)


def _changed_at() -> float:
    files = [ROOT / "dbt_project.yml"]
    for folder in ("models", "macros", "seeds"):
        files += (ROOT / folder).rglob("*")
    return max(file.stat().st_mtime for file in files)
