"""Events of a backfill that had landed before: the first of each counts, unless it is replaced."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import orjson

from hirehouse.backfilling.errors import BackfillError
from hirehouse.backfilling.events import LIBRARY
from hirehouse.contracts.model import envelope, load
from hirehouse.events.validate import utc_now
from hirehouse.landing.land import Landed
from hirehouse.warehouse.connections import Warehouse
from hirehouse.warehouse.sql import literal, quoted

COUNTED = "select batch_id from landed.batches where committed_at is not null"


@dataclass(frozen=True)
class Copies:
    """How many events of a table had landed before, and in how many of them a column differs."""

    table: str
    count: int
    differing: dict[str, int]
    batches: list[int]  # of the first ones; empty if others than a backfill sent some of them

    def __str__(self) -> str:
        text = (
            f"{self.table}: {self.count:,} events had landed before; copies, the first one counts"
        )
        if not self.differing:
            return text
        what = ", ".join(f"{name} of {count:,}" for name, count in self.differing.items())
        text += f". They differ from it in {what}, which no mart will show"
        instead = " ".join(f"--instead-of {batch}" for batch in self.batches)
        return text + f". To let them count, run the same command with {instead}" * bool(instead)


def copies(warehouse: Warehouse, landed: Landed, columns: Collection[str]) -> list[Copies]:
    """Find the copies among the events that have just landed.

    Args:
        columns: of the mapping, to know which columns of the envelope it gives.
    """
    found = []
    for contract in load().values():
        if not landed.rows[contract.table]:
            continue
        names = [column.name for column in contract.columns]
        names += [column.name for column in envelope() if column.name in columns]
        first, last = min(landed.batches), max(landed.batches)
        differing = "".join(
            f", count(case when new.{name} is distinct from old.{name} then 1 end)"
            for name in names
        )
        rows = warehouse.query(
            f"""
            with new as (
                select * from landed.{contract.table} where batch_id between {first} and {last}
            ),
            old as (
                select
                    earlier.*,
                    row_number() over (
                        partition by earlier.event_id order by earlier.batch_id, earlier.batch_row
                    ) as place
                from landed.{contract.table} as earlier
                where earlier.batch_id in ({COUNTED}) and earlier.batch_id < {first}
                    and earlier.event_id in (select event_id from new)
            )
            select
                old.batch_id,
                count(case when old.context_library_name = {literal(LIBRARY)} then 1 end),
                count(*){differing}
            from new
            inner join old on new.event_id = old.event_id and old.place = 1
            where new.occurred_at between old.occurred_at - interval '30 days'
                and old.occurred_at + interval '30 days'
            group by old.batch_id
            """
        )
        if rows:
            batches, ours, counts, *differ = zip(*rows, strict=True)
            differ_in = {n: sum(c) for n, c in zip(names, differ, strict=True) if any(c)}
            mine = sorted(batches) if ours == counts else []
            found.append(Copies(contract.table, sum(counts), differ_in, mine))
    return found


def replace_batch(warehouse: Warehouse, batch: int, landed: str, actor: str) -> str:
    """Let a batch of an earlier backfill no longer count, since its events have landed again.

    Its rows stay, as do those of a landing that was killed; models leave them out from the next
    full refresh on. landed.batches records who did so.

    Args:
        landed: the name of the file of events that has just landed, for that record.

    Returns:
        What is left to do, with the count of events that no other batch has.

    Raises:
        BackfillError: it is no batch that counts, has events of others than backfills, or none of
            its events has landed again.
    """
    with warehouse.landing_lock():
        rows = warehouse.query(
            "select inputs, committed_at from landed.batches"
            " where batch_id = ? and committed_at is not null",
            [batch],
        )
        if not rows:
            raise BackfillError(f"--instead-of {batch}: there is no batch {batch} that counts")
        found: Counter[str] = Counter()
        for table in {contract.table for contract in load().values()}:
            [(events, ours, again)] = warehouse.query(
                f"""
                select
                    count(*),
                    count(case when context_library_name = {literal(LIBRARY)} then 1 end),
                    count(case when event_id in (
                        select event_id from landed.{table}
                        where batch_id <> {batch} and batch_id in ({COUNTED})
                    ) then 1 end)
                from landed.{table} where batch_id = {batch}
                """
            )
            found.update({"events": events, "ours": ours, "again": again})
        if found["ours"] < found["events"]:
            raise BackfillError(f"--instead-of {batch}: it has events that no backfill has made")
        if not found["again"]:
            raise BackfillError(f"--instead-of {batch}: none of its events has landed again")
        [(inputs, committed_at)] = rows
        note = {"replaced_by": landed, "by": actor, "at": utc_now(), "committed_at": committed_at}
        _require_full_refresh(warehouse)
        warehouse.execute(
            "update landed.batches set committed_at = null, inputs = ? where batch_id = ?",
            [orjson.dumps([*orjson.loads(inputs), note]).decode(), batch],
        )
    lost = found["events"] - found["again"]
    text = f"batch {batch} counts no more; now run: dbt build --full-refresh"
    return text + f". Not landed again: {lost:,} of its events" * bool(lost)


def _require_full_refresh(warehouse: Warehouse) -> None:
    """Forget what models have read, so that each build but a full refresh is an error.

    An incremental one would keep what it has of the batch. A build that runs now can't record what
    it has read either, and fails.
    """
    for (schema,) in warehouse.query(
        "select table_schema from information_schema.tables where table_name = 'model_progress'"
    ):
        warehouse.execute(
            f"update {quoted(schema)}.model_progress set batch_id = null, built_by = 'backfill'"
        )
