"""Backfill: rows of an older system become events, by a mapping.

The same rows give the same events with the same ids, so that doing it again changes nothing.
"""

from __future__ import annotations

import csv
import gzip
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hirehouse.backfill_mapping import MappingError, RowMapping
from hirehouse.backfill_values import RowError, shown
from hirehouse.exact import point
from hirehouse.shape import nearest
from hirehouse.warehouse import DuckDBWarehouse, PostgresWarehouse, WarehouseError, open_warehouse

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


class Source(ABC):
    """Rows of an older system. Every value is read as text, whatever the source's types.

    So a row gives the same ids and events from a CSV, a Parquet file or a database.
    """

    name: str
    relation: str  # as SQL
    order = False  # whether the rows have no order of their own
    collate = ""

    @abstractmethod
    def columns(self) -> list[str]:
        """The columns there are."""

    @abstractmethod
    def text(self, column: str) -> str:
        """SQL of a column's value as text."""

    @abstractmethod
    def select(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a select, in bounded memory."""

    def rows(self, columns: Sequence[str], key: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """All rows, as texts of `columns`; those of a table in the order of their `key`."""
        sql = f"select {', '.join(map(self.text, columns))} from {self.relation}"
        if self.order:
            # Each time the same, so that the file of events is the same as well.
            sql += f" order by {', '.join(self.text(column) + self.collate for column in key)}"
        return self.select(sql)

    def twice(self, key: Sequence[str]) -> tuple[Any, ...] | None:
        """A key that several rows have, with their number; None if there is none."""
        texts = [self.text(column) for column in key]
        places = ", ".join(str(place + 1) for place in range(len(key)))
        there = " and ".join(f"{text} is not null" for text in texts)
        return next(
            self.select(
                f"select {', '.join(texts)}, count(*) from {self.relation} where {there}"
                f" group by {places} having count(*) > 1 order by {places} limit 1"
            ),
            None,
        )


class _DuckDB(Source):
    def __init__(self, connection: Any, relation: str, name: str, kind: str = "") -> None:  # noqa: ANN401
        self.connection, self.relation, self.name, self.kind = connection, relation, name, kind
        self.order = not kind
        self.types: dict[str, str] = {}

    def columns(self) -> list[str]:
        if self.kind == "ndjson":
            # The members of all rows, since a row may leave one out.
            keys = f"select distinct unnest(json_keys(json)) as name from {self.relation}"
            return [name for (name,) in self.select(f"select name from ({keys}) order by name")]
        self.types = {row[0]: row[1] for row in self.select(f"describe from {self.relation}")}
        return list(self.types)

    def text(self, column: str) -> str:
        if self.kind == "ndjson":
            return f"json_extract_string(json, {literal(point('', column))})"
        kind = self.types.get(column, "")
        nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP"))
        sql = f"to_json({quoted(column)})" if nested else quoted(column)
        return f"cast({sql} as varchar)"

    def select(self, sql: str) -> Iterator[tuple[Any, ...]]:
        import duckdb  # noqa: PLC0415 - takes a moment

        try:
            self.connection.execute(sql)
            while rows := self.connection.fetchmany(FETCH):
                yield from rows
        except (duckdb.Error, UnicodeDecodeError) as error:
            # Without the row itself, and DuckDB's advice on its own settings.
            said = re.sub(r"\nOriginal Line:.*", "", str(error).partition("\nPossible ")[0])
            raise SourceError(f"{self.name}: {said.strip()}") from None


class _Postgres(Source):
    order = True
    collate = ' collate "C"'

    def __init__(self, connection: Any, relation: str, name: str) -> None:  # noqa: ANN401
        self.connection, self.relation, self.name = connection, relation, name
        self.types: dict[str, str] = {}
        # One snapshot for all that is read, and no way to write into someone's database.
        connection.set_session(readonly=True, isolation_level="REPEATABLE READ", autocommit=False)
        with connection.cursor() as cursor:
            cursor.execute("set local timezone = 'UTC'; set local datestyle = 'ISO'")

    def columns(self) -> list[str]:
        self.types = dict(
            self.select(
                "select attname, format_type(atttypid, atttypmod) from pg_attribute"
                f" where attrelid = {literal(self.relation)}::regclass"
                " and attnum > 0 and not attisdropped order by attnum"
            )
        )
        return list(self.types)

    def text(self, column: str) -> str:
        nested = self.types.get(column, "").endswith("[]")
        sql = f"to_json({quoted(column)})" if nested else quoted(column)
        return f"cast({sql} as text)"

    def select(self, sql: str) -> Iterator[tuple[Any, ...]]:
        import psycopg2  # noqa: PLC0415 - only this source needs it

        try:
            with self.connection.cursor(name="hirehouse_backfill") as cursor:
                cursor.itersize = FETCH
                cursor.execute(sql)
                yield from cursor
        except psycopg2.Error as error:
            raise SourceError(f"{self.name}: {str(error).strip()}") from None


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
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
    if text.startswith("table:"):
        relation = _relation(text.removeprefix("table:"), text)
        with open_warehouse(target) as warehouse:
            if isinstance(warehouse, DuckDBWarehouse):
                yield _DuckDB(warehouse.connection, relation, text)
            elif isinstance(warehouse, PostgresWarehouse):
                yield _Postgres(warehouse.connection, relation, text)
            else:
                raise WarehouseError(f"{text}: not possible on {warehouse.engine}")
    elif text.startswith(("postgresql://", "postgres://")):
        with _connected(text) as source:
            yield source
    else:
        with TemporaryDirectory(prefix="hirehouse-") as spill:
            yield _file(text, options or {}, spill)


def _relation(text: str, source: str) -> str:
    names = text.split(".")
    if not all(names) or len(names) > 2:
        raise SourceError(f"{source}: name a table as schema.table")
    return ".".join(map(quoted, names))


@contextmanager
def _connected(text: str) -> Iterator[Source]:
    import psycopg2  # noqa: PLC0415 - only this source needs it

    url, _, table = text.partition("#")
    # What may hold a password is not shown.
    name = f"postgresql://{url.partition('://')[2].rpartition('@')[2].partition('?')[0]}#{table}"
    relation = _relation(table, name)
    try:
        connection = psycopg2.connect(url, connect_timeout=10, application_name="hirehouse")
    except psycopg2.Error as error:
        raise SourceError(f"{name}: {str(error).strip()}") from None
    try:
        yield _Postgres(connection, relation, name)
    finally:
        connection.close()


def _file(text: str, options: dict[str, Any], spill: str) -> Source:
    import duckdb  # noqa: PLC0415 - takes a moment

    kind = next((kind for kind, ends in FILES.items() if text.lower().endswith(ends)), None)
    if kind is None:
        known = ", ".join(end for ends in FILES.values() for end in ends)
        raise SourceError(f"{text}: neither a table nor a file that ends with {known}")
    if not Path(text).is_file():
        raise SourceError(f"{text}: no such file")
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"set memory_limit = '{MEMORY}'")
    connection.execute(f"set temp_directory = {literal(spill)}")
    # A file's name is no glob.
    path = literal("".join(f"[{c}]" if c in "*?[" else c for c in text))
    if kind == "csv":
        delimiter, encoding = options.get("delimiter", ","), options.get("encoding", "utf-8")
        relation = _csv(text, path, str(delimiter), str(encoding))
    elif kind == "parquet":
        relation = f"read_parquet({path})"
    else:
        relation = f"read_ndjson_objects({path}, compression = '{_compression(text)}')"
    return _DuckDB(connection, relation, text, kind)


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
        _write(mapping, source, part, result, progress)
        part.replace(result.path)
    finally:
        part.unlink(missing_ok=True)
    return result


def _write(
    mapping: RowMapping,
    source: Source,
    path: Path,
    result: Backfilled,
    progress: Callable[[int], None],
) -> None:
    problems: Counter[str] = Counter()
    first: dict[str, int] = {}
    # No name and no time in the header of gzip: both would change its bytes.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        for number, values in enumerate(source.rows(mapping.columns, mapping.key), 1):
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
                for event, line in made:
                    result.events[event] += 1
                    file.write(line + b"\n")
            if not number % FETCH:
                progress(number)
    if problems:
        lines = [
            f"{source.name}: row {first[text]:,}: {text}" + f" ({n:,} rows)" * (n > 1)
            for text, n in list(problems.items())[:PROBLEMS]
        ]
        if len(problems) > PROBLEMS:
            lines.append(f"and {len(problems) - PROBLEMS:,} more")
        raise SourceError("\n".join([*lines, "nothing has been written"]))
