"""What sqlfluff puts in the place of our macros and of dbt's: SQL of the same shape.

sqlfluff reads models without dbt, which is ten times faster. A macro that a model calls and that is
not here makes it say "Undefined jinja template variable".
"""

from __future__ import annotations

from types import SimpleNamespace


def landed(source_name: str, table_name: str, _further: object = None) -> str:
    """Stands for macros/landing/landed.sql."""
    return f"select * from {source_name}_{table_name}"


def is_counted() -> str:
    """Stands for macros/landing/all_events.sql."""
    return "events.batch_id > 0"


def envelopes(_condition: str) -> str:
    """Stands for macros/landing/all_events.sql."""
    return "select * from raw_envelope"


def property_counts() -> str:
    """Stands for macros/landing/all_events.sql."""
    return "select * from raw_properties"


def in_range(_relation: str, _condition: str) -> str:
    """Stands for macros/incremental/is_new.sql."""
    return "occurred_at > cast('2026-01-01' as timestamp)"


def is_new(alias: str | None = None) -> str:
    """Stands for macros/incremental/is_new.sql."""
    return f"{alias + '.' if alias else ''}batch_id > 0"


def is_tested(_id: str) -> str:
    """Stands for macros/testing/tested_rows.sql."""
    return "1 = 1"


def seconds_between(earlier: str, later: str) -> str:
    """Stands for macros/engine/seconds_between.sql."""
    return f"datediff('second', {earlier}, {later})"


def day_of_week(day: str) -> str:
    """Stands for macros/engine/day_of_week.sql."""
    return f"cast(extract(isodow from {day}) as integer)"


def in_reporting_currency(amount: str, rates: str = "rates") -> str:
    """Stands for macros/numbers/in_reporting_currency.sql."""
    return f"cast({amount} * {rates}.rate as integer)"


def rate_of(rates: str, currency: str, day: str) -> str:
    """Stands for macros/numbers/in_reporting_currency.sql."""
    return f"{rates}.currency = {currency} and {rates}.valid_from <= {day}"


def percentile(
    value: str,
    _percent: int,
    value_rank: str = "value_rank",
    value_count: str = "value_count",
    value_times: str = "1",
) -> str:
    """Stands for macros/numbers/percentile.sql."""
    return f"max(case when {value_rank} = {value_count} * {value_times} then {value} end)"


def band(amount: str, width: int) -> str:
    """Stands for macros/numbers/band.sql."""
    return f"{amount} / {width} * {width}"


def ratio(numerator: str, denominator: str) -> str:
    """Stands for macros/numbers/ratio.sql."""
    return f"cast({numerator} / {denominator} as numeric(9, 4))"


dbt = SimpleNamespace(
    dateadd=lambda part, number, moment: f"{moment} + interval '{number} {part}'",
    date_spine=lambda _part, first, _last: f"select {first} as date_day",
)

# dbt's own word for "not parsing".
execute = True


def contract_rules(_model: str) -> list[SimpleNamespace]:
    """Stands for macros/landing/contract_rules.sql."""
    return [SimpleNamespace(column="event_id", rule="required", broken="event_id is null")] * 2


def inlined() -> str:
    """Stands for macros/engine/inlined.sql."""
    return "not materialized"
