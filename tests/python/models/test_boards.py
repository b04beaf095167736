"""Boards: a chart shows what there is, or lint says what there isn't."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from docs_site import check
from docs_site.charts import Chart, ChartError, points, sparkline, vega
from docs_site.facts import last_build
from docs_site.pages import Site
from docs_site.project import Project
from hirehouse.contracts.model import load
from support.project import manifest

FUNNEL = "exposure.hirehouse.hiring_funnel_review"
Change = Callable[[dict[str, Any]], Any]


def changed(change: Change) -> dict[str, Any]:
    """The manifest with a change of the first chart of the funnel's board."""
    found = copy.copy(manifest())
    found["exposures"] = copy.deepcopy(found["exposures"])
    change(found["exposures"][FUNNEL]["config"]["meta"]["charts"][0])
    return found


def test_boards_have_charts_of_marts_and_metrics() -> None:
    boards = Project(manifest(), load()).boards
    assert len([board for board in boards if board.charts]) >= 6
    charts = [chart for board in boards for chart in board.charts]
    assert {chart.mart.layer for chart in charts} == {"marts"}
    assert [chart.metric for chart in charts if chart.metric]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda chart: chart.update(x="opened_weak"),
            "hiring_funnel_weekly has no column opened_weak",
        ),
        (lambda chart: chart["y"].update(hired="sum(hires)"), "has no column hires"),
        (lambda chart: chart.update(where="rolle = 'x'"), "has no column rolle"),
        (lambda chart: chart.update(mart="mrr_monthly"), "no mart 'mrr_monthly' in depends_on"),
        (lambda chart: chart.update(metric="hirings"), "there is no metric 'hirings'"),
        (lambda chart: chart.update(metric="mrr"), "of a mart or of a metric"),
        (
            lambda chart: [chart.pop("mart"), chart.update(metric="mrr")],
            r"add ref\('mrr_movements_monthly'\) to depends_on",
        ),
        (lambda chart: chart.update(colour="role"), "unknown word 'colour'"),
        (lambda chart: chart.update(color="role"), "tells the rows of one y apart; there are 4"),
        (lambda chart: chart.update(mark="pie"), "mark is one of line, bar"),
        (lambda chart: chart.update(format="euros"), "format of number, percent"),
        (lambda chart: chart.update(y={"hired": "sum(("}), "no SQL"),
        (lambda chart: chart.update(y={"hired": "sum(x)", "0)": None}), "put SQL with a comma"),
        (lambda chart: chart.pop("title"), "missing 1 required"),
    ],
)
def test_a_chart_of_what_is_not_there_is_refused(change: Change, says: str) -> None:
    with pytest.raises(ChartError, match=says) as error:
        Project(changed(change), load())
    assert str(error.value).startswith("models/marts/exposures.yml: hiring_funnel_review: chart ")


def test_lint_refuses_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path))
    path = tmp_path / "manifest.json"
    path.write_bytes(orjson.dumps(manifest()))
    assert check.main() == 0
    path.write_bytes(orjson.dumps(changed(lambda chart: chart.update(x="opened_weak"))))
    assert check.main() == 1
    assert "no column opened_weak" in capsys.readouterr().out


def chart(**words: Any) -> Chart:
    mart = Project(manifest(), load()).mart("hiring_funnel_weekly")
    stated: dict[str, Any] = {"title": "Hires", "mart": mart, "y": {"hired": "sum(hired_count)"}}
    return Chart(**stated | words)


def test_the_rows_of_a_chart_are_counted_in_sql() -> None:
    weekly = chart(x="opened_week", color="role", where="origin = 'application'")
    assert weekly.sql == (
        "select\n    opened_week as x,\n    role as color,\n    sum(hired_count) as y0\n"
        "from marketplace.hiring_funnel_weekly\n"
        "where (origin = 'application') and opened_week is not null\n"
        "group by 1, 2\norder by 1, 2"
    )
    assert chart(x="role").sql.endswith("order by 2 desc, 1\nlimit 15")


def test_of_many_series_the_largest_are_drawn() -> None:
    rows = [{"x": "a", "color": f"c{n}", "y0": n} for n in range(12)]
    drawn = points(chart(x="channel", color="role"), rows)
    assert {point["series"] for point in drawn} == {f"c{n}" for n in range(4, 12)}


def test_times_run_along_and_names_down() -> None:
    encoding = vega(chart(x="opened_week"), [{"x": "2026-01-05", "y0": 1}])["encoding"]
    assert encoding["x"]["timeUnit"] == "utcyearmonthdate"
    encoding = vega(chart(x="role", mark="bar"), [{"x": "designer", "y0": 1}])["encoding"]
    assert encoding["y"]["field"] == "x"


def test_a_line_needs_two_values() -> None:
    assert sparkline([1.0]) == ""
    assert 'points="2.0,33.0 158.0,3.0"' in sparkline([1.0, 5.0])
    assert "33.0 158.0,33.0" in sparkline([2.0, 2.0])


def test_the_last_build_is_the_newest_that_built(tmp_path: Any) -> None:
    assert last_build(tmp_path) == {}
    (tmp_path / "warm").mkdir()

    def record(path: str, which: str, at: str) -> None:
        content = {"args": {"which": which}, "metadata": {"generated_at": at}}
        (tmp_path / path / "run_results.json").write_bytes(orjson.dumps(content))

    record(".", "build", "2026-01-05")
    record("warm", "build", "2026-01-06")
    assert last_build(tmp_path)["metadata"]["generated_at"] == "2026-01-06"
    record("warm", "compile", "2026-01-07")
    assert last_build(tmp_path)["metadata"]["generated_at"] == "2026-01-05"


def test_a_warning_and_what_was_skipped_have_not_failed() -> None:
    nothing: Any = None
    statuses = ("success", "pass", "no-op", "warn", "skipped", "fail", "error")
    results = [{"unique_id": status, "status": status} for status in statuses]
    site = Site(nothing, nothing, nothing, {"results": results}, nothing, nothing)
    assert site.failed.keys() == {"fail", "error"}
