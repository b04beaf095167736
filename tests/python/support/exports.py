"""Marts with made-up rows, exports of them, and what the files of a version hold."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from typer.testing import CliRunner, Result

from hirehouse.commands.main import app
from hirehouse.contracts.model import ROOT
from hirehouse.exporting import exports
from hirehouse.exporting.folders import Folder
from hirehouse.querying.relations import Mart, Relations
from hirehouse.warehouse.connections import Warehouse
from hirehouse.warehouse.profile import read_profile
from support.forks import Tell
from support.marts import content_hash

PAUSE = 0.01  # seconds
OFFERS = "marketplace.fct_offers"
FUNNEL = "marketplace.hiring_funnel_weekly"
# SQL of a value of each type from the number `n`; every third is null, and some texts are empty.
VALUES = {
    "varchar": "case n % 4 when 0 then '' when 1 then 'é''\"' || n else 'text ' || n end",
    "integer": "n * 7 - 500",
    "bigint": "cast(n as bigint) * 4000000000",
    "numeric": "cast(n * 0.25 - 3 as numeric(9, 4))",
    "boolean": "n % 2 = 0",
    "date": "date '2025-12-30' + n",
    "timestamp": "timestamp '2025-12-31 23:59:59.999999' + n * interval '20' hour",
}


def mart(relation: str) -> Mart:
    """What the project's files say of a mart."""
    return next(one for one in Relations(ROOT, "analytics").marts() if one.relation == relation)


def make(warehouse: Warehouse, relation: str, rows: int, *, view: bool = False) -> None:
    """Make a mart with so many rows, up to a thousand, as a table or as a view of one."""
    schema, name = relation.split(".")
    found = mart(relation)
    taken = []
    for column, (kind, _) in found.columns.items():
        value = VALUES[kind.partition("(")[0]]
        some = value if column in found.required else f"case when n % 3 <> 0 then {value} end"
        taken.append(f'cast({some} as {kind}) as "{column}"')
    # Redshift has no generate_series that a table can be made of.
    digits = f"({' union all '.join(f'select {n} as n' for n in range(10))})"
    numbers = (
        f"(select a.n + 10 * b.n + 100 * c.n as n from {digits} as a, {digits} as b, {digits} as c)"
        f" as r where n < {rows}"
    )
    warehouse.execute(f"create schema if not exists {schema}")
    table = f"{schema}.{name}_rows" if view else relation
    warehouse.execute(f"create table {table} as select {', '.join(taken)} from {numbers}")
    if view:
        warehouse.execute(f"create view {relation} as select * from {table}")


def export(*arguments: str | Path, code: int = 0) -> Result:
    """Run an export; AssertionError with its output if the exit code is another."""
    done = CliRunner().invoke(app, ["export", *map(str, arguments)])
    assert done.exit_code == code, done.output + repr(done.exception)
    return done


def exporting(out: str, marts: Sequence[str], tell: Tell) -> None:
    """What a child does: an export that tells "add" a while before each file is in the folder."""
    add = Folder.add

    def add_aloud(self: Folder, new: Path, name: str) -> None:
        tell("add")
        time.sleep(PAUSE)
        add(self, new, name)

    Folder.add = add_aloud  # type: ignore[method-assign]
    exports.export(exports.choose_marts(marts, "analytics"), Folder(out), read_profile(), say=tell)


def manifest(folder: Path, version: int | None = None) -> dict[str, Any]:
    """The manifest of a version, of the current one by default."""
    name = f"versions/{version:06}.json" if version else "manifest.json"
    content: dict[str, Any] = json.loads((folder / name).read_text())
    return content


def paths(folder: Path, relation: str, version: int | None = None) -> list[str]:
    """The files of a relation in a version, in the order of their months."""
    files = manifest(folder, version)["marts"][relation]["files"]
    return [str(folder / file["path"]) for file in files]


def content(folder: Path, relation: str, version: int | None = None) -> list[tuple[Any, ...]]:
    """The rows of a relation in a version, as Python's values, sorted."""
    return rows_of(pa.concat_tables(pq.read_table(p) for p in paths(folder, relation, version)))


def exported_hashes(folder: Path, schemas: Sequence[str]) -> dict[str, str]:
    """Export the marts of some schemas; the hashes of the files' rows, named as `mart_hashes`."""
    export(*schemas, "--out", folder)
    hashes = {}
    for relation in manifest(folder)["marts"]:
        table = pa.concat_tables(pq.read_table(path) for path in paths(folder, relation))
        name = f"{relation} ({table.num_rows} rows)"
        columns = sorted(table.column_names)
        hashes[name] = content_hash(columns, rows_of(table.select(columns)))
    return hashes


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of a table, sorted; times without the zone, which is UTC."""
    columns = []
    for column in table.columns:
        if pa.types.is_timestamp(column.type):
            assert column.type.tz == "UTC", column.type
            column = column.cast(pa.timestamp("us"))  # noqa: PLW2901
        columns.append(column.to_pylist())
    return sorted(zip(*columns, strict=True), key=repr)


def rows_in(warehouse: Warehouse, relation: str) -> list[tuple[Any, ...]]:
    """The rows of a mart in the warehouse, sorted."""
    names = ", ".join(f'"{name}"' for name in mart(relation).columns)
    return sorted(warehouse.query(f"select {names} from {relation}"), key=repr)
