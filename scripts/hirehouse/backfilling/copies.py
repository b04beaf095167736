"""Events of a backfill that had landed before: the first of each counts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hirehouse.contracts.model import envelope, load
from hirehouse.landing.land import Landed
from hirehouse.warehouse.connections import Warehouse


@dataclass(frozen=True)
class Copies:
    """How many events of a table had landed before, and in how many of them a column differs."""

    table: str
    count: int
    differing: dict[str, int]
    batch: int  # the first one of the copies

    def __str__(self) -> str:
        text = (
            f"{self.table}: {self.count:,} events had landed before; copies, the first one counts"
        )
        if not self.differing:
            return text
        what = ", ".join(f"{name} of {count:,}" for name, count in self.differing.items())
        copied = f"select event_id from landed.{self.table} where batch_id >= {self.batch}"
        return (
            f"{text}. They differ from it in {what}, which no mart will show. To let them count"
            f" instead, delete the first ones: delete from landed.{self.table} where batch_id <"
            f" {self.batch} and event_id in ({copied}); then: dbt build --full-refresh"
        )


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
        [(count, *counts)] = warehouse.query(
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
                inner join landed.batches on earlier.batch_id = batches.batch_id
                where batches.committed_at is not null and earlier.batch_id < {first}
                    and earlier.event_id in (select event_id from new)
            )
            select count(*){differing}
            from new
            inner join old on new.event_id = old.event_id and old.place = 1
            where new.occurred_at between old.occurred_at - interval '30 days'
                and old.occurred_at + interval '30 days'
            """
        )
        if count:
            differ = {name: n for name, n in zip(names, counts, strict=True) if n}
            found.append(Copies(contract.table, count, differ, first))
    return found
