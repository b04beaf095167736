"""`hirehouse publish`: a copy of public marts that readers have open, and that is always whole."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hirehouse.commands.main import app
from hirehouse.querying import publishing
from hirehouse.querying.publishing import NotPublished, Publication
from hirehouse.querying.relations import Mart, Relations
from hirehouse.running.loop import Round
from hirehouse.running.publisher import Publisher
from hirehouse.warehouse.connections import open_warehouse
from support.queries import CSV, ROWS, make_mart, opened_elsewhere, query

MART = "marketplace.hiring_funnel_weekly"
READER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
for line in sys.stdin:
    print(connection.execute(line).fetchall(), flush=True)
"""
# Kills the process when it calls a function of the module.
KILLED = """
import os, signal
from hirehouse.querying import publishing
publishing.{} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
publishing.publish()
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the copy will be, for a project without a record of a build."""
    path = tmp_path / "published" / "hirehouse.duckdb"
    monkeypatch.setenv("HIREHOUSE_PUBLISHED", str(path))
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path))
    return path


@pytest.fixture
def published(path: Path, duckdb_environment: dict[str, str]) -> Path:  # noqa: ARG001
    """A copy of a DuckDB file with one mart."""
    make_mart()
    publish()
    return path


def publish(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, ["publish", *arguments])
    assert done.exit_code == code, done.output + repr(done.exception)
    return done


def execute(sql: str) -> None:
    with open_warehouse() as warehouse:
        warehouse.execute(sql)


class Reader:
    """A process that has the copy open."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", READER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, sql: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        print(sql, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        self.process.communicate()


def asked(path: Path, sql: str) -> str:
    """The answer of the copy to a new reader."""
    reader = Reader(path)
    answer = reader.ask(sql)
    reader.close()
    return answer


@pytest.mark.redshift
def test_the_public_marts_are_copied_as_tables(
    path: Path,
    environment: dict[str, str],  # noqa: ARG001
) -> None:
    make_mart()
    execute("create schema staging")
    execute("create view staging.stg_web__page_viewed as select 1 as a")
    execute(f"alter table {MART} add column hired_ratio numeric(9, 4)")
    execute(f"update {MART} set hired_ratio = 0.25")
    done = publish()
    assert done.stdout.startswith(f"published 1 marts, 2 rows, to {path} in ")
    assert "not built yet: core.candidates_as_known, " in done.stdout
    assert query(ROWS, "--published").stdout == CSV
    reader = Reader(path)
    tables = "select schema_name, table_name, comment like 'One row%' from duckdb_tables()"
    assert reader.ask(tables) == "[('marketplace', 'hiring_funnel_weekly', True)]"
    types = (
        "select column_name, data_type, comment is null from duckdb_columns()"
        " where schema_name = 'marketplace' and column_name <> 'fee'"
    )
    assert reader.ask(types) == str(
        [
            ("role", "VARCHAR", False),
            ("hired_count", "BIGINT", False),
            ("opened_on", "DATE", True),
            ("opened_at", "TIMESTAMP", True),
            ("is_open", "BOOLEAN", True),
            ("hired_ratio", "DECIMAL(9,4)", False),
        ]
    )
    reader.close()


def test_what_is_not_public_stays_out(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    execute("create table marketplace.personal as select 1 as a")
    known = Relations.marts

    def with_another(relations: Relations) -> list[Mart]:
        return [*known(relations), Mart("marketplace.personal", "", {}, public=False)]

    monkeypatch.setattr(Relations, "marts", with_another)
    publish()
    assert asked(published, "select table_name from duckdb_tables()") == (
        "[('hiring_funnel_weekly',)]"
    )


def test_a_reader_has_the_copy_open_while_it_is_replaced(published: Path) -> None:
    count = f"select count(*) from {MART}"
    reader = Reader(published)
    assert reader.ask(count) == "[(2,)]"
    execute(f"insert into {MART} (role) values ('data')")
    publish()
    assert reader.ask(f"select count(*), max(role) from {MART}") == "[(2, 'backend')]"
    assert asked(published, count) == "[(3,)]"
    assert published.stat().st_mode & 0o777 == 0o444
    reader.close()


@pytest.mark.parametrize("function", ["literal", "sync"])
def test_a_kill_leaves_the_old_copy_whole(published: Path, function: str) -> None:
    execute(f"insert into {MART} (role) values ('data')")
    killed = subprocess.run([sys.executable, "-c", KILLED.format(function)], check=False)
    assert killed.returncode == -9
    assert asked(published, f"select count(*) from {MART}") == "[(2,)]"
    publish()
    assert asked(published, f"select count(*) from {MART}") == "[(3,)]"
    assert [path.name for path in published.parent.iterdir()] == [published.name]


def recorded(tmp_path: Path, which: str, *statuses: str) -> None:
    """Write the record of a command of dbt."""
    results = [
        {"unique_id": f"test.hirehouse.check_{number}.1a2b", "status": status}
        for number, status in enumerate(statuses)
    ]
    record = {
        "metadata": {"generated_at": "2026-03-02T09:30:00Z"},
        "args": {"which": which},
        "results": results,
    }
    (tmp_path / "run_results.json").write_text(json.dumps(record))


def test_nothing_is_published_after_a_build_that_failed(published: Path, tmp_path: Path) -> None:
    assert "is unknown: there is no" in publish().stderr
    execute(f"insert into {MART} (role) values ('data')")
    for status in ("fail", "error", "runtime error"):
        recorded(tmp_path, "build", "pass", "success", status, "skipped")
        said = publish(code=1).stderr
        assert "`dbt build` of 2026-03-02 09:30 UTC failed in check_2 (see " in said
        assert "--force" in said
    recorded(tmp_path, "test", *["fail"] * 7)
    assert "check_4 and 2 more" in publish(code=1).stderr
    assert asked(published, f"select count(*) from {MART}") == "[(2,)]"
    assert publish("--force").stderr == ""
    assert asked(published, f"select count(*) from {MART}") == "[(3,)]"
    recorded(tmp_path, "build", "pass", "success", "warn", "skipped", "no-op")
    assert publish().stderr == ""
    recorded(tmp_path, "generate", "fail")
    assert "is of `dbt generate`" in publish().stderr


@pytest.mark.usefixtures("published")
def test_a_warehouse_without_marts_is_an_error() -> None:
    execute(f"drop table {MART}")
    assert "has no marts: run `dbt build` first" in publish(code=1).stderr
    assert query(ROWS, "--published").stdout == CSV


def test_the_copy_is_read_while_the_warehouse_is_held(
    published: Path, duckdb_environment: dict[str, str]
) -> None:
    with opened_elsewhere(Path(duckdb_environment["HIREHOUSE_DUCKDB"]), read_only=False):
        assert query(ROWS, "--published").stdout == CSV
        published.unlink()
        assert "does not exist" in query(ROWS, "--published", code=3).stderr


def test_publications_take_turns(published: Path) -> None:
    waiting = threading.Event()
    opened = os.open(published.parent, os.O_RDONLY)
    fcntl.flock(opened, fcntl.LOCK_EX)
    execute(f"insert into {MART} (role) values ('data')")
    other = threading.Thread(
        target=publishing.publish, kwargs={"say": lambda _: waiting.set()}, daemon=True
    )
    other.start()
    assert waiting.wait(60)
    assert asked(published, f"select count(*) from {MART}") == "[(2,)]"
    os.close(opened)
    other.join(60)
    assert asked(published, f"select count(*) from {MART}") == "[(3,)]"


class FakeLoop:
    """A loop whose tests give what they are told to."""

    target = None

    def __init__(self) -> None:
        self.pending: set[str] = set()
        self.failing: list[str] = []

    def failing_tests(self) -> list[str]:
        return self.failing


def test_a_loop_publishes_what_is_built_and_passes_its_tests(published: Path) -> None:
    loop: Any = FakeLoop()
    publisher = Publisher(loop)
    count = f"select count(*) from {MART}"
    execute(f"insert into {MART} (role) values ('data')")

    def built(models: int = 1) -> Publication | None:
        publisher.again_at = 0.0
        publisher.note(Round(1, models=models))
        return publisher.publish()

    assert built(models=0) is None
    loop.pending = {"model.hirehouse.fct_offers"}
    assert built() is None  # not up to date yet
    loop.pending, loop.failing = set(), ["unique_a", "unique_b"]
    with pytest.raises(NotPublished, match="these tests fail: unique_a, unique_b"):
        built()
    assert asked(published, count) == "[(2,)]"
    loop.failing = []
    assert publisher.publish() is None  # nothing new since
    made = built()
    assert made
    assert made.rows == 3
    publisher.note(Round(2, models=1))
    assert publisher.publish() is None  # not yet: it would take more than its share of the time
    assert publisher.again_at - time.monotonic() > made.seconds
