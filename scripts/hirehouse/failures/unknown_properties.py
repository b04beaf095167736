"""Replay of unknown properties: those that no contract named when they landed, but one does now.

Each value goes into its column of the row that its event landed in. landed.unknown_properties does
not change: it records what arrived.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import orjson

from hirehouse.contracts.model import Column, Contract, load
from hirehouse.events.exact_json import kind, read_exact, to_json
from hirehouse.events.validate import CompiledContracts, check_line, parse_time
from hirehouse.landing.check_batch import Checked
from hirehouse.landing.write_batches import begin_batch, commit_batch
from hirehouse.warehouse.connections import Warehouse
from hirehouse.warehouse.landed_schema import ensure_tables

PAGE_SIZE = 1_000  # rows that one statement changes
COUNTED = "u.batch_id in (select batch_id from landed.batches where committed_at is not null)"
PROPERTIES = f"""
    select distinct u.event, u.name from landed.unknown_properties as u
    where {COUNTED} and u.event = coalesce(?, u.event) order by u.event, u.name
"""
STILL_UNKNOWN = f"""
    from landed.unknown_properties as u
    inner join landed."{{table}}" as t on u.batch_id = t.batch_id and u.batch_row = t.batch_row
    where u.event = ? and u.name = ? and {COUNTED}
"""
BRING_BACK = """
    update landed."{table}" as t set "{column}" = v.value
    from ({values}) as v
    where t.batch_id = v.batch_id and t.batch_row = v.batch_row and t."{column}" is null
"""
GROUP = """
    count(*) as count, min(u.occurred_at) as first_seen, max(u.occurred_at) as last_seen,
    max(u.value) as example
"""


@dataclass
class UnknownReplay:
    """Counts of replayed values by table and column, and of failing ones by these and rule."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    fails: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    models: set[str] = field(default_factory=set)  # staging models, to be built in full


def list_unknown(
    warehouse: Warehouse, event: str | None = None, *, values: bool = False
) -> list[dict[str, Any]]:
    """Unknown properties by event, version and property, the most frequent first.

    `named`: whether the contract of that version has the property by now. `example`: a value as
    JSON, or its kind unless `values` are wanted: it may identify a person.
    """
    warehouse.in_lock(partial(ensure_tables, warehouse))
    found = []
    for contract, name, column in _unknown_by_contract(warehouse, event):
        [group] = _still_unknown(warehouse, GROUP, contract, name, column)
        if group["count"]:
            key = {"event": contract.event, "version": contract.version, "property": name}
            if not values:
                group["example"] = kind(read_exact(group["example"].encode(), strict=False))
            found.append(key | group | {"named": column is not None})
    return sorted(found, key=lambda group: -group["count"])


def replay_unknown(
    warehouse: Warehouse, actor: str, event: str | None = None, *, dry_run: bool = False
) -> UnknownReplay:
    """Put unknown values that conform to the current contracts into their columns, all or none.

    Repeating it changes nothing more. landed.batches records actor and time. Models read by batch,
    so `models` and everything downstream must be built in full. A dry run changes no value.
    """
    warehouse.in_lock(partial(ensure_tables, warehouse))
    return warehouse.in_lock(lambda: _replay(warehouse, actor, event, dry_run))


def _replay(warehouse: Warehouse, actor: str, event: str | None, dry_run: bool) -> UnknownReplay:
    result = UnknownReplay()
    # Else a kill could leave values without the batch that says which models to build.
    with warehouse.transaction():
        for contract, name, column in _unknown_by_contract(warehouse, event):
            if column and (rows := list(_conforming(warehouse, contract, column, result))):
                result.counts[contract.table, name] = len(rows)
                result.models.add(f"stg_{contract.source}__{contract.event}")
                if not dry_run:
                    _write(warehouse, contract, column, rows)
        if result.counts and not dry_run:
            inputs = [
                {"failures": "unknown property", "table": table, "property": name}
                | {"count": count, "by": actor}
                for (table, name), count in result.counts.items()
            ]
            batch_id = begin_batch(warehouse, orjson.dumps(inputs).decode())
            commit_batch(warehouse, batch_id, Checked())
    return result


def _write(
    warehouse: Warehouse, contract: Contract, column: Column, rows: list[tuple[int, int, object]]
) -> None:
    for start in range(0, len(rows), PAGE_SIZE):
        page = rows[start : start + PAGE_SIZE]
        row = f"select ? as batch_id, ? as batch_row, cast(? as {column.type}) as value"
        values = " union all ".join([row] * len(page))
        sql = BRING_BACK.format(table=contract.table, column=column.name, values=values)
        warehouse.execute(sql, [value for row in page for value in row])


def _unknown_by_contract(
    warehouse: Warehouse, event: str | None
) -> Iterator[tuple[Contract, str, Column | None]]:
    """Unknown properties with each contract of their event, and its column if there is one."""
    for found, name in warehouse.query(PROPERTIES, [event]):
        for contract in load().values():
            if contract.event == found:
                columns = {column.name: column for column in contract.columns}
                yield contract, name, columns.get(name)


def _still_unknown(
    warehouse: Warehouse, what: str, contract: Contract, name: str, column: Column | None
) -> list[dict[str, Any]]:
    """Select `what` of the values that are not yet in the row of their event."""
    sql = f"select {what} {STILL_UNKNOWN.format(table=contract.table)}"
    if column:  # a null is in its column already
        sql += f"""and u.value <> 'null' and t."{column.name}" is null"""
    return warehouse.records(sql, [contract.event, name])


def _conforming(
    warehouse: Warehouse, contract: Contract, column: Column, result: UnknownReplay
) -> Iterator[tuple[int, int, object]]:
    """Batch, row and value of each value that conforms; the others are counted."""
    alone = replace(contract, columns=(column,))
    contracts = CompiledContracts({(contract.event, contract.version): alone})
    what = "u.batch_id, u.batch_row, u.event_id, t.received_at, u.value"
    for row in _still_unknown(warehouse, what, contract, column.name, column):
        # The value as the only property of its event goes through the check of landing.
        at, text = row["received_at"], orjson.Fragment(row["value"])
        event = {"event": contract.event, "messageId": row["event_id"]}
        event["timestamp"] = f"{at.isoformat()}Z"
        properties = {"schema_version": contract.version, column.name: text}
        verdict = check_line(orjson.dumps(event | {"properties": properties}), contracts, at)
        if verdict.reasons or not verdict.event:
            result.fails[contract.table, column.name, verdict.reasons[0].rule] += 1
            continue
        value = verdict.event["properties"][column.name]
        if column.type.kind == "timestamp":
            value = parse_time(value)
        value = to_json(value) if column.is_json else value
        yield row["batch_id"], row["batch_row"], value
