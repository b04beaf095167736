"""Queries of failed events: their current status, their patch, and their history."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import jinja2
import orjson

from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.model import ROOT, load
from hirehouse.events.exact_json import to_json
from hirehouse.events.validate import BOM, CompiledContracts, check_line
from hirehouse.failures.outline import difference, outline, places
from hirehouse.failures.patches import patched
from hirehouse.landing.failed_events import part_of, read_failed
from hirehouse.landing.inputs import Limits
from hirehouse.warehouse.connections import Warehouse

TO_DO = ("open", "patched")  # of the statuses open, patched, replayed and discarded

# The macros that the models of operations render: both have the same status and fingerprint.
STATE_MACROS: Any = jinja2.Template(
    (ROOT / "macros" / "landing" / "failed_event_state.sql").read_text(encoding="utf-8")
).module
COUNTED_ACTIONS = """(
    select a.* from landed.failure_actions as a
    inner join landed.batches as b on a.batch_id = b.batch_id
    where b.committed_at is not null
)"""
STATES = f"""
    acted as (
        {STATE_MACROS.failure_history(COUNTED_ACTIONS)}
    ),
    states as (
        select
            f.failure_id, f.batch_id, f.batch_row, f.received_at, f.input, f.line, f.byte_count,
            -- An empty name is none, as for the fingerprint: else a cause would be two groups.
            nullif(f.event, '') as event, f.event_id, f.version, f.context_library_name,
            f.context_app_version,
            f.reasons, f.rule, f.pointer, a.batch_id as acted_batch,
            a.replayed_event_id as landed_id, coalesce(a.patch, '[]') as patch, a.refused_for,
            {STATE_MACROS.failure_fingerprint("f")} as fingerprint,
            {STATE_MACROS.failure_status("a")} as status
        from landed.failed_events as f
        inner join landed.batches as b on f.batch_id = b.batch_id and b.committed_at is not null
        left join acted as a on f.failure_id = a.failure_id
    )
"""
# The failed events of one command, selected once: doing so for every page is slow.
CHOOSE = f"""
    create temporary table chosen as
    with {STATES}
    select
        failure_id, batch_id, received_at, line, patch,
        row_number() over (order by batch_id, batch_row) as place,
        cast(
            sum(byte_count + length(patch)) over (
                order by batch_id, batch_row rows between unbounded preceding and current row
            ) as bigint
        ) as bytes
    from states
    where status in (?, ?) and {{}}
"""
ONE_PAGE = """
    select c.failure_id, c.received_at, c.line, c.patch, c.place, c.bytes, b.encoding, b.body
    from chosen as c
    inner join landed.failed_event_bodies as b
        on c.failure_id = b.failure_id and c.batch_id = b.batch_id
    where c.place > ? and c.place <= ? and (c.place = ? or c.bytes <= ?)
    order by c.place, b.part
"""
STATE = f"""
    with {STATES}
    select
        failure_id, status, batch_id, received_at, input, line, event, event_id, version,
        context_library_name, context_app_version, reasons, patch, acted_batch, landed_id
    from states
    where failure_id = ?
"""
HISTORY = """
    select
        a.acted_at, a.actor, a.action, a.patch, a.reason, a.event_id, a.rule, a.pointer
    from landed.failure_actions as a
    inner join landed.batches as b on a.batch_id = b.batch_id
    where a.failure_id = ? and b.committed_at is not null
    order by a.batch_id
"""
GROUPS = f"""
    with {STATES},
    ranked as (
        select
            states.*,
            row_number() over (
                partition by fingerprint, event, rule, pointer
                order by received_at desc, batch_id desc, batch_row desc
            ) as place
        from states
        where {{where}}
    )
    select
        fingerprint, event, rule, pointer, count(*) as failures,
        sum(case when status = 'patched' then 1 else 0 end) as patched,
        min(received_at) as first_seen, max(received_at) as last_seen,
        max(case when place = 1 then context_library_name end) as library,
        max(case when place = 1 then context_app_version end) as app_version,
        max(case when place = 1 then failure_id end) as example,
        max(refused_for) as refused_for
    from ranked
    group by fingerprint, event, rule, pointer
    order by failures desc, coalesce(event, ''), rule, pointer
"""


class UnknownFailure(ExpectedError):
    """An id or fingerprint of no failed event, or an ambiguous one; the message says which."""

    exit_code = 2


@dataclass(frozen=True)
class Selection:
    """A condition on `states` with its parameters, to select failed events."""

    where: str = "true"
    parameters: tuple[Any, ...] = ()


class Failed(NamedTuple):
    """A failed event to act on; `patch` is "[]" if it has none."""

    failure_id: str
    received_at: datetime
    line: int
    patch: str
    place: int
    size: int  # bytes of all events up to this one
    body: bytes

    @property
    def current(self) -> bytes:
        """Its patched copy, or else the original, as a line to land."""
        text = self.body.removeprefix(BOM) if self.line == 1 else self.body
        return patched(text if text.strip() else self.body, self.patch)


def by_ids(warehouse: Warehouse, prefixes: Sequence[str]) -> Selection:
    """Select failures by ids or unique prefixes; UnknownFailure if one is unknown or ambiguous."""
    found = []
    for prefix in prefixes:
        ids = warehouse.query(
            "select f.failure_id from landed.failed_events as f"
            " inner join landed.batches as b on f.batch_id = b.batch_id"
            " where b.committed_at is not null and f.failure_id >= ? and f.failure_id < ?"
            " order by f.failure_id limit 2",
            [prefix, prefix + "~"],
        )
        if len(ids) != 1:
            what = "several failed events have ids" if ids else "no failed event has an id"
            raise UnknownFailure(f"{what} beginning with {prefix!r}: see hirehouse failures list")
        found.append(str(ids[0][0]))
    return Selection(f"failure_id in ({', '.join('?' * len(found))})", tuple(found))


def by_fingerprint(warehouse: Warehouse, wanted: str) -> Selection:
    chosen = Selection("fingerprint = ?", (wanted,))
    if groups(warehouse, chosen):
        return chosen
    raise UnknownFailure(
        f"no failed event has the fingerprint {wanted!r}: see hirehouse failures list"
    )


def groups(warehouse: Warehouse, selection: Selection) -> list[dict[str, Any]]:
    """Failed events by fingerprint, the most frequent first; `example` is the newest of each.

    `refused_for` is the rule that one of them still broke when it was replayed.
    """
    return warehouse.records(GROUPS.format(where=selection.where), selection.parameters)


def pages(
    warehouse: Warehouse, selection: Selection, statuses: Sequence[str], limits: Limits
) -> Iterator[list[Failed]]:
    """The failed events of one of two statuses, in pages that fit into memory."""
    warehouse.execute("drop table if exists chosen")
    choice = [*statuses, *selection.parameters]
    warehouse.execute(CHOOSE.format(selection.where), choice)
    [(count,)] = warehouse.query("select count(*) from chosen")
    place = size = 0
    while place < count:
        page: list[Failed] = []
        bounds = (place, place + limits.lines, place + 1, size + limits.bytes)
        for *one, encoding, text in warehouse.query(ONE_PAGE, bounds):
            part = part_of(encoding, text)
            if page and page[-1].failure_id == one[0]:
                page[-1] = page[-1]._replace(body=page[-1].body + part)
            else:
                page.append(Failed._make((*one, part)))
        yield page
        place, size = page[-1].place, page[-1].size


def acted_on(warehouse: Warehouse, page: list[Failed], since: int) -> set[str]:
    """The failed events of a page that a batch after `since` has acted on."""
    rows = warehouse.query(
        "select c.failure_id from chosen as c"
        " inner join landed.failure_actions as a on c.failure_id = a.failure_id"
        " inner join landed.batches as b on a.batch_id = b.batch_id"
        " where b.committed_at is not null and b.batch_id > ? and c.place >= ? and c.place <= ?",
        [since, page[0].place, page[-1].place],
    )
    return {str(failure_id) for (failure_id,) in rows}


def not_acted_on(warehouse: Warehouse, named: Selection, batches: Sequence[int]) -> dict[str, str]:
    """The status by id of the failed events that none of these batches acted on."""
    rows = warehouse.query(
        f"with {STATES} select failure_id, status from states where {named.where}"
        f" and coalesce(acted_batch, 0) not in (-1{', ?' * len(batches)})",
        [*named.parameters, *batches],
    )
    return {str(failure_id): str(status) for failure_id, status in rows}


def describe_failure(warehouse: Warehouse, prefix: str, *, values: bool = False) -> dict[str, Any]:
    """One failed event: its reasons then and today, its outline, patch and history.

    Args:
        values: also the original, and the patches with their values.
    """
    [failure_id] = by_ids(warehouse, [prefix]).parameters
    [one] = warehouse.records(STATE, [failure_id])
    body = read_failed(warehouse, failure_id)
    current = Failed(failure_id, one["received_at"], one["line"], one["patch"], 1, 0, body).current
    contracts = CompiledContracts(load())
    verdict = check_line(current, contracts, one["received_at"])

    def without_values(patch: str) -> str:
        return patch if values else to_json(places(orjson.loads(patch)))

    history = warehouse.records(HISTORY, [failure_id])
    return one | {
        "reasons": orjson.loads(one["reasons"]),
        "patch": orjson.loads(without_values(one["patch"])),
        "version_today": verdict.compiled and verdict.compiled.contract.version,
        "reasons_today": [vars(reason) for reason in verdict.reasons],
        "outline": outline(body, contracts),
        **({"original": body.decode(errors="backslashreplace")} if values else {}),
        "changes": [vars(change) for change in difference(body, current, contracts)],
        "history": [a | {"patch": a["patch"] and without_values(a["patch"])} for a in history],
    }
