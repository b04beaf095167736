"""An example event that conforms to a contract, the same at every call."""

from __future__ import annotations

from pathlib import Path
from re import _parser  # type: ignore[attr-defined]  # there is no public parser of patterns
from typing import Any

from hirehouse.contracts import Contract, read_yaml

# By format, beside the list of those that a contract may use.
FORMATS: dict[str, str] = read_yaml(Path(__file__).with_name("contract.schema.yml"))["x-formats"]
CATEGORIES = {"CATEGORY_DIGIT": "0", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " "}
NUMBER = 10  # a dull one that most bounds allow
UNLIMITED = 1_000


def example_event(contract: Contract) -> dict[str, Any]:
    """A whole event in the Segment format, with every property of the contract.

    It conforms unless a pattern says more than a few plain characters can answer (look-around, back
    references); such a property has to be filled in by hand.
    """
    properties = {c.name: _value(c.schema(), c.name) for c in contract.columns}
    if contract.version > 1:
        properties["schema_version"] = contract.version
    return {
        "type": "track",
        "event": contract.event,
        "messageId": f"{contract.table}-1"[:128],
        "timestamp": FORMATS["date-time"],
        "userId": "user_1",
        "properties": properties,
    }


def _value(schema: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - any JSON
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    kinds = schema.get("type", "string")
    match kinds[0] if isinstance(kinds, list) else kinds:
        case "string":
            return _text(schema, name)
        case "integer" | "number":
            low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
            # One inside of an excluded bound: 0 for a type without whole digits.
            high = schema.get("maximum", schema.get("exclusiveMaximum", UNLIMITED) - 1)
            return max(low, min(high, NUMBER))
        case "boolean":
            return True
        case "array":
            return [_value(schema.get("items", {}), name)] * max(1, schema.get("minItems", 1))
        case _:
            return {k: _value(s, k) for k, s in schema.get("properties", {}).items()}


def _text(schema: dict[str, Any], name: str) -> str:
    if "pattern" in schema:
        return _matching(_parser.parse(schema["pattern"]))
    if "format" in schema:
        return FORMATS.get(schema["format"], name)
    size = min(schema.get("maxLength", UNLIMITED), schema.get("maxBytes", UNLIMITED))
    return f"{name}_1".ljust(schema.get("minLength", 0), "x")[:size]


def _matching(parsed: Any) -> str:  # noqa: ANN401 - re has no types for it
    """The first text that a parsed pattern matches, as far as its parts are plain."""
    text = ""
    for kind, value in parsed:
        match str(kind):
            case "LITERAL":
                text += chr(value)
            case "RANGE":
                text += chr(value[0])
            case "CATEGORY":
                text += CATEGORIES.get(str(value), "~")
            case "ANY" | "NOT_LITERAL" | "NEGATE":
                text += "~"
            case "IN":
                text += _matching(value[:1])
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                # One of what may be left out reads better than none.
                text += _matching(value[2]) * max(value[0], min(1, value[1]))
            case "SUBPATTERN":
                text += _matching(value[-1])
            case "BRANCH":
                text += _matching(value[1][0])
    return text
