"""The contracts as emission tests hold them: strict, of the project or of exported schemas."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from hirehouse.contracts.model import ROOT, Column, Contract, ContractError, DataType, load
from hirehouse.events.validate import CompiledContracts

# What the check of an event says of its envelope in words of its own.
CHECKED_APART = {"type", "event", "messageId", "timestamp"}


@cache
def strict_contracts(folder: Path | None = None) -> CompiledContracts:
    """The contracts of a folder of `contracts export`, else the project's; there must be some."""
    if not folder:
        contracts = {key: replace(contract, strict=True) for key, contract in load().items()}
        if not contracts:
            raise ContractError(f"{ROOT} holds no contract: set hirehouse_schemas in pytest's ini")
        return CompiledContracts(contracts)
    try:
        index = json.loads((folder / "index.json").read_bytes())
    except FileNotFoundError as error:
        raise ContractError(f"{error.filename} is missing: `contracts export` it") from error
    contracts, schemas = {}, {}
    for entry in index:
        key, path = (entry["event"], entry["version"]), folder / entry["file"]
        schema = schemas[key] = json.loads(path.read_bytes())
        members = schema["properties"]["properties"]["properties"]
        columns = tuple(_column(n, m) for n, m in members.items() if n != "schema_version")
        about = (schema["title"], key[1], "", schema["description"], columns)
        contracts[key] = Contract("", *about, strict=True, path=path)
    found = CompiledContracts(contracts)
    for key, schema in schemas.items():
        envelope = {n: m for n, m in schema["properties"].items() if n not in CHECKED_APART}
        found.versions[key].schema = schema | {"properties": envelope, "required": ["properties"]}
    return found


def _column(name: str, schema: dict[str, Any]) -> Column:
    # A text may have the format of a time, too; it has a size. All else is in the schema.
    times = {} if "maxBytes" in schema else {"date": "date", "date-time": "timestamp"}
    kind = times.get(schema.get("format", ""), "boolean")
    return Column(name, DataType(kind), schema["description"], schema)
