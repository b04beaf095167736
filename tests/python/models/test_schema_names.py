"""Where models go: plain schema names in production, prefixed ones for everybody else."""

from __future__ import annotations

import json
from pathlib import Path

from support.project import STRICT, manifest, run

PLAIN = {"core", "finance", "intermediate", "marketplace", "operations", "reference", "staging"}


def schemas_of(text: str) -> set[str]:
    """The schemas of all models and seeds of a manifest."""
    nodes = json.loads(text)["nodes"].values()
    return {node["schema"] for node in nodes if node["resource_type"] in ("model", "seed")}


def test_production_has_plain_names() -> None:
    assert schemas_of(json.dumps(manifest())) == PLAIN


def test_a_developers_schema_is_a_prefix_and_redshift_parses_without_a_warning(
    tmp_path: Path,
) -> None:
    parsed = run(
        ["dbt", *STRICT, "parse", "--target", "redshift"], tmp_path, HIREHOUSE_SCHEMA="dev_ana"
    )
    assert (parsed.returncode, parsed.stdout) == (0, "")
    schemas = schemas_of((tmp_path / "target" / "manifest.json").read_text())
    assert schemas == {f"dev_ana_{schema}" for schema in PLAIN}


def test_a_warning_would_fail_the_parse(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "models" / "a.sql").write_text("select 1 as a")
    (project / "dbt_project.yml").write_text(
        "{name: hirehouse, profile: hirehouse, models: {hirehouse: {nowhere: {+tags: x}}}}"
    )
    parsed = run(["dbt", *STRICT, "parse"], tmp_path, cwd=project)
    assert parsed.returncode != 0
    assert "nowhere" in parsed.stdout
