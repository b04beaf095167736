"""Relations of a warehouse as Parquet files, one a month, written in bounded memory.

Times are instants in UTC, in microseconds; decimals keep their digits. All is read from one
snapshot of the warehouse, and nothing is written to it.
"""

import hashlib
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.model import ROOT, DataType
from hirehouse.querying.reading import (
    DuckDBReader,
    PostgresReader,
    RedshiftReader,
    with_decimals,
)
from hirehouse.warehouse.connections import Say
from hirehouse.warehouse.landed_schema import arrow_type
from hirehouse.warehouse.profile import WarehouseError, duckdb_path
from hirehouse.warehouse.sql import literal

ROW_GROUP = 122_880  # rows, as DuckDB has it
COMPRESSION = "zstd"
MONTH = "exported_month"
ALL = "all"  # the only part of a relation without a month
DIGEST = "sum(hash(hash(t)))"  # DuckDB's SQL of the sum of all rows' hashes
UTC = pa.timestamp("us", "UTC")


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


class Source:
    """An open warehouse to export from; DuckDB writes the files, whichever it is.

    Args:
        settings: the warehouse, an output of the profile; see `read_profile`.
        folder: where files will be written.
        say: told once when something has to be waited for.

    Raises:
        WarehouseError: it can't be reached, or export can't read its engine.
    """

    def __init__(self, settings: dict[str, Any], folder: Path, say: Say) -> None:
        import duckdb

        self.reader: DuckDBReader | PostgresReader | RedshiftReader
        self.writer = f"duckdb {duckdb.__version__}"
        self.folder = folder
        match settings.get("type"):
            case "duckdb":
                self.reader = DuckDBReader(duckdb_path(settings, ROOT), settings, say, folder)
                self.connection, self.version = self.reader.connection, self.writer
                self.digest = DIGEST
            case "postgres":
                self.reader = PostgresReader(settings, say)
                self.reader.options = {}  # COPY, which gives rows as they come
                [(self.version,)] = self.reader.rows("select version()")
                self.connection = duckdb.connect()
                self.digest = "sum(hashtextextended(cast(t as text), 0))"
            case "redshift":
                # Amazon does not say that a read-only transaction may unload.
                self.reader = RedshiftReader(settings, say, begin="begin")
                self.version = "redshift"  # which number it has changes no file
                self.connection, self.digest = duckdb.connect(), DIGEST
            case other:
                raise WarehouseError(f"no engine for profile type {other!r}")
        self.connection.execute("set preserve_insertion_order = false")  # less memory
        # Each month is one file, which stays open to the end.
        self.connection.execute("set partitioned_write_max_open_files = 10000")

    def prepare(self, one: Exported) -> Exported:
        """The relation to ask for parts and rows; on Redshift, local files of the relation."""
        if not isinstance(self.reader, RedshiftReader):
            return one
        folder = self.folder / "unloaded"
        shutil.rmtree(folder, ignore_errors=True)  # of the relation before
        folder.mkdir()
        # A view's decimals may be wider than its contract says.
        columns = ", ".join(
            f'cast("{name}" as {kind}) as "{name}"' if kind.startswith("numeric") else f'"{name}"'
            for name, (kind, _) in one.columns.items()
        )
        query = f"select {columns} from {one.relation} where {one.where}"
        self.reader.warehouse.unload(query, folder)
        if not any(folder.iterdir()):
            pq.write_table(one.schema.empty_table(), folder / "empty.parquet")
        files = ", ".join(literal(str(path)) for path in sorted(folder.iterdir()))
        return replace(one, relation=f"read_parquet([{files}])")

    def parts(self, one: Exported) -> list[Part]:
        """The months of a relation, with fingerprints that no other content has."""
        sql = (
            f"select {MONTH}, count(*), cast({self.digest} as varchar(80))"
            f" from ({_select(one)}) as t group by 1 order by 1"
        )
        # What else makes a file: names, types and the program that writes it.
        more = f"{self.version} {self.writer} {COMPRESSION} {one.schema}"
        local = isinstance(self.reader, RedshiftReader)
        counted = self.connection.execute(sql).fetchall() if local else self.reader.rows(sql)
        found = []
        for month, rows, digest in counted:
            text = f"{more} {rows} {digest}"
            mark = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
            found.append(Part(_text(month), rows, mark))
        return found

    def write(
        self, one: Exported, months: Collection[str], folder: Path
    ) -> Iterator[tuple[str, Path]]:
        """Write some months, or all, and give each one with its file, for the caller to move."""
        import duckdb

        parted = folder / "parted"
        shutil.rmtree(parted, ignore_errors=True)  # of the relation before
        try:
            # One pass over the rows, in whatever order they are, and over a view's computation.
            with self._rows(one, months) as sql:
                self.connection.execute(
                    f"copy ({sql}) to {literal(str(parted))}"
                    f" (format parquet, compression {COMPRESSION}, row_group_size {ROW_GROUP},"
                    f" partition_by ({MONTH}))"
                )
        except duckdb.Error as error:
            raise ExpectedError(str(error)) from None
        for path in sorted(parted.glob(f"{MONTH}=*/*.parquet")):
            yield _text(int(path.parent.name.partition("=")[2])), path

    @contextmanager
    def _rows(self, one: Exported, months: Collection[str]) -> Iterator[str]:
        """A query of the DuckDB connection for the rows of a relation."""
        sql = _select(one, months)
        if not isinstance(self.reader, PostgresReader):
            yield sql
            return
        # In the order of their months, so that few files have rows that wait for their group.
        with self.reader.stream(f"{sql} order by 1") as batches:
            self.connection.register("arriving", with_decimals(batches, one.columns))
            yield "from arriving"

    def close(self) -> None:
        self.reader.close()


def schema_of(types: Mapping[str, str]) -> pa.Schema:
    """The Arrow types of files, of columns with types of SQL."""
    return pa.schema(
        [
            (name, UTC if kind == "timestamp" else arrow_type(DataType.parse(kind)))
            for name, kind in types.items()
        ]
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
