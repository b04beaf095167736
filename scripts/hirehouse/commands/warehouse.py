"""Open the warehouse of a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.landed_schema import ensure_tables

HAS_TABLES = (
    "select 1 from information_schema.tables"
    " where table_schema = 'landed' and table_name = 'failure_actions'"
)


@contextmanager
def open_with_tables(target: str | None) -> Iterator[Warehouse]:
    """Open the warehouse, and make sure that it has its landed tables."""
    with open_warehouse(target) as warehouse:
        if not warehouse.query(HAS_TABLES):
            warehouse.in_lock(partial(ensure_tables, warehouse))
        yield warehouse
