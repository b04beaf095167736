"""Upgrading a warehouse of an older version: what it has landed goes from schema raw to landed."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from hirehouse.warehouse.connections import Warehouse
from hirehouse.warehouse.landed_schema import OLDER, RAW, ensure_tables, is_older, raw_tables
from hirehouse.warehouse.profile import WarehouseError

BOTH = (
    "schemas raw and landed both have rows, and their batches the same numbers, so they can't be"
    " put together; nothing was changed. If an older version has landed into raw since the upgrade:"
    " stop it, land its inputs again with this version (select inputs from raw.batches), and drop"
    " schema raw. If landed is the one to be given up: drop schema landed, and run this again"
)
COLUMNS = (
    "select table_name, column_name, data_type, is_nullable from information_schema.columns"
    " where table_catalog = current_database() and table_schema = ?"
    " order by table_name, ordinal_position"
)
VIEWS = (
    "select table_name from information_schema.tables where table_catalog = current_database()"
    " and table_schema = ? and table_type <> 'BASE TABLE'"
)
SCHEMA = (
    "select 1 from information_schema.schemata where catalog_name = current_database()"
    " and schema_name = ?"
)


@dataclass
class Upgraded:
    moved: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)  # in schema raw, which others use, too
    dropped: list[str] = field(default_factory=list)


def upgrade(warehouse: Warehouse) -> Upgraded:
    """Move what an older version has landed to schema landed, all or nothing.

    Also drop, from both schemas, the tables in which dlt, the loader of older versions, recorded
    its loads. Doing it again does nothing. What reads moved tables must be built anew.

    Raises:
        WarehouseError: both schemas have rows; the warehouse can't be used.
        ContractError: see `ensure_tables`.
    """
    done = Upgraded()
    with warehouse.landing_lock():
        there = _tables(warehouse, RAW)
        if is_older(warehouse):
            done = _choose(warehouse, OLDER)
            # Of the same names only: a schema may hold what is not the lander's.
            counted = [name for name in there if name in raw_tables() or name in done.moved]
            if _have_rows(warehouse, RAW, counted):
                if _have_rows(warehouse, OLDER, done.moved):
                    raise WarehouseError(f"{warehouse.where}: {BOTH}")
                done = Upgraded()
        if done.moved:
            _move(warehouse, done)
        if done.moved or "batches" in there:
            # So that dbt finds all tables and columns before the next landing, too.
            ensure_tables(warehouse)
            for table in (dlts := _choose(warehouse, RAW).dropped):
                warehouse.execute(f'drop table {RAW}."{table}"')
            done.dropped += dlts
    return done


def _tables(warehouse: Warehouse, schema: str) -> dict[str, dict[str, str]]:
    """The columns of a schema's tables with what `create table` says of each; of views, too."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind, nullable in warehouse.query(COLUMNS, [schema]):
        told = kind if nullable == "YES" else f"{kind} not null"
        found.setdefault(str(table), {})[str(column)] = told
    return found


def _choose(warehouse: Warehouse, schema: str) -> Upgraded:
    """Tell the lander's tables of a schema from those that something else has put there."""
    views = {str(name) for (name,) in warehouse.query(VIEWS, [schema])}
    tables = _tables(warehouse, schema)
    ours = [name for name in tables if "batch_id" in tables[name] and name not in views]
    dlts = [name for name in tables if name.startswith("_dlt_")]
    left = [name for name in tables if name not in (*ours, *dlts)]
    # With others there, the tables of dlt may be theirs.
    return Upgraded(ours, left + dlts) if left else Upgraded(ours, dropped=dlts)


def _have_rows(warehouse: Warehouse, schema: str, tables: Iterable[str]) -> bool:
    return any(warehouse.query(f'select 1 from {schema}."{table}" limit 1') for table in tables)


def _move(warehouse: Warehouse, done: Upgraded) -> None:
    tables = _tables(warehouse, OLDER)
    with warehouse.transaction():
        for table in done.dropped:
            warehouse.execute(f'drop table {OLDER}."{table}"')
        if warehouse.engine == "postgres" and not done.left and not warehouse.query(SCHEMA, [RAW]):
            # At once, and what people may do in the schema stays as it was granted.
            warehouse.execute(f"alter schema {OLDER} rename to {RAW}")
            return
        warehouse.execute(f"create schema if not exists {RAW}")
        for table in done.moved:
            old, new = f'{OLDER}."{table}"', f'{RAW}."{table}"'
            warehouse.execute(f"drop table if exists {new}")  # it has no rows
            if warehouse.engine == "postgres":
                warehouse.execute(f"alter table {old} set schema {RAW}")
                continue
            # DuckDB can move neither a schema nor a table.
            columns = ", ".join(f'"{name}" {kind}' for name, kind in tables[table].items())
            warehouse.execute(f"create table {new} ({columns})")
            warehouse.execute(f"insert into {new} by name select * from {old}")
            warehouse.execute(f"drop table {old}")
    if not done.left:
        with suppress(WarehouseError):  # a function may still be in there
            warehouse.execute(f"drop schema {OLDER}")
