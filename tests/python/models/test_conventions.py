"""The conventions of the project hold, and every rule about them can fail.

dbt-bouncer.yml has the rules. Here are those that it can't say, and for each rule of either kind a
manifest with one thing changed that must break it.
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


# Changes of a manifest, one per rule in dbt-bouncer.yml, in its order.

STAGING = "model.hirehouse.stg_hiring__offer_extended"
INTERMEDIATE = "model.hirehouse.int_offers"
MART = "model.hirehouse.fct_offers"
EXPOSURE = "exposure.hirehouse.hiring_funnel_review"


def depend(node: str, other: str) -> Callable[[Manifest], None]:
    return lambda m: m["nodes"][node]["depends_on"]["nodes"].append(other)


def put(value: object, *path: str) -> Callable[[Manifest], None]:
    def change(m: Manifest) -> None:
        at: Any = m
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


def move(node: str, path: str) -> Callable[[Manifest], None]:
    def change(m: Manifest) -> None:
        m["nodes"][node] |= {"original_file_path": path, "path": path.removeprefix("models/")}

    return change


def rename(node: str, name: str) -> Callable[[Manifest], None]:
    return put(name, "nodes", node, "name")


def add_column(node: str, name: str) -> Callable[[Manifest], None]:
    column = {"name": name, "description": "A column.", "data_type": "integer"}
    return put(column, "nodes", node, "columns", name)


def drop_tests(node: str, *names: str) -> Callable[[Manifest], None]:
    def change(m: Manifest) -> None:
        gone = [
            unique_id
            for unique_id, test in m["nodes"].items()
            if test.get("attached_node") == node and test["test_metadata"]["name"] in names
        ]
        assert gone
        for unique_id in gone:
            del m["nodes"][unique_id]

    return change


def drop_unit_tests(node: str) -> Callable[[Manifest], None]:
    def change(m: Manifest) -> None:
        for unique_id in [
            u for u, t in m["unit_tests"].items() if node in t["depends_on"]["nodes"]
        ]:
            del m["unit_tests"][unique_id]

    return change


def private_parent_of_exposure(m: Manifest) -> None:
    m["exposures"][EXPOSURE]["depends_on"]["nodes"].append(INTERMEDIATE)


BAD: list[tuple[str, Callable[[Manifest], None]]] = [
    (
        "check_lineage_source_cannot_be_used",
        depend(MART, "source.hirehouse.hiring.offer_extended"),
    ),
    (
        "check_lineage_permitted_upstream_models",
        depend(STAGING, "model.hirehouse.stg_hiring__offer_answered"),
    ),
    ("check_lineage_permitted_upstream_models", depend(INTERMEDIATE, MART)),
    ("check_lineage_permitted_upstream_models", depend(MART, STAGING)),
    ("check_model_directories", move(MART, "models/reports/fct_offers.sql")),
    ("check_model_directories", move(MART, "models/marts/sales/fct_offers.sql")),
    ("check_model_names", rename(STAGING, "stg_offer_extended")),
    ("check_model_names", rename(INTERMEDIATE, "int__offers")),
    ("check_model_names", rename(MART, "FctOffers")),
    ("check_model_column_names", add_column(MART, "offerId")),
    ("check_model_has_properties_file", put(None, "nodes", MART, "patch_path")),
    (
        "check_model_documented_in_same_directory",
        put("hirehouse://models/marts/core/fct_offers.yml", "nodes", MART, "patch_path"),
    ),
    (
        "check_model_property_file_location",
        put("hirehouse://models/marts/marketplace/marts.yml", "nodes", MART, "patch_path"),
    ),
    ("check_model_description_populated", put("Offers.", "nodes", MART, "description")),
    (
        "check_model_column_description_populated",
        put("", "nodes", MART, "columns", "offer_id", "description"),
    ),
    ("check_model_has_unique_test", drop_tests(MART, "unique")),
    ("check_model_has_unit_tests", drop_unit_tests(INTERMEDIATE)),
    ("check_model_access", put("public", "nodes", STAGING, "access")),
    ("check_model_access", put("public", "nodes", INTERMEDIATE, "access")),
    ("check_model_access", put("protected", "nodes", MART, "access")),
    (
        "check_model_contract_enforced_for_public_model",
        put({"enforced": False}, "nodes", MART, "contract"),
    ),
    (
        "check_model_columns_have_types",
        put(None, "nodes", MART, "columns", "offer_id", "data_type"),
    ),
    ("check_exposure_based_on_non_public_models", private_parent_of_exposure),
    ("check_exposure_description_populated", put("", "exposures", EXPOSURE, "description")),
    ("check_exposure_has_owner", put({}, "exposures", EXPOSURE, "owner")),
    (
        "check_seed_description_populated",
        put("", "nodes", "seed.hirehouse.stages", "description"),
    ),
    (
        "check_source_description_populated",
        put("", "sources", "source.hirehouse.hiring.offer_extended", "description"),
    ),
]


@pytest.fixture(scope="module")
def failed_now(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[int, str]]:
    return failed_rules(manifest(), tmp_path_factory.mktemp("real"))


def test_the_project_keeps_its_conventions(failed_now: set[tuple[int, str]]) -> None:
    assert {(RULES[number]["name"], model) for number, model in failed_now} == set()


def test_no_rule_has_an_exception() -> None:
    assert [rule for rule in RULES if "exclude" in rule or rule.get("severity") == "warn"] == []


def test_every_rule_has_a_manifest_that_breaks_it() -> None:
    assert [name for name, _ in BAD] == [rule["name"] for rule in RULES]


@pytest.mark.parametrize(
    ("number", "change"), [pytest.param(n, c, id=f"{n}-{name}") for n, (name, c) in enumerate(BAD)]
)
def test_a_bad_manifest_breaks_the_rule(
    number: int,
    change: Callable[[Manifest], None],
    tmp_path: Path,
    failed_now: set[tuple[int, str]],
) -> None:
    changed = manifest()
    change(changed)
    assert number in {rule for rule, _ in failed_rules(changed, tmp_path) - failed_now}


def test_a_contract_that_is_not_listed_is_an_error(tmp_path: Path) -> None:
    root = copied(tmp_path / "project")
    listed = root / "macros" / "landing" / "event_sources.sql"
    listed.write_text(listed.read_text().replace("'offer_answered', ", ""))
    done = run(["dbt", "compile", "--select", "stg_landing__events"], tmp_path, cwd=root)
    assert done.returncode != 0
    assert "does not list 'offer_answered' of source 'hiring'" in " ".join(done.stdout.split())


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
    """The middle one of all models has at most 32 lines."""
    middle = median(lengths(m).values())
    return [f"{middle} lines"] if middle > 32 else []


def lengthen(m: Manifest) -> None:
    for node in models(m, ""):
        node["raw_code"] += "\n-- more" * 32


def personal_columns_past_staging(m: Manifest) -> list[str]:
    """A column that a contract calls `pii` is in no model but staging and core.dim_<entity>_pii."""
    personal = {
        column["name"]
        for source in m["sources"].values()
        for column in source["columns"].values()
        if column["config"]["meta"].get("pii")
    }
    assert personal, "no contract has a pii column, so this rule sees nothing"
    return [
        f"{node['name']}.{column}"
        for layer in ("intermediate", "marts")
        for node in models(m, layer)
        if not (node["config"]["schema"] == "core" and node["name"].endswith("_pii"))
        for column in sorted(personal & set(node["columns"]))
    ]


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


OWN: list[tuple[Callable[[Manifest], list[str]], Callable[[Manifest], None]]] = [
    (in_another_group_or_schema, put("finance", "nodes", MART, "group")),
    (in_another_group_or_schema, put("finance", "nodes", MART, "config", "schema")),
    (in_another_group_or_schema, put(None, "nodes", INTERMEDIATE, "group")),
    (staging_of_another_source, move(STAGING, "models/staging/billing/x.sql")),
    (staging_of_another_source, depend(STAGING, "source.hirehouse.hiring.offer_answered")),
    (
        contract_in_another_file,
        put(
            "models/staging/hiring/offers.yml",
            *("sources", "source.hirehouse.hiring.offer_extended", "original_file_path"),
        ),
    ),
    (contract_said_twice, add_column(STAGING, "currency")),
    (longer_than_a_screen, put("-- more\n" * 101, "nodes", MART, "raw_code")),
    (longer_in_the_middle, lengthen),
    (personal_columns_past_staging, add_column(MART, "email")),
    (views_that_vanish, depend(MART, "model.hirehouse.fct_candidacies")),
    (views_that_vanish, depend(MART, "model.hirehouse.dim_dates")),
]


@pytest.mark.parametrize("rule", dict.fromkeys(rule for rule, _ in OWN))
def test_the_project_keeps_our_own_rules(rule: Callable[[Manifest], list[str]]) -> None:
    assert rule(manifest()) == []


@pytest.mark.parametrize(("rule", "change"), OWN)
def test_a_bad_manifest_breaks_our_own_rule(
    rule: Callable[[Manifest], list[str]], change: Callable[[Manifest], None]
) -> None:
    changed = manifest()
    change(changed)
    assert rule(changed) != []
