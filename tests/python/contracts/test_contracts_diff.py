"""`contracts diff` tells breaking changes from additive ones, in each direction."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from typer.testing import CliRunner

from hirehouse.commands.main import app
from hirehouse.contracts.diff import changes
from hirehouse.contracts.model import STAGING, load
from support.histories import collect

TEXT = {"data_type": "varchar(40)"}
WHOLE = {"data_type": "integer"}
NUMBER = {"data_type": "numeric(10,2)"}
TIME = {"data_type": "timestamp"}
LIST = {"data_type": "varchar(4000)", "items": {"type": "string"}}
THING = {"data_type": "varchar(4000)", "properties": {"a": {"type": "string"}}}
LABELS = THING | {"properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}

# What a property is, then is, and what that is called: in this direction, and in the other one.
TABLE: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None, str, str]] = {
    "optional": (None, TEXT, "additive: a new optional property", "breaking: was removed"),
    "required and new": (
        None,
        TEXT | {"required": True},
        "breaking: a new required property",
        "breaking: was removed",
    ),
    "required": (
        TEXT,
        TEXT | {"required": True},
        "breaking: is now required",
        "additive: is now optional: readers may see null",
    ),
    "longer": (
        TEXT,
        {"data_type": "varchar(80)"},
        "additive: type was varchar(40), is varchar(80)",
        "breaking: type was varchar(80), is varchar(40)",
    ),
    "bigger": (
        WHOLE,
        {"data_type": "bigint"},
        "additive: type was integer, is bigint",
        "breaking: type was bigint, is integer",
    ),
    "more digits": (
        NUMBER,
        {"data_type": "numeric(14,2)"},
        "additive: type was numeric(10,2), is numeric(14,2)",
        "breaking: type was numeric(14,2), is numeric(10,2)",
    ),
    "digits moved": (
        NUMBER,
        {"data_type": "numeric(10,4)"},
        "breaking: type was numeric(10,2), is numeric(10,4)",
        "breaking: type was numeric(10,4), is numeric(10,2)",
    ),
    "another type": (
        TEXT,
        WHOLE,
        "breaking: type was varchar(40), is integer",
        "breaking: type was integer, is varchar(40)",
    ),
    "a number for a whole one": (
        WHOLE,
        {"data_type": "numeric(20,0)"},
        "breaking: type was integer, is numeric(20,0)",
        "breaking: type was numeric(20,0), is integer",
    ),
    "a time for a date": (
        {"data_type": "date"},
        TIME,
        "breaking: type was date, is timestamp",
        "breaking: type was timestamp, is date",
    ),
    "enum": (
        TEXT,
        TEXT | {"enum": ["a"]},
        'breaking: enum was none, is ["a"]',
        'additive: enum was ["a"], is none',
    ),
    "enum value": (
        TEXT | {"enum": ["a"]},
        TEXT | {"enum": ["b", "a"]},
        'additive: enum was ["a"], is ["b","a"]',
        'breaking: enum was ["b","a"], is ["a"]',
    ),
    "minimum": (
        WHOLE,
        WHOLE | {"minimum": 0},
        "breaking: minimum was none, is 0",
        "additive: minimum was 0, is none",
    ),
    "higher minimum": (
        WHOLE | {"minimum": 0},
        WHOLE | {"minimum": 5},
        "breaking: minimum was 0, is 5",
        "additive: minimum was 5, is 0",
    ),
    "maximum": (
        NUMBER | {"maximum": 100},
        NUMBER | {"maximum": 99},
        "breaking: maximum was 100, is 99",
        "additive: maximum was 99, is 100",
    ),
    "pattern": (
        TEXT,
        TEXT | {"pattern": "^[a-z]+$"},
        'breaking: pattern was none, is "^[a-z]+$"',
        'additive: pattern was "^[a-z]+$", is none',
    ),
    "another pattern": (
        TEXT | {"pattern": "^[a-z]+$"},
        TEXT | {"pattern": "^[a-z]*$"},
        'breaking: pattern was "^[a-z]+$", is "^[a-z]*$"',
        'breaking: pattern was "^[a-z]*$", is "^[a-z]+$"',
    ),
    "format": (
        TEXT,
        TEXT | {"format": "email"},
        'breaking: format was none, is "email"',
        'additive: format was "email", is none',
    ),
    "future": (
        TIME,
        TIME | {"future": True},
        "additive: times in the future are now taken",
        "breaking: times in the future are now refused",
    ),
    "list": (
        {"data_type": "varchar(4000)"},
        LIST,
        "breaking: type was varchar(4000), is list in varchar(4000)",
        "breaking: type was list in varchar(4000), is varchar(4000)",
    ),
    "list's values": (
        LIST,
        LIST | {"items": {"type": "string", "maxLength": 9}},
        "breaking []: maxLength was none, is 9",
        "additive []: maxLength was 9, is none",
    ),
    "object's member": (
        THING,
        LABELS,
        "additive .b: is new",
        "breaking .b: was removed",
    ),
    "object's member's type": (
        THING,
        THING | {"properties": {"a": {"type": "integer"}}},
        'breaking .a: type was "string", is "integer"',
        'breaking .a: type was "integer", is "string"',
    ),
    "objects in a list": (
        LIST | {"items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        LIST
        | {
            "items": {
                "type": "object",
                "properties": {"n": {"type": "integer", "minimum": 1}},
                "required": ["n"],
                "additionalProperties": False,
            }
        },
        "breaking [].n: minimum was none, is 1",
        "additive [].n: minimum was 1, is none",
    ),
    "more required": (
        LIST | {"items": {"type": "object", "required": ["m"]}},
        LIST | {"items": {"type": "object", "required": ["m", "n"]}},
        'breaking []: required was ["m"], is ["m","n"]',
        'additive []: required was ["m","n"], is ["m"]',
    ),
    "unique": (
        LIST | {"items": {"type": "array", "uniqueItems": False}},
        LIST | {"items": {"type": "array", "uniqueItems": True, "minItems": 0}},
        "breaking []: uniqueItems was false, is true",
        "additive []: uniqueItems was true, is false",
    ),
    "other words": (TEXT, TEXT | {"description": "New words.", "pii": True}, "", ""),
}


def project(
    folder: Path, properties: Mapping[str, dict[str, Any] | None], **events: dict[str, Any]
) -> Path:
    """A project with one event of these properties, and more events with a meta of their own."""
    columns = []
    for name, stated in properties.items():
        if stated is not None:
            meta = {k: v for k, v in stated.items() if k not in ("data_type", "description")}
            column = {"name": name, "data_type": stated["data_type"], "config": {"meta": meta}}
            columns.append(column | {"description": stated.get("description", "A thing.")})
    tables = [
        {"name": name, "description": "It happened.", "config": {"meta": meta}, "columns": columns}
        for name, meta in (events or {"thing_done": {"version": 1}}).items()
    ]
    path = folder / STAGING / "an_app"
    path.mkdir(parents=True)
    sources = {"sources": [{"name": "an_app", "schema": "landed", "tables": tables}]}
    (path / "events.yml").write_text(yaml.safe_dump(sources))
    return folder


def told(old: Path, new: Path) -> list[str]:
    """The changes, shortened."""
    return [
        f"{'breaking' if c.breaking else 'additive'}"
        f"{f' {c.property[1:]}' if c.property[1:] else ''}: {c.change}"
        for c in changes(load(old), load(new))
    ]


@pytest.mark.parametrize("case", TABLE)
def test_each_change_is_named_in_both_directions(case: str, tmp_path: Path) -> None:
    before, after, there, back = TABLE[case]
    old = project(tmp_path / "old", {"p": before, "q": TEXT})
    new = project(tmp_path / "new", {"p": after, "q": TEXT})
    assert told(old, old) == []
    for expected, found in ((there, told(old, new)), (back, told(new, old))):
        assert (expected in found) if expected else not found, found
        if "breaking" not in expected:
            assert not [line for line in found if line.startswith("breaking")], found


# The generator of JSON makes no objects.
PLAIN = [case for case, row in TABLE.items() if not re.search("'(object|properties)'", str(row))]


@pytest.mark.parametrize("case", PLAIN)
def test_what_conformed_conforms_after_an_additive_change(case: str, tmp_path: Path) -> None:
    before, after, *_ = TABLE[case]
    projects = [project(tmp_path / n, {"p": p}) for n, p in (("old", before), ("new", after))]
    for old, new in (projects, projects[::-1]):
        if any(c.breaking for c in changes(load(old), load(new))):
            continue
        ((_, contract),) = load(old).items()
        ((_, next_contract),) = load(new).items()
        was, now = contract.validator, next_contract.validator

        members = contract.schema()["properties"]["properties"]
        values = {name: from_schema(schema) for name, schema in members["properties"].items()}
        given = {name: values.pop(name) for name in members["required"]}
        for properties in collect(st.fixed_dictionaries(given, optional=values), 25, seed=1):
            event = {"event": "thing_done", "properties": properties}
            assert now.is_valid(event) or not was.is_valid(event), event


def test_events_and_versions_come_and_go(tmp_path: Path) -> None:
    one, two = {"thing_done": {"version": 1}}, {"thing_done_v2": {"version": 2}}
    other = {"other_done": {"version": 1}}
    folders = {
        name: project(tmp_path / name, {"p": TEXT}, **events)
        for name, events in (
            ("one", one),
            ("both", one | two),
            ("two", two),
            ("other", one | other),
            ("strict", {"thing_done": {"version": 1, "strict": True}}),
        )
    }
    for old, new, expected in (
        ("one", "both", ["additive: the version is new"]),
        ("both", "one", ["breaking: the version was removed"]),
        ("one", "two", ["breaking: the version was removed", "additive: the version is new"]),
        ("one", "other", ["additive: the event is new"]),
        ("other", "one", ["breaking: the event was removed"]),
        ("one", "strict", ["breaking: unknown properties are now refused"]),
        ("strict", "one", ["additive: unknown properties are now taken"]),
    ):
        assert told(folders[old], folders[new]) == expected


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project below the top of a git repository, with an additive commit after its first one."""
    git(tmp_path, "init", "-q")
    folder = project(tmp_path / "warehouse", {"p": TEXT})
    for properties in ({"p": TEXT}, {"p": TEXT, "q": TEXT}):
        (folder / STAGING / "an_app" / "events.yml").unlink()
        (folder / STAGING / "an_app").rmdir()
        project(folder, properties)
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", "x")
    return folder


def git(folder: Path, *arguments: str) -> None:
    names = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True)


def diff(root: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["contracts", "diff", "--root", str(root), *arguments])
    return done.exit_code, done.output


def test_revisions_and_folders_can_be_compared(repository: Path, tmp_path: Path) -> None:
    assert diff(repository, "HEAD~1") == (
        0,
        "additive  thing_done.q (version 1): a new optional property\n0 breaking, 1 additive\n",
    )
    code, output = diff(repository, "HEAD", "HEAD~1")
    assert code == 1
    assert output.startswith("breaking  thing_done.q (version 1): was removed\n1 breaking, 0 add")
    assert "add <event>_v2.yml with version: 2" in output
    other = project(tmp_path / "other", {"p": TEXT | {"required": True}})
    code, output = diff(repository, "HEAD~1", str(other), "--json")
    assert code == 1
    [change] = json.JSONDecoder().raw_decode(output)[0]
    assert change == {
        "event": "thing_done",
        "version": 1,
        "property": "p",
        "change": "is now required",
        "breaking": True,
    }


def test_what_can_not_be_read_is_no_change(repository: Path) -> None:
    code, output = diff(repository, "no-such-revision")
    assert code == 2
    assert "no-such-revision: neither a project's folder nor a git revision" in output
    (repository / STAGING / "an_app" / "events.yml").write_text("sources: [")
    code, output = diff(repository, "HEAD")
    assert code == 2
    assert "events.yml" in output
