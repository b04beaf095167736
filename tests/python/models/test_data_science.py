"""Features, training sets and scores: what they hold, and what must not reach them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import run_dbt
from hirehouse.contracts.model import ROOT
from hirehouse.warehouse.connections import open_warehouse
from support.built import Built
from support.marts import truth_of
from support.project import manifest

Manifest = dict[str, Any]
PRIVATE = ("pii", "restricted", "demographic")
# Of a person, what no contract needs to mark to be a ground on which nobody may be chosen.
PERSONAL = re.compile(
    r"(^|_)(age|birth\w*|born|country|disability|email|ethnic\w*|gender|full_name|first_name"
    r"|last_name|marital\w*|nationality|pronouns?|race|religion|sex|veteran\w*)(_|$)"
)


def private_columns(m: Manifest) -> set[str]:
    """Names of columns that a contract marks, and of all columns of marts in `restricted`."""
    found = {
        column["name"]
        for source in m["sources"].values()
        for column in source["columns"].values()
        if any(column["config"]["meta"].get(word) for word in PRIVATE)
    }
    assert found, "no contract marks a column, so this rule sees nothing"
    keys = {"candidate_id", "employer_id", "position_id", "candidacy_id"}
    for node in m["nodes"].values():
        if node["config"].get("schema") == "restricted":
            found |= set(node["columns"]) - keys
    return found


def read_by_features(m: Manifest) -> list[dict[str, Any]]:
    """The models of `data_science`, and the models that they read of its kind."""
    names = {"candidates_as_known", "employers_as_known", "positions_as_known"}
    return [
        node
        for node in m["nodes"].values()
        if node["resource_type"] == "model"
        and (node["config"]["schema"] == "data_science" or node["name"] in names)
    ]


def private_features(m: Manifest) -> list[str]:
    """Columns of features that are private by their name, or by what a column's lineage tells."""
    private = private_columns(m)
    return [
        f"{node['name']}.{column}"
        for node in read_by_features(m)
        for column in node["columns"]
        if column in private
        or PERSONAL.search(column)
        or any(column.endswith(f"_{name}") for name in private)
    ]


def private_names_in_sql(m: Manifest) -> list[str]:
    """Models of features, and what they read of the domain, whose text names a private column."""
    private = private_columns(m)
    texts = {
        node["name"]: node["raw_code"]
        for node in m["nodes"].values()
        if node["resource_type"] == "model"
        and (node["group"] == "data_science" or node["name"].endswith(("_states", "_as_known")))
    }
    texts |= {
        macro["name"]: macro["macro_sql"]
        for macro in m["macros"].values()
        if macro["original_file_path"].startswith("macros/features/")
    }
    return [
        f"{name}: {word}"
        for name, text in texts.items()
        for word in sorted(set(re.findall(r"\w+", text)))
        if word in private or PERSONAL.search(word)
    ]


def test_no_private_column_reaches_a_feature() -> None:
    m = manifest()
    assert len(read_by_features(m)) > 10
    assert private_features(m) == []
    assert private_names_in_sql(m) == []


def features_of(m: Manifest) -> dict[str, Any]:
    return m["nodes"]["model.hirehouse.features_candidate_daily"]  # type: ignore[no-any-return]


def add_column(name: str) -> Callable[[Manifest], None]:
    return lambda m: features_of(m)["columns"].update({name: {"name": name}})


def mark(m: Manifest) -> None:
    source = m["sources"]["source.hirehouse.candidate_app.candidate_profile_submitted"]
    source["columns"]["years_experience"]["config"]["meta"]["restricted"] = True


@pytest.mark.parametrize(
    "change",
    [add_column("email"), add_column("candidate_full_name"), add_column("gender"), mark],
)
def test_a_private_feature_is_found(change: Callable[[Manifest], None]) -> None:
    m = manifest()
    change(m)
    assert private_features(m) != []


def test_a_private_column_under_another_name_is_found() -> None:
    m = manifest()
    features_of(m)["raw_code"] += "\n-- country_code as place"
    assert private_names_in_sql(m) == ["features_candidate_daily: country_code"]


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
