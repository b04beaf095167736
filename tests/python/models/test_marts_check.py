"""`scripts/marts check` lets marts grow, and stops what would break a query on one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from hirehouse.contracts.model import ROOT
from stable_marts import EXTRACT, marts_app, marts_of_tree
from support.project import manifest

OFFERS = "models/marts/marketplace/fct_offers.yml"
PLACEMENT_FEES = "models/marts/finance/fct_placement_fees.yml"
Model = dict[str, Any]


def marts(*arguments: str, root: Path) -> Result:
    return CliRunner().invoke(marts_app, [*arguments, "--root", str(root)])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with a few of our marts, just released."""
    root = tmp_path / "project"
    for path in ("dbt_project.yml", OFFERS, PLACEMENT_FEES):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / path)
    assert marts("freeze", root=root).exit_code == 0
    return root


def edit(root: Path, change: Callable[[Model], object], path: str = OFFERS) -> None:
    text = yaml.safe_load((root / path).read_text())
    change(text["models"][0])
    (root / path).write_text(yaml.safe_dump(text, sort_keys=False))


def column(model: Model, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in model["columns"] if c["name"] == name)
    return found


def add_version(model: Model, *, until: str | None = "2099-12-31", alias: bool = True) -> None:
    """Version 2 of fct_offers, without `base_salary`; version 1 stays as it was."""
    model["columns"].remove(salary := column(model, "base_salary"))
    first: Model = {"v": 1, "columns": [{"include": "all"}, salary]}
    if alias:
        first["config"] = {"alias": "fct_offers"}
    if until:
        first["deprecation_date"] = until
    model |= {"latest_version": 2, "versions": [first, {"v": 2}]}


def test_the_project_keeps_what_its_latest_release_promised() -> None:
    checked = marts("check", root=ROOT)
    assert checked.exit_code == 0, checked.output


def test_what_is_read_from_yaml_is_what_dbt_builds() -> None:
    built = {
        f"{node['config']['schema']}.{node['alias']}": list(node["columns"])
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["access"] == "public"
    }
    assert {mart.relation: list(mart.columns) for mart in marts_of_tree(ROOT)} == built


def test_an_unchanged_tree_passes(tree: Path) -> None:
    checked = marts("check", root=tree)
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert "marts still are what the latest release promised" in checked.stdout


def test_new_columns_and_new_marts_pass(tree: Path) -> None:
    new = {"name": "seniority", "data_type": "varchar(20)"}
    edit(tree, lambda model: model["columns"].insert(0, new))
    (tree / "models/marts/growth").mkdir()
    (tree / "models/marts/growth/channels.yml").write_text(
        yaml.safe_dump({"models": [{"name": "channels", "columns": [new]}]})
    )
    assert marts("check", root=tree).exit_code == 0


def test_the_same_type_in_other_letters_passes(tree: Path) -> None:
    edit(tree, lambda model: column(model, "offer_id").update(data_type="VARCHAR( 64 )"))
    assert marts("check", root=tree).exit_code == 0


BREAKS: dict[str, tuple[Callable[[Model], object], list[str]]] = {
    "a removed column": (
        lambda model: model["columns"].remove(column(model, "base_salary")),
        ["marketplace.fct_offers: column base_salary (integer) is missing. Restore it"],
    ),
    "a renamed column": (
        lambda model: column(model, "base_salary").update(name="salary"),
        ["marketplace.fct_offers: column base_salary (integer) is missing. Restore it"],
    ),
    "a wider type": (
        lambda model: column(model, "base_salary").update(data_type="bigint"),
        ["marketplace.fct_offers: column base_salary was integer and is now bigint"],
    ),
    "a narrower varchar": (
        lambda model: column(model, "offer_id").update(data_type="varchar(36)"),
        ["column offer_id was varchar(64) and is now varchar(36)", "docs/stable-marts.md"],
    ),
    "a renamed mart": (
        lambda model: model.update(name="fct_job_offers"),
        ["marketplace.fct_offers: the mart is missing: restore model fct_offers"],
    ),
    "another alias": (
        lambda model: model.update(config={"alias": "offers"}),
        ["marketplace.fct_offers: model fct_offers no longer has this name"],
    ),
    "a mart that is no longer public": (
        lambda model: model.update(config={"access": "protected"}),
        ["marketplace.fct_offers: the mart is missing"],
    ),
    "a new version without a date for the old one": (
        lambda model: add_version(model, until=None),
        ["marketplace.fct_offers", "give version 1 a `deprecation_date`"],
    ),
    "a new version that takes the old one's name away": (
        lambda model: add_version(model, alias=False),
        ["a first version keeps it by `config: {alias: fct_offers}`"],
    ),
}


@pytest.mark.parametrize(("change", "messages"), BREAKS.values(), ids=BREAKS)
def test_a_break_fails_and_can_not_be_frozen(
    tree: Path, change: Callable[[Model], object], messages: list[str]
) -> None:
    released = (tree / EXTRACT).read_text()
    edit(tree, change)
    checked = marts("check", root=tree)
    assert checked.exit_code == 1
    assert [message for message in messages if message not in checked.stderr] == []
    assert marts("freeze", root=tree).exit_code == 1
    assert (tree / EXTRACT).read_text() == released


def test_a_removed_mart_fails(tree: Path) -> None:
    (tree / OFFERS).unlink()
    checked = marts("check", root=tree)
    assert checked.exit_code == 1
    assert "marketplace.fct_offers: the mart is missing: restore model fct_offers" in checked.stderr


def test_a_mart_that_moves_to_another_schema_fails(tree: Path) -> None:
    (tree / OFFERS).rename(tree / "models/marts/finance/fct_offers.yml")
    checked = marts("check", root=tree)
    assert checked.exit_code == 1
    assert "marketplace.fct_offers: model fct_offers no longer has this name" in checked.stderr


def test_a_new_version_beside_a_deprecated_one_passes(tree: Path) -> None:
    edit(tree, add_version)
    assert marts("check", root=tree).exit_code == 0
    assert marts("freeze", root=tree).exit_code == 0
    frozen = json.loads((tree / EXTRACT).read_text())["marts"]
    assert "base_salary" in frozen["marketplace.fct_offers"]["columns"]
    assert "base_salary" not in frozen["marketplace.fct_offers_v2"]["columns"]


def test_a_deprecated_version_may_not_change_either(tree: Path) -> None:
    edit(tree, lambda model: model["columns"].remove(column(model, "answer")))
    edit(tree, add_version)
    checked = marts("check", root=tree)
    assert checked.exit_code == 1
    assert "marketplace.fct_offers: column answer (" in checked.stderr


@pytest.mark.parametrize(("until", "code"), [("2020-01-01", 0), ("2099-12-31", 1)])
def test_a_deprecated_version_may_go_after_its_date(tree: Path, until: str, code: int) -> None:
    edit(tree, lambda model: add_version(model, until=until))
    assert marts("freeze", root=tree).exit_code == 0
    edit(tree, lambda model: model["versions"].pop(0))
    checked = marts("check", root=tree)
    assert checked.exit_code == code
    assert ("keep it there until 2099-12-31, as released" in checked.stderr) == bool(code)


def test_a_date_in_the_past_that_no_release_told_does_not_excuse(tree: Path) -> None:
    edit(tree, lambda model: add_version(model, until="2020-01-01"))
    edit(tree, lambda model: model["versions"].pop(0))
    assert marts("check", root=tree).exit_code == 1


def test_base_takes_the_promise_from_a_git_revision(tree: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", *identity, *arguments], cwd=tree, check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "release")
    git("tag", "v1")
    edit(tree, lambda model: model["columns"].remove(column(model, "base_salary")))
    (tree / EXTRACT).unlink()
    assert marts("freeze", root=tree).exit_code == 0
    assert marts("check", root=tree).exit_code == 0
    assert marts("check", "--base", "v1", root=tree).exit_code == 1
    assert marts("check", "--base", "v2", root=tree).exit_code == 2


def test_without_an_extract_it_says_what_to_do(tree: Path) -> None:
    (tree / EXTRACT).unlink()
    checked = marts("check", root=tree)
    assert checked.exit_code == 2
    assert "make it with `scripts/marts freeze`" in checked.stderr
