"""The lock of `hirehouse run`: one loop at a time per warehouse."""

import fcntl
import math
import os
import re
import socket
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Self

from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.model import ROOT
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.profile import WarehouseError, duckdb_path, read_profile

LOOP_LOCK = 0x68697266  # one more than the landing lock
HOLDER = (
    "select application_name, backend_start from pg_stat_activity where pid in ("
    " select pid from pg_locks where locktype = 'advisory' and objid = ? and granted"
    " and database = (select oid from pg_database where datname = current_database()))"
)
LEASED = 300  # seconds, on Redshift, which has no lock that a session may hold for long
MAKE_LEASE = "create table if not exists landed.loop_lease (holder varchar(255), until timestamp)"
LEASES = "select holder, until from landed.loop_lease where until > getdate() and holder <> ?"
LEASE = f"insert into landed.loop_lease select ?, dateadd(second, {LEASED}, getdate())"


class LoopLockHeld(ExpectedError):
    """Another loop holds the lock; the message names it."""

    exit_code = 3


class LoopLock:
    """The lock of one loop, held until it is released or its process ends.

    For DuckDB it is a locked file beside the database. On PostgreSQL it is an advisory lock of a
    separate connection, which a restart of the server breaks: so `acquire` it before each round. On
    Redshift it is a row that says until when it holds; that of a killed process ends in minutes,
    or at once for a loop on the same machine.
    """

    def __init__(self, target: str | None = None) -> None:
        self.target = target
        self.file: IO[str] | None = None
        self.warehouse: Warehouse | None = None
        self.leased_at = -math.inf
        self.holder = f"hirehouse run, process {os.getpid()} on {socket.gethostname()}"

    def acquire(self) -> None:
        """Get the lock, or make sure that it is held; LoopLockHeld if another loop has it."""
        settings = read_profile(self.target)
        match settings.get("type"):
            case "duckdb":
                self._lock_file(duckdb_path(settings, ROOT))
            case "redshift":
                self._lease()
            case _:
                self._lock_database()

    def release(self) -> None:
        if self.leased_at > 0:
            with suppress(WarehouseError), open_warehouse(self.target) as warehouse:
                warehouse.execute("delete from landed.loop_lease where holder = ?", [self.holder])
            self.leased_at = -math.inf
        for held in (self.file, self.warehouse):
            if held:
                held.close()
        self.file = self.warehouse = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _lock_file(self, database: Path) -> None:
        if self.file:
            return
        database.parent.mkdir(parents=True, exist_ok=True)
        file = database.with_name(f"{database.name}.run").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LoopLockHeld(
                f"{database} is kept up to date by {file.read()}: stop that first"
            ) from None
        file.truncate(0)
        file.write(self.holder)
        file.flush()
        self.file = file

    def _lock_database(self) -> None:
        if self.warehouse:
            try:
                self.warehouse.query("select 1")
                return
            except WarehouseError:
                self.warehouse.close()
                self.warehouse = None
        warehouse = open_warehouse(self.target)
        warehouse.query("select set_config('application_name', ?, false)", [self.holder[:63]])
        [(got,)] = warehouse.query("select pg_try_advisory_lock(?)", [LOOP_LOCK])
        if not got:
            holders = [
                f"{name} since {at:%F %T}" for name, at in warehouse.query(HOLDER, [LOOP_LOCK])
            ]
            warehouse.close()
            raise LoopLockHeld(
                f"the database is kept up to date by {', '.join(holders)}: stop that first"
            )
        self.warehouse = warehouse

    def _lease(self) -> None:
        """Renew the lease once a third of it is over."""
        if time.monotonic() - self.leased_at < LEASED / 3:
            return
        with open_warehouse(self.target) as warehouse:
            warehouse.in_lock(partial(warehouse.execute_alone, MAKE_LEASE))
            warehouse.in_lock(partial(self._take_lease, warehouse))
        self.leased_at = time.monotonic()

    def _take_lease(self, warehouse: Warehouse) -> None:
        for holder, until in warehouse.query(LEASES, [self.holder]):
            if not _is_gone(holder):
                raise LoopLockHeld(
                    f"the database is kept up to date by {holder}, at least until"
                    f" {until:%F %T} UTC: stop that first"
                )
        warehouse.execute("delete from landed.loop_lease")
        warehouse.execute(LEASE, [self.holder])


def _is_gone(holder: str) -> bool:
    """Whether a holder was a process of this machine, and has ended."""
    found = re.fullmatch(r"hirehouse run, process (\d+) on (.*)", holder)
    if not found or found[2] != socket.gethostname():
        return False
    try:
        os.kill(int(found[1]), 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)  # and not one of another user
    return False
