"""Sequences of landings and runs, and what incremental models and a first build then differ in.

A dbt run costs its models and hardly its rows, so hundreds of histories with ids of their own share
one sequence, and a row that differs names its history by the prefix of its ids.
"""

from __future__ import annotations

import random
import re
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conftest import surrounded_by
from hirehouse.contracts import ROOT
from hirehouse.land import land
from hirehouse.warehouse import Warehouse, open_warehouse
from hirehouse.warm import WarmDbt
from histories import History

CEILING = "stg_landing__batches"  # the model that fixes up to which batch a run reads
KEPT = "kept"  # the schema that holds what the incremental runs made
ROWS = 5_000  # differing rows of a model that are fetched
PREFIX = re.compile(r"h(\d{4})\.")
# How a batch may arrive, beside plainly: while a run is under way; written but not committed when a
# run begins; after a landing of the same lines crashed.
WAYS = ("land", "land", "land", "during run", "uncommitted", "crash")
# What may be done about a failed event, with the patch it carries.
ACTIONS = (
    *(("patched", '\'[{"op": "remove", "path": "/a"}]\''), ("patched", "'[]'")),
    *((action, "null") for action in ("replayed", "refused", "discarded", "restored")),
)


@dataclass(frozen=True)
class Step:
    """A step of a sequence: `run`, `empty` (a batch without events), or a way to land a batch."""

    what: str
    batch: int = 0


def plainly(batches: int) -> list[Step]:
    """Land and run, batch by batch."""
    return [step for n in range(1, batches + 1) for step in (Step("land", n), Step("run"))]


def anyhow(batches: int, seed: int) -> list[Step]:
    """Any way of landing the batches, with runs at any point between them and one at the end."""
    choice = random.Random(seed)
    steps = [Step("run")] if choice.random() < 0.3 else []
    for number in range(1, batches + 1):
        steps.append(Step(choice.choice(WAYS), number))
        if choice.random() < 0.2:
            steps.append(Step("empty"))
        if choice.random() < 0.5:
            steps.append(Step("run"))
    # One with nothing new must change nothing, either.
    return [*steps, Step("run"), *([Step("run")] if choice.random() < 0.3 else [])]


@dataclass(frozen=True)
class Difference:
    """A row that only one of the two builds has."""

    model: str
    build: str
    row: dict[str, Any] = field(hash=False)

    def histories(self) -> set[int]:
        """Numbers of the histories whose ids the row holds; none in an aggregate without ids."""
        found = (PREFIX.findall(v) for v in self.row.values() if isinstance(v, str))
        return {int(number) for numbers in found for number in numbers}


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
        self.models = models_of(self.dbt.manifest, self.only)
        self.staging = [name for name in self.models if name.startswith("stg_")]

    def play(self, histories: Sequence[History], steps: Sequence[Step]) -> list[Difference]:
        """Land the histories and run the models step by step; then build all anew and compare.

        The warehouse stays as the last build left it, for `query`.

        Returns:
            The rows that the two builds don't have in common; of a model with many, some.

        Raises:
            AssertionError: a run fails, or a line does not land.
        """
        self.sequences += 1
        choice = random.Random(self.sequences)
        self._begin()
        with surrounded_by(self.environment):
            self._land([], "tables")
            self._dbt("seed")
            for number, step in enumerate(steps):
                lines = [
                    one.line(f"h{index:04d}.")
                    for index, history in enumerate(histories)
                    for one in history
                    if one.batch == step.batch
                ]
                lines += [f"no event {number}".encode()] * bool(lines)
                self._take(step, lines, str(number), choice)
            with open_warehouse() as warehouse:
                self._keep(warehouse)
            self._run()
            with open_warehouse() as warehouse:
                return [d for name in self.models for d in self._differences(warehouse, name)]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on what the last sequence built; its incremental tables are in `kept`."""
        with surrounded_by(self.environment), open_warehouse() as warehouse:
            return warehouse.query(sql)

    def columns(self, model: str) -> list[str]:
        """Names of a model's columns, in order."""
        with surrounded_by(self.environment), open_warehouse() as warehouse:
            return columns_of(warehouse, f"{KEPT}.{model}")

    def count(self, model: str) -> int:
        """Rows that the incremental runs made of a model."""
        return int(self.query(f"select count(*) from {KEPT}.{model}")[0][0])

    def _begin(self) -> None:
        """An empty warehouse. A database of a server is cleared, since dbt's manifest names it."""
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
            schemas = {"landed", KEPT, *(schema for schema, _ in self.models.values())}
            drop_schemas(warehouse, schemas)

    def _take(self, step: Step, lines: list[bytes], name: str, choice: random.Random) -> None:
        match step.what:
            case "run":
                self._run()
            case "empty":
                self._land([f"no event {name}".encode()], name, failed=1)
            case "land":
                self._arrive(lines, name, choice)
            case "during run":
                # The first half of a run fixes what counts; the other must not see more than that.
                half = [*choice.sample(self.staging, len(self.staging) // 2), CEILING]
                self._run(half)
                self._arrive(lines, name, choice)
                self._run([model for model in self.models if model not in half])
            case "uncommitted":
                self._arrive(lines, name, choice)
                self._commit("null")
                self._run()
                self._commit("started_at")
            case "crash":
                # Its rows stay where they are and never count, and the same file lands again.
                self._arrive(lines, name, choice)
                self._commit("null")
                self._run()
                self._arrive(lines, name, choice)
            case other:
                raise ValueError(other)

    def _run(self, models: Sequence[str] = ()) -> None:
        self._dbt("run", "--select", *(models or self.models))

    def _dbt(self, command: str, *arguments: str) -> None:
        outcome = self.dbt.run(command, *arguments)
        assert outcome.success, f"dbt {command} failed: {outcome.failed()}"
        if command == "run":
            # As `hirehouse run` does; half of what a run costs.
            self.dbt.settle(outcome.status)

    def _arrive(self, lines: list[bytes], name: str, choice: random.Random) -> None:
        """Land events and, last of all, a line that fails; and do something about failed ones."""
        self._land(lines, name, failed=min(len(lines), 1))
        with open_warehouse() as warehouse:
            for row in range(1, 4):
                action, patch = choice.choice(ACTIONS)
                warehouse.execute(
                    "insert into landed.failure_actions"
                    " (failure_id, batch_id, batch_row, acted_at, actor, action, patch)"
                    f" select f.failure_id, last.batch_id, {row}, f.received_at, 'a', '{action}',"
                    f" {patch} from landed.failed_events as f"
                    " cross join (select max(batch_id) as batch_id from landed.batches) as last"
                    f" order by md5(f.failure_id || '{name}{row}') limit 1"
                )

    def _land(self, lines: list[bytes], name: str, failed: int = 0) -> None:
        path = self.place / f"{name}.ndjson"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        with open_warehouse() as warehouse:
            landed = land([path], warehouse)
        # What fails its contract would say nothing here.
        assert landed.failed == failed, f"{path}: {landed.failed_by_rule}"
        assert landed.events == len(lines) - failed

    def _commit(self, when: str) -> None:
        """Set when the last batch was committed; null makes it one that still runs or crashed."""
        with open_warehouse() as warehouse:
            warehouse.execute(
                f"update landed.batches set committed_at = {when}"
                " where batch_id = (select max(batch_id) from landed.batches)"
            )

    def _keep(self, warehouse: Warehouse) -> None:
        """Put aside what was built, so that the next run finds nothing and builds all anew."""
        warehouse.execute(f"create schema {KEPT}")
        for name, (schema, alias) in self.models.items():
            warehouse.execute(f"create table {KEPT}.{name} as select * from {schema}.{alias}")
        drop_schemas(warehouse, {schema for schema, _ in self.models.values()})

    def _differences(self, warehouse: Warehouse, name: str) -> list[Difference]:
        schema, alias = self.models[name]
        tables = {"incremental": f"{KEPT}.{name}", "anew": f"{schema}.{alias}"}
        there, columns = (columns_of(warehouse, table) for table in tables.values())
        # By name: a contract's new column stands last in a table that was there before it.
        if sorted(there) != sorted(columns):
            texts = {"incremental": " ".join(there), "anew": " ".join(columns)}
            return [Difference(name, build, {"columns": text}) for build, text in texts.items()]
        listed = ", ".join(columns)
        found = []
        for build, other in (("incremental", "anew"), ("anew", "incremental")):
            rows = warehouse.query(
                f"select {listed} from {tables[build]}"
                f" except all select {listed} from {tables[other]} order by 1 limit {ROWS}"
            )
            found += [Difference(name, build, dict(zip(columns, row, strict=True))) for row in rows]
        return found


def models_of(manifest: Any, only: Sequence[str] = ()) -> dict[str, tuple[str, str]]:  # noqa: ANN401
    """Schema and table of every model that dbt builds, so that a new one is compared by itself.

    Args:
        manifest: dbt's.
        only: names of models; these and all that they read are taken, and every one if empty.

    Returns:
        By name, each after all that it reads.
    """
    nodes = {
        key: node
        for key, node in manifest.nodes.items()
        if node.resource_type in ("model", "snapshot") and node.config.materialized != "ephemeral"
    }
    found: dict[str, tuple[str, str]] = {}

    def take(key: str) -> None:
        node = nodes.get(key)
        if node and node.name not in found:
            for read in sorted(node.depends_on.nodes):
                take(read)
            found[node.name] = (node.schema, node.alias)

    for key, node in sorted(nodes.items()):
        if not only or node.name in only:
            take(key)
    return found


def copied(folder: Path) -> Path:
    """A copy of the dbt project, to change; returns its folder."""
    for name in ("models", "macros", "seeds", "tests/generic", "tests/singular"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "dbt_project.yml", folder)
    return folder


def columns_of(warehouse: Warehouse, table: str) -> list[str]:
    """Names of a table's columns, in order."""
    schema, _, name = table.partition(".")
    rows = warehouse.query(
        "select column_name from information_schema.columns"
        f" where table_schema = '{schema}' and table_name = '{name}' order by ordinal_position"
    )
    return [column for (column,) in rows]


def drop_schemas(warehouse: Warehouse, schemas: set[str]) -> None:
    """Drop schemas with all that is in them."""
    for schema in sorted(schemas):
        warehouse.execute(f"drop schema if exists {schema} cascade")


def failing(
    stage: Stage, histories: Sequence[History], steps: Sequence[Step]
) -> dict[int, list[Difference]]:
    """Which histories break the property, by number, with the rows that differ.

    Where only aggregates differ, whose rows name no history, each half is played by itself.
    """
    differences = stage.play(histories, steps)
    found: dict[int, list[Difference]] = defaultdict(list)
    for difference in differences:
        for number in difference.histories():
            found[number].append(difference)
    if not differences or found:
        return dict(found)
    if len(histories) == 1:
        return {0: differences}
    middle = len(histories) // 2
    first = failing(stage, histories[:middle], steps)
    second = failing(stage, histories[middle:], steps)
    return first | {middle + number: rows for number, rows in second.items()}
