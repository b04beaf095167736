"""What tests of the marts share: simulated input, builds, and a mart's content as one hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from conftest import run_dbt
from hirehouse.land import Landed, land
from hirehouse.simulate import simulate
from hirehouse.warehouse import Warehouse, open_warehouse

SCHEMAS = ("core", "marketplace", "finance")
# Marketplaces of different years, so that each month of the marts belongs to one of them.
STARTS = {3: date(2024, 1, 1), 2: date(2025, 1, 6), 1: date(2026, 1, 5)}


def simulated(folder: Path, *, candidates: int, days: int, **shares: float) -> list[Path]:
    """Three marketplaces, each in a folder of its own with its truth, oldest first."""
    folders = []
    for seed, start in STARTS.items():
        out = folder / f"seed-{seed}"
        simulate(out, seed=seed, start=start, days=days, candidates=candidates, **shares)
        folders.append(out)
    return folders


def truth_of(folder: Path) -> dict[str, Any]:
    """The content of a marketplace's truth.json."""
    content: dict[str, Any] = orjson.loads((folder / "truth.json").read_bytes())
    return content


def land_into(environment: Mapping[str, str], paths: Iterable[Path]) -> Landed:
    """Land into the warehouse that the variables (set in this process) describe."""
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        return land([str(p) for p in paths], warehouse)


def dbt(environment: Mapping[str, str], folder: Path, *arguments: str) -> str:
    """Run dbt with warnings as errors; AssertionError with its output if it fails."""
    variables = dict(environment) | {
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    done = run_dbt(["--warn-error-options", '{"error": "all"}', *arguments], variables)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def mart_hashes(warehouse: Warehouse, schemas: Iterable[str] = SCHEMAS) -> dict[str, str]:
    """A hash of each mart's columns and rows, whatever the order of its rows."""
    named = ", ".join(f"'{schema}'" for schema in schemas)
    tables = warehouse.query(
        "select table_schema, table_name from information_schema.tables"
        f" where table_schema in ({named}) order by 1, 2"
    )
    hashes = {}
    for schema, table in tables:
        columns = [
            name
            for (name,) in warehouse.query(
                "select column_name from information_schema.columns"
                f" where table_schema = '{schema}' and table_name = '{table}'"
                " order by ordinal_position"
            )
        ]
        rows = warehouse.query(f"select {', '.join(columns)} from {schema}.{table}")
        digest = hashlib.sha256(repr(columns).encode())
        for line in sorted(repr(row) for row in rows):
            digest.update(line.encode())
        hashes[f"{schema}.{table} ({len(rows)} rows)"] = digest.hexdigest()
    return hashes


MakeEnvironment = Callable[[str, Path], dict[str, str]]
