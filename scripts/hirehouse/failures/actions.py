"""Actions on failed events: patch, replay, discard, restore. Nothing is ever deleted.

Each action is written in a batch, under the landing lock, unless another process has acted on the
event since it was read. So an action counts exactly when its batch does, and of two concurrent
replays of an event one takes effect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import NamedTuple

import orjson
import pyarrow as pa

from hirehouse.contracts.model import load
from hirehouse.events.validate import CompiledContracts, Reason, Verdict, utc_now
from hirehouse.failures.patches import Changes, PatchError, extended
from hirehouse.failures.queries import TO_DO, Failed, Selection, acted_on, pages
from hirehouse.landing.check_batch import Checked, Checker
from hirehouse.landing.failed_events import failure_tables, reason_columns
from hirehouse.landing.inputs import Batch, Input, Limits, Segment
from hirehouse.landing.land import fewer_collections
from hirehouse.landing.write_batches import write_batch
from hirehouse.warehouse.connections import Warehouse
from hirehouse.warehouse.landed_schema import ensure_tables, landing_tables, table_of

LIMITS = Limits(lines=25_000)
HIGHEST = "select coalesce(max(batch_id), 0) from landed.batches where committed_at is not null"


class Action(NamedTuple):
    """A row of landed.failure_actions, without actor and time."""

    failure_id: str
    action: str
    patch: str | None = None
    reason: str | None = None
    event_id: str | None = None
    verdict: Verdict | None = None


@dataclass
class ActionResult:
    """The result of a command.

    `actions` counts by kind, `fails` what still fails by (rule, pointer), `problems` the changes
    that could not be made by message; `example` is the first patched event: original, copy and
    remaining reasons.
    """

    batches: list[int] = field(default_factory=list)
    actions: Counter[str] = field(default_factory=Counter)
    fails: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    example: tuple[bytes, bytes, list[Reason]] | None = None

    def add(self, part: ActionResult) -> None:
        self.batches += part.batches
        self.actions += part.actions
        self.fails += part.fails
        self.problems += part.problems
        self.example = self.example or part.example


Decided = tuple[Checked, list[Action]]
Decide = Callable[[list[Failed], datetime, ActionResult], Decided]


class FailureActions:
    """Acts on failed events in the name of `actor`, in batches of up to `limits`."""

    def __init__(self, warehouse: Warehouse, actor: str, limits: Limits = LIMITS) -> None:
        self.warehouse, self.actor, self.limits = warehouse, actor, limits
        self.contracts = CompiledContracts(load())
        warehouse.in_lock(partial(ensure_tables, warehouse))

    def replay(self, selection: Selection) -> ActionResult:
        """Check against the current contracts, and land what conforms."""

        def decide(some: list[Failed], now: datetime, done: ActionResult) -> Decided:
            checked = self._checked(some, now)
            actions: dict[int, Action] = {}
            for name in checked.tables.keys() - landing_tables():
                columns = (checked.tables[name][c].to_pylist() for c in ("batch_row", "event_id"))
                for row, event_id in zip(*columns, strict=True):
                    actions[row] = Action(some[row - 1].failure_id, "replayed", event_id=event_id)
            for failure in checked.failures:
                verdict = failure.verdict
                failure_id = some[failure.row - 1].failure_id
                actions[failure.row] = Action(failure_id, "refused", verdict=verdict)
                done.fails[verdict.reasons[0].rule, verdict.reasons[0].pointer] += 1
            return checked, [actions[row] for row in sorted(actions)]

        return self._act("replayed", selection, TO_DO, decide)

    def patch(
        self, selection: Selection, changes: Changes | None, *, dry_run: bool = False
    ) -> ActionResult:
        """Add changes to the patches; None clears them. A dry run writes nothing."""

        def decide(some: list[Failed], now: datetime, done: ActionResult) -> Decided:
            made: list[Failed] = []
            for one in some:
                try:
                    patch = changes and extended(one.body, one.patch, changes, one.failure_id)
                    if (patch or "[]") == one.patch:
                        raise PatchError("there is nothing to change")
                    made.append(one._replace(patch=patch or "[]"))
                except PatchError as error:
                    done.problems[str(error)] += 1
            fails = {f.row: f.verdict.reasons for f in self._checked(made, now).failures}
            done.fails.update((r[0].rule, r[0].pointer) for r in fails.values())
            if made and not done.example:
                done.example = made[0].body, made[0].current, fails.get(1, [])
            return Checked(), [Action(one.failure_id, "patched", one.patch) for one in made]

        return self._act("patched", selection, TO_DO, decide, dry_run=dry_run)

    def mark(self, selection: Selection, action: str, reason: str | None) -> ActionResult:
        """Mark as `discarded` or `restored`, with a reason."""
        statuses = TO_DO if action == "discarded" else ("discarded", "discarded")

        def decide(some: list[Failed], *_: object) -> Decided:
            return Checked(), [Action(one.failure_id, action, reason=reason) for one in some]

        return self._act(action, selection, statuses, decide)

    def _checked(self, some: list[Failed], now: datetime) -> Checked:
        """Check the patched copies or originals as a landing does; row n is the n-th one."""
        # Not from line 1: `current` has removed a byte order mark.
        segment = Segment(Input("failures", "", 0), 2, [one.current for one in some])
        segment.received = [one.received_at for one in some]
        return Checker(self.contracts).check(Batch([segment]), now)

    def _act(
        self,
        name: str,
        selection: Selection,
        statuses: Sequence[str],
        decide: Decide,
        *,
        dry_run: bool = False,
    ) -> ActionResult:
        def act(
            page: list[Failed], decided: Decided, part: ActionResult
        ) -> tuple[ActionResult, list[Action]]:
            """Write the actions on a page, but those that another process was faster with."""
            if not dry_run and (acted := acted_on(self.warehouse, page, since)):
                page = [one for one in page if one.failure_id not in acted]
                decided = decide(page, utc_now(), part := ActionResult())
            checked, actions = decided
            if actions and not dry_run:
                # What fails again is no new failed event.
                checked.tables |= failure_tables([], utc_now())
                checked.tables["failure_actions"] = self._rows(actions)
                inputs = [{"failures": name, "count": len(actions), "by": self.actor}]
                inputs_text = orjson.dumps(inputs).decode()
                part.batches = [write_batch(self.warehouse, inputs_text, checked)]
            return part, actions

        def write(page: list[Failed], decided: Decided, part: ActionResult) -> list[Failed] | None:
            """Act on a page, and read the next page but one."""
            work = partial(act, page, decided, part)
            part, actions = work() if dry_run else self.warehouse.in_lock(work)
            part.actions.update(action.action for action in actions)
            done.add(part)
            return next(found, None)

        done = ActionResult()
        [(since,)] = self.warehouse.query(HIGHEST)
        found = pages(self.warehouse, selection, statuses, self.limits)
        # Only this thread uses the connection: it writes and reads while a page is checked.
        with ThreadPoolExecutor(1, "warehouse") as pool, fewer_collections():
            page, following = next(found, None), pool.submit(next, found, None)
            while page:
                decided = decide(page, utc_now(), part := ActionResult())
                coming = following.result()
                following = pool.submit(write, page, decided, part)
                page = coming
            following.result()
        return done

    def _rows(self, actions: list[Action]) -> pa.Table:
        rows: list[tuple[object, ...]] = []
        now = utc_now()
        for number, one in enumerate(actions, 1):
            reasons = reason_columns(one.verdict.reasons) if one.verdict else (None, None, None)
            values = (one.action, one.patch, one.reason, one.event_id, *reasons)
            rows.append((one.failure_id, number, now, self.actor, *values))
        return table_of("failure_actions", rows)
