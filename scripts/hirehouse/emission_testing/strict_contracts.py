"""Strict contracts for emission tests, of the project or of exported schemas."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from hirehouse.contracts.model import ROOT, Column, Contract, ContractError, DataType, load
from hirehouse.events.validate import CompiledContracts

# Members of the envelope that check_line checks itself.
CHECKED_APART = {"type", "event", "messageId", "timestamp"}


@cache
def strict_contracts(folder: Path | None = None) -> CompiledContracts:
    """The contracts of a folder of `contracts export`, else of the project; at least one."""
    if not folder:
        contracts = {key: replace(contract, strict=True) for key, contract in load().items()}
        if not contracts:
            hint = "by hirehouse_schemas in pytest's ini, or by --schemas of the collector"
            raise ContractError(f"{ROOT} holds no contract: name a folder of exported ones {hint}")
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
    # A text, which has a size, may have the format of a time. All other rules are in the schema.
    times = {} if "maxBytes" in schema else {"date": "date", "date-time": "timestamp"}
    kind = times.get(schema.get("format", ""), "boolean")
    return Column(name, DataType(kind), schema["description"], schema)
