"""`scripts/scaffold`: what it writes builds, and its unit test fails when the SQL is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_contract_change import copied_whole, edit, says
from typer.testing import CliRunner, Result

import scaffold
from hirehouse.contracts.model import ROOT, load
from hirehouse.running.warm_dbt import WarmDbt
from scaffold_texts import columns_of
from support.sequences import copied

STG, INT, MART = "stg_candidate_app__referral_sent", "int_referrals", "fct_referrals"
CONTRACT = """\
sources:
  - name: candidate_app
    description: "{{ doc('candidate_app') }}"
    schema: landed
    config: {loaded_at_field: received_at}
    tables:
      - name: referral_sent
        description: A candidate invited another person to the marketplace.
        config:
          meta: {version: 1, owner: growth}
        data_tests:
          - conforms_to_contract
        columns:
          - name: referral_id
            description: The invitation; a reminder carries the same one.
            data_type: varchar(64)
            config: {meta: {required: true}}
          - name: medium
            description: How the invitation was sent.
            data_type: varchar(20)
            config: {meta: {required: true, enum: [email, link]}}
          - name: invited_email
            description: Address of the other person.
            data_type: varchar(254)
            config: {meta: {pii: true}}
          - name: reward
            description: What was promised, in US dollars.
            data_type: numeric(9,2)
            config: {meta: {minimum: 0}}
"""
WEEKLY = """\
{{ config(materialized='table') }}

with

counted as (

    select
        cast(date_trunc('week', occurred_at) as date) as sent_week,
        cast('all' as varchar(7)) as what,
        count(*) as referral_count,
        cast(sum(reward) as numeric(12, 2)) as reward
    from {{ ref('int_referrals') }}
    group by 1, 2

)

select * from counted
"""
DOMAIN = ("--owner", "Growth analytics", "--email", "g@example.com", "--about", "Who invites whom.")
Scaffold = Callable[..., Result]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the project with the contract of a new event."""
    root = copied_whole(tmp_path / "project")
    (root / "models/staging/candidate_app/referral_sent.yml").write_text(CONTRACT)
    return root


@pytest.fixture
def scaffolded(root: Path) -> Scaffold:
    """Runs the command in the copy."""

    def work(*arguments: str, code: int = 0) -> Result:
        load.cache_clear()
        result = CliRunner().invoke(scaffold.app, [*arguments, "--root", str(root)])
        load.cache_clear()
        assert result.exit_code == code, result.output
        return result

    return work


def model(root: Path, path: str) -> dict[str, Any]:
    (found,) = yaml.safe_load((root / f"models/{path}.yml").read_text())["models"]
    return dict(found)


@pytest.mark.every
def test_an_event_comes_to_a_mart_of_a_new_domain(
    root: Path, scaffolded: Scaffold, duckdb_environment: dict[str, str], tmp_path: Path
) -> None:
    said = scaffolded("event", "referral_sent").stdout
    assert f".venv/bin/dbt build --select +{STG}" in said
    scaffolded("domain", "partners", *DOMAIN)
    place = f"intermediate/partners/{INT}"
    scaffolded("model", place, "--reads", STG, "--key", "referral_id")
    says(root, "contracts", "check")
    says(root, "land", "/dev/null")
    dbt = WarmDbt(root, tmp_path / "warm", duckdb_environment)
    no_tests = ("--exclude-resource-type", "test")
    outcome = dbt.run("build", *no_tests, "--select", f"+{INT}")
    assert outcome.success, outcome.failed()
    columns = [column["name"] for column in model(root, place)["columns"]]
    assert columns == ["referral_id", "medium", "reward", "occurred_at", "batch_id"]

    scaffolded("model", f"marts/partners/{MART}", "--reads", INT)
    (root / "models/marts/partners/referrals_weekly.sql").write_text(WEEKLY)
    scaffolded("model", "marts/partners/referrals_weekly", "--key", "sent_week,what")
    assert (root / "models/marts/partners/referrals_weekly.sql").read_text() == WEEKLY
    weekly = model(root, "marts/partners/referrals_weekly")
    assert [column["data_type"] for column in weekly["columns"]] == [
        *("date", "varchar(7)", "bigint", "numeric(12,2)"),
    ]
    assert [c["data_type"] for c in model(root, f"marts/partners/{MART}")["columns"]] == [
        *("varchar(64)", "varchar(20)", "numeric(9,2)", "timestamp"),
    ]

    dbt.parse()
    node = dbt.manifest.nodes[f"model.hirehouse.{MART}"]
    assert (node.group, node.schema, str(node.access)) == ("partners", "partners", "public")
    selected = ("--select", INT, MART, "referrals_weekly")
    outcome = dbt.run("build", *selected)
    assert outcome.success, outcome.failed()
    tests = [name.split(".")[0] for name in outcome.status]
    assert tests.count("unit_test") == 1
    assert tests.count("test") == 6

    edit(root / f"models/{place}.sql", "        medium,\n", "        upper(medium) as medium,\n")
    dbt.parse()
    broken = dbt.run("build", "--select", INT).failed()
    assert [name.split(".")[0] for name in broken] == ["unit_test"]


def test_no_file_is_overwritten_and_every_folder_gets_its_line_once(
    root: Path, scaffolded: Scaffold
) -> None:
    scaffolded("event", "referral_sent")
    scaffolded("domain", "partners", *DOMAIN)
    path = root / f"models/intermediate/partners/{INT}.yml"
    path.parent.mkdir()
    path.write_text("models: []\n")
    for _ in range(2):
        path.with_suffix(".sql").unlink(missing_ok=True)
        said = scaffolded("model", f"intermediate/partners/{INT}", "--reads", STG).stdout
        assert f"exists, not changed: models/intermediate/partners/{INT}.yml" in said
    assert path.read_text() == "models: []\n"
    assert "incremental_strategy='append'" in path.with_suffix(".sql").read_text()
    assert "where {{ is_new() }}" in path.with_suffix(".sql").read_text()
    assert (root / "dbt_project.yml").read_text().count("partners: {+group: partners}") == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("model", "marts/partners/fct_a", "--reads", "int_offers"), "scaffold domain partners"),
        (("model", "marts/core/int_a", "--reads", "int_offers"), "marts/DOMAIN/NAME"),
        (("model", "staging/hiring/stg_a", "--reads", "int_offers"), "intermediate/DOMAIN"),
        (("model", "marts/core/fct_a"), "--reads is missing"),
        (("model", "marts/core/fct_a", "--reads", "int_offer"), "no such model"),
        (("domain", "core", *DOMAIN), "has the group core already"),
        (("domain", "Growth", *DOMAIN), "lowercase"),
    ],
)
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], word: str
) -> None:
    root = copied(tmp_path / "project")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    result = CliRunner().invoke(scaffold.app, [*arguments, "--root", str(root)])
    assert result.exit_code == 2
    assert word in result.stderr
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_models_of_ours_are_told_from_what_they_read() -> None:
    known = columns_of("int_placement_fees", ROOT)
    assert known["movement"]["data_type"] == "varchar(10)"
    assert known["invoice_id"]["data_type"] == "varchar(64)"
    assert known["batch_id"]["description"] == "{{ doc('batch_id_of_row') }}"
