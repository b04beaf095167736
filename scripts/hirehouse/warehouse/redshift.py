"""Amazon Redshift: one transaction per landing, and rows by COPY from Parquet files on S3."""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import tenacity
from redshift_connector.error import Error

from hirehouse.warehouse.connections import Say, Warehouse, first_line
from hirehouse.warehouse.profile import WarehouseError
from hirehouse.warehouse.sql import literal
from hirehouse.warehouse.staged_files import StagedFiles

LOCK_TABLE = "landed.landing_lock"
HAS_LOCK_TABLE = (
    "select 1 from pg_catalog.pg_class as tables"
    " inner join pg_catalog.pg_namespace as schemas on tables.relnamespace = schemas.oid"
    " where schemas.nspname = 'landed' and tables.relname = 'landing_lock'"
)
# What Redshift says of transactions that ran at the same time, and S3 if it is asked too often: the
# same transaction may go well the next time.
PASSING = re.compile(
    r"\b1023\b|could not open relation with oid|conflict with concurrent transaction"
    r"|deadlock detected|slow_?\s?down|reduce your request rate|throttl"
    # Of two that create the same schema or table, one fails in spite of `if not exists`.
    r"|already exists",
    re.IGNORECASE,
)
TRIES = 8
TOLD_AFTER = 2.0  # seconds of waiting for another landing
ROLE = re.compile(r"default|arn:[\w+=,.@:/-]+")
T = TypeVar("T")


class RedshiftWarehouse(Warehouse):
    """A Redshift database, connected to as dbt does, and a folder on S3 for files on their way.

    What happens under the landing lock is one transaction, whose first statement takes the lock: a
    snapshot older than the lock could miss what the last landing has written.
    """

    engine = "redshift"
    keeps_lock = False

    def __init__(self, settings: dict[str, Any], say: Say) -> None:
        self.say, self.settings = say, settings
        database = settings.get("dbname") or settings.get("database")
        self.where = f"{settings['host']}:{settings['port']}/{database}"
        role = str(settings.get("copy_role") or "default")
        if not ROLE.fullmatch(role):
            raise WarehouseError(f"copy_role {role!r} is no ARN of a role, nor `default`")
        self.role = role if role == "default" else literal(role)
        self.in_transaction = self.has_lock_table = False
        self.connection, self.second = self._connect(), None

    def _connect(self) -> Any:
        from dbt.adapters.redshift.connections import RedshiftCredentials, get_connection_method

        translated = RedshiftCredentials.translate_aliases(dict(self.settings))
        try:
            return get_connection_method(RedshiftCredentials.from_dict(translated))()
        except Exception as error:  # of the driver, of TLS, or of AWS, where the method is IAM
            raise WarehouseError(f"Redshift {self.where}: {_message(error)}") from error

    @contextmanager
    def cursor(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        yield self._cursor(self.connection, sql, parameters)

    def _cursor(self, connection: Any, sql: str, parameters: Sequence[Any]) -> Any:
        cursor = connection.cursor()
        cursor.paramstyle = "qmark"
        try:
            cursor.execute(sql, tuple(parameters) or None)
        except (Error, OSError) as error:
            raise WarehouseError(f"Redshift {self.where}: {_message(error)}") from error
        return cursor

    def execute_alone(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self.second = self.second or self._connect()
        self._cursor(self.second, sql, parameters)

    def close(self) -> None:
        for connection in filter(None, (self.connection, self.second)):
            with suppress(Exception):  # it may be lost already
                connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.in_transaction:  # the one of the landing lock
            yield
            return
        self.in_transaction = True
        try:
            with super().transaction():
                yield
        finally:
            self.in_transaction = False

    @contextmanager
    def landing_lock(self) -> Iterator[None]:
        if not self.in_transaction:
            self._make_lock_table()
        with self.transaction():
            told = threading.Timer(
                TOLD_AFTER, self.say, ["waiting for another landing into the same database"]
            )
            told.start()
            try:
                self.execute(f"lock table {LOCK_TABLE}")
            finally:
                told.cancel()
            yield

    def in_lock(self, work: Callable[[], T]) -> T:
        retry = tenacity.retry(
            retry=tenacity.retry_if_exception(lambda error: bool(PASSING.search(str(error)))),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=30),
            stop=tenacity.stop_after_attempt(TRIES),
            reraise=True,
        )
        return retry(super().in_lock)(work)

    def _make_lock_table(self) -> None:
        """A table that no statement reads: Redshift's lock keeps readers out as well."""
        if not self.has_lock_table and not self.query(HAS_LOCK_TABLE):
            if not self.query("select 1 from pg_catalog.pg_namespace where nspname = 'landed'"):
                self.execute("create schema if not exists landed")
            self.execute(f"create table if not exists {LOCK_TABLE} (held boolean) diststyle all")
        self.has_lock_table = True

    def append(self, tables: dict[str, Any]) -> None:
        if not tables:
            return
        staged = self.staged_files()
        with self.transaction():
            for name, table in tables.items():
                # By name, and not by position: a contract's new column stands last in its table.
                columns = ", ".join(f'"{column}"' for column in table.column_names)
                self.execute(
                    f"copy landed.\"{name}\" ({columns}) from '{staged.write(name, table)}'"
                    f" iam_role {self.role} format as parquet manifest"
                )
        staged.remove()

    def unload(self, query: str, folder: Path) -> None:
        """Write the rows of a query to Parquet files in a local folder; no row, no file."""
        staged = self.staged_files()
        self.execute(
            f"unload ({literal(query)}) to '{staged.url}/' iam_role {self.role} format as parquet"
        )
        staged.fetch(folder)
        staged.remove()

    def staged_files(self) -> StagedFiles:
        """A new folder on S3; old ones go."""
        staged = StagedFiles(str(self.settings.get("s3_stage") or ""))
        staged.remove_old()
        return staged


def _message(error: BaseException) -> str:
    """What an error of the driver says: its message and its first line of details."""
    fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    if not fields:
        return first_line(error) or type(error).__name__
    parts = [fields.get(key, "") for key in ("M", "D")]
    return ": ".join(first_line(part) for part in parts if part)
