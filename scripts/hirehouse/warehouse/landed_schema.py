"""The tables of schema `landed`, as the contracts state them: their columns in SQL and in Arrow."""

from functools import cache

import pyarrow as pa

from hirehouse.contracts.model import (
    ROOT,
    Column,
    ContractError,
    DataType,
    columns_of,
    declared,
    envelope,
    load,
)
from hirehouse.warehouse.connections import Warehouse
from hirehouse.warehouse.profile import WarehouseError

RAW = "landed"
OLDER = "raw"  # what older versions called the schema
ARROW: dict[str, pa.DataType] = {
    "varchar": pa.string(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
# What the catalogues of the engines call the types.
CATALOGUE = {
    "character varying": "varchar",
    "timestamp without time zone": "timestamp",
    "decimal": "numeric",
    "int": "integer",
}
# What PostgreSQL finds rows by, other than by their batch.
INDEXED = {"batches": "", "failed_events": "failure_id", "failed_event_bodies": "failure_id"}
# Events come about in the order of their times, so a few bytes per block tell where a time may be.
BY_TIME = "using brin (occurred_at) with (autosummarize = on)"
# PostgreSQL changes no type of a column that a view shows: the views on it, and those on them, are
# dropped and made anew, in one statement.
WIDENED = """
do $$
declare
    shown record;
    gone text[];
    made text[];
    step text;
begin
    for shown in
        with recursive views (oid, depth) as (
            select cast('{place}' as regclass), 0
            union
            select cast(rules.ev_class as regclass), views.depth + 1
            from views
            inner join pg_depend as dependencies on views.oid = dependencies.refobjid
            inner join pg_rewrite as rules on dependencies.objid = rules.oid
            where
                dependencies.classid = cast('pg_rewrite' as regclass)
                and dependencies.refclassid = cast('pg_class' as regclass)
                and rules.ev_class <> views.oid
        )
        select
            classes.oid,
            classes.relacl,
            classes.relowner,
            format('%I.%I', namespaces.nspname, classes.relname) as name
        from views
        inner join pg_class as classes on views.oid = classes.oid
        inner join pg_namespace as namespaces on classes.relnamespace = namespaces.oid
        where views.depth > 0
        group by classes.oid, namespaces.nspname
        order by max(views.depth)
    loop
        gone := format('drop view %s', shown.name) || gone;
        made := made
            || format('create view %s as %s', shown.name, pg_get_viewdef(shown.oid))
            || format('alter view %s owner to %s', shown.name, cast(shown.relowner as regrole))
            || array(
                select
                    format('grant %s on %s to ', privilege_type, shown.name)
                    || case when grantee = 0 then 'public' else cast(grantee as regrole)::text end
                    || case when is_grantable then ' with grant option' else '' end
                from aclexplode(shown.relacl)
            )
            || array(
                select case objsubid
                    when 0 then format('comment on view %s is %L', shown.name, description)
                    else format(
                        'comment on column %s.%I is %L', shown.name, attribute.attname, description
                    )
                end
                from pg_description as comments
                left join pg_attribute as attribute
                    on comments.objoid = attribute.attrelid and comments.objsubid = attribute.attnum
                where
                    comments.objoid = shown.oid
                    and comments.classoid = cast('pg_class' as regclass)
            );
    end loop;
    foreach step in array gone || array['{altered}'] || made loop
        execute step;
    end loop;
end
$$
"""
# The views that show a table's columns.
VIEWS_OF = """
    select distinct schemas.nspname, views.relname
    from pg_catalog.pg_depend as dependencies
    inner join pg_catalog.pg_rewrite as rules on dependencies.objid = rules.oid
    inner join pg_catalog.pg_class as views on rules.ev_class = views.oid
    inner join pg_catalog.pg_namespace as schemas on views.relnamespace = schemas.oid
    inner join pg_catalog.pg_class as tables on dependencies.refobjid = tables.oid
    inner join pg_catalog.pg_namespace as places on tables.relnamespace = places.oid
    where places.nspname = '{}' and tables.relname = '{}' and views.oid <> tables.oid
"""


def arrow_type(kind: DataType) -> pa.DataType:
    if kind.kind == "numeric":
        return pa.decimal128(kind.size, kind.scale)
    return ARROW[kind.kind]


@cache
def landing_tables() -> dict[str, tuple[Column, ...]]:
    """The lander's own tables, from models/staging/landing."""
    return {
        str(table["name"]): columns_of(table, path) for path, _, table in declared(ROOT, "landing")
    }


@cache
def raw_tables() -> dict[str, tuple[Column, ...]]:
    """All tables of schema landed: the lander's own, and one per contract, the envelope first."""
    events = {c.table: (*envelope(), *c.columns) for c in load().values()}
    return landing_tables() | events


@cache
def arrow_schema(table: str) -> pa.Schema:
    """A raw table's, less `batch_id`, which is set on writing."""
    columns = raw_tables()[table]
    return pa.schema([(c.name, arrow_type(c.type)) for c in columns if c.name != "batch_id"])


def ensure_tables(warehouse: Warehouse) -> None:
    """Create what is missing of schema landed, add new columns, and widen what a contract widened.

    So tables exist before their first event, with the types of the contract to the letter.

    Raises:
        ContractError: a column of the warehouse has a type that does not go into the contract's.
        WarehouseError: it was made by an older version, and all that has landed is in schema raw.
    """
    present: dict[str, dict[str, DataType]] = {}
    for table, column, kind, size, precision, scale in warehouse.query(
        "select table_name, column_name, data_type, character_maximum_length, numeric_precision,"
        f" numeric_scale from information_schema.columns where table_schema = '{RAW}'"
    ):
        name = str(kind).lower().split("(")[0]
        name = CATALOGUE.get(name, name)
        first = {"varchar": size, "numeric": precision}.get(name)
        there = DataType(name, int(first or 0), int(scale or 0) if name == "numeric" else 0)
        present.setdefault(str(table), {})[str(column)] = there
    if "batches" not in present and is_older(warehouse):
        raise WarehouseError(
            f"{warehouse.where}: this warehouse was made by an older version:"
            " run `hirehouse upgrade`"
        )
    # Not `if not exists`, which takes the right to create schemas even where there is one.
    if not warehouse.query("select 1 from pg_catalog.pg_namespace where nspname = ?", [RAW]):
        warehouse.execute(f"create schema {RAW}")
    for table, columns in raw_tables().items():
        if table not in present:
            _create(warehouse, table, columns)
            continue
        for column in columns:
            _alter(warehouse, table, column, present[table].get(column.name))
    if warehouse.engine == "postgres":
        _index(warehouse)


def is_older(warehouse: Warehouse) -> bool:
    """Whether an older version has landed here, into schema raw."""
    # By a column, since the name raw is so common that a schema of it may be someone else's. Not in
    # information_schema, which leaves out what a role may not read: that has to be an error.
    found = warehouse.query(
        "select 1 from pg_catalog.pg_attribute as columns"
        " inner join pg_catalog.pg_class as tables on columns.attrelid = tables.oid"
        " inner join pg_catalog.pg_namespace as schemas on tables.relnamespace = schemas.oid"
        f" where schemas.nspname = '{OLDER}' and tables.relname = 'batches'"
        " and columns.attname = 'committed_at'"
    )
    if found:
        warehouse.query(f"select committed_at from {OLDER}.batches limit 0")
    return bool(found)


def _create(warehouse: Warehouse, table: str, columns: tuple[Column, ...]) -> None:
    # Only what the lander itself fills is `not null`: a contract may make a property optional
    # later, and that must not block landing.
    fixed = {c.name for c in landing_tables().get(table, envelope()) if c.required}
    parts = [f'"{c.name}" {c.type}{" not null" if c.name in fixed else ""}' for c in columns]
    sort = " compound sortkey (batch_id)" if warehouse.engine == "redshift" else ""
    warehouse.execute_alone(
        f'create table if not exists {RAW}."{table}" ({", ".join(parts)}){sort}'
    )


def _index(warehouse: Warehouse) -> None:
    """Create the indexes that tables lack, those of an older version, too."""
    present = warehouse.query(
        "select tables.relname, columns.attname from pg_index as indexes"
        " inner join pg_class as tables on indexes.indrelid = tables.oid"
        " inner join pg_namespace as schemas on tables.relnamespace = schemas.oid"
        " inner join pg_attribute as columns"
        " on tables.oid = columns.attrelid and columns.attnum = any(indexes.indkey)"
        f" where schemas.nspname = '{RAW}'"
    )
    for table in raw_tables():
        column = INDEXED.get(table, "batch_id")
        if column and (table, column) not in present:
            warehouse.execute(f'create index on {RAW}."{table}" ({column})')
        if table not in landing_tables() and (table, "occurred_at") not in present:
            warehouse.execute(f'create index on {RAW}."{table}" {BY_TIME}')


def _alter(warehouse: Warehouse, table: str, column: Column, there: DataType | None) -> None:
    place, wanted = f'{RAW}."{table}"', column.type
    if there is None:
        warehouse.execute_alone(f'alter table {place} add column "{column.name}" {wanted}')
    elif there == column.type or (warehouse.engine == "duckdb" and there.kind == "varchar"):
        return  # DuckDB does not keep the length of a varchar
    elif column.type.widens(there):
        altered = f'alter table {place} alter column "{column.name}" type {wanted}'
        if warehouse.engine == "postgres":
            altered = WIDENED.replace("{place}", place).replace("{altered}", altered)
        elif warehouse.engine == "redshift":
            _widen_on_redshift(warehouse, table, column, altered)
            return
        warehouse.execute(altered)
    else:
        raise ContractError(
            f"{RAW}.{table}.{column.name} is {there} in the warehouse and {wanted} in its"
            " contract. Only a wider type can replace it: make the change in a new version,"
            f" {table}_v2"
        )


def _widen_on_redshift(warehouse: Warehouse, table: str, column: Column, altered: str) -> None:
    """Redshift changes the type of no column that a view shows: the next build makes these anew."""
    place = f'{RAW}."{table}"'
    for schema, view in warehouse.query(VIEWS_OF.format(RAW, table)):
        warehouse.execute_alone(f'drop view if exists {schema}."{view}" cascade')
    if column.type.kind == "varchar":
        warehouse.execute_alone(altered)
        return
    # Nor does it change any other type: the column is written anew.
    new = f"{column.name}__new"
    steps = (
        "begin",
        f'alter table {place} add column "{new}" {column.type}',
        f'update {place} set "{new}" = "{column.name}"',
        f'alter table {place} drop column "{column.name}"',
        f'alter table {place} rename column "{new}" to "{column.name}"',
        "commit",
    )
    for step in steps:
        warehouse.execute_alone(step)


def table_of(name: str, rows: list[tuple[object, ...]]) -> pa.Table:
    """Rows of one of the lander's tables as Arrow, values in the order of its columns."""
    schema = arrow_schema(name)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.table(list(map(pa.array, columns, schema.types)), schema=schema)
