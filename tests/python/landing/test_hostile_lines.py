"""No line stops the lines around it, whatever it holds, and each is accounted for once."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal, Inexact, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from conftest import surrounded_by
from hirehouse.collecting.answers import Rejected
from hirehouse.collecting.calls import read_call
from hirehouse.contracts.example import example_event
from hirehouse.contracts.model import Column, DataType, compile_schema, load
from hirehouse.events import validate
from hirehouse.events.exact_json import MAX_FLAWS, JsonError, read_exact
from hirehouse.events.validate import CompiledContracts
from hirehouse.failures.actions import FailureActions
from hirehouse.failures.patches import Changes, extended, patched
from hirehouse.failures.queries import Selection, describe_failure, groups
from hirehouse.landing import check_batch
from hirehouse.landing.check_batch import Checked, Checker, Group
from hirehouse.landing.inputs import Batch, Input, Segment
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from hirehouse.warehouse.landed_schema import landing_tables
from support.events import event, line, write
from support.marts import MakeEnvironment
from support.mutations import mutated

NOW = datetime(2026, 4, 1)
LINES = 50  # of a batch
BATCHES, ALL_BATCHES = 30, 2_000


@pytest.fixture(scope="module")
def contracts() -> CompiledContracts:
    return CompiledContracts(load())


def check(lines: list[bytes], contracts: CompiledContracts, first_line: int = 1) -> Checked:
    segment = Segment(Input("a.ndjson", "0", 0), first_line, lines)
    return Checker(contracts).check(Batch([segment]), NOW)


def rows_of(checked: Checked) -> list[int]:
    """The rows of all events and failures."""
    rows = [failure.row for failure in checked.failures]
    for name in checked.tables.keys() - landing_tables():
        rows += checked.tables[name]["batch_row"].to_pylist()
    return sorted(rows)


def failed(checked: Checked) -> dict[int, list[tuple[str, str]]]:
    return {f.row: [(r.rule, r.pointer) for r in f.verdict.reasons] for f in checked.failures}


def with_text(old: bytes, new: bytes) -> bytes:
    made = line(event())
    assert old in made
    return made.replace(old, new, 1)


WRONG = {
    "tiny": (
        with_text(b'"base_salary":100001', b'"base_salary":1e-9999999999999999999'),
        "json",
        "",
    ),
    "huge": (with_text(b'"type":"track"', b'"x":1e9999999999999999999'), "json", ""),
    "far": (with_text(b"2026-03-02T09:30:01Z", b"9999-12-31T00:00:00Z"), "time", "/receivedAt"),
    "future": (with_text(b"2026-03-02T09:30:01Z", b"2026-04-02T00:00:01Z"), "time", "/receivedAt"),
    "deep": (with_text(b'"type":"track"', b'"x":' + b"[" * 900 + b"NaN" + b"]" * 900), "json", ""),
    "emoji": (with_text(b"cdy-1", b"\\ud83d"), "unicode", "/properties/candidacy_id"),
    "latin": (with_text(b"cdy-1", b"caf\xe9"), "unicode", "/properties/candidacy_id"),
    "blank": (with_text(b'"cdy-1"', b'" "'), "blank", "/properties/candidacy_id"),
    "unseen": (with_text(b"cdy-1", "\u200b".encode()), "blank", "/properties/candidacy_id"),
    "none": (with_text(b"cdy-1", b"undefined"), "placeholder", "/properties/candidacy_id"),
    "nobody": (with_text(b"emp-1", b"null"), "placeholder", "/userId"),
    "no id": (with_text(b"m-0000001", b"[object Object]"), "message_id", "/messageId"),
    "twice": (with_text(b'"type"', b'"type":"track","type"'), "duplicate_key", "/type"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_line_fails_alone(name: str, contracts: CompiledContracts) -> None:
    wrong, rule, pointer = WRONG[name]
    checked = check([line(event(1)), wrong, line(event(2))], contracts)
    assert failed(checked) == {2: [(rule, pointer)]}
    assert rows_of(checked) == [1, 2, 3]


def invoice(**changes: Any) -> bytes:
    """A conforming `placement_invoiced`, some of its properties as other JSON texts."""
    made = example_event(load()["placement_invoiced", 1])
    made["properties"] |= {name: f"@{name}" for name in changes}
    text = line(made)
    for name, json_text in changes.items():
        text = text.replace(f'"@{name}"'.encode(), json_text.encode())
    return text


@pytest.mark.parametrize("day", ["-001-11-30", "+026-03-02"])
def test_dates_of_other_systems_fail_alone(day: str, contracts: CompiledContracts) -> None:
    """They pass for dates in the validator, and Arrow does not read them."""
    checked = check([invoice(), invoice(due_on=f'"{day}"'), invoice()], contracts)
    assert failed(checked) == {2: [("date", "/properties/due_on")]}
    assert rows_of(checked) == [1, 2, 3]


@pytest.mark.parametrize(
    "amount", ["1e-999999999", "100.000000000000000000000000000001", "0.001", "1e-9"]
)
def test_an_amount_is_never_rounded(amount: str, contracts: CompiledContracts) -> None:
    checked = check([invoice(), invoice(amount=amount)], contracts)
    assert failed(checked) == {2: [("scale", "/properties/amount")]}


@pytest.mark.parametrize(
    ("kind", "number", "lands"),
    [
        ("numeric(38,2)", "12345678901234567890123456789012.34", True),
        ("numeric(38,2)", "12345678901234567890123456789012", True),
        ("numeric(38,2)", "-99999999999999999999999999999999999.99", True),
        ("numeric(38,2)", "1000000000000000000000000000000000000", False),
        ("numeric(30,2)", "123456789012345678901234567.456", False),
        ("numeric(38,38)", "0.12345678901234567890123456789012345678", True),
        ("numeric(38,0)", "1E+37", True),
    ],
)
def test_numbers_have_the_digits_of_their_contract(kind: str, number: str, lands: bool) -> None:
    column = Column("amount", DataType.parse(kind), "")
    value = read_exact(number.encode())
    assert compile_schema(column.schema()).is_valid(value) == lands
    if lands:
        assert check_batch.converted([value], column).to_pylist() == [Decimal(number)]
    else:
        with pytest.raises((InvalidOperation, Inexact, pa.ArrowInvalid)):
            check_batch.converted([value], column)


def test_an_error_of_the_check_is_a_failed_event(
    contracts: CompiledContracts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong, in the check of a line or in a column: the other lines land."""
    tabulate = check_batch.tabulate

    def break_columns(group: Group, *arguments: Any) -> Any:
        if any(d["properties"]["candidacy_id"] == "cdy-3" for d in group.documents):
            raise OverflowError
        return tabulate(group, *arguments)

    check_times = validate._times

    def break_times(document: dict[str, Any], now: datetime) -> Any:
        if document["properties"]["base_salary"] < 0:
            raise ZeroDivisionError(document)
        return check_times(document, now)

    monkeypatch.setattr(check_batch, "tabulate", break_columns)
    monkeypatch.setattr(validate, "_times", break_times)
    lines = [line(event(number)) for number in range(1, 100)]
    lines[6] = line(event(7, base_salary=-1))
    checked = check(lines, contracts)
    assert failed(checked) == {3: [("internal", "")], 7: [("internal", "")]}
    assert rows_of(checked) == list(range(1, 100))
    told = sorted(record.getMessage() for record in caplog.records)
    assert told[0].startswith("a.ndjson, line 3: OverflowError at test_hostile_lines.py:")
    assert told[1].startswith("a.ndjson, line 7: ZeroDivisionError at test_hostile_lines.py:")
    assert "cdy-7" not in caplog.text


def test_empty_objects_of_php_are_objects(contracts: CompiledContracts) -> None:
    contexts: list[Any] = [[], {"page": [], "library": []}]
    for change in ({"context": context} for context in contexts):
        assert check([line(event() | change)], contracts).event_count == 1
    linked = {
        "type": "identify",
        "userId": "u-1",
        "anonymousId": "a-1",
        "traits": [],
        "context": [],
    }
    times = {"messageId": "m-1", "timestamp": "2026-03-02T09:30:00Z"}
    assert check([line(linked | times)], contracts).event_count == 1
    # A list with something in it is none of PHP's empty objects.
    assert failed(check([line(event() | {"context": [1]})], contracts)) == {
        1: [("type", "/context")]
    }


@pytest.mark.parametrize("user", ["", " ", "undefined", "[object Object]"])
def test_identify_merges_nobody_without_an_id(user: str, contracts: CompiledContracts) -> None:
    times = {"messageId": "m-1", "timestamp": "2026-03-02T09:30:00Z"}
    linked = {"type": "identify", "userId": user, "anonymousId": "a-1", **times}
    [reasons] = failed(check([line(linked)], contracts)).values()
    assert {pointer for _, pointer in reasons} == {"/userId"}
    assert {rule for rule, _ in reasons} <= {"blank", "placeholder"}


def test_half_an_emoji_can_be_patched(contracts: CompiledContracts) -> None:
    body = with_text(b"cdy-1", b"\\ud83d").replace(b"emp-1", b"caf\xe9")
    [failure] = check([body], contracts).failures
    pointers = ["/properties/candidacy_id", "/properties/employer_id", "/userId"]
    assert sorted(reason.pointer for reason in failure.verdict.reasons) == pointers
    assert failure.verdict.event
    assert failure.verdict.event["messageId"] == "m-0000001"
    patch = extended(body, "[]", Changes(set=[(pointer, "x-1") for pointer in pointers]), "f-1")
    assert check([patched(body, patch)], contracts).event_count == 1
    # What is patched elsewhere keeps its other bytes, and fails again.
    some = extended(body, "[]", Changes(set=[(pointer, "x-1") for pointer in pointers[:2]]), "f-1")
    assert failed(check([patched(body, some)], contracts)) == {1: [("unicode", "/userId")]}


def test_many_names_twice_are_found_in_linear_time() -> None:
    """Each name against each other one would take minutes."""
    text = ",".join(f'"a{n}":1' for n in [*range(200_000), *range(200_000)])
    with pytest.raises(JsonError) as found:
        read_exact(f"{{{text}}}".encode())
    assert len(found.value.flaws) == MAX_FLAWS


def test_random_lines_are_accounted_for_once(
    request: pytest.FixtureRequest, contracts: CompiledContracts, lines_seen: list[bytes]
) -> None:
    batches = ALL_BATCHES if request.config.getoption("--all") else BATCHES
    for number in range(batches):
        chance = random.Random(number)
        lines = [mutated(chance) for _ in range(LINES)]
        checked = check(lines, contracts)
        blank = [row for row, text in enumerate(lines, 1) if not text.strip(b" \t\r")]
        assert sorted([*rows_of(checked), *blank]) == list(range(1, LINES + 1))
        for failure in checked.failures:
            assert failure.verdict.reasons[0].rule != "internal", failure.body
            # Alone it fails for the same reasons: the fast path hides nothing.
            [again] = check([failure.body], contracts, failure.line).failures
            assert again.verdict.reasons == failure.verdict.reasons
        lines_seen.extend(lines)


@pytest.fixture(scope="module")
def lines_seen() -> list[bytes]:
    return []


def test_what_landed_can_be_listed_patched_and_replayed(
    lines_seen: list[bytes],
    make_environment: MakeEnvironment,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """The same lines through files, the collector, patches and replays: nothing breaks."""
    lines = list(dict.fromkeys(lines_seen))
    record_property("random lines", len(lines))
    assert lines
    collected = []
    for text in lines:
        with suppress(Rejected):
            collected += read_call("track", text)[0]
    with surrounded_by(make_environment("duckdb", tmp_path)), open_warehouse() as warehouse:
        for number, some in enumerate((lines, collected)):
            path = write(tmp_path / f"{number}.ndjson", some)
            landed = land([path], warehouse)
            blank = sum(not text.strip(b" \t\r") for text in some)
            assert landed.events + landed.failed == len(some) - blank
            assert not landed.failed_by_rule["internal"]
        [(failures,)] = warehouse.query("select count(*) from landed.failed_events")
        listed = groups(warehouse, Selection())
        assert sum(group["failures"] for group in listed) == failures
        for group in listed[:20]:
            describe_failure(warehouse, group["example"])
        actions = FailureActions(warehouse, "tests")
        set_all = Changes(set=[("/receivedAt", "9999-12-31T00:00:00Z"), ("/userId", "u-1")])
        patched = actions.patch(Selection(), set_all)
        assert patched.actions["patched"] + patched.problems.total() == failures
        replayed = actions.replay(Selection())
        assert replayed.actions["replayed"] + replayed.actions["refused"] == failures
        assert not any(rule == "internal" for rule, _ in replayed.fails)
