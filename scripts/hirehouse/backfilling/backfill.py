"""Backfill: rows of an older system become events, by a mapping.

The same rows give the same events with the same ids, so that doing it again changes nothing.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import adbc_driver_manager
import duckdb
import psycopg2
import pyarrow as pa
from adbc_driver_postgresql import dbapi
from psycopg2.extensions import make_dsn

from hirehouse.backfilling.mapping import MappingError, RowMapping
from hirehouse.backfilling.values import RowError
from hirehouse.contracts.yaml_schema import nearest, shown
from hirehouse.warehouse.connections import DuckDBWarehouse, PostgresWarehouse, open_warehouse
from hirehouse.warehouse.profile import WarehouseError

Read = Callable[[str], Any]
FILES = {
    "csv": (".csv", ".csv.gz"),
    "parquet": (".parquet",),
    "ndjson": (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz"),
}
FETCH = 10_000  # rows
PROBLEMS = 10  # that a message lists
MEMORY = "1GB"  # for DuckDB; what needs more goes to a temporary folder


class SourceError(Exception):
    """A source that can't be read, or rows that can't become events; the message says why."""


@dataclass(frozen=True)
class Source:
    """Rows of an older system. Every value is read as text, whatever the source's types.

    So a row gives the same ids and events from a CSV, a Parquet file or a database.
    """

    name: str
    relation: str  # the rows as SQL
    read: Read  # gives the rows of a select as Arrow
    scratch: duckdb.DuckDBPyConnection  # our own: keeps the columns of the mapping meanwhile
    sort: bool  # whether the rows have no order of their own

    def columns(self) -> dict[str, str]:
        """The columns there are, and the SQL of each one's value as text."""
        with _told(self.name):
            schema = self.read(f"select * from {self.relation} limit 0").schema
        texts = {}
        for column in schema:
            sql = quoted(column.name)
            sql = f"to_json({sql})" if pa.types.is_nested(column.type) else sql
            texts[column.name] = f"cast({sql} as varchar)"
        return texts

    def load(self, columns: Sequence[str]) -> None:
        texts = self.columns()
        parts = ", ".join(f"{texts[column]} as {quoted(column)}" for column in columns)
        with _told(self.name):
            self.scratch.register("arriving", self.read(f"select {parts} from {self.relation}"))
            self.scratch.execute("create table rows as from arriving")

    def rows(self, key: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """All rows that were loaded, as texts; those of a table in the order of their `key`."""
        # Each time the same, so that the file of events is the same as well.
        order = f" order by {', '.join(map(quoted, key))}" if self.sort else ""
        self.scratch.execute(f"from rows{order}")
        while rows := self.scratch.fetchmany(FETCH):
            yield from rows

    def twice(self, key: Sequence[str]) -> tuple[Any, ...] | None:
        """A key that several rows have, with their number; None if there is none."""
        names = ", ".join(map(quoted, key))
        there = " and ".join(f"{quoted(column)} is not null" for column in key)
        found: tuple[Any, ...] | None = self.scratch.execute(
            f"select {names}, count(*) from rows where {there}"
            f" group by {names} having count(*) > 1 order by {names} limit 1"
        ).fetchone()
        return found


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, adbc_driver_manager.Error, psycopg2.Error, UnicodeDecodeError) as error:
        # Without the row itself, and DuckDB's advice on its own settings.
        said = re.sub(r"\nOriginal Line:.*", "", str(error).partition("\nPossible ")[0])
        raise SourceError(f"{name}: {said.strip()}") from None


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def open_source(
    text: str, options: dict[str, Any] | None = None, target: str | None = None
) -> Iterator[Source]:
    """Open the rows of an older system for the length of a `with`.

    Args:
        text: a CSV file (also .gz), Parquet or NDJSON (also .gz);
            `postgresql://user@host/database#schema.table`; or `table:schema.table`, a table in
            the warehouse itself.
        options: the words of a mapping's `csv`.
        target: of the profile, for `table:`.

    Raises:
        SourceError: there is no such file or table, it can't be read or reached.
        WarehouseError: the warehouse of `table:` can't be reached.
    """
    with TemporaryDirectory(prefix="hirehouse-") as folder, ExitStack() as opened:
        scratch = opened.enter_context(duckdb.connect(f"{folder}/rows.duckdb"))
        scratch.execute(f"set memory_limit = '{MEMORY}'")
        if text.startswith("table:"):
            relation = _relation(text.removeprefix("table:"), text)
            warehouse = opened.enter_context(open_warehouse(target))
            if isinstance(warehouse, DuckDBWarehouse):
                read = _duckdb(warehouse.connection)
            elif isinstance(warehouse, PostgresWarehouse):
                read = opened.enter_context(_postgres(make_dsn(**warehouse.parameters)))
            else:
                raise WarehouseError(f"{text}: not possible on {warehouse.engine}")
            yield Source(text, relation, read, scratch, sort=True)
        elif text.startswith(("postgresql://", "postgres://")):
            url, _, table = text.partition("#")
            # What may hold a password is not shown.
            where = url.partition("://")[2].rpartition("@")[2].partition("?")[0]
            name = f"postgresql://{where}#{table}"
            relation = _relation(table, name)
            with _told(name):
                dsn = make_dsn(url, connect_timeout=10, application_name="hirehouse")
                read = opened.enter_context(_postgres(dsn))
            yield Source(name, relation, read, scratch, sort=True)
        else:
            read = _duckdb(scratch.cursor())
            yield Source(text, _file(text, options or {}), read, scratch, sort=False)


def _duckdb(connection: duckdb.DuckDBPyConnection) -> Read:
    connection.execute("set TimeZone = 'UTC'")
    return lambda sql: connection.execute(sql).fetch_record_batch(FETCH)


@contextmanager
def _postgres(dsn: str) -> Iterator[Read]:
    with dbapi.connect(dsn) as connection, connection.cursor() as cursor:

        def read(sql: str) -> Any:
            cursor.execute(sql)
            return cursor.fetch_record_batch()

        # One snapshot for all that is read, and no way to write into someone's database.
        cursor.execute("set transaction isolation level repeatable read, read only")
        cursor.execute("set local timezone = 'UTC'")
        cursor.execute("set local datestyle = 'ISO'")
        yield read


def _relation(text: str, source: str) -> str:
    names = text.split(".")
    if not all(names) or len(names) > 2:
        raise SourceError(f"{source}: name a table as schema.table")
    return ".".join(map(quoted, names))


def _file(text: str, options: dict[str, Any]) -> str:
    kind = next((kind for kind, ends in FILES.items() if text.lower().endswith(ends)), None)
    if kind is None:
        known = ", ".join(end for ends in FILES.values() for end in ends)
        raise SourceError(f"{text}: neither a table nor a file that ends with {known}")
    if not Path(text).is_file():
        raise SourceError(f"{text}: no such file")
    # A file's name is no glob.
    path = literal("".join(f"[{c}]" if c in "*?[" else c for c in text))
    if kind == "csv":
        delimiter, encoding = options.get("delimiter", ","), options.get("encoding", "utf-8")
        return _csv(text, path, str(delimiter), str(encoding))
    if kind == "parquet":
        return f"read_parquet({path})"
    # The members of all rows, since a row may leave one out; their values as JSON has them.
    return (
        f"(select columns(*)->>'$' from read_json({path}, format = 'newline_delimited',"
        f" compression = '{_compression(text)}', maximum_depth = 1, sample_size = -1))"
    )


def _compression(text: str) -> str:
    return "gzip" if text.lower().endswith(".gz") else "uncompressed"


def _csv(text: str, path: str, delimiter: str, encoding: str) -> str:
    """A CSV file as SQL. Nothing is guessed from its first rows but the names in its header."""
    try:
        reads = encoding if encoding.lower() not in ("utf-8", "utf8") else "utf-8-sig"
        opened = gzip.open if _compression(text) == "gzip" else open
        with opened(text, "rt", encoding=reads, newline="") as file:
            names = next(csv.reader(file, delimiter=delimiter), [])
    except (OSError, EOFError, ValueError, LookupError, TypeError, csv.Error) as error:
        raise SourceError(f"{text}: {error}") from None
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise SourceError(f"{text}: several columns have the name {twice[0]!r}")
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({path}, auto_detect = false, header = true, columns = {{{columns}}},"
        f" quote = '\"', escape = '\"', delim = {literal(delimiter)},"
        f" encoding = {literal(encoding)}, compression = '{_compression(text)}')"
    )


@dataclass
class Backfilled:
    """What came of a backfill: the file of events, and counts."""

    path: Path
    rows: int = 0
    events: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)


def backfill(
    mapping: RowMapping,
    source: Source,
    out: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> Backfilled:
    """Write the events of all rows to `out/<name of the mapping>.ndjson.gz`.

    The same rows give the same bytes, which landing knows again by their checksum.

    Args:
        progress: told now and then how many rows were read.

    Raises:
        MappingError: the mapping names a column that the source does not have.
        SourceError: the source can't be read, several rows have one key, or rows don't fit the
            mapping. Nothing has been written then.
    """
    there = source.columns()
    for column in mapping.columns:
        if column not in there:
            hint = nearest(column, there)
            raise MappingError(f"{mapping.path}: {source.name} has no column {column!r}{hint}")
    source.load(mapping.columns)
    if double := source.twice(mapping.key):
        *key, count = double
        of = ", ".join(f"{c} {shown(v)}" for c, v in zip(mapping.key, key, strict=True))
        raise SourceError(
            f"{source.name}: {count:,} rows have the key {of}: name the columns that tell rows"
            f" apart in `key` of {mapping.path}"
        )
    out.mkdir(parents=True, exist_ok=True)
    result = Backfilled(out / f"{mapping.name}.ndjson.gz")
    part = result.path.with_suffix(".part")
    try:
        # No name and no time in the header of gzip: both would change its bytes.
        with part.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
            file.writelines(_lines(mapping, source, result, progress))
        part.replace(result.path)
    finally:
        part.unlink(missing_ok=True)
    return result


def _lines(
    mapping: RowMapping, source: Source, result: Backfilled, progress: Callable[[int], None]
) -> Iterator[bytes]:
    problems: Counter[str] = Counter()
    first: dict[str, int] = {}
    for number, values in enumerate(source.rows(mapping.key), 1):
        row = dict(zip(mapping.columns, values, strict=True))
        result.rows = number
        try:
            made = mapping.events(row)
        except RowError as error:
            # All are looked for, so that they can be mended in one go.
            text = str(error)
            if text in problems or len(problems) < 1_000:
                problems[text] += 1
                first.setdefault(text, number)
            continue
        if made is None:
            result.ignored[(mapping.by and row[mapping.by]) or ""] += 1
        elif not problems:
            result.events.update(event for event, _ in made)
            yield from (line + b"\n" for _, line in made)
        if not number % FETCH:
            progress(number)
    if problems:
        lines = [
            f"{source.name}: row {first[text]:,}: {text}" + f" ({n:,} rows)" * (n > 1)
            for text, n in list(problems.items())[:PROBLEMS]
        ]
        more = len(problems) - PROBLEMS
        lines += [f"and {more:,} more"] if more > 0 else []
        raise SourceError("\n".join([*lines, "nothing has been written"]))
