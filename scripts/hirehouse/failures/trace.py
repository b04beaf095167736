"""Trace one event: spool, batch, landed table, staging, marts."""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from hirehouse.contracts.model import ROOT, Contract, load
from hirehouse.failures.queries import STATES
from hirehouse.landing.inputs import event_files
from hirehouse.landing.read_batches import lines_of
from hirehouse.warehouse.connections import Warehouse

Step = dict[str, Any]  # a place as `where`, the state of the event there as `what`
FAILED = f"""
    with {STATES}
    select failure_id, input, line, batch_id, rule, pointer, status, landed_id, acted_batch
    from states
    where failure_id >= ? and failure_id < ? or event_id = ? or landed_id = ?
"""
LANDED = """
    select '{0}', e.event_id, e.occurred_at, e.batch_id, e.batch_row, e.replayed_at, b.inputs,
        b.committed_at
    from landed.{0} as e
    left join landed.batches as b on e.batch_id = b.batch_id
    where e.event_id = ?
"""
TABLES = "select table_schema, table_name, column_name from information_schema.columns"


def trace(warehouse: Warehouse, wanted: str, spool: Path | None = None) -> Iterator[Step]:
    """The places where an event is or was, in order; none if there is no trace of it.

    Args:
        wanted: a messageId, or the id of a failed event or a prefix of it.
        spool: a folder of events to search as well.
    """
    if spool:
        yield from _in_spool(spool, wanted.encode())
    ids = {wanted}
    failed = warehouse.query(FAILED, [wanted, wanted + "~", wanted, wanted])
    for one, name, line, batch, rule, pointer, status, event_id, acted in failed:
        what = f"{name}, line {line}: {rule} at {pointer or 'the whole event'}; {status}"
        what += f" in batch {acted} as {event_id}" if event_id else ""
        yield {"where": f"failed in batch {batch}", "what": what, "failure_id": one}
        ids |= {event_id} if event_id else set()
    contracts = {contract.table: contract for contract in load().values()}
    there: dict[tuple[str, str], list[str]] = {}
    for schema, table, column in warehouse.query(TABLES):
        there.setdefault((schema, table), []).append(column)
    found = " union all ".join(
        LANDED.format(name) for name in contracts if ("landed", name) in there
    )
    for event_id in sorted(ids) if found else ():
        rows = warehouse.query(f"{found} order by 4, 5", [event_id] * found.count("?"))
        for table, _, occurred_at, *place, replayed_at, inputs, committed_at in rows:
            origin = f"replayed at {replayed_at}" if replayed_at else _origin(inputs, place[1])
            origin += "" if committed_at else "; the batch is not committed, so it does not count"
            yield {"where": f"landed.{table}, batch {place[0]}, row {place[1]}", "what": origin}
            if committed_at:
                key = [event_id, occurred_at]
                yield from _built(warehouse, contracts[table], key, tuple(place), there)


def _in_spool(folder: Path, wanted: bytes) -> Iterator[Step]:
    for entry in event_files(str(folder)):
        with Path(entry.path).open("rb") as file:
            lines = chain.from_iterable(lines_of(file, entry.stat().st_size, entry.name))
            for number, line in enumerate(lines, 1):
                if wanted in line:
                    yield {"where": entry.path, "what": f"line {number}"}


def _origin(inputs: str | None, row: int) -> str:
    """The input and line of a row of a batch."""
    for entry in orjson.loads(inputs or "[]"):
        count = entry.get("last_line", 0) - entry.get("first_line", 1) + 1
        if row <= count:
            return f"from {entry['name']}, line {entry['first_line'] + row - 1}"
        row -= count
    return "from an unknown input"


def _built(
    warehouse: Warehouse,
    contract: Contract,
    key: list[Any],
    place: tuple[int, ...],
    there: dict[tuple[str, str], list[str]],
) -> Iterator[Step]:
    """The staging row of an event, and the rows of marts that have its ids."""
    manifest = Path(os.environ.get("DBT_TARGET_PATH") or ROOT / "target") / "manifest.json"
    graph = orjson.loads(manifest.read_bytes()) if manifest.exists() else {"nodes": {}}
    staging = f"model.hirehouse.stg_{contract.source}__{contract.event}"
    below = [staging] if staging in graph["nodes"] else []
    for node in below:  # `below` grows during the loop
        children = graph["child_map"][node]
        below += [c for c in children if c.startswith("model.") and c not in below]
    models = [graph["nodes"][node] for node in below]
    models = [model for model in models if (model["schema"], model["name"]) in there]
    ids = [c.name for c in contract.columns if c.name.endswith("_id")]
    rows: list[tuple[Any, ...]] = []
    if models and models[0]["unique_id"] == staging:
        relation = f"{models[0]['schema']}.{models[0]['name']}"
        rows = warehouse.query(
            f"select batch_id, batch_row, {', '.join(ids)} from {relation}"
            " where event_id = ? and occurred_at = ?",
            key,
        )
    if not rows:
        yield {"where": "staging", "what": "not built yet: run dbt build"}
        return
    if rows[0][:2] != place:
        first = f"batch {rows[0][0]}, row {rows[0][1]}"
        yield {"where": relation, "what": f"excluded as a copy of {first}"}
        return
    yield {"where": relation, "what": "present"}
    values = {k: v for k, v in zip(ids, rows[0][2:], strict=True) if v is not None}
    for model in models[1:]:
        shared = [name for name in values if name in there[model["schema"], model["name"]]]
        if model["access"] == "public" and shared:
            relation = f"{model['schema']}.{model['name']}"
            matching = " and ".join(f"{name} = ?" for name in shared)
            sql = f"select count(*) from {relation} where {matching}"
            [(count,)] = warehouse.query(sql, [values[name] for name in shared])
            keys = ", ".join(f"{name} {values[name]}" for name in shared)
            yield {"where": relation, "what": f"rows of {keys}: {count:,}"}
