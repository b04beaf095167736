"""Failed events: their metadata and reasons, and separately their original bytes."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

import orjson
import pyarrow as pa

from hirehouse.events.validate import Reason, Verdict, member, received
from hirehouse.landing.inputs import Segment, hash_lines
from hirehouse.warehouse.connections import Warehouse
from hirehouse.warehouse.landed_schema import landing_tables, table_of
from hirehouse.warehouse.profile import WarehouseError

PART = 48_000  # bytes; as base64 they still fit varchar(65535)
REASONS = 100
REASONS_BYTES = 65_000
POINTER = 1_000


@dataclass(frozen=True)
class Failure:
    segment: Segment
    line: int
    row: int  # position in the batch
    body: bytes
    verdict: Verdict


def failure_ids(failures: list[Failure]) -> Iterator[str]:
    """The id of each failure; they are in the order of their rows in the batch.

    In a file, it is the SHA-256 of all that comes before the line, and of the line: the same
    wherever the file or a copy lands, also when it has grown or is packed. Elsewhere it is that of
    the origin, such as a topic and partition, the position in it, and the line.
    """
    for _, group in groupby(failures, key=lambda failure: id(failure.segment)):
        digest, hashed = None, 0
        for failure in group:
            segment = failure.segment
            if segment.before is None:
                own = hashlib.sha256(f"{segment.input.checksum}\n{failure.line}\n".encode())
            else:
                digest = digest or segment.before.copy()
                row = failure.line - segment.first_line
                hash_lines(digest, segment.lines[hashed:row])
                own, hashed = digest.copy(), row
            own.update(failure.body)
            yield own.hexdigest()


def failure_tables(failures: list[Failure], now: datetime) -> dict[str, pa.Table]:
    """The rows of failed_events and failed_event_bodies, each failure once.

    `failures` are in the order of their rows; `now` stands for a `receivedAt` that is missing.
    """
    events: dict[str, tuple[object, ...]] = {}
    bodies: list[tuple[object, ...]] = []
    for key, failure in zip(failure_ids(failures), failures, strict=True):
        if key in events:
            continue
        events[key] = (key, *_metadata(failure, now))
        for number, (encoding, text) in enumerate(parts(failure.body)):
            bodies.append((key, number, encoding, text))
    return {
        "failed_events": table_of("failed_events", list(events.values())),
        "failed_event_bodies": table_of("failed_event_bodies", bodies),
    }


def _metadata(failure: Failure, now: datetime) -> tuple[object, ...]:
    """The columns of failed_events after failure_id, in order, without batch_id."""
    verdict = failure.verdict
    event, contract = verdict.event or {}, verdict.compiled and verdict.compiled.contract
    rule, pointer, reasons = reason_columns(verdict.reasons)
    return (
        failure.row,
        received(event, now),
        _name(failure.segment.input.name, "input"),
        failure.line,
        len(failure.body),
        _name(contract.event if contract else event.get("event"), "event"),
        _name(event.get("messageId"), "event_id"),
        contract and contract.version,
        _name(member(event, "context", "library", "name"), "context_library_name"),
        _name(member(event, "context", "app", "version"), "context_app_version"),
        rule,
        pointer,
        len(verdict.reasons),
        reasons,
    )


def reason_columns(reasons: list[Reason]) -> tuple[str, str, str]:
    return reasons[0].rule, _plain(reasons[0].pointer), _reasons(reasons)


def _name(value: object, column: str) -> str | None:
    """A text of the event, or None if it does not fit its column: the body has it as well."""
    [size] = [c.type.size for c in landing_tables()["failed_events"] if c.name == column]
    fits = isinstance(value, str) and "\0" not in value and len(value.encode()) <= size
    return str(value) if fits else None


def _plain(pointer: str) -> str:
    """A pointer without NUL, truncated if longer than a contract allows."""
    return pointer.replace("\0", "\\u0000")[: POINTER // 4]


def _reasons(reasons: list[Reason]) -> str:
    texts, size = [], 2
    for reason in reasons[:REASONS]:
        text = orjson.dumps(replace(reason, pointer=_plain(reason.pointer)))
        size += len(text) + 1
        if size > REASONS_BYTES:
            break
        texts.append(text)
    return f"[{b','.join(texts).decode()}]"


def parts(body: bytes) -> Iterator[tuple[str, str]]:
    """Split bytes into texts that any engine can store, each with its encoding."""
    start = 0
    while start < len(body) or start == 0:
        end = start + PART
        # Not within a character, which has at most four bytes.
        for _ in range(3):
            if end < len(body) and body[end] & 0xC0 == 0x80:
                end -= 1
        part = body[start:end]
        try:
            text = part.decode()
        except UnicodeDecodeError:
            text = "\0"
        yield ("base64", base64.b64encode(part).decode()) if "\0" in text else ("utf8", text)
        start = end


def part_of(encoding: str, text: str) -> bytes:
    return base64.b64decode(text) if encoding == "base64" else text.encode()


def read_failed(warehouse: Warehouse, failure_id: str) -> bytes:
    """The original bytes of a failed event; WarehouseError if no committed batch has it."""
    rows = warehouse.query(
        "select b.batch_id, b.part, b.encoding, b.body from landed.failed_event_bodies as b"
        " inner join landed.batches as c on b.batch_id = c.batch_id"
        " where b.failure_id = ? and c.committed_at is not null order by b.batch_id, b.part",
        [failure_id],
    )
    if not rows:
        raise WarehouseError(f"no failed event {failure_id}")
    return b"".join(part_of(*row[2:]) for row in rows if row[0] == rows[0][0])


def landed_failures(warehouse: Warehouse, failure_ids: list[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(failure_ids), 5_000):
        some = failure_ids[start : start + 5_000]
        # Hexadecimal digits, so no parameters: DuckDB's driver takes a millisecond for each.
        listed = ", ".join(f"'{failure_id}'" for failure_id in some)
        rows = warehouse.query(
            "select f.failure_id from landed.failed_events as f"
            " inner join landed.batches as c on f.batch_id = c.batch_id"
            f" where c.committed_at is not null and f.failure_id in ({listed})"
        )
        known.update(str(row[0]) for row in rows)
    return known
