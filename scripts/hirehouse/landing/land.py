"""Landing: from files of events to the typed tables of schema landed, in batches."""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from hirehouse.contracts.model import load
from hirehouse.events.validate import CompiledContracts, utc_now
from hirehouse.landing.check_batch import Checked, Checker
from hirehouse.landing.inputs import (
    TOPIC,
    Batch,
    InputFile,
    InputProgress,
    Limits,
    Progress,
    Reader,
    Segment,
    expand,
)
from hirehouse.landing.remove_segments import remove_landed
from hirehouse.landing.write_batches import BatchWriter, landed
from hirehouse.warehouse.connections import Warehouse
from hirehouse.warehouse.landed_schema import ensure_tables, landing_tables

if TYPE_CHECKING:
    from hirehouse.landing.kafka_topic import KafkaTopic

REMEMBERED = 100_000  # inputs, at about 300 bytes each


@dataclass
class Landed:
    inputs: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
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


@dataclass
class Known:
    """What has landed, for a process that lands again and again: it reads only what came since.

    Of the oldest inputs beyond REMEMBERED nothing is known: a copy would land, as a file that was
    packed anew does, and staging leaves its events out.
    """

    done: dict[str, InputProgress] = field(default_factory=dict)
    highest: int = 0
    topics: dict[str, KafkaTopic] = field(default_factory=dict)
    # With its compiled contracts; None while it is in use, so that none is left half way.
    checker: Checker | None = None

    def topic(self, url: str, warehouse: Warehouse) -> KafkaTopic:
        from hirehouse.landing.kafka_topic import KafkaTopic  # noqa: PLC0415 - most landings do without

        if url not in self.topics:
            self.topics[url] = KafkaTopic(url, warehouse.where)
        return self.topics[url]

    def close(self) -> None:
        for topic in self.topics.values():
            topic.close()


def land(
    paths: Sequence[str | Path],
    warehouse: Warehouse,
    *,
    progress: Progress | None = None,
    limits: Limits | None = None,
    known: Known | None = None,
    direct: int = 0,
    remove: bool = False,
) -> Landed:
    """Land files and topics of events.

    Args:
        paths: files, folders, globs, and `-` for stdin; plain or gzip NDJSON; kafka://… for what
            stands in a topic now.
        progress: told bytes read so far and bytes in all, of the inputs as they are stored.
        known: what this process knows of earlier landings; it is brought up to date.
        direct: see `BatchWriter`.
        remove: delete segments of the collector that have landed whole, now or before.

    Returns:
        Counts. What could not be read, or not be deleted, is in `unreadable`; the rest has landed.

    Raises:
        InputError: a path does not exist; nothing has landed then.
        ConnectionError: a setting for Kafka is wrong; nothing has landed then.
        WarehouseError, ContractError: the warehouse or a contract can't be used.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hirehouse-") as spool:
        texts = [str(path) for path in paths]
        places = expand([text for text in texts if not text.startswith(TOPIC)], Path(spool))
        with ExitStack() as stack:
            if not known:
                known = stack.enter_context(closing(Known()))
            topics = [known.topic(text, warehouse) for text in texts if text.startswith(TOPIC)]
            door = stack.enter_context(BatchWriter(warehouse, direct))
            landing = _Landing(door, places, topics, progress, limits or Limits(), known)
            result = landing.run()
            if remove:
                landing.remove(places)
    result.seconds = time.monotonic() - begun
    return result


class _Landing:
    def __init__(
        self,
        door: BatchWriter,
        places: list[InputFile],
        topics: list[KafkaTopic],
        progress: Progress | None,
        limits: Limits,
        known: Known,
    ) -> None:
        self.door = door
        self.warehouse = warehouse = door.warehouse
        self.result = Landed()
        self.checker, known.checker = known.checker or Checker(CompiledContracts(load())), None
        with warehouse.landing_lock():
            ensure_tables(warehouse)
        self.known, done = known, known.done
        self.highest = known.highest = landed(warehouse, done, known.highest)
        for checksum, known_one in list(islice(done.items(), max(0, len(done) - REMEMBERED))):
            if known_one.complete:
                del done[checksum]
        self.others: dict[str, InputProgress] = {}  # what other landings did since
        self.reader = Reader(places, done, limits, progress)
        self.topics = topics
        self.batches = chain(
            self.reader.batches(), *(t.batches(done, self.others, limits) for t in topics)
        )

    def run(self) -> Landed:
        # One batch is written while the next is checked; never more, to keep memory bounded.
        with ThreadPoolExecutor(1, "write") as pool, two_threads_taking_turns():
            writing: Future[None] | None = None
            for batch in self.batches:
                now = utc_now()
                checked = self.checker.check(batch, now)
                if writing:
                    writing.result()
                writing = pool.submit(self._write, batch, checked)
            if writing:
                writing.result()
        self.result.inputs = self.reader.read
        self.result.already = self.reader.already
        self.result.unreadable = self.reader.unreadable
        for topic in self.topics:
            topic.note()
            self.result.inputs.append(topic.url)
            self.result.unreadable += topic.unreadable
        self.result.bytes = self.reader.byte_count
        self.known.checker = self.checker
        return self.result

    def remove(self, places: list[InputFile]) -> None:
        known = self.known
        known.highest = landed(self.warehouse, known.done, known.highest)
        fine = {*self.result.inputs, *self.result.already}
        for place in places:
            try:
                if place.name in fine and remove_landed(place, known.done):
                    self.result.removed.append(place.name)
            except FileNotFoundError:
                continue  # someone else has deleted it
            except OSError as error:
                self.result.unreadable.append(f"{place.name}: not removed: {error.strerror}")

    def _write(self, batch: Batch, checked: Checked) -> None:
        with self.warehouse.landing_lock():
            self.highest = landed(self.warehouse, self.others, self.highest)
            left = _rest(batch, self.others)
            if left is not batch:
                # Someone else landed a part of it while we were reading.
                checked = Checker(self.checker.contracts).check(left, utc_now())
            if not left.segments:
                return
            batch_id = self.highest = self.door.commit(left.inputs(), checked)
        self._count(batch_id, checked)

    def _count(self, batch_id: int, checked: Checked) -> None:
        self.result.batches.append(batch_id)
        self.result.lines += checked.line_count
        self.result.events += checked.event_count
        self.result.failed += len(checked.failures)
        self.result.failed_by_rule.update(f.verdict.reasons[0].rule for f in checked.failures)
        self.result.unknown_properties += checked.unknown_count
        for name, table in checked.tables.items():
            self.result.rows[name] += table.num_rows
            if name not in landing_tables() and table.num_rows:
                newest = pc.max(table["received_at"]).as_py()
                self.result.newest = max(newest, self.result.newest or newest)


@contextmanager
def two_threads_taking_turns() -> Iterator[None]:
    """Let the writing thread have its turn between checks.

    Writing is thousands of short steps; waiting the usual 5 ms before each made it four times as
    slow as checking. And looking less often for reference cycles, which parsed events never have,
    takes a third off checking.
    """
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(0.0005)
    gc.set_threshold(200_000, *thresholds[1:])
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)


def _rest(batch: Batch, others: dict[str, InputProgress]) -> Batch:
    """The batch less the lines that others have landed; the batch itself if there are none."""
    if not any(segment.input.checksum in others for segment in batch.segments):
        return batch
    rest = Batch()
    for segment in batch.segments:
        known = others.get(segment.input.checksum, InputProgress())
        skip = max(0, known.last_line - segment.first_line + 1)
        lines = segment.lines[skip:]
        if lines and not known.complete:
            first = segment.first_line + skip
            rest.segments.append(Segment(segment.input, first, lines, segment.complete))
            rest.line_count += len(lines)
    return rest
