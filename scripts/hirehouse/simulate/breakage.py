"""Events that break exactly one rule each, so that a failure's reasons can be checked."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson

# What an application gets wrong before its properties are even looked at; fits every event.
LINE_RULES = ("json", "duplicate_key", "size", "event", "message_id", "time")
# Rules of contracts, by their keyword -> event -> property that is turned. The rules of
# ANY turn the first property: in every contract that is a required text without further rules.
ANY = ("required", "maxBytes", "nul")
_WHOLE_NUMBERS = {
    "interview_requested": "base_salary",
    "offer_extended": "base_salary",
    "candidate_profile_submitted": "years_experience",
    "application_submitted": "cover_letter_words",
}
_MONEY = {
    "placement_invoiced": "amount",
    "placement_refunded": "amount",
    "subscription_changed": "monthly_amount",
}
TURNED: dict[str, dict[str, str]] = {
    "type": {**_WHOLE_NUMBERS, "candidate_search_performed": "result_count"},
    "enum": {
        "candidate_signed_up": "channel",
        "candidate_profile_submitted": "role",
        "candidate_review_decided": "decision",
        "interview_requested": "currency",
        "interview_request_answered": "answer",
        "candidacy_stage_changed": "stage",
        "candidacy_closed": "reason",
        "subscription_changed": "change",
    },
    "minimum": {**_WHOLE_NUMBERS, **_MONEY, "candidate_search_performed": "result_count"},
    "maximum": _WHOLE_NUMBERS,
    "pattern": {"candidate_signed_up": "country_code", "employer_signed_up": "country_code"},
    "format": {"candidate_signed_up": "email", "email_clicked": "link_url"},
    "scale": _MONEY,
}
RULES = (*LINE_RULES, *ANY, *TURNED)

# Bytes that the first property of an event may have, where they are not an id's 64.
_FIRST_BYTES = {"experiment_name": 80, "page_name": 128}
_IMPOSSIBLE_TIMES = (
    "1970-01-01T00:00:00.000Z",
    "2026-02-30T09:15:00.000Z",
    "2026-01-15T25:00:00.000Z",
    "2099-05-01T12:00:00.000Z",
)
MAX_LINE_BYTES = 32 * 1024


def fits(rule: str, event: str) -> bool:
    """Whether an event of this name can be made to break the rule, and only that rule."""
    return rule not in TURNED or event in TURNED[rule]


def broken_line(rule: str, message: dict[str, Any], rng: Random) -> bytes:
    """The event as a line, without the line feed, that breaks `rule` and no other.

    Args:
        rule: one of RULES that fits the event.
        message: a good event, not changed.
        rng: draws among the ways to break a rule.
    """
    if rule == "json":
        line = orjson.dumps(message)
        return line[: rng.randrange(2, len(line) - 1)]
    if rule == "duplicate_key":
        # The members are equal, yet readers differ in which they take: so it is a failure.
        return orjson.dumps(message)[:-1] + b',"type":"track"}'
    broken = dict(message)
    if rule == "size":
        broken["context"] = message["context"] | {"stack": "x" * MAX_LINE_BYTES}
    elif rule == "event":
        broken["event"] = message["event"] + "_clicked"
    elif rule == "message_id":
        del broken["messageId"]
    elif rule == "time":
        broken["timestamp"] = rng.choice(_IMPOSSIBLE_TIMES)
    else:
        broken["properties"] = _break_properties(rule, message, rng)
    return orjson.dumps(broken)


def _break_properties(rule: str, message: dict[str, Any], rng: Random) -> dict[str, Any]:
    properties: dict[str, Any] = dict(message["properties"])
    name = TURNED[rule][message["event"]] if rule in TURNED else next(iter(properties))
    match rule:
        case "required":
            del properties[name]
        case "maxBytes":
            # Within the limit in characters, over it in bytes.
            properties[name] = "é" * (_FIRST_BYTES.get(name, 64) // 2 + 1)
        case "nul":
            properties[name] = f"{properties[name][:20]}\x00{rng.randrange(10)}"
        case "type":
            properties[name] = f"about {properties[name]}"
        case "enum":
            properties[name] = "tbd"
        case "minimum":
            properties[name] = -rng.randrange(1, 5000)
        case "maximum":
            properties[name] = 5_000_001 + rng.randrange(1_000_000)
        case "pattern":
            properties[name] = properties[name].lower()
        case "format":
            properties[name] = "not given"
        case "scale":
            properties[name] = round(properties[name] + 0.005, 3)
        case _:
            raise ValueError(f"no such rule: {rule}")
    return properties
