"""The docs page in a real browser."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from conftest import run_dbt
from support.browser import chromium
from support.marts import MakeEnvironment

QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    " --disable-background-networking --disable-component-update --virtual-time-budget=20000"
)


@pytest.mark.every
def test_the_docs_page_draws_the_lineage_of_fct_candidacies(
    make_environment: MakeEnvironment, tmp_path: Path
) -> None:
    program = chromium()
    environment = make_environment("duckdb", tmp_path)
    artifacts = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path)}
    done = run_dbt(["docs", "generate", "--static", "--empty-catalog"], environment | artifacts)
    assert done.returncode == 0, done.stdout
    page = (tmp_path / "target" / "static_index.html").as_uri()
    shown = subprocess.run(
        [
            program,
            *QUIET.split(),
            f"--user-data-dir={tmp_path / 'browser'}",
            "--dump-dom",
            f"{page}#!/model/model.hirehouse.fct_candidacies",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "One row per candidacy: one candidate for one position" in shown.stdout
    assert "int_candidacies" in shown.stdout
