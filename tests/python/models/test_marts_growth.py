"""Channels, attribution and cohorts against the simulation's truth, on both engines."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.built import Built
from support.marts import truth_of


def test_channels_equal_the_truth(built: Built) -> None:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for folder in built.folders:
        for channel, counted in truth_of(folder)["channels"].items():
            for what, count in counted.items():
                counts[channel, what] += count
    whats = sorted({what for _, what in counts})
    sums = ", ".join(f"sum({what})" for what in whats)
    with open_warehouse() as warehouse:
        rows = warehouse.query(
            f"select channel, {sums} from growth.channel_performance_weekly group by 1"
        )
    found = {(c, w): n for c, *sums in rows for w, n in zip(whats, sums, strict=True) if n}
    assert found == {key: count for key, count in counts.items() if count}
    assert len(whats) == 9
    # Some came by what they did not declare.
    assert counts["direct", "signed_up_count"] > 0


def test_shares_equal_the_truth(built: Built) -> None:
    shares: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for folder in built.folders:
        for kind, by_model in truth_of(folder)["attribution"].items():
            for model, by_channel in by_model.items():
                for channel, share in by_channel.items():
                    shares[kind, model, channel] += Decimal(share)
    with open_warehouse() as warehouse:
        rows = warehouse.query(
            "select conversion_kind, attribution_model, channel, sum(share)"
            " from growth.fct_attribution group by 1, 2, 3"
        )
    assert {tuple(key): share for *key, share in rows} == shares
    # Some came by several channels.
    assert shares["hire", "linear", "email"] % 1 > 0


def test_cohorts_equal_the_truth(built: Built) -> None:
    with open_warehouse() as warehouse:
        for truth in map(truth_of, built.folders):
            for kind, expected in truth["cohorts"].items():
                assert cohorts_of(warehouse, kind, truth) == expected
                assert expected[-1]["active"] < expected[-1]["accounts"]


def cohorts_of(warehouse: Warehouse, kind: str, truth: dict[str, Any]) -> list[dict[str, int]]:
    """Sums of a marketplace's cohorts by weeks since the sign-up, while it went on."""
    name = {"candidate": "candidate_activation", "employer": "employer_retention"}[kind]
    start = date.fromisoformat(truth["start"])
    last = start + timedelta(days=truth["days"] - 1)
    rows = warehouse.query(
        f"select sum({kind}_count), sum(active_count), sum(requested_count), sum(hired_count)"
        f" from growth.{name}_cohorts where signed_up_week >= '{start}' and week_start <= '{last}'"
        " group by weeks_since order by weeks_since"
    )
    names = ("accounts", "active", "requested", "hired")
    return [dict(zip(names, map(int, row), strict=True)) for row in rows]
