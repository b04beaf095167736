"""Fixtures: a warehouse per engine, and dbt in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hirehouse.contracts.model import ROOT
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.servers import Postgres

ENGINES = ("duckdb", "postgres")
CONFIG = "dbt_project.yml"
# Files that take longest come first, so that neither of two processes is left alone with one.
LONG = ("property", "kills", "concurrent", "marts", "run", "readme", "kafka", "failures_replay")
pytest_plugins = ["support.report"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also run the tests marked `every`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    order = [f"test_{name}.py" for name in LONG]
    items.sort(key=lambda item: order.index(item.path.name) if item.path.name in order else 99)
    if config.getoption("--all"):
        return
    left_out = [
        item
        for item in items
        if item.get_closest_marker("every")
        or (item.get_closest_marker("one_engine") and "postgres" in item.name)
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """Parse the project once per engine, which costs more than running its models.

    Of a copy of the project only the files that differ are parsed.
    """
    parsed: dict[str, bytes] = {}
    read = WarmDbt._read

    def read_once(dbt: WarmDbt) -> Any:
        from dbt.constants import PARTIAL_PARSE_FILE_NAME  # noqa: PLC0415 - dbt takes 3 s
        from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415 - as above
        from dbt.parser import manifest as parser  # noqa: PLC0415 - as above

        if (dbt.root / CONFIG).read_text() != (ROOT / CONFIG).read_text():
            return read(dbt)
        variables = os.environ | dbt.variables
        kind = variables["HIREHOUSE_TARGET"]
        if kind not in parsed and dbt.root == ROOT:
            read(dbt)
            parsed[kind] = (dbt.folder / PARTIAL_PARSE_FILE_NAME).read_bytes()
        elif kind not in parsed:
            WarmDbt(ROOT, dbt.folder / "whole", dbt.variables)
        manifest = Manifest.from_msgpack(parsed[kind], decoder=parser.extended_mashumuro_decoder)
        name = "HIREHOUSE_DUCKDB" if kind == "duckdb" else "PGDATABASE"
        database = Path(variables[name]).stem
        for node in (*manifest.nodes.values(), *manifest.sources.values()):
            if node.relation_name:
                node.relation_name = node.relation_name.replace(node.database, database, 1)
            node.database = database
        if dbt.root == ROOT:
            return manifest
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                parser.ManifestLoader, "read_manifest_for_partial_parse", lambda _: manifest
            )
            return read(dbt)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WarmDbt, "_read", read_once)
        yield


@pytest.fixture(scope="session")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the project's example as profiles.yml: tests never use a person's own."""
    folder = tmp_path_factory.mktemp("profiles")
    (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole session."""
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def make_environment(
    profiles: Path, request: pytest.FixtureRequest
) -> Callable[[str, Path], dict[str, str]]:
    """A function (engine, folder) -> environment variables of a new, empty warehouse."""

    def make(engine: str, folder: Path) -> dict[str, str]:
        common = {"DBT_PROFILES_DIR": str(profiles), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        if engine == "duckdb":
            path = str(folder / "warehouse.duckdb")
            return common | {"HIREHOUSE_TARGET": "duckdb", "HIREHOUSE_DUCKDB": path}
        server: Postgres = request.getfixturevalue("postgres")
        return common | server.environment(server.new_database())

    return make


@contextmanager
def surrounded_by(variables: Mapping[str, str]) -> Iterator[pytest.MonkeyPatch]:
    """Set environment variables for a while."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield patch


@pytest.fixture
def enter(
    tmp_path: Path,
    make_environment: Callable[[str, Path], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], dict[str, str]]:
    """A function that makes a new, empty warehouse, and sets its variables in this process, too."""

    def work(engine: str) -> dict[str, str]:
        variables = make_environment(engine, tmp_path)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return variables

    return work


@pytest.fixture(params=ENGINES)
def environment(
    request: pytest.FixtureRequest, enter: Callable[[str], dict[str, str]]
) -> dict[str, str]:
    """The variables of a new, empty warehouse of each engine; set in this process, too."""
    return enter(request.param)


@pytest.fixture
def warehouse(environment: dict[str, str]) -> Iterator[Warehouse]:
    """A new, empty warehouse of each engine."""
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as opened:
        yield opened


@pytest.fixture
def duckdb_environment(enter: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """The variables of a new DuckDB file; set in this process, too."""
    return enter("duckdb")


@pytest.fixture
def postgres_environment(enter: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """The variables of a new PostgreSQL database; set in this process, too."""
    return enter("postgres")


def run_dbt(
    arguments: list[str], environment: dict[str, str], *, root: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run dbt on the project in a process of its own, which lets go of a DuckDB file at its end.

    Args:
        arguments: as on the command line, such as ["build", "--select", "staging"].
        environment: variables of the warehouse, on top of this process's own.

    Returns:
        The finished process with its output; its return code is not checked.
    """
    return subprocess.run(
        [str(Path(sys.executable).parent / "dbt"), *arguments],
        env=os.environ | environment,
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
