"""Exported contracts are documents of AsyncAPI and ODCS that say all that a contract says.

asyncapi_schema.json is the schema of AsyncAPI 3.0.0 that the npm package @asyncapi/specs ships; its
first line names file, version and licence. The schema of ODCS comes with the Python package.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard
from typer.testing import CliRunner

from hirehouse.commands.contracts import contracts_app
from hirehouse.contracts import model as contracts
from hirehouse.contracts.export import as_yaml, asyncapi, odcs
from hirehouse.contracts.model import Column, Contract, DataType

OURS = list(contracts.load().values())
BY_TABLE = {contract.table: contract for contract in OURS}
ASYNCAPI = jsonschema_rs.Draft7Validator(
    json.loads((Path(__file__).parent / "asyncapi_schema.json").read_text(encoding="utf-8"))
)
ODCS = jsonschema_rs.Draft201909Validator(
    json.loads((files("open_data_contract_standard") / "schema.json").read_text(encoding="utf-8"))
)
Document = dict[str, Any]
Change = Callable[[Document], object]


def exported(form: str, folder: Path) -> dict[str, Document]:
    """All documents that the command writes, by file."""
    out = folder / form
    result = CliRunner().invoke(contracts_app, ["export", "--format", form, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{len(list(out.iterdir()))} documents written to {out}\n"
    return {path.name: yaml.safe_load(path.read_bytes()) for path in sorted(out.iterdir())}


def made_up(*columns: Column, version: int = 1) -> Contract:
    table = "thing_done" + (f"_v{version}" if version > 1 else "")
    return Contract("app", table, version, "team", "A thing.", columns, False, Path("thing.yml"))


# AsyncAPI.


def test_each_application_has_a_document_of_asyncapi(tmp_path: Path) -> None:
    documents = exported("asyncapi", tmp_path)
    assert set(documents) == {f"{contract.source}.asyncapi.yaml" for contract in OURS}
    for document in documents.values():
        ASYNCAPI.validate(document)
    messages = [name for one in documents.values() for name in one["components"]["messages"]]
    assert sorted(messages) == sorted(BY_TABLE)


def test_every_reference_of_a_document_leads_somewhere(tmp_path: Path) -> None:
    def references(part: Any) -> list[str]:
        if not isinstance(part, dict | list):
            return []
        inner = part.values() if isinstance(part, dict) else part
        own = [part["$ref"]] if isinstance(part, dict) and "$ref" in part else []
        return [*own, *(found for one in inner for found in references(one))]

    for document in exported("asyncapi", tmp_path).values():
        found = references(document)
        assert len(found) == 3 * len(document["components"]["messages"])
        for reference in found:
            place: Any = document
            for step in reference.removeprefix("#/").split("/"):
                place = place[step]


@pytest.mark.parametrize("table", BY_TABLE)
def test_a_message_has_the_contract_and_an_example_that_conforms(table: str) -> None:
    contract = BY_TABLE[table]
    message = asyncapi(contract.source, [contract])["components"]["messages"][table]
    assert message["name"] == contract.event
    assert message["description"] == contract.description
    names = {tag["name"] for tag in message["tags"]}
    assert names == {f"owner:{contract.owner}", f"version:{contract.version}"}
    payload = message["payload"]
    jsonschema.Draft7Validator.check_schema(payload)
    [example] = message["examples"]
    jsonschema.Draft7Validator(payload).validate(example["payload"])
    properties = payload["properties"]["properties"]["properties"]
    for column in contract.columns:
        assert properties[column.name]["description"] == column.description
        assert properties[column.name].get("x-pii", False) == bool(column.meta.get("pii"))
        broken = json.loads(json.dumps(example["payload"]))
        broken["properties"][column.name] = {"a": 1} if not column.is_json else 7
        assert not jsonschema.Draft7Validator(payload).is_valid(broken)


def test_own_words_have_a_prefix_in_asyncapi_at_every_depth() -> None:
    inner = {"type": "object", "properties": {"scale": {"type": "string", "maxBytes": 4}}}
    meta = {"items": inner, "pii": True, "examples": [[{"scale": "a"}]]}
    contract = made_up(Column("things", DataType.parse("varchar(90)"), "Things.", meta))
    document = asyncapi("app", [contract])
    payload = document["components"]["messages"]["thing_done"]["payload"]
    things = payload["properties"]["properties"]["properties"]["things"]
    assert things["items"]["properties"] == {"scale": {"type": "string", "x-maxBytes": 4}}
    assert (things["x-maxBytes"], things["x-pii"]) == (90, True)
    assert things["examples"] == [[{"scale": "a"}]]
    ASYNCAPI.validate(document)
    # The example event has the same list, which is written twice.
    assert "&id" in yaml.safe_dump(document)
    assert "&id" not in as_yaml(document).decode()


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("info"),
        lambda d: d.update(asyncapi="2.6.0"),
        lambda d: d["info"].pop("version"),
        lambda d: d["operations"]["send_offer_extended"].update(action="publish"),
        lambda d: d["operations"]["send_offer_extended"].pop("channel"),
        lambda d: d["components"]["messages"]["offer_extended"].update(owner="marketplace"),
        lambda d: d["components"]["messages"]["offer_extended"]["payload"].update(type="text"),
        lambda d: d["components"]["messages"]["offer_extended"]["examples"][0].pop("payload"),
    ],
)
def test_a_broken_document_of_asyncapi_fails(change: Change) -> None:
    document = asyncapi("hiring", [BY_TABLE["offer_extended"]])
    ASYNCAPI.validate(document)
    change(document)
    assert not ASYNCAPI.is_valid(document)


# ODCS.


def test_each_contract_has_a_document_of_odcs(tmp_path: Path) -> None:
    documents = exported("odcs", tmp_path)
    assert set(documents) == {f"{table}.odcs.yaml" for table in BY_TABLE}
    for file, document in documents.items():
        ODCS.validate(document)
        contract = BY_TABLE[document["id"]]
        [table] = document["schema"]
        assert document["name"] == contract.event
        assert document["version"] == str(contract.version)
        assert document["team"] == {"name": contract.owner}
        assert document["customProperties"] == [{"property": "producer", "value": contract.source}]
        assert document["description"] == {"purpose": contract.description}
        columns = (*contracts.envelope(), *contract.columns)
        for column, told in zip(columns, table["properties"], strict=True):
            assert told["name"] == column.name
            assert told["physicalType"] == str(column.type)
            assert told["description"] == column.description
            assert told.get("required", False) == column.required
            assert told.get("examples") == column.meta.get("examples")
            assert (told.get("classification") == "pii") == bool(column.meta.get("pii"))
        assert OpenDataContractStandard.from_file(str(tmp_path / "odcs" / file)).schema_


def told(data_type: str, **meta: Any) -> Document:
    """How ODCS has a column, less what is the same for all."""
    document = odcs(made_up(Column("thing", DataType.parse(data_type), "A thing.", meta)))
    ODCS.validate(document)
    found = dict(document["schema"][0]["properties"][-1])
    assert [found.pop(word) for word in ("name", "description")] == ["thing", "A thing."]
    assert found.pop("physicalType") == data_type
    return found


def custom(**rules: Any) -> list[Document]:
    return [{"property": word, "value": rule} for word, rule in rules.items()]


def test_rules_are_those_of_odcs_where_it_has_them() -> None:
    assert told("boolean") == {"logicalType": "boolean"}
    assert told("timestamp", required=True) == {"logicalType": "timestamp", "required": True}
    assert told("date", future=True) == {
        "logicalType": "date",
        "customProperties": custom(future=True),
    }
    assert told("integer", minimum=0, maximum=9, examples=[7]) == {
        "logicalType": "integer",
        "logicalTypeOptions": {"minimum": 0, "maximum": 9},
        "examples": [7],
    }
    assert told("numeric(5,2)") == {
        "logicalType": "number",
        "logicalTypeOptions": {"exclusiveMinimum": -1000, "exclusiveMaximum": 1000},
        "customProperties": custom(scale=2),
    }
    assert told("varchar(9)", pattern="^a$", format="email", pii=True) == {
        "classification": "pii",
        "logicalType": "string",
        "logicalTypeOptions": {"maxLength": 9, "pattern": "^a$", "format": "email"},
        "customProperties": custom(maxBytes=9),
    }
    assert told("varchar(3)", enum=["USD", "EUR"])["quality"] == [
        {
            "type": "library",
            "metric": "invalidValues",
            "arguments": {"validValues": ["USD", "EUR"]},
            "mustBe": 0,
        }
    ]


def test_lists_and_objects_keep_their_members() -> None:
    inner = {
        "type": "object",
        "required": ["on"],
        "properties": {
            "on": {"type": "string", "format": "date"},
            "n": {"type": ["integer", "null"]},
        },
        "additionalProperties": False,
    }
    assert told("varchar(90)", items=inner) == {
        "logicalType": "array",
        "items": {
            "logicalType": "object",
            "logicalTypeOptions": {"required": ["on"]},
            "properties": [
                {"name": "on", "logicalType": "date", "required": True},
                {"name": "n", "logicalType": "integer"},
            ],
            "customProperties": custom(additionalProperties=False),
        },
        "customProperties": custom(maxBytes=90),
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("id"),
        lambda d: d.update(apiVersion="v9"),
        lambda d: d.update(kind="Contract"),
        lambda d: d.update(owner="marketplace"),
        lambda d: d["schema"][0].pop("name"),
        lambda d: d["schema"][0]["properties"][0].update(logicalType="varchar"),
        lambda d: d["schema"][0]["properties"][0].update(pii=True),
        lambda d: d["schema"][0]["properties"][0]["logicalTypeOptions"].update(maxBytes=9),
        lambda d: d["schema"][0]["properties"][-2]["quality"][0].update(metric="wrong"),
    ],
)
def test_a_broken_document_of_odcs_fails(change: Change) -> None:
    document = odcs(BY_TABLE["offer_extended"])
    ODCS.validate(document)
    change(document)
    assert not ODCS.is_valid(document)


# Both.


def test_versions_of_an_event_stand_side_by_side() -> None:
    both = [made_up(version=1), made_up(version=2)]
    messages = asyncapi("app", both)["components"]["messages"]
    assert {name: message["name"] for name, message in messages.items()} == {
        "thing_done": "thing_done",
        "thing_done_v2": "thing_done",
    }
    assert [(odcs(one)["id"], odcs(one)["version"]) for one in both] == [
        ("thing_done", "1"),
        ("thing_done_v2", "2"),
    ]


def test_an_unknown_format_ends_the_command(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        contracts_app, ["export", "--format", "avro", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()
