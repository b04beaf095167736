"""What `scripts/dev` prints: rows, seconds and tests of a build; file and line of an error."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from hirehouse.contracts.model import ROOT

TESTS = ("test", "unit_test")
BUILT = ("model", "seed", "snapshot")
SHOWN = 5  # rows of a failed test
SOURCES = r"((?:\w+/)*[\w.]+\.(?:sql|yml|csv))"

Query = Callable[[str], duckdb.DuckDBPyRelation]


def line_of(message: str, source: str) -> int | None:
    """The line of a file that an error message speaks of, as far as the message tells.

    Args:
        message: of dbt or DuckDB.
        source: the file's text.
    """
    lines = source.splitlines()
    if told := re.search(r"^\s*LINE \d+: (.*)$", message, re.M):
        # DuckDB counts the lines of what was compiled, and shortens a long one.
        part = told[1].strip().strip(".")
        return next((n for n, line in enumerate(lines, 1) if part and part in line), None)
    if told := re.search(r"\bline (\d+)\b", message):
        return int(told[1])
    for word in re.findall(r"'([\w.]+)'", message):
        whole = re.compile(rf"\b{re.escape(word)}\b")
        for number, line in enumerate(lines, 1):
            if whole.search(line):
                return number
    return None


def place(message: str, source: str = "") -> str:
    """Where an error is: `file:line`.

    Args:
        message: of dbt; it names the file, unless `source` does.
        source: path of the file from the project's folder.
    """
    for name in [source] if source else re.findall(SOURCES, message):
        # dbt leaves the folder out where it can't read a YAML file.
        for path in (Path(name), Path("models") / name):
            if (ROOT / path).is_file():
                line = line_of(message, (ROOT / path).read_text(encoding="utf-8"))
                return f"{path}:{line}" if line else str(path)
    return source


def indented(text: str) -> str:
    """Text under a line of the result, without dbt's trace of macros; plain if not for a person."""
    if not sys.stdout.isatty():
        text = re.sub(r"\x1b\[[\d;]*m", "", text)
    lines = [line for line in text.rstrip().splitlines() if not re.match(r"\s*> ", line)]
    return "\n".join(f"          {line}" for line in lines if line.strip())


def show_error(message: str, name: str = "", source: str = "") -> None:
    """Print an error with its place."""
    print("  ERROR   " + " ".join(part for part in (name, place(message, source)) if part))
    print(indented(message))


def show_failure(result: Any, query: Query) -> None:
    """Print what is wrong with a node; of a test, the first rows that it found."""
    node, message = result.node, str(result.message or "")
    if str(result.status) == "error" or node.resource_type not in TESTS:
        show_error(message, node.name, node.original_file_path)
    elif node.resource_type == "unit_test":
        print(f"  FAIL    {node.name} ({node.original_file_path})\n{indented(message)}")
    else:
        print(f"  FAIL    {node.name}: {result.failures:,} rows, found by")
        print(f"          {os.path.relpath(node.compiled_path, ROOT)}")
        try:
            print(indented(str(query(f"select * from ({node.compiled_code}\n) limit {SHOWN}"))))
        except duckdb.Error as error:
            print(indented(str(error)))


def show(results: list[Any], query: Query) -> bool:
    """Print what came of a build.

    Args:
        results: dbt's results, one per node.
        query: asks the warehouse that was built.

    Returns:
        Whether all went well.
    """
    models = [r for r in results if r.node.resource_type in BUILT]
    tests = [r for r in results if r.node.resource_type in TESTS]
    width = max((len(r.node.name) for r in models), default=0)
    for result in models:
        if result.status != "success":
            continue
        [rows] = query(f"select count(*) from {result.node.relation_name}").fetchone() or (0,)
        own = [t for t in tests if tests_what(t.node) == result.node.unique_id]
        passed = sum(t.status == "pass" for t in own)
        print(
            f"  ok      {result.node.name:{width}}  {rows:>9,} rows  "
            f"{result.execution_time:5.2f} s  {passed} of {len(own)} tests pass"
        )
    bad = [r for r in results if r.status not in ("success", "pass", "skipped", "no-op")]
    for result in bad:
        show_failure(result, query)
    if skipped := [r.node.name for r in models if r.status == "skipped"]:
        print(f"  skipped {', '.join(skipped)}")
    return not bad


def tests_what(test: Any) -> str:
    """Unique id of the model that a test is about; of several, the first."""
    about = getattr(test, "attached_node", None) or getattr(test, "tested_node_unique_id", None)
    return str(about or next(iter(test.depends_on_nodes), ""))
