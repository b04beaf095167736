"""Rows of a table as events: where each column goes, and how its value is written as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hirehouse.events.validate import ENVELOPE_PATHS

# Where the columns go that are no properties.
ENVELOPE: dict[str, tuple[str, ...]] = {
    "event": ("event",),
    "message_id": ("messageId",),
    "occurred_at": ("timestamp",),
    "received_at": ("receivedAt",),
    "sent_at": ("sentAt",),
    "schema_version": ("properties", "schema_version"),
    **{name: path for name, path in ENVELOPE_PATHS.items() if name != "event_id"},
}
WHOLE = "U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER"
SHORTEST = r"regexp_replace(cast({0} as varchar), '\.0+$|(\.\d*[1-9])0+$', '\1')"
# How DuckDB writes a value as JSON, by its type. All else is text.
AS_JSON = {
    r".*\[\d*\]|JSON|STRUCT.*|MAP.*": "to_json({})",
    # Without zeros at the end: the shortest form is what other JSON has, and quick to check.
    "DECIMAL.*": SHORTEST,
    # JSON has no infinity: as a text, the contract refuses it by its column.
    "DOUBLE|FLOAT": f"case when isfinite({{0}}) then {SHORTEST} else to_json({{0}}::varchar) end",
    f"{WHOLE}|BOOLEAN": "{}",
}


def as_text(kind: str, value: str) -> str:
    """SQL of DuckDB for a value as JSON, or as the text that becomes JSON.

    Args:
        kind: its type, as DuckDB calls it. A timestamp without a zone is taken for UTC.
        value: SQL of the value.
    """
    if kind.startswith("TIMESTAMP"):
        value = f"replace(cast(cast({value} as timestamp) as varchar), ' ', 'T') || 'Z'"
    sql = next((sql for pattern, sql in AS_JSON.items() if re.fullmatch(pattern, kind)), "{}")
    return f"cast({sql.format(value)} as varchar)"


class Rows:
    """Makes events of rows whose values `as_text` has written.

    Args:
        names: of the columns, in the order of the values.
        types: by name, as DuckDB calls them; a column without one is text.
        library: the name that says who has made the event, unless a column does.
    """

    def __init__(self, names: Sequence[str], types: Mapping[str, str], library: str) -> None:
        self.paths = [ENVELOPE.get(name, ("properties", name)) for name in names]
        self.raw = [any(re.fullmatch(k, types.get(name, "")) for k in AS_JSON) for name in names]
        self.library = library

    def event(self, values: Sequence[str | None]) -> dict[str, Any]:
        """The event of a row, for orjson; a null is left out."""
        event: dict[str, Any] = {"type": "track", "context": {"library": {"name": self.library}}}
        event["properties"] = {}
        for path, value, is_json in zip(self.paths, values, self.raw, strict=True):
            if value is not None:
                node = event
                for step in path[:-1]:
                    node = node.setdefault(step, {})
                node[path[-1]] = orjson.Fragment(value) if is_json else value
        return event
