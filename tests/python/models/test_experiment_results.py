"""The statistics of experiment_results, which SQL computes in numerics, against those of scipy."""

from __future__ import annotations

from decimal import Decimal
from math import hypot
from pathlib import Path
from random import Random
from typing import Any

import pytest
from scipy.stats import binomtest, chi2_contingency, chisquare

from conftest import ENGINES
from hirehouse.warehouse.connections import open_warehouse
from support.marts import Enter, dbt

PRECISION = 1e-6
LARGEST = 100_000_000
Rates = tuple[int, int, int, int]  # persons, converted; of control: persons, converted
CREATE = (
    "create table product.experiment_conversions (experiment_name varchar(80), variant varchar(40),"
    " goal varchar(20), exposed_count bigint, excluded_count bigint, converted_count bigint)"
)
COLUMNS = (
    *("converted_ratio", "difference", "difference_low", "difference_high"),
    *("lift", "p_value", "split_p_value"),
)


def converted_of(persons: int, choice: Random) -> int:
    """Nobody, everybody, a few, all but a few, or any share."""
    few = min(persons, choice.randrange(6))
    return choice.choice((0, persons, few, persons - few, choice.randint(0, persons)))


def random_rates(choice: Random) -> Rates:
    """Two groups of any size, equally large or not, with rates that are close or not."""
    persons = int(LARGEST ** choice.random())
    control = choice.choice((persons, int(LARGEST ** choice.random())))
    converted = converted_of(persons, choice)
    # Within some standard errors, where the p-value is of interest.
    rate = converted / persons
    near = rate + choice.gauss(0, 2) * (rate * (1 - rate) / control) ** 0.5
    close = min(max(round(near * control), 0), control)
    return persons, converted, control, choice.choice((close, converted_of(control, choice)))


EDGES: list[Rates] = [
    (LARGEST, LARGEST, LARGEST, 0),
    (LARGEST, 0, LARGEST, 0),
    (LARGEST, LARGEST // 2, LARGEST, LARGEST // 2 + 10_000),
    (LARGEST, 1, 1, 0),
    (1, 1, LARGEST, LARGEST // 2),
    (LARGEST, 3, LARGEST, 1),
    (1, 0, 1, 1),
]


def expected_of(rates: Rates) -> dict[str, float | None]:
    persons, converted, control, control_converted = rates
    rate, control_rate = converted / persons, control_converted / control
    found: dict[str, float | None] = dict.fromkeys(COLUMNS)
    difference = found["difference"] = rate - control_rate
    found["converted_ratio"] = rate
    bounds = [
        binomtest(x, n).proportion_ci(method="wilson")
        for x, n in ((converted, persons), (control_converted, control))
    ]
    found["difference_low"] = difference - hypot(
        rate - bounds[0].low, bounds[1].high - control_rate
    )
    found["difference_high"] = difference + hypot(
        bounds[0].high - rate, control_rate - bounds[1].low
    )
    if control_converted:
        found["lift"] = difference / control_rate
    table = [[converted, persons - converted], [control_converted, control - control_converted]]
    if 0 < converted + control_converted < persons + control:
        # Without a correction this is the square of the z-test with the pooled rate.
        found["p_value"] = chi2_contingency(table, correction=False).pvalue
    found["split_p_value"] = chisquare([persons, control]).pvalue
    return found


def difference_of(found: Decimal | None, expected: float | None) -> float:
    """How far a number is off; those that ought to be empty and are not are far off."""
    if found is None or expected is None:
        return 0.0 if found is None and expected is None else 1.0
    return abs(float(found) - expected)


@pytest.fixture(scope="module")
def rates() -> list[Rates]:
    choice = Random(7)
    return [*EDGES, *(random_rates(choice) for _ in range(400))]


def results(engine: str, rates: list[Rates], enter: Enter, folder: Path) -> list[dict[str, Any]]:
    """What the model makes of each pair of rates, each an experiment of its own."""
    environment = enter(engine)
    values = ", ".join(
        f"('{number:05}', '{variant}', 'hire', {exposed}, 0, {converted})"
        for number, (persons, converted_, control, control_converted) in enumerate(rates)
        for variant, exposed, converted in (
            ("treatment", persons, converted_),
            ("control", control, control_converted),
        )
    )
    with open_warehouse() as warehouse:
        warehouse.execute("create schema product")
        warehouse.execute(CREATE)
        warehouse.execute(f"insert into product.experiment_conversions values {values}")
    dbt(environment, folder, "run", "--select", "experiment_results")
    with open_warehouse() as warehouse:
        rows = warehouse.query(
            f"select {', '.join(COLUMNS)} from product.experiment_results"
            " where variant = 'treatment' order by experiment_name"
        )
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def test_results_are_those_of_scipy_on_each_engine(
    rates: list[Rates], enter: Enter, tmp_path: Path
) -> None:
    by_engine = [results(engine, rates, enter, tmp_path) for engine in ENGINES]
    assert by_engine[0] == by_engine[1]
    wrong = {}
    for pair, found in zip(rates, by_engine[0], strict=True):
        expected = expected_of(pair)
        for column in COLUMNS:
            off = difference_of(found[column], expected[column])
            # A lift has four decimals; a large one is not exact in a float.
            if off > (5e-5 + 1e-9 * abs(expected[column] or 0) if column == "lift" else PRECISION):
                wrong[pair, column] = found[column], expected[column]
    assert wrong == {}
    values = [found["p_value"] for found in by_engine[0]]
    assert sum(value is not None and 0.001 < value < 0.999 for value in values) > 100
