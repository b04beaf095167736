"""Fixtures: a warehouse per engine, and dbt in a process of its own."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redshift_connector
import sqlparse
from networkx import is_directed_acyclic_graph
from xdist.scheduler import LoadFileScheduling

from hirehouse.contracts.model import ROOT
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from rig.server import Redshift
from support.cluster import Cluster
from support.servers import S3, Postgres

ENGINES = ("duckdb", "postgres")
ALL_ENGINES = (*ENGINES, "redshift")
CONFIG = "dbt_project.yml"
THREADS = "--threads"
BUCKET = "hirehouse-events"
# Files that take longest come first, so that no process is left alone with one.
LONG = (
    *("property", "readme", "concurrent", "marts", "run", "kafka", "kills", "contract_change"),
    *("planted_faults", "dev", "upgrade", "compiled_sql", "operations", "histories", "backfill"),
    *("scaffold", "run_process", "examples_dagster"),
)
# Files that share warehouses run in one process, one after the other.
TOGETHER = dict.fromkeys(
    (
        *("test_bench_past.py", "test_bench_sessions.py", "test_data_science.py"),
        "test_examples_data_science.py",
        "test_marts_growth.py",
        *("test_marts_redshift.py", "test_metrics.py", "test_portable_file.py"),
        *("test_export_marts.py", "test_publish_built.py", "test_questions.py", "test_site.py"),
    ),
    "test_marts.py",
)
pytest_plugins = ["support.report", "support.built", "support.redshift"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also run the tests marked `every`")
    parser.addoption("--cluster", action="store_true", help="see scripts/verify-redshift")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    order = [f"test_{name}.py" for name in LONG]

    def place(item: pytest.Item) -> int:
        name = TOGETHER.get(item.path.name, item.path.name)
        return order.index(name) if name in order else len(order)

    items.sort(key=place)
    left_out = [item for item in items if _is_left_out(item, config.getoption("--all"))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _is_left_out(item: pytest.Item, everything: bool) -> bool:
    values = (
        item.callspec.params.values()
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        else ()
    )
    if item.get_closest_marker("rig") and item.config.getoption("--cluster"):
        return True
    on_redshift = "redshift" in list(map(str, values))
    if on_redshift and not item.get_closest_marker("redshift"):
        return True
    twice = item.get_closest_marker("one_engine") and ("postgres" in item.name or on_redshift)
    return not everything and bool(item.get_closest_marker("every") or twice)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process whole files, and those of TOGETHER to the same one."""
    scheduler = LoadFileScheduling(config, log)
    file_of = scheduler._split_scope

    def together(nodeid: str) -> str:
        folder, _, name = file_of(nodeid).rpartition("/")
        return f"{folder}/{TOGETHER.get(name, name)}"

    scheduler._split_scope = together
    return scheduler


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """Parse the project once per engine, which costs more than running its models.

    Of a copy of the project only the files that differ are parsed.
    """
    parsed: dict[str, bytes] = {}
    read = WarmDbt._read

    def read_once(dbt: WarmDbt) -> Any:
        from support.parsing import read_copy  # noqa: PLC0415 - dbt takes 3 s

        if (dbt.root / CONFIG).read_text() != (ROOT / CONFIG).read_text():
            return read(dbt)
        return read_copy(dbt, read, parsed)

    invoke = WarmDbt._invoke

    def invoke_quietly(dbt: WarmDbt, command: str, *arguments: str) -> Any:
        # Logs and artifacts, which few tests read, are a sixth of what a run costs.
        defaults = {"LOG_LEVEL": "none", "LOG_LEVEL_FILE": "none", "WRITE_JSON": "false"}
        given = " ".join(arguments).upper().replace("-", "_")  # dbt refuses what is given twice
        wanted = {f"DBT_{n}": value for n, value in defaults.items() if n not in given}
        if command != "parse" and THREADS not in (*dbt.options, *arguments):
            # They would wait for each other, as Python runs one at a time.
            arguments = (*arguments, THREADS, "1")
        with surrounded_by({n: v for n, v in wanted.items() if n not in os.environ}) as patch:
            leave_out_diagnostics(patch)
            if "DBT_LOG_LEVEL" in wanted and not dbt.runner.callbacks:
                leave_out_debug_events(patch)
            return invoke(dbt, command, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WarmDbt, "_read", read_once)
        patch.setattr(WarmDbt, "_invoke", invoke_quietly)
        yield


def leave_out_diagnostics(patch: pytest.MonkeyPatch) -> None:
    """Let dbt leave out what takes a fifth of a small run, and what no test reads."""
    from dbt.compilation import Linker  # noqa: PLC0415 - dbt takes 3 s
    from dbt.plugins.manager import PluginManager  # noqa: PLC0415 - dbt takes 3 s
    from dbt_common.behavior_flags import BehaviorFlagRendered  # noqa: PLC0415 - dbt takes 3 s

    find_cycles: Any = Linker.find_cycles

    def find_cycles_if_any(linker: Linker) -> Any:
        # In each run, dbt looks for one by a walk along all edges.
        return None if is_directed_acyclic_graph(linker.graph) else find_cycles(linker)

    patch.setattr(Linker, "find_cycles", find_cycles_if_any)
    patch.setattr(Linker, "get_graph_summary", lambda *_: {})
    patch.setattr(PluginManager, "get_prefixed_modules", dict)
    # It looks through the whole stack for the source of a flag.
    patch.setattr(BehaviorFlagRendered, "_default_source", lambda *_: "tests")


def leave_out_debug_events(patch: pytest.MonkeyPatch) -> None:
    """Let dbt make no events that nobody reads, which take a tenth of its time."""
    from dbt_common.events import base_types, event_manager  # noqa: PLC0415 - dbt takes 3 s

    debug = base_types.DebugLevel
    make, fire = base_types.BaseEvent.__init__, event_manager.EventManager.fire_event

    def make_if_read(event: Any, *args: Any, **fields: Any) -> None:
        make(event, *args, **({} if isinstance(event, debug) else fields))

    def fire_if_read(events: Any, event: Any, *args: Any, **how: Any) -> None:
        if not isinstance(event, debug):
            fire(events, event, *args, **how)

    patch.setattr(base_types.BaseEvent, "__init__", make_if_read)
    patch.setattr(event_manager.EventManager, "fire_event", fire_if_read)


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
def redshift(request: pytest.FixtureRequest) -> Iterator[Redshift | Cluster]:
    """A server that looks like Redshift, for the whole session; or Redshift itself."""
    if request.config.getoption("--cluster"):
        yield Cluster()
        return
    rig = Redshift(request.getfixturevalue("postgres"))
    with pytest.MonkeyPatch.context() as patch:
        # Without a name the driver looks for its caller's in the whole stack: 0.1 s in dbt's.
        named = partial(redshift_connector.connect, application_name="tests")
        patch.setattr(redshift_connector, "connect", named)
        patch.setattr(sqlparse, "split", partial(_statements, sqlparse.split))
        yield rig
    rig.stop()


def _statements(split: Callable[[str], list[str]], sql: str) -> list[str]:
    """The statements of a text. dbt reads each word of it for that: a third of a build's time."""
    text = sql.strip()
    return split(sql) if ";" in text[:-1] else [text]


@pytest.fixture(scope="session")
def storage() -> Iterator[S3]:
    """A server like S3 for the whole session."""
    server = S3()
    yield server
    server.stop()


@pytest.fixture
def s3(storage: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """S3 with an empty BUCKET; its variables are set in this process, too."""
    for name, value in storage.environment().items():
        monkeypatch.setenv(name, value)
    storage.client.create_bucket(Bucket=BUCKET)
    storage.requests.clear()
    yield storage
    storage.fault = None
    listed = storage.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    for entry in listed:
        storage.client.delete_object(Bucket=BUCKET, Key=entry["Key"])
    storage.client.delete_bucket(Bucket=BUCKET)


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
        server: Postgres | Redshift = request.getfixturevalue(engine)
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


@pytest.fixture(params=ALL_ENGINES)
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
def redshift_environment(enter: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """The variables of a new database of the Redshift rig; set in this process, too."""
    return enter("redshift")


@pytest.fixture
def postgres_environment(enter: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """The variables of a new PostgreSQL database; set in this process, too."""
    return enter("postgres")


@dataclass
class Done:
    """What a command of dbt has printed, and its exit code."""

    returncode: int
    stdout: str


def run_dbt(arguments: list[str], environment: dict[str, str], *, root: Path = ROOT) -> Done:
    """Run dbt on the project as on the command line, but in this process and parsed once.

    Args:
        arguments: as on the command line, such as ["build", "--select", "staging"].
        environment: variables of the warehouse, and DBT_TARGET_PATH, on top of this process's own.
        root: the project's folder.

    Returns:
        What dbt printed and its exit code, which is not checked.
    """
    printed = io.StringIO()
    folder = Path(environment["DBT_TARGET_PATH"])
    with surrounded_by(environment | {"DBT_USE_COLORS": "false"}):
        dbt = WarmDbt(root, folder, environment)
        options = ["--project-dir", str(root), "--target-path", str(folder)]
        with redirect_stdout(printed):
            result = dbt.runner.invoke([*arguments, *options, "--log-path", str(folder)])
        dbt.close()
    code = 0 if result.success else 2 if result.exception else 1
    return Done(code, printed.getvalue() + str(result.exception or ""))
