"""Personal data stays in staging, and in marts made for it, whatever its columns are called."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from docs_site.lineage import Column, column_lineage
from support.project import manifest

Manifest = dict[str, Any]
SIGNED_UP = "model.hirehouse.stg_candidate_app__candidate_signed_up"
# How often a property has a value, and when last: nobody's data, even if the property is personal.
COVERAGE = {
    Column("model.hirehouse.stg_landing__properties", name)
    for name in ("seen_count", "last_seen_on")
}


def personal_data_past_staging(m: Manifest) -> list[str]:
    """The columns that come from one that a contract calls `pii`, and may not.

    Those of staging may, and those of core.dim_<entity>_pii. What can't be found out is a leak.
    """
    lineage = column_lineage(m)
    edges = {c: [] if c in COVERAGE else inputs for c, inputs in lineage.edges.items()}
    uses = replace(lineage, edges=edges).uses
    personal = [
        Column(source["unique_id"], name)
        for source in m["sources"].values()
        for name, column in source["columns"].items()
        if column["config"]["meta"].get("pii")
    ]
    assert personal, "no contract has a pii column, so this rule sees nothing"
    found = sorted({use for one in personal for use in uses(one)})
    return [
        *(f"{m['nodes'][key]['name']}.{name}" for key, name in found if not may(m["nodes"][key])),
        *(f"{key}: {word}" for key, words in lineage.unresolved.items() for word in words),
    ]


def may(node: dict[str, Any]) -> bool:
    """Whether a model may have personal data."""
    schema = node["config"]["schema"]
    own = schema == "core" and re.fullmatch("dim_.+_pii", node["name"])
    return schema == "staging" or bool(own)


def test_personal_data_stays_in_staging() -> None:
    assert personal_data_past_staging(manifest()) == []


def test_personal_data_is_found_through_models_and_by_other_names() -> None:
    changed = manifest()
    sign_ups = changed["nodes"]["model.hirehouse.int_sign_ups"]
    sql = sign_ups["compiled_code"]
    sign_ups["compiled_code"] = sql.replace("channel,", "lower(email) as channel,", 1)
    assert sign_ups["compiled_code"] != sql
    found = personal_data_past_staging(changed)
    assert {"int_sign_ups.channel", "fct_sign_ups.declared_channel"} <= set(found)
    assert "fct_sign_ups.account_id" not in found


@pytest.mark.parametrize(
    ("name", "schema", "found"),
    [
        ("dim_candidates_pii", "core", []),
        ("dim_candidates_pii", "growth", ["dim_candidates_pii.called"]),
        ("dim_candidates", "core", ["dim_candidates.called"]),
    ],
)
def test_personal_data_has_a_mart_of_its_own(name: str, schema: str, found: list[str]) -> None:
    changed = manifest()
    staging, mart = (changed["nodes"][key] for key in (SIGNED_UP, "model.hirehouse.dim_candidates"))
    staging["compiled_code"] = "select * from landed.candidate_signed_up"
    sql = f"select candidate_id, full_name as called from staging.{staging['name']}"
    reads = {"nodes": [SIGNED_UP]}
    mart |= {"name": name, "columns": {}, "compiled_code": sql, "depends_on": reads}
    mart["config"]["schema"] = schema
    changed["nodes"] = {node["unique_id"]: node for node in (staging, mart)}
    assert personal_data_past_staging(changed) == found


def test_counts_of_values_are_not_personal_but_the_values_are() -> None:
    changed = manifest()
    counts = changed["nodes"]["model.hirehouse.stg_landing__properties"]
    before, event, after = counts["compiled_code"].partition("'candidate_signed_up'")
    day = "max(events.known_on) as event_last_on"
    assert day in after
    counts["compiled_code"] = (
        before + event + after.replace(day, "max(events.full_name) as event_last_on", 1)
    )
    assert "int_property_coverage.event_last_on" in personal_data_past_staging(changed)
