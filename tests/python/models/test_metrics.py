"""Metrics equal their marts, on every engine, and none is lost on the way to MetricFlow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hirehouse.contracts.model import ROOT
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from rig.checking import refusal
from support.built import Built
from support.marts import MakeEnvironment
from support.semantic_layer import Metrics


@pytest.fixture
def metrics(built: Built, tmp_path: Path) -> Metrics:
    engine = built.environment["HIREHOUSE_TARGET"]
    return Metrics(WarmDbt(folder=tmp_path, variables=built.environment).manifest, engine, tmp_path)


def written() -> Iterator[tuple[str, str]]:
    """What the YAML of the models defines: ("semantic model" or "metric", name)."""
    for path in sorted((ROOT / "models").rglob("*.yml")):
        content = yaml.safe_load(path.read_text())
        for metric in content.get("metrics", []):
            yield "metric", metric["name"]
        for model in content.get("models", []):
            if "semantic_model" in model:
                yield "semantic model", model["semantic_model"]["name"]
            for metric in model.get("metrics", []):
                # After a change of a file, dbt's partial parsing reads its other metrics twice.
                assert metric["type"] == "simple", (
                    f"{path}: move {metric['name']} to models/metrics"
                )
                yield "metric", metric["name"]


def test_metrics_equal_their_marts(metrics: Metrics) -> None:
    with open_warehouse() as warehouse:
        assert metrics.differences(warehouse) == {}
        zeros = [
            name for name in metrics.equals if not any(metrics.by_mart(warehouse, name).values())
        ]
        metrics.equals = {"hires": metrics.equals["hires"] | {"value": "sum(hired_count) + 1"}}
        assert metrics.differences(warehouse).keys() == {"hires"}
        for name in (query.name for query in metrics.manifest.saved_queries.values()):
            rows = warehouse.query(metrics.sql(saved_query_name=name))
            assert len(rows) > 6, name
    # Of so few hires, all may stay.
    assert set(zeros) <= {"early_attrition_ratio", "left_early"}


def test_redshift_has_what_metrics_use(make_environment: MakeEnvironment, tmp_path: Path) -> None:
    """With --all they run there, too."""
    dbt = WarmDbt(folder=tmp_path, variables=make_environment("redshift", tmp_path))
    metrics = Metrics(dbt.manifest, "redshift", tmp_path)
    queries = [metrics.sql_of(name) for name in metrics.equals]
    assert [found for sql in queries if (found := refusal(sql))] == []
    assert refusal(f"select no_such_function(1) from ({queries[0]}) as metric")


@pytest.mark.one_engine
def test_no_metric_is_lost_and_all_are_described(metrics: Metrics) -> None:
    manifest = metrics.manifest
    found = [("metric", metric.name) for metric in manifest.metrics.values()]
    found += [("semantic model", model.name) for model in manifest.semantic_models.values()]
    assert sorted(found) == sorted(written())
    assert len(metrics.equals) >= 60
    for metric in manifest.metrics.values():
        assert metric.description, metric.name
        assert metric.group in {group.name for group in manifest.groups.values()}, metric.name
