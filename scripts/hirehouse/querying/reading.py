"""Queries that can't write, on each engine, with their rows as Arrow.

DuckDB opens the file read-only and without access to other files. PostgreSQL and Redshift run the
query in a read-only transaction. There the driver prepares it, so that it is one statement and
can't end the transaction first.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.model import ROOT, DataType
from hirehouse.warehouse.connections import PostgresWarehouse, Say, connect_duckdb, say_on_stderr
from hirehouse.warehouse.landed_schema import arrow_type
from hirehouse.warehouse.profile import WarehouseError, duckdb_path
from hirehouse.warehouse.sql import literal

READING = (
    *("select", "with", "values", "table", "from", "show", "explain"),
    *("describe", "desc", "summarize", "pivot", "unpivot"),  # DuckDB
)
BEFORE = re.compile(r"(?:\s|\(|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.S)
# A query is to be seen to its end without a lock on the file, so all its rows are read at once.
BATCH = 10_000
MAX_DIGITS = 38
RELATIONS = "select table_schema, table_name from information_schema.tables"
# Types by their number in PostgreSQL and Redshift, for columns that have nothing but nulls.
TYPES = {
    **{16: pa.bool_(), 20: pa.int64(), 21: pa.int16(), 23: pa.int32(), 700: pa.float32()},
    **{701: pa.float64(), 1082: pa.date32(), 1114: pa.timestamp("us"), 1700: pa.decimal128(38, 0)},
}


class Answer(NamedTuple):
    """The rows of a query, and whether it has more than were asked for."""

    table: pa.Table
    more: bool


def rows_of(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """Its rows as Python's values; columns may have the same name."""
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


class Reader(ABC):
    """An open connection that can't write."""

    where: str  # which warehouse it is, for people

    def read(self, sql: str, limit: int | None = None) -> Answer:
        """The rows of a query.

        Args:
            sql: one statement.
            limit: rows at most; default all.

        Raises:
            ExpectedError: the query is wrong, is not one statement, or would write.
        """
        word = re.match(r"\w*", sql[BEFORE.match(sql).end() :])[0].lower()  # type: ignore[index,union-attr]
        if word not in READING:
            what = f"begins with {word!r}" if word else "has no statement"
            raise ExpectedError(f"a query reads, with select or with: this one {what}")
        with self.stream(sql, limit) as batches:
            return _take(batches, limit)

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a small query as Python's values; for errors, see `stream`."""
        with self.stream(sql) as batches:
            return rows_of(batches.read_all())

    def relations(self) -> set[str]:
        """The tables and views there are, such as `core.dim_dates`."""
        return {f"{schema}.{name}" for schema, name in self.rows(RELATIONS)}

    @abstractmethod
    def stream(
        self, sql: str, limit: int | None = None
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        """The rows of a query, in the types of the driver, for the length of a `with`.

        Args:
            sql: one statement, which the engine alone keeps from writing.
            limit: rows that will be read; may be ignored.

        Raises:
            ExpectedError: the query is wrong, or would write.
        """

    @abstractmethod
    def close(self) -> None:
        pass


class DuckDBReader(Reader):
    """A DuckDB file; any number of readers may have it open, but no writer.

    Args:
        exports: a folder that `copy` may write files to; default none.
    """

    def __init__(
        self, path: Path, settings: dict[str, Any], say: Say, exports: Path | None = None
    ) -> None:
        self.where = str(path)
        if not path.exists():
            raise WarehouseError(
                f"{path} does not exist: `hirehouse land` or ./scripts/demo makes it"
            )
        self.connection = connect_duckdb(str(path), settings, say, read_only=True)
        if exports:
            self.connection.execute(f"set allowed_directories = [{literal(str(exports))}]")
        # `copy` writes files, `attach` opens others to write; and a name is no Python variable.
        self.connection.execute("set enable_external_access = false")
        self.connection.execute("set python_enable_replacements = false")

    @contextmanager
    def stream(self, sql: str, limit: int | None = None) -> Iterator[pa.RecordBatchReader]:  # noqa: ARG002
        import duckdb

        try:
            if len(self.connection.extract_statements(sql)) > 1:
                raise ExpectedError("that is more than one statement: run one at a time")
            yield self.connection.execute(sql).to_arrow_reader(BATCH)
        except duckdb.Error as error:
            raise ExpectedError(str(error)) from None

    def close(self) -> None:
        self.connection.close()


class PostgresReader(Reader):
    """A PostgreSQL database; all queries see it as it was at the first one."""

    def __init__(self, settings: dict[str, Any], say: Say) -> None:
        from adbc_driver_postgresql import StatementOptions, dbapi
        from psycopg2.extensions import make_dsn

        self.warehouse = PostgresWarehouse(settings, say)
        self.where = self.warehouse.where
        only = (
            "-c default_transaction_read_only=on -c timezone=UTC"
            " -c default_transaction_isolation=repeatable\\ read"
        )
        try:
            self.connection = dbapi.connect(make_dsn(**self.warehouse.parameters, options=only))
        except dbapi.Error as error:
            self.warehouse.close()
            raise WarehouseError(f"PostgreSQL {self.where}: {_message(error)}") from error
        # With COPY, which is its way, the driver could run nothing but selects.
        self.options = {StatementOptions.USE_COPY.value: "false"}
        with self.connection.cursor() as cursor:
            cursor.execute("select 1")  # after which a transaction stays read-only
            cursor.fetchall()

    @contextmanager
    def stream(self, sql: str, limit: int | None = None) -> Iterator[pa.RecordBatchReader]:  # noqa: ARG002
        from adbc_driver_postgresql import dbapi

        try:
            with self.connection.cursor() as cursor:
                cursor.adbc_statement.set_options(**self.options)
                cursor.execute(sql)
                yield cursor.fetch_record_batch()
        except dbapi.Error as error:
            raise ExpectedError(self.warehouse.explain(_message(error), reads=True)) from None

    def close(self) -> None:
        with suppress(Exception):  # it may be lost already
            self.connection.close()
        self.warehouse.close()


class RedshiftReader(Reader):
    """A Redshift database; all queries see it as it was at the first one.

    Args:
        begin: how the transaction starts.
    """

    def __init__(self, settings: dict[str, Any], say: Say, begin: str = "begin read only") -> None:
        from hirehouse.warehouse.redshift import RedshiftWarehouse

        self.warehouse = RedshiftWarehouse(settings, say)
        self.where = self.warehouse.where
        self.warehouse.execute(begin)

    @contextmanager
    def stream(self, sql: str, limit: int | None = None) -> Iterator[pa.RecordBatchReader]:
        try:
            with self.warehouse.cursor(sql) as cursor:
                described = cursor.description
                rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit + 1)
        except WarehouseError as error:
            raise ExpectedError(str(error)) from None
        arrays = [_array([row[n] for row in rows], one[1]) for n, one in enumerate(described)]
        yield pa.table(arrays, names=[_name(one[0]) for one in described]).to_reader()

    def close(self) -> None:
        self.warehouse.close()


def open_reader(settings: dict[str, Any], say: Say = say_on_stderr) -> Reader:
    """Connect to the warehouse of a profile's output.

    Args:
        settings: the output; see `read_profile`.
        say: told once when a file has to be waited for.

    Raises:
        WarehouseError: it can't be reached.
    """
    match settings.get("type"):
        case "duckdb":
            return DuckDBReader(duckdb_path(settings, ROOT), settings, say)
        case "postgres":
            return PostgresReader(settings, say)
        case "redshift":
            return RedshiftReader(settings, say)
        case other:
            raise WarehouseError(f"no engine for profile type {other!r}")


def with_decimals(
    batches: pa.RecordBatchReader, columns: Mapping[str, tuple[str, str]]
) -> pa.RecordBatchReader:
    """The same rows, with the decimals that PostgreSQL's driver gives as texts.

    Args:
        columns: the type of SQL and the description of each; the others keep their types.
    """

    def arrow(name: str, kind: pa.DataType) -> pa.DataType:
        stated, _ = columns.get(name, ("", ""))
        if stated.startswith("numeric"):
            return arrow_type(DataType.parse(stated))
        return getattr(kind, "storage_type", kind)  # of one that Arrow does not know

    schema = pa.schema([(field.name, arrow(field.name, field.type)) for field in batches.schema])

    def plain() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            stored = [getattr(column, "storage", column) for column in batch.columns]
            typed = [c.cast(kind) for c, kind in zip(stored, schema.types, strict=True)]
            yield pa.record_batch(typed, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, plain())


def _take(reader: pa.RecordBatchReader, limit: int | None) -> Answer:
    batches, rows = [], 0
    for batch in reader:
        batches.append(batch)
        rows += batch.num_rows
        if limit is not None and rows > limit:
            break
    table = pa.Table.from_batches(batches, reader.schema)
    return Answer(_plain(table.slice(0, limit)), limit is not None and rows > limit)


def _plain(table: pa.Table) -> pa.Table:
    """A table of numbers, texts and times in UTC without a zone."""
    columns = [_plain_column(column, column.type) for column in table.columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _plain_column(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_timestamp(kind) and kind.tz:
        return column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    if not isinstance(kind, pa.BaseExtensionType):
        return column
    if getattr(kind, "type_name", "") != "numeric":
        return pa.chunked_array([_texts(column.to_pylist())])
    try:
        return _decimals([v and Decimal(v) for v in column.to_pylist()])
    except (InvalidOperation, pa.ArrowInvalid):  # infinite, or not a number
        return pa.chunked_array([_texts(column.to_pylist())])


def _texts(values: Iterable[Any]) -> pa.Array:
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _decimals(values: list[Decimal | None]) -> pa.ChunkedArray:
    scales = [-int(value.as_tuple().exponent) for value in values if value is not None]
    return pa.chunked_array([pa.array(values, pa.decimal128(MAX_DIGITS, max([0, *scales])))])


def _array(values: list[Any], number: int) -> pa.Array:
    """The values of a column of a driver without Arrow."""
    if number == 1700:
        return _decimals(values).combine_chunks()
    kind = TYPES.get(number)
    if kind is not None:
        return pa.array(values, kind)
    return _texts(values) if all(v is None for v in values) else pa.array(values)


def _name(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _message(error: Exception) -> str:
    """What PostgreSQL says, of what its driver makes of it."""
    text = str(error)
    return text.partition("ERROR:")[2].rpartition("SQLSTATE")[0].rstrip(". \n").strip() or text
