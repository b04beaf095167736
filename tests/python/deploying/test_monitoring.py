"""Alerts and the dashboard ask for metrics and marts that exist, and alerts are raised."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import sqlglot
import yaml
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.qualify import qualify

from hirehouse.contracts.model import ROOT
from support import metrics

FOLDER = ROOT / "deploy" / "monitoring"
OF_PROMETHEUS = {"up"}
# What Grafana replaces before it sends a query.
RATE_INTERVAL = "$__rate_interval"


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    return metrics.of_collector(tmp_path_factory.mktemp("metrics")) | metrics.of_loop()


@pytest.fixture(scope="module")
def marts() -> dict[str, object]:
    """The columns of each mart, as docs/marts.json promises them."""
    frozen = json.loads((ROOT / "docs" / "marts.json").read_text(encoding="utf-8"))["marts"]
    found: dict[str, dict[str, dict[str, str]]] = {}
    for name, mart in frozen.items():
        schema, _, table = name.partition(".")
        found.setdefault(schema, {})[table] = mart["columns"]
    return {**found}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def targets() -> Iterator[dict[str, Any]]:
    dashboard = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        yield from panel["targets"]


def unknown_metrics(expression: str, exposed: dict[str, list[dict[str, str]]]) -> list[str]:
    """What an expression selects that is not exposed; ValueError if it is no PromQL."""
    selected = promql_parser.parse(expression.replace(RATE_INTERVAL, "5m")).prettify()
    # Names of metrics only: those of labels stand in braces or after `by` and `on`.
    bare = re.sub(r"\{[^}]*\}|\b(by|on|without|ignoring)\s*\([^)]*\)|\"[^\"]*\"", "", selected)
    names = re.findall(r"(?<![\w.])(hirehouse_\w+|up)\b", bare)
    assert names, expression
    return [name for name in names if name not in exposed.keys() | OF_PROMETHEUS]


def test_metrics_of_alerts_and_of_the_dashboard_are_exposed(
    exposed: dict[str, list[dict[str, str]]],
) -> None:
    expressions = [str(rule["expr"]) for rule in alerts()]
    expressions += [target["expr"] for target in targets() if "expr" in target]
    assert len(expressions) > 20
    for expression in expressions:
        assert not unknown_metrics(expression, exposed), expression


def test_a_metric_that_is_not_exposed_and_broken_promql_are_found(
    exposed: dict[str, list[dict[str, str]]],
) -> None:
    expression = "sum by (producer) (rate(hirehouse_collected[5m])) > hirehouse_lag_seconds"
    assert unknown_metrics(expression, exposed) == ["hirehouse_collected"]
    with pytest.raises(ValueError, match="parenthesis"):
        unknown_metrics("sum(rate(hirehouse_answers_total)", exposed)


def test_series_begin_before_their_first_event(exposed: dict[str, list[dict[str, str]]]) -> None:
    assert {"producer": "web"} in exposed["hirehouse_collected_total"]
    assert {"status": "503"} in exposed["hirehouse_answers_total"]
    assert {"result": "bad"} in exposed["hirehouse_rounds_total"]


def test_queries_of_the_dashboard_fit_the_marts(marts: dict[str, object]) -> None:
    queries = [target["rawSql"] for target in targets() if "rawSql" in target]
    assert len(queries) == 3
    for query in queries:
        qualify(sqlglot.parse_one(query, dialect="redshift"), schema=marts, dialect="redshift")
    wrong = "select received_on from operations.failed_events"
    with pytest.raises(OptimizeError, match="received_on"):
        qualify(sqlglot.parse_one(wrong, dialect="redshift"), schema=marts, dialect="redshift")


def test_every_alert_says_what_to_do() -> None:
    for rule in alerts():
        assert rule["alert"].startswith("Hirehouse")
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "action"}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_every_alert_is_raised_by_a_history_and_only_then(tmp_path: Path) -> None:
    for name in ("alerts.yml", "alerts.test.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    histories = (tmp_path / "alerts.test.yml").read_text(encoding="utf-8")
    assert {rule["alert"] for rule in alerts()} <= set(re.findall(r"Hirehouse\w+", histories))
    check = ["promtool", "test", "rules", "alerts.test.yml"]
    assert subprocess.run(check, cwd=tmp_path, check=False).returncode == 0
    broken = (tmp_path / "alerts.yml").read_text(encoding="utf-8")
    (tmp_path / "alerts.yml").write_text(
        broken.replace("unless sum by (producer)", "and sum by (producer)")
    )
    assert subprocess.run(check, cwd=tmp_path, check=False).returncode == 1
