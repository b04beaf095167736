"""What tests of the marts share: simulated input, builds, and a mart's content as one hash."""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from hirehouse.contracts.model import ROOT
from hirehouse.landing.land import Landed, land
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from simulator import simulate

LEFT_OUT = "left_out_of_this_run"
# A folder of marts is a schema; those that show arrival differ from build to build.
DOMAINS = tuple(
    sorted(path.name for path in (ROOT / "models" / "marts").iterdir() if path.is_dir())
)
SCHEMAS = tuple(name for name in DOMAINS if name not in ("operations", "data_science"))
# Marketplaces of different years, so that each month of the marts belongs to one of them.
STARTS = {3: date(2024, 1, 1), 2: date(2025, 1, 6), 1: date(2026, 1, 5)}


def simulated(folder: Path, *, candidates: int, days: int, **shares: Any) -> list[Path]:
    """Three marketplaces, each in a folder of its own with its truth, oldest first."""
    folders = []
    for seed, start in STARTS.items():
        out = folder / f"seed-{seed}"
        simulate(out, seed=seed, start=start, days=days, candidates=candidates, **shares)
        folders.append(out)
    return folders


def shuffled(folders: list[Path], out: Path, parts: int, seed: int) -> list[Path]:
    """All lines of some marketplaces in any order, cut into files."""
    lines = [
        line
        for folder in folders
        for path in sorted(folder.glob("*.ndjson.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    ]
    random.Random(seed).shuffle(lines)
    files = []
    for part in range(parts):
        path = out / f"part-{part}.ndjson"
        path.write_bytes(b"".join(lines[part::parts]))
        files.append(path)
    return files


def truth_of(folder: Path) -> dict[str, Any]:
    """The content of a marketplace's truth.json."""
    content: dict[str, Any] = orjson.loads((folder / "truth.json").read_bytes())
    return content


def land_into(environment: Mapping[str, str], paths: Iterable[Path]) -> Landed:
    """Land into the warehouse that the variables (set in this process) describe."""
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        return land([str(p) for p in paths], warehouse)


def dbt(environment: Mapping[str, str], folder: Path, *arguments: str) -> None:
    """Run dbt with warnings as errors; AssertionError with its messages if it fails."""
    outcome = WarmDbt(folder=folder / "target", variables=dict(environment)).run(*arguments)
    assert outcome.success, outcome.failed()


UNSTABLE = MappingProxyType({"known_from": "0", "known_to": "0"})


def one_test_in(count: int, dbt: WarmDbt, seed: int) -> list[str]:
    """Arguments that leave out all but one in so many of the tests, drawn by a seed.

    For engines other than DuckDB, where all of them pass, and whose marts are those of DuckDB.
    """
    choice = random.Random(seed)
    tests = [node for node in dbt.manifest.nodes.values() if node.resource_type == "test"]
    for kind in (tests, [*dbt.manifest.unit_tests.values()]):
        kind.sort(key=lambda node: node.unique_id)
        for node in choice.sample(kind, len(kind) * (count - 1) // count):
            node.tags.append(LEFT_OUT)
    return ["--exclude", f"tag:{LEFT_OUT}"]


def mart_hashes(
    warehouse: Warehouse,
    schemas: Iterable[str] = SCHEMAS,
    instead: Mapping[str, str] = UNSTABLE,
) -> dict[str, str]:
    """A hash of each mart's columns and rows, whatever the order of its rows.

    `model_progress` is left out: it tells of builds, and not of what they made.

    Args:
        schemas: whose tables and views to read.
        instead: SQL to read instead of the columns of a name, from the alias `t`; by default of
            when a state was known, since the copy that arrives first may be another one.
    """
    named = ", ".join(f"'{schema}'" for schema in schemas)
    tables: dict[str, list[str]] = {}
    for schema, table, column in warehouse.query(
        "select table_schema, table_name, column_name from information_schema.columns"
        f" where table_schema in ({named}) and table_name <> 'model_progress'"
        " order by 1, 2, 3"
    ):
        tables.setdefault(f"{schema}.{table}", []).append(column)
    hashes = {}
    for table, columns in tables.items():
        taken = [instead.get(column, column) for column in columns]
        rows = warehouse.query(f"select {', '.join(taken)} from {table} as t")
        hashes[f"{table} ({len(rows)} rows)"] = content_hash(columns, rows)
    return hashes


def timeless(hashes: Mapping[str, str]) -> dict[str, str]:
    """The hashes of marts that don't change with the order of arrival.

    What was known when does: of two copies the other one may come first, with another time.
    """
    return {mart: found for mart, found in hashes.items() if "_as_known " not in mart}


def content_hash(columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> str:
    """A hash of columns and rows, whatever the order of the rows."""
    digest = hashlib.sha256(repr(list(columns)).encode())
    for line in sorted(repr(row) for row in rows):
        digest.update(line.encode())
    return digest.hexdigest()


MakeEnvironment = Callable[[str, Path], dict[str, str]]
Enter = Callable[[str], dict[str, str]]
