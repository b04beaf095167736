"""From lines to Arrow tables: the fast path, for lines that certainly conform.

Any other line goes to the exact check in `events/validate.py`, which decides. The fast path is safe
because `read_exact` loses no member and no digit, the compiled contract accepts the event, and
sizes and times, measured by column, are within bounds. No line stops another one: where an event
can't be checked or has no place in its columns, it alone fails, for the reason `internal`.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from hirehouse.contracts.model import PRECISION_LIMIT, Column, envelope
from hirehouse.events.exact_json import read_exact, to_json
from hirehouse.events.segment import as_track
from hirehouse.events.validate import (
    ENVELOPE_PATHS,
    FIRST,
    FUTURE,
    MAX_LINE,
    CompiledContract,
    CompiledContracts,
    Verdict,
    check_line,
    internal,
    parse_time,
)
from hirehouse.landing.failed_events import Failure, failure_tables
from hirehouse.landing.inputs import Batch, Segment
from hirehouse.warehouse.landed_schema import arrow_schema, arrow_type, table_of

CHUNK = 20_000  # documents in memory as Python objects: about 60 MB
TIME = pa.timestamp("us")
EARLIEST, LATEST = pa.scalar(datetime.min, TIME), pa.scalar(datetime.max, TIME)
NUL = b"\\u0000"
SINCE, DAY = pa.scalar(FIRST, TIME), pa.scalar(FUTURE, pa.duration("us"))
# Contracts have up to 38 digits, Python 28 of its own accord; a rounding would go unseen.
EXACT = Context(prec=PRECISION_LIMIT, traps=[InvalidOperation, Inexact])
LOG = logging.getLogger(__name__)


@dataclass
class Checked:
    """The result of checking a batch: the rows of each table, without their batch_id."""

    tables: dict[str, pa.Table] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    line_count: int = 0
    event_count: int = 0
    unknown_count: int = 0


@dataclass
class Group:
    """The events of one contract within a chunk."""

    compiled: CompiledContract
    documents: list[dict[str, Any]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.valid = self.compiled.fast.is_valid
        self.type = _event_type(self.compiled)

    def halves(self) -> Iterator[Group]:
        middle = len(self.rows) // 2
        for part in (slice(middle), slice(middle, None)):
            yield Group(self.compiled, self.documents[part], self.rows[part])


class Chunk(NamedTuple):
    """Some lines of a segment, addressed by their row in the batch."""

    segment: Segment
    lines: list[bytes]
    first_line: int
    first_row: int
    now: datetime

    def received_at(self, row: int) -> datetime:
        """When a line was received, unless it has a `receivedAt`."""
        shift = self.first_line - self.first_row - self.segment.first_line
        return self.segment.received[row + shift] if self.segment.received else self.now

    def check(self, row: int, contracts: CompiledContracts) -> Verdict:
        first = self.first_line == 1 and row == self.first_row
        return check_line(
            self.lines[row - self.first_row], contracts, self.received_at(row), first=first
        )

    def failure(self, row: int, verdict: Verdict) -> Failure:
        offset = row - self.first_row
        line = self.lines[offset]
        if verdict.error:
            # As Python writes it: a name may have characters that a terminal obeys.
            name = repr(self.segment.input.name)[1:-1]
            place = f"{name}, line {self.first_line + offset:,}"
            LOG.error("%s: %s; it is kept as a failed event", place, _where(verdict.error))
        return Failure(self.segment, self.first_line + offset, row, line, verdict)


def _where(error: Exception) -> str:
    """The type and place of an error, without its message, which may hold personal data."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"


class Checker:
    def __init__(self, contracts: CompiledContracts) -> None:
        self.contracts = contracts
        self.groups: dict[CompiledContract, Group] = {}
        self.first: dict[str, Group] = {}

    def check(self, batch: Batch, now: datetime) -> Checked:
        """Check all lines of a batch that lands `now` (UTC without zone)."""
        made: dict[str, list[pa.Table]] = {}
        failures: list[Failure] = []
        unknown: list[tuple[object, ...]] = []
        blank = row = 0
        for segment in batch.segments:
            for start in range(0, len(segment.lines), CHUNK):
                lines = segment.lines[start : start + CHUNK]
                chunk = Chunk(segment, lines, segment.first_line + start, row + 1, now)
                blank += self._sort(chunk, failures)
                for group in self.groups.values():
                    if group.rows:
                        parts = made.setdefault(group.compiled.contract.table, [])
                        parts.extend(self._finish(group, chunk, failures, unknown))
                        group.documents, group.rows = [], []
                row += len(lines)
        tables = {name: pa.concat_tables(parts) for name, parts in made.items() if parts}
        event_count = sum(table.num_rows for table in tables.values())
        failures.sort(key=lambda failure: failure.row)
        tables |= failure_tables(failures, now)
        tables["unknown_properties"] = table_of("unknown_properties", unknown)
        return Checked(tables, failures, row - blank, event_count, len(unknown))

    def _group(self, compiled: CompiledContract) -> Group:
        if compiled not in self.groups:
            self.groups[compiled] = Group(compiled)
        return self.groups[compiled]

    def _sort(self, chunk: Chunk, failures: list[Failure]) -> int:
        """Add each event to its group and each other line to the failures; returns blank lines."""
        first, blank = self.first, 0
        for row, line in enumerate(chunk.lines, chunk.first_row):
            try:
                document = read_exact(line)
                if "type" in document and document["type"] != "track":
                    as_track(document)
                group = first[document["event"]]
                properties = document["properties"]
                if "schema_version" in properties:
                    group = self._versioned(document, properties)
                if group.valid(document) and NUL not in line and len(line) <= MAX_LINE:
                    group.documents.append(document)
                    group.rows.append(row)
                    continue
            except Exception:
                pass  # the exact check finds the reason
            if not line.strip(b" \t\r"):
                blank += 1
                continue
            verdict = chunk.check(row, self.contracts)
            if verdict.reasons or not verdict.compiled or not verdict.event:
                failures.append(chunk.failure(row, verdict))
                continue
            group = self._group(verdict.compiled)
            self.first.setdefault(verdict.event["event"], group)
            group.documents.append(verdict.event)
            group.rows.append(row)
        return blank

    def _versioned(self, document: dict[str, Any], properties: dict[str, Any]) -> Group:
        compiled = self.contracts.find(document["event"], properties["schema_version"])
        if not compiled:
            raise KeyError("no such version")
        return self._group(compiled)

    def _finish(
        self, group: Group, chunk: Chunk, failures: list[Failure], unknown: list[tuple[object, ...]]
    ) -> Iterator[pa.Table]:
        """The tables of a group, without the rows that fail the checks by column."""
        contract = group.compiled.contract
        replayed = chunk.segment.received and [chunk.received_at(row) for row in group.rows]
        try:
            table, suspects = tabulate(group, chunk.now, replayed)
        except Exception as error:
            if len(group.rows) == 1:
                [row] = group.rows
                verdict = chunk.check(row, self.contracts)
                failed = verdict if verdict.reasons else internal(error)
                failures.append(chunk.failure(row, failed))
                return
            for half in group.halves():
                yield from self._finish(half, chunk, failures, unknown)
            return
        wrong = set()
        for index in suspects:
            verdict = chunk.check(group.rows[index], self.contracts)
            if verdict.reasons:
                wrong.add(index)
                failures.append(chunk.failure(group.rows[index], verdict))
        known = group.compiled.known
        for index, document in enumerate(group.documents):
            properties = document["properties"]
            if known.issuperset(properties) or index in wrong:
                continue
            event_id, occurred_at = document["messageId"], table["occurred_at"][index].as_py()
            unknown += [
                (event_id, contract.event, occurred_at, group.rows[index], name, to_json(value))
                for name, value in properties.items()
                if name not in known
            ]
        if wrong:
            table = table.filter(pa.array(i not in wrong for i in range(table.num_rows)))
        yield table


def _event_type(compiled: CompiledContract) -> pa.DataType:
    """The Arrow type that extracts all simple values of parsed events at once."""
    text = pa.string()
    tree: dict[str, Any] = {"timestamp": text, "sentAt": text, "receivedAt": text}
    for path in ENVELOPE_PATHS.values():
        node = tree
        for step in path[:-1]:
            node = node.setdefault(step, {})
        node[path[-1]] = text
    tree["properties"] = {
        c.name: text if c.type.kind in ("date", "timestamp") else arrow_type(c.type)
        for c in compiled.contract.columns
        if not _needs_conversion(c)
    }
    return _struct(tree)


def _struct(tree: dict[str, Any]) -> pa.DataType:
    return pa.struct([(k, _struct(v) if isinstance(v, dict) else v) for k, v in tree.items()])


def _needs_conversion(column: Column) -> bool:
    return column.is_json or column.type.kind == "numeric"


def tabulate(
    group: Group, now: datetime, replayed: list[datetime] | None = None
) -> tuple[pa.Table, list[int]]:
    """The table of a group's events, and the rows that need the exact check.

    Args:
        replayed: if the events are replayed `now`, when each of them was received.
    """
    contract = group.compiled.contract
    events = pa.array(group.documents, type=group.type)
    count = len(events)
    suspects: set[int] = set()

    def suspect(mask: pa.Array) -> None:
        if pc.any(mask).as_py():
            suspects.update(pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist())

    def pick(*path: str) -> pa.Array:
        return pc.struct_field(events, list(path))

    def time(texts: pa.Array, kind: str = "timestamp") -> pa.Array:
        times = parse_times(texts, kind)
        if times.null_count > texts.null_count:
            suspect(pc.and_(pc.is_null(times), pc.is_valid(texts)))
        # Arrow also supports years that Python and the engines don't.
        suspect(pc.or_(pc.less(times, EARLIEST), pc.greater(times, LATEST)))
        return times

    def bounded(times: pa.Array, until: pa.Array | None) -> None:
        times = times.cast(TIME)
        suspect(pc.less(times, SINCE))
        if until is not None:
            suspect(pc.greater(times, until))

    default = pa.array(replayed, TIME) if replayed else pa.repeat(pa.scalar(now, TIME), count)
    stated = pc.coalesce(time(pick("receivedAt")), default)
    # Marts end with what has been received: a clock that is ahead would end them later.
    received = pc.min_element_wise(stated, default)
    until = pc.add(received, DAY)
    values: dict[str, pa.Array] = {
        "occurred_at": time(pick("timestamp")),
        "sent_at": time(pick("sentAt")),
        "received_at": received,
        "replayed_at": pa.array([now if replayed else None] * count, TIME),
        "batch_row": pa.array(group.rows, pa.int64()),
    }
    bounded(values["occurred_at"], until)
    bounded(stated, pc.add(default, DAY))
    values |= {name: pick(*path) for name, path in ENVELOPE_PATHS.items()}
    for column in contract.columns:
        if _needs_conversion(column):
            raw = [event["properties"].get(column.name) for event in group.documents]
            values[column.name] = converted(raw, column)
            continue
        value = pick("properties", column.name)
        if column.type.kind in ("date", "timestamp"):
            value = time(value, column.type.kind)
            bounded(value, None if column.meta.get("future") else until)
        values[column.name] = value
    for column in (*envelope(), *contract.columns):
        if column.type.kind == "varchar" and values[column.name].null_count < count:
            sizes = pc.binary_length(values[column.name])
            if pc.max(sizes).as_py() > column.type.size:
                suspect(pc.greater(sizes, column.type.size))
    schema = arrow_schema(contract.table)
    table = pa.table([values[name] for name in schema.names], schema=schema)
    return table, sorted(suspects)


def converted(values: list[Any], column: Column) -> pa.Array:
    """Convert lists and objects to JSON text, and numbers to exact decimals."""
    if column.is_json:
        return pa.array([None if v is None else to_json(v) for v in values], pa.string())
    unit = Decimal(1).scaleb(-column.type.scale)
    exact = [None if v is None else Decimal(str(v)).quantize(unit, context=EXACT) for v in values]
    return pa.array(exact, arrow_type(column.type))


def parse_times(texts: pa.Array, kind: str = "timestamp") -> pa.Array:
    """Times of RFC 3339 as UTC microseconds without zone, or dates; null where there is none.

    Digits beyond microseconds are truncated.

    Args:
        kind: timestamp or date.
    """
    try:
        if kind == "date":
            return texts.cast(pa.date32())
        return texts.cast(pa.timestamp("us", "UTC")).cast(TIME)
    except pa.ArrowInvalid:
        end = "T00:00:00Z" if kind == "date" else ""
        times = [None if text is None else parse_time(text + end) for text in texts.to_pylist()]
        return pa.array(times, TIME).cast(TIME if kind == "timestamp" else pa.date32())
