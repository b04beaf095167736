"""The warehouse that a command works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hirehouse.commands.shared import ending
from hirehouse.contracts.model import ContractError
from hirehouse.failures.queries import UnknownFailure
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.landed_schema import ensure_tables
from hirehouse.warehouse.profile import WarehouseError

HAS_TABLES = (
    "select 1 from information_schema.tables"
    " where table_schema = 'landed' and table_name = 'failure_actions'"
)


@contextmanager
def opened(target: str | None) -> Iterator[Warehouse]:
    """The warehouse, with its tables; ends the command where it or an id can't be used."""

    codes = {UnknownFailure: 2, WarehouseError: 1, ContractError: 1}
    with ending(codes), open_warehouse(target) as warehouse:
        if not warehouse.query(HAS_TABLES):
            with warehouse.landing_lock():
                ensure_tables(warehouse)
        yield warehouse
