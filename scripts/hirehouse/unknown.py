"""Properties that no contract named when they came, brought back once one does.

Each goes into its column of the row that its event landed in. raw.unknown_properties stays as it
is: it tells what arrived.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from hirehouse.check import Plans, check_line, parse_time
from hirehouse.contracts import Column, Contract, load
from hirehouse.exact import to_json
from hirehouse.rows import Checked
from hirehouse.tables import ensure_tables, sql_type
from hirehouse.warehouse import Warehouse
from hirehouse.write import begin_batch, commit_batch

PAGE = 1_000  # rows that one statement changes
COUNTED = "u.batch_id in (select batch_id from raw.batches where committed_at is not null)"
GROUPS = f"""
    select u.event, u.name, count(*), min(u.occurred_at), max(u.occurred_at), max(u.value)
    from raw.unknown_properties as u
    where {COUNTED}
    group by u.event, u.name
    order by count(*) desc, u.event, u.name
"""
WAITING = f"""
    select u.batch_id, u.batch_row, u.event_id, t.received_at, u.value
    from raw.unknown_properties as u
    inner join raw."{{table}}" as t on u.batch_id = t.batch_id and u.batch_row = t.batch_row
    where u.event = ? and u.name = ? and u.value <> 'null' and t."{{column}}" is null and {COUNTED}
    order by u.batch_id, u.batch_row
"""
BRING_BACK = """
    update raw."{table}" as t set "{column}" = v.value
    from (values {values}) as v (batch_id, batch_row, value)
    where t.batch_id = v.batch_id and t.batch_row = v.batch_row and t."{column}" is null
"""
GROUP = ("event", "property", "count", "first_seen", "last_seen", "example")


@dataclass
class Back:
    """What came back, by table and column, and what does not conform, by these and rule."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    fails: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    models: set[str] = field(default_factory=set)  # of staging, to build anew


def unknown(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Unknown properties by event, the most frequent first, less those that are back.

    `contracts` names the tables whose contract has the property by now, and `waiting` counts the
    values that wait to be brought back there.
    """
    with warehouse.landing_lock():
        ensure_tables(warehouse)
    found = []
    for row in warehouse.query(GROUPS):
        group = dict(zip(GROUP, row, strict=True))
        named = list(_named(group["event"], group["property"]))
        waiting = sum(len(_waiting(warehouse, *one)) for one in named)
        if waiting or not named:
            tables = [contract.table for contract, _ in named]
            found.append(group | {"contracts": tables, "waiting": waiting})
    return found


def bring_back(warehouse: Warehouse, actor: str) -> Back:
    """Put unknown values that conform to today's contracts into their columns.

    Doing it again changes nothing more. Who did it stands in raw.batches. Models read by batch, so
    those of `models` and what hangs on them must be built in full.
    """
    back = Back()
    with warehouse.landing_lock():
        ensure_tables(warehouse)
        for event, name, *_ in warehouse.query(GROUPS):
            for contract, column in _named(event, name):
                rows = list(_conforming(warehouse, contract, column, back))
                for start in range(0, len(rows), PAGE):
                    page = rows[start : start + PAGE]
                    values = ", ".join([f"(?, ?, cast(? as {sql_type(column.type)}))"] * len(page))
                    sql = BRING_BACK.format(table=contract.table, column=name, values=values)
                    warehouse.execute(sql, [value for row in page for value in row])
                if rows:
                    back.counts[contract.table, name] = len(rows)
                    back.models.add(f"stg_{contract.source}__{event}")
        if back.counts:
            told = [
                {"failures": "unknown property", "table": table, "property": name, "count": count}
                for (table, name), count in back.counts.items()
            ]
            inputs = orjson.dumps([one | {"by": actor} for one in told]).decode()
            batch_id = begin_batch(warehouse, inputs)
            commit_batch(warehouse, batch_id, Checked({}, [], 0, 0, 0))
    return back


def _named(event: str, name: str) -> Iterator[tuple[Contract, Column]]:
    """The contracts of an event that have a property, with its column."""
    for contract in load().values():
        if contract.event == event:
            yield from ((contract, column) for column in contract.columns if column.name == name)


def _waiting(warehouse: Warehouse, contract: Contract, column: Column) -> list[tuple[Any, ...]]:
    sql = WAITING.format(table=contract.table, column=column.name)
    return warehouse.query(sql, [contract.event, column.name])


def _conforming(
    warehouse: Warehouse, contract: Contract, column: Column, back: Back
) -> Iterator[tuple[int, int, object]]:
    """Batch, row and value of what conforms; the rest is counted."""
    alone = replace(contract, columns=(column,))
    plans = Plans({(contract.event, contract.version): alone})
    for batch_id, batch_row, event_id, at, text in _waiting(warehouse, contract, column):
        # The value as the one property of its event, so that it meets the very same check.
        event = {"event": contract.event, "messageId": event_id, "timestamp": f"{at.isoformat()}Z"}
        properties = {"schema_version": contract.version, column.name: orjson.Fragment(text)}
        verdict = check_line(orjson.dumps(event | {"properties": properties}), plans, at)
        if verdict.reasons or not verdict.event:
            back.fails[contract.table, column.name, verdict.reasons[0].rule] += 1
            continue
        value = verdict.event["properties"][column.name]
        if column.type.kind == "timestamp":
            value = parse_time(value)
        yield batch_id, batch_row, to_json(value) if column.is_json else value
