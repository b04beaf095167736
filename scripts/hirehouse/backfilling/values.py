"""Texts of an older system as values of events: moments, and a contract's types in JSON."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from hirehouse.contracts.model import Column
from hirehouse.contracts.yaml_schema import shown

BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class RowError(Exception):
    """A row that the mapping says nothing of; the message says what to do."""


@dataclass(frozen=True)
class Time:
    """How a column's text becomes a moment: `format` of strptime, unix, unix_ms, else ISO 8601.

    A local time that came twice, when the clocks went back, is taken for the first.
    """

    column: str
    format: str | None = None
    zone: tzinfo | None = None

    def read(self, text: str) -> datetime:
        """The moment in UTC; RowError if it is none, has no zone, or never was."""
        try:
            if self.format in ("unix", "unix_ms"):
                seconds = Decimal(text) / (1000 if self.format == "unix_ms" else 1)
                return datetime.fromtimestamp(float(seconds), UTC)
            time = (
                datetime.strptime(text, self.format)
                if self.format
                else datetime.fromisoformat(text)
            )
            if time.tzinfo is None and self.zone:
                local, time = time, time.replace(tzinfo=self.zone)
                if time.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != local:
                    raise RowError(f"{shown(text)} does not exist in {self.zone}")
            if time.tzinfo:
                return time.astimezone(UTC)
        except (ValueError, OverflowError, InvalidOperation, OSError):
            how = f"of the format {self.format}" if self.format else "ISO 8601"
            raise RowError(
                f"{shown(text)} is not a time {how}: state `format` beside `time`, or mend the row"
            ) from None
        raise RowError(f"{shown(text)} has no zone: state one beside `time`, such as `zone: UTC`")


def typed(text: str | None, column: Column | None, time: Time) -> Any:
    """A text as JSON of the contract's type; as it is where it is none, to fail at the door.

    The zone of `time` holds for timestamps without one.
    """
    if text is None or column is None:
        return text
    made: Any = text
    match column.type.kind:
        case "varchar" if column.is_json:
            with suppress(orjson.JSONDecodeError):
                orjson.loads(text)
                made = orjson.Fragment(text)
        case "integer" | "bigint" | "numeric":
            made = _number(text)
        case "boolean":
            made = BOOLEANS.get(text.lower(), text)
        case "date":
            # Other systems keep days as timestamps of midnight.
            made = re.sub(r"[T ]00:00:00(\.0+)?$", "", text)
        case "timestamp":
            with suppress(RowError):
                made = iso(Time("", None, time.zone).read(text))
    return made


def iso(time: datetime) -> str:
    """A moment in UTC as an event says it."""
    return time.isoformat().replace("+00:00", "Z")


def _number(text: str) -> Any:
    """Digits go over as they are: a float would change the last of long ones."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite() or abs(number.adjusted()) > 40:
        return text
    whole = number == number.to_integral_value()
    return orjson.Fragment(str(int(number)) if whole else format(number, "f"))
