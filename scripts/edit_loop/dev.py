"""The edit loop: at each save, build and test a model and what hangs on it, on a small slice.

dbt stays loaded and parses only what changed. The slice (data/dev, see data_slice.py) is made once
and kept. Models are built from scratch each time, since a definition changed; if the model is
incremental, a run without new events follows, which must leave it as it is.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

from data_slice import CANDIDATES, make_slice
from hirehouse.contracts import model as contracts
from hirehouse.contracts.model import ROOT
from hirehouse.running.warm_dbt import DbtError, WarmDbt
from hirehouse.warehouse import landed_schema
from hirehouse.warehouse.connections import open_warehouse
from hirehouse.warehouse.profile import WarehouseError
from show import BUILT, TESTS, show, show_error, show_failure

FOLDER = ROOT / "data" / "dev"
DATABASE = FOLDER / "hirehouse.duckdb"
WHOLE = ROOT / "data" / "hirehouse.duckdb"
WATCHED = ("models", "macros", "seeds", "tests/generic", "tests/singular")
SUFFIXES = (".sql", ".yml", ".csv", ".md")
POLL = 0.1  # seconds

Times = dict[Path, int]


def check_name(name: str) -> None:
    """Exit, and name what is near, if there is no such model."""
    files = [*(ROOT / "models").rglob("*.sql"), *(ROOT / "seeds").rglob("*.csv")]
    names = sorted(file.stem for file in files)
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    near += [n for n in names if name in n and n not in near][:5]
    sys.exit(f"there is no model {name}" + (f"; near it: {', '.join(near)}" if near else ""))


def watched() -> Times:
    """When each file of the project was changed, in nanoseconds."""
    times = {}
    for folder in WATCHED:
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in SUFFIXES and not file.name.startswith("."):
                try:
                    times[file] = file.stat().st_mtime_ns
                except FileNotFoundError:  # an editor's, gone again
                    continue
    return times


def wait_for_save(before: Times) -> Times:
    """Wait until files are other than `before`, and stay so for a moment."""
    while (now := watched()) == before:
        time.sleep(POLL)
    while True:  # some editors write a file in several steps
        time.sleep(POLL)
        if (again := watched()) == now:
            return now
        now = again


class Loop:
    """A model, and dbt on the slice, which stays loaded."""

    def __init__(self, name: str, variables: dict[str, str]) -> None:
        self.name = name
        # dbt's own lines would say everything twice.
        self.variables = variables | {"DBT_LOG_LEVEL": "none"}
        self.dbt: Any = None
        self.prepared: set[str] = set()  # what is built of all that is read

    def parse(self) -> None:
        """Parse what changed since the last time; the first time, everything.

        Raises:
            DbtError: the project can't be parsed.
        """
        if self.dbt is None:
            self.dbt = WarmDbt(ROOT, ROOT / "target" / "dev", self.variables)
            return
        self.dbt.parse()

    def needed(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The model and what hangs on it; and what all of that and its tests read; by unique id."""
        nodes = self.dbt.manifest.nodes
        parents = {i: set(n.depends_on_nodes) & nodes.keys() for i, n in nodes.items()}
        below = {i for i, n in nodes.items() if n.name == self.name and n.resource_type in BUILT}
        while more := {i for i, above in parents.items() if above & below} - below:
            below |= more
        found = set(below)
        while more := {above for i in found for above in parents[i]} - found:
            found |= more

        def built(ids: set[str]) -> dict[str, Any]:
            return {i: nodes[i] for i in ids if nodes[i].resource_type in BUILT}

        return built(below), built(found - below)

    def prepare(self, missing: dict[str, Any]) -> bool:
        """Build what is read and not there yet, without tests; False if it can't be."""
        names = sorted({node.name for node in missing.values()})
        no_tests = ("--exclude-resource-type", "test", "unit_test")
        selection = ("--select", *names, "--exclude", f"{self.name}+")
        results = self._run("build", "--full-refresh", *selection, *no_tests)
        bad = [r for r in results if r.status == "error"]
        with opened() as warehouse:
            for result in bad:
                show_failure(result, warehouse.sql)
        if not bad:
            self.prepared |= missing.keys()
        return not bad

    def build(self, changed: set[Path]) -> bool:
        """Build the model and what hangs on it, with tests, and print what came of it.

        Args:
            changed: files that were saved: other models of them are built, too, if what is built
                is made of them.

        Returns:
            Whether all went well.
        """
        hanging, read = self.needed()
        missing = {i: node for i, node in read.items() if i not in self.prepared}
        if missing and not self.prepare(missing):
            return False
        needed = [*hanging.values(), *read.values()]
        also = [n.name for n in needed if ROOT / n.original_file_path in changed]
        selection = [f"{self.name}+", *(f"{name}+,@{self.name}" for name in also)]
        results = self._run("build", "--full-refresh", "--select", *selection)
        with opened() as warehouse:
            well = show(results, warehouse.sql)
        well = well and self._run_again()
        models = sum(r.node.resource_type in BUILT for r in results)
        tests = sum(r.node.resource_type in TESTS for r in results)
        print(f"  {models} models and seeds built, {tests} tests run")
        return well

    def _run_again(self) -> bool:
        """Run an incremental model without new events: it must work and change no row."""
        nodes = self.dbt.manifest.nodes.values()
        [node] = [n for n in nodes if n.name == self.name and n.resource_type in BUILT]
        if node.config.materialized != "incremental":
            return True
        before = content(node.relation_name)
        [result] = [r for r in self._run("run", "--select", self.name) if r.node.name == self.name]
        if result.status != "success":
            with opened() as warehouse:
                show_failure(result, warehouse.sql)
            return False
        if content(node.relation_name) != before:
            print(f"  FAIL    {self.name}: a run without new events changes its rows")
            return False
        print(f"  ok      {self.name}: a run without new events leaves it as it is")
        return True

    def _run(self, *arguments: str) -> list[Any]:
        return list(self.dbt._invoke(*arguments).result.results)


def opened() -> duckdb.DuckDBPyConnection:
    """The slice, to read; to be closed before dbt opens it again."""
    return duckdb.connect(str(DATABASE), read_only=True)


def content(relation: str) -> Any:
    """A table's rows as their number and a hash that does not depend on their order."""
    with opened() as warehouse:
        return warehouse.sql(f"select count(*), sum(hash(own)) from {relation} as own").fetchone()


def environment() -> dict[str, str]:
    """The variables of the slice; by a profile of its own, as a person's may lead elsewhere."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "profiles.yml.example", FOLDER / "profiles.yml")
    return {
        "DBT_PROFILES_DIR": str(FOLDER),
        "HIREHOUSE_TARGET": "duckdb",
        "HIREHOUSE_DUCKDB": str(DATABASE),
        "HIREHOUSE_SCHEMA": "analytics",
    }


def follow_contracts(changed: set[Path]) -> None:
    """Give the slice the tables and columns of contracts that were added or changed.

    Raises:
        ContractError: a contract can't be read, or does not go with what has landed.
    """
    if not any(f.suffix == ".yml" and "staging" in f.parts for f in changed):
        return
    for forget in (
        contracts.doc_blocks.cache_clear,
        contracts.envelope.cache_clear,
        contracts.load.cache_clear,
        landed_schema.landing_tables.cache_clear,
        landed_schema.raw_tables.cache_clear,
    ):
        forget()
    with open_warehouse() as warehouse:
        landed_schema.ensure_tables(warehouse)


def get_slice(*, renew: bool, candidates: int) -> None:
    """Make the slice if there is none, and say what it is."""
    if renew or not DATABASE.exists():
        print("making a slice of the data", flush=True)
        print(f"data/dev/hirehouse.duckdb has {make_slice(WHOLE, DATABASE, candidates)}")
    elif WHOLE.exists() and WHOLE.stat().st_mtime > DATABASE.stat().st_mtime:
        print("data/hirehouse.duckdb has changed since the slice was made; --renew takes it anew")


def saved_at(changed: set[Path]) -> float:
    """When the last of the files was saved, in seconds since 1970."""
    return max((f.stat().st_mtime for f in changed if f.exists()), default=time.time())


def attempt(loop: Loop, changed: set[Path], begun: float) -> bool:
    """Parse, build and test, and print what came of it.

    Args:
        loop: the model.
        changed: files that were saved.
        begun: when that was, in seconds since 1970.

    Returns:
        Whether all went well.
    """
    try:
        follow_contracts(changed)
        loop.parse()
        well = loop.build(changed)
    except (DbtError, contracts.ContractError, WarehouseError) as error:
        show_error(str(error))
        well = False
    print(f"{'ok' if well else 'FAILED'} after {time.time() - begun:.1f} s\n", flush=True)
    return well


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="its name, such as fct_offers")
    parser.add_argument("--once", action="store_true", help="build once; ends with 0 or 1")
    parser.add_argument("--renew", action="store_true", help="make the slice anew")
    parser.add_argument("--candidates", type=int, default=CANDIDATES, help="in a new slice")
    options = parser.parse_args()
    check_name(options.model)
    os.environ.update(environment())
    try:
        get_slice(renew=options.renew, candidates=options.candidates)
    except WarehouseError as error:
        sys.exit(str(error))
    times = watched()
    print("starting dbt", flush=True)
    loop = Loop(options.model, environment())
    well = attempt(loop, set(), time.time())
    if options.once:
        sys.exit(not well)
    while True:
        print("waiting for a change; Ctrl+C ends it", flush=True)
        before, times = times, wait_for_save(times)
        changed = {f for f in before.keys() | times.keys() if before.get(f) != times.get(f)}
        print(", ".join(sorted(str(f.relative_to(ROOT)) for f in changed)), flush=True)
        attempt(loop, changed, saved_at(changed))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print()
