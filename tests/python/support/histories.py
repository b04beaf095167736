"""Histories of small marketplaces: what producers send, in the order in which it arrives.

A history is short and its ids come from small pools, so that its events meet: on one candidacy, at
one moment, as copies of one another. Every text that begins with `~` belongs to the history alone:
whoever lands it puts a prefix of its own there, so that hundreds of histories share a warehouse.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from itertools import product
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

from hirehouse.contracts.model import Column, Contract, load

OWN = "~"
# Ids of one kind of thing that contracts name by the part it plays; and whom they may name.
PERSONS = ("candidate-1", "candidate-2", "candidate-3", "visitor-1", "visitor-2")
PERSON_IDS = ("person_id", "previous_id", "recipient_id")
TEXTS = ("~a", "~b", "~Zoë ✓", "")
FORMATS = {"email": ("a@example.com", "b@example.com"), "uri": ("https://example.com/", "x:y")}
MIDDLE = datetime(2026, 3, 2, 9, 30, 0, 123456)
# Few moments, so that most histories have ties; many of them at an edge of a day, week or year.
MOMENTS = (
    *(MIDDLE + timedelta(days=days) for days in (-365, -30, -1, 0, 0, 0, 1, 7, 30)),
    *(MIDDLE + timedelta(microseconds=1), MIDDLE + timedelta(seconds=1)),
    *(MIDDLE + timedelta(minutes=30), MIDDLE + timedelta(minutes=30, microseconds=1)),
    *(datetime(2026, 3, 9), datetime(2026, 3, 8, 23, 59, 59, 999999)),
    *(datetime(2024, 3, 1, 12), datetime(2025, 12, 31, 23, 59, 59, 999999), datetime(2026, 1, 1)),
    *(datetime(2000, 1, 2), datetime(2035, 6, 1)),
)
# How long after it happened an event was received. A clock may run ahead by a day at most.
DELAYS = (0, 0, 0, 0, 0, 1, 86_400, 31_536_000, -1, -86_400)  # seconds
ZONES = (0, 0, 0, 120, -330)  # minutes
# Openings, since a candidacy without one is not seen; then what meets on an entity's state.
WEIGHTS = {
    "interview_requested": 8,
    "application_submitted": 6,
    "position_opened": 6,
    "candidate_signed_up": 6,
    "subscription_changed": 5,
    "page_viewed": 8,
    "candidate_search_performed": 7,
    "candidate_profile_viewed": 7,
    "identity_linked": 4,
}
STATEFUL = {"candidacy_id", "candidate_id", "position_id", "employer_id", "subscription_id"}
# What a dull event has of an envelope.
ENVELOPE: dict[str, Any] = {
    **{"zone": 0, "delay": 0},
    **{"user": None, "anonymous": None, "campaign": None},
}
# All of these in one draw: offset of the zone, delay, userId, anonymousId and campaign.
ENVELOPES = tuple(
    product(
        ZONES,
        DELAYS,
        [None, *(OWN + person for person in PERSONS)],
        [None, f"{OWN}visitor-1", f"{OWN}visitor-2"],
        [None, None, "spring"],
    )
)
VARIANTS = 200
COPIES = (
    *("same", "same", "other values", "other time", "other event"),
    *("sent again later", "sent again later"),
)
# What servers that stamp each try anew make of a time; after 30 days, it is no copy any more.
DAYS = timedelta(days=30)
JITTERS = (
    *(timedelta(milliseconds=1), timedelta(seconds=1), timedelta(hours=30), timedelta(days=20)),
    *(timedelta(days=29), DAYS, DAYS),
    *(DAYS + timedelta(microseconds=1), DAYS + timedelta(microseconds=1), timedelta(days=40)),
)


@dataclass(frozen=True)
class Sent:
    """An event as it arrives once.

    Args:
        batch: number of the batch that it lands in, from 1.
        event: its name.
        id: its messageId.
        at: when it happened, UTC without zone.
        properties: those that matter; the rest of the required ones have values of no interest.
        zone: offset of the time zone in which the producer writes times, in minutes.
        delay: seconds after `at` at which it was received; None where nobody noted it.
        user, anonymous: its userId and anonymousId.
        campaign: the campaign that led to its page.
    """

    batch: int
    event: str
    id: str
    at: datetime
    properties: Mapping[str, Any] = field(default_factory=dict, hash=False)
    zone: int = 0
    delay: int | None = 0
    user: str | None = None
    anonymous: str | None = None
    campaign: str | None = None

    def document(self) -> dict[str, Any]:
        """The event in the Segment format, its own texts still with `~`."""
        moment = self.at.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=self.zone)))
        document = {
            "type": "track",
            "event": self.event,
            "messageId": self.id,
            "timestamp": moment.isoformat(),
            "userId": self.user,
            "anonymousId": self.anonymous,
            "context": {"campaign": {"name": self.campaign}} if self.campaign else None,
            "properties": dict(dull(self.event)) | dict(self.properties),
        }
        if self.delay is not None:
            received = self.at + timedelta(seconds=self.delay)
            document["receivedAt"] = received.isoformat() + "Z"
        return {name: value for name, value in document.items() if value is not None}

    def line(self, prefix: str) -> bytes:
        """The event as a line of NDJSON, its own texts with a prefix instead of `~`."""
        text = json.dumps(self.document(), ensure_ascii=False, separators=(",", ":"))
        return text.replace(f'"{OWN}', f'"{prefix}').encode()


History = tuple[Sent, ...]


def sent(batch: int, event: str, id: str, at: str, **properties: Any) -> Sent:
    """One event of a history that is written by hand.

    Args:
        batch, event, id: as in `Sent`; the id gets its `~` here.
        at: its day and time, such as "2026-03-01" or "2026-03-01 09:30".
        properties: as in `Sent`; also its `zone`, `delay`, `user`, `anonymous` and `campaign`.
    """
    envelope = {name: properties.pop(name) for name in ENVELOPE if name in properties}
    return Sent(batch, event, OWN + id, datetime.fromisoformat(at), properties, **envelope)


@cache
def contracts() -> dict[str, Contract]:
    """The first version of every event's contract, by name."""
    return {event: contract for (event, version), contract in load().items() if version == 1}


@cache
def dull(event: str) -> Mapping[str, Any]:
    """The first value of every required property."""
    return {c.name: values(c)[0] for c in contracts()[event].columns if c.required}


def values(column: Column) -> Sequence[Any]:
    """Values of a property: few, so that they recur, and at the edges of what may land."""
    meta = column.meta
    if column.name in PERSON_IDS:
        return [OWN + person for person in PERSONS]
    if column.name.endswith("_id"):
        return [f"{OWN}{column.name.removesuffix('_id')}-{number}" for number in (1, 2, 3)]
    if "enum" in meta:
        return list(meta["enum"])
    if column.is_json or "pattern" in meta or meta.get("format", "email") not in FORMATS:
        return examples(column)
    return _of_type(column)


def _of_type(column: Column) -> Sequence[Any]:
    kind, schema = column.type, column.schema()
    # A date beyond the arrival of its event lands only where its contract says so.
    some = slice(None if column.meta.get("future") else 2)
    low = schema.get("minimum", 0)
    match kind.kind:
        case "boolean":
            found: Sequence[Any] = [True, False]
        case "integer" | "bigint":
            found = sorted({low, low + 1, min(schema["maximum"], 90_000), schema["maximum"]})
        case "numeric":
            high = schema.get("maximum")
            found = [low, 100.5, float(10 ** (kind.size - kind.scale) - 1)]
            found = found if high is None else [low, high / 2, high]
        case "date":
            found = ["2000-01-01", "2000-01-02", "2024-02-29", "2040-12-31"][some]
        case "timestamp":
            found = ["2000-01-01T00:00:00Z", "2000-01-02T00:00:00Z", "2040-12-31T23:59:59Z"][some]
        case _:
            texts = FORMATS.get(column.meta.get("format", ""), TEXTS)
            found = [text for text in texts if len(text.encode()) + 8 <= kind.size]
            found = [text for text in found if text or not column.required]
    return found


@cache
def examples(column: Column) -> Sequence[Any]:
    """A few values from the JSON Schema of a property that has rules of its own."""
    found = collect(from_schema(column.schema()), 30, seed=1)
    usable = [v for v in found if "\\u0000" not in json.dumps(v) and "\\ud" not in json.dumps(v)]
    return usable[:4]


def collect(strategy: st.SearchStrategy[Any], count: int, seed: int) -> list[Any]:
    """That many values of a strategy, the same ones for a seed."""
    found: list[Any] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        derandomize=False,  # as it would be where the variable CI is set, whatever the seed
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def take(value: Any) -> None:
        found.append(value)

    take()
    return found


@cache
def variant(event: str, number: int) -> Mapping[str, Any]:
    """Properties of an event, others for each number; optional ones may be absent, and null.

    One draw of Hypothesis instead of one per property: those take most of its time, and what
    matters is which events meet.
    """
    choice = random.Random(f"{event} {number}")
    properties = {}
    for column in contracts()[event].columns:
        if column.required:
            properties[column.name] = choice.choice(values(column))
        elif choice.random() < 0.6:
            properties[column.name] = choice.choice([*values(column), None])
    if choice.random() < 0.05:
        properties["surprise"] = True  # no contract names it
    return properties


@cache
def names() -> Sequence[str]:
    """Names of events, those that meet in a model more often."""
    return [name for name in contracts() for _ in range(_usual(name))]


@cache
def kin(event: str) -> Sequence[str]:
    """Names of other events, those of more of the same things more often."""
    found = []
    for name in contracts():
        if name != event:
            found += [name] * (_usual(name) * len(_things(name) & _things(event)))
    return found or names()


def _usual(event: str) -> int:
    return WEIGHTS.get(event, 3 if _things(event) else 2)


def _things(event: str) -> set[str]:
    return STATEFUL & {c.name for c in contracts()[event].columns if c.required}


def histories(batches: int, count: int, seed: int) -> list[History]:
    """Histories that arrive in a number of batches, in any order, some of it twice.

    By chance of our own: what Hypothesis draws depends on which modules are loaded, and some kinds
    of events would then hardly come.
    """
    return [_history(random.Random(f"{seed} {number}"), batches) for number in range(count)]


def _history(chance: random.Random, batches: int) -> History:
    size = chance.choice([1, 1, 1, 2, 3])
    moments = chance.choices(MOMENTS, k=chance.randint(2, 6))
    drawn = [_sent(chance, moments, batches) for _ in range(chance.randint(4, 28))]
    for _ in range(chance.randint(0, 4)):
        # Of a copy, too: so a chain of them may last longer than any two of them are apart.
        drawn.append(_copy(chance, chance.choice(drawn), moments, batches))
    order = chance.choice(["any", "any", "in time", "backwards"])
    if order != "any":
        numbers = sorted((one.batch for one in drawn), reverse=order == "backwards")
        drawn.sort(key=lambda one: one.at)
        drawn = [replace(one, batch=n) for one, n in zip(drawn, numbers, strict=True)]
    return tuple(replace(one, properties=within(one.properties, size)) for one in drawn)


def _sent(chance: random.Random, moments: list[datetime], batches: int) -> Sent:
    event = chance.choice(names())
    # Not in the order of arrival: the id decides between events of one moment.
    message_id = f"{OWN}{chance.randint(0, 999):03d}"
    zone, delay, user, anonymous, campaign = chance.choice(ENVELOPES)
    return Sent(
        batch=chance.randint(1, batches),
        event=event,
        id=message_id,
        at=chance.choice(moments),
        properties=variant(event, chance.randrange(VARIANTS)),
        zone=zone,
        delay=delay,
        user=user,
        anonymous=anonymous,
        campaign=campaign,
    )


def _copy(chance: random.Random, original: Sent, moments: list[datetime], batches: int) -> Sent:
    """A copy, sent again: as it was, or with something else under the same messageId."""
    copy = replace(original, batch=chance.randint(1, batches))
    match chance.choice(COPIES):
        case "other values":
            return replace(
                copy, properties=variant(copy.event, chance.randrange(VARIANTS)), zone=60
            )
        case "other time":
            return replace(copy, at=chance.choice(moments))
        case "sent again later":
            jitter = chance.choice(JITTERS)
            earlier = chance.random() < 0.5 and copy.at - jitter >= min(MOMENTS)
            return replace(copy, at=copy.at - jitter if earlier else copy.at + jitter)
        case "other event":
            event = chance.choice(kin(copy.event))
            same = {name: copy.properties[name] for name in _things(event) & _things(copy.event)}
            properties = {**variant(event, chance.randrange(VARIANTS)), **same}
            return replace(copy, event=event, properties=properties)
    return copy


def within(properties: Mapping[str, Any], size: int) -> dict[str, Any]:
    """The properties with ids of at most `size` things of a kind."""

    def narrow(name: str, value: Any) -> Any:
        if not name.endswith("_id") or not isinstance(value, str) or name in PERSON_IDS:
            return value
        kind, _, number = value.rpartition("-")
        return f"{kind}-{min(int(number), size)}"

    return {name: narrow(name, value) for name, value in properties.items()}


def settled(history: History) -> History:
    """The history with copies that say the same in all: whichever comes first, nothing changes."""
    found = list(history)
    by_id: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number in sorted(range(len(found)), key=lambda n: found[n].at):
        by_id[found[number].event, found[number].id].append(number)
    for numbers in by_id.values():
        group: list[int] = []
        last = datetime.min
        for number in numbers:
            at = found[number].at
            # What hangs together by copies of copies is one event, however long it lasts.
            group = [*group, number] if at - last <= DAYS else [number]
            last = at
            first = min(group)
            for one in group:
                found[one] = replace(history[first], batch=history[one].batch)
    return tuple(found)


def is_settled(history: History) -> bool:
    """Whether copies say the same in all."""
    return history == settled(history)
