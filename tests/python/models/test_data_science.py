"""Features, training sets and scores: what they hold, and what must not reach them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from conftest import run_dbt
from docs_site.lineage import Column
from hirehouse.contracts.model import ROOT
from hirehouse.warehouse.connections import open_warehouse
from support.built import Built
from support.marts import truth_of
from support.project import lineage, manifest

Manifest = dict[str, Any]
PRIVATE = ("pii", "restricted", "demographic")
# Of a person, what no contract needs to mark to be a ground on which nobody may be chosen.
PERSONAL = re.compile(
    r"(^|_)(age|birth\w*|born|country|disability|email|ethnic\w*|gender|full_name|first_name"
    r"|last_name|marital\w*|nationality|pronouns?|race|religion|sex|veteran\w*)(_|$)"
)


def private_features(m: Manifest) -> list[str]:
    """Columns of features that come from a private property of an event, whatever they are called.

    Those of `core.*_as_known` count as features, since sets of one's own read them. What comes from
    where is as in the project itself, since no test changes its SQL.
    """
    private = [
        Column(source["unique_id"], name)
        for source in m["sources"].values()
        for name, column in source["columns"].items()
        if any(column["config"]["meta"].get(word) for word in PRIVATE) or PERSONAL.search(name)
    ]
    assert private, "no contract has a private property, so this rule sees nothing"
    reached = {use for one in private for use in lineage().uses(one)}
    return [
        f"{node['name']}.{column}"
        for node in m["nodes"].values()
        if node["resource_type"] == "model"
        and (node["config"]["schema"] == "data_science" or node["name"].endswith("_as_known"))
        for column in node["columns"]
        if Column(node["unique_id"], column) in reached or PERSONAL.search(column)
    ]


def test_no_private_property_reaches_a_feature() -> None:
    assert private_features(manifest()) == []


@pytest.mark.parametrize("word", PRIVATE)
def test_a_private_property_is_found_by_another_name(word: str) -> None:
    m = manifest()
    source = m["sources"]["source.hirehouse.employer_app.position_opened"]
    source["columns"]["max_salary"]["config"]["meta"][word] = True
    found = private_features(m)
    assert "features_candidate_daily.market_salary_p50" in found
    assert "positions_as_known.max_salary" in found
    assert "features_candidate_daily.years_experience" not in found


def test_a_column_with_a_private_name_is_found() -> None:
    m = manifest()
    features = m["nodes"]["model.hirehouse.features_candidate_daily"]
    features["columns"]["gender"] = {"name": "gender"}
    assert private_features(m) == ["features_candidate_daily.gender"]


def test_training_sets_have_a_row_for_each_request_offer_and_position(built: Built) -> None:
    truths = [truth_of(folder) for folder in built.folders]
    events = {
        what: sum(truth["events_by_name"][what] for truth in truths)
        for what in ("interview_requested", "offer_extended", "position_opened", "candidate_scored")
    }
    months = [counts for truth in truths for counts in truth["months"].values()]
    with open_warehouse() as warehouse:
        [counts] = warehouse.query(
            "select (select count(*) from data_science.training_interview_acceptance),"
            " (select count(*) from data_science.training_offer_acceptance),"
            " (select count(*) from data_science.training_time_to_fill),"
            " (select count(*) from data_science.fct_scores)"
        )
        [labels] = warehouse.query(
            "select count(case when label = 'accepted' then 1 end),"
            " count(case when is_resolved then 1 end), count(*), count(label)"
            " from data_science.training_interview_acceptance"
        )
        [(filled,)] = warehouse.query(
            "select count(*) from data_science.training_time_to_fill where not is_censored"
        )
        [(scored,)] = warehouse.query(
            "select count(last_score) from marketplace.fct_interview_requests"
        )
        [(known,)] = warehouse.query(
            "select sum(score_count) from data_science.model_performance_weekly"
        )
    # What arrives after the day of the data is not known yet.
    assert all(
        0 <= there - found <= 40 for found, there in zip(counts, events.values(), strict=True)
    )
    accepted = sum(month["interview_request_acceptances"] for month in months)
    # Some answers take, or arrive, more than 14 days later; those of the last days have no label.
    assert 0.8 * accepted < labels[0] <= accepted
    assert 0 < labels[1] == labels[3] < labels[2]
    assert 0 < filled <= sum(month["positions_filled"] for month in months)
    assert known == counts[3]
    assert scored > 100


def test_the_example_of_the_docs_joins_what_was_known(
    builds: dict[str, Built], tmp_path: Path
) -> None:
    text = (ROOT / "docs" / "data-science.md").read_text()
    [example] = re.findall(r"```sql\n(with\n.*?)```", text, re.DOTALL)
    variables = builds["duckdb"].environment | {"DBT_TARGET_PATH": str(tmp_path)}
    done = run_dbt(["show", "--inline", example, "--limit", "5"], variables)
    assert done.returncode == 0, done.stdout
    assert "availability" in done.stdout
