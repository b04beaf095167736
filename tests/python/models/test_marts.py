"""The marts against the simulation's truth, on both engines, in any order of arrival."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from conftest import ENGINES
from hirehouse.contracts.model import ROOT, load
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.built import SHOWN, Built
from support.forks import MODELS
from support.marts import SCHEMAS, dbt, land_into, mart_hashes, shuffled, timeless, truth_of


def monthly(warehouse: Warehouse, sql: str) -> dict[str, Any]:
    """Rows of (month, value) or (month, currency, value), as in truth.json."""
    found: dict[str, Any] = {}
    for month, *rest in warehouse.query(sql):
        name = month.strftime("%Y-%m")
        if len(rest) == 1:
            found[name] = rest[0]
        else:
            found.setdefault(name, {})[rest[0]] = Decimal(rest[1])
    return found


COUNTS = {
    "sign_ups": "select cast(date_trunc('month', signed_up_at) as date), count(*)"
    " from core.dim_candidates group by 1",
    "employer_sign_ups": "select cast(date_trunc('month', signed_up_at) as date), count(*)"
    " from core.dim_employers group by 1",
    "interview_requests": "select cast(date_trunc('month', requested_at) as date), count(*)"
    " from marketplace.fct_interview_requests group by 1",
    "interview_request_acceptances": "select cast(date_trunc('month', answered_at) as date),"
    " count(*) from marketplace.fct_interview_requests where answer = 'accepted' group by 1",
    "applications": "select cast(date_trunc('month', applied_at) as date), count(*)"
    " from marketplace.fct_candidacies where origin = 'application' group by 1",
    "offers": "select cast(date_trunc('month', offered_at) as date), count(*)"
    " from marketplace.fct_offers group by 1",
    "offer_acceptances": "select cast(date_trunc('month', answered_at) as date), count(*)"
    " from marketplace.fct_offers where answer = 'accepted' group by 1",
    "first_searchable": "select searchable_month, sum(searchable_count)"
    " from marketplace.candidate_match_monthly group by 1",
    "matched": "select searchable_month, sum(hired_count)"
    " from marketplace.candidate_match_monthly group by 1 having sum(hired_count) > 0",
    "starts": "select started_month, sum(started_count)"
    " from finance.early_attrition_monthly group by 1",
    "early_leavers": "select started_month, sum(left_early_count)"
    " from finance.early_attrition_monthly group by 1 having sum(left_early_count) > 0",
    "profile_views": "select cast(date_trunc('month', viewed_at) as date), count(*)"
    " from marketplace.fct_profile_views group by 1",
    "searches": "select cast(date_trunc('month', searched_at) as date), count(*)"
    " from marketplace.fct_searches group by 1",
    "interviews": "select cast(date_trunc('month', scheduled_at) as date), count(*)"
    " from marketplace.fct_interviews group by 1",
    **{
        what: "select cast(date_trunc('month', completed_at) as date), count(*)"
        f" from marketplace.fct_interviews where status = '{status}' group by 1"
        for what, status in {"interviews_held": "held", "no_shows": "missed"}.items()
    },
    **{
        f"positions_{what}": f"select position_month, sum({what}_count)"
        f" from marketplace.position_fill_monthly group by 1 having sum({what}_count) > 0"
        for what in ("opened", "filled")
    },
    "stages_left": "select left_month, sum(actual_left_count)"
    " from marketplace.stage_conversion_monthly group by 1",
    "stages_passed": "select left_month, sum(actual_forward_count)"
    " from marketplace.stage_conversion_monthly group by 1",
}
MONEY = {
    **{
        what: f"select booked_month, currency, {what}"
        f" from finance.placement_revenue_monthly where {what} <> 0"
        for what in ("invoiced", "refunded")
    },
    "gmv": "select accepted_month, currency, gmv from finance.gmv_monthly where gmv > 0",
    "mrr": "select mrr_month, currency, mrr from finance.mrr_monthly",
    **{
        f"mrr_{movement}": f"select mrr_month, currency, {movement}_mrr"
        f" from finance.mrr_movements_monthly where {movement}_mrr <> 0"
        for movement in ("new", "reactivated", "expansion", "contraction", "churned")
    },
}


def test_counts_equal_the_truth(built: Built) -> None:
    expected: dict[str, dict[str, int]] = {what: {} for what in COUNTS}
    for folder in built.folders:
        for month, counts in truth_of(folder)["months"].items():
            for what in COUNTS:
                if counts[what]:
                    expected[what][month] = counts[what]
    with open_warehouse() as warehouse:
        found = {what: monthly(warehouse, sql) for what, sql in COUNTS.items()}
    assert found == expected
    assert sum(expected["starts"].values()) > 0


def test_money_equals_the_truth_to_the_cent(built: Built) -> None:
    expected: dict[str, dict[str, dict[str, Decimal]]] = {what: {} for what in MONEY}
    earlier: dict[str, Decimal] = defaultdict(Decimal)
    for folder in built.folders:
        months = truth_of(folder)["months"]
        for month, counts in months.items():
            for what in MONEY:
                if what != "mrr" and counts[what]:
                    expected[what][month] = {c: Decimal(m) for c, m in counts[what].items()}
            # An older marketplace has ended, but its subscriptions have not.
            live = {
                c: Decimal(counts["mrr"].get(c, 0)) + earlier[c]
                for c in earlier.keys() | counts["mrr"].keys()
            }
            expected["mrr"][month] = {c: m for c, m in live.items() if m}
        for currency, amount in counts["mrr"].items():
            earlier[currency] += Decimal(amount)
    with open_warehouse() as warehouse:
        found = {what: monthly(warehouse, sql) for what, sql in MONEY.items()}
    found["mrr"] = {m: found["mrr"][m] for m in expected["mrr"]}
    assert found == expected
    assert expected["refunded"]


@pytest.mark.usefixtures("built")
def test_lifetime_values_add_up_to_the_revenue_of_months() -> None:
    with open_warehouse() as warehouse:
        [(subscriptions, months, fees, values)] = warehouse.query(
            "select sum(subscription_revenue_reporting), sum(subscription_month_count),"
            " sum(net_fees_reporting), sum(lifetime_value_reporting)"
            " from finance.customer_lifetime_value"
        )
        [(revenue, live)] = warehouse.query(
            "select sum(mrr * reporting_rate), sum(subscription_count) from finance.mrr_monthly"
        )
        [(net,)] = warehouse.query(
            "select sum(net_reporting) from finance.placement_revenue_monthly"
        )
    # Each employer has one subscription at a time, and each of its months is rounded to the cent.
    assert months == live > 0
    assert abs(subscriptions - revenue) <= months * Decimal("0.005")
    assert fees == net > 0
    assert values == subscriptions + fees


def test_visits_equal_the_truth(built: Built) -> None:
    truths = [truth_of(folder) for folder in built.folders]
    with open_warehouse() as warehouse:
        [viewed] = warehouse.query(
            "select count(*), count(distinct session_id), count(distinct person_id)"
            " from growth.fct_page_views"
        )
        [visited] = warehouse.query(
            "select sum(page_view_count), count(*), count(distinct person_id),"
            " count(case when signed_up_as = 'candidate' then 1 end),"
            " count(case when signed_up_as = 'employer' then 1 end) from growth.fct_sessions"
        )
        [(merged,)] = warehouse.query(
            "select sum(user_id_count - 1) from growth.dim_persons where user_id_count > 1"
        )
        [(delivered, clicked)] = warehouse.query(
            "select sum(delivered_count), sum(clicked_count) from growth.email_performance_weekly"
        )
        [(merges,)] = warehouse.query(
            "select count(*) from staging.stg_web__identity_linked where method = 'merge'"
        )
    views = sum(truth["events_by_name"]["page_viewed"] for truth in truths)
    months = [counts for truth in truths for counts in truth["months"].values()]
    sign_ups = [sum(month[of] for month in months) for of in ("sign_ups", "employer_sign_ups")]
    assert viewed[0] == views
    # Everyone signs up during a visit.
    assert visited == (*viewed, *sign_ups)
    assert merged == merges > 0
    events = [
        sum(truth["events_by_name"][name] for truth in truths)
        for name in ("email_delivered", "email_clicked")
    ]
    # Each recipient clicks once at most.
    assert [delivered, clicked] == events


def test_searches_equal_the_truth(built: Built) -> None:
    months = [month for folder in built.folders for month in truth_of(folder)["months"].values()]
    counted = {
        "searches": "search_count",
        "searches_without_result": "no_result_count",
        "searches_viewed": "viewed_count",
        "searches_requested": "requested_in_7_days_count",
        "candidates_requested": "ranked_candidate_count",
    }
    with open_warehouse() as warehouse:
        [found] = warehouse.query(
            f"select sum({'), sum('.join(counted.values())}) from marketplace.search_quality_weekly"
        )
    assert list(found) == [sum(month[what] for month in months) for what in counted]
    assert 0 not in found


def test_what_is_open_equals_the_truth(built: Built) -> None:
    """Nobody skips a stage or comes back, so what is implied is what was, each stage once."""
    truths = [truth_of(folder) for folder in built.folders]
    months = [month for truth in truths for month in truth["months"].values()]
    opened, closed = (
        sum(truth["events_by_name"][f"position_{what}"] for truth in truths)
        for what in ("opened", "closed")
    )
    with open_warehouse() as warehouse:
        [pipeline] = warehouse.query(
            "select sum(candidacy_count), count(distinct as_of_day) from marketplace.pipeline_today"
        )
        [(open_positions,)] = warehouse.query(
            "select sum(open_count) from marketplace.position_fill_monthly where position_month ="
            " (select max(position_month) from marketplace.position_fill_monthly)"
        )
        [implied] = warehouse.query(
            "select sum(implied_left_count), sum(implied_forward_count)"
            " from marketplace.stage_conversion_monthly"
        )
    assert pipeline == (sum(truth["candidacies"]["under_way"] for truth in truths), 1)
    assert open_positions == opened - closed > 0
    left, passed, repeated = (
        sum(month[f"stages_{what}"] for month in months) for what in ("left", "passed", "repeated")
    )
    assert implied == (left - repeated, passed)


def test_weeks_equal_the_truth(built: Built) -> None:
    with open_warehouse() as warehouse:
        found = {
            week.isoformat(): [int(count) for count in counts]
            for week, *counts in warehouse.query(
                "select liquidity_week, sum(searchable_count), sum(requested_count),"
                " sum(open_position_count), sum(top_ten_position_count)"
                " from marketplace.liquidity_weekly group by 1"
            )
        }
    earlier = Counter[str]()
    for folder in built.folders:
        standing = earlier
        for week, counts in sorted(truth_of(folder)["weeks"].items()):
            # Who was found in an older marketplace still is, and its open positions are still open.
            standing = earlier + Counter(counts)
            expected = [standing[what] for what in ("searchable", "requested", "open_positions")]
            assert found[week][:3] == expected
            # Those of several marketplaces share the ten largest employers.
            assert earlier or found[week][3] == counts["top_ten_positions"] > 0
        earlier = standing
        del earlier["requested"]


def test_uses_of_features_equal_the_truth(built: Built) -> None:
    with open_warehouse() as warehouse:
        used = dict(
            warehouse.query(
                "select feature, sum(use_count) from product.feature_usage_weekly group by 1"
            )
        )
    events: Counter[str] = sum(
        (Counter(truth_of(folder)["events_by_name"]) for folder in built.folders), Counter()
    )
    assert used == {
        "candidate_profile": events["candidate_profile_submitted"],
        "availability": events["candidate_availability_changed"],
        "application": events["application_submitted"],
        "request_answer": events["interview_request_answered"],
        "employer_profile": events["employer_profile_updated"],
        "position": events["position_opened"],
        "search": events["candidate_search_performed"],
        "profile_view": events["candidate_profile_viewed"],
        "interview_request": events["interview_requested"],
    }


def test_requests_equal_the_truth(built: Built) -> None:
    truths = [truth_of(folder) for folder in built.folders]
    with open_warehouse() as warehouse:
        [(day,)] = warehouse.query("select as_of_day from core.data_as_of")
        [sent] = warehouse.query(
            "select sum(request_count), sum(recent_request_count), sum(earlier_request_count)"
            " from marketplace.employer_health"
        )
        [received] = warehouse.query(
            "select sum(request_count), sum(recent_request_count), sum(accepted_count)"
            " from marketplace.candidate_activity"
        )
        [standing] = warehouse.query(
            "select sum(open_position_count), (select count(*)"
            " from marketplace.candidate_activity where is_searchable)"
            " from marketplace.employer_health"
        )
        [now] = warehouse.query(
            "select sum(open_position_count), sum(searchable_count)"
            " from marketplace.liquidity_weekly where liquidity_week = "
            "(select max(liquidity_week) from marketplace.liquidity_weekly)"
        )
        bands = {
            "" if band is None else str(band): (requested, accepted)
            for band, requested, accepted in warehouse.query(
                "select percent_band, sum(request_count), sum(accepted_count)"
                " from marketplace.match_salary_gap group by 1"
            )
        }
    by_day = Counter({d: n for truth in truths for d, n in truth["requests_by_day"].items()})
    requested, accepted = (
        Counter[str](sum((Counter(truth[f"{what}_by_band"]) for truth in truths), Counter()))
        for what in ("requests", "acceptances")
    )
    days = [(day - timedelta(days=back)).isoformat() for back in range(56)]
    recent = sum(by_day[d] for d in days[:28])
    assert sent == (by_day.total(), recent, sum(by_day[d] for d in days[28:]))
    assert received == (by_day.total(), recent, accepted.total())
    assert standing == now
    assert bands == {band: (count, accepted[band]) for band, count in requested.items()}
    assert len(bands) > 5
    assert recent > 0


def test_experiments_equal_the_truth(built: Built) -> None:
    with open_warehouse() as warehouse:
        rows = warehouse.query(
            "select experiment_name, variant, exposed_count, excluded_count, converted_count"
            " from product.experiment_results where goal = 'candidate_sign_up'"
        )
    found = {
        f"{name} {variant} {what}": count
        for name, variant, *counts in rows
        for what, count in zip(("exposed", "excluded", "converted"), counts, strict=True)
    }
    truths = [Counter(truth_of(folder)["experiments"]) for folder in built.folders]
    assert found == sum(truths, Counter[str]())
    assert min(found.values()) > 0


def test_candidacies_failures_and_copies_equal_the_truth(built: Built) -> None:
    truths = [truth_of(folder) for folder in built.folders]
    with open_warehouse() as warehouse:
        origins = dict(
            warehouse.query(
                "select origin, count(*) from marketplace.fct_candidacies group by origin"
            )
        )
        failed = dict(
            warehouse.query("select rule, count(*) from landed.failed_events group by rule")
        )
        [(landed,)] = warehouse.query("select sum(event_count) from landed.batches")
        [(unknown,)] = warehouse.query("select sum(unknown_property_count) from landed.batches")
    rules: dict[str, int] = defaultdict(int)
    for truth in truths:
        for rule, count in truth["broken"].items():
            rules[rule] += count
    assert failed == rules
    assert origins == {
        "interview_request": sum(
            t["candidacies"]["by_origin"]["interview_request"] for t in truths
        ),
        "application": sum(t["candidacies"]["by_origin"]["application"] for t in truths),
    }
    assert landed == sum(t["events"] + t["resent"] for t in truths)
    assert unknown >= sum(t["unknown_properties"] for t in truths)


def test_staging_keeps_each_event_once(built: Built) -> None:
    expected: dict[str, int] = defaultdict(int)
    for folder in built.folders:
        for event, count in truth_of(folder)["events_by_name"].items():
            expected[event] += count
    with open_warehouse() as warehouse:
        tables = warehouse.query(
            "select table_name from information_schema.tables"
            " where table_schema = 'staging' and table_name like 'stg_%'"
            " and table_name not like 'stg_landing__%'"
        )
        found = {
            table.split("__")[1]: warehouse.query(f"select count(*) from staging.{table}")[0][0]
            for (table,) in tables
        }
    # A new event need not be simulated.
    assert found == {contract.event: 0 for contract in load().values()} | expected


def test_operations_equal_the_truth(built: Built) -> None:
    truths = [truth_of(folder) for folder in built.folders]
    with open_warehouse() as warehouse:
        [health] = warehouse.query(
            "select sum(landed_count), sum(duplicate_count), sum(failed_count),"
            " sum(unknown_property_count) from operations.event_health_daily"
        )
        [(failed,)] = warehouse.query("select count(*) from operations.failed_events")
        [(arrived,)] = warehouse.query("select sum(event_count) from operations.event_lateness")
        coverage = dict(
            warehouse.query(
                "select coverage, count(*) from operations.contract_coverage group by 1"
            )
        )
        counts = dict(
            warehouse.query(
                "select status, sum(production_row_count) from operations.reconciliation group by 1"
            )
        )
    events, resent, unknown = (
        sum(truth[what] for truth in truths) for what in ("events", "resent", "unknown_properties")
    )
    broken = sum(sum(truth["broken"].values()) for truth in truths)
    assert health == (events + resent, resent, broken, unknown)
    assert (failed, arrived) == (broken, events)
    assert coverage.pop("not_contracted") > 10
    assert coverage["seen"] > 100
    assert "event_never_seen" not in coverage
    assert counts.keys() == {"equal"}
    assert counts["equal"] > 1_000


def test_engines_give_identical_marts(builds: dict[str, Built]) -> None:
    assert builds["duckdb"].hashes == builds["postgres"].hashes
    assert len(builds["duckdb"].hashes) == sum(map(marts_in, SCHEMAS))
    assert builds["duckdb"].arrivals == builds["postgres"].arrivals
    assert len(builds["duckdb"].arrivals) == sum(map(marts_in, SHOWN))


def marts_in(domain: str) -> int:
    return len(list((ROOT / "models" / "marts" / domain).glob("*.sql")))


def test_new_rows_of_an_incremental_mart_fit_its_table(built: Built, tmp_path: Path) -> None:
    """A contract gives the table types that the rows of a query may not have."""
    warm = WarmDbt(folder=tmp_path, variables=built.environment)
    outcome = warm.run("run", "--select", "marts,config.materialized:incremental")
    assert outcome.success, outcome.failed()
    assert any(node.startswith("model.") for node in outcome.status)


@pytest.mark.parametrize(
    ("environment", "select"),
    [
        ("duckdb", ["--select", "+fct_candidacies", "+mrr_monthly"]),
        *(pytest.param(engine, [], marks=pytest.mark.every) for engine in ENGINES),
    ],
    indirect=["environment"],
)
def test_any_order_in_many_runs_gives_the_same_marts(
    environment: dict[str, str],
    select: list[str],
    builds: dict[str, Built],
    marketplaces: list[Path],
    tmp_path: Path,
) -> None:
    """Shuffled lines, landed and built in three runs, one file twice: as if all came at once."""
    for file in shuffled(marketplaces, tmp_path, 3, seed=7):
        land_into(environment, [file])
        assert not land_into(environment, [file]).batches
        dbt(environment, tmp_path, "build", *MODELS, *select)
    with open_warehouse() as warehouse:
        hashes = timeless(mart_hashes(warehouse))
    at_once = timeless(builds[environment["HIREHOUSE_TARGET"]].hashes)
    assert hashes == at_once if not select else hashes.items() < at_once.items()
    assert len(hashes) >= 3  # dim_dates comes with mrr_monthly
