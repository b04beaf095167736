"""What sqlfluff puts in the place of our macros and of dbt's: SQL of the same shape.

sqlfluff reads models without dbt, which is ten times faster. A macro that a model calls and that is
not here makes it say "Undefined jinja template variable".
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace


def landed(source_name: str, table_name: str, _further: object = None) -> str:
    """Stands for macros/landing/landed.sql."""
    return f"select * from {source_name}_{table_name}"


def is_built(_names: object) -> bool:
    """Stands for macros/testing/tested_rows.sql."""
    return True


is_built_together = is_built


def is_counted() -> str:
    """Stands for macros/landing/landed.sql."""
    return "inner join batches on events.batch_id = batches.batch_id"


def join_copies(event: str) -> str:
    """Stands for macros/landing/copies.sql."""
    return (
        "left join copies on events.batch_id = copies.batch_id"
        f" and events.batch_row = copies.batch_row and copies.event = {event}"
    )


def all_events() -> str:
    """Stands for macros/landing/all_events.sql."""
    return "select * from landed_envelope"


def property_counts() -> str:
    """Stands for macros/landing/all_events.sql."""
    return "select * from landed_properties"


def repeated_rows() -> str:
    """Stands for macros/landing/copies.sql."""
    return "select * from landed_envelope"


def failure_history(actions: str, condition: str) -> str:
    """Stands for macros/landing/failed_event_state.sql."""
    return f"select * from {actions} as actions where {condition}"


def failure_status(history: str) -> str:
    """Stands for macros/landing/failed_event_state.sql."""
    return f"{history}.last_action"


def failure_fingerprint() -> str:
    """Stands for macros/landing/failed_event_state.sql."""
    return "pointer"


def progress() -> SimpleNamespace:
    """Stands for macros/incremental/progress.sql."""
    return SimpleNamespace(after=0, up_to=1)


def is_new(alias: str | None = None) -> str:
    """Stands for macros/incremental/touched.sql."""
    return f"{alias + '.' if alias else ''}batch_id > 0"


is_changed = is_new


def touched_keys(key: str, models: list[str]) -> str:
    """Stands for macros/incremental/touched.sql."""
    return "\n    union\n    ".join(f"select {key} from {name}" for name in models)


def is_touched(key: str, alias: str | None = None) -> str:
    """Stands for macros/incremental/touched.sql."""
    return f"{alias + '.' if alias else ''}{key} in (select touched.{key} from touched)"


def first_event(name: str, _key: str, condition: str) -> str:
    """Stands for macros/incremental/touched.sql."""
    return f"select * from {name} where {condition}"


def added_to_counts(
    name: str,
    groups: list[str],
    counts: list[str],
    _key: str,
    latest: list[str] | None = None,
) -> str:
    """Stands for macros/incremental/added_to_counts.sql."""
    return f"select {', '.join([*groups, *counts, *(latest or [])])} from {name}"


def take_turn() -> str:
    """Stands for macros/engine/take_turn.sql."""
    return ""


def tested_after() -> int:
    """Stands for macros/testing/tested_rows.sql."""
    return 0


def running_count(condition: str, key: str, order: str) -> str:
    """Stands for macros/numbers/running_count.sql."""
    return f"sum(case when {condition} then 1 end) over (partition by {key} order by {order})"


def is_tested(_id: str) -> str:
    """Stands for macros/testing/tested_rows.sql."""
    return "1 = 1"


def seconds_between(earlier: str, later: str) -> str:
    """Stands for macros/engine/seconds_between.sql."""
    return f"datediff('second', {earlier}, {later})"


def day_of_week(day: str) -> str:
    """Stands for macros/engine/day_of_week.sql."""
    return f"cast(extract(isodow from {day}) as integer)"


def in_reporting_currency(amount: str, rates: str = "rates", type: str = "integer") -> str:
    """Stands for macros/numbers/in_reporting_currency.sql."""
    return f"cast({amount} * {rates}.rate as {type})"


def as_of() -> str:
    """Stands for macros/numbers/as_of.sql."""
    return "2026-03-31"


def calendar() -> tuple[str, str]:
    """Stands for macros/numbers/as_of.sql."""
    return "2000-01-01", "2041-01-01"


def last_month(happened_at: str) -> str:
    """Stands for macros/numbers/as_of.sql."""
    return f"cast(date_trunc('month', max({happened_at})) as date)"


def is_by_as_of(happened_at: str) -> str:
    """Stands for macros/numbers/as_of.sql."""
    return f"{happened_at} < cast('2026-04-01' as timestamp)"


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


def device(user_agent: str) -> str:
    """Stands for macros/numbers/device.sql."""
    return f"case when {user_agent} like '%mobi%' then 'mobile' end"


def band(amount: str, width: int) -> str:
    """Stands for macros/numbers/band.sql."""
    return f"{amount} / {width} * {width}"


def percent_of(part: str, whole: str) -> str:
    """Stands for macros/numbers/percent_of.sql."""
    return f"{part} * 100 / {whole}"


def ratio(numerator: str, denominator: str, type: str = "numeric(9, 4)") -> str:
    """Stands for macros/numbers/ratio.sql."""
    return f"cast({numerator} / {denominator} as {type})"


def quotient(numerator: str, denominator: str) -> str:
    """Stands for macros/engine/quotient.sql."""
    return f"({numerator} / {denominator})"


def whole_root(square: str) -> str:
    """Stands for macros/engine/whole_root.sql."""
    return f"cast({square} as numeric(38, 0))"


def decimal_of(number: str, _digits: int, precision: int, scale: int) -> str:
    """Stands for macros/numbers/decimal_of.sql."""
    return f"cast({number} as numeric({precision}, {scale}))"


def normal_tail(z: str, _digits: int) -> str:
    """Stands for macros/statistics/p_value.sql."""
    return f"round({z}, 9)"


def p_value(tail: str) -> str:
    """Stands for macros/statistics/p_value.sql."""
    return f"round({tail}, 6)"


def of_two_rates(*columns: str) -> str:
    """Stands for macros/statistics/two_rates.sql."""
    return f"greatest({', '.join(column for column in columns if column not in '-+')})"


z_square = split_square = lift = wilson_square = wilson_bound = of_two_rates


def equal_share(place: str, count: str, whole: int = 1000000) -> str:
    """Stands for macros/numbers/equal_share.sql."""
    return f"{place} * {whole} / {count}"


def cohort_weeks(accounts: str) -> str:
    """Stands for macros/numbers/cohort_weeks.sql."""
    return f"select * from {accounts}"


def host(url: str) -> str:
    """Stands for macros/channels/host.sql."""
    return f"split_part({url}, '/', 3)"


def is_direct(alias: str | None = None) -> str:
    """Stands for macros/channels/is_direct.sql."""
    return f"{alias + '.' if alias else ''}utm_source is null"


def channel_of_source(name: str) -> str:
    """Stands for macros/channels/channel_of_source.sql."""
    return f"select * from {name}"


def is_source(sources: str, alias: str) -> str:
    """Stands for macros/channels/channel_of_source.sql."""
    return f"{sources}.utm_source = {alias}.utm_source"


def measured_channel(sign_ups: str, channels: str) -> str:
    """Stands for macros/channels/measured_channel.sql."""
    return f"case when {sign_ups}.touched_at is not null then {channels}.channel end"


def point_in_time(
    asked: str, key: str, moment: str, *_facts: object, columns: list[str] | None = None
) -> str:
    """Stands for macros/features/point_in_time.sql."""
    return f"select {', '.join([key, moment, *(columns or [])])} from {asked}"


def feature_set(entity: str) -> SimpleNamespace:
    """Stands for macros/features/features.sql."""
    return SimpleNamespace(columns=[f"{entity}_at", "role", "location"])


def feature_counts(_entity: str) -> list[str]:
    """Stands for macros/features/features.sql."""
    return ["request_count_7d"]


def features(_entity: str, asked: str) -> str:
    """Stands for macros/features/features.sql."""
    return f"select * from {asked}"


def feature_days() -> str:
    """Stands for macros/features/features.sql."""
    return "select date_day as feature_day from dim_dates"


def entity_days(entity: str) -> str:
    """Stands for macros/features/features.sql."""
    return f"select {entity}_id, feature_day, moment from days"


def market_columns() -> str:
    """Stands for macros/features/features.sql."""
    return "markets.candidate_count as market_candidate_count"


def known_by_moment(_key: str, changes: str) -> str:
    """Stands for macros/features/known_by_moment.sql."""
    return f"select * from {changes}"


def join_market(rows: str) -> str:
    """Stands for macros/features/features.sql."""
    return f"left join markets on {rows}.role = markets.role"


def first_known(activity: str, _key: str) -> str:
    """Stands for macros/features/training.sql."""
    return f"select * from activity where activity = '{activity}'"


def first_known_answer(asked: str, *_of: object) -> str:
    """Stands for macros/features/training.sql."""
    return f"select * from {asked}"


def label_columns(asked: str, answers: str, *_of: object) -> str:
    """Stands for macros/features/training.sql."""
    return f"{asked}.moment as label_at, {answers}.activity as label"


ENTITIES = ("candidate", "employer", "position")


def join_features(asked: str, entities: Sequence[str] = ENTITIES, _place: str = "") -> str:
    """Stands for macros/features/training.sql."""
    joins = (f"left join {e}s on {asked}.moment = {e}s.moment" for e in entities)
    return " ".join((*joins, f"left join markets on {asked}.moment > markets.market_day"))


def training_columns(_asked: str, entities: Sequence[str] = ENTITIES) -> str:
    """Stands for macros/features/training.sql."""
    return ", ".join((*(f"{e}s.role as {e}_role" for e in entities), "markets.candidate_count"))


dbt = SimpleNamespace(
    dateadd=lambda part, number, moment: f"{moment} + interval '{number} {part}'",
    date_spine=lambda _part, first, _last: f"select {first} as date_day",
)

# dbt's own word for "not parsing".
execute = True


def contract_rules(_model: str) -> list[SimpleNamespace]:
    """Stands for macros/landing/contract_rules.sql."""
    return [SimpleNamespace(column="event_id", rule="required", broken="event_id is null")] * 2
