"""A mart with two rows, and queries of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typer.testing import CliRunner, Result

from hirehouse.commands.main import app
from hirehouse.warehouse.connections import open_warehouse

ROWS = """
    select
        role, hired_count, fee, opened_on, opened_at, is_open
    from {{ ref('hiring_funnel_weekly') }}
    order by hired_count
"""
CSV = """\
role,hired_count,fee,opened_on,opened_at,is_open
backend,1,1.5000,2026-03-02,2026-03-02 09:30:00,true
"",2,,,,
"""
TABLE = """\
role      hired_count      fee   opened_on    opened_at             is_open
───────────────────────────────────────────────────────────────────────────
backend             1   1.5000   2026-03-02   2026-03-02 09:30:00   true
                    2     null   null         null                  null
2 rows
"""
MARKDOWN = """\
| role | hired_count | fee | opened_on | opened_at | is_open |
|---|--:|--:|---|---|---|
| backend | 1 | 1.5000 | 2026-03-02 | 2026-03-02 09:30:00 | true |
|  | 2 | null | null | null | null |
"""


def make_mart() -> None:
    """Make the mart in the warehouse of this process's variables."""
    with open_warehouse() as warehouse:
        warehouse.execute("create schema marketplace")
        warehouse.execute(
            "create table marketplace.hiring_funnel_weekly (role varchar(40), hired_count bigint,"
            " fee numeric(9, 4), opened_on date, opened_at timestamp, is_open boolean)"
        )
        warehouse.execute(
            "insert into marketplace.hiring_funnel_weekly values"
            " ('backend', 1, 1.5, date '2026-03-02', timestamp '2026-03-02 09:30:00', true),"
            " ('', 2, null, null, null, null)"
        )


def query(*arguments: str, code: int = 0, stdin: str | None = None) -> Result:
    """Run a query; AssertionError with its output if the exit code is another."""
    done = CliRunner().invoke(app, ["query", *arguments], input=stdin)
    assert done.exit_code == code, done.output + repr(done.exception)
    return done


@contextmanager
def opened_elsewhere(file: Path, *, read_only: bool) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the file open until it is told to end."""
    code = "import duckdb; c = duckdb.connect(%r, %r); print(1, flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", code % (str(file), read_only)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout
    other.stdout.readline()
    yield other
    other.communicate(b"\n")
