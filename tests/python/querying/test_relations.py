"""Names and templates without dbt are those of dbt."""

from __future__ import annotations

from typing import Any

import pytest

from hirehouse.contracts.model import ROOT
from hirehouse.querying.relations import Relations, UnknownModel
from hirehouse.querying.templates import TemplateError, Templates
from support.project import manifest

RELATIONS = Relations(ROOT, "analytics")


@pytest.fixture(scope="module")
def nodes() -> list[dict[str, Any]]:
    """The models and seeds as dbt sees them."""
    kinds = ("model", "seed")
    return [node for node in manifest()["nodes"].values() if node["resource_type"] in kinds]


def test_relations_have_the_names_that_dbt_gives_them(nodes: list[dict[str, Any]]) -> None:
    assert len(nodes) > 140
    for node in nodes:
        wanted = f"{node['schema']}.{node['alias']}"
        assert RELATIONS.find(node["name"], node.get("version")) == wanted
        if node.get("version") and node["version"] == node["latest_version"]:
            assert RELATIONS.find(node["name"]) == wanted


def test_marts_are_described_as_in_dbt(nodes: list[dict[str, Any]]) -> None:
    marts = {
        f"{node['schema']}.{node['alias']}": node
        for node in nodes
        if node["resource_type"] == "model" and node["path"].startswith("marts/")
    }
    found = {mart.relation: mart for mart in RELATIONS.marts()}
    assert found.keys() == marts.keys()
    for name, mart in found.items():
        node = marts[name]
        assert mart.description == " ".join(node["description"].split())
        assert mart.public == (node["access"] == "public")
        columns = {
            column["name"]: (column["data_type"], " ".join(column["description"].split()))
            for column in node["columns"].values()
        }
        assert mart.columns == columns, name


def test_personal_and_restricted_marts_are_not_public(tmp_path: Any) -> None:
    (tmp_path / "dbt_project.yml").write_text(
        "{name: p, models: {p: {marts: {+access: public, restricted: {+schema: restricted}}}}}"
    )
    folder = tmp_path / "models" / "marts" / "restricted"
    folder.mkdir(parents=True)
    plain = "models: [{name: %s, columns: [{name: a, config: {meta: {pii: %s}}}]}]"
    (folder / "hidden.yml").write_text(plain % ("hidden", "false"))
    (folder.parent / "personal.yml").write_text(plain % ("personal", "true"))
    (folder.parent / "shown.yml").write_text(plain % ("shown", "false"))
    (folder.parent / "private.yml").write_text("models: [{name: private, access: private}]")
    marts = Relations(tmp_path, "analytics").marts()
    assert {mart.relation: mart.public for mart in marts} == {
        "analytics.personal": False,
        "analytics.private": False,
        "analytics.shown": True,
        "restricted.hidden": False,
    }


def test_a_developers_schema_is_a_prefix() -> None:
    relations = Relations(ROOT, "dev_ana")
    assert relations.find("fct_offers") == "dev_ana_marketplace.fct_offers"
    assert relations.find("roles") == "dev_ana_reference.roles"


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("fct_ofers", None, "did you mean 'fct_offers'"),
        ("response_times", 7, "has no version 7, only 1, 2"),
        ("fct_offers", 2, "has no versions"),
        ("zzz", None, "no model or seed 'zzz'$"),
    ],
)
def test_a_wrong_name_is_an_error(name: str, version: int | None, said: str) -> None:
    with pytest.raises(UnknownModel, match=said):
        RELATIONS.find(name, version)


@pytest.mark.parametrize(
    ("template", "sql"),
    [
        ("select 1", "select 1"),
        ("{{ ref('hirehouse', 'response_times', v=1) }}", "marketplace.response_times"),
        ("{{ source('web', 'page_viewed') }}", "landed.page_viewed"),
        ("{# why #}{% for n in [1, 2] %}{{ n }}{% endfor %}", "12"),
        ("{{ percent_of('a', 'b') }}", "a * 100 / nullif(b, 0)"),
        ("{{ seconds_between('a', 'b') }}", "datediff('second', a, b)"),
    ],
)
def test_templates_are_rendered(template: str, sql: str) -> None:
    assert Templates(RELATIONS, "duckdb").render(template) == sql


def test_each_engine_has_its_own_body_of_a_macro() -> None:
    sql = {
        engine: Templates(RELATIONS, engine).render("{{ dbt.dateadd('day', 1, 'a') }}").split()
        for engine in ("duckdb", "postgres", "redshift")
    }
    assert sql["duckdb"][:2] == ["(a", "+"]
    assert sql["postgres"][:3] == ["a", "+", "((interval"]
    assert sql["redshift"][0] == "dateadd("


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ var('x') }}", "'var' can't be rendered here"),
        ("{{ dbt.nothing() }}", "'nothing' can't be rendered"),
        ("select\n{{ 1 +", "line 2: unexpected"),
        ("{{ ratio() }}", "not provided|undefined"),
    ],
)
def test_what_can_not_be_rendered_is_an_error(template: str, said: str) -> None:
    with pytest.raises(TemplateError, match=said):
        Templates(RELATIONS, "duckdb").render(template)
