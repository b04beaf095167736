"""The mapping of a backfill: what events a row of an older system tells of.

`backfills/hiring_log/mapping.yml` shows and explains its words.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from hirehouse.backfill_values import RowError, Time, iso, shown, typed
from hirehouse.contracts import Column, Contract, ContractError, compile_schema, read_yaml
from hirehouse.shape import nearest

Row = Mapping[str, str | None]
Value = Callable[[Row], Any]
TOP = ("name", "key", "time", "event", "properties", "user_id", "anonymous_id", "csv")
LIBRARY = {"name": "hirehouse-backfill"}


class MappingError(Exception):
    """A mapping that can't be used; the message names file, place and what to do."""


@dataclass(frozen=True)
class Emission:
    """One event that a row gives."""

    event: str
    properties: dict[str, Value]


@dataclass(frozen=True)
class RowMapping:
    """A mapping that was checked against the contracts.

    `cases` has the emissions by the text of the column `by`; a constant event is under None.
    """

    path: Path
    name: str
    key: tuple[str, ...]
    time: Time
    by: str | None
    cases: dict[str | None, tuple[Emission, ...]]
    ignore: frozenset[str | None]
    envelope: dict[str, Value]
    csv: dict[str, Any]
    columns: tuple[str, ...]

    def events(self, row: Row) -> list[tuple[str, bytes]] | None:
        """The events of a row: names, and their JSON in the Segment format.

        Returns:
            None if the row is left out on purpose.

        Raises:
            RowError: no case names it, its key or time is missing, or a value is in no `map`.
        """
        value = row[self.by] if self.by else None
        if self.by and value in self.ignore:
            return None
        if value not in self.cases:
            raise RowError(
                f"column {self.by}: no case for {shown(value)}: add it to `cases`, or to `ignore`"
                f" in {self.path}"
            )
        keys = [row[column] for column in self.key]
        for column, key in zip(self.key, keys, strict=True):
            if key is None:
                raise RowError(f"column {column}: empty, but part of the key of the row")
        text = row[self.time.column]
        if text is None:
            raise RowError(f"column {self.time.column}: empty, but the time of the event")
        try:
            moment = iso(self.time.read(text))
        except RowError as error:
            raise RowError(f"column {self.time.column}: {error}") from None
        seen: Counter[str] = Counter()
        made = []
        for emission in self.cases[value]:
            # Numbered per event, so that another event in the list changes no id.
            parts = [self.name, *keys, emission.event, seen[emission.event]]
            seen[emission.event] += 1
            event = {
                "type": "track",
                "event": emission.event,
                "messageId": hashlib.sha256(orjson.dumps(parts)).hexdigest(),
                "timestamp": moment,
                **_present(self.envelope, row),
                "context": {"library": LIBRARY},
                "properties": _present(emission.properties, row),
            }
            made.append((emission.event, orjson.dumps(event)))
        return made


def _present(values: dict[str, Value], row: Row) -> dict[str, Any]:
    return {name: v for name, read in values.items() if (v := read(row)) is not None}


def read_mapping(path: Path, contracts: dict[tuple[str, int], Contract]) -> RowMapping:
    """Read a mapping and hold it against the contracts.

    Raises:
        MappingError: the file is missing, is not YAML, has a word, event or property that does
            not exist, leaves out a required one, or a constant breaks the contract.
    """
    try:
        content = read_yaml(path)
    except ContractError as error:
        raise MappingError(str(error)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{path}: can't be read: {error}") from None
    return _Compiler(path, contracts).mapping(content)


class _Compiler:
    def __init__(self, path: Path, contracts: dict[tuple[str, int], Contract]) -> None:
        self.path = path
        self.contracts = contracts
        self.columns: dict[str, None] = {}  # in the order of their mention
        self.time = Time("")

    def error(self, place: str, text: str) -> MappingError:
        return MappingError(f"{self.path}: {place}: {text}" if place else f"{self.path}: {text}")

    def words(self, value: object, place: str, allowed: tuple[str, ...], *needed: str) -> Any:  # noqa: ANN401
        """A YAML mapping with no other words than these."""
        if not isinstance(value, dict):
            raise self.error(place, f"must be a mapping, not {shown(value)}")
        for word in value:
            if word not in allowed:
                raise self.error(place, f"there is no {word!r} here{nearest(word, allowed)}")
        for word in needed:
            if value.get(word) in (None, "", [], {}):
                raise self.error(place, f"`{word}` is missing")
        return value

    def text(self, value: object, place: str) -> str:
        if not isinstance(value, str):
            raise self.error(place, f"{value!r} must be text: write it in quotes")
        return value

    def column(self, value: object, place: str) -> str:
        name = self.text(value, place)
        self.columns[name] = None
        return name

    def mapping(self, content: object) -> RowMapping:
        top = self.words(content, "", TOP, "name", "key", "time", "event")
        name = self.text(top["name"], "name")
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
            raise self.error("name", "must be of letters, digits, _ . and -: it names a file, too")
        keys = top["key"] if isinstance(top["key"], list) else [top["key"]]
        key = tuple(self.column(column, "key") for column in keys)
        self.time = self.moment(top["time"])
        # A shared property is for the events that have it.
        anywhere = {column.name for one in self.contracts.values() for column in one.columns}
        shared = self.words(top.get("properties") or {}, "properties", tuple(anywhere))
        event = top["event"]
        by, ignore = None, frozenset[str | None]()
        cases: dict[str | None, tuple[Emission, ...]]
        if isinstance(event, dict) and ("by" in event or "cases" in event):
            self.words(event, "event", ("by", "cases", "ignore"), "by", "cases")
            by = self.column(event["by"], "event.by")
            if not isinstance(event["cases"], dict):
                raise self.error("event.cases", "must be a mapping from values to events")
            cases = {
                self.text(value, "event.cases"): self.emissions(
                    case, f"event.cases.{value}", shared
                )
                for value, case in event["cases"].items()
            }
            left_out = event.get("ignore") or []
            if not isinstance(left_out, list):
                raise self.error("event.ignore", "must be a list of values")
            ignore = frozenset(v if v is None else self.text(v, "event.ignore") for v in left_out)
            for value in ignore & cases.keys():
                raise self.error("event.ignore", f"{value!r} is also in `cases`")
        else:
            cases = {None: self.emissions(event, "event", shared)}
        envelope = {
            member: self.value(top[word], word, None)
            for word, member in (("user_id", "userId"), ("anonymous_id", "anonymousId"))
            if word in top
        }
        csv = self.words(top.get("csv") or {}, "csv", ("delimiter", "encoding"))
        columns = tuple(self.columns)
        return RowMapping(
            self.path, name, key, self.time, by, cases, ignore, envelope, csv, columns
        )

    def moment(self, spec: object) -> Time:
        if isinstance(spec, str):
            return Time(self.column(spec, "time"))
        words = self.words(spec, "time", ("column", "format", "zone"), "column")
        zone = words.get("zone")
        try:
            known = ZoneInfo(zone) if zone else None
        except (KeyError, ValueError, TypeError, OSError):
            raise self.error("time.zone", f"{zone!r} is no zone such as Europe/Berlin") from None
        form = None if words.get("format") is None else self.text(words["format"], "time.format")
        return Time(self.column(words["column"], "time.column"), form, known)

    def emissions(self, case: object, place: str, shared: dict[str, Any]) -> tuple[Emission, ...]:
        if isinstance(case, list):
            if not case:
                raise self.error(place, "gives no event: add its value to `ignore` instead")
            return tuple(self.emission(c, f"{place}[{i}]", shared) for i, c in enumerate(case))
        return (self.emission(case, place, shared),)

    def emission(self, case: object, place: str, shared: dict[str, Any]) -> Emission:
        words = {"event": case} if isinstance(case, str) else case
        words = self.words(words, place, ("event", "version", "properties"), "event")
        event, version = words["event"], words.get("version", 1)
        contract = self.contracts.get((self.text(event, place), version))
        if not contract:
            hint = nearest(event, {name for name, _ in self.contracts})
            of = f" version {version}" if version != 1 else ""
            raise self.error(place, f"no contract for the event {event!r}{of}{hint}")
        columns = {column.name: column for column in contract.columns}
        own = self.words(words.get("properties") or {}, f"{place}.properties", tuple(columns))
        properties = {
            name: self.value(spec, f"{place}.properties.{name}", columns[name])
            for name, spec in (shared | own).items()
            if name in columns
        }
        for column in contract.columns:
            if column.required and column.name not in properties:
                raise self.error(place, f"{event} requires the property {column.name}")
        if version != 1:
            properties["schema_version"] = lambda _: version
        return Emission(contract.event, properties)

    def value(self, spec: object, place: str, column: Column | None) -> Value:
        """How to get a property's value from a row; a missing one is None."""
        kinds = [k for k in ("column", "value", "template") if isinstance(spec, dict) and k in spec]
        if not isinstance(spec, dict) or len(kinds) != 1:
            raise self.error(place, "must be one of {column: …}, {value: …}, {template: …}")
        self.words(spec, place, ("column", "map") if kinds == ["column"] else (kinds[0],))
        if "value" in spec:
            return self.constant(spec["value"], place, column)
        if "template" in spec:
            return self.template(self.text(spec["template"], place), place, column)
        name = self.column(spec["column"], place)
        if "map" not in spec:
            return lambda row: typed(row[name], column, self.time)
        names = spec["map"]
        if not isinstance(names, dict):
            raise self.error(f"{place}.map", "must be a mapping from values to values")
        made: dict[str | None, Value] = {
            self.text(k, f"{place}.map"): self.constant(v, f"{place}.map.{k}", column)
            for k, v in names.items()
        }

        def mapped(row: Row) -> Any:  # noqa: ANN401 - any JSON
            if (text := row[name]) is None:
                return None
            if text not in made:
                raise RowError(f"column {name}: {shown(text)} is not in the map of {place}: add it")
            return made[text](row)

        return mapped

    def constant(self, value: object, place: str, column: Column | None) -> Value:
        try:
            orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME)
        except TypeError:
            raise self.error(
                place, f"{value!r} is not a value of JSON: write it in quotes"
            ) from None
        if column and value is not None:
            for error in compile_schema(column.schema()).iter_errors(value):
                raise self.error(place, f"breaks the contract: {error.message}")
        return lambda _: value

    def template(self, text: str, place: str, column: Column | None) -> Value:
        try:
            parts = list(Formatter().parse(text))
        except ValueError as error:
            raise self.error(place, f"{text!r}: {error}") from None
        if any(spec or conversion for _, _, spec, conversion in parts):
            raise self.error(place, f"{text!r}: only {{column}} may stand in a template")
        steps = [
            (literal, None if name is None else self.column(name, place))
            for literal, name, _, _ in parts
        ]

        def filled(row: Row) -> Any:  # noqa: ANN401 - any JSON
            made = ""
            for literal, name in steps:
                value = row[name] if name is not None else ""
                if value is None:
                    return None  # half an id would stand for several things
                made += literal + value
            return typed(made, column, self.time)

        return filled
