"""Near real time: land new events and build the models that they affect, in one warm process."""

import atexit
import glob
import os
import time
from collections.abc import Collection, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path

from hirehouse.contracts.model import ROOT
from hirehouse.events.validate import utc_now
from hirehouse.landing.decompress import InputError
from hirehouse.landing.inputs import (
    HIDDEN,
    S3,
    TOPIC,
    UNFINISHED,
    LeftOut,
    files_at,
    parse_topic_url,
    shown,
)
from hirehouse.landing.land import LandingCache, land
from hirehouse.landing.read_batches import WAIT
from hirehouse.landing.s3 import S3Folder, S3Object
from hirehouse.running.graph import Graph
from hirehouse.running.turns import PER_ROUND, Turns
from hirehouse.running.warm_dbt import DbtError, WarmDbt, brief
from hirehouse.warehouse.connections import Warehouse, first_line, open_warehouse
from hirehouse.warehouse.landed_schema import raw_tables
from hirehouse.warehouse.profile import WarehouseError

MAX_PAUSE = 60.0  # seconds between two tries
# A round writes no logs and artifacts, which cost more than its models, and caches only the schemas
# of its models.
QUIET = (
    *("--log-level", "none", "--log-level-file", "none"),
    *("--no-write-json", "--cache-selected-only"),
)
# Rounds per checkpoint of a DuckDB file. A checkpoint at each close would rewrite parts of fifty
# tables; the write-ahead log is as safe, and fast to replay while it is short.
CHECKPOINT = 5
# Seconds from one listing of S3 to the next one, at least; and listing takes a tenth of the time.
LIST_EVERY, LIST_SHARE = 1.0, 10

Stamp = tuple[int, ...]


def pause(tries: int) -> float:
    return min(MAX_PAUSE, 2.0 ** min(tries, 10))


@dataclass
class Round:
    """The result of one round. `broken` has dbt's message by model."""

    number: int
    batches: list[int] = field(default_factory=list)
    lines: int = 0
    events: int = 0
    failed: int = 0
    models: int = 0
    broken: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)  # for the end of their last line
    left_out: LeftOut = field(default_factory=LeftOut)  # since the last round
    error: str = ""
    land_seconds: float = 0.0
    seconds: float = 0.0
    lag_seconds: float | None = None  # from the newest event's received_at to the end of the round
    ended_at: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing failed in building."""
        return not (self.broken or self.error)


class Inbox:
    """Finds new files, each one once: files are identified by name, size, times and inode.

    Args:
        paths: folders, files and globs, and URLs on S3; their files may come and go.

    Raises:
        InputError, S3Error: a URL on S3 can't be used.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        paths = list(paths)
        files = [path for path in paths if not path.startswith((S3, TOPIC))]
        self.paths = [str(Path(path).absolute()) for path in files]
        self.folders = [S3Folder(path) for path in paths if path.startswith(S3)]
        self.objects: dict[str, S3Object] = {}  # at the last listing, by name
        self.listed_again_at = 0.0
        self.unlisted = LeftOut()  # what that listing left out
        self.handled: dict[str, Stamp] = {}
        self.again_at: dict[str, float] = {}  # of files that wait for the end of their last line
        self.known: dict[str, set[str]] = {}  # what was left out at the last look, by the reason
        self.left_out = LeftOut()

    def new(self) -> dict[str, Stamp]:
        """The files to land now; InputError if a folder or file does not exist.

        What it leaves out is added to `left_out`, each file once.
        """
        there: dict[str, Stamp] = {}
        skipped = LeftOut()
        for path in self.paths:
            place = Path(path)
            if place.exists() and not place.is_dir():
                found = [str(place.resolve() if place.is_file() else place)]
            else:
                found = files_at(path, skipped)
                if not (found or place.exists() or glob.has_magic(path)):
                    raise InputError(f"{path}: no such file or folder")
            for name in found:
                try:
                    stat = os.stat(name)  # noqa: PTH116 - thousands of them, several times a second
                except FileNotFoundError:
                    continue  # removed just now
                except OSError as error:
                    skipped.add(name, str(error.strerror))
                    continue
                times = (stat.st_mtime_ns, stat.st_ctime_ns)
                there[name] = (stat.st_size, *times, stat.st_ino)
        self._list()
        there |= {name: (one.size, one.modified) for name, one in self.objects.items()}
        skipped.merge(self.unlisted)
        for why in skipped.keys() - {HIDDEN, UNFINISHED}:  # these come in time
            for name in set(skipped[why]) - self.known.get(why, set()):
                self.left_out.add(name, why)
        self.known = {why: set(names) for why, names in skipped.items()}
        # Files that are gone are forgotten, so memory is bounded.
        self.handled = {name: self.handled[name] for name in there if name in self.handled}
        now = time.monotonic()
        due = {name for name, when in self.again_at.items() if when <= now}
        return {n: s for n, s in there.items() if n in due or self.handled.get(n) != s}

    def _list(self) -> None:
        """List S3, unless that was done just now."""
        begun = time.monotonic()
        if self.folders and begun >= self.listed_again_at:
            unlisted = LeftOut()
            found = chain.from_iterable(folder.objects(unlisted) for folder in self.folders)
            self.objects, self.unlisted = {one.name: one for one in found}, unlisted
            now = time.monotonic()
            self.listed_again_at = now + max(LIST_EVERY, LIST_SHARE * (now - begun))

    def note_landed(self, files: dict[str, Stamp], waiting: Collection[str]) -> None:
        """Remember files that are not new any more; those `waiting` are looked at once more."""
        self.handled |= files
        again_at = time.monotonic() + WAIT
        for name in files:
            self.again_at.pop(name, None)
            if waiting and shown(name) in waiting:
                self.again_at[name] = again_at
        self.again_at = {n: when for n, when in self.again_at.items() if n in self.handled}

    def take_left_out(self) -> LeftOut:
        """What has been left out since the last call."""
        taken, self.left_out = self.left_out, LeftOut()
        return taken


class Loop:
    """Keeps a warehouse up to date, in rounds.

    Args:
        paths: what to watch; see `Inbox`; and URLs of topics.
        target: an output of the profile.
        remove: delete segments of the collector that have landed completely.
        deferrable_per_round: of `Turns`. The rest is built once no events come.

    Raises:
        DbtError: the project can't be parsed.
        InputError: the URL of a topic is malformed.
    """

    def __init__(
        self,
        paths: Iterable[str],
        target: str | None = None,
        remove: bool = False,
        deferrable_per_round: int = PER_ROUND,
    ) -> None:
        paths = list(paths)
        self.inbox = Inbox(paths)
        self.topics = [path for path in paths if path.startswith(TOPIC)]
        for topic in self.topics:
            parse_topic_url(topic)
        self.target, self.remove, self.deferrable_per_round = target, remove, deferrable_per_round
        self.cache = LandingCache()
        atexit.register(self.cache.close)
        self.number = 0
        # The last batch that is built or pending; later batches of this loop, and their tables.
        self.ceiling = 0
        self.own: set[int] = set()
        self.filled: set[str] = set()
        self._parse()

    def _parse(self) -> None:
        self.changed_at = _changed_at()
        self.dbt = WarmDbt(folder=ROOT / "target" / "run", target=self.target)
        # Most nodes of a project are none to build; skipping them takes dbt a tenth of a round.
        nodes = self.dbt.manifest.nodes
        tests = [i for i, n in nodes.items() if n.resource_type == "test"]
        self.tests = {node: nodes.pop(node) for node in tests}
        for kind in ("unit_tests", "exposures", "metrics", "semantic_models", "saved_queries"):
            getattr(self.dbt.manifest, kind).clear()
        self.graph = Graph(self.dbt.manifest)
        self.turns = Turns(self.graph, self.deferrable_per_round)
        # The first round builds everything: a model that is up to date costs next to nothing.
        self.pending = self.graph.everything()
        self.failing: set[str] = set()
        self.tries, self.again_at = 0, 0.0

    def round(self) -> Round | None:
        """Land and build once; None if there is nothing to do.

        Errors are in the result; a later round retries what failed.
        """
        result = Round(self.number + 1)
        begun = time.monotonic()
        newest = None
        try:
            files = self.inbox.new()
            result.left_out = self.inbox.take_left_out()
            came = files or any(topic.waiting() for topic in self.cache.topics.values())
            if not (came or result.left_out or self._due()):
                return None
            if self.failing and not self._blocked() and _changed_at() > self.changed_at:
                self._parse()  # a model may have been fixed
            # Open for the whole round: no other process can land into a DuckDB file between.
            with open_warehouse(self.target) as warehouse:
                newest = self._land(files, warehouse, result)
                result.land_seconds = time.monotonic() - begun
                self._build(warehouse, result)
                if warehouse.engine == "duckdb" and self.number % CHECKPOINT:
                    warehouse.execute("pragma disable_checkpoint_on_shutdown")
        except ModuleNotFoundError:
            raise  # a package is not installed, and no later round finds it
        except Exception as error:
            result.error = self._said(error)
        self.number += 1
        result.seconds = time.monotonic() - begun
        now = utc_now()
        result.ended_at = now.isoformat()
        if newest:
            result.lag_seconds = (now - newest) / timedelta(seconds=1)
        return result

    def _said(self, error: Exception) -> str:
        text = str(error).strip()
        # What dbt could not do before its first model, such as making a schema.
        if "permission denied" in text:
            with suppress(WarehouseError), open_warehouse(self.target) as warehouse:
                text = warehouse.explain(text)
        if isinstance(error, DbtError):
            text = brief(text)
        return first_line(text) or type(error).__name__

    def _land(
        self, files: dict[str, Stamp], warehouse: Warehouse, result: Round
    ) -> datetime | None:
        objects = self.inbox.objects
        inputs = [*(objects.get(name, name) for name in files), *self.topics]
        landed = land(inputs, warehouse, cache=self.cache, remove=self.remove, listed=True)
        # Unreadable files, too: each is reported once, until it changes. But objects do not change
        # when one is allowed to read them.
        done = {*landed.inputs, *landed.already, *chain(*landed.left_out.values())}
        self.inbox.note_landed(files, {*landed.waiting, *(objects.keys() & files.keys() - done)})
        self.own |= set(landed.batches)
        self.filled |= {table for table, count in landed.rows.items() if count}
        result.batches, result.unreadable = landed.batches, landed.unreadable
        result.waiting, result.left_out = landed.waiting, LeftOut(result.left_out | landed.left_out)
        result.lines, result.events, result.failed = landed.lines, landed.events, landed.failed
        return landed.newest

    def _build(self, warehouse: Warehouse, result: Round) -> None:
        # With the landing lock no other process commits a batch while the models are chosen and
        # built: it would be built in part. A build of everything needs no lock, and may take long.
        whole = self.pending == self.graph.everything()
        with nullcontext() if whole else warehouse.landing_lock():
            self._note_batches(warehouse)
            chosen = self._due()
            if result.batches and not whole:
                chosen = chosen - self.graph.deferrable | self.turns.take(chosen)
            if not chosen:
                return
            with_seeds = any(self.graph.kinds[node] == "seed" for node in chosen)
            outcome = self.dbt.run("build" if with_seeds else "run", *QUIET, nodes=chosen)
        built = {node for node in chosen if outcome.status.get(node) == "success"}
        failed = outcome.failed()
        broken = chosen & failed.keys()
        for other in failed.keys() - broken:  # on-run-start: nothing was built
            result.error = warehouse.explain(failed[other])
        self.dbt.skip_schema_checks(built)
        self.turns.note(outcome.seconds)
        self.pending -= built
        self.failing = self.failing - built | broken
        if broken:
            self.tries += 1
            self.again_at = time.monotonic() + pause(self.tries)
        elif not self.failing:
            self.tries = 0
        result.models = len(built)
        result.broken = {self.graph.names[n]: warehouse.explain(failed[n]) for n in broken}

    def failing_tests(self) -> list[str]:
        """Run all data tests that `dbt build` would run; the names of those that fail."""
        nodes = self.dbt.manifest.nodes
        nodes.update(self.tests)
        try:
            failed = self.dbt.run("test", *QUIET).failed()
        finally:
            for node in self.tests:
                del nodes[node]
        return [node.split(".")[2] for node in failed]

    def _note_batches(self, warehouse: Warehouse) -> None:
        """Add the models of batches after the ceiling to `pending`, and raise the ceiling."""
        found = {
            batch_id
            for (batch_id,) in warehouse.query(
                "select batch_id from landed.batches"
                " where committed_at is not null and batch_id > ?",
                [self.ceiling],
            )
        }
        # The tables of a batch that another process has landed are unknown.
        tables = self.filled if found <= self.own else set(raw_tables())
        if found:
            self.pending |= self.graph.touched(tables | {"batches"})
            self.ceiling = max(found)
            self._record_untouched(warehouse)
        self.own, self.filled = set(), set()

    def _record_untouched(self, warehouse: Warehouse) -> None:
        """Record that models without rows in the new batches are complete up to them.

        Else everything downstream would stay behind, and read the same rows in each round.
        """
        untouched = sorted(
            self.graph.names[node]
            for node in self.graph.everything() - self.pending
            if self.graph.kinds[node] == "incremental"
        )
        if not untouched:
            return
        # Landing must not wait for a model that another process builds: the next round records it.
        unlocked = " for update skip locked" if warehouse.engine == "postgres" else ""
        table, places = self.graph.progress, ", ".join("?" * len(untouched))
        # On Redshift a transaction that updates the table keeps dbt from it until it ends.
        warehouse.execute_alone(
            f"update {table} set batch_id = ? where model in (select model from {table}"
            f" where batch_id < ? and model in ({places}){unlocked})",
            [self.ceiling, self.ceiling, *untouched],
        )

    def _due(self) -> set[str]:
        """The models to build now."""
        return self.pending - self._blocked() - self.turns.resting()

    def _blocked(self) -> set[str]:
        """The models that failed and wait for a retry, with everything downstream.

        A model must not be ahead of its inputs: it would miss rows that they get later.
        """
        if time.monotonic() >= self.again_at:
            return set()
        return self.graph.with_descendants(self.failing)


def _changed_at() -> float:
    files = [ROOT / "dbt_project.yml"]
    for folder in ("models", "macros", "seeds"):
        files += (ROOT / folder).rglob("*")
    return max(file.stat().st_mtime for file in files)
