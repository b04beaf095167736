"""Calls other than `track` land as the events that hirehouse has for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from hirehouse.contracts.model import load
from hirehouse.events.validate import CompiledContracts, check_line
from hirehouse.landing.check_batch import Checked, Checker
from hirehouse.landing.inputs import Batch, Input, Segment
from support.events import TIME, line

NOW = datetime(2026, 4, 1)
LINK = ("identity_linked", ("previous_id", "person_id", "method"))
PAGE = ("page_viewed", ("page_name", "title", "context_page_url", "context_page_referrer"))


@pytest.fixture(scope="module")
def contracts() -> CompiledContracts:
    return CompiledContracts(load())


def landing(call: dict[str, Any], contracts: CompiledContracts, times: int = 1) -> Checked:
    """The event that a call lands as."""
    lines = [line({"messageId": "m", "timestamp": TIME, **call})] * times
    return Checker(contracts).check(Batch([Segment(Input("a.ndjson", "0", 0), 1, lines)]), NOW)


BROWSER = {
    "path": "/jobs",
    "referrer": "https://search.example/",
    "search": "?a=1",
    "title": "Jobs",
    "url": "https://jobs.example/jobs?a=1",
}


@pytest.mark.parametrize(
    ("call", "landed", "values"),
    [
        (
            {"type": "identify", "anonymousId": "a", "userId": "u", "traits": {"name": "Ana"}},
            LINK,
            ("a", "u", "sign_in"),
        ),
        (
            {
                "type": "identify",
                "anonymousId": "a",
                "userId": "u",
                "traits": {"method": "sign_up"},
            },
            LINK,
            ("a", "u", "sign_up"),
        ),
        ({"type": "alias", "previousId": "p", "userId": "u"}, LINK, ("p", "u", "merge")),
        (
            # As the SDK in a browser sends it.
            {"type": "page", "name": "Jobs list", "properties": {"name": "Jobs list", **BROWSER}}
            | {"context": {"page": BROWSER}, "integrations": {}, "_metadata": {}},
            PAGE,
            ("Jobs list", "Jobs", BROWSER["url"], BROWSER["referrer"]),
        ),
        (
            {"type": "page", "properties": {**BROWSER, "url": "no"}, "context": {"page": BROWSER}},
            PAGE,
            ("/jobs", "Jobs", BROWSER["url"], BROWSER["referrer"]),
        ),
        ({"type": "page", "name": "Home"}, PAGE, ("Home", None, None, None)),
        (
            {"type": "page", "name": None, "properties": BROWSER, "context": {"page": None}},
            PAGE,
            ("/jobs", "Jobs", BROWSER["url"], BROWSER["referrer"]),
        ),
        (
            {"type": "page", "properties": {"page_name": "Own", "title": "T"}},
            PAGE,
            ("Own", "T", None, None),
        ),
    ],
)
def test_a_call_lands_as_its_event(
    contracts: CompiledContracts,
    call: dict[str, Any],
    landed: tuple[str, tuple[str, ...]],
    values: tuple[str, ...],
) -> None:
    """The first call of a kind takes the exact path, later ones the fast path."""
    checked = landing(call, contracts, times=3)
    assert not checked.failures
    assert not checked.unknown_count
    table, columns = landed
    rows = checked.tables[table].to_pylist()
    assert [tuple(row[column] for column in columns) for row in rows] == [values] * 3


@pytest.mark.parametrize(
    ("call", "rule", "pointer"),
    [
        ({"type": "identify", "userId": "u"}, "type", "/anonymousId"),
        ({"type": "identify", "anonymousId": "a"}, "type", "/userId"),
        ({"type": "identify", "anonymousId": "a" * 65, "userId": "u"}, "maxBytes", "/anonymousId"),
        (
            {"type": "identify", "anonymousId": "a", "userId": "u", "traits": {"method": "sms"}},
            "enum",
            "/traits/method",
        ),
        ({"type": "alias", "userId": "u"}, "type", "/previousId"),
        ({"type": "alias", "previousId": 5, "userId": "u"}, "type", "/previousId"),
        ({"type": "page"}, "type", "/name"),
        ({"type": "page", "name": 5}, "type", "/name"),
        ({"type": "page", "name": "x", "properties": [1]}, "type", "/properties"),
        ({"type": "page", "name": "x", "context": [1]}, "type", "/context"),
        ({"type": "page", "name": "x", "context": {"page": [1]}}, "type", "/context/page"),
        ({"type": "group", "groupId": "g"}, "event", "/type"),
        ({"type": "screen", "name": "Start"}, "event", "/type"),
        ({"type": ["page"]}, "event", "/type"),
    ],
)
def test_reasons_point_to_members_of_the_call(
    contracts: CompiledContracts, call: dict[str, Any], rule: str, pointer: str
) -> None:
    text = line({"messageId": "m", "timestamp": TIME, **call})
    assert (rule, pointer) in [
        (r.rule, r.pointer) for r in check_line(text, contracts, NOW).reasons
    ]
    assert landing(call, contracts).failures


def test_custom_properties_of_a_page_are_kept(contracts: CompiledContracts) -> None:
    call = {"type": "page", "name": "x", "properties": {**BROWSER, "category": "c"}}
    checked = landing(call, contracts)
    assert checked.tables["unknown_properties"]["name"].to_pylist() == ["category"]


def test_an_unsupported_call_fails_with_its_reason(contracts: CompiledContracts) -> None:
    [failure] = landing({"type": "group", "groupId": "g"}, contracts).failures
    [reason] = [r for r in failure.verdict.reasons if r.pointer == "/type"]
    assert (reason.expected, reason.found) == (
        'one of "track", "identify", "alias", "page"',
        '"group"',
    )
