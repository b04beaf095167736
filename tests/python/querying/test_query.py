"""`hirehouse query`: formats, types, errors, and that it can't write, on each engine."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hirehouse.querying import reading
from support.queries import CSV, MARKDOWN, ROWS, TABLE, make_mart, query

pytestmark = pytest.mark.redshift

# Statements that write, and ways around a transaction that can't.
WRITES = [
    "with gone as (delete from marketplace.hiring_funnel_weekly returning *) select * from gone",
    "insert into marketplace.hiring_funnel_weekly (role) values ('x')",
    "delete from marketplace.hiring_funnel_weekly",
    "drop table marketplace.hiring_funnel_weekly",
    "create table marketplace.leaked as select 1 as a",
    "commit",
    "set transaction read write",
    "/* select */ truncate marketplace.hiring_funnel_weekly",
    "select 1; delete from marketplace.hiring_funnel_weekly",
    "explain analyze delete from marketplace.hiring_funnel_weekly",
]


# Which of them do nothing in a transaction that ends with the query.
HARMLESS: dict[str, list[str]] = {"duckdb": [], "postgres": ["commit"], "redshift": ["commit"]}


@pytest.fixture(autouse=True)
def a_mart(environment: dict[str, str]) -> None:  # noqa: ARG001
    make_mart()


def test_rows_come_in_each_format(tmp_path: Path) -> None:
    assert query(ROWS).stdout == CSV
    assert query(ROWS, "--format", "table").stdout == TABLE
    assert query(ROWS, "--format", "markdown").stdout == MARKDOWN
    first, second = json.loads(query(ROWS, "--format", "json").stdout, parse_float=Decimal)
    assert first["fee"] == Decimal("1.5")
    assert (second["role"], second["fee"], second["opened_at"]) == ("", None, None)
    path = tmp_path / "rows.parquet"
    assert query(ROWS, "--out", str(path)).stdout == ""
    table = pq.read_table(path)
    kinds = [str(kind) for kind in table.schema.types]
    assert kinds[:2] == ["string", "int64"]
    assert kinds[2].startswith("decimal128(")
    assert kinds[2].endswith(", 4)")
    assert kinds[3:] == ["date32[day]", "timestamp[us]", "bool"]
    assert table.column("fee").to_pylist() == [Decimal("1.5000"), None]


def test_the_ending_of_a_file_names_the_format(tmp_path: Path) -> None:
    for name, text in (("a.csv", CSV), ("a.md", MARKDOWN), ("a.txt", TABLE)):
        query(ROWS, "--out", str(tmp_path / name))
        assert (tmp_path / name).read_text() == text
    assert "--format" in query(ROWS, "--out", str(tmp_path / "rows"), code=2).output
    assert "no such folder" in query(ROWS, "--out", str(tmp_path / "a" / "b.csv"), code=2).output
    made = {path.name for path in tmp_path.iterdir()}
    assert made - {"warehouse.duckdb"} == {"a.csv", "a.md", "a.txt"}


def test_a_statement_comes_from_a_file_or_stdin(tmp_path: Path) -> None:
    path = tmp_path / "rows.sql"
    path.write_text(f"-- What came?\n{ROWS};\n")
    assert query("--file", str(path)).stdout == CSV
    assert query(stdin=ROWS).stdout == CSV
    assert query(ROWS, "--file", str(path), code=2)
    assert "nowhere.sql" in query("--file", "nowhere.sql", code=2).output


def test_a_limit_is_told_and_names_may_repeat() -> None:
    said = query(ROWS, "--limit", "1", "--format", "table").stdout
    assert said.splitlines()[2:] == [TABLE.splitlines()[2], "the first 1 row; --limit shows more"]
    assert query(ROWS, "--limit", "2", "--format", "table").stdout == TABLE
    assert query(ROWS, "--limit", "0").stdout == CSV.splitlines()[0] + "\n"
    assert query("select 1 as a, 2 as a").stdout == "a,a_1\n1,2\n"


def test_nothing_can_be_written() -> None:
    for statement in WRITES:
        assert query(statement, code=1).stderr.startswith("error: "), statement
    assert query(ROWS).stdout == CSV


def test_the_engine_itself_refuses_writes(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what does not begin with a word that writes, such as a function or a CTE."""
    first_words = {statement.split()[0] for statement in WRITES}
    monkeypatch.setattr(reading, "READING", (*reading.READING, *first_words, "truncate"))
    for statement in WRITES:
        if statement not in HARMLESS[environment["HIREHOUSE_TARGET"]]:
            assert query(statement, code=1).stderr.startswith("error: "), statement
        assert query(ROWS).stdout == CSV, statement


def test_errors_are_short_and_have_codes() -> None:
    said = query("select nothing from marketplace.hiring_funnel_weekly", code=1).stderr
    assert "nothing" in said
    assert "Traceback" not in said
    assert len(said.splitlines()) < 8
    said = query("select * from {{ ref('hiring_funel_weekly') }}", code=1).stderr
    assert said.endswith("did you mean 'hiring_funnel_weekly'?\n")
    assert "begins with 'selec'" in query("selec 1", code=1).stderr
    assert "no statement" in query(stdin="-- nothing", code=1).stderr
    query("select 1", "--target", "nowhere", code=3)
