"""The commands of docs/data-science.md lead from features over a model to scores in the marts."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb

from support.built import Built
from support.pages import cloned, parse_clone, reader, run_page

PAGE = Path("docs/data-science.md")
NUMBER = r"(0\.\d+)"


def test_the_page_leads_from_features_to_judged_scores(
    builds: dict[str, Built], tmp_path: Path
) -> None:
    clone = cloned(tmp_path / "hirehouse")
    (clone / "data").mkdir()
    path = clone / "data" / "hirehouse.duckdb"
    shutil.copy(builds["duckdb"].environment["HIREHOUSE_DUCKDB"], path)
    parse_clone(clone)
    run_page(PAGE, clone, reader(clone))
    said = (tmp_path / f"{PAGE.stem}.log").read_text(encoding="utf-8")
    (counts,) = re.findall(r"([\d,]+) requests before \S+, ([\d,]+) after it", said)
    before, after = (int(count.replace(",", "")) for count in counts)
    measured = dict(re.findall(rf"^(\w+) +AUC {NUMBER} ", said, re.M))
    assert before > 100
    assert set(measured) == {"baseline", "model"}
    assert float(measured["baseline"]) == 0.5
    # What the simulated candidates look at is among the features.
    assert float(measured["model"]) > 0.52

    scores = duckdb.read_parquet(str(clone / "data" / "scores" / "*.parquet"))
    with duckdb.connect(str(path), read_only=True) as warehouse:
        found = warehouse.sql(
            "select candidate_id, position_id, model_version, score, scored_at, known_at"
            " from data_science.fct_scores where model = 'acceptance_logistic'"
        ).fetchall()
        weeks = warehouse.sql(
            "select sum(request_count), sum(auc * request_count) / sum(request_count)"
            " from data_science.model_performance_weekly"
            " where model = 'acceptance_logistic' and auc is not null"
        ).fetchall()
    given = scores.query(
        "scores",
        "select candidate_id, position_id, model_version, score::numeric(7, 6),"
        " timezone('UTC', scored_at), timezone('UTC', received_at) from scores",
    ).fetchall()
    assert sorted(found) == sorted(given)
    [(requests, auc)] = weeks
    assert 0.9 * after <= requests <= after
    assert abs(auc - float(measured["model"])) < 0.05
