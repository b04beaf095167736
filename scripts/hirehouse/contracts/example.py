"""An example event that conforms to a contract, the same at every call."""

from typing import Any

from hirehouse.contracts.model import Contract

# Not in the future, for whichever day an example is landed.
TIMES = {"date": "2025-01-15", "date-time": "2025-01-15T09:30:00Z"}
NUMBER = 10  # a dull one that most bounds allow
UNLIMITED = 1_000


def example_event(contract: Contract) -> dict[str, Any]:
    """A whole event in the Segment format, with every property of the contract.

    It conforms unless a property has a pattern or a format, and no `examples`.
    """
    properties = {c.name: _value(c.schema(), c.name) for c in contract.columns}
    if contract.version > 1:
        properties["schema_version"] = contract.version
    return {
        "type": "track",
        "event": contract.event,
        "messageId": f"{contract.table}-1"[:128],
        "timestamp": TIMES["date-time"],
        "userId": "user_1",
        "properties": properties,
    }


def _value(schema: dict[str, Any], name: str) -> Any:
    values = [schema["const"]] if "const" in schema else schema.get("examples", schema.get("enum"))
    if values:
        return values[0]
    kinds = schema.get("type", "string")
    match kinds[0] if isinstance(kinds, list) else kinds:
        case "string":
            size = min(schema.get("maxLength", UNLIMITED), schema.get("maxBytes", UNLIMITED))
            text = f"{name}_1".ljust(schema.get("minLength", 0), "x")[:size]
            return TIMES.get(schema.get("format", ""), text)
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
