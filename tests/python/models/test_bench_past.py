"""The bench against the past compares equal things, and sees it when they are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import past as bench
from support.built import Built


@pytest.fixture(scope="module")
def past(builds: dict[str, Built]) -> dict[str, str]:
    """The variables of a database with both the marts and what they replace."""
    bench.make_production(builds["postgres"].environment)
    database = builds["duckdb"].environment["HIREHOUSE_DUCKDB"]
    return builds["postgres"].environment | {"database": database}


@pytest.fixture
def sides(past: dict[str, str]) -> Iterator[bench.Sides]:
    with bench.opened(past, Path(past["database"])) as opened:
        yield opened


def test_production_and_the_marts_answer_alike(sides: bench.Sides) -> None:
    asked = bench.questions()
    assert len(asked) >= 20
    assert bench.unequal(asked, sides) == []
    assert not any(
        isinstance(value, float)
        for question in asked
        for row in sides.past.rows(question.past)
        for value in row
    )


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (
            "update invoices set amount = amount + 0.01 where id = (select min(id) from invoices)",
            {"05_net_fees"},
        ),
        (
            "delete from candidate_reviews where decision = 'accepted'"
            " and candidate_id = (select min(candidate_id) from candidate_availabilities"
            " where availability = 'passive')",
            {"07_searchable_candidates", "16_supply_and_demand"},
        ),
        ("delete from invoices; delete from refunds", {"05_net_fees"}),
        (
            "update subscription_changes set monthly_amount = monthly_amount + 1;"
            "delete from stage_transitions where id = (select min(stage_transitions.id)"
            " from stage_transitions join stages on stage_id = stages.id"
            " where stages.name = 'phone_screen');"
            "update searches set result_count = 0"
            " where id = (select min(id) from searches where result_count > 0);"
            "update users set created_at = created_at - interval '7 days'"
            " where id = (select max(user_id) from employers);"
            "delete from candidate_availabilities where id = (select min(id)"
            " from candidate_availabilities where availability = 'passive');"
            "delete from email_clicks where id = (select min(id) from email_clicks)",
            {
                *("06_mrr", "08_time_in_stage", "13_mrr_movements", "14_revenue_retention"),
                *("15_stage_conversion", "17_search_quality", "18_employer_retention"),
                *("19_features", "20_emails"),
            },
        ),
    ],
)
def test_a_planted_wrong_answer_is_found(past: dict[str, str], plant: str, found: set[str]) -> None:
    connection = bench.connect(past, "-c search_path=production")
    with bench.opened(past, Path(past["database"])) as opened, connection.cursor() as cursor:
        # What is planted is seen by this connection alone, and taken back.
        def rows(sql: str) -> bench.Rows:
            cursor.execute(sql)
            return list(cursor.fetchall())

        cursor.execute("begin")
        cursor.execute("set local session_replication_role = replica")  # no foreign keys
        cursor.execute(plant)
        planted = bench.Sides(bench.Side(rows, cursor.execute), opened.marts)
        told = bench.unequal(bench.questions(), planted)
        cursor.execute("rollback")
    connection.close()
    assert {line.split()[0].rstrip(":") for line in told} == found, told
    assert all(any(engine in line for line in told) for engine in opened.marts)


def test_what_is_measured_is_every_question_everywhere(sides: bench.Sides) -> None:
    asked = bench.questions()
    times = bench.measure(asked, sides, runs=1)
    places = {"past", "PostgreSQL", "kept PostgreSQL", "DuckDB", "kept DuckDB"}
    assert [set(of) for of in times.values()] == [places] * len(asked)
    text = bench.table(asked, times)
    assert text.count("\n") == len(asked) + 3
    assert bench.plot(asked, times).count("<circle") == 2 * len(asked) + 2


def test_ratios_say_how_many_times_as_long_production_took() -> None:
    times = {"a": {"past": 30.0, "DuckDB": 0.5}, "b": {"past": 1.0, "DuckDB": 2.0}}
    assert bench.ratios(times, "DuckDB") == [60.0, 0.5]
    assert [bench.rounded(n) for n in (0.3456, 4.567, 78.94, 1234.5)] == [
        "0.346",
        "4.57",
        "78.9",
        "1,234",
    ]


def test_a_new_measurement_replaces_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "bench.md"
    report.write_text(f"before\n{bench.MEASURED}old\n{bench.MEASURED}after\n")
    monkeypatch.setattr(bench, "REPORT", report)
    for text in ("first\n", "second\n"):
        bench.write_report(text, "<svg/>")
    marked = f"{bench.MEASURED}second\n\n{bench.MEASURED}"
    assert report.read_text() == f"before\n{marked}after\n"
    assert report.with_suffix(".svg").read_text() == "<svg/>"
