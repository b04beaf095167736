"""What dbt makes of the project on Redshift: how tables lie by their unique keys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hirehouse.contracts.model import ROOT, envelope
from support.parsing import parsed_for
from support.project import manifest

ENVELOPE = len(envelope())
SCRIPT = ROOT / "tests/python/support/redshift_ddl.py"
DESIGNS = {
    # a key, which is no list
    "int_offers": "diststyle key distkey (offer_id) compound sortkey(offer_id)",
    # the first column of a key
    "int_unknown_property_counts": "diststyle key distkey (event) compound sortkey(event)",
    # only appended to, with and without a word on where rows lie
    "int_candidate_changes": "diststyle key distkey (candidate_id) compound sortkey(batch_id)",
    "stg_landing__batches": "compound sortkey(batch_id)",
    # the model's own word comes first
    "stg_landing__properties": "diststyle all compound sortkey(event)",
}


def test_a_table_lies_by_its_key(profiles: Path, tmp_path: Path) -> None:
    # No server is there, nor asked.
    variables = {
        "DBT_PROFILES_DIR": str(profiles),
        "HIREHOUSE_TARGET": "redshift",
        "REDSHIFT_DATABASE": "nowhere",
    }
    parsed_for(ROOT, tmp_path, variables)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(ROOT), str(tmp_path), *DESIGNS],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    made = json.loads(done.stdout)
    found = {name: text.partition(f'"{name}" ')[2] for name, text in made.items()}
    assert found == {name: f"{design} as ( select 1 );" for name, design in DESIGNS.items()}


def test_each_incremental_table_has_a_sort_key() -> None:
    without = [
        node["name"]
        for node in of_type("model")
        if node["config"]["materialized"] == "incremental"
        and not (
            node["config"].get("sort")
            or node["config"]["unique_key"]
            or node["config"]["incremental_strategy"] == "append"
        )
    ]
    assert without == []


def test_views_read_only_tables_that_builds_keep() -> None:
    """Redshift drops a view together with a table that it reads and that dbt replaces."""
    kinds = {node["unique_id"]: node["config"]["materialized"] for node in of_type("model")}
    replaced = [
        f"{node['name']} reads {parent}"
        for node in of_type("model")
        if node["config"]["materialized"] == "view"
        for parent in node["depends_on"]["nodes"]
        if kinds.get(parent) == "table"
    ]
    assert replaced == []
    assert {"view", "table", "incremental"} <= set(kinds.values())


def test_names_and_tables_fit_redshift() -> None:
    nodes = [*of_type("model"), *of_type("seed"), *manifest()["sources"].values()]
    # dbt renames what it replaces.
    too_long = [n["name"] for n in nodes if len(f"{n['name']}__dbt_backup".encode()) > 127]
    too_wide = [n["name"] for n in nodes if len(n["columns"]) + ENVELOPE > 1_600]
    names = [column for n in nodes for column in n["columns"]]
    assert (too_long, too_wide) == ([], [])
    assert max(len(name.encode()) for name in names) <= 127
    assert len(nodes) > 100


def test_each_text_and_decimal_states_its_size() -> None:
    unsized = [
        f"{node['name']}.{column['name']}"
        for node in [*of_type("model"), *of_type("seed"), *manifest()["sources"].values()]
        for column in node["columns"].values()
        if (column["data_type"] or "").lower() in ("varchar", "text", "char", "numeric", "decimal")
    ]
    assert unsized == []


def of_type(kind: str) -> list[dict[str, Any]]:
    return [node for node in manifest()["nodes"].values() if node["resource_type"] == kind]
