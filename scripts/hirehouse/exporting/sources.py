"""Relations of a warehouse as Parquet files, one a month, written in bounded memory.

Times are instants in UTC, in microseconds; decimals keep their digits. All is read from one
snapshot of the warehouse, and nothing is written to it.
"""

from __future__ import annotations

import hashlib
import shutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hirehouse.contracts.model import ROOT, DataType
from hirehouse.querying.reading import DuckDBReader, PostgresReader, QueryError, Reader
from hirehouse.warehouse.connections import Say
from hirehouse.warehouse.profile import WarehouseError, duckdb_path

ROW_GROUP = 122_880  # rows, as DuckDB has it
COMPRESSION = "zstd"
MONTH = "exported_month"
ALL = "all"  # the only part of a relation without a month
KINDS = {
    **{"varchar": pa.string(), "integer": pa.int32(), "bigint": pa.int64()},
    **{"boolean": pa.bool_(), "date": pa.date32(), "timestamp": pa.timestamp("us", "UTC")},
}
BUILT = "select table_schema, table_name, table_type from information_schema.tables"


@dataclass(frozen=True)
class Exported:
    """A relation to export.

    Attributes:
        columns: the type and the description of each one.
        partition_by: the date or time by whose month the rows are parted; empty for one file.
        where: SQL that rows must meet.
    """

    relation: str
    description: str
    columns: Mapping[str, tuple[str, str]]
    partition_by: str = ""
    where: str = "true"

    @property
    def schema(self) -> pa.Schema:
        return schema_of({name: kind for name, (kind, _) in self.columns.items()})


class Part(NamedTuple):
    """A month of a relation, such as 2026-03, with its number of rows and what they are."""

    month: str
    rows: int
    fingerprint: str


class Source(ABC):
    """An open warehouse to export from."""

    version: str  # of the engine, whose fingerprints no other has
    digest: str  # SQL of the sum of all rows' hashes
    reader: Reader

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a small query."""
        with self.reader.stream(sql) as batches:
            table = batches.read_all()
        return zip(*(column.to_pylist() for column in table.columns), strict=True)

    def built(self) -> dict[str, str]:
        """The kind of each relation of the warehouse: BASE TABLE or VIEW."""
        return {f"{schema}.{name}": kind for schema, name, kind in self.rows(BUILT)}

    def parts(self, one: Exported) -> list[Part]:
        """The months of a relation, with fingerprints that no other content has."""
        sql = (
            f"select {MONTH}, count(*), cast({self.digest} as varchar(80))"
            f" from ({_select(one)}) as t group by 1 order by 1"
        )
        # What else makes a file: names, types and the program that writes it.
        more = f"{self.version} {pa.__version__} {COMPRESSION} {one.schema}"
        found = []
        for month, rows, digest in self.rows(sql):
            text = f"{more} {rows} {digest}"
            mark = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
            found.append(Part(_text(month), rows, mark))
        return found

    @abstractmethod
    def write(
        self, one: Exported, months: Collection[str], folder: Path
    ) -> Iterator[tuple[str, Path]]:
        """Write some months, or all, and give each one with its file, for the caller to move."""

    def close(self) -> None:
        self.reader.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class DuckDBSource(Source):
    """A DuckDB file, which other readers may have open; its own COPY writes the files."""

    digest = "sum(hash(hash(t)))"

    def __init__(self, settings: dict[str, Any], folder: Path, say: Say) -> None:
        import duckdb

        self.version = f"duckdb {duckdb.__version__}"
        reader = DuckDBReader(duckdb_path(settings, ROOT), settings, say, folder)
        reader.connection.execute("set preserve_insertion_order = false")  # less memory
        # Each month is one file, which stays open to the end.
        reader.connection.execute("set partitioned_write_max_open_files = 10000")
        self.reader, self.connection, self.error = reader, reader.connection, duckdb.Error

    def write(
        self, one: Exported, months: Collection[str], folder: Path
    ) -> Iterator[tuple[str, Path]]:
        parted = folder / "parted"
        shutil.rmtree(parted, ignore_errors=True)  # of the relation before
        name = str(parted).replace("'", "''")
        try:
            # One pass over the rows, in whatever order they are, and over a view's computation.
            self.connection.execute(
                f"copy ({_select(one, months)}) to '{name}' (format parquet,"
                f" compression {COMPRESSION}, row_group_size {ROW_GROUP}, partition_by ({MONTH}))"
            )
        except self.error as error:
            raise QueryError(str(error)) from None
        for path in sorted(parted.glob(f"{MONTH}=*/*.parquet")):
            yield _text(int(path.parent.name.partition("=")[2])), path


class PostgresSource(Source):
    """A PostgreSQL database, whose rows come in the order of their months, as Arrow."""

    digest = "sum(hashtextextended(cast(t as text), 0))"

    def __init__(self, settings: dict[str, Any], say: Say) -> None:
        self.reader = PostgresReader(settings, say)
        self.reader.options = {}  # COPY, which gives rows as they come
        [(self.version,)] = self.rows("select version()")

    def write(
        self, one: Exported, months: Collection[str], folder: Path
    ) -> Iterator[tuple[str, Path]]:
        with self.reader.stream(f"{_select(one, months)} order by 1") as batches:
            for month, run in groupby(_runs(batches), itemgetter(0)):
                path = folder / f"{month}.parquet"
                with pq.ParquetWriter(
                    path, one.schema, compression=COMPRESSION, store_decimal_as_integer=True
                ) as writer:
                    for _, rows in run:
                        writer.write_batch(_typed(rows, one.schema), ROW_GROUP)
                yield month, path


def open_source(settings: dict[str, Any], folder: Path, say: Say) -> Source:
    """Connect to the warehouse of a profile's output.

    Args:
        folder: where files will be written.

    Raises:
        WarehouseError: it can't be reached, or export can't read its engine.
    """
    match settings.get("type"):
        case "duckdb":
            return DuckDBSource(settings, folder, say)
        case "postgres":
            return PostgresSource(settings, say)
    raise WarehouseError(
        f"export reads DuckDB and PostgreSQL, not {settings.get('type')}: on Redshift, run UNLOAD"
        " (select * from MART) TO 's3://bucket/folder/' FORMAT PARQUET"
    )


def schema_of(types: Mapping[str, str]) -> pa.Schema:
    """The Arrow types of files, of columns with types of SQL."""
    parsed = {name: DataType.parse(kind) for name, kind in types.items()}
    return pa.schema(
        [(n, KINDS.get(t.kind) or pa.decimal128(t.size, t.scale)) for n, t in parsed.items()]
    )


def _select(one: Exported, months: Collection[str] = ()) -> str:
    """SQL of a relation's columns in the types of files, after the month's number.

    Args:
        months: default all.
    """
    column = f'"{one.partition_by}"'
    number = f"extract(year from {column}) * 100 + extract(month from {column})"
    month = f"coalesce(cast({number} as integer), 0)" if one.partition_by else "0"
    columns = ", ".join(
        f'timezone(\'UTC\', "{name}") as "{name}"' if kind == "timestamp" else f'"{name}"'
        for name, (kind, _) in one.columns.items()
    )
    within = " or ".join(_within(one, name) for name in sorted(months)) or "true"
    return (
        f"select {month} as {MONTH}, {columns} from {one.relation}"
        f" where ({one.where}) and ({within})"
    )


def _text(month: int) -> str:
    return f"{month // 100}-{month % 100:02}" if month else ALL


def _within(one: Exported, month: str) -> str:
    if not one.partition_by:
        return "true"
    if month == ALL:
        return f'"{one.partition_by}" is null'
    year, number = map(int, month.split("-"))
    after = f"{year + number // 12}-{number % 12 + 1:02}"
    column = f'"{one.partition_by}"'
    return f"{column} >= date '{month}-01' and {column} < date '{after}-01'"


def _runs(batches: pa.RecordBatchReader) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Rows by their month, which the first column has, and which they are sorted by."""
    for batch in batches:
        if batch.num_rows:
            runs, start = pc.run_end_encode(batch.column(0)), 0
            rest = batch.remove_column(0)
            for month, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
                yield _text(month), rest.slice(start, end - start)
                start = end


def _typed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The rows in the types of files: PostgreSQL's driver gives decimals as texts."""
    stored = [getattr(column, "storage", column) for column in batch.columns]
    return pa.record_batch([c.cast(f.type) for c, f in zip(stored, schema, strict=True)], schema)
