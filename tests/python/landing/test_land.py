"""Landing: every input lands completely, exactly, and once."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from conftest import ENGINES
from hirehouse.commands.main import app
from hirehouse.landing import decompress, inputs
from hirehouse.landing.decompress import InputError
from hirehouse.landing.failed_events import read_failed
from hirehouse.landing.inputs import Limits
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from hirehouse.warehouse.landed_schema import raw_tables
from simulator import simulate
from support.events import TIME, event, garbage, line, write
from support.marts import Enter
from support.scene import raw_hashes

pytestmark = pytest.mark.redshift

COMMITTED = "batch_id in (select batch_id from landed.batches where committed_at is not null)"


def values(warehouse: Warehouse, column: str, table: str = "interview_requested") -> list[Any]:
    """The values of a column in committed batches, in the order of landing."""
    sql = f"select {column} from landed.{table} where {COMMITTED} order by batch_id, batch_row"
    return [row[0] for row in warehouse.query(sql)]


def failures(warehouse: Warehouse) -> list[tuple[str, str, str]]:
    """(id, rule, reasons) of all failed events, in the order of their lines."""
    sql = f"select failure_id, rule, reasons from landed.failed_events where {COMMITTED}"
    return [(a, b, c) for a, b, c in warehouse.query(f"{sql} order by batch_id, batch_row")]


def test_an_event_lands_with_its_envelope(warehouse: Warehouse, tmp_path: Path) -> None:
    document = event(5)
    document["timestamp"] = "2026-03-02T10:30:00.123456789+01:00"
    document["anonymousId"] = "anon"
    document["context"] |= {
        "sessionId": "ses",
        "page": {"url": "https://a.example/?q=1", "referrer": ""},
        "campaign": {"source": "s", "medium": "m", "name": "n"},
        "userAgent": "agent",
        "app": {"version": "7"},
    }
    before = datetime.fromisoformat("2026-03-02T09:30:00.123456")
    result = land([write(tmp_path / "a.ndjson", [line(document)])], warehouse)
    assert (result.events, result.failed) == (1, 0)
    names = [c.name for c in raw_tables()["interview_requested"]]
    [row] = warehouse.query(f"select {', '.join(names)} from landed.interview_requested")
    landed = dict(zip(names, row, strict=True))
    assert landed.pop("occurred_at") == before
    assert {k: v for k, v in landed.items() if v is not None} == {
        "event_id": "m-0000005",
        "sent_at": datetime.fromisoformat("2026-03-02T09:30:00.123"),
        "received_at": datetime.fromisoformat("2026-03-02T09:30:01"),
        "batch_id": 1,
        "batch_row": 1,
        "user_id": "emp-5",
        "anonymous_id": "anon",
        "session_id": "ses",
        "context_page_url": "https://a.example/?q=1",
        "context_page_referrer": "",
        "context_utm_source": "s",
        "context_utm_medium": "m",
        "context_utm_campaign": "n",
        "context_user_agent": "agent",
        "context_library_name": "analytics-python",
        "context_library_version": "2.2.0",
        "context_app_version": "7",
        "candidacy_id": "cdy-5",
        "candidate_id": "cand-5",
        "employer_id": "emp-5",
        "position_id": "pos-5",
        "base_salary": 100_005,
        "currency": "USD",
    }


def test_all_tables_exist_after_the_first_landing(warehouse: Warehouse, tmp_path: Path) -> None:
    land([write(tmp_path / "a.ndjson", [line(event())])], warehouse)
    there = warehouse.query(
        "select table_name, count(*) from information_schema.columns where table_schema = 'landed'"
        " group by table_name"
    )
    wanted = {name: len(columns) for name, columns in raw_tables().items()}
    own = {"landing_lock": 1} if warehouse.engine == "redshift" else {}
    assert dict(there) == wanted | own
    assert len(wanted) == 38


TEXTS = [
    "",
    "\\N",
    "\\.",
    "null",
    "'\"`",
    "a,b;c\td",
    "CRLF\r\nand LF\n",
    "\b\f\x01\x1f\x7f",
    "\\u0041 \\ / \\\\",
    "🦆 👩\u200d👩\u200d👧 e\u0301 \u2028\ufeff\uffff",
    " leading and trailing ",
    "{}[]<>&%$;--",
]


def test_every_text_is_preserved(warehouse: Warehouse, tmp_path: Path) -> None:
    events = [event(i) | {"context": {"page": {"url": text}}} for i, text in enumerate(TEXTS)]
    compact = [line(one) for one in events]
    # The same with every character escaped, as some producers write JSON.
    escaped = [json.dumps(one).encode().replace(b"/", b"\\/") for one in events]
    result = land([write(tmp_path / "a.ndjson", compact + escaped)], warehouse)
    assert result.failed == 0
    assert values(warehouse, "context_page_url") == TEXTS * 2


def test_engines_have_the_same_rows(tmp_path: Path, enter: Enter) -> None:
    simulate(tmp_path / "in", seed=2, days=20, candidates=10, unknown_share=0.1)
    texts = [event(n, decline_reason=text) for n, text in enumerate(["", "\\N", "ä\t'\"", "null"])]
    write(tmp_path / "in" / "odd.ndjson", [*map(line, texts), *garbage()])
    hashes = []
    for engine in ENGINES:
        enter(engine)
        with open_warehouse() as warehouse:
            landed = land([tmp_path / "in"], warehouse)
            assert landed.events + landed.failed == landed.lines
            assert landed.rows["failed_events"] == landed.failed > 900
            hashes.append(raw_hashes(warehouse, {"batch_id": "t.batch_id"}))
    assert hashes[0] == hashes[1]


def test_numbers_dates_lists_and_nulls_land_exactly(warehouse: Warehouse, tmp_path: Path) -> None:
    invoice = event() | {"event": "placement_invoiced"}
    texts = ["0.1", "1249.51", "100", "1.0", "1e3", "9999999999.99", "70.10", "0.30"]
    lines = []
    for amount in texts:
        invoice["properties"] = {
            "invoice_id": "i",
            "candidacy_id": "c",
            "employer_id": "e",
            "amount": "AMOUNT",
            "currency": "EUR",
            "due_on": "2031-02-28",
        }
        lines.append(line(invoice).replace(b'"AMOUNT"', amount.encode()))
    profile = event() | {"event": "Candidate Profile Submitted"}
    profile["properties"] = {
        "candidate_id": "c",
        "role": "other",
        "years_experience": 3.0,
        "location": "London",
        "remote_preference": "remote",
        "skills": ["é", 'a"b', "🦆"],
    }
    lines.append(line(profile))
    result = land([write(tmp_path / "a.ndjson", lines)], warehouse)
    assert failures(warehouse) == []
    assert result.events == len(lines)
    assert values(warehouse, "amount", "placement_invoiced") == [Decimal(t) for t in texts]
    assert str(values(warehouse, "due_on", "placement_invoiced")[0]) == "2031-02-28"
    [row] = warehouse.query(
        "select years_experience, skills, currency from landed.candidate_profile_submitted"
    )
    assert row == (3, '["é","a\\"b","🦆"]', None)


def test_landing_twice_does_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.ndjson", [line(event(i)) for i in range(20)] + [b"no"])
    land([file], warehouse)
    (tmp_path / "b").mkdir()
    copy = file.rename(tmp_path / "b" / "renamed.jsonl")
    again = land([copy, tmp_path / "b"], warehouse)
    assert (again.events, again.failed, again.already) == (0, 0, [str(copy)])
    assert len(values(warehouse, "event_id")) == 20
    assert warehouse.query("select count(*) from landed.batches") == [(1,)]


def test_an_appended_file_duplicates_no_failure(warehouse: Warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.ndjson", [b"no", line(event())])
    land([file], warehouse)
    land([write(file, [b"no", line(event()), b"nor this"])], warehouse)
    assert [read_failed(warehouse, key) for key, _, _ in failures(warehouse)] == [
        b"no",
        b"nor this",
    ]


def test_garbage_lands_as_failures_byte_for_byte(warehouse: Warehouse, tmp_path: Path) -> None:
    wrong = garbage()
    lines = []
    for number, text in enumerate(wrong):
        lines += [line(event(10_000 + number)), text]
    result = land([write(tmp_path / "a.ndjson", lines)], warehouse)
    assert (result.events, result.failed) == (len(wrong), len(wrong)) == (1_000, 1_000)
    assert values(warehouse, "event_id") == [f"m-{10_000 + n:07d}" for n in range(len(wrong))]
    assert [read_failed(warehouse, key) for key, _, _ in failures(warehouse)] == wrong
    assert set(result.failed_by_rule) >= {"json", "duplicate_key", "nul", "type", "maximum"}


def test_a_line_of_50_mb_is_stored_as_a_failure(warehouse: Warehouse, tmp_path: Path) -> None:
    long = ("é" * 20_000_000).encode() + b"\0" + b"x" * 10_000_000 + b"\xff" * 5
    file = write(tmp_path / "a.ndjson", [line(event(1)), long, line(event(2))])
    result = land([file], warehouse)
    assert (result.events, result.failed) == (2, 1)
    [(key, rule, reasons)] = failures(warehouse)
    assert (rule, len(reasons) < 200) == ("size", True)
    assert read_failed(warehouse, key) == long
    [(longest,)] = warehouse.query("select max(length(body)) from landed.failed_event_bodies")
    assert longest <= 64_000


def test_an_oversized_line_is_split(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decompress, "BLOCK", 10_000)
    monkeypatch.setattr(inputs.blocks, "__defaults__", (100_000,))
    data = b"{" + os.urandom(350_000).replace(b"\n", b"") + b"\n" + line(event())
    (tmp_path / "a.ndjson").write_bytes(data)
    result = land([tmp_path / "a.ndjson"], warehouse)
    assert (result.events, result.failed) == (1, 4)
    whole = b"".join(read_failed(warehouse, key) for key, _, _ in failures(warehouse))
    assert whole == data.split(b"\n")[0]


def test_line_and_file_endings(warehouse: Warehouse, tmp_path: Path) -> None:
    one, two, three = (line(event(i)) for i in range(3))
    (tmp_path / "a.ndjson").write_bytes(
        b"\xef\xbb\xbf" + one + b"\r\n\r\n  \n" + two + b"\n\n" + three
    )
    (tmp_path / "b.ndjson").write_bytes(b"")
    (tmp_path / "c.ndjson").write_bytes(b"\n\n")
    (tmp_path / "d.ndjson").write_bytes(b"{}\r\n\x0b")
    result = land([tmp_path], warehouse)
    assert (result.events, result.failed, result.lines) == (3, 2, 5)
    assert [read_failed(warehouse, key) for key, _, _ in failures(warehouse)] == [b"{}\r", b"\x0b"]
    assert warehouse.query("select max(line) from landed.failed_events") == [(2,)]


def test_folders_globs_gzip_and_stdin(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    write(tmp_path / "in" / "deep" / "a.ndjson.gz", [line(event(1))], packed=True)
    # Two members, as from `cat a.gz b.gz`, and padding.
    members = gzip.compress(line(event(2)) + b"\n") + gzip.compress(line(event(3))) + b"\0" * 512
    (tmp_path / "in" / "b.jsonl.gz").write_bytes(members)
    write(tmp_path / "in" / "manifest.json", [b"{", b"}"])
    write(tmp_path / os.fsdecode(b"c\xff'.log"), [line(event(4))])
    write(tmp_path / "d.log", [line(event(5))], packed=True)
    assert land([tmp_path / "in"], warehouse).events == 3
    assert land([str(tmp_path / "*.log")], warehouse).events == 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line(event(6)) + b"\nno")))
    result = land(["-"], warehouse)
    assert (result.events, result.failed, result.inputs) == (1, 1, ["stdin"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line(event(6)) + b"\nno")))
    assert land(["-"], warehouse).already == ["stdin"]
    assert sorted(values(warehouse, "event_id")) == [f"m-{n:07d}" for n in range(1, 7)]


def test_a_missing_path_lands_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.ndjson", [line(event())])
    with pytest.raises(InputError, match=r"nothing\.ndjson"):
        land([file, tmp_path / "nothing.ndjson"], warehouse)
    with pytest.raises(InputError, match=r"\*\.nothing"):
        land([file, str(tmp_path / "*.nothing")], warehouse)
    result = land([file], warehouse)
    assert result.already == []


def test_a_big_file_lands_in_batches(warehouse: Warehouse, tmp_path: Path) -> None:
    lines = [line(event(i)) for i in range(2_500)]
    files = [write(tmp_path / "a.ndjson.gz", lines, packed=True)]
    files += [write(tmp_path / f"b{n}.ndjson", [line(event(9_000 + n))]) for n in range(12)]
    result = land(files, warehouse, limits=Limits(lines=1_000, inputs=5))
    assert result.batches == [1, 2, 3, 4, 5]
    counts = warehouse.query("select line_count from landed.batches order by batch_id")
    assert [count for (count,) in counts] == [1_000, 1_000, 504, 5, 3]
    assert values(warehouse, "event_id")[:2_500] == [f"m-{n:07d}" for n in range(2_500)]
    described = warehouse.query("select inputs from landed.batches order by batch_id")
    first = [json.loads(text)[0] for (text,) in described[:3]]
    assert [(s["first_line"], s["last_line"], s["complete"]) for s in first] == [
        (1, 1_000, False),
        (1_001, 2_000, False),
        (2_001, 2_500, True),
    ]


def test_unknown_properties_land_in_their_own_table(warehouse: Warehouse, tmp_path: Path) -> None:
    extra = {"new": {"deep": [1, "é", None]}, "big": 12345678901234567890123, "x": True}
    result = land([write(tmp_path / "a.ndjson", [line(event(1, **extra))])], warehouse)
    assert (result.events, result.failed, result.unknown_properties) == (1, 0, 3)
    rows = warehouse.query(
        "select event_id, event, name, value, batch_row from landed.unknown_properties"
    )
    assert sorted((name, value) for _, _, name, value, _ in rows) == [
        ("big", "12345678901234567890123"),
        ("new", '{"deep":[1,"é",null]}'),
        ("x", "true"),
    ]
    assert {(row[0], row[1], row[4]) for row in rows} == {("m-0000001", "interview_requested", 1)}


def test_the_command(environment: dict[str, str], tmp_path: Path) -> None:
    assert environment
    file = write(tmp_path / "a.ndjson", [line(event(1)), b"secret-payload"])
    run = CliRunner()
    result = run.invoke(app, ["land", "--json", str(file)])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["events"], summary["failed"]) == (1, 1)
    assert summary["failed_by_rule"] == {"json": 1}
    again = run.invoke(app, ["land", str(file)])
    assert again.exit_code == 0
    assert "landed before" in again.output
    assert run.invoke(app, ["land", str(tmp_path / "none")]).exit_code == 2
    (tmp_path / "b.ndjson.gz").write_bytes(b"secret-payload")
    bad = run.invoke(app, ["land", str(tmp_path / "b.ndjson.gz")])
    assert bad.exit_code == 1
    assert "b.ndjson.gz" in bad.output
    for output in (result.output, again.output, bad.output):
        assert "secret-payload" not in output


def test_all_rows_of_a_batch_have_one_landing_time(warehouse: Warehouse, tmp_path: Path) -> None:
    lines = []
    for number in range(5):
        document = event(number)
        del document["receivedAt"]
        lines.append(line(document))
    land([write(tmp_path / "a.ndjson", lines)], warehouse)
    assert len(set(values(warehouse, "received_at"))) == 1
    assert values(warehouse, "received_at")[0] > datetime.fromisoformat(TIME).replace(tzinfo=None)


def test_a_failure_has_the_event_name_of_its_contract(warehouse: Warehouse, tmp_path: Path) -> None:
    document = event(1) | {"event": "Interview Requested"}
    del document["properties"]["currency"]
    land([write(tmp_path / "a.ndjson", [line(document)])], warehouse)
    found = warehouse.query("select event, rule, pointer from landed.failed_events")
    assert found == [("interview_requested", "required", "/properties/currency")]
