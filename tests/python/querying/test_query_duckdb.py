"""`hirehouse query` on a terminal, and on a DuckDB file that others have open."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from hirehouse.querying import reading
from support.queries import CSV, ROWS, TABLE, make_mart, opened_elsewhere, query


@pytest.fixture(autouse=True)
def file(duckdb_environment: dict[str, str]) -> Path:
    """A file with a mart."""
    make_mart()
    return Path(duckdb_environment["HIREHOUSE_DUCKDB"])


def on_a_terminal(arguments: list[str], rows: int) -> str:
    """What a command prints on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    os.set_inheritable(theirs, True)
    variables = {"PAGER": "sed 's/^/paged: /'", "COLUMNS": "80", "LINES": str(rows)}
    process = subprocess.Popen(
        [sys.executable, "-c", "from hirehouse.commands.main import main; main()", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | variables | {"TERM": "xterm", "NO_COLOR": "1"},
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65_536):
            said += part
    except OSError:  # the end of the terminal
        pass
    process.wait()
    os.close(ours)
    return said.decode().replace("\r\n", "\n")


def test_a_terminal_shows_a_table_and_pages_what_is_larger() -> None:
    assert on_a_terminal(["query", ROWS], rows=24) == TABLE
    paged = on_a_terminal(["query", ROWS], rows=5)
    assert [line.removeprefix("paged: ") for line in paged.splitlines()] == TABLE.splitlines()
    assert paged.startswith("paged: ")
    wide = on_a_terminal(["query", f"select '{'x' * 100}' as a"], rows=24)
    assert f"paged: {'x' * 100}\n" in wide
    refused = on_a_terminal(["query", "select 1", "--format", "parquet"], rows=24)
    assert "Parquet is not for a terminal" in refused


def test_hidden_characters_are_shown() -> None:
    said = query("select 'a' || chr(27) || '[31m' as a", "--format", "table").stdout
    assert "a\\x1b[31m" in said


def test_no_other_file_is_read_or_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "READING", (*reading.READING, "copy", "attach"))
    leaked, known = tmp_path / "leaked", tmp_path / "known.csv"
    known.write_text("a\n1\n")
    for statement in (
        f"copy (select 1) to '{leaked}'",
        f"explain analyze copy (select 1) to '{leaked}'",
        f"attach '{leaked}' as leaked (read_write)",
        f"from read_csv('{known}')",
    ):
        assert "disabled by configuration" in query(statement, code=1).stderr
    assert not leaked.exists()


def test_a_python_variable_is_no_table() -> None:
    assert "does not exist" in query("select * from settings", code=1).stderr


def test_it_waits_for_a_writer_and_names_it(file: Path) -> None:
    with opened_elsewhere(file, read_only=False) as writer:
        threading.Timer(0.5, writer.kill).start()
        done = query(ROWS)
    assert done.stdout == CSV
    assert f"which process {writer.pid} has open" in done.stderr


def test_readers_do_not_wait_for_each_other(file: Path) -> None:
    with opened_elsewhere(file, read_only=True):
        assert query(ROWS).stderr == ""


def test_a_file_that_is_not_there_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIREHOUSE_DUCKDB", str(tmp_path / "nowhere.duckdb"))
    assert "does not exist" in query("select 1", code=3).stderr
    assert not (tmp_path / "nowhere.duckdb").exists()


def test_division_is_that_of_the_models() -> None:
    assert query("select 7 / 2 as a").stdout == "a\n3\n"
    assert duckdb.execute("select 7 / 2").fetchall() == [(3.5,)]
