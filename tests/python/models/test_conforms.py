"""The dbt test conforms_to_contract passes on good rows and names each rule that others break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import run_dbt
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.landed_schema import ensure_tables

pytestmark = pytest.mark.one_engine

COMMITTED, CRASHED = 1, 2
# A text of three characters that has four bytes.
WIDE = "x€"


def insert(warehouse: Warehouse, table: str, **values: object) -> None:
    marks = ", ".join("?" for _ in values)
    sql = f"insert into landed.{table} ({', '.join(values)}) values ({marks})"
    warehouse.execute(sql, list(values.values()))


def insert_event(warehouse: Warehouse, table: str, row: int, **properties: object) -> None:
    envelope: dict[str, object] = {
        "event_id": f"event-{row}",
        "occurred_at": "2026-01-05 10:00:00",
        "received_at": "2026-01-05 10:00:01",
        "batch_id": COMMITTED,
        "batch_row": row,
    }
    insert(warehouse, table, **envelope | properties)


REFUND: dict[str, object] = {
    "refund_id": "refund-1",
    "invoice_id": "invoice-1",
    "amount": "0.00",
    "currency": "EUR",
    "reason": "goodwill",
}
REQUEST: dict[str, object] = {
    "candidacy_id": "candidacy-1",
    "candidate_id": "candidate-1",
    "employer_id": "employer-1",
    "position_id": "position-1",
    "base_salary": 5_000_000,
    "currency": "USD",
}
BROKEN: list[dict[str, object]] = [
    {"candidacy_id": None},
    {"base_salary": -1},
    {"base_salary": 5_000_001},
    {"currency": "CHF"},
    {"currency": "CHF"},
    {"currency": WIDE},
    {"event_id": "é" * 65},
]
# By column and rule; a wide currency is no allowed one either.
VIOLATIONS = {
    ("event_id", "maxBytes"): 1,
    ("candidacy_id", "required"): 1,
    ("base_salary", "minimum"): 1,
    ("base_salary", "maximum"): 1,
    ("currency", "enum"): 3,
    ("currency", "maxBytes"): 1,
}


def results(target_path: Path) -> dict[str, Any]:
    """The results of the last dbt run, by the name of their source table."""
    found = json.loads((target_path / "run_results.json").read_text())["results"]
    return {
        table: next(r for r in found if table in r["unique_id"])
        for table in ("placement_refunded", "interview_requested")
    }


@pytest.mark.parametrize("environment", ["duckdb", "postgres"], indirect=True)
def test_it_passes_good_rows_and_names_what_others_break(
    environment: dict[str, str], tmp_path: Path
) -> None:
    target = environment["HIREHOUSE_TARGET"]
    with open_warehouse(target) as warehouse:
        ensure_tables(warehouse)
        started = {"started_at": "2026-01-05 10:00:00", "inputs": "[]"}
        committed = {"committed_at": "2026-01-05 10:00:02"}
        insert(warehouse, "batches", batch_id=COMMITTED, **started, **committed)
        insert(warehouse, "batches", batch_id=CRASHED, **started)
        insert_event(warehouse, "placement_refunded", 1, **REFUND)
        # What a crashed batch left behind does not count.
        crashed = REFUND | {"batch_id": CRASHED, "currency": "CHF"}
        insert_event(warehouse, "placement_refunded", 2, **crashed)
        insert_event(warehouse, "interview_requested", 1, **REQUEST)
        for row, change in enumerate(BROKEN, start=2):
            insert_event(warehouse, "interview_requested", row, **REQUEST | change)
    tables = ["source:billing.placement_refunded", "source:employer_app.interview_requested"]
    names = [f"{table},test_name:conforms_to_contract" for table in tables]
    artifacts = {"DBT_TARGET_PATH": str(tmp_path / "target")}
    done = run_dbt(["test", "--select", *names], environment | artifacts)
    found = results(tmp_path / "target")
    assert found["placement_refunded"]["status"] == "pass", done.stdout
    assert found["interview_requested"]["status"] == "fail", done.stdout
    assert found["interview_requested"]["failures"] == len(VIOLATIONS)
    with open_warehouse(target) as warehouse:
        rows = warehouse.query(found["interview_requested"]["compiled_code"])
    assert {(column, rule): count for column, rule, count in rows} == VIOLATIONS
