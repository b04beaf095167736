"""The rows of an older system, loaded into a DuckDB file as the relation `source`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import adbc_driver_manager
import duckdb
import psycopg2
from adbc_driver_postgresql import dbapi
from psycopg2.extensions import make_dsn
from pyarrow import parquet

from hirehouse.backfilling.errors import BackfillError
from hirehouse.backfilling.text_files import CsvOptions, load_text
from hirehouse.warehouse.connections import DuckDBWarehouse, PostgresWarehouse, open_warehouse
from hirehouse.warehouse.profile import WarehouseError
from hirehouse.warehouse.sql import literal, quoted

TEXTS = (".csv", ".ndjson", ".jsonl", ".json")
KINDS = f"{', '.join(TEXTS)} (also .gz) or .parquet"
MEMORY = "1GB"  # for DuckDB; what needs more goes to the temporary folder
ALL = 2**62  # rows
SAID = 500  # characters of an error of DuckDB or a database


@dataclass(frozen=True)
class Source:
    """Rows of an older system: the relation `source` of `connection`, with their `source_row`."""

    name: str
    connection: duckdb.DuckDBPyConnection  # our own file, deleted in the end
    notes: list[str]  # on how it was read

    def narrow(self, low: int, high: int) -> None:
        """Let `source` have only the rows after `low` up to `high`."""
        self.connection.execute(
            "create or replace view source as select rowid + 1 as source_row, * from source_rows"
            f" where rowid >= {low} and rowid < {high}"
        )

    def count(self, relation: str) -> int:
        [(count,)] = self.connection.execute(f"select count(*) from {relation}").fetchall()
        return int(count)


@contextmanager
def open_source(
    text: str, csv: str = "", target: str | None = None, encoding: str = ""
) -> Iterator[Source]:
    """Load the rows of an older system for the length of a `with`.

    Args:
        text: a CSV or JSON file (also .gz), whose values are loaded as text; Parquet;
            `postgresql://user@host/database#schema.table`; or `table:schema.table`, a table in
            the warehouse itself.
        csv: options of CsvOptions, such as `delim = ';'`.
        target: of the profile, for `table:`.
        encoding: of a CSV or JSON file, by default UTF-8.

    Raises:
        BackfillError: there is no such file or table, or it can't be read or reached.
        WarehouseError: the warehouse of `table:` can't be reached.
    """
    url, _, table = text.partition("#")
    name, in_postgres = text, url.startswith(("postgresql://", "postgres://"))
    if in_postgres:
        # Without what may hold a password.
        name = (
            f"postgresql://{url.partition('://')[2].rpartition('@')[2].partition('?')[0]}#{table}"
        )
    with (
        TemporaryDirectory(prefix="hirehouse-") as folder,
        duckdb.connect(f"{folder}/rows.duckdb") as connection,
    ):
        connection.execute(
            f"set memory_limit = '{MEMORY}'; set TimeZone = 'UTC'; set enable_progress_bar = false;"
            # A backfill downloads nothing.
            " set autoinstall_known_extensions = false"
        )
        # What is open is closed once all rows are here.
        with told(name), ExitStack() as opened:
            if in_postgres:
                dsn = make_dsn(url, connect_timeout=10, application_name="hirehouse")
                rows = opened.enter_context(_postgres(dsn, _table(table, name)))
                names = _load(connection, rows)
            elif text.startswith("table:"):
                table = _table(text.removeprefix("table:"), text)
                warehouse = opened.enter_context(open_warehouse(target))
                if isinstance(warehouse, PostgresWarehouse):
                    rows = opened.enter_context(_postgres(make_dsn(**warehouse.parameters), table))
                elif isinstance(warehouse, DuckDBWarehouse):
                    rows = warehouse.connection.execute(f"from {table}").to_arrow_reader()
                else:
                    raise WarehouseError(f"{text}: not possible on {warehouse.engine}")
                names = _load(connection, rows)
            else:
                names = _load_file(connection, text, csv, encoding)
        source = Source(name, connection, [])
        source.narrow(0, ALL)
        columns = connection.table("source").columns[1:]
        for column, old in zip(columns, names, strict=True):
            if old not in ("", column):
                why = "since SQL takes its name for that of an earlier one"
                source.notes.append(f"{name}: column {old} is {column} in the mapping, {why}")
        if len(names) == 1 and (found := re.search("[;\t|]", names[0])):
            option = f'--csv "delim = {found[0]!r}"'
            source.notes.append(f"{name}: there is one column: does it need {option}?")
        with told(name):
            yield source


@contextmanager
def told(place: str) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, adbc_driver_manager.Error, psycopg2.Error, OSError) as error:
        raise BackfillError(f"{place}: {said(error)}") from None


def said(error: Exception) -> str:
    """An error on one line, without the row itself and advice on DuckDB's own settings."""
    text = re.sub(
        r"\nOriginal Line:.*|\nLINE \d+:(.|\n)*|\n+ *Possible (.|\n)*|\n?Use \"SET (.|\n)*",
        "",
        str(error),
    )
    if extension := re.search(r"extension '(\w+)'|in the (\w+) extension", text):
        return f"this needs DuckDB's extension {extension[1] or extension[2]}, which is not here"
    text = " ".join(text.split())
    return text if len(text) <= SAID else f"{text[: SAID - 1]}…"


def _table(text: str, source: str) -> str:
    names = text.split(".")
    if not all(names) or len(names) > 2:
        raise BackfillError(f"{source}: name a table as schema.table")
    return ".".join(map(quoted, names))


@contextmanager
def _postgres(dsn: str, table: str) -> Iterator[Any]:
    """A stream of a table's rows as Arrow."""
    with dbapi.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("set transaction read only")  # it is someone's database
        cursor.execute(f"select * from {table}")
        yield cursor.fetch_record_batch()


def _load(connection: duckdb.DuckDBPyConnection, rows: Any) -> list[str]:
    """Load a stream of Arrow, and return its names of columns."""
    connection.register("arriving", rows)
    connection.execute("create table source_rows as from arriving")
    return list(rows.schema.names)


def _load_file(
    connection: duckdb.DuckDBPyConnection, text: str, csv: str, encoding: str
) -> list[str]:
    name, path = text.lower().removesuffix(".gz"), Path(text)
    if not name.endswith(TEXTS) and not text.lower().endswith(".parquet"):
        raise BackfillError(f"{text}: neither a table nor a {KINDS}")
    if not path.is_file():
        raise BackfillError(f"{text}: no such file")
    if name.endswith(TEXTS):
        options = CsvOptions.parse(csv)
        try:
            return load_text(connection, path, encoding, options)
        except BackfillError as error:
            raise BackfillError(f"{text}: {error}") from None
    if csv or encoding:
        raise BackfillError(f"{text}: --csv and --encoding are for text files")
    # A file's name is no glob.
    one = literal("".join(f"[{c}]" if c in "*?[" else c for c in text))
    connection.execute(f"create table source_rows as from read_parquet({one})")
    return list(parquet.read_schema(path).names)
