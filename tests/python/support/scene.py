"""A small marketplace that lands part by part, and what an undisturbed run makes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from dbt.contracts.graph.manifest import Manifest

from conftest import THREADS
from hirehouse.landing.inputs import Limits
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.landed_schema import raw_tables
from simulator import simulate
from support.forks import MODELS, Fork, landing
from support.marts import content_hash, mart_hashes, shuffled
from support.parsing import keep, leave_out_comments

COMMITTED = "landed.batches as b where b.committed_at is not null"
# A crashed landing has used up its number, so batches count by their place among the committed.
PLACE_OF_BATCH = f"(select count(*) from {COMMITTED} and b.batch_id <= t.batch_id)"


class Scene:
    """An empty warehouse, the one that this process's variables describe.

    Args:
        engine: duckdb, postgres or redshift.
        folder: for the parts and dbt's artifacts.
        parts: how many files to cut the marketplace into, its lines shuffled.
        only: names of the models that the project is cut down to, with all they read, or what gives
            them for the parsed project; by default all.
        limits: when a batch is full; by default each part is one.
        resent_share: share of events that arrive twice.
        store: keeps a part elsewhere, such as on S3, and gives the address to land it from.
        any_batches: also note the content but for the batches in which events came.
    """

    def __init__(
        self,
        engine: str,
        folder: Path,
        parts: int,
        *,
        only: Sequence[str] | Callable[[Manifest], Sequence[str]] = (),
        limits: Limits | None = None,
        resent_share: float = 0.05,
        store: Callable[[Path], str] = str,
        any_batches: bool = True,
    ) -> None:
        market = folder / "market"
        start = date(2026, 1, 5)
        simulate(market, seed=5, start=start, days=60, candidates=150, resent_share=resent_share)
        self.engine = engine
        self.parts = [store(part) for part in shuffled([market], folder, parts, seed=11)]
        self.limits = limits or Limits()
        self.dbt = WarmDbt(folder=folder / "target")
        self.dbt.options += [THREADS, "4"]
        if only:
            keep(self.dbt.manifest, only if isinstance(only, Sequence) else only(self.dbt.manifest))
        leave_out_comments(self.dbt.manifest)
        self.any_batches = any_batches
        # Seconds that landing a part takes, and each node; nodes in the order of their ends.
        self.landing = 0.0
        self.seconds: dict[str, float] = {}
        self._undisturbed()

    def _undisturbed(self) -> None:
        for part in self.parts:
            begun = time.monotonic()
            Fork(landing([part], self.limits)).finish()
            self.landing = time.monotonic() - begun
        self.seconds = self.build()
        # As `hirehouse run` does; half of what a build costs.
        self.dbt.skip_schema_checks(self.seconds.keys() & self.dbt.manifest.nodes.keys())
        self.expected = self.content()
        self.expected_events = self.content(batches=False) if self.any_batches else {}
        self.empty()

    def build(self) -> dict[str, float]:
        """Build all; gives the seconds of each seed and model."""
        outcome = self.dbt.run("build", *MODELS)
        assert outcome.success, outcome.failed()
        # Without operations and exposures, which dbt also reports on.
        return {n: s for n, s in outcome.seconds.items() if n.startswith(("model.", "seed."))}

    def empty(self) -> None:
        """Begin anew, in the database that the parsed project knows by its name."""
        with open_warehouse() as warehouse:
            for schema in [*self._schemas(), "landed"]:
                warehouse.execute(f"drop schema if exists {schema} cascade")

    def nodes(self, *materialized: str) -> dict[str, str]:
        """The names of the relations, of some materializations, by dbt's ids."""
        nodes = self.dbt.manifest.nodes
        return {
            key: f"{nodes[key].schema}.{nodes[key].name}"
            for key in self.seconds
            if nodes[key].config.materialized in materialized
        }

    def _schemas(self) -> set[str]:
        nodes = self.dbt.manifest.nodes.values()
        return {node.schema for node in nodes if node.resource_type in ("model", "seed")}

    def content(self, *, batches: bool = True) -> dict[str, str]:
        """A hash of all that readers see: raw tables, seeds and every model.

        Args:
            batches: False to leave out in which batch, and at which place of it, an event came.
        """
        instead = {"batch_id": PLACE_OF_BATCH}
        if not batches:
            instead = {"batch_id": "0", "batch_row": "0"}
        with open_warehouse() as warehouse:
            hashes = mart_hashes(warehouse, self._schemas(), instead)
            hashes |= raw_hashes(warehouse, instead)
        # What holds times of landing, or the order of arrival; the rest of it is in schema landed.
        left_out = ["staging.stg_landing__", *([] if batches else ["landed.batches"])]
        left_out += [
            f"{node.schema}.{node.name} "
            for node in self.dbt.manifest.nodes.values()
            if getattr(node, "group", "") == "operations"
            and (not batches or "failed_events" in node.name)
        ]
        return {n: value for n, value in hashes.items() if not n.startswith(tuple(left_out))}

    def rows(self) -> dict[str, int]:
        """How many rows readers find in each mart that is there."""
        nodes = self.dbt.manifest.nodes.values()
        marts = {(n.schema, n.name) for n in nodes if str(getattr(n, "access", "")) == "public"}
        with open_warehouse() as warehouse:
            there = warehouse.query(
                "select table_schema, table_name from information_schema.tables"
            )
            return {
                f"{schema}.{table}": warehouse.query(f"select count(*) from {schema}.{table}")[0][0]
                for schema, table in sorted(marts & set(there))
            }


def check_readings(readings: Sequence[dict[str, int]]) -> None:
    """AssertionError if a mart was missing, or had fewer rows than both at first and at last.

    Links merge persons before new ones are counted, so the numbers of `growth` may fall.
    """
    first, *others, last = readings
    for reading in others:
        for mart, count in first.items():
            least = 0 if mart.startswith("growth.") else min(count, last[mart])
            assert reading.get(mart, -1) >= least, (mart, count, reading, last)


def raw_hashes(warehouse: Warehouse, instead: dict[str, str]) -> dict[str, str]:
    """A hash of each table of schema landed, as those see it who read committed batches alone."""
    hashes = {}
    # When it landed: no run repeats that. A line that can't be read carries no other time.
    clocks = {"batches": ("started_at", "committed_at"), "failed_events": ("received_at",)}
    for table, columns in raw_tables().items():
        names = [c.name for c in columns if c.name not in clocks.get(table, ())]
        taken = [instead.get(name, f"t.{name}") for name in names]
        rows = warehouse.query(
            f"select {', '.join(taken)} from landed.{table} as t"
            f" where t.batch_id in (select b.batch_id from {COMMITTED})"
        )
        hashes[f"landed.{table} ({len(rows)} rows)"] = content_hash(names, rows)
    return hashes
