"""The conventions of the project hold, and every rule about them can fail.

dbt-bouncer.yml has most of the rules; those that it can't express are functions here. One manifest
with a flaw per rule shows that dbt-bouncer reports each.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from conftest import run_dbt
from hirehouse.contracts.model import ROOT
from support.project import manifest, run
from support.sequences import copied

Manifest = dict[str, Any]
CONFIG = ROOT / "dbt-bouncer.yml"
RULES: list[dict[str, Any]] = yaml.safe_load(CONFIG.read_text())["manifest_checks"]


def failed_rules(changed: Manifest, folder: Path) -> set[tuple[int, str]]:
    """The rules (number in dbt-bouncer.yml, name of what breaks it) that a manifest breaks."""
    shutil.copy(CONFIG, folder)
    (folder / "target").mkdir()
    (folder / "target" / "manifest.json").write_text(json.dumps(changed))
    output = folder / "failures.json"
    done = run(
        ["dbt-bouncer", "run", "--output-file", str(output), "--output-only-failures"],
        folder,
        cwd=folder,
        DBT_PROJECT_DIR="",
    )
    failures = json.loads(output.read_text()) if output.exists() else []
    assert done.returncode == (1 if failures else 0), done.stdout + done.stderr
    found = [failure["check_run_id"].split(":") for failure in failures]
    return {(int(number), name) for _, number, name in found}


# Changes of one node in a manifest.

Change = Callable[[Manifest, str], object]
SOURCE = "source.hirehouse.hiring.offer_extended"
EXPOSURE = "exposure.hirehouse.hiring_funnel_review"


def node_of(m: Manifest, name: str) -> Any:
    """A node by its id, or a model by its name."""
    node = name if "." in name else f"model.hirehouse.{name}"
    return (m["nodes"] | m["sources"] | m["exposures"])[node]


def depend(other: str) -> Change:
    return lambda m, node: node_of(m, node)["depends_on"]["nodes"].append(
        node_of(m, other)["unique_id"]
    )


def put(value: object, *path: str) -> Change:
    def change(m: Manifest, node: str) -> None:
        at = node_of(m, node)
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


def move(path: str) -> Change:
    return lambda m, node: node_of(m, node).update(
        original_file_path=path, path=path.removeprefix("models/")
    )


def patch(path: str) -> Change:
    return put(f"hirehouse://models/marts/{path}", "patch_path")


def add_column(name: str) -> Change:
    column = {"name": name, "description": "A column.", "data_type": "integer"}
    return put(column, "columns", name)


def spoil_columns(key: str, value: object) -> Change:
    def change(m: Manifest, node: str) -> None:
        for column in node_of(m, node)["columns"].values():
            column[key] = value

    return change


def drop_tests(kind: str) -> Change:
    """Remove a model's data tests of uniqueness, or its unit tests."""

    def change(m: Manifest, node: str) -> None:
        unique_id = node_of(m, node)["unique_id"]
        gone = [
            key
            for key, test in m[kind].items()
            if (kind == "unit_tests" and unique_id in test["depends_on"]["nodes"])
            or (test.get("attached_node") == unique_id and "unique" in test["name"])
        ]
        assert gone
        for key in gone:
            del m[kind][key]

    return change


# A flaw per rule of dbt-bouncer.yml, in its order, each of a node of its own, which the rule names.
FLAWS: list[tuple[str, str, Change]] = [
    ("check_lineage_source_cannot_be_used", "fct_offers", depend(SOURCE)),
    (
        "check_lineage_permitted_upstream_models",
        "stg_hiring__offer_extended",
        depend("stg_hiring__offer_answered"),
    ),
    ("check_lineage_permitted_upstream_models", "int_offers", depend("fct_offers")),
    (
        "check_lineage_permitted_upstream_models",
        "fct_candidacies",
        depend("stg_hiring__offer_extended"),
    ),
    ("check_model_directories", "dim_candidates", move("models/reports/dim_candidates.sql")),
    ("check_model_names", "stg_web__page_viewed", put("stg_page_viewed", "name")),
    ("check_model_names", "int_employer_versions", put("int__employers", "name")),
    ("check_model_names", "dim_employers", put("DimEmployers", "name")),
    ("check_model_column_names", "mrr_monthly", add_column("mrrMonth")),
    ("check_model_has_properties_file", "time_to_hire", put(None, "patch_path")),
    (
        "check_model_documented_in_same_directory",
        "time_in_stage",
        patch("core/time_in_stage.yml"),
    ),
    ("check_model_property_file_location", "offers_monthly", patch("marketplace/marts.yml")),
    ("check_model_description_populated", "request_outcomes", put("Outcomes.", "description")),
    (
        "check_model_column_description_populated",
        "dim_dates",
        spoil_columns("description", ""),
    ),
    ("check_model_has_unique_test", "fct_placement_fees", drop_tests("nodes")),
    ("check_model_has_unit_tests", "int_placement_fees", drop_tests("unit_tests")),
    ("check_model_access", "stg_hiring__offer_answered", put("public", "access")),
    ("check_model_access", "int_interview_requests", put("public", "access")),
    ("check_model_access", "fct_interview_requests", put("protected", "access")),
    (
        "check_model_contract_enforced_for_public_model",
        "reconciliation",
        put({"enforced": False}, "contract"),
    ),
    ("check_model_columns_have_types", "event_lateness", spoil_columns("data_type", None)),
    ("check_exposure_based_on_non_public_models", EXPOSURE, depend("int_offers")),
    ("check_exposure_description_populated", EXPOSURE, put("", "description")),
    ("check_exposure_has_owner", EXPOSURE, put({}, "owner")),
    ("check_seed_description_populated", "seed.hirehouse.stages", put("", "description")),
    ("check_source_description_populated", SOURCE, put("", "description")),
]


def test_the_project_keeps_its_conventions(tmp_path: Path) -> None:
    found = failed_rules(manifest(), tmp_path)
    assert {(RULES[number]["name"], node) for number, node in found} == set()


def test_no_rule_has_an_exception() -> None:
    assert [rule for rule in RULES if "exclude" in rule or rule.get("severity") == "warn"] == []


def test_every_rule_names_the_node_that_breaks_it(tmp_path: Path) -> None:
    """One manifest with all flaws: dbt-bouncer starts once, however many rules there are."""
    assert [name for name, _, _ in FLAWS] == [rule["name"] for rule in RULES]
    flawed = manifest()
    for _, node, change in FLAWS:
        change(flawed, node)
    found = failed_rules(flawed, tmp_path)
    # dbt-bouncer names a node by its id, without its kind and project.
    names = ["_".join(node.split(".")[2:]) or node for _, node, _ in FLAWS]
    missed = set(enumerate(names)) - found
    assert {(number, RULES[number]["name"], node) for number, node in missed} == set()


def test_a_contract_that_is_not_listed_is_an_error(
    tmp_path: Path, duckdb_environment: dict[str, str]
) -> None:
    root = copied(tmp_path / "project")
    contract = root / "models" / "staging" / "hiring" / "offer_answered.yml"
    text = contract.read_text().replace("name: offer_answered", "name: offer_seen")
    contract.with_name("offer_seen.yml").write_text(text)
    variables = duckdb_environment | {"DBT_TARGET_PATH": str(tmp_path / "target")}
    done = run_dbt(["compile", "--select", "stg_landing__events"], variables, root=root)
    assert done.returncode != 0
    assert "does not list 'offer_seen' of source 'hiring'" in " ".join(done.stdout.split())


# What dbt-bouncer can't say.


def models(m: Manifest, layer: str) -> list[dict[str, Any]]:
    folder = f"models/{layer}"
    return [
        node
        for node in m["nodes"].values()
        if node["resource_type"] == "model" and node["original_file_path"].startswith(folder)
    ]


def in_another_group_or_schema(m: Manifest) -> list[str]:
    """A mart's folder is its group and its schema; an intermediate model's is its group."""
    found = []
    for layer in ("intermediate", "marts"):
        for node in models(m, layer):
            folder = Path(node["original_file_path"]).parts[2]
            schema = folder if layer == "marts" else "intermediate"
            if node["group"] != folder or node["config"]["schema"] != schema:
                found.append(node["name"])
    return found


def staging_of_another_source(m: Manifest) -> list[str]:
    """models/staging/<source>/stg_<source>__<event> reads <source>.<event>, in all its versions.

    What reads more than one event is of the landing, and reads all of them.
    """
    events = {i for i, s in m["sources"].items() if s["source_name"] != "landing"}
    found = []
    for node in models(m, "staging"):
        source = Path(node["original_file_path"]).parts[2]
        event = node["name"].removeprefix(f"stg_{source}__")
        reads = {s.removeprefix(f"source.hirehouse.{source}.") for s in sources_of(node)}
        tables = {event, *(f"{event}_v{version}" for version in range(2, 10))}
        if source == "landing" and reads >= events:
            continue
        if not reads or not reads <= tables:
            found.append(node["name"])
    return found


def sources_of(node: dict[str, Any]) -> list[str]:
    return [parent for parent in node["depends_on"]["nodes"] if parent.startswith("source.")]


def contract_in_another_file(m: Manifest) -> list[str]:
    """A contract has a file of its own: models/staging/<source>/<table>.yml."""
    return [
        source["name"]
        for source in m["sources"].values()
        if source["name"] != "envelope"
        and source["original_file_path"]
        != f"models/staging/{source['source_name']}/{source['name']}.yml"
    ]


def contract_said_twice(m: Manifest) -> list[str]:
    """An event's staging model describes no column: those are its contract's and the envelope's."""
    return [
        f"{node['name']}.{column}"
        for node in models(m, "staging")
        if "/landing/" not in node["original_file_path"]
        for column in node["columns"]
    ]


def lengths(m: Manifest) -> dict[str, int]:
    return {n["name"]: len(n["raw_code"].splitlines()) for n in models(m, "")}


def longer_than_a_screen(m: Manifest) -> list[str]:
    """No model has more than 100 lines."""
    return [name for name, lines in lengths(m).items() if lines > 100]


def longer_in_the_middle(m: Manifest) -> list[str]:
    """The middle one of all models has at most 32 lines that are not blank."""
    codes = [node["raw_code"].splitlines() for node in models(m, "")]
    middle = median(sum(map(bool, map(str.strip, lines))) for lines in codes)
    return [f"{middle} lines"] if middle > 32 else []


def lengthen(m: Manifest, _: str) -> None:
    for node in models(m, ""):
        node["raw_code"] += "\n-- more" * 32


def views_that_vanish(m: Manifest) -> list[str]:
    """No mart is a view of a view or a `table`: PostgreSQL drops it while that one is replaced."""
    kinds = {i: node["config"]["materialized"] for i, node in m["nodes"].items()}
    return [
        f"{node['name']} on {parent}"
        for node in models(m, "marts")
        if node["config"]["materialized"] == "view"
        for parent in node["depends_on"]["nodes"]
        if kinds.get(parent) in ("view", "table")
    ]


OWN: list[tuple[Callable[[Manifest], list[str]], str, Change]] = [
    (in_another_group_or_schema, "fct_offers", put("finance", "group")),
    (in_another_group_or_schema, "fct_offers", put("finance", "config", "schema")),
    (in_another_group_or_schema, "int_offers", put(None, "group")),
    (in_another_group_or_schema, "fct_offers", move("models/marts/sales/fct_offers.sql")),
    (staging_of_another_source, "stg_hiring__offer_extended", move("models/staging/billing/x.sql")),
    (
        staging_of_another_source,
        "stg_hiring__offer_extended",
        depend("source.hirehouse.hiring.offer_answered"),
    ),
    (
        contract_in_another_file,
        SOURCE,
        put("models/staging/hiring/offers.yml", "original_file_path"),
    ),
    (contract_said_twice, "stg_hiring__offer_extended", add_column("currency")),
    (longer_than_a_screen, "fct_offers", put("-- more\n" * 101, "raw_code")),
    (longer_in_the_middle, "fct_offers", lengthen),
    (views_that_vanish, "fct_offers", depend("fct_candidacies")),
    (views_that_vanish, "fct_offers", depend("dim_dates")),
]


@pytest.mark.parametrize("rule", dict.fromkeys(rule for rule, _, _ in OWN))
def test_the_project_keeps_our_own_rules(rule: Callable[[Manifest], list[str]]) -> None:
    assert rule(manifest()) == []


@pytest.mark.parametrize(("rule", "node", "change"), OWN)
def test_a_bad_manifest_breaks_our_own_rule(
    rule: Callable[[Manifest], list[str]], node: str, change: Change
) -> None:
    changed = manifest()
    change(changed, node)
    assert rule(changed) != []


def inputs_of_nulls(content: dict[str, Any]) -> list[str]:
    """The inputs of unit tests all of whose rows state a null, which dbt refuses on Redshift."""
    return [
        f"{test['name']}: {given['input']}"
        for test in content.get("unit_tests") or []
        for given in test["given"]
        if isinstance(rows := given.get("rows"), list) and rows
        if all(None in row.values() for row in rows)
    ]


def test_inputs_of_unit_tests_have_a_row_without_nulls() -> None:
    files = sorted((ROOT / "models").rglob("*.yml"))
    assert [
        bad for path in files for bad in inputs_of_nulls(yaml.safe_load(path.read_text()) or {})
    ] == []
    given = {"input": "ref('a')", "rows": [{"x": 1, "y": None}, {"x": None, "y": 1}]}
    test = {"name": "t", "given": [given]}
    assert inputs_of_nulls({"unit_tests": [test]}) == ["t: ref('a')"]
    given["rows"] = [{"x": 1, "y": None}, {"x": 1}]
    assert inputs_of_nulls({"unit_tests": [test]}) == []
