"""Backfill: text files as spreadsheets and old systems write them are read, or told of by line."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from hirehouse.backfilling import text_files
from hirehouse.backfilling.errors import BackfillError
from hirehouse.backfilling.source import open_source
from support.backfills import HEADER, OFFERS, OURS, problem, run, written

TEXT = "id,name\n1,“é”\n2,\n"
ROWS = [("1", "“é”"), ("2", None)]
BOUGHT = [{"id": 1, "name": "“é”"}, {"id": 2, "name": None}]


def loaded(
    path: Path, csv: str = "", encoding: str = ""
) -> tuple[list[str], list[tuple[str | None, ...]]]:
    """The columns and rows of a file."""
    with open_source(str(path), csv, encoding=encoding) as source:
        rows = source.connection.execute("from source_rows").fetchall()
        return source.connection.table("source_rows").columns, rows


def wrong(path: Path, csv: str = "", encoding: str = "") -> str:
    """What is said of a file that can't be read, without its name."""
    with pytest.raises(BackfillError) as caught:
        loaded(path, csv, encoding)
    assert not OURS.search(str(caught.value))
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "utf-16-le"]
)
def test_files_of_any_encoding_are_read(tmp_path: Path, encoding: str) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in BOUGHT)
    several = json.dumps(BOUGHT, ensure_ascii=False, indent=2)
    stated = encoding if encoding in ("cp1252", "utf-16-le") else ""
    for name, text in (
        ("a.csv", TEXT),
        ("a.ndjson", lines),
        ("a.json", several),
        ("b.json", lines),
    ):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        assert loaded(path, encoding=stated) == (["id", "name"], ROWS), name
        # Whether it is compressed is told by its content.
        for packed in (path, tmp_path / f"{name}.gz"):
            packed.write_bytes(gzip.compress(text.encode(encoding), mtime=0))
            assert loaded(packed, encoding=stated) == (["id", "name"], ROWS), packed
    assert loaded(tmp_path / "a.csv", f"encoding = '{stated}'") == (["id", "name"], ROWS)


def test_a_file_of_another_encoding_is_told_of_by_line_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(("id,name\n" + "1,a\n" * 50_000 + "2,“q”\n").encode("cp1252"))
    text = wrong(tmp_path / "a.csv")
    assert text.startswith("line 50002 is not UTF-8: state the encoding of the file, such as ")
    [cure] = re.findall("--encoding (.*)", text)
    assert loaded(tmp_path / "a.csv", encoding=cure)[1][-1] == ("2", "“q”")
    (tmp_path / "a.json").write_bytes(b'{"a": 1}\n{"a": "\xe9"}\n')
    assert wrong(tmp_path / "a.json").startswith("line 2 is not UTF-8")
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}\n{"a": "\xe9"}\n')
    assert wrong(tmp_path / "a.json", encoding="latin-1") == "line 2 is not UTF-8"
    (tmp_path / "a.csv").write_bytes(b"a\n\x81\n")
    assert wrong(tmp_path / "a.csv", encoding="windows-1252") == "line 2 is not WINDOWS-1252"
    (tmp_path / "a.csv").write_bytes("id,name\n1,a\n".encode("utf-16-le"))
    assert "line 1: there is a NUL character: if the file is UTF-16" in wrong(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfea\x00\n\x00\x00\xd8")
    (tmp_path / "a.json").write_bytes('{"a": 1}\n'.encode("utf-16-le"))
    assert "line 1: there is a NUL character: if" in wrong(tmp_path / "a.json")
    assert "or a later one is not UTF-16" in wrong(tmp_path / "a.csv")
    assert "--encoding: klingon is unknown" in wrong(written(tmp_path), encoding="klingon")


@pytest.mark.parametrize(
    ("text", "columns", "rows"),
    [
        # Columns without a name at the end, whose commas not all lines have.
        ("id,name,,\n1,a,,\n2,b\n", ["id", "name", "column2", "column3"], [("1", "a"), ("2", "b")]),
        ("id,name\n1,a,\n2,b\n", ["id", "name"], [("1", "a"), ("2", "b")]),
        # Names that SQL takes for one.
        ("ID,id,Id\n1,2,3\n", ["ID", "id_1", "Id_2"], [("1", "2", "3")]),
        ("a,a,a_1,source_row\n1,2,3,4\n", ["a", "a_1", "a_1_1", "source_row_1"], [tuple("1234")]),
        # Line ends of any kind, also within a file and in a value.
        ("a,b\r\n1,2\n3,4\r5,6\r\n", ["a", "b"], [("1", "2"), ("3", "4"), ("5", "6")]),
        ('a,b\n1,"2\r\n3"\r\n\n4,5', ["a", "b"], [("1", "2\r\n3"), ("4", "5")]),
        ('a\n""\n\n1\n', ["a"], [(None,), (None,), ("1",)]),
        ("a,b\n", ["a", "b"], []),
        ('a,b\n1,"say ""x"", y"\n2,x"y\n', ["a", "b"], [("1", 'say "x", y'), ("2", 'x"y')]),
        ('a,b\n1,"' + "x" * 200_000 + '"\n', ["a", "b"], [("1", "x" * 200_000)]),
    ],
)
def test_csv_files_as_they_are(
    tmp_path: Path, text: str, columns: list[str], rows: list[tuple[str, ...]]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, newline="")
    empty = (None,) * len(columns)
    assert loaded(path) == (columns, [(*row, *empty)[: len(columns)] for row in rows])


@pytest.mark.parametrize(
    ("csv", "text", "rows"),
    [
        ("delim = ';', quote = ''''", "a;b\n'1;''2';3", [("1;'2", "3")]),
        (r"sep='\t',skip=1", "made by x\na\tb\n1\t2", [("1", "2")]),
        (
            r"quote = '', escape = '\', null_padding = true",
            'a,b\n1\\,2,"\n3',
            [("1,2", '"'), ("3", None)],
        ),
        ("header = false", "1,2\n3,4\n", [("1", "2"), ("3", "4")]),
    ],
)
def test_options_of_a_csv_file(tmp_path: Path, csv: str, text: str, rows: list[object]) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert loaded(tmp_path / "a.csv", csv)[1] == rows


@pytest.mark.parametrize(
    ("csv", "message"),
    [
        ("delim = ';;'", '--csv: "delimiter" must be a 1-character string'),
        *(
            (csv, f"--csv: {csv}: write such as delim = ';', skip = 2, header = false; there are")
            for csv in ("delm = ';'", "delim = ';", "skip = 'x'", "header = 1", "delim = 1", "x")
        ),
    ],
)
def test_a_wrong_option_is_told_of(tmp_path: Path, csv: str, message: str) -> None:
    assert message in wrong(written(tmp_path), csv)
    (tmp_path / "a.parquet").write_bytes(b"")
    assert "--csv and --encoding are for text files" in wrong(
        tmp_path / "a.parquet", csv="skip = 1"
    )


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"", "it is empty"),
        (
            "a.csv",
            b"a,b\n1,2\n1\n",
            "line 3: 1 values for 2 columns: if the last ones are empty, state --csv",
        ),
        (
            "a.csv",
            b'a,b\n"1\n",2\n1,2,3\n',
            "line 4: 3 values for 2 columns: a value that contains",
        ),
        ("a.csv", b'a,b\n1,2\n3,"4\n5,6\n', "line 3: a quoted value does not end"),
        ("a.csv", b'a,b\n1,"2"3\n', "line 2: a quoted value is followed by more than a delimiter"),
        (
            "a.csv",
            b'a,b\n1,"' + b"x" * 4_000_001,
            "line 2: a value has more than 4,000,000 characters",
        ),
        (
            "a.csv",
            b",".join(b"%d" % n for n in range(2_001)),
            "line 1: more than 2,000 names of columns",
        ),
        (
            "a.csv",
            b"PK\x03\x04...",
            "it is a zip file, as spreadsheets save themselves: export it as CSV",
        ),
        ("a.csv", b"\x28\xb5\x2f\xfd", "it is compressed with zstd: decompress it first"),
        (
            "a.csv.gz",
            gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9],
            "its gzip data is damaged or cut off",
        ),
        ("a.ndjson", b'{"a": 1}\n\n{"a":\n', "line 3: not JSON: "),
        ("a.ndjson", b'{"a": 1}\n7\n', "line 2: expected an object, found number"),
        ("a.ndjson", b'{"a": 1}\n[1]\n', "line 2: expected an object, found list of 1"),
        (
            "a.ndjson",
            b'{"a": 1}\n{}\n',
            "line 2: expected an object, found an object without members",
        ),
        ("a.ndjson", b'{"a": 1, "a": 2}\n', "line 1: duplicate keys /a"),
        ("a.ndjson", b'{"a": "\\ud83d"}\n', "line 1: half of a surrogate pair"),
        ("a.ndjson", b'{"a\\u0000": 1}\n', "line 1: there is a NUL character"),
        ("a.json", b'[{"a": 1},\n 7]', "row 2: expected an object, found number"),
        ("a.json", b'\n[{"a": 1},\n {"a" 7}]', "the list that begins in line 2: not JSON: "),
        ("a.json", b"[]", "it is empty"),
        ("a.parquet", b"a,b\n1,2\n", "Parquet file"),
    ],
)
def test_a_broken_file_says_where_and_what_to_do(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    assert message in wrong(tmp_path / name)


def test_values_of_json_keep_all_that_they_say(tmp_path: Path) -> None:
    values = ["1e400", "123456789012345678901234567890.10", "-0.0", "NaN", "true", "null", '"x"']
    values += ['{"b": [1.10, "é"]}', "[]", '"null"', '""']
    (tmp_path / "a.json").write_text(
        "\n".join(f'{{"a": {value}, "n{number}": 1}}' for number, value in enumerate(values))
    )
    columns, rows = loaded(tmp_path / "a.json")
    assert columns == ["a", *(f"n{number}" for number in range(len(values)))]
    expected = ["1E+400", "123456789012345678901234567890.10", "-0.0", "NaN", "true", None, "x"]
    expected += ['{"b":[1.1,"é"]}', "[]", "null", ""]
    assert [row[0] for row in rows] == expected
    assert [row.index("1") for row in rows] == list(range(1, len(values) + 1))


def test_rows_of_several_batches_stay_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "ROWS", 3)
    lines = [json.dumps({"n": n} | ({"late": "x" * n} if n > 6 else {})) for n in range(10)]
    (tmp_path / "a.ndjson").write_text("\n".join(lines))
    expected = [(str(n), "x" * n if n > 6 else None) for n in range(10)]
    assert loaded(tmp_path / "a.ndjson") == (["n", "late"], expected)
    monkeypatch.setattr(text_files, "CHARACTERS", 10)
    assert loaded(tmp_path / "a.ndjson") == (["n", "late"], expected)


def test_a_column_of_another_name_is_told_of(tmp_path: Path) -> None:
    written(tmp_path)
    for name, text in (("a.csv", "Id,ID,source_row\n1,2,3\n"), ("a.csv", "a;b\n1;2\n")):
        (tmp_path / name).write_text(text)
        result = run("--mapping", tmp_path / "mapping.sql", tmp_path / name)
        assert result.exit_code == 1
        if ";" in text:
            assert """there is one column: does it need --csv "delim = ';'"?""" in result.stderr
        else:
            assert "a.csv: column ID is ID_1 in the mapping, since SQL takes" in result.stderr
            assert "a.csv: column source_row is source_row_1 in the mapping" in result.stderr


@pytest.mark.parametrize("day", ["-001-11-30", "+026-03-02", "0000-00-00", "99999-01-01"])
def test_a_date_that_is_none_is_told_of_by_row_and_column(tmp_path: Path, day: str) -> None:
    mapping = OFFERS.replace("cast(until as date)", "until")
    source = written(tmp_path, f"{HEADER}\n1,2024-03-01,,c,,,\n2,2024-03-01,,c,,,{day}\n", mapping)
    text = problem(tmp_path, source)
    assert f"{source}: row 2: offer_extended: column expires_on: " in text
    assert f'found "{day}"' in text
    (tmp_path / "mapping.sql").write_text(OFFERS)
    text = problem(tmp_path, source)
    assert text.startswith(f"{source}: row 2: ")
    assert "mapping.sql:12: Conversion Error: " in text or "column expires_on" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "source_row,",
            "'a' as source_row,",
            "source_row must be a number of a row of source, is VAR",
        ),
        (
            "source_row,",
            "1.5 as source_row,",
            "source_row must be a number of a row of source, is DEC",
        ),
        ("from source", "from 'x.xlsx'", "this needs DuckDB's extension excel, which is not here"),
        ("by_user as", "st_point(1, 2) as", "this needs DuckDB's extension spatial, which is not"),
        ("by_user as", "(select id from source) as", "can only return a single row."),
        (
            "cast(salary as integer)",
            "'inf'::double",
            "column base_salary: type: expected integer or n",
        ),
        (
            "by_user as",
            "repeat('x', 40000) as",
            "row 1: offer_extended: size: expected at most 32,768",
        ),
        ("'offer_extended'", "null", "row 1: no event: column event: event: expected the name"),
    ],
)
def test_a_mistake_of_a_mapping_is_told_in_words_that_help(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in OFFERS
    text = problem(tmp_path, written(tmp_path, mapping=OFFERS.replace(old, new)))
    assert message in text
    assert not OURS.search(text)


def test_no_cast_is_advised_where_the_type_is_right(tmp_path: Path) -> None:
    for value, advised in (
        ("date '0001-01-01 (BC)'", False),
        ("'31.12.2024'", True),
        ("timestamp '2024-01-01'", True),
    ):
        mapping = OFFERS.replace("cast(until as date)", value)
        text = problem(tmp_path, written(tmp_path, mapping=mapping))
        assert "column expires_on: format: expected date" in text
        assert ("cast(expires_on as date), or try_cast" in text) == advised
    for value in ("timestamp '1999-01-01'", "timestamp 'infinity'", "null"):
        mapping = OFFERS.replace("timezone('Europe/Berlin', cast(made_at as timestamp))", value)
        text = problem(tmp_path, written(tmp_path, mapping=mapping))
        assert "column occurred_at: time: " in text
        assert "; cast it" not in text
