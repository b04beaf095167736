"""Rows of Parquet files as lines of events, as though a producer had written them as NDJSON."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import duckdb
import orjson
import pyarrow as pa
from pyarrow import parquet

from hirehouse.contracts.model import Contract, envelope, load
from hirehouse.landing.decompress import InputError
from hirehouse.landing.rows import ENVELOPE, Rows, as_text
from hirehouse.warehouse.sql import quoted

LIBRARY = "hirehouse-land"
ROWS = 2_000  # that become lines at once
DOCS = "see docs/landing.md#parquet"
NEEDED = {"event": "the name of the event", "occurred_at": "the time when it happened"}
# Columns that look as if they meant something, and what to do about them.
ELSEWHERE = {"event_id": "message_id"} | {
    path[0]: name for name, path in ENVELOPE.items() if len(path) == 1 and path != (name,)
}
CURES = {name: f"name it {right}" for name, right in ELSEWHERE.items()}
CURES |= dict.fromkeys(("properties", "context"), "write each of its members as a column")
INDEX = re.compile(r"__index_level_\d+__")


def has_events(file: BinaryIO, name: str) -> bool:
    """Whether a Parquet file has a column `event`, and is at its start then.

    Raises:
        InputError: it can't be read.
    """
    with _told(name):
        found = "event" in parquet.read_schema(file).names
    file.seek(0)
    return found


def parquet_lines(file: BinaryIO, name: str) -> Iterator[list[bytes]]:
    """The rows of a Parquet file as events, one per line, in lists of a few thousand.

    The same rows give the same lines. A row without a `message_id` has a hash of its values.

    Args:
        name: for messages.

    Raises:
        InputError: the file is damaged, or has columns of which no events can be made.
    """
    with _told(name), duckdb.connect(config={"threads": 1}) as connection:
        # Else it would hold the whole file, ahead of its reader.
        source = parquet.ParquetFile(file, pre_buffer=False)
        connection.execute("set TimeZone = 'UTC'")
        types = _types(connection, source.schema_arrow, name)
        _check(source, types, name)
        texts = ", ".join(as_text(kind, quoted(column)) for column, kind in types.items())
        rows = Rows(list(types), types, LIBRARY)
        for batch in source.iter_batches(ROWS):
            connection.register("arriving", pa.Table.from_batches([batch]))
            values = connection.execute(f"select {texts} from arriving").fetchall()
            yield [_line(rows.event(one)) for one in values]


def _line(event: dict[str, Any]) -> bytes:
    if "messageId" not in event:
        whole = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
        event["messageId"] = hashlib.sha256(whole).hexdigest()
    # A copy: what orjson returns leaves gaps in memory, of ten times its size.
    return bytes(memoryview(orjson.dumps(event)))


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Raise InputError, with the name of the file, for what Arrow and DuckDB say of it."""
    try:
        yield
    except (pa.ArrowException, duckdb.Error, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the file can't be read
        said = " ".join(str(error).split())
        raise InputError(f"{name}: not readable as Parquet: {said[:300]}") from error


def _types(connection: duckdb.DuckDBPyConnection, schema: pa.Schema, name: str) -> dict[str, str]:
    """The columns with their types, as DuckDB calls them; InputError for those of bytes."""
    types: dict[str, str] = {}
    for field in schema:
        place = f"{name}: column {field.name}"
        if field.name.lower() in map(str.lower, types):
            raise InputError(f"{place}: there are two of this name; rename one")
        try:
            [kind] = map(str, connection.from_arrow(pa.schema([field]).empty_table()).types)
        except duckdb.Error:
            raise InputError(f"{place}: values of type {field.type}; write another one") from None
        if "BLOB" in re.sub('"[^"]*"', "", kind):
            raise InputError(f"{place}: bytes, which no event can have; write them as text")
        types[field.name] = kind
    return types


def _check(source: Any, types: dict[str, str], name: str) -> None:
    """InputError if columns are missing without which no row can land, or bear a wrong name."""
    contracts = load()
    known = {column.name for contract in contracts.values() for column in contract.columns}
    set_here = {column.name for column in envelope()} - ENVELOPE.keys()
    for column in sorted(types.keys() - known):
        cure = "leave it out, landing sets it" if column in set_here else ""
        cure = "it is pandas's index: write with index=False" if INDEX.fullmatch(column) else cure
        if cure := CURES.get(column, cure):
            raise InputError(f"{name}: column {column}: {cure}; {DOCS}")
    for column, what in NEEDED.items():
        if column not in types:
            raise InputError(f"{name}: column {column}: required: add {what}; {DOCS}")
    for event in sorted(_events(source)):
        versions = [contract for contract in contracts.values() if contract.event == event]
        if missing := sorted(_required(versions) - types.keys()):
            raise InputError(f"{name}: column {missing[0]}: required by {event}: add it; {DOCS}")


def _required(versions: list[Contract]) -> set[str]:
    """The properties that each version of an event requires."""
    required = [{c.name for c in version.columns if c.required} for version in versions]
    return set.intersection(*required) if required else set()


def _events(source: Any) -> set[str]:
    """The names of events in a file."""
    found: set[str] = set()
    for batch in source.iter_batches(columns=["event"]):
        found.update(str(name) for name in batch.column("event").unique().to_pylist())
    return found
