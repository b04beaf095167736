"""Contract files within bounds: names before they reach DDL, and aliases that grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from hirehouse.contracts.lint import check
from hirehouse.contracts.model import ContractError, load
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import Warehouse

CONTRACT = """\
sources:
  - name: app
    schema: landed
    tables:
      - name: {table}
        description: A thing was done.
        config: {{meta: {{version: 1, owner: team}}}}
        columns:
          - {{name: '{column}', description: The thing., data_type: varchar(8)}}
"""
WRONG = ["user", 'x" int); drop table landed.batches; --', "Thing", "thing done", "x" * 64]


def project(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "models" / "staging" / "app"
    folder.mkdir(parents=True)
    (folder / "thing_done.yml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("column", WRONG)
def test_a_name_that_breaks_sql_is_refused_before_it_is_used(tmp_path: Path, column: str) -> None:
    root = project(tmp_path, CONTRACT.format(table="thing_done", column=column))
    with pytest.raises(ContractError, match=r"thing_done\.yml: column .*(no name|reserved by)"):
        load(root)
    assert any(problem.rule == "name" for problem in check(root))


def test_a_table_needs_a_name_that_no_engine_reserves(tmp_path: Path) -> None:
    root = project(tmp_path, CONTRACT.format(table="select", column="thing_id"))
    with pytest.raises(ContractError, match="table select is reserved by"):
        load(root)


def test_a_landing_refuses_what_the_check_refuses(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(tmp_path, CONTRACT.format(table="thing_done", column="user"))
    monkeypatch.setattr("hirehouse.landing.land.load", lambda: load(root))
    (tmp_path / "a.ndjson").write_text("{}\n")
    with pytest.raises(ContractError, match="user is reserved by"):
        land([tmp_path / "a.ndjson"], warehouse)
    assert not warehouse.query(
        "select 1 from information_schema.tables where table_schema = 'landed'"
    )


def grown(first: str, inner: str) -> str:
    """Twelve parts, each of ten times the one before."""
    lines = [f"a0: &a0 {first}"]
    for number in range(1, 12):
        lines.append(f"a{number}: &a{number} " + inner % ", ".join([f"*a{number - 1}"] * 10))
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text", [grown("[1]", "[%s]"), grown("{k: 1}", "{<<: [%s]}"), "a: &a [*a, *a]"]
)
def test_a_file_that_its_aliases_make_huge_is_refused(tmp_path: Path, text: str) -> None:
    root = project(tmp_path, f"{text}\n" + CONTRACT.format(table="thing_done", column="thing_id"))
    with pytest.raises(ContractError, match=r"thing_done\.yml:1: .*aliases"):
        load(root)
    assert any("aliases" in str(problem) for problem in check(root))


def test_a_few_aliases_are_fine(tmp_path: Path) -> None:
    text = CONTRACT.format(table="thing_done", column="thing_id").replace("meta: {", "meta: &m {")
    assert ("thing_done", 1) in load(project(tmp_path, f"x: &x [1]\ny: *x\n{text}"))
