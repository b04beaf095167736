"""The check of events: each rule, and that the fast path and the exact path agree."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
import pytest

from hirehouse.contracts.model import load
from hirehouse.events.exact_json import is_same, read_exact, to_json
from hirehouse.events.validate import CompiledContracts, check_line, parse_time
from hirehouse.landing.check_batch import Checked, Checker, parse_times
from hirehouse.landing.failed_events import failure_tables, parts
from hirehouse.landing.inputs import Batch, Input, Segment
from support.events import event, garbage, line

NOW = datetime(2026, 4, 1)


@pytest.fixture(scope="module")
def contracts() -> CompiledContracts:
    return CompiledContracts(load())


def reasons(document: Any, contracts: CompiledContracts) -> list[tuple[str, str]]:
    text = document if isinstance(document, bytes) else line(document)
    return [(r.rule, r.pointer) for r in check_line(text, contracts, NOW).reasons]


def fast(lines: list[bytes], contracts: CompiledContracts) -> Checked:
    segment = Segment(Input("a.ndjson", "0", 0), 1, lines)
    return Checker(contracts).check(Batch([segment]), NOW)


def changed(path: str, value: Any) -> dict[str, Any]:
    """A conforming event with one member set, or removed with `...`."""
    document = event()
    *way, last = path.split(".")
    node = document
    for step in way:
        node = node.setdefault(step, {})
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return document


RULES = [
    ("type", "group", "event", "/type"),
    ("type", None, "event", "/type"),
    ("event", ..., "event", "/event"),
    ("event", "interview_requests", "event", "/event"),
    ("event", "INTERVIEW_REQUESTED", "event", "/event"),
    ("event", ["interview_requested"], "event", "/event"),
    ("properties.schema_version", 2, "event", "/properties/schema_version"),
    ("properties.schema_version", True, "event", "/properties/schema_version"),
    ("properties.schema_version", "1", "event", "/properties/schema_version"),
    ("messageId", ..., "message_id", "/messageId"),
    ("messageId", "", "message_id", "/messageId"),
    ("messageId", 5, "message_id", "/messageId"),
    ("messageId", "é" * 65, "maxBytes", "/messageId"),
    ("timestamp", ..., "time", "/timestamp"),
    ("timestamp", "yesterday", "time", "/timestamp"),
    ("timestamp", 1772443800, "time", "/timestamp"),
    ("timestamp", "2026-03-02T09:30:00", "time", "/timestamp"),
    ("timestamp", "2026-02-30T09:30:00Z", "time", "/timestamp"),
    ("timestamp", "2026-03-02T09:30:60Z", "time", "/timestamp"),
    ("timestamp", "2016-12-31T23:59:60Z", "time", "/timestamp"),
    ("timestamp", "1999-12-31T23:59:59Z", "time", "/timestamp"),
    ("timestamp", "0001-01-01T00:00:00+14:00", "time", "/timestamp"),
    ("timestamp", "2026-03-03T09:30:02Z", "time", "/timestamp"),
    ("sentAt", "soon", "time", "/sentAt"),
    ("sentAt", "0000-01-01T00:00:00Z", "time", "/sentAt"),
    ("receivedAt", "9999-12-31T23:59:59-14:00", "time", "/receivedAt"),
    ("receivedAt", "soon", "time", "/receivedAt"),
    ("receivedAt", "1970-01-01T00:00:00Z", "time", "/receivedAt"),
    ("userId", 7, "type", "/userId"),
    ("userId", "x" * 129, "maxBytes", "/userId"),
    ("context", "none", "type", "/context"),
    ("context.page", ["x"], "type", "/context/page"),
    ("context.page.url", "é" * 2_049, "maxBytes", "/context/page/url"),
    ("properties", ..., "required", "/properties"),
    ("properties", None, "type", "/properties"),
    ("properties.candidacy_id", ..., "required", "/properties/candidacy_id"),
    ("properties.candidacy_id", None, "type", "/properties/candidacy_id"),
    ("properties.candidacy_id", 1, "type", "/properties/candidacy_id"),
    ("properties.candidacy_id", "é" * 33, "maxBytes", "/properties/candidacy_id"),
    ("properties.candidacy_id", "x" * 65, "maxBytes", "/properties/candidacy_id"),
    ("properties.candidacy_id", "a\0b", "nul", "/properties/candidacy_id"),
    ("properties.other", ["a\0b"], "nul", "/properties/other/0"),
    ("properties.o\0r", 1, "nul", "/properties"),
    ("userId", "a\0b", "nul", "/userId"),
    ("properties.base_salary", -1, "minimum", "/properties/base_salary"),
    ("properties.base_salary", 5_000_001, "maximum", "/properties/base_salary"),
    ("properties.base_salary", 2**70, "maximum", "/properties/base_salary"),
    ("properties.base_salary", 1.5, "type", "/properties/base_salary"),
    ("properties.base_salary", True, "type", "/properties/base_salary"),
    ("properties.currency", "usd", "enum", "/properties/currency"),
]


@pytest.mark.parametrize(("path", "value", "rule", "pointer"), RULES)
def test_each_rule_is_named(
    contracts: CompiledContracts, path: str, value: object, rule: str, pointer: str
) -> None:
    document = changed(path, value)
    assert (rule, pointer) in reasons(document, contracts)
    checked = fast([line(event(1)), line(document), line(event(2))], contracts)
    assert [(f.verdict.reasons[0].rule, f.line) for f in checked.failures] == [(rule, 2)]
    assert checked.tables["interview_requested"]["batch_row"].to_pylist() == [1, 3]


RIGHT = [
    ("type", ...),
    ("event", "Interview Requested"),
    ("properties.schema_version", 1),
    ("properties.base_salary", 0),
    ("properties.base_salary", 100.0),
    ("properties.candidacy_id", "é" * 32),
    ("properties.other", {"deep": [1]}),
    ("timestamp", "2000-01-01T00:00:00Z"),
    ("timestamp", "2026-03-03T09:30:01Z"),
    ("timestamp", "2026-03-02t09:30:00.123456789z"),
    ("sentAt", None),
    ("sentAt", "1970-01-01T00:00:00Z"),
    ("userId", None),
    ("context", None),
    ("context.page", None),
    ("integrations", {"All": True}),
]


@pytest.mark.parametrize(("path", "value"), RIGHT)
def test_conforming_events_land(contracts: CompiledContracts, path: str, value: object) -> None:
    document = changed(path, value)
    assert reasons(document, contracts) == []
    # The fast path accepts compact JSON; with blanks, only after an exact reading.
    checked = fast([line(document), json.dumps(document).encode()], contracts)
    assert (checked.event_count, checked.failures) == (2, [])


def test_original_timestamp_replaces_a_missing_timestamp(contracts: CompiledContracts) -> None:
    document = changed("timestamp", None) | {"originalTimestamp": "2026-03-01T00:00:00Z"}
    table = fast([line(document)], contracts).tables["interview_requested"]
    assert table["occurred_at"].to_pylist() == [datetime(2026, 3, 1)]


def test_several_broken_rules_are_all_reported(contracts: CompiledContracts) -> None:
    document = changed("messageId", "")
    document |= {"timestamp": "never", "userId": 1}
    document["properties"] |= {"base_salary": "much", "currency": "USDT", "candidacy_id": "c\0"}
    found = reasons(document, contracts)
    assert found == [
        ("message_id", "/messageId"),
        ("time", "/timestamp"),
        ("type", "/properties/base_salary"),
        ("enum", "/properties/currency"),
        ("maxBytes", "/properties/currency"),
        ("type", "/userId"),
        ("nul", "/properties/candidacy_id"),
    ]
    twice = line(document).replace(b'"currency":', b'"currency":"EUR","currency":')
    assert reasons(twice, contracts) == [("duplicate_key", "/properties/currency"), *found]


def test_lines_that_are_not_events(contracts: CompiledContracts) -> None:
    for text in (b"", b"nul", b"[1]", b"3", b"NaN", b'{"a":1}x', b"\xff{}", b"{\xff}"):
        assert reasons(text, contracts) == [("json", "")]
    assert reasons(b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", contracts) == [("json", "")]
    exponent = b'{"a":1e-99999999999999999999}'
    assert reasons(exponent, contracts) == [("json", "")]
    assert len(fast([exponent], contracts).failures) == 1
    assert reasons(line(event(1, other="x" * 40_000)), contracts) == [("size", "")]
    assert reasons(b"\xef\xbb\xbf" + line(event()), contracts) == [("json", "")]
    assert check_line(b"\xef\xbb\xbf" + line(event()), contracts, NOW, first=True).reasons == []


def test_dates_must_exist_and_be_in_range(contracts: CompiledContracts) -> None:
    scheduled = event() | {"event": "interview_scheduled"}
    contract = load()["interview_scheduled", 1]
    [starts] = [c.name for c in contract.columns if c.type.kind == "timestamp"]
    past = replace(
        contract,
        columns=tuple(replace(c, meta={**c.meta, "future": False}) for c in contract.columns),
    )
    strict = CompiledContracts({("interview_scheduled", 1): past})
    for text, rule in (
        ("2026-03-03T09:30:02Z", "date"),
        ("1999-12-31T23:59:59Z", "date"),
        ("2016-12-31T23:59:60Z", "date"),
        ("2026-02-30T00:00:00Z", "format"),
    ):
        scheduled["properties"] = {starts: text}
        found = [
            r for r in check_line(line(scheduled), strict, NOW).reasons if r.rule != "required"
        ]
        assert [(r.rule, r.pointer) for r in found] == [(rule, f"/properties/{starts}")]
    scheduled["properties"] = {starts: "2027-03-03T09:30:02Z"}
    assert {rule for rule, _ in reasons(scheduled, contracts)} == {"required"}


def test_nothing_is_received_after_it_lands(contracts: CompiledContracts) -> None:
    """A collector's clock is ahead: what it says of the future is not believed."""
    ahead = changed("receivedAt", "2026-04-01T20:00:00Z")
    lines = [
        line(ahead | {"timestamp": time})
        for time in ("2026-04-02T00:00:00Z", "2026-04-02T00:00:01Z")
    ]
    checked = fast(lines, contracts)
    table = checked.tables["interview_requested"]
    assert table["received_at"].to_pylist() == [NOW]
    [late] = checked.failures
    assert [(r.rule, r.pointer) for r in late.verdict.reasons] == [("time", "/timestamp")]
    assert reasons(lines[0], contracts) == []


def test_a_strict_contract_rejects_unknown_properties() -> None:
    contract = replace(load()["interview_requested", 1], strict=True)
    contracts = CompiledContracts({("interview_requested", 1): contract})
    assert reasons(event(1, other=1), contracts) == [("additionalProperties", "/properties/other")]
    assert fast([line(event(1, other=1)), line(event(2))], contracts).event_count == 1


def test_each_version_lands_in_its_own_table() -> None:
    first = load()["interview_requested", 1]
    second = replace(first, version=2, table="interview_requested_v2")
    contracts = CompiledContracts(
        {("interview_requested", 1): first, ("interview_requested", 2): second}
    )
    for version, table in ((None, first), (1, first), (2, second)):
        extra = {} if version is None else {"schema_version": version}
        verdict = check_line(line(event(1, **extra)), contracts, NOW)
        assert verdict.compiled
        assert (verdict.reasons, verdict.compiled.contract.table) == ([], table.table)


def test_reasons_show_no_private_value(contracts: CompiledContracts) -> None:
    secret = "ada@secret-example"
    signed = event() | {"event": "candidate_signed_up", "userId": [secret]}
    signed["context"] = {"page": {"url": {"q": secret}}}
    for value in (f" {secret} ", [secret], {"a": secret}, 10**12):
        signed["properties"] = {"email": value, "full_name": value, "channel": secret * 20}
        verdict = check_line(line(signed), contracts, NOW)
        assert len(verdict.reasons) > 3
        assert secret not in repr(verdict.reasons)
        assert str(10**12) not in repr([r for r in verdict.reasons if "name" in r.pointer])
        tables = failure_tables(fast([line(signed)], contracts).failures, NOW)
        assert secret not in repr(tables["failed_events"].to_pylist())
    signed["properties"] = secret
    assert secret not in repr(check_line(line(signed), contracts, NOW).reasons)


def test_reasons_are_bounded(contracts: CompiledContracts) -> None:
    contract = replace(load()["interview_requested", 1], strict=True)
    contracts = CompiledContracts({("interview_requested", 1): contract})
    many = {"~/" + "é" * 40 + str(n): n for n in range(250)}
    checked = fast([line(event(1, **many))], contracts)
    [row] = failure_tables(checked.failures, NOW)["failed_events"].to_pylist()
    assert row["reason_count"] == 250
    listed = json.loads(row["reasons"])
    assert len(listed) == 100
    assert listed[0]["pointer"].startswith("/properties/~0~1é")
    assert len(row["reasons"].encode()) < 65_535


def test_the_fast_path_and_the_exact_path_agree(contracts: CompiledContracts) -> None:
    draw = random.Random(3)
    lines = garbage()
    for number in range(3_000):
        text = bytearray(line(event(number)))
        for _ in range(draw.randrange(3)):
            place = draw.randrange(len(text))
            text[place : place + draw.randrange(2)] = draw.choice(
                [b"", b" ", b"\\u0041", b"9", b".0", b"e2", b'"', b"-", "é".encode(), b"Z"]
            )
        lines.append(bytes(text))
    checked = fast(lines, contracts)
    exact = {n for n, text in enumerate(lines, 1) if check_line(text, contracts, NOW).reasons}
    assert {failure.line for failure in checked.failures} == exact
    assert 500 < len(lines) - len(exact) == checked.event_count


def test_numbers_are_read_exactly() -> None:
    text = b'{"a":[1.10,1e2,0.1000000000000000055,12345678901234567890123,9007199254740993.0,-0]}'
    read = read_exact(text)
    assert to_json(read) == (
        '{"a":[1.1,100.0,0.1000000000000000055,12345678901234567890123,9007199254740993,0]}'
    )
    assert [type(v).__name__ for v in read["a"]] == [
        "float",
        "float",
        "Decimal",
        "int",
        "int",
        "int",
    ]


def test_times_by_column_and_by_value_are_the_same() -> None:
    texts = [
        "2026-03-02T09:30:00Z",
        "2026-03-02T09:30:00.5+05:30",
        "2026-03-02T23:59:59.999999-11:00",
        "2024-02-29T00:00:00.1234567Z",
        "2026-03-02T09:30:61Z",
        None,
    ]
    each = [None if t is None else parse_times(pa.array([t]))[0].as_py() for t in texts]
    assert parse_times(pa.array(texts)).to_pylist() == each == [parse_time(t) for t in texts]
    assert each[1] == datetime(2026, 3, 2, 4, 0, 0, 500_000)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x" * 48_000,
        b"x" * 48_001,
        ("a" + "é" * 50_000).encode(),
        ("ab" + "🦆" * 30_000).encode(),
        b"\x80" * 100_000,
        b"ok" + b"\0" + b"ok" * 40_000,
    ],
)
def test_parts_fit_and_can_be_joined(body: bytes) -> None:
    made = list(parts(body))
    assert all(len(text.encode()) <= 65_535 and "\0" not in text for _, text in made)
    joined = [base64.b64decode(text) if code == "base64" else text.encode() for code, text in made]
    assert b"".join(joined) == body
    assert all(len(part) <= 48_000 for part in joined)
    if b"\0" not in body and b"\x80" not in body:
        assert {code for code, _ in made} == {"utf8"}


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        (b'{"a":1.5,"b":"x, y: z","c":[1,2]}', True),
        (b'{ "a" : 1.5,\r\n\t"b": "x, y: z", "c": [1, 2]}', True),
        (b'{"a": "\\u00e9 \\ud83d\\ude00", "\\u00e9": null}', True),
        (b'{"a":"\\u0001\\n"}', True),
        (b'{"a":"\\\\u00e9"}', True),
        (b'{"a": 1, "a": 2}', False),
        (b'{"a b": 1, "ab": 2, "a b": 3}', False),
        (b'{"\\u00e9": 1, "\xc3\xa9": 2}', False),
        (b'{"a": 0.12345678901234567890}', False),
        (b'{"a": 123456789012345678901}', False),
        # Read without loss, but the fast reader can't tell: these take the slow path.
        (b'{"a": 1.50}', False),
        (b'{"a": "\\u0041\\u00e9"}', False),
        (b'{"a": "\\\\\\u00e9"}', False),
    ],
)
def test_texts_that_the_fast_reader_accepts(text: bytes, exact: bool) -> None:
    assert is_same(orjson.dumps(orjson.loads(text)), text) is exact
