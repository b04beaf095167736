"""The exact check of one line: every rule that it breaks, with pointer, expectation and finding.

It is slow, and used for the lines that the fast path in `landing/check_batch.py` does not accept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import jsonschema_rs

from hirehouse.contracts.model import VISIBLE, Contract, compile_schema, envelope, id_rules
from hirehouse.events.exact_json import JsonError, kind, point, read_exact, show, to_json, walk
from hirehouse.events.segment import CALLS, as_track

MAX_LINE = 32_768  # bytes; the limit of the Segment API
FIRST_YEAR = 2000
FIRST = datetime(FIRST_YEAR, 1, 1)
FUTURE = timedelta(days=1)
EXPECTED = 300
BOM = b"\xef\xbb\xbf"
# Where the envelope's texts are in the event.
ENVELOPE_PATHS: dict[str, tuple[str, ...]] = {
    "event_id": ("messageId",),
    "user_id": ("userId",),
    "anonymous_id": ("anonymousId",),
    "session_id": ("context", "sessionId"),
    "context_page_url": ("context", "page", "url"),
    "context_page_referrer": ("context", "page", "referrer"),
    "context_utm_source": ("context", "campaign", "source"),
    "context_utm_medium": ("context", "campaign", "medium"),
    "context_utm_campaign": ("context", "campaign", "name"),
    "context_user_agent": ("context", "userAgent"),
    "context_library_name": ("context", "library", "name"),
    "context_library_version": ("context", "library", "version"),
    "context_app_version": ("context", "app", "version"),
}
# The objects of the format, outer ones first.
OBJECTS = sorted(
    {path[:-1] for path in ENVELOPE_PATHS.values() if path[1:]} | {("properties",), ("traits",)}
)
# And its times; the first two are one: `timestamp`, else `originalTimestamp`.
TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
FLAWS = {"duplicate_key": ("once", "twice"), "unicode": ("Unicode text", "other bytes")}
AN_ID = "an id: a text with a visible character, and no placeholder such as undefined"
# What reasons show; other members of the envelope may identify a person.
SHOWN = {"messageId", "event", "type", *TIMES}
ID = compile_schema({"type": "string"} | id_rules())
RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


@dataclass(frozen=True)
class Reason:
    """Why an event failed: rule, JSON pointer, what was expected and what was found."""

    rule: str
    pointer: str
    expected: str
    found: str


@dataclass
class Verdict:
    """The result of the exact check; without reasons the event may land."""

    reasons: list[Reason] = field(default_factory=list)
    event: dict[str, Any] | None = None
    compiled: CompiledContract | None = None
    error: Exception | None = None  # of the check itself


class CompiledContract:
    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.known = frozenset(c.name for c in contract.columns) | {"schema_version"}
        self.private = {c.name for c in contract.columns if c.meta.get("pii")}

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The schema of a whole event, envelope included; may be set before its first use."""
        return event_schema(self.contract)

    @cached_property
    def exact(self) -> jsonschema_rs.Draft202012Validator:
        """All rules of the contract and the sizes of the envelope's texts."""
        return compile_schema(self.schema)

    @cached_property
    def fast(self) -> jsonschema_rs.Draft202012Validator:
        """What the fast path requires of an event, without `maxBytes`.

        Custom keywords cost a call into Python per value; sizes are checked by column later.
        """
        schema = without(self.schema, "maxBytes")
        time = {"type": "string", "format": "date-time"}
        optional = {"type": ["string", "null"], "format": "date-time"}
        schema["properties"] |= {
            "type": {"const": "track"},
            "messageId": schema["properties"]["messageId"] | {"type": "string"},
            "timestamp": time,
            "sentAt": optional,
            "receivedAt": optional,
        }
        schema["required"] = [*schema["required"], "messageId", "timestamp"]
        return compile_schema(schema)


def event_schema(contract: Contract) -> dict[str, Any]:
    schema = contract.schema(strict=contract.strict)
    columns = {column.name: column for column in envelope()}
    for name, path in ENVELOPE_PATHS.items():
        node = schema["properties"]
        for step in path[:-1]:
            inner = node.setdefault(step, {"type": ["object", "null"], "properties": {}})
            node = inner["properties"]
        node[path[-1]] = columns[name].schema() | {"type": ["string", "null"]}
    return schema


def is_id(value: object) -> bool:
    """Whether a value is an id: a text with a visible character, and no placeholder for one."""
    return ID.is_valid(value)


def _replace_empty_lists(event: dict[str, Any]) -> None:
    """Read `[]` as an object where the format has one: PHP writes an empty object so."""
    for *path, last in OBJECTS:
        parent = member(event, *path)
        if isinstance(parent, dict) and parent.get(last) == []:
            parent[last] = {}


def without(schema: Any, word: str) -> Any:
    if isinstance(schema, dict):
        return {k: without(v, word) for k, v in schema.items() if k != word}
    return [without(v, word) for v in schema] if isinstance(schema, list) else schema


class CompiledContracts:
    def __init__(self, contracts: dict[tuple[str, int], Contract]) -> None:
        self.versions = {key: CompiledContract(contract) for key, contract in contracts.items()}
        self.names: dict[str, str] = {}
        for event, _ in contracts:
            # SDK users also write events in Title Case, as the format's own guide does.
            self.names |= {event: event, event.replace("_", " ").title(): event}
        # By name as written, for events that state no version.
        self.first = {
            name: self.versions[event, 1]
            for name, event in self.names.items()
            if (event, 1) in self.versions
        }

    def find(self, name: object, version: object) -> CompiledContract | None:
        """The contract for the name of an event as written and its `schema_version`, default 1."""
        if not isinstance(name, str) or name not in self.names:
            return None
        number = 1 if version is None else version
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if type(number) is not int:  # bool is a subclass of int
            return None
        return self.versions.get((self.names[name], number))


def utc_now() -> datetime:
    """The time, UTC without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def parse_time(text: object) -> datetime | None:
    """A time of RFC 3339 as UTC without zone; None if it is invalid.

    Digits beyond microseconds are truncated.
    """
    match = RFC3339.fullmatch(text) if isinstance(text, str) else None
    if not match:
        return None
    day, clock, fraction, zone = match.groups()
    try:
        time = datetime.fromisoformat(
            f"{day}T{clock}.{(fraction or '0')[:6]:0<6}{'+00:00' if zone in 'Zz' else zone}"
        )
        return time.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def check_line(
    line: bytes, contracts: CompiledContracts, now: datetime, *, first: bool = False
) -> Verdict:
    """Check one line exactly.

    Args:
        line: its bytes without the newline.
        now: the time of landing, UTC without zone.
        first: the first line of a file, where a byte order mark is allowed.

    Returns:
        All reasons, with the event as far as it could be read; or no reasons, and the event with
        its compiled contract. An error of the check itself is the reason `internal`.
    """
    try:
        return _check_line(line, contracts, now, first)
    except Exception as error:  # one line must not stop those around it
        return internal(error)


def internal(error: Exception) -> Verdict:
    """The verdict on a line that could not be checked; its type says no value of the event."""
    reason = Reason("internal", "", "an event that can be checked", type(error).__name__)
    return Verdict([reason], error=error)


def _check_line(line: bytes, contracts: CompiledContracts, now: datetime, first: bool) -> Verdict:
    if len(line) > MAX_LINE:
        found = f"{len(line):,} bytes"
        return Verdict([Reason("size", "", f"at most {MAX_LINE:,} bytes", found)])
    text = line.removeprefix(BOM) if first else line
    reasons: list[Reason] = []
    try:
        document = read_exact(text)
    except JsonError as error:
        if not error.flaws:
            return Verdict([Reason("json", "", "JSON", str(error))])
        document = error.document
        reasons += [Reason(rule, pointer, *FLAWS[rule]) for rule, pointer in error.flaws]
    if not isinstance(document, dict):
        return Verdict([Reason("json", "", "a JSON object", kind(document))])
    _replace_empty_lists(document)
    origins = as_track(document)
    properties = document.get("properties")
    version = properties.get("schema_version") if isinstance(properties, dict) else None
    compiled = contracts.find(document.get("event"), version)
    reasons += _event(document, version, compiled, contracts)
    message_id = document.get("messageId")
    if not is_id(message_id):
        shown = show(message_id) if "messageId" in document else "nothing"
        reasons.append(Reason("message_id", "/messageId", AN_ID, shown))
    reasons += _times(document, now)
    if compiled:
        reasons += _contract(document, compiled)
    reasons += _nul(document)
    if compiled and isinstance(properties, dict):
        # A date with a wrong format has a reason already.
        named = {reason.pointer for reason in reasons}
        until = received(document, now) + FUTURE
        reasons += [r for r in _dates(properties, compiled, until) if r.pointer not in named]
    if not reasons and not isinstance(document.get("timestamp"), str):
        document["timestamp"] = document["originalTimestamp"]
    reasons = [replace(r, pointer=origins.get(r.pointer, r.pointer)) for r in reasons]
    return Verdict(reasons, document, compiled)


def received(event: dict[str, Any], now: datetime) -> datetime:
    """When an event was received, according to its collector if that can be, else now."""
    time = parse_time(event.get("receivedAt"))
    return time if time and FIRST <= time <= now else now


def member(event: Any, *path: str) -> Any:
    """The value at a path of an event; None if there is none."""
    for step in path:
        event = event.get(step) if isinstance(event, dict) else None
    return event


def _event(
    event: dict[str, Any],
    version: object,
    compiled: CompiledContract | None,
    contracts: CompiledContracts,
) -> Iterator[Reason]:
    kind_of_message = event.get("type", "track")
    if kind_of_message != "track":
        expected = ", ".join(f'"{call}"' for call in CALLS)
        yield Reason("event", "/type", f"one of {expected}", show(kind_of_message))
    elif "event" not in event:
        yield Reason("event", "/event", "the name of an event", "nothing")
    elif not isinstance(event["event"], str) or event["event"] not in contracts.names:
        yield Reason(
            "event", "/event", "the name of an event with a contract", show(event["event"])
        )
    elif not compiled:
        pointer = "/properties/schema_version"
        yield Reason("event", pointer, "a version that has a contract", show(version))


def _times(event: dict[str, Any], now: datetime) -> Iterator[Reason]:
    name = "timestamp" if event.get("timestamp") is not None else "originalTimestamp"
    if event.get(name) is None:
        yield Reason("time", "/timestamp", "a time with zone", "nothing")
    for member in (name, "sentAt", "receivedAt"):
        value = event.get(member)
        if value is None:
            continue
        time = parse_time(value)
        if not time:
            yield Reason("time", f"/{member}", "a time with zone, RFC 3339", show(value))
        elif time.year < FIRST_YEAR and member != "sentAt":
            yield Reason("time", f"/{member}", f"{FIRST_YEAR} or later", show(value))
        elif member == name and time > received(event, now) + FUTURE:
            expected = "at most a day after it was received"
            yield Reason("time", f"/{member}", expected, show(value))
        elif member == "receivedAt" and time > now + FUTURE:
            yield Reason("time", f"/{member}", "at most a day after it lands", show(value))


def _contract(event: dict[str, Any], compiled: CompiledContract) -> list[Reason]:
    reasons: dict[tuple[str, str], Reason] = {}
    for error in compiled.exact.iter_errors(event):
        path = list(error.instance_path)
        if path == ["event"] and error.kind.name == "type":
            continue  # has a reason already
        pointer = ""
        for step in path:
            pointer = point(pointer, step)
        rule = "maxBytes" if error.kind.name == "maxLength" else str(error.schema_path[-1])
        if path == ["messageId"] and rule != "maxBytes":
            continue  # has a reason already
        private = _private(path, compiled)
        if rule == "required":
            there = point(pointer, error.kind.value)
            reasons[rule, there] = Reason(rule, there, "a value", "nothing")
        elif rule == "additionalProperties":
            for name in error.kind.value:
                there = point(pointer, name)
                reasons[rule, there] = Reason(rule, there, "no such property", "a property")
        else:
            expected = _expected(compiled.schema, error.schema_path)
            found = show(error.instance, private=private)
            if expected == VISIBLE:
                rule, expected = "blank", "a visible character"
            elif rule == "not":
                rule, expected = "placeholder", AN_ID
            reasons.setdefault((rule, pointer), Reason(rule, pointer, expected, found))
    return sorted(reasons.values(), key=lambda r: (r.pointer, r.rule))


def _private(path: list[Any], compiled: CompiledContract) -> bool:
    if path[:1] == ["properties"]:
        return len(path) == 1 or path[1] in compiled.private
    return not path or path[0] not in SHOWN


def _expected(schema: Any, path: list[Any]) -> str:
    for step in path:
        schema = schema[step]
    if path[-1] == "type" and isinstance(schema, list):
        schema = " or ".join(schema)
    text = schema if isinstance(schema, str) else to_json(schema)
    return text if len(text) <= EXPECTED else text[: EXPECTED - 1] + "…"


def _nul(event: dict[str, Any]) -> Iterator[Reason]:
    """NUL characters, which PostgreSQL's text can't store."""
    landing = [("/properties", event.get("properties"))]
    landing += [("/" + "/".join(p), member(event, *p)) for p in ENVELOPE_PATHS.values()]
    for start, part in landing:
        for pointer, value in walk(part, start):
            if isinstance(value, str) and "\0" in value:
                yield Reason("nul", pointer, "no NUL character", kind(value))
            elif isinstance(value, dict) and any("\0" in name for name in value):
                yield Reason("nul", pointer, "no NUL character in a name", kind(value))


def _dates(
    properties: dict[str, Any], compiled: CompiledContract, until: datetime
) -> Iterator[Reason]:
    for column in compiled.contract.columns:
        value = properties.get(column.name)
        if column.type.kind not in ("date", "timestamp") or not isinstance(value, str):
            continue
        shown = show(value, private=column.name in compiled.private)
        text = f"{value}T00:00:00Z" if column.type.kind == "date" else value
        time = parse_time(text)
        pointer = point("/properties", column.name)
        if not time:
            # A leap second passes the format, but no engine can store it.
            yield Reason("date", pointer, "a time that exists", shown)
        elif time.year < FIRST_YEAR:
            yield Reason("date", pointer, f"{FIRST_YEAR} or later", shown)
        elif time > until and not column.meta.get("future"):
            yield Reason("date", pointer, "at most a day after it was received", shown)
