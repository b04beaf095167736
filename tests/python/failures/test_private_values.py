"""Values that may identify a person are printed by `show --values` alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hirehouse.commands.main import app
from hirehouse.contracts.model import load
from hirehouse.events.validate import CompiledContracts
from hirehouse.failures.outline import difference, outline
from hirehouse.failures.patches import Changes, PatchError, extended, patched, read_operations
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from support.events import event, line, write

SECRET = "s3cret"
CONTRACTS = CompiledContracts(load())


def private_event() -> dict[str, Any]:
    """An event that fails, whose members say the secret wherever no reason would show it."""
    made = event(1, currency="XXX", note=SECRET, unknown={"of": [SECRET, {}]})
    made |= {"userId": SECRET, "traits": {"email": SECRET}, "anonymousId": f"a-{SECRET}"}
    made["context"]["ip"] = SECRET
    # Inside of what should be a text, a contract means nothing.
    made["properties"]["candidate_id"] = {"name": SECRET}
    made["messageId"] = [SECRET]
    return made


def commands(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["failures", *arguments])
    assert isinstance(done.exception, SystemExit | None), done.output
    return done.output


@pytest.mark.one_engine
@pytest.mark.usefixtures("environment")
def test_no_command_prints_a_private_value_but_show_with_values(tmp_path: Path) -> None:
    fails = [line(private_event()), line(event(2, note=SECRET) | {"event": "no_such"})]
    fails.append(f'{{"broken": "{SECRET}'.encode())
    fails.append(line(event(3, note=SECRET)))  # which lands, with an unknown property
    with open_warehouse() as warehouse:
        result = land([write(tmp_path / "a.ndjson", fails)], warehouse)
    assert (result.events, result.failed) == (1, 3)
    listed = (
        commands("list") + commands("list", "--unknown") + commands("list", "--unknown", "--json")
    )
    assert "text of 6 characters" in listed
    for group in json.loads(commands("list", "--json")):
        failure_id = group["example"]
        tries = [commands("show", failure_id), commands("show", failure_id, "--json")]
        for change in (
            *("--remove=/properties/absent", "--set=/absent/member=1", "--set=/event/x=1"),
            *("--remove=/event/0", "--set=/messageId/7=1", "--remove=no", "--remove=/~2"),
            *("--remove=/properties/note", "--set=/properties/note=1", "--set=/userId=me"),
            *("--set=/event=interview_requested", "--remove=/messageId"),
        ):
            tries.append(commands("patch", failure_id, change, "--dry-run"))
        tries.append(commands("patch", failure_id, "--remove=/absent", "--dry-run", "--json"))
        patch = tmp_path / "patch.json"
        for operation in (
            {"op": "test", "path": "/userId", "value": "x"},
            {"op": "move", "from": "/absent", "path": "/x"},
            {"op": "move", "from": "/properties", "path": "/properties/note/x"},
            {"op": "copy", "from": "/userId", "path": "/properties/other"},
            {"op": "replace", "path": "/traits/-", "value": 1},
        ):
            patch.write_text(json.dumps([operation]))
            tries.append(commands("patch", failure_id, "--file", str(patch), "--dry-run"))
        tries.append(commands("patch", failure_id, "--set=/userId=me"))
        tries += [commands("show", failure_id), commands("show", failure_id, "--json")]
        for text in tries:
            assert SECRET not in text
            assert "Traceback" not in text
        assert SECRET in commands("show", failure_id, "--values")
        assert SECRET in commands("show", failure_id, "--values", "--json")
    assert SECRET in commands("list", "--unknown", "--values")


def test_an_outline_has_the_pointers_and_what_reasons_may_show() -> None:
    whole = outline(line(private_event()), CONTRACTS)
    assert whole["/properties/currency"] == '"XXX"'
    assert whole["/event"] == '"interview_requested"'
    assert whole["/userId"] == "text of 6 characters"
    assert whole["/properties/unknown/of/1"] == "object"
    assert whole["/properties/candidate_id/name"] == "text of 6 characters"
    assert whole["/messageId/0"] == "text of 6 characters"
    assert "/properties" not in whole
    private = [
        (contract, column)
        for contract in load().values()
        for column in contract.columns
        if column.meta.get("pii")
    ]
    assert private
    for contract, column in private:
        properties = {"schema_version": contract.version, column.name: SECRET}
        document = {"event": contract.event, "properties": properties}
        assert SECRET not in str(outline(line(document), CONTRACTS))
    assert outline(b"[1]", CONTRACTS) == {"/0": "number"}
    assert outline(b"7", CONTRACTS) == {"": "number"}
    assert outline(b"{", CONTRACTS) == {"": "1 bytes that can't be read as JSON"}
    assert outline(b'{"a":1,"a":2,"event":"x"}', CONTRACTS) == {"/a": "number", "/event": '"x"'}


def test_a_change_of_a_private_value_is_shown_by_its_kind() -> None:
    before, after = event(1), event(1, note=1) | {"userId": "emp-2"}
    changes = list(difference(line(before), line(after), CONTRACTS))
    assert [(c.pointer, c.before, c.after) for c in changes] == [
        ("/userId", "text of 5 characters", "text of 5 characters"),
        ("/properties/note", None, "number"),
    ]


SCALARS = st.sampled_from([SECRET, 1, 1.5, True, None])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc0"), inner),
    max_leaves=8,
)
POINTERS = st.lists(st.sampled_from([*"abc01-", "", "~0", "²", "~2"]), max_size=3).map(
    lambda parts: "".join(f"/{part}" for part in parts)
) | st.sampled_from(["a", "#/a", 7])
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "append", "x", 1])},
    optional={"path": POINTERS, "from": POINTERS, "value": st.sampled_from([1, {"a": []}, "x"])},
)


@example({"a": SECRET}, [{"op": "add", "path": "/b/c", "value": 1}], [])
@example({"a": SECRET}, [{"op": "test", "path": "/a", "value": 1}], [])
@example({"a": SECRET}, [{"op": "replace", "path": "/a/0", "value": 1}], [])
@settings(deadline=None, derandomize=True, max_examples=300)
@given(DOCUMENTS, st.lists(OPERATIONS, min_size=1, max_size=3), st.lists(POINTERS, max_size=2))
def test_any_patch_applies_or_says_why_without_a_value(
    document: Any, operations: list[Any], pointers: list[Any]
) -> None:
    texts = [pointer for pointer in pointers if isinstance(pointer, str)]

    def change() -> None:
        changes = Changes(read_operations(line(operations)), texts[:1], [(p, 1) for p in texts[1:]])
        patched(line(document), extended(line(document), "[]", changes, "f" * 64))

    assert SECRET not in problem(change)
    for patch in (document, {"op": "add"}, [document]):
        problem(partial(read_operations, line(patch)))


def problem(work: Callable[[], object]) -> str:
    """What a PatchError says; empty if there is none."""
    try:
        work()
    except PatchError as error:
        return str(error)
    return ""
