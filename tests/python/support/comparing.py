"""What two builds of the same events differ in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from hirehouse.warehouse.connections import Warehouse

ROWS = 5_000  # differing rows of a model that are fetched
PREFIX = re.compile(r"h(\d{4})\.")
BATCH = {"batch_id", "batch_row"}
# Of the rows of t, whatever their order.
HASHED = {
    "duckdb": "sum(hash(t))",
    "postgres": "sum(hashtextextended(cast(t as text), 0))",
}


@dataclass(frozen=True)
class Difference:
    """A row that only one of the two builds has."""

    model: str
    build: str
    row: dict[str, Any] = field(hash=False)

    def histories(self) -> set[int]:
        """Numbers of the histories whose ids the row holds; none in an aggregate without ids."""
        found = (PREFIX.findall(v) for v in self.row.values() if isinstance(v, str))
        return {int(number) for numbers in found for number in numbers}


def differing(
    warehouse: Warehouse,
    model: str,
    tables: dict[str, str],
    *,
    less: Collection[str] = (),
    rows: int = ROWS,
) -> list[Difference]:
    """Rows that only one of two tables has, of each at most so many.

    Args:
        model: its name.
        tables: by the name of the build, two tables with the model's rows.
        less: columns that are not compared.
    """
    there, columns = (columns_of(warehouse, table) for table in tables.values())
    # By name: a contract's new column stands last in a table that was there before it.
    if sorted(there) != sorted(columns):
        texts = zip(tables, (" ".join(there), " ".join(columns)), strict=True)
        return [Difference(model, build, {"columns": text}) for build, text in texts]
    taken = [column for column in columns if column not in less]
    listed = ", ".join(taken)
    if hashed := HASHED.get(warehouse.engine):
        # Most tables are equal, and a hash of each tells so sooner than their rows.
        sums = [
            warehouse.query(f"select count(*), {hashed} from (select {listed} from {table}) as t")
            for table in tables.values()
        ]
        if sums[0] == sums[1]:
            return []
    less_all, counted, grouped = "except all", "", ""
    if warehouse.engine == "redshift":  # which has no `except all`
        less_all, counted, grouped = "except", ", count(*) as copies", f"group by {listed}"
    found = []
    for build, other in (list(tables), list(tables)[::-1]):
        content = warehouse.query(
            f"select {listed} {counted} from {tables[build]} {grouped} {less_all}"
            f" select {listed} {counted} from {tables[other]} {grouped} order by 1 limit {rows}"
        )
        found += [Difference(model, build, dict(zip(taken, row, strict=False))) for row in content]
    return found


def against(
    model: str,
    columns: Collection[str],
    expected: Iterable[tuple[Any, ...]],
    found: Iterable[tuple[Any, ...]],
) -> list[Difference]:
    """Rows that a model has and should not have, or should have and has not."""
    should, has = Counter(expected), Counter(found)
    return [
        Difference(model, build, dict(zip(columns, row, strict=True)))
        for build, rows in (("expected", should - has), ("incremental", has - should))
        for row in list(rows.elements())[:ROWS]
    ]


def columns_of(warehouse: Warehouse, table: str) -> list[str]:
    """Names of a table's columns, in order."""
    # To list columns in its catalog, DuckDB binds every view that there is.
    with warehouse.cursor(f"select * from {table} limit 0") as cursor:
        return [column[0] for column in cursor.description]


def drop_schemas(warehouse: Warehouse, schemas: set[str]) -> None:
    """Drop schemas with all that is in them."""
    for schema in sorted(schemas):
        warehouse.execute(f"drop schema if exists {schema} cascade")
