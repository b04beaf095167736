"""Sequences of landings and builds, and what incremental models and a first build then differ in.

A dbt run costs its models and hardly its rows, so hundreds of histories with ids of their own share
one sequence, and a row that differs names its history by the prefix of its ids.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from dbt.artifacts.resources.v1.config import Hook

from conftest import surrounded_by
from hirehouse.contracts.model import ROOT
from hirehouse.landing.land import land
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.comparing import BATCH, Difference, against, differing, drop_schemas
from support.forks import Fork, Tell
from support.histories import History, is_settled
from support.layout import models_of
from support.parsing import keep, leave_out_comments
from support.steps import Step, selected
from support.truth import Arrived, expected

READ_FIRST = {"stg_landing__copies", "stg_landing__batches"}
KEPT = "kept"  # the schema that holds what the incremental runs made
NOWHERE = "nowhere_to_be_found"  # a table that a model is made to read, to fail
MISSING = "does not exist"  # what engines say of a table that is not there
# What Redshift, which has no lock for a whole build, says to one of two that meet in a model.
MET = re.compile(
    r"another build|\b1023\b|conflict with concurrent|already exists|does not exist|deadlock"
    r"|could not open relation"
)
LANDED_AT = datetime(2040, 1, 1)
MANY = 100_000  # differing rows that are fetched where some of them are left out
# What may be done about a failed event, with the patch it carries.
ACTIONS = (
    *(("patched", '\'[{"op": "remove", "path": "/a"}]\''), ("patched", "'[]'")),
    *((action, "null") for action in ("replayed", "refused", "discarded", "restored")),
)
# Places among the employers of all histories, which those that are left out change.
RANKED = {"top_ten_position_count", "top_ten_ratio"}


class Stage:
    """One engine and one project, parsed once, on which sequences are played.

    Args:
        environment: the variables of a warehouse; of a DuckDB file the folder changes per sequence.
        folder: for files of events, DuckDB files and dbt's artifacts.
        root: the project's folder, such as a copy with a fault planted in it.
        only: models that are built, with all that they read; every model if empty.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        folder: Path,
        root: Path = ROOT,
        only: Sequence[str] = (),
    ) -> None:
        self.environment = dict(environment)
        self.engine = environment["HIREHOUSE_TARGET"]
        self.folder = folder
        self.root = root
        self.only = only
        self.sequences = 0
        self.parse()

    def parse(self) -> None:
        """Read the project, at the start and after a change of it."""
        with surrounded_by(self.environment):
            self.dbt = WarmDbt(self.root, self.folder / "dbt", self.environment)
        manifest = self.dbt.manifest
        leave_out_comments(manifest)
        self.models = models_of(manifest, self.only)
        kept = [n.name for n in manifest.nodes.values() if n.resource_type == "seed"]
        kept += [manifest.nodes[model.id].name for model in self.models.values()]
        keep(manifest, kept, tests=False)
        self.has_views = False

    def play(self, histories: Sequence[History], steps: Sequence[Step]) -> list[Difference]:
        """Land the histories and build the models step by step; then build all anew and compare.

        The warehouse stays as the last build left it, for `query`.

        Returns:
            The rows that the two builds don't have in common, or that are not what the histories
            tell; of a model with many, some.

        Raises:
            AssertionError: a run fails, or a line does not land.
        """
        self.sequences += 1
        self.arrived: list[Arrived] = []
        self._begin()
        with surrounded_by(self.environment):
            self._land([], "tables")
            self._dbt("seed")
            for number, step in enumerate(steps):
                choice = random.Random(f"{number} {step}")
                events = [
                    (f"h{index:04d}.", one)
                    for index, history in enumerate(histories)
                    for one in history
                    if one.batch == step.batch
                ]
                lines = [one.line(prefix) for prefix, one in events]
                lines += [f"no event {number}".encode()] * bool(lines)
                self._take(step, lines, str(number), choice)
                if lines:
                    [(batch_id,)] = self.query("select max(batch_id) from landed.batches")
                    self.arrived += [
                        Arrived(batch_id, row, *event) for row, event in enumerate(events, start=1)
                    ]
            with open_warehouse() as warehouse:
                found = self._untrue(warehouse)
                self._keep(warehouse)
            self._run()
            with open_warehouse() as warehouse:
                for name, model in self.models.items():
                    tables = {"incremental": f"{KEPT}.{name}", "anew": model.table}
                    found += differing(warehouse, name, tables)
            if any(step.what == "permuted" for step in steps):
                found += self._permuted({n for n, h in enumerate(histories) if not is_settled(h)})
        return found

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on what the last sequence built; its incremental tables are in `kept`."""
        with surrounded_by(self.environment), open_warehouse() as warehouse:
            return warehouse.query(sql)

    def without_rows(self) -> list[str]:
        """Models of which the incremental runs made no rows."""
        empty = (
            f"select '{name}' where not exists (select 1 from {KEPT}.{name})"
            for name in self.models
        )
        return [name for (name,) in self.query(" union all ".join(empty))]

    def _begin(self) -> None:
        """An empty warehouse. A database of a server is cleared, since dbt's manifest names it."""
        self.has_views = False
        self.place = self.folder / f"sequence-{self.sequences}"
        self.place.mkdir()
        if self.engine == "duckdb":
            previous = Path(self.environment["HIREHOUSE_DUCKDB"])
            previous.unlink(missing_ok=True)
            # The same name, since DuckDB writes it into views and dbt into its manifest.
            self.environment["HIREHOUSE_DUCKDB"] = str(self.place / previous.name)
            self.dbt.variables |= self.environment
            return
        with surrounded_by(self.environment), open_warehouse() as warehouse:
            drop_schemas(warehouse, {"landed", KEPT, *self._schemas()})

    def _schemas(self) -> set[str]:
        return {model.schema for model in self.models.values()}

    def _take(self, step: Step, lines: list[bytes], name: str, choice: random.Random) -> None:
        match step.what:
            case "run":
                self._run()
            case "empty":
                self._land([f'{{"no event": {name}}}'.encode()], name, failed=1)
            case "land":
                self._arrive(lines, name, choice)
            case "during run":
                half = self._half(choice)
                self._run(half)
                self._arrive(lines, name, choice)
                self._run(set(self.models) - half)
                self.has_views = True
            case "uncommitted":
                landed = self._arrive(lines, name, choice)
                self._commit(landed, "null")
                self._run()
                self._commit(landed, "started_at")
            case "crash":
                # Its rows stay where they are and never count, and the same file lands again.
                self._commit(self._arrive(lines, name, choice), "null")
                self._run()
                self._arrive(lines, name, choice)
            case "part" | "without" | "anew" | "at once" | "fails":
                self._build_part(step)
            case "permuted":
                pass
            case other:
                raise ValueError(other)

    def _half(self, choice: random.Random) -> set[str]:
        """Any half of the models, and those that tell what has landed."""
        names = list(self.models)
        # At first only models that have all that they read.
        some = choice.sample(names, len(names) // 2) if self.has_views else names[: len(names) // 2]
        return {*some, *READ_FIRST}

    def _build_part(self, step: Step) -> None:
        reads = {name: model.reads for name, model in self.models.items()}
        some = selected(step.models, reads)
        match step.what:
            case "part":
                self._run(some)
            case "without":
                self._run(set(self.models) - some)
            case "anew":
                if self.engine == "redshift":
                    # The views on what is built anew go with it.
                    some = selected([f"{name}+" for name in some], reads)
                self._run(some, "--full-refresh")
            case "at once" if self.engine != "duckdb":
                meets = self.engine == "redshift"
                other = Fork(self._building(some, meets), mine=True)
                self._run(meets=meets)
                other.finish()
            case "at once":
                # Of a DuckDB file, one waits for the other to end.
                self._run(some)
                self._run()
            case "fails":
                with self._broken(*some):
                    self._run(failing=some)

    def _building(self, models: Collection[str], meets: bool) -> Any:
        def work(_: Tell) -> None:
            self._run(models, meets=meets)

        return work

    @contextmanager
    def _broken(self, name: str) -> Iterator[None]:
        """A model fails at its very end, when all that it does is done."""
        config = self.dbt.manifest.nodes[self.models[name].id].config
        hooks = config.post_hook
        config.post_hook = [*hooks, Hook(sql=f"select * from {NOWHERE}", index=len(hooks))]
        try:
            yield
        finally:
            config.post_hook = hooks

    def _run(
        self,
        models: Collection[str] = (),
        *arguments: str,
        failing: Collection[str] = (),
        meets: bool = False,
    ) -> None:
        """Run some models; else all, but for views that are there, which change with the project.

        Args:
            failing: the models that fail.
            meets: another build may be in its way, and let any model fail.
        """
        some = models or [n for n, m in self.models.items() if not (m.is_view and self.has_views)]
        nodes = {self.models[name].id for name in {*some, *failing}}
        outcome = self.dbt.run("run", *arguments, nodes=nodes)
        failed = outcome.failed()
        for name in failing:
            assert NOWHERE in failed.pop(self.models[name].id), f"{name} did not fail"
        # Until all has been built once, a part may lack what it reads.
        lacking = not self.has_views and bool(models)
        if meets:
            failed = {node: text for node, text in failed.items() if not MET.search(text)}
        assert not failed or (lacking and all(MISSING in text for text in failed.values())), failed
        if self.has_views:
            # As `hirehouse run` does; half of what a run costs. A first incremental run checks.
            built = (node for node, status in outcome.status.items() if status == "success")
            self.dbt.skip_schema_checks(built)
        if not models and not failing and not meets:
            self.has_views = True

    def _dbt(self, command: str, *arguments: str) -> None:
        outcome = self.dbt.run(command, *arguments)
        assert outcome.success, f"dbt {command} failed: {outcome.failed()}"

    def _arrive(self, lines: list[bytes], name: str, choice: random.Random) -> int | None:
        """Land events and, last of all, a line that fails; and do something about failed ones.

        Returns:
            The batch; None without any lines, of which nothing comes.
        """
        if not lines:
            return None
        self._land(lines, name, failed=1)
        with open_warehouse() as warehouse:
            [(batch_id,)] = warehouse.query("select max(batch_id) from landed.batches")
            for row in range(1, 4):
                action, patch = choice.choice(ACTIONS)
                warehouse.execute(
                    "insert into landed.failure_actions"
                    " (failure_id, batch_id, batch_row, acted_at, actor, action, patch)"
                    f" select f.failure_id, {batch_id}, {row}, f.received_at, 'a', '{action}',"
                    f" {patch} from landed.failed_events as f"
                    f" order by md5(f.failure_id || '{name}{row}') limit 1"
                )
        return int(batch_id)

    def _land(self, lines: list[bytes], name: str, failed: int = 0) -> None:
        path = self.place / f"{name}.ndjson"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        with open_warehouse() as warehouse, pytest.MonkeyPatch.context() as patch:
            # After every event of a history, so that none was received in the future.
            patch.setattr("hirehouse.landing.land.utc_now", lambda: LANDED_AT)
            landed = land([path], warehouse)
        # What fails its contract would say nothing here.
        assert landed.failed == failed, f"{path}: {landed}"
        assert landed.events == len(lines) - failed

    def _commit(self, batch_id: int | None, when: str) -> None:
        """Set when a batch was committed; null makes it one that still runs or crashed."""
        if batch_id is not None:
            with open_warehouse() as warehouse:
                warehouse.execute(
                    f"update landed.batches set committed_at = {when} where batch_id = {batch_id}"
                )

    def _keep(self, warehouse: Warehouse) -> None:
        """Put aside what was built, so that the next run finds nothing and builds all anew."""
        warehouse.execute(f"create schema {KEPT}")
        for name, model in self.models.items():
            warehouse.execute(f"create table {KEPT}.{name} as select * from {model.table}")
        self._drop(warehouse)

    def _drop(self, warehouse: Warehouse) -> None:
        if self.engine == "duckdb" and self.has_views:
            # Its views outlive the tables that they read, and change with the project alone.
            for schema, table in warehouse.query(
                "select schema_name, table_name from duckdb_tables()"
            ):
                if schema in self._schemas():
                    warehouse.execute(f"drop table {schema}.{table}")
            return
        drop_schemas(warehouse, self._schemas())
        self.has_views = False

    def _untrue(self, warehouse: Warehouse) -> list[Difference]:
        """Rows that are not what has landed makes them."""
        landed = "select batch_id from landed.batches where committed_at is not null"
        known = {"stg_landing__batches": (("batch_id",), warehouse.query(landed))}
        found = []
        for name, (columns, rows) in (known | expected(self.arrived)).items():
            if model := self.models.get(name):
                has = warehouse.query(f"select {', '.join(columns)} from {model.table}")
                found += against(name, columns, rows, has)
        return found

    def _permuted(self, left_out: Collection[int]) -> list[Difference]:
        """Build all anew as if the batches had come in another order, and compare.

        Args:
            left_out: histories that are not compared, since other copies come first now.
        """
        with open_warehouse() as warehouse:
            permute(warehouse)
            self._drop(warehouse)
        self._run()
        found = []
        with open_warehouse() as warehouse:
            for name, model in self.models.items():
                tables = {"incremental": f"{KEPT}.{name}", "permuted": model.table}
                if not model.shows_arrival:
                    less = BATCH | (RANKED if left_out else set())
                    found += differing(warehouse, name, tables, less=less, rows=MANY)
        # Rows without a name are of all histories.
        compared = [d for d in found if d.histories() - set(left_out)]
        return compared + [d for d in found if not left_out and not d.histories()]


def permute(warehouse: Warehouse) -> None:
    """Give the committed batches another order."""
    batches = "landed.batches where committed_at is not null order by 1"
    there = [batch_id for (batch_id,) in warehouse.query(f"select batch_id from {batches}")]
    places = random.Random(len(there)).sample(there, len(there))
    if places == there:
        places.reverse()
    cases = " ".join(f"when {a} then {b}" for a, b in zip(there, places, strict=True))
    for (table,) in warehouse.query(
        "select table_name from information_schema.columns where table_schema = 'landed'"
        " and column_name = 'batch_id' and table_name <> 'batches' order by 1"
    ):
        warehouse.execute(
            f"update landed.{table} set batch_id = case batch_id {cases} else batch_id end"
        )


def copied(folder: Path) -> Path:
    """A copy of the dbt project, to change; returns its folder."""
    for name in ("models", "macros", "seeds", "tests/generic", "tests/singular"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "dbt_project.yml", folder)
    return folder
