"""The landed tables: columns, views and indexes, after changes of contracts."""

from __future__ import annotations

import pytest

from conftest import ENGINES
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.landed_schema import ensure_tables, landing_tables, raw_tables
from hirehouse.warehouse.profile import WarehouseError

pytestmark = pytest.mark.redshift


@pytest.mark.parametrize("environment", ENGINES, indirect=True)
def test_a_new_optional_column_is_added_and_a_wider_one_widened(warehouse: Warehouse) -> None:
    ensure_tables(warehouse)
    warehouse.execute("alter table landed.offer_extended drop column expires_on")
    warehouse.execute("alter table landed.offer_extended alter column offer_id type varchar(8)")
    warehouse.execute("alter table landed.batches alter column line_count type integer")
    ensure_tables(warehouse)
    kinds = warehouse.query(
        "select column_name, data_type, character_maximum_length from information_schema.columns"
        " where table_schema = 'landed' and column_name in ('expires_on', 'line_count', 'offer_id')"
        " and table_name in ('offer_extended', 'batches')"
    )
    found = {name: (str(kind).lower(), size) for name, kind, size in kinds}
    assert found["expires_on"][0] == "date"
    assert found["line_count"][0] == "bigint"
    if warehouse.engine == "postgres":
        assert found["offer_id"][1] == 64


def test_a_widened_column_keeps_the_views_on_it(
    postgres_environment: dict[str, str],
) -> None:
    reader = f"reader_{postgres_environment['PGDATABASE']}"
    with open_warehouse() as warehouse:
        ensure_tables(warehouse)
        warehouse.execute("alter table landed.offer_extended alter column offer_id type varchar(8)")
        for statement in (
            f"create role {reader}",
            "create schema own",
            "create view own.base as select offer_id, base_salary from landed.offer_extended",
            "create view own.above as select *, '?' as unknown from own.base",
            "create view own.top as select a.* from own.above as a, own.base as b",
            f"grant select on own.above to {reader} with grant option",
            "grant select on own.top to public",
            f"alter view own.base owner to {reader}",
            "comment on view own.top is 'theirs? no'",
            "comment on column own.above.unknown is 'What?'",
        ):
            # Without `?`, which is a placeholder of a parameter.
            warehouse.connection.cursor().execute(statement)
        before = views_of(warehouse)
        assert len(before) == 3
        ensure_tables(warehouse)
        [(size,)] = warehouse.query(
            "select character_maximum_length from information_schema.columns"
            " where table_schema = 'own' and table_name = 'top' and column_name = 'offer_id'"
        )
        assert size == 64
        assert views_of(warehouse) == before


def views_of(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """The definitions of the views in schema own, without the sizes of columns."""
    return warehouse.query(
        "select relname, pg_get_viewdef(oid), relowner, cast(relacl as text), obj_description(oid),"
        " col_description(oid, 3) from pg_class"
        " where relnamespace = cast('own' as regnamespace) order by 1"
    )


def test_a_column_that_cannot_be_widened_keeps_its_views(
    postgres_environment: dict[str, str],
) -> None:
    del postgres_environment
    with open_warehouse() as warehouse:
        ensure_tables(warehouse)
        for statement in (
            "alter table landed.offer_extended alter column offer_id type varchar(8)",
            "create schema own",
            "create view own.base as select offer_id from landed.offer_extended",
            "create materialized view own.top as select * from own.base",
        ):
            warehouse.execute(statement)
        with pytest.raises(WarehouseError, match="top"):
            ensure_tables(warehouse)
        assert warehouse.query("select * from own.top") == []
        assert warehouse.query("select * from own.base") == []


def test_postgres_has_indexes_on_batches_and_times(
    postgres_environment: dict[str, str],
) -> None:
    del postgres_environment
    with open_warehouse() as warehouse:
        ensure_tables(warehouse)
        wanted = indexes(warehouse)
        events = set(raw_tables()) - set(landing_tables())
        assert {
            t for t, kind, column in wanted if (kind, column) == ("brin", "occurred_at")
        } == events
        by_batch = {t for t, kind, column in wanted if (kind, column) == ("btree", "batch_id")}
        assert by_batch == {"failure_actions", "unknown_properties", *events}
        # A warehouse of an older version gets each of them once, with its next landing.
        for name in ("offer_extended_occurred_at_idx", "page_viewed_batch_id_idx"):
            warehouse.execute(f"drop index landed.{name}")
        assert len(indexes(warehouse)) == len(wanted) - 2
        ensure_tables(warehouse)
        assert indexes(warehouse) == wanted


def indexes(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """The indexes of landed tables: table, kind and column."""
    return warehouse.query(
        r"select tablename, substring(indexdef from 'USING (\w+)'),"
        r" substring(indexdef from '\((\w+)\)') from pg_indexes where schemaname = 'landed'"
        " order by 1, 2, 3"
    )
