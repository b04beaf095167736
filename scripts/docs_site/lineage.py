"""Which columns a column comes from, read with sqlglot from the SQL that dbt has compiled.

A column comes from the columns in the expression that selects it, and in its subqueries. What only
filters, joins, groups or sorts rows does not count, unless the value is nothing but a place in an
order, as in `row_number() over (order by opened_at)`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

from sqlglot import MappingSchema, exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage

from hirehouse.contracts.errors import ExpectedError


class LineageError(ExpectedError):
    """A manifest without compiled SQL."""


class Column(NamedTuple):
    """A column of a model, a seed or a source, by dbt's unique id."""

    unique_id: str
    name: str


@dataclass(frozen=True)
class Lineage:
    """The columns of a project.

    Args:
        edges: by column, the columns it comes from directly, sorted; empty for columns of seeds and
            sources, and for those of models that no column is in, such as a count of rows.
        unresolved: by model, what could not be found out, in words; `edges` lacks that.
    """

    edges: Mapping[Column, Sequence[Column]]
    unresolved: Mapping[str, Sequence[str]]

    def origins(self, column: Column) -> list[Column]:
        """The columns of sources and seeds that a column finally comes from, sorted.

        Raises:
            KeyError: the project has no such column.
        """
        reached = _reached(column, self.edges)
        return [one for one in reached if one.unique_id.startswith(("source.", "seed."))]

    def uses(self, column: Column) -> list[Column]:
        """The columns of models that come from a column, directly or through others, sorted.

        Raises:
            KeyError: the project has no such column.
        """
        return _reached(column, self._used_by)

    @cached_property
    def _used_by(self) -> Mapping[Column, Sequence[Column]]:
        users: dict[Column, list[Column]] = {column: [] for column in self.edges}
        for column, sources in self.edges.items():
            for source in sources:
                users[source].append(column)
        return users


def _reached(start: Column, edges: Mapping[Column, Sequence[Column]]) -> list[Column]:
    found: set[Column] = set()
    left = list(edges[start])
    while left:
        column = left.pop()
        if column not in found:
            found.add(column)
            left += edges[column]
    return sorted(found)


def column_lineage(manifest: Mapping[str, Any]) -> Lineage:
    """The lineage of all columns of a project.

    Args:
        manifest: the content of dbt's manifest.json after a `dbt compile`; its SQL is read in the
            dialect of its `adapter_type`.

    Raises:
        LineageError: a model has no compiled SQL.
    """
    reader = _Reader(str(manifest["metadata"]["adapter_type"]))
    nodes: dict[str, dict[str, Any]] = manifest["nodes"]
    for node, columns in _tables(manifest):
        reader.add(node, columns)
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
    inputs = {key: node["depends_on"]["nodes"] for key, node in models.items()}
    for key in TopologicalSorter(inputs).static_order():
        if key in models:
            reader.read(models[key])
    return Lineage(reader.edges, dict(reader.unresolved))


def _tables(manifest: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """The seeds and the sources with their columns; each event also has those of the envelope."""
    sources = manifest["sources"].values()
    envelope = [
        column
        for source in sources
        if (source["source_name"], source["name"]) == ("landing", "envelope")
        for column in source["columns"]
    ]
    for source in sources:
        shared = [] if source["source_name"] == "landing" else envelope
        yield source, [*shared, *source["columns"]]
    for node in manifest["nodes"].values():
        if node["resource_type"] == "seed":
            yield node, list(node["columns"])


class _Reader:
    """Reads models in the order in which dbt builds them, so that `*` finds its columns."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.schema = MappingSchema(dialect=dialect)
        self.edges: dict[Column, list[Column]] = {}
        self.unresolved: dict[str, list[str]] = defaultdict(list)
        # By schema, table and column as in SQL, where the case of names does not count.
        self.columns: dict[tuple[str, str, str], Column] = {}

    def add(self, node: Mapping[str, Any], columns: Sequence[str]) -> None:
        """Let models read a table."""
        schema, table = node["schema"], str(node.get("alias") or node["identifier"])
        for name in columns:
            column = Column(node["unique_id"], name)
            self.edges.setdefault(column, [])
            self.columns[schema, table, name.lower()] = column
        types = dict.fromkeys(columns, "unknown")
        self.schema.add_table(exp.table_(table, db=schema), types, match_depth=False)

    def read(self, model: Mapping[str, Any]) -> None:
        """Find out what the columns of a model come from."""
        key = model["unique_id"]
        if not model.get("compiled_code"):
            raise LineageError(f"the manifest has no SQL of {key}: run `dbt compile`")
        found: dict[str, Node] = {}
        try:
            # Each scope of the query is resolved once, for all columns.
            found = lineage(
                None,
                self._parsed(model["compiled_code"]),
                self.schema,
                dialect=self.dialect,
                trim_selects=False,
                copy=False,
                identify=True,
                validate_qualify_columns=True,
            )
        except (SqlglotError, ValueError) as error:
            self.unresolved[key].append(str(error).splitlines()[0])
        declared = {name.lower(): name for name in model["columns"]}
        nodes = {declared.pop(name.lower(), name): node for name, node in found.items()}
        for name, node in nodes.items():
            column = Column(key, name)
            self.edges[column] = sorted(set(self._leaves(column, node)))
        if declared:
            self.unresolved[key].append(f"not selected: {', '.join(declared.values())}")
        self.add(model, [*nodes, *declared.values()])

    def _parsed(self, sql: str) -> exp.Expr:
        parsed = parse_one(sql, dialect=self.dialect)
        for window in parsed.find_all(exp.Window):
            window.set("partition_by", None)
            if window.this.find(exp.Column):
                window.set("order", None)
        return parsed

    def _leaves(self, column: Column, node: Node) -> Iterator[Column]:
        for leaf in node.walk():
            table = leaf.expression
            if leaf.downstream or not isinstance(table, exp.Table | exp.Placeholder):
                continue  # no end, or a value without a column
            name = parse_one(leaf.name).name
            source = self.columns.get((table.text("db"), table.name, name.lower()))
            if source:
                yield source
            else:
                self.unresolved[column.unique_id].append(f"{column.name} comes from {leaf.name}")
