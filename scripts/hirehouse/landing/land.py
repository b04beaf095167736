"""Landing: from files, S3 and topics of events to the typed tables of schema landed, in batches."""

from __future__ import annotations

import gc
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from hirehouse.contracts.model import load
from hirehouse.events.validate import CompiledContracts, utc_now
from hirehouse.landing.check_batch import Checked, Checker
from hirehouse.landing.decompress import InputError
from hirehouse.landing.inputs import (
    S3,
    TOPIC,
    UNFINISHED,
    UNREADABLE,
    Batch,
    InputFile,
    InputProgress,
    LeftOut,
    Limits,
    Progress,
    expand,
    no_events,
)
from hirehouse.landing.read_batches import Reader
from hirehouse.landing.remove_segments import remove_landed
from hirehouse.landing.s3 import AHEAD, S3Error, S3Folder, S3Object
from hirehouse.landing.write_batches import read_progress, write_batch
from hirehouse.warehouse.connections import Warehouse
from hirehouse.warehouse.landed_schema import ensure_tables, landing_tables

if TYPE_CHECKING:
    from hirehouse.landing.kafka_topic import KafkaTopic

MAX_CACHED = 100_000  # inputs, at about 300 bytes each


@dataclass
class Landed:
    """The result of a landing; each input is in one of the first lists, or in `left_out`.

    `already`: inputs that had landed before; `waiting`: inputs that have landed but for a last line
    that is still being written.
    """

    inputs: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)  # of folders and globs
    removed: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    lines: int = 0
    events: int = 0
    failed: int = 0
    failed_by_rule: Counter[str] = field(default_factory=Counter)
    unknown_properties: int = 0
    rows: Counter[str] = field(default_factory=Counter)  # by table of schema landed
    newest: datetime | None = None  # the last received_at of an event
    bytes: int = 0
    seconds: float = 0.0

    def add(self, batch_id: int, checked: Checked) -> None:
        """Count a batch that has been written."""
        self.batches.append(batch_id)
        self.lines += checked.line_count
        self.events += checked.event_count
        self.failed += len(checked.failures)
        self.failed_by_rule.update(f.verdict.reasons[0].rule for f in checked.failures)
        self.unknown_properties += checked.unknown_count
        for name, table in checked.tables.items():
            self.rows[name] += table.num_rows
            if name not in landing_tables() and table.num_rows:
                newest = pc.max(table["received_at"]).as_py()
                self.newest = max(newest, self.newest or newest)


@dataclass
class LandingCache:
    """What has landed, for a process that lands repeatedly: it queries only newer batches.

    Beyond MAX_CACHED, the oldest inputs are forgotten: a copy of one would land, like a file that
    was compressed again, and staging excludes its events.
    """

    done: dict[str, InputProgress] = field(default_factory=dict)
    highest: int = 0
    topics: dict[str, KafkaTopic] = field(default_factory=dict)
    # With its compiled contracts; None while in use, so that a failed landing leaves none behind.
    checker: Checker | None = None

    def topic(self, url: str, warehouse: Warehouse) -> KafkaTopic:
        from hirehouse.landing.kafka_topic import KafkaTopic

        if url not in self.topics:
            self.topics[url] = KafkaTopic(url, warehouse.where)
        return self.topics[url]

    def refresh(self, warehouse: Warehouse) -> None:
        """Add the batches that have landed since."""
        self.highest = read_progress(warehouse, self.done, self.highest)

    def close(self) -> None:
        for topic in self.topics.values():
            topic.close()


def land(
    paths: Sequence[str | Path | S3Object],
    warehouse: Warehouse,
    *,
    progress: Progress | None = None,
    limits: Limits | None = None,
    cache: LandingCache | None = None,
    remove: bool = False,
    listed: bool = False,
) -> Landed:
    """Land files and topics of events.

    Args:
        paths: files, folders, globs, and `-` for stdin; NDJSON, plain or packed with gzip or zstd;
            kafka://… for the current messages of a topic; s3://… for an object or a folder, or
            objects that are listed already.
        progress: called with stored bytes read so far, and in total.
        cache: of a process that lands repeatedly; it is updated.
        remove: delete segments of the collector that have landed completely, now or before.
        listed: the files come from watched folders: some may be gone, and some no events.

    Returns:
        Counts. Inputs that can't be read or deleted are in `unreadable`; the others have landed.

    Raises:
        InputError: a path does not exist, or has no files of events; nothing has landed then.
            With `remove`, or while a file there is not finished, a folder may be empty.
        ConnectionError: a setting for Kafka is invalid; nothing has landed then.
        S3Error: S3 can't be used now; what has landed counts.
        WarehouseError, ContractError: the warehouse or a contract can't be used.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hirehouse-") as spool:
        objects = {path.name: path for path in paths if isinstance(path, S3Object)}
        texts = [str(path) for path in paths if not isinstance(path, S3Object)]
        files = [text for text in texts if not text.startswith((S3, TOPIC))]
        left_out = LeftOut()
        places = expand(files, Path(spool), left_out, listed=listed, may_be_empty=remove)
        for url in (text for text in texts if text.startswith(S3)):
            objects |= _objects(url, left_out, may_be_empty=remove)
        places += objects.values()
        with ExitStack() as stack:
            cache = cache or stack.enter_context(closing(LandingCache()))
            topics = [cache.topic(text, warehouse) for text in texts if text.startswith(TOPIC)]
            reader = Reader(places, cache.done, limits or Limits(), left_out, progress)
            landing = _Landing(warehouse, reader, topics, cache)
            result = landing.run()
            taken = result.inputs or result.already or result.waiting or result.unreadable
            if places and not (taken or listed or remove or UNFINISHED in left_out):
                raise InputError(no_events(", ".join(files), left_out))
            if remove:
                landing.remove(places)
    result.seconds = time.monotonic() - begun
    return result


def _objects(url: str, left_out: LeftOut, *, may_be_empty: bool) -> dict[str, S3Object]:
    """The objects of a URL by name; InputError if there are none."""
    skipped = LeftOut()
    found = {one.name: one for one in S3Folder(url).objects(skipped)}
    if not (found or may_be_empty or UNFINISHED in skipped):
        raise InputError(no_events(url, skipped))
    left_out.merge(skipped)
    return found


class _Landing:
    def __init__(
        self,
        warehouse: Warehouse,
        reader: Reader,
        topics: list[KafkaTopic],
        cache: LandingCache,
    ) -> None:
        self.warehouse, self.reader, self.cache = warehouse, reader, cache
        self.result = Landed()
        self.checker, cache.checker = cache.checker or Checker(CompiledContracts(load())), None
        warehouse.in_lock(partial(ensure_tables, warehouse))
        cache.refresh(warehouse)
        self.highest, done = cache.highest, cache.done
        for checksum, landed in list(islice(done.items(), max(0, len(done) - MAX_CACHED))):
            if landed.complete:
                del done[checksum]
        self.others: dict[str, InputProgress] = {}  # progress of other landings since then
        self.topics = topics
        of_topics = (topic.batches(done, self.others, reader.limits) for topic in topics)
        self.batches = chain(reader.batches(), *of_topics)

    def run(self) -> Landed:
        # One batch is written while the next is checked, and no more, to bound memory.
        with ThreadPoolExecutor(1, "write") as pool, fewer_collections():
            writing: Future[None] | None = None
            for batch in self.batches:
                checked = self.checker.check(batch, utc_now())
                if writing:
                    writing.result()
                writing = pool.submit(self._write, batch, checked)
            if writing:
                writing.result()
        self.result.inputs = self.reader.read
        self.result.already = self.reader.already
        self.result.waiting = self.reader.waiting
        self.result.left_out = self.reader.left_out
        self.result.unreadable = self.result.left_out.pop(UNREADABLE, []) + self.reader.unreadable
        for topic in self.topics:
            topic.commit_offsets()
            self.result.inputs.append(topic.url)
            self.result.unreadable += topic.unreadable
        self.result.bytes = self.reader.byte_count
        self.cache.checker = self.checker
        return self.result

    def remove(self, places: list[InputFile]) -> None:
        self.cache.refresh(self.warehouse)
        readable = {*self.result.inputs, *self.result.already}

        def remove_one(place: InputFile) -> str | bool:
            """Whether it was removed; why not, if it should have been."""
            try:
                return place.name in readable and remove_landed(place, self.cache.done)
            except FileNotFoundError:
                return False  # another process has deleted it
            except (InputError, S3Error) as error:
                return f"not removed: {error}"
            except OSError as error:
                return f"{place.name}: not removed: {error.strerror}"

        with ThreadPoolExecutor(AHEAD, "remove") as pool:
            for place, removed in zip(places, pool.map(remove_one, places), strict=True):
                if isinstance(removed, str):
                    self.result.unreadable.append(removed)
                elif removed:
                    self.result.removed.append(place.name)

    def _write(self, batch: Batch, checked: Checked) -> None:
        if written := self.warehouse.in_lock(partial(self._write_rest, batch, checked)):
            self.highest = written[0]
            self.result.add(*written)

    def _write_rest(self, batch: Batch, checked: Checked) -> tuple[int, Checked] | None:
        self.highest = read_progress(self.warehouse, self.others, self.highest)
        left = _rest(batch, self.others)
        if left is not batch:
            # Another landing has written a part of it meanwhile.
            checked = Checker(self.checker.contracts).check(left, utc_now())
        if not left.segments:
            return None
        return write_batch(self.warehouse, left.inputs(), checked), checked


@contextmanager
def fewer_collections() -> Iterator[None]:
    """Search less often for reference cycles, which parsed events never have.

    This makes checking a third faster.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(200_000, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def _rest(batch: Batch, others: dict[str, InputProgress]) -> Batch:
    """The batch without the lines that others have landed; the batch itself if there are none."""
    if not any(segment.input.checksum in others for segment in batch.segments):
        return batch
    rest = Batch()
    for segment in batch.segments:
        landed = others.get(segment.input.checksum, InputProgress())
        skip = max(0, landed.last_line - segment.first_line + 1)
        lines = segment.lines[skip:]
        if lines and not landed.complete:
            rest.segments.append(segment.without(skip))
            rest.line_count += len(lines)
    return rest
