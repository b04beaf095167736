"""The project as dbt sees it, made once per test run and read by several test files."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hirehouse.contracts.model import ROOT

BIN = Path(sys.executable).parent
# A warning is a failure, whatever it is about.
STRICT = ["--quiet", "--warn-error-options", "{error: all}"]


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
    profiles = folder / "profiles"
    profiles.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "profiles.yml.example", profiles / "profiles.yml")
    own = {
        "DBT_PROFILES_DIR": str(profiles),
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


@cache
def compiled() -> Path:
    """dbt's target folder after a `dbt compile` on an empty DuckDB warehouse."""
    folder = Path(tempfile.mkdtemp(prefix="hirehouse-project-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    done = run(["dbt", *STRICT, "compile"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "target"


@cache
def manifest_text() -> str:
    """The manifest, as text: each reader makes its own copy to change."""
    return (compiled() / "manifest.json").read_text()


def manifest() -> dict[str, Any]:
    """A manifest that a test may change."""
    loaded: dict[str, Any] = json.loads(manifest_text())
    return loaded
