"""Metrics as MetricFlow computes them, and the marts that they must equal."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dbt.contracts.graph.semantic_manifest import SemanticManifest
from dbt_metricflow.cli.dbt_connectors.adapter_backed_client import AdapterBackedSqlClient
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow_semantics.model.dbt_manifest_parser import (
    parse_manifest_from_dbt_generated_manifest,
)
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from hirehouse.warehouse.connections import Warehouse

Values = dict[date | None, float]


class Metrics:
    """The metrics of a parsed project.

    Args:
        manifest: dbt's manifest of it, parsed for the engine.
        engine: duckdb, postgres or redshift.
        folder: for the semantic manifest.
    """

    def __init__(self, manifest: Any, engine: str, folder: Path) -> None:
        self.manifest = manifest
        path = folder / "semantic_manifest.json"
        SemanticManifest(manifest).write_json_to_file(str(path))
        parsed = parse_manifest_from_dbt_generated_manifest(path.read_text())

        # MetricFlow asks dbt's adapter for no more than its type to write SQL.
        adapter: Any = SimpleNamespace(type=lambda: engine)
        self.engine = MetricFlowEngine(
            SemanticManifestLookup(parsed), AdapterBackedSqlClient(adapter)
        )
        metrics = manifest.metrics.values()
        self.equals = {metric.name: metric.config.meta["equals"] for metric in metrics}
        self.cumulative = {metric.name for metric in metrics if metric.type.value == "cumulative"}

    def sql(self, **query: Any) -> str:
        """What `mf query` runs."""
        request = MetricFlowQueryRequest.create(**query)
        return str(self.engine.explain(request).sql_statement.sql)

    def sql_of(self, name: str) -> str:
        """A metric by the time that its mart has, or alone if the mart gives one value."""
        grain = grain_of(self.equals[name].get("time"))
        group_by = [f"metric_time__{grain}"] if grain else []
        return self.sql(metric_names=[name], group_by_names=group_by)

    def by_metricflow(self, warehouse: Warehouse, name: str) -> Values:
        """The metric by the time that its mart has; under None if the mart gives one value."""
        rows = warehouse.query(self.sql_of(name))
        return read(rows if "time" in self.equals[name] else [(None, *row) for row in rows])

    def by_mart(self, warehouse: Warehouse, name: str) -> Values:
        """The same from the mart that `equals` of the metric's `meta` names."""
        equals = self.equals[name]
        relation = next(
            f"{node.schema}.{node.alias}"
            for node in self.manifest.nodes.values()
            if node.resource_type == "model"
            and node.name == equals["model"]
            and node.version == node.latest_version
        )
        time = equals.get("time", "null")
        group = f" where {time} is not null group by 1" if "time" in equals else ""
        return read(warehouse.query(f"select {time}, {equals['value']} from {relation}{group}"))

    def differences(self, warehouse: Warehouse) -> dict[str, tuple[Values, Values]]:
        """The metrics that do not equal their mart, with both values."""
        found = {}
        for name in self.equals:
            one, other = self.by_metricflow(warehouse, name), self.by_mart(warehouse, name)
            # Where a mart has no row, nothing was to count; a sum to date goes on after the last.
            times = other.keys() | (set() if name in self.cumulative else one.keys())
            if any(not close(one.get(time, 0), other.get(time, 0)) for time in times):
                found[name] = (one, other)
        return found


def grain_of(time: str | None) -> str | None:
    """The granularity of a mart's column or expression of time."""
    if time is None:
        return None
    found = re.search(r"week|month|day|_on\b", time)
    assert found, time
    return found[0].replace("_on", "day")


def read(rows: list[tuple[Any, ...]]) -> Values:
    """Rows of a time and a value."""
    return {
        time if time is None else date(time.year, time.month, time.day): float(value)
        for time, value in rows
        if value is not None
    }


def close(one: float, other: float) -> bool:
    """Whether they are equal but for the rounding of floats, which MetricFlow divides by."""
    return abs(one - other) <= 1e-9 * max(1.0, abs(one), abs(other))
