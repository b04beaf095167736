"""The project as dbt sees it, made once per test run and read by several test files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from docs_site.lineage import Lineage, column_lineage
from hirehouse.contracts.model import ROOT
from hirehouse.running.warm_dbt import WarmDbt

BIN = Path(sys.executable).parent


def run(
    arguments: list[str], folder: Path, *, cwd: Path = ROOT, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment, on a warehouse and with artifacts of its own in `folder`.

    Args:
        arguments: the program's name and its arguments.
        folder: where the DuckDB file, dbt's target and its logs go.
        cwd: where to run it.
        variables: more environment variables.

    Returns:
        The finished process; its return code is not checked.
    """
    own = {
        "DBT_PROFILES_DIR": str(example_profile(folder / "profiles")),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "HIREHOUSE_TARGET": "duckdb",
        "HIREHOUSE_DUCKDB": str(folder / "hirehouse.duckdb"),
        "HIREHOUSE_SCHEMA": "analytics",
    }
    return subprocess.run(
        [str(BIN / arguments[0]), *arguments[1:]],
        cwd=cwd,
        env=os.environ | own | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def example_profile(folder: Path) -> Path:
    """A new folder with the project's example as profiles.yml."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "profiles.yml.example", folder / "profiles.yml")
    return folder


@cache
def compiled() -> Path:
    """dbt's target folder after a `dbt compile` on an empty DuckDB warehouse."""
    from support.parsing import kept  # noqa: PLC0415 - dbt takes 3 s

    with kept("compiled") as path:
        if not path.exists():
            made = path.with_suffix(".new")
            profiles = example_profile(made / "profiles")
            variables = {
                "DBT_PROFILES_DIR": str(profiles),
                "HIREHOUSE_TARGET": "duckdb",
                "HIREHOUSE_DUCKDB": str(made / "hirehouse.duckdb"),
                "HIREHOUSE_SCHEMA": "analytics",
                "DBT_WRITE_JSON": "true",
            }
            outcome = WarmDbt(folder=made / "target", variables=variables).run("compile")
            assert outcome.success, outcome.failed()
            made.rename(path)
    return path / "target"


@cache
def manifest_text() -> str:
    """The manifest, as text: each reader makes its own copy to change."""
    return (compiled() / "manifest.json").read_text()


def manifest() -> dict[str, Any]:
    """A manifest that a test may change."""
    loaded: dict[str, Any] = json.loads(manifest_text())
    return loaded


@cache
def lineage() -> Lineage:
    """The lineage of all columns, which takes seconds to find; nobody may change it."""
    return column_lineage(manifest())


def schemas_of(manifest: dict[str, Any]) -> set[str]:
    """The schemas of all models and seeds of a manifest."""
    nodes = manifest["nodes"].values()
    return {node["schema"] for node in nodes if node["resource_type"] in ("model", "seed")}
