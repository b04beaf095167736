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

from hirehouse.contracts.errors import ExpectedError
from hirehouse.warehouse.connections import DuckDBWarehouse, PostgresWarehouse, open_warehouse
from hirehouse.warehouse.profile import WarehouseError

# Stated, so that DuckDB guesses nothing from the first rows.
STATED = {"delim": "','", "quote": "'\"'", "escape": "'\"'", "comment": "''", "skip": "0"}
KINDS = ".csv, .ndjson, .jsonl (also .gz) or .parquet"
MEMORY = "1GB"  # for DuckDB; what needs more goes to the temporary folder
ALL = 2**62  # rows


class BackfillError(ExpectedError):
    """A source, a mapping or rows that can't become events; the message says why."""


@dataclass(frozen=True)
class Source:
    """Rows of an older system: the relation `source` of `connection`, with their `source_row`."""

    name: str
    connection: duckdb.DuckDBPyConnection  # our own file, deleted in the end

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
def open_source(text: str, csv: str = "", target: str | None = None) -> Iterator[Source]:
    """Load the rows of an older system for the length of a `with`.

    Args:
        text: a CSV or NDJSON file (also .gz), whose values are loaded as text; Parquet;
            `postgresql://user@host/database#schema.table`; or `table:schema.table`, a table in
            the warehouse itself.
        csv: options of DuckDB's `read_csv`, such as `delim = ';'`.
        target: of the profile, for `table:`.

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
            f"set memory_limit = '{MEMORY}'; set TimeZone = 'UTC'; set enable_progress_bar = false"
        )
        # What is open is closed once all rows are here.
        with told(name), ExitStack() as opened:
            if in_postgres:
                dsn = make_dsn(url, connect_timeout=10, application_name="hirehouse")
                rows = opened.enter_context(_postgres(dsn, _table(table, name)))
                connection.register("arriving", rows)
            elif text.startswith("table:"):
                table = _table(text.removeprefix("table:"), text)
                warehouse = opened.enter_context(open_warehouse(target))
                if isinstance(warehouse, PostgresWarehouse):
                    rows = opened.enter_context(_postgres(make_dsn(**warehouse.parameters), table))
                elif isinstance(warehouse, DuckDBWarehouse):
                    rows = warehouse.connection.execute(f"from {table}").to_arrow_reader()
                else:
                    raise WarehouseError(f"{text}: not possible on {warehouse.engine}")
                connection.register("arriving", rows)
            else:
                connection.execute(f"create view arriving as from {_file(connection, text, csv)}")
            connection.execute("create table source_rows as from arriving")
        source = Source(name, connection)
        source.narrow(0, ALL)
        with told(name):
            yield source


@contextmanager
def told(place: str) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, adbc_driver_manager.Error, psycopg2.Error, OSError) as error:
        raise BackfillError(f"{place}: {said(error)}") from None


def said(error: Exception) -> str:
    """An error on one line, without the row itself and DuckDB's advice on its own settings."""
    text = re.sub(r"\nOriginal Line:.*|\nLINE \d+:(.|\n)*|\n+ *Possible (.|\n)*", "", str(error))
    return " ".join(text.split())


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


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


def _file(connection: duckdb.DuckDBPyConnection, text: str, csv: str) -> str:
    """A file as SQL."""
    name = text.lower().removesuffix(".gz")
    if not name.endswith((".csv", ".ndjson", ".jsonl")) and not text.lower().endswith(".parquet"):
        raise BackfillError(f"{text}: neither a table nor a {KINDS}")
    if not Path(text).is_file():
        raise BackfillError(f"{text}: no such file")
    # A file's name is no glob.
    path = literal("".join(f"[{c}]" if c in "*?[" else c for c in text))
    if name.endswith(".parquet"):
        return f"read_parquet({path})"
    path += f", compression = '{'gzip' if name != text.lower() else 'uncompressed'}'"
    if not name.endswith(".csv"):
        # The members of all rows, since a row may leave one out; their values as JSON has them.
        return (
            f"(select columns(*)->>'$' from read_json({path}, format = 'newline_delimited',"
            " maximum_depth = 1, sample_size = -1))"
        )
    own = "".join(f", {k} = {v}" for k, v in STATED.items() if not re.search(rf"\b{k}\b", csv))
    options = f"{path}, header = true{own}{csv and ', ' + csv}"
    # Looking for the names passes over broken rows, so that reading tells the line of each.
    names = connection.execute(
        f"describe from read_csv({options}, all_varchar = true, ignore_errors = true)"
    ).fetchall()
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name, *_ in names)
    return f"read_csv({options}, auto_detect = false, columns = {{{columns}}})"
