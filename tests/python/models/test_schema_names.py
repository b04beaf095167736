"""Where models go in production; test_examples_ci.py has those of a pull request."""

from __future__ import annotations

from pathlib import Path

import pytest

from hirehouse.running.warm_dbt import DbtError, WarmDbt
from support.marts import DOMAINS
from support.project import manifest, schemas_of


def test_production_has_plain_names() -> None:
    assert schemas_of(manifest()) == {*DOMAINS, "intermediate", "reference", "staging"}


def test_a_warning_fails_the_parse(duckdb_environment: dict[str, str], tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "models" / "a.sql").write_text("select 1 as a")
    (project / "dbt_project.yml").write_text(
        "{name: hirehouse, profile: hirehouse, models: {hirehouse: {nowhere: {+tags: x}}}}"
    )
    with pytest.raises(DbtError, match="nowhere"):
        WarmDbt(project, tmp_path / "target", duckdb_environment)
