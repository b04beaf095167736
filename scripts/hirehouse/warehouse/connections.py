"""Connections to the warehouse that the dbt profile describes."""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import tenacity

from hirehouse.contracts.model import ROOT
from hirehouse.warehouse.profile import WarehouseError, duckdb_path, read_profile
from hirehouse.warehouse.rights import missing_right

if TYPE_CHECKING:
    import duckdb

# Advisory locks belong to one database, so a fixed number is enough ("hire" in ASCII).
LANDING_LOCK = 0x68697265
DUCKDB_WAIT = 15 * 60  # seconds; longer than any build or landing should take
WRITING_MEMORY = "512MB"  # of DuckDB; a batch needs about 100 MB
HOW_TO_CREATE = (
    "create database {0} template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'; "
    "alter database {0} set timezone to 'UTC';"
)
Say = Callable[[str], None]
T = TypeVar("T")


def first_line(error: object) -> str:
    """What an error says, less the further lines, which may quote rows."""
    return str(error).strip().partition("\n")[0]


def say_on_stderr(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


class Warehouse(ABC):
    """An open connection to the warehouse, with the few operations that landing needs.

    SQL is written with `?` for parameters. Every statement commits by itself, but in a
    `transaction`.
    """

    engine: str
    where: str  # which one it is, for people
    keeps_lock = True  # the landing lock, after a statement under it has failed
    connection: Any  # the engine's own

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self.cursor(sql, parameters) as cursor:
            return [tuple(row) for row in cursor.fetchall()]

    def records(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The rows of a select, by the names of its columns."""
        with self.cursor(sql, parameters) as cursor:
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        with self.cursor(sql, parameters):
            pass

    @abstractmethod
    def cursor(self, sql: str, parameters: Sequence[Any] = ()) -> AbstractContextManager[Any]:
        """A cursor of DB-API that has run the statement."""

    @abstractmethod
    def landing_lock(self) -> AbstractContextManager[None]:
        """Hold the right to land, on this very connection, for the length of a `with`."""

    def in_lock(self, work: Callable[[], T]) -> T:
        """Do some work under the landing lock, which may be done again from its start."""
        with self.landing_lock():
            return work()

    def execute_alone(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement outside of the transaction that the landing lock may be."""
        self.execute(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let all statements of a `with` count, or none."""
        self.execute("begin")
        try:
            yield
            self.execute("commit")
        except BaseException:
            # A lost connection, or a commit that failed, has rolled back already; the error that
            # must stay visible is the first.
            with suppress(Exception):
                self.execute("rollback")
            raise

    def explain(self, message: str, *, reads: bool = False) -> str:  # noqa: ARG002 - of PostgreSQL
        """A message of the engine or of dbt; where a right is missing, which one and its grant.

        Args:
            reads: what failed only reads, and needs no right to change anything.
        """
        return message

    @abstractmethod
    def append(self, tables: dict[str, Any]) -> None:
        """Append Arrow tables to those of schema landed by their names, all or none."""

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect_duckdb(
    path: str, settings: dict[str, Any], say: Say, *, read_only: bool = False
) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file; while another process has it open, wait for DUCKDB_WAIT at most.

    Args:
        settings: an output of the profile; its `config_options` can only be given here.
        say: told once for whom it waits.
        read_only: open it beside other readers; the file must exist.

    Raises:
        WarehouseError: it can't be opened, or is still taken in the end.
    """
    import duckdb

    def taken(error: BaseException) -> bool:
        return isinstance(error, duckdb.IOException) and "lock on file" in str(error)

    def tell(state: tenacity.RetryCallState) -> None:
        if state.attempt_number == 1 and state.outcome:
            holder = re.search(r"PID (\d+)", str(state.outcome.exception()))
            by = f"process {holder[1]}" if holder else "another process"
            say(f"waiting for {path}, which {by} has open")

    retry = tenacity.Retrying(
        retry=tenacity.retry_if_exception(taken),
        wait=tenacity.wait_exponential(multiplier=0.05, max=1),
        stop=tenacity.stop_after_delay(DUCKDB_WAIT),
        before_sleep=tell,
        reraise=True,
    )
    # As dbt does: connections of one process must open a file in the same way.
    config = (not read_only and settings.get("config_options")) or {}
    try:
        connection = retry(duckdb.connect, path, read_only, config=config)
    except duckdb.Error as error:
        raise WarehouseError(f"{path} can't be opened: {error}") from error
    # Of those, division of integers changes what a query gives.
    for name, value in (settings.get("settings") or {}).items():
        connection.execute(f"set {name} = '{value}'")
    connection.execute("set TimeZone = 'UTC'")
    return connection


class DuckDBWarehouse(Warehouse):
    """A DuckDB file. One process at a time holds it, which is the landing lock, too."""

    engine = "duckdb"

    def __init__(self, settings: dict[str, Any], root: Path, say: Say) -> None:
        self.path = duckdb_path(settings, root)
        self.where = str(self.path)
        if self.path.stem.lower() in ("landed", "staging", "intermediate", "reference"):
            # DuckDB could not tell the one from the other, in views above all.
            raise WarehouseError(
                f"{self.path}: a file can't have the name of a schema in it; rename it"
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = connect_duckdb(str(self.path), settings, say)
        [(self.memory_limit,)] = self.query("select current_setting('memory_limit')")

    @contextmanager
    def cursor(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        import duckdb

        try:
            yield self.connection.execute(sql, list(parameters))
        except duckdb.Error as error:
            raise WarehouseError(f"DuckDB: {first_line(error)}") from error

    @contextmanager
    def landing_lock(self) -> Iterator[None]:
        yield

    def append(self, tables: dict[str, Any]) -> None:
        import duckdb

        # Else DuckDB would keep what was written in memory, up to most of the machine's.
        self.execute(f"set memory_limit = '{WRITING_MEMORY}'")
        try:
            with self.transaction():
                for name, table in tables.items():
                    self.connection.register("arriving", table)
                    self.execute(f'insert into landed."{name}" by name from arriving')
        finally:
            # After a fatal error neither works; that error must stay visible.
            with suppress(duckdb.FatalException, WarehouseError):
                self.connection.unregister("arriving")
                self.execute(f"set memory_limit = '{self.memory_limit}'")


class PostgresWarehouse(Warehouse):
    """A PostgreSQL database. One connection, which also carries the landing lock."""

    engine = "postgres"

    def __init__(self, settings: dict[str, Any], say: Say) -> None:
        self.say = say
        database = settings.get("dbname") or settings.get("database")
        self.where = f"{settings['host']}:{settings['port']}/{database}"
        self.parameters: dict[str, Any] = {
            "host": settings["host"],
            "port": settings["port"],
            "user": settings["user"],
            "password": settings.get("password") or settings.get("pass") or None,
            "dbname": database,
            "sslmode": settings.get("sslmode"),
            "connect_timeout": int(settings.get("connect_timeout", 10)),
            "application_name": "hirehouse",
        }
        import psycopg2

        try:
            self.connection = psycopg2.connect(**self.parameters)
        except psycopg2.OperationalError as error:
            text = " ".join(str(error).split())
            if "CONNECT privilege" in text:
                grant = f'grant connect on database "{database}" to "{settings["user"]}";'
                text += f" Its owner has to run: {grant}"
            raise WarehouseError(f"PostgreSQL {self.where}: {text}") from error
        self.connection.autocommit = True
        self._check()
        # It expects next to no rows of what was written just now, and would join by nested loops.
        self.execute("set enable_nestloop = off")
        self.execute("set work_mem = '64MB'")

    def _check(self) -> None:
        """Results must be equal to the last digit on every engine, so text order and days too."""
        [(collation, encoding, zone)] = self.query(
            "select datcollate, pg_encoding_to_char(encoding), current_setting('TimeZone')"
            " from pg_database where datname = current_database()"
        )
        wanted = (
            ("collation", collation, ("C", "POSIX")),
            ("encoding", encoding, ("UTF8",)),
            ("time zone", zone, ("UTC", "Etc/UTC")),
        )
        wrong = [f"{what} {it} instead of {fine[0]}" for what, it, fine in wanted if it not in fine]
        if wrong:
            self.close()
            how = f"Create the database with: {HOW_TO_CREATE.format(self.parameters['dbname'])}"
            raise WarehouseError(f"PostgreSQL {self.where} has {', '.join(wrong)}. {how}")

    @contextmanager
    def cursor(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        import psycopg2

        try:
            with self.connection.cursor() as cursor:
                cursor.execute(sql.replace("?", "%s"), tuple(parameters) or None)
                yield cursor
        except psycopg2.Error as error:
            raise WarehouseError(self._said(error)) from None

    def _said(self, error: Exception) -> str:
        if self.connection.closed:
            return f"PostgreSQL {self.where}: lost the connection: {first_line(error)}"
        return f"PostgreSQL {self.where}: {first_line(self.explain(str(error)))}"

    def explain(self, message: str, *, reads: bool = False) -> str:
        import psycopg2

        def ask(sql: str, values: list[str]) -> list[tuple[Any, ...]]:
            # On a connection of its own: after an error a transaction takes no query.
            connection = psycopg2.connect(**self.parameters)
            try:
                with connection.cursor() as cursor:
                    cursor.execute(sql, values)
                    return list(cursor.fetchall())
            finally:
                connection.close()

        with suppress(psycopg2.Error):
            return missing_right(message, ask, reads=reads) or message
        return message

    @contextmanager
    def landing_lock(self) -> Iterator[None]:
        [(got,)] = self.query("select pg_try_advisory_lock(?)", [LANDING_LOCK])
        if not got:
            self.say("waiting for another landing into the same database")
            self.execute("select pg_advisory_lock(?)", [LANDING_LOCK])
        try:
            yield
        finally:
            # A connection that broke has lost the lock already; its own error must stay visible.
            if not self.connection.closed:
                self.execute("select pg_advisory_unlock(?)", [LANDING_LOCK])

    def append(self, tables: dict[str, Any]) -> None:
        from adbc_driver_postgresql import dbapi
        from psycopg2.extensions import make_dsn

        # Not by COPY from text: binary keeps '' apart from null.
        try:
            with (
                dbapi.connect(make_dsn(**self.parameters)) as connection,
                connection.cursor() as cursor,
            ):
                for name, table in tables.items():
                    cursor.adbc_ingest(name, table, mode="append", db_schema_name="landed")
                connection.commit()
        except dbapi.Error as error:
            raise WarehouseError(self._said(error)) from error


def open_warehouse(
    target: str | None = None, *, root: Path = ROOT, say: Say = say_on_stderr
) -> Warehouse:
    """Connect to the warehouse that the dbt profile describes.

    Args:
        target: which output of the profile; see `read_profile`.
        root: the project's folder, which a relative DuckDB path starts from.
        say: told once when something has to be waited for.

    Raises:
        WarehouseError: it can't be reached, or has settings that would change results.
    """
    settings = read_profile(target, root)
    match settings.get("type"):
        case "duckdb":
            return DuckDBWarehouse(settings, root, say)
        case "postgres":
            return PostgresWarehouse(settings, say)
        case "redshift":
            from hirehouse.warehouse.redshift import RedshiftWarehouse

            return RedshiftWarehouse(settings, say)
        case other:
            raise WarehouseError(f"no engine for profile type {other!r}")
