"""A small warehouse of whole entities, for trying out models: data/dev/hirehouse.duckdb.

It is cut from the raw tables of the embedded warehouse. The rule: candidates are chosen by the
hash of their id, with whoever they are linked to as the same person; chosen, too, are all their
candidacies, the employers these (or a look at their profile) name, and all positions of these
employers. An event is in the slice if every entity that it names is chosen, so references hold;
an event that names none, such as a page view, if its person or browser is linked to a chosen one,
and of browsers that nobody is known to use as large a share as of candidates.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hirehouse.landing.land import land
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.landed_schema import ensure_tables
from hirehouse.warehouse.profile import WarehouseError
from simulator import simulate

CANDIDATES = 300
# What a table may name beside the entities: the column, and the table that tells whose it is.
CHILDREN = {"invoice_id": "placement_invoiced"}
ENTITIES = ("candidate_id", "candidacy_id", "employer_id", "position_id")
PEOPLE = ("person_id", "recipient_id")

CHOOSE = """
    create temporary table slice_drawn as
    select id, max(md5(id)) over () as bound
    from (select md5(id), id from ({candidates}) as known order by 1 limit {count}) as drawn;

    create temporary table slice_edges as
    select previous_id as one, person_id as other from whole.landed.identity_linked
    union select person_id, previous_id from whole.landed.identity_linked;

    create temporary table slice_linked as
    with recursive linked as (
        select id from slice_drawn
        union
        select edges.other from linked inner join slice_edges as edges on linked.id = edges.one
    )
    select id from linked;

    create temporary table slice_candidate_id as
    select id from slice_linked where id in (select id from ({candidates}) as known)
    union select id from slice_drawn;

    create temporary table slice_candidacy_id as {candidacies};

    create temporary table slice_employer_id as {employers};

    create temporary table slice_position_id as {positions};

    create temporary table slice_person as
    with recursive linked as (
        select id from slice_linked
        union select id from slice_candidate_id
        union select id from slice_employer_id
        union
        select edges.other from linked inner join slice_edges as edges on linked.id = edges.one
    )
    select id from linked;
"""


class Slice:
    """Cuts the slice: `target` is an empty warehouse with its tables, `whole` attached to it."""

    def __init__(self, target: Warehouse, count: int) -> None:
        self.target, self.count = target, count
        self.columns = {
            str(table): set(columns)
            for table, columns in target.query(
                "select table_name, list(column_name) from information_schema.columns as whole"
                " where table_catalog = 'whole' and table_schema = 'landed' group by 1 order by 1"
            )
        }

    def ids(self, wanted: str, chosen: str = "") -> str:
        """A select of all ids in tables that have the column `wanted`.

        Args:
            wanted: a column, such as employer_id.
            chosen: another column; if given, only of rows whose value of it is chosen.
        """
        selects = [
            f"select {wanted} as id from whole.landed.{table} where {wanted} is not null"
            + (f" and {chosen} in (select id from slice_{chosen})" if chosen else "")
            for table, columns in self.columns.items()
            if wanted in columns and (not chosen or chosen in columns)
        ]
        return " union ".join(selects)

    def choose(self) -> None:
        """Make the tables slice_<column> of the ids that are chosen."""
        self.target.execute(
            CHOOSE.format(
                candidates=self.ids("candidate_id"),
                count=self.count,
                candidacies=self.ids("candidacy_id", "candidate_id"),
                employers=self.ids("employer_id", "candidate_id"),
                positions=self.ids("position_id", "employer_id"),
            )
        )
        for child, table in CHILDREN.items():
            self.target.execute(
                f"create temporary table slice_{child} as select distinct {child} as id"
                f" from whole.landed.{table} where {self.condition(table)}"
            )

    def condition(self, table: str) -> str:
        """The rule of the slice for one table's rows, as a condition in SQL."""
        columns = self.columns[table]
        named = [c for c in ENTITIES if c in columns]
        named = named or [c for c in CHILDREN if c in columns]
        if named:
            return " and ".join(f"({c} is null or {c} in (from slice_{c}))" for c in named)
        people = [c for c in PEOPLE if c in columns]
        if people:
            return " and ".join(f"{c} in (from slice_person)" for c in people)
        if "anonymous_id" in columns:
            return (
                "user_id in (from slice_person) or anonymous_id in (from slice_person)"
                " or (user_id is null and anonymous_id not in (select one from slice_edges)"
                " and md5(anonymous_id) <= (select max(bound) from slice_drawn))"
            )
        if "failure_id" in columns:
            return "md5(failure_id) <= (select max(bound) from slice_drawn)"
        return "true"

    def copy(self) -> int:
        """Copy what is chosen; returns the number of events."""
        there = self.target.query(
            "select table_name, list(column_name) from information_schema.columns"
            " where table_catalog <> 'whole' and table_schema = 'landed' group by 1 order by 1"
        )
        events = []
        for table, columns in there:
            common = ", ".join(f'"{c}"' for c in columns if c in self.columns.get(table, ()))
            if not common:
                continue
            self.target.execute(
                f"insert into landed.{table} by name"
                f" select {common} from whole.landed.{table} where {self.condition(table)}"
            )
            if "anonymous_id" in columns:
                events.append(f"select event_id from landed.{table}")
        copied = f"({' union all '.join(events)})"
        # These name nothing but their event.
        self.target.execute(
            f"delete from landed.unknown_properties where event_id not in (from {copied})"
        )
        [(count,)] = self.target.query(f"select count(*) from {copied} as copied")
        return int(count)


def make_slice(whole: Path, database: Path, count: int = CANDIDATES) -> str:
    """Make the slice anew.

    Args:
        whole: the embedded warehouse; if it is not there, a small marketplace is simulated.
        database: where the slice goes, a DuckDB file; replaced when the new one is complete.
        count: how many candidates.

    Returns:
        One line that says what is in it.

    Raises:
        WarehouseError: the embedded warehouse can't be read, or holds no candidate.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=database.parent) as temporary:
        fresh = Path(temporary) / database.name
        os.environ["HIREHOUSE_DUCKDB"] = str(fresh)
        if whole.exists():
            said = _cut(whole, count)
        else:
            simulate(Path(temporary) / "market", candidates=count // 2, days=90)
            with open_warehouse() as warehouse:
                events = land([Path(temporary) / "market"], warehouse).events
            said = f"{count // 2} simulated candidates, {events:,} events"
        os.environ["HIREHOUSE_DUCKDB"] = str(database)
        database.unlink(missing_ok=True)
        shutil.move(fresh, database)
    return said


def _cut(whole: Path, count: int) -> str:
    with open_warehouse() as warehouse:
        ensure_tables(warehouse)
        try:
            warehouse.execute(f"attach '{whole}' as whole (read_only)")
        except Exception as error:
            raise WarehouseError(f"{whole} can't be read: {error}") from error
        cut = Slice(warehouse, count)
        if "candidate_signed_up" not in cut.columns:
            raise WarehouseError(f"{whole} has no events: run ./scripts/demo, or remove it")
        cut.choose()
        events = cut.copy()
        [(candidates,)] = warehouse.query("select count(*) from slice_candidate_id")
    if not candidates:
        raise WarehouseError(f"{whole} has no candidate in it: land events, or remove it")
    return f"{candidates:,} candidates of {whole.name}, {events:,} events"
