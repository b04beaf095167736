"""Backfill: odd files are read, and a mistake is named by its file, line, row and column."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.backfills import HEADER, MAPPING, OFFERS, ROWS, events, problem, run, written


def test_the_password_of_a_database_is_not_shown(tmp_path: Path) -> None:
    written(tmp_path)
    source = "postgresql://me:s3cret@127.0.0.1:1/db?password=s3cret#public.t"
    result = run("--mapping", tmp_path / "mapping.sql", source)
    assert result.exit_code == 1
    assert "127.0.0.1:1/db#public.t" in result.output
    assert "s3cret" not in result.output


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("from source", "form source", ":13: Parser Error: syntax error at or near"),
        ("candidacy as", "candidcy as", ':9: Binder Error: Referenced column "candidcy" not found'),
        ("from source", "from sources", ":13: Catalog Error: Table with name sources does not"),
        ("from source", "from source; select 1", ": must be one select"),
        (OFFERS, "create table x (y integer)", ": must be one select"),
        (OFFERS, "", ": must be one select"),
        ("'offer_extended' as event,", "", ": the select has no column event"),
        ("as occurred_at", "as received_at", ": the select has no column occurred_at"),
        (
            "'old-' || id as message_id,\n    source_row,",
            "",
            ": no message ids: pass on the column",
        ),
        ("base_salary", "base_salry", ": no event has a property base_salry; did you mean base_"),
        ("from source", "from source where error('x')", ": Invalid Input Error: x"),
    ],
)
def test_a_broken_mapping_says_where_and_what(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in OFFERS
    text = problem(tmp_path, written(tmp_path, mapping=OFFERS.replace(old, new)))
    assert f"{tmp_path}/mapping.sql{message}" in text


@pytest.mark.parametrize(
    ("row", "message"),
    [
        # A value that the mapping can't cast.
        ("4,soon,,c,,,", 'row 4: {}:6: Conversion Error: invalid timestamp field format: "soon"'),
        (
            "4,2024-03-01,,c,many,,",
            "row 4: {}:10: Conversion Error: Could not convert string 'many",
        ),
        # An event that breaks its contract.
        ("4,,,c,,,", "row 4: offer_extended: column occurred_at: time: expected a time with zone"),
        (",2024-03-01,,c,,,", "row 4: offer_extended: column message_id: message_id: expected a"),
        ("4,2024-03-01,,,,,", "row 4: offer_extended: column candidacy_id: required: expected a v"),
        ("4,2024-03-01,,c,-5,,", "row 4: offer_extended: column base_salary: minimum: expected 0"),
        ("4,2024-03-01,,c,,Yen,", 'row 4: offer_extended: column currency: enum: expected ["USD"'),
        # An id that two events have.
        ("3,2024-03-01,,c,,,", "message_id 'old-3' is that of 2 events offer_extended (rows 3, 4)"),
        # A row that is none.
        ("4,2024-03-01 09:00:00", ": line 5: 2 values for 7 columns: if the last ones are"),
    ],
)
def test_a_row_that_does_not_fit_stops_all(tmp_path: Path, row: str, message: str) -> None:
    source = written(tmp_path, "\n".join([HEADER, *ROWS, row, "5,2024-03-01,,c,,,"]))
    text = problem(tmp_path, source)
    assert text.startswith(f"{source}: ")
    assert message.format(tmp_path / "mapping.sql") in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "cast(salary as integer)",
            "salary",
            "; cast it in the mapping: cast(base_salary as integer) (2 events)",
        ),
        ("by_user as", "id::integer as", "row 1: offer_extended: column user_id: type: expected"),
        (
            "offer_extended'",
            "offer_extend'",
            'found "offer_extend"; did you mean offer_extended? (3 events)',
        ),
        ("offer_id", "invoice_id", "column invoice_id: additionalProperties: expected no such"),
        (
            "source_row,",
            "2 as schema_version,",
            "message_id 'old-1': offer_extended: column schema_version",
        ),
    ],
)
def test_a_column_that_does_not_fit_its_event_is_named(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in OFFERS
    text = problem(tmp_path, written(tmp_path, mapping=OFFERS.replace(old, new)))
    assert message in text


def test_all_problems_are_told_and_nothing_lands(
    warehouse: Warehouse, environment: dict[str, str], tmp_path: Path
) -> None:
    warehouse.close()
    log = tmp_path / "log.csv"
    row = "{},0,{},2024-01-01T00:00:00Z\n".format
    log.write_text(
        "case_id,event_index,activity,occurred_at\n"
        + row(1, "Application Rejected")
        + "".join(row(number, f"Step {number % 12}") for number in range(2, 50))
    )
    result = run("--mapping", MAPPING, log, "--target", environment["HIREHOUSE_TARGET"])
    assert result.exit_code == 1
    assert f"{log}: row 2: candidacy_stage_changed: column stage: enum: expected" in result.output
    assert 'found "step_2" (4 events)' in result.output
    assert "and 2 more" in result.output
    assert "nothing has been written" in result.output
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as opened:
        assert not opened.query(
            "select 1 from information_schema.schemata where schema_name='landed'"
        )


def test_a_file_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    assert "x.xls: neither a table nor a .csv" in problem(tmp_path, tmp_path / "x.xls")
    assert "x.csv: no such file" in problem(tmp_path, tmp_path / "x.csv")
    assert "table:a.b.c: name a table as schema.table" in problem(tmp_path, "table:a.b.c")


def test_the_name_of_a_file_is_no_pattern(tmp_path: Path) -> None:
    source = written(tmp_path)
    expected = events(tmp_path, source)
    for name in ("a*.csv", "a?.csv.gz", "[a]'.csv"):
        packed = name.endswith(".gz")
        text = source.read_bytes()
        (tmp_path / name).write_bytes(gzip.compress(text) if packed else text)
        assert events(tmp_path, tmp_path / name) == expected, name


def test_csv_of_another_kind(tmp_path: Path) -> None:
    source = written(tmp_path)
    text = f"{HEADER}\n1,2024-03-01 09:00:00,é,#c,,,\n".replace(",", ";")
    source.write_bytes(text.encode("latin-1"))
    [event] = events(tmp_path, source, "delim = ';', encoding = 'latin-1'")
    assert event["userId"] == "é"
    assert event["properties"]["candidacy_id"] == "#c"
