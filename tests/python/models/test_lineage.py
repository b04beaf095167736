"""Which columns a column comes from, in the project and in SQL of all shapes."""

from __future__ import annotations

from typing import Any

import pytest

from docs_site.lineage import Column, LineageError, column_lineage
from support.project import lineage as whole
from support.project import manifest


def named(name: str) -> Column:
    """A column by a short name, such as fct_offers.answer or hiring.offer_answered.answer."""
    owner, _, column = name.rpartition(".")
    kind = (
        "source" if "." in owner else "seed" if owner in ("stages", "currency_rates") else "model"
    )
    return Column(f"{kind}.hirehouse.{owner}", column)


def columns(names: str) -> list[Column]:
    return sorted(map(named, names.split()))


# The project.

RATE = "currency_rates.rate"
ENTRIES = """
    stages.milestone candidate_app.application_submitted.occurred_at
    employer_app.interview_requested.occurred_at
    employer_app.interview_request_answered.occurred_at hiring.candidacy_stage_changed.occurred_at
    hiring.offer_extended.occurred_at hiring.offer_answered.occurred_at
    hiring.candidate_started.occurred_at hiring.candidacy_closed.occurred_at
"""
# By column, what it comes from directly and finally, read from the models.
EXPECTED = {
    "fct_offers.base_salary_reporting": (
        f"int_offers.base_salary {RATE}",
        f"hiring.offer_extended.base_salary {RATE}",
    ),
    "fct_candidacies.base_salary_reporting": (
        f"int_candidacies.base_salary {RATE}",
        f"employer_app.interview_requested.base_salary {RATE}",
    ),
    "fct_candidacies.status": (
        "int_candidacies.closed_at int_candidacies.started_at int_candidacies.hired_at"
        " int_candidacies.offered_at",
        ENTRIES,
    ),
    "time_to_hire.p90_seconds_to_hire": (
        "int_candidacies.opened_at int_candidacies.hired_at",
        ENTRIES,
    ),
    "gmv_monthly.take_rate": (
        "fct_placement_fees.net_amount_reporting fct_offers.base_salary_reporting",
        "billing.placement_invoiced.amount billing.placement_refunded.amount"
        f" hiring.offer_extended.base_salary {RATE}",
    ),
    "mrr_monthly.mrr": (
        "int_subscription_versions.monthly_amount",
        "billing.subscription_changed.monthly_amount",
    ),
    "mrr_monthly.reporting_rate": ("mrr_months.reporting_rate", RATE),
    "fct_sessions.landing_page_url": (
        "int_session_page_views.page_number int_session_page_views.page_url",
        "web.page_viewed.occurred_at web.page_viewed.event_id web.page_viewed.context_page_url",
    ),
    "fct_sessions.signed_up_at": (
        "int_sign_ups.signed_up_at",
        "candidate_app.candidate_signed_up.occurred_at employer_app.employer_signed_up.occurred_at",
    ),
    "int_merged_users.person_id": (
        "int_identity_link_ends.person_id",
        "web.identity_linked.person_id",
    ),
    "failed_events.fingerprint": (
        "int_failed_events.event int_failed_events.rule int_failed_events.pointer",
        "landing.failed_events.event landing.failed_events.rule landing.failed_events.pointer",
    ),
    "time_to_hire.hired_count": ("", ""),
}


def test_everything_in_the_project_is_found_out() -> None:
    assert whole().unresolved == {}


def test_each_column_that_is_declared_has_its_lineage() -> None:
    nodes = manifest()
    tables = [*nodes["nodes"].values(), *nodes["sources"].values()]
    declared = {
        Column(node["unique_id"], name)
        for node in tables
        if node["resource_type"] in ("model", "seed", "source")
        for name in node["columns"]
    }
    assert len(declared) > 1_200
    assert declared - whole().edges.keys() == set()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_column_comes_from_what_its_models_select(name: str) -> None:
    directly, finally_ = EXPECTED[name]
    assert whole().edges[named(name)] == columns(directly)
    assert whole().origins(named(name)) == columns(finally_)


def test_uses_are_the_columns_of_all_later_models() -> None:
    used = whole().uses(named("billing.subscription_changed.monthly_amount"))
    assert set(columns("int_subscription_versions.monthly_amount mrr_monthly.mrr")) <= set(used)
    assert named("mrr_monthly.subscription_count") not in used
    for column in used:
        assert named("billing.subscription_changed.monthly_amount") in whole().origins(column)


def test_a_change_of_the_sql_changes_the_lineage() -> None:
    changed = manifest()
    offers = changed["nodes"]["model.hirehouse.int_offers"]
    sql = offers["compiled_code"]
    offers["compiled_code"] = sql.replace("offers.base_salary,", "offers.batch_id as base_salary,")
    assert offers["compiled_code"] != sql
    found = column_lineage(changed).origins(named("fct_offers.base_salary_reporting"))
    assert found == columns(f"hiring.offer_extended.batch_id {RATE}")


# SQL of all shapes.


def project(dialect: str = "duckdb", **models: str) -> dict[str, Any]:
    """A manifest of two sources t(a, b, c) and u(a, d), and of models in the order given."""

    def node(kind: str, name: str, columns: str, **more: Any) -> dict[str, Any]:
        own = {"unique_id": f"{kind}.p.{name}", "resource_type": kind, "name": name, "schema": "s"}
        return own | {"columns": dict.fromkeys(columns.split())} | more

    sources = [
        node("source", name, columns, source_name="landing", identifier=name)
        for name, columns in (("t", "a b c"), ("u", "a d"))
    ]
    nodes = []
    for name, sql in models.items():
        inputs = [f"model.p.{other}" for other in models if f"s.{other}" in sql]
        more = {"alias": name, "compiled_code": sql, "depends_on": {"nodes": inputs}}
        nodes.append(node("model", name, "Total" if "Total" in sql else "", **more))
    return {
        "metadata": {"adapter_type": dialect},
        "nodes": {one["unique_id"]: one for one in nodes},
        "sources": {one["unique_id"]: one for one in sources},
    }


def read(dialect: str = "duckdb", **models: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """By column of the model `m`, what it finally comes from; and what could not be found out."""
    lineage = column_lineage(project(dialect, **models))
    origins = {
        column.name: " ".join(
            f"{one.unique_id.split('.')[-1]}.{one.name}" for one in lineage.origins(column)
        )
        for column in lineage.edges
        if column.unique_id == "model.p.m"
    }
    return origins, {key: list(words) for key, words in lineage.unresolved.items()}


@pytest.mark.parametrize(
    ("sql", "origins"),
    [
        ("select * from s.t", {"a": "t.a", "b": "t.b", "c": "t.c"}),
        ("select a, d from s.u union all select b, c from s.t", {"a": "t.b u.a", "d": "t.c u.d"}),
        ("with x as (select *, a + b as z from s.t) select z from x where c = 1", {"z": "t.a t.b"}),
        ("select t.b from s.t inner join s.u on t.a = u.a order by t.c", {"b": "t.b"}),
        ("select count(*) as n, sum(b) as b from s.t group by a", {"n": "", "b": "t.b"}),
        ("select lag(b) over (partition by a order by c) as x from s.t", {"x": "t.b"}),
        ("select row_number() over (partition by a order by c) as x from s.t", {"x": "t.c"}),
        ("select (select max(d) from s.u where u.a = t.b) as x from s.t", {"x": "u.d"}),
        ("select coalesce(t.b, v.d) as x from s.t, (select d from s.u) as v", {"x": "t.b u.d"}),
        ("select case when a = 1 then 'x' end as x from s.t", {"x": "t.a"}),
        ('select "a" as "Total", b as "order" from "s"."t"', {"Total": "t.a", "order": "t.b"}),
    ],
)
def test_sql_is_read(sql: str, origins: dict[str, str]) -> None:
    assert read(m=sql) == (origins, {})


def test_models_are_read_after_those_they_read() -> None:
    first = "select *, b as n from s.t"
    assert read(m="select c, n as x from s.first", first=first)[0] == {"c": "t.c", "x": "t.b"}


def test_postgres_names_the_database() -> None:
    sql = 'select "a" as x from "db"."s"."t"'
    assert read(dialect="postgres", m=sql) == ({"x": "t.a"}, {})


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("select a from s.other", "a"),
        ("select * from s.other", "comes"),
        ("select nothing from s.t", "nothing"),
        ("select a from", "Expected"),
        ("select columns('Total') from s.t", "not selected: Total"),
        (
            "with recursive r as (select a from s.t union select a + 1 from r) select a from r",
            "a comes",
        ),
    ],
)
def test_what_can_not_be_found_out_is_said(sql: str, why: str) -> None:
    _, unresolved = read(m=sql)
    assert why in " ".join(unresolved["model.p.m"])


def test_a_model_that_can_not_be_read_keeps_its_columns() -> None:
    origins, unresolved = read(first="select 1 as Total from", m="select Total from s.first")
    assert (origins, list(unresolved)) == ({"Total": ""}, ["model.p.first"])


def test_a_manifest_without_sql_is_an_error() -> None:
    with pytest.raises(LineageError, match=r"no SQL of model\.p\.m: run `dbt compile`"):
        column_lineage(project(m=""))
