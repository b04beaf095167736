"""Failed events as they stand: their status, the whole patch, and what was done about them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from hirehouse.check import BOM, Plans, check_line
from hirehouse.contracts import load
from hirehouse.failures import read_failed
from hirehouse.patches import patched
from hirehouse.read import Limits
from hirehouse.warehouse import Warehouse

TO_DO = ("open", "patched")  # of the statuses open, patched, replayed and discarded

# `rule` and `pointer` tell why one failed the last time, `reasons` why at first.
STATES = """
    counted as (
        select batch_id from raw.batches where committed_at is not null
    ),
    acted as (
        select
            a.*,
            row_number() over (
                partition by a.failure_id order by a.batch_id desc, a.batch_row desc
            ) as place,
            row_number() over (
                partition by a.failure_id, a.action order by a.batch_id desc, a.batch_row desc
            ) as place_of_kind
        from raw.failure_actions as a
        inner join counted as c on a.batch_id = c.batch_id
    ),
    states as (
        select
            f.failure_id, f.batch_id, f.batch_row, f.received_at, f.input, f.line, f.byte_count,
            f.event, f.event_id, f.version, f.context_library_name, f.context_app_version,
            f.reasons, l.batch_id as acted_batch, l.event_id as landed_id,
            coalesce(p.patch, '[]') as patch,
            coalesce(r.rule, f.rule) as rule, coalesce(r.pointer, f.pointer) as pointer,
            case
                when l.action in ('replayed', 'discarded') then l.action
                when p.patch <> '[]' then 'patched'
                else 'open'
            end as status
        from raw.failed_events as f
        inner join counted as c on f.batch_id = c.batch_id
        left join acted as l on f.failure_id = l.failure_id and l.place = 1
        left join acted as p
            on f.failure_id = p.failure_id and p.action = 'patched' and p.place_of_kind = 1
        left join acted as r
            on f.failure_id = r.failure_id and r.action = 'refused' and r.place_of_kind = 1
    )
"""
PAGE = f"""
    with {STATES},
    page as (
        select
            failure_id, batch_id, batch_row, received_at, line, patch,
            row_number() over (order by batch_id, batch_row) as place,
            sum(byte_count + length(patch)) over (
                order by batch_id, batch_row rows between unbounded preceding and current row
            ) as bytes
        from states
        where status in (?, ?) and (batch_id > ? or batch_id = ? and batch_row > ?) and {{where}}
    )
    select
        p.failure_id, p.batch_id, p.batch_row, p.received_at, p.line, p.patch, b.encoding, b.body
    from page as p
    inner join raw.failed_event_bodies as b
        on p.failure_id = b.failure_id and p.batch_id = b.batch_id
    where p.place = 1 or p.place <= ? and p.bytes <= ?
    order by p.batch_id, p.batch_row, b.part
"""
GROUPS = f"""
    with {STATES},
    ranked as (
        select
            states.*,
            row_number() over (
                partition by event, rule, pointer
                order by received_at desc, batch_id desc, batch_row desc
            ) as place
        from states
        where {{where}}
    )
    select
        event, rule, pointer, count(*) as failures,
        sum(case when status = 'patched' then 1 else 0 end) as patched,
        min(received_at) as first_seen, max(received_at) as last_seen,
        max(case when place = 1 then context_library_name end) as library,
        max(case when place = 1 then context_app_version end) as app_version,
        max(case when place = 1 then failure_id end) as example
    from ranked
    group by event, rule, pointer
    order by failures desc, coalesce(event, ''), rule, pointer
"""
GROUP = (
    *("event", "rule", "pointer", "failures", "patched", "first_seen", "last_seen"),
    *("library", "app_version", "example"),
)
STATE = (
    *("failure_id", "status", "batch_id", "received_at", "input", "line", "event", "event_id"),
    *("version", "context_library_name", "context_app_version", "reasons", "patch"),
    *("acted_batch", "landed_id"),
)
HISTORY = ("acted_at", "actor", "action", "patch", "reason", "event_id", "rule", "pointer")


class UnknownFailure(Exception):
    """No failed event has such an id or fingerprint, or several have; the message says which."""


@dataclass(frozen=True)
class Selection:
    """Some failed events: a condition on `states`, with its parameters."""

    where: str = "true"
    parameters: tuple[Any, ...] = ()


class Failed(NamedTuple):
    """A failed event that waits for something to be done; `patch` is "[]" if it has none."""

    failure_id: str
    batch_id: int
    batch_row: int
    received_at: datetime
    line: int
    patch: str
    body: bytes

    @property
    def current(self) -> bytes:
        """Its patched copy, or else the original, as a line to land."""
        text = self.body.removeprefix(BOM) if self.line == 1 else self.body
        return patched(text if text.strip() else self.body, self.patch)


def fingerprint(event: str | None, rule: str, pointer: str) -> str:
    """A short name of what went wrong, the same for all events that failed in this way."""
    return hashlib.sha256(f"{event or ''}\n{rule}\n{pointer}".encode()).hexdigest()[:8]


def by_ids(warehouse: Warehouse, prefixes: Sequence[str]) -> Selection:
    """The failures of these ids, or of their first characters; UnknownFailure if it is not one."""
    found = []
    for prefix in prefixes:
        ids = warehouse.query(
            "select f.failure_id from raw.failed_events as f"
            " inner join raw.batches as b on f.batch_id = b.batch_id"
            " where b.committed_at is not null and f.failure_id >= ? and f.failure_id < ?"
            " order by f.failure_id limit 2",
            [prefix, prefix + "~"],
        )
        if len(ids) != 1:
            what = "several failed events have ids" if ids else "no failed event has an id"
            raise UnknownFailure(f"{what} that begin with {prefix!r}: see hirehouse failures list")
        found.append(str(ids[0][0]))
    return Selection(f"failure_id in ({', '.join('?' * len(found))})", tuple(found))


def by_fingerprint(warehouse: Warehouse, wanted: str) -> Selection:
    """The failures of a fingerprint; UnknownFailure if there are none."""
    kinds = f"with {STATES} select distinct event, rule, pointer from states"
    for event, rule, pointer in warehouse.query(kinds):
        if fingerprint(event, rule, pointer) == wanted:
            where = "coalesce(event, '') = ? and rule = ? and pointer = ?"
            return Selection(where, (event or "", rule, pointer))
    raise UnknownFailure(f"nothing has the fingerprint {wanted!r}: see hirehouse failures list")


def groups(warehouse: Warehouse, selection: Selection) -> list[dict[str, Any]]:
    """Failed events by fingerprint, the most frequent first; `example` is the newest of each."""
    found = warehouse.query(GROUPS.format(where=selection.where), selection.parameters)
    return [
        {"fingerprint": fingerprint(*row[:3])} | dict(zip(GROUP, row, strict=True)) for row in found
    ]


def page(
    warehouse: Warehouse,
    selection: Selection,
    statuses: Sequence[str],
    after: tuple[int, int],
    limits: Limits,
) -> list[Failed]:
    """The next failed events, as many as fit into memory.

    Args:
        statuses: two of them; others are left out.
        after: batch_id and batch_row of the last one of the page before.
    """
    found: list[Failed] = []
    for failure_id, batch_id, row, received_at, line, patch, encoding, text in warehouse.query(
        PAGE.format(where=selection.where),
        [*statuses, after[0], *after, *selection.parameters, limits.lines, limits.bytes],
    ):
        part = base64.b64decode(text) if encoding == "base64" else text.encode()
        if found and found[-1].failure_id == failure_id:
            found[-1] = found[-1]._replace(body=found[-1].body + part)
        else:
            found.append(Failed(failure_id, batch_id, row, received_at, line, patch, part))
    return found


def untouched(warehouse: Warehouse, named: Selection, batches: Sequence[int]) -> dict[str, str]:
    """The status, by id, of those that some batches of actions did not act on."""
    rows = warehouse.query(
        f"with {STATES} select failure_id, status from states where {named.where}"
        f" and coalesce(acted_batch, 0) not in (-1{', ?' * len(batches)})",
        [*named.parameters, *batches],
    )
    return {str(failure_id): str(status) for failure_id, status in rows}


def told(warehouse: Warehouse, prefix: str) -> dict[str, Any]:
    """All there is to say of one failed event: when it failed, today, and what was done."""
    [failure_id] = by_ids(warehouse, [prefix]).parameters

    def ask(names: Sequence[str], after: str) -> list[dict[str, Any]]:
        columns = ", ".join(names)
        rows = warehouse.query(f"with {STATES} select {columns} from {after}", [failure_id])
        return [dict(zip(names, row, strict=True)) for row in rows]

    [one] = ask(STATE, "states where failure_id = ?")
    body = read_failed(warehouse, failure_id)
    current = Failed(failure_id, 0, 0, one["received_at"], one["line"], one["patch"], body).current
    verdict = check_line(current, Plans(load()), one["received_at"])
    return one | {
        "reasons": orjson.loads(one["reasons"]),
        "patch": orjson.loads(one["patch"]),
        "version_today": verdict.plan and verdict.plan.contract.version,
        "reasons_today": [vars(reason) for reason in verdict.reasons],
        "original": body.decode(errors="backslashreplace"),
        "history": ask(HISTORY, "acted where failure_id = ? order by place desc"),
    }
