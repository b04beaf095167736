"""The mapping of a backfill: one select over `source`, whose rows are events."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import orjson

from hirehouse.backfilling.errors import BackfillError
from hirehouse.backfilling.source import Source, said, told
from hirehouse.contracts.model import Contract
from hirehouse.contracts.yaml_schema import nearest
from hirehouse.events.validate import CompiledContracts, Reason, utc_now
from hirehouse.landing.check_batch import Checker
from hirehouse.landing.inputs import Batch, Input, Segment
from hirehouse.landing.rows import ENVELOPE, WHOLE, Rows, as_text
from hirehouse.warehouse.sql import literal, quoted

LIBRARY = "hirehouse-backfill"
FETCH = 10_000  # rows
PROBLEMS = 10  # that a message lists


@dataclass
class Backfilled:
    """What came of a backfill: the file of events, and counts."""

    path: Path
    columns: list[str]  # of the mapping's select
    rows: int
    without_event: int = 0  # rows; counted if the mapping passes on `source_row`
    events: Counter[str] = field(default_factory=Counter)


def make_events(
    mapping: Path, source: Source, out: Path, contracts: dict[tuple[str, int], Contract]
) -> Backfilled:
    """Write the events of a mapping to `out/<name of the mapping>.ndjson.gz`.

    The same events give the same bytes, which landing knows again by their checksum.

    Args:
        mapping: a file with one select over `source`; docs/backfill.md has its columns.

    Raises:
        BackfillError: the mapping can't be read or run, a column is missing or unknown, two events
            have one id, or an event breaks its contract. Nothing has been written then.
    """
    with told(str(mapping)):
        sql = mapping.read_text(encoding="utf-8")
        # For other files that it reads.
        source.connection.execute(
            f"set file_search_path = {literal(str(mapping.parent.resolve()))}"
        )
    _run(mapping, sql, source)
    types = _columns(mapping, source, contracts)
    path, rows = out / f"{mapping.stem}.ndjson.gz", source.count("source")
    result = Backfilled(path, list(types), rows)
    if "source_row" in types:
        result.without_event = source.count("source anti join made using (source_row)")
    out.mkdir(parents=True, exist_ok=True)
    part = result.path.with_suffix(".part")
    try:
        # No name and no time in the header of gzip: both would change its bytes.
        with part.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
            file.writelines(_lines(source, types, contracts, result.events))
        part.replace(result.path)
    finally:
        part.unlink(missing_ok=True)
    return result


def _run(mapping: Path, sql: str, source: Source) -> None:
    """Make the table `made` of the mapping's rows; where it breaks, say at which row."""

    def run() -> duckdb.Error | None:
        try:
            statements = source.connection.extract_statements(sql)
            if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
                raise BackfillError(f"{mapping}: must be one select")
            source.connection.execute(f"create or replace table made as {sql}")
        except duckdb.Error as error:
            return error
        return None

    if not (error := run()):
        return
    where, low, high = "", 0, source.count("source")
    # Values of rows can break a statement that is fine without any.
    if isinstance(error, duckdb.DataError | duckdb.InvalidInputException):
        source.narrow(0, 0)
        if not run():
            while high - low > 1:
                source.narrow(low, middle := (low + high) // 2)
                low, high = (low, middle) if run() else (middle, high)
            source.narrow(low, high)
            if alone := run():
                error, where = alone, f"{source.name}: row {high:,}: "
    line = re.search(r"\nLINE (\d+):", str(error))
    place = f"{mapping}:{line[1]}" if line else str(mapping)
    raise BackfillError(f"{where}{place}: {said(error)}")


def _columns(
    mapping: Path, source: Source, contracts: dict[tuple[str, int], Contract]
) -> dict[str, str]:
    """The columns of the mapping's select, with their types."""
    made = source.connection.table("made")
    types = dict(zip(made.columns, map(str, made.types), strict=True))
    for name in ("event", "occurred_at"):
        if name not in types:
            raise BackfillError(f"{mapping}: the select has no column {name}")
    if not types.keys() & {"source_row", "message_id"}:
        raise BackfillError(
            f"{mapping}: no message ids: pass on the column source_row of source, or make a"
            " message_id that is the same each time"
        )
    if not re.fullmatch(WHOLE, kind := types.get("source_row", "BIGINT")):
        raise BackfillError(f"{mapping}: source_row must be a number of a row of source, is {kind}")
    known = {column.name for contract in contracts.values() for column in contract.columns}
    for name in types.keys() - known - ENVELOPE.keys() - {"source_row"}:
        hint = nearest(name, known | ENVELOPE.keys())
        raise BackfillError(f"{mapping}: no event has a property {name}{hint}")
    return types


def _texts(source: Source, types: dict[str, str]) -> list[str]:
    """Make the table `events`: source_row, event, message_id and all other columns, as texts."""
    texts = {"source_row": "null", "event": "", "message_id": "sha256(made.event || whole)"}
    texts |= {name: as_text(kind, f"made.{quoted(name)}") for name, kind in types.items()}
    made = "made"
    if "message_id" not in types:
        # An id is of the source's row, not of the event's properties: one more changes no id.
        names = sorted(source.connection.table("source_rows").columns)
        whole = ", ".join(f"{literal(name)}: {quoted(name)}" for name in names)
        rows = f"(select source_row, to_json({{{whole}}}) as whole from source)"
        made = f"made left join {rows} as rows using (source_row)"
    parts = ", ".join(f"{text} as {quoted(name)}" for name, text in texts.items())
    source.connection.execute(f"create table events as select {parts} from {made}")
    twice = source.connection.execute(
        "select message_id, event, count(*), list(source_row order by source_row::bigint)[:3]"
        " from events where message_id is not null group by 1, 2 having count(*) > 1 limit 1"
    ).fetchone()
    if twice:
        message_id, event, count, numbers = twice
        rows = f" (rows {', '.join(numbers)})" if all(numbers) else ""
        raise BackfillError(
            f"{source.name}: message_id {message_id!r} is that of {count:,} events {event}{rows}:"
            " make one that tells them apart"
        )
    return list(texts)


def _lines(
    source: Source,
    types: dict[str, str],
    contracts: dict[tuple[str, int], Contract],
    counts: Counter[str],
) -> Iterator[bytes]:
    """The events as lines; BackfillError with all that breaks a contract in the end."""
    names = _texts(source, types)[1:]
    maker = Rows(names, types, LIBRARY)
    columns = {f"/{'/'.join(path)}": name for path, name in zip(maker.paths, names, strict=True)}
    strict = {key: replace(contract, strict=True) for key, contract in contracts.items()}
    checker = Checker(CompiledContracts(strict))
    problems: dict[object, list[Any]] = {}  # by their cause: the first one's text, how many
    # In an order of their own, so that the source's does not matter.
    events = source.connection.execute("from events order by occurred_at, event, message_id")
    while rows := events.fetchmany(FETCH):
        lines = [orjson.dumps(maker.event(values)) for _, *values in rows]
        # As landing checks them, so that none fails there.
        batch = Batch([Segment(Input("", "", 0), 1, lines)])
        for failure in checker.check(batch, utc_now()).failures:
            row, name, message_id = rows[failure.row - 1][:3]
            place = f"row {int(row):,}" if row else f"message_id {message_id!r}"
            for reason in failure.verdict.reasons:
                column = columns.get(reason.pointer, reason.pointer.removeprefix("/properties/"))
                where = f"{name or 'no event'}: " + f"column {column}: " * bool(column)
                text = where + _said(reason, column, types.get(column, ""), contracts)
                # Each value that an enum lacks may want an answer of its own.
                cause = text if reason.rule in ("enum", "event") else (name, column, reason.rule)
                if cause in problems or len(problems) < 1_000:
                    known = problems.setdefault(cause, [int(row or 0), place, text, 0])
                    known[:] = *min(known[:3], [int(row or 0), place, text]), known[3] + 1
        counts.update(row[1] for row in rows)
        if not problems:
            yield from (line + b"\n" for line in lines)
    told = [
        f"{source.name}: {place}: {text}" + f" ({count:,} events)" * (count > 1)
        for _, place, text, count in sorted(problems.values())
    ]
    if len(told) > PROBLEMS:
        told[PROBLEMS:] = [f"and {len(told) - PROBLEMS:,} more"]
    if told:
        raise BackfillError("\n".join([*told, "nothing has been written"]))


def _said(
    reason: Reason, column: str, made: str, contracts: dict[tuple[str, int], Contract]
) -> str:
    """A reason, and what to do about a column that the mapping makes with the type `made`."""
    todo = ""
    if reason.rule == "event":
        todo = nearest(reason.found, {event for event, _ in contracts})
    elif reason.rule == "additionalProperties":
        todo = "; leave it null for this event"
    elif reason.rule in ("type", "format", "scale", "time") and reason.found != "nothing":
        kinds = {c.name: c for contract in contracts.values() for c in contract.columns}
        kind = "timestamp" if reason.rule == "time" else "varchar"
        if column in kinds:
            kind = "json" if kinds[column].is_json else str(kinds[column].type)
        # No cast helps where the type is right, and the value is a date before Christ.
        if not made.lower().startswith(kind):
            todo = f"; cast it in the mapping: cast({column} as {kind})"
            if kind in ("date", "timestamp"):
                todo += f", or try_cast, which gives null for what is no {kind}"
    return f"{reason.rule}: expected {reason.expected}, found {reason.found}{todo}"
