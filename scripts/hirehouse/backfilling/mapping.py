"""The mapping of a backfill: what events a row of an older system tells of.

`backfills/hiring_log/mapping.yml` shows and explains its words.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import yaml

from hirehouse.backfilling.values import RowError, Time, iso, typed
from hirehouse.contracts.model import Column, Contract, compile_schema, unreadable
from hirehouse.contracts.yaml_schema import flaws, nearest, read_lined, shown

Row = Mapping[str, str | None]
Value = Callable[[Row], Any]
LIBRARY = {"name": "hirehouse-backfill"}


class MappingError(Exception):
    """A mapping that can't be used; the message names file, place and what to do."""


@dataclass(frozen=True)
class Emission:
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
        """The events of a row as names and JSON; None if the row is left out on purpose.

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
    """Read a mapping and hold it against its schema and the contracts.

    Raises:
        MappingError: the file is missing, is not YAML, has a word, event or property that does
            not exist, leaves out a required one, or a constant breaks the contract.
    """
    try:
        content, _ = read_lined(path)
        found = [
            f"{path}: {'.'.join(map(str, (*place, word)))}: {message}"
            for place, word, message in flaws(content, "backfill.schema.yml")
        ]
    except OSError as error:
        raise MappingError(f"{path}: can't be read: {error}") from None
    except (yaml.YAMLError, ValueError) as error:
        line, message = unreadable(error)
        raise MappingError(f"{path}:{line}: {message}") from None
    if found:
        raise MappingError("\n".join(found))
    return _Compiler(path, contracts).mapping(content)


class _Compiler:
    def __init__(self, path: Path, contracts: dict[tuple[str, int], Contract]) -> None:
        self.path = path
        self.contracts = contracts
        self.columns: dict[str, None] = {}  # in the order of their mention
        self.time = Time("")

    def error(self, place: str, text: str) -> MappingError:
        return MappingError(f"{self.path}: {place}: {text}")

    def column(self, name: str) -> str:
        self.columns[name] = None
        return name

    def mapping(self, top: dict[str, Any]) -> RowMapping:
        keys = [top["key"]] if isinstance(top["key"], str) else top["key"]
        key = tuple(map(self.column, keys))
        self.time = self.moment(top["time"])
        # A shared property is for the events that have it.
        anywhere = {column.name for one in self.contracts.values() for column in one.columns}
        shared = self.known(top.get("properties", {}), anywhere, "properties")
        event = top["event"]
        by, ignore = None, frozenset[str | None]()
        cases: dict[str | None, tuple[Emission, ...]]
        if isinstance(event, dict) and "by" in event:
            by, ignore = self.column(event["by"]), frozenset(event.get("ignore", []))
            cases = {
                value: self.emissions(case, f"event.cases.{value}", shared)
                for value, case in event["cases"].items()
            }
            for value in ignore & cases.keys():
                raise self.error("event.ignore", f"{value!r} is also in `cases`")
        else:
            cases = {None: self.emissions(event, "event", shared)}
        envelope = {
            member: self.value(top[word], word, None)
            for word, member in (("user_id", "userId"), ("anonymous_id", "anonymousId"))
            if word in top
        }
        csv, columns = top.get("csv", {}), tuple(self.columns)
        return RowMapping(
            self.path, top["name"], key, self.time, by, cases, ignore, envelope, csv, columns
        )

    def moment(self, spec: Any) -> Time:
        words = {"column": spec} if isinstance(spec, str) else spec
        zone = words.get("zone")
        try:
            known = ZoneInfo(zone) if zone else None
        except (KeyError, ValueError, OSError):
            raise self.error("time.zone", f"{zone!r} is no zone such as Europe/Berlin") from None
        return Time(self.column(words["column"]), words.get("format"), known)

    def known(self, named: dict[str, Any], columns: Collection[str], place: str) -> dict[str, Any]:
        for name in named:
            if name not in columns:
                raise self.error(place, f"there is no {name!r} here{nearest(name, columns)}")
        return named

    def emissions(self, case: Any, place: str, shared: dict[str, Any]) -> tuple[Emission, ...]:
        several = case if isinstance(case, list) else [case]
        return tuple(self.emission(one, place, shared) for one in several)

    def emission(self, case: Any, place: str, shared: dict[str, Any]) -> Emission:
        words: dict[str, Any] = {"event": case} if isinstance(case, str) else case
        event, version = words["event"], words.get("version", 1)
        contract = self.contracts.get((event, version))
        if not contract:
            hint = nearest(event, {name for name, _ in self.contracts})
            of = f" version {version}" if version != 1 else ""
            raise self.error(place, f"no contract for the event {event!r}{of}{hint}")
        columns = {column.name: column for column in contract.columns}
        own = self.known(words.get("properties", {}), columns, f"{place}.properties")
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

    def value(self, spec: dict[str, Any], place: str, column: Column | None) -> Value:
        """How to get a property's value from a row; a missing one is None."""
        if "value" in spec:
            return self.constant(spec["value"], place, column)
        if "template" in spec:
            return self.template(spec["template"], place, column)
        name = self.column(spec["column"])
        if "map" not in spec:
            return lambda row: typed(row[name], column, self.time)
        made = {k: self.constant(v, f"{place}.map.{k}", column) for k, v in spec["map"].items()}

        def mapped(row: Row) -> Any:
            if (text := row[name]) is None:
                return None
            if text not in made:
                raise RowError(f"column {name}: {shown(text)} is not in the map of {place}: add it")
            return made[text](row)

        return mapped

    def constant(self, value: object, place: str, column: Column | None) -> Value:
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
        steps = [(literal, name and self.column(name)) for literal, name, _, _ in parts]

        def filled(row: Row) -> Any:
            made = ""
            for literal, name in steps:
                value = row[name] if name is not None else ""
                if value is None:
                    return None  # half an id would stand for several things
                made += literal + value
            return typed(made, column, self.time)

        return filled
