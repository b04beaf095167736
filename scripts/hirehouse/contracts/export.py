"""Contracts as JSON Schema, as AsyncAPI, and by the Open Data Contract Standard (ODCS)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from hirehouse.contracts.example import example_event
from hirehouse.contracts.model import ROOT, Column, Contract, doc_blocks, envelope, read_yaml

PROJECT = "dbt_project.yml"
# Words that JSON Schema does not have; AsyncAPI wants a prefix on them.
OWN = ("maxBytes", "scale", "pii", "future")
# The words that ODCS takes over from JSON Schema, by its logical type.
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
OPTIONS = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "integer": BOUNDS,
    "number": BOUNDS,
    "array": ("minItems", "maxItems", "uniqueItems"),
    "object": ("required",),
}
TIMES = {"date": "date", "date-time": "timestamp"}


def json_schema(contract: Contract, root: Path = ROOT) -> dict[str, Any]:
    """The strict JSON Schema of a whole event in the Segment format, as an application sends it."""
    schema = contract.schema(strict=True)
    sizes = {column.name: column.type.size for column in envelope(root)}
    schema["properties"] = {
        "type": {"const": "track"},
        # SDK users also write events in Title Case, which the lander takes as well.
        "event": {"enum": [contract.event, contract.event.replace("_", " ").title()]},
        "messageId": {"type": "string", "minLength": 1, **_at_most(sizes["event_id"])},
        "timestamp": {"type": "string", "format": "date-time"},
        "userId": {"type": ["string", "null"], **_at_most(sizes["user_id"])},
        "anonymousId": {"type": ["string", "null"], **_at_most(sizes["anonymous_id"])},
        "properties": schema["properties"]["properties"],
    }
    schema["required"] = ["event", "messageId", "timestamp", "properties"]
    return {"$schema": schema.pop("$schema"), "$id": f"{contract.table}.json", **schema}


def _at_most(size: int) -> dict[str, int]:
    return {"maxLength": size, "maxBytes": size}


def asyncapi(source: str, contracts: Sequence[Contract], root: Path = ROOT) -> dict[str, Any]:
    """What an application emits, as an AsyncAPI 3.0 document with a message for each contract.

    Args:
        source: the application.
        contracts: its contracts.
        root: the project's folder, whose version the document has.
    """
    project = read_yaml(root / PROJECT) if (root / PROJECT).exists() else {}
    version = str(project.get("version") or "0.0.0")
    about = doc_blocks(root).get(source)
    tables = [contract.table for contract in contracts]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": source, "version": version, **({"description": about} if about else {})},
        "defaultContentType": "application/json",
        "channels": {
            "track": {
                "address": "/v1/track",
                "description": "The collector, which takes events in the Segment format.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in tables},
            }
        },
        "operations": {
            f"send_{name}": {
                "action": "send",
                "channel": {"$ref": "#/channels/track"},
                "messages": [{"$ref": f"#/channels/track/messages/{name}"}],
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            }
            for name in tables
        },
        "components": {"messages": {c.table: _message(c, root) for c in contracts}},
    }


def _message(contract: Contract, root: Path) -> dict[str, Any]:
    schema = json_schema(contract, root)
    # AsyncAPI has a dialect of its own, which agrees on all that contracts use.
    payload = {word: rule for word, rule in schema.items() if not word.startswith("$")}
    return {
        "name": contract.event,
        "title": contract.table,
        "description": contract.description,
        "tags": [{"name": f"owner:{contract.owner}"}, {"name": f"version:{contract.version}"}],
        "payload": _prefixed(payload),
        "examples": [{"name": contract.table, "payload": example_event(contract)}],
    }


def _prefixed(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema with a prefix on hirehouse's own words."""
    renamed: dict[str, Any] = {}
    for word, rule in schema.items():
        if word == "properties":
            renamed[word] = {name: _prefixed(inner) for name, inner in rule.items()}
        elif word in ("items", "additionalProperties") and isinstance(rule, dict):
            renamed[word] = _prefixed(rule)
        else:
            renamed[f"x-{word}" if word in OWN else word] = rule
    return renamed


def odcs(contract: Contract, root: Path = ROOT) -> dict[str, Any]:
    """The landed table of an event as a document of the Open Data Contract Standard 3.1."""
    columns = [*envelope(root), *contract.columns]
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": contract.table,
        "name": contract.event,
        "version": str(contract.version),
        "status": "active",
        "description": {"purpose": contract.description},
        "team": {"name": contract.owner},
        "customProperties": [{"property": "producer", "value": contract.source}],
        "schema": [
            {
                "name": contract.table,
                "physicalName": f"landed.{contract.table}",
                "physicalType": "table",
                "logicalType": "object",
                "description": contract.description,
                "properties": [_property(column) for column in columns],
            }
        ],
    }


def _property(column: Column) -> dict[str, Any]:
    future = {"future": True} if column.meta.get("future") else {}
    return {
        "name": column.name,
        "description": column.description,
        "physicalType": str(column.type),
        **({"classification": "pii"} if column.meta.get("pii") else {}),
        **_logical(column.schema() | future, required=column.required),
    }


def _logical(schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    """A type with its rules; one that ODCS has no word for becomes a custom property."""
    rest = dict(schema)
    found: dict[str, Any] = {}
    kinds = rest.pop("type", [])
    kinds = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]
    if len(kinds) == 1:
        found["logicalType"] = TIMES.get(rest.get("format", ""), kinds[0])
        if found["logicalType"] in TIMES.values():
            del rest["format"]
    elif kinds:
        rest["type"] = kinds
    if required:
        found["required"] = True
    options = OPTIONS.get(found.get("logicalType", ""), ())
    if taken := {word: rest.pop(word) for word in options if word in rest}:
        found["logicalTypeOptions"] = taken
    found |= {word: rest.pop(word) for word in ("description", "examples") if word in rest}
    if "items" in rest:
        found["items"] = _logical(rest.pop("items"))
    if "properties" in rest:
        needed = taken.get("required", ())
        found["properties"] = [
            {"name": name, **_logical(inner, required=name in needed)}
            for name, inner in rest.pop("properties").items()
        ]
    if "enum" in rest:
        found["quality"] = [
            {
                "type": "library",
                "metric": "invalidValues",
                "arguments": {"validValues": [v for v in rest.pop("enum") if v is not None]},
                "mustBe": 0,
            }
        ]
    if rest:
        found["customProperties"] = [{"property": w, "value": rule} for w, rule in rest.items()]
    return found


def as_yaml(document: dict[str, Any]) -> bytes:
    # YAML would refer to the first one of two equal parts, which not every program follows.
    parts = json.loads(json.dumps(document, default=str))
    text: str = yaml.dump(parts, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    return text.encode()
