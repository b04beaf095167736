"""`hirehouse contracts`: every check fails on a broken contract, and ours are sound."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import scaffold
from hirehouse.commands.contracts import contracts_app
from hirehouse.contracts import model as contracts
from hirehouse.contracts.example import example_event
from hirehouse.contracts.export import json_schema
from hirehouse.contracts.lint import Problem, check

OURS = list(contracts.load().values())
SOUND = """\
sources:
  - name: app
    schema: landed
    tables:
      - name: thing_done
        description: A thing was done.
        config:
          meta: {version: 1, owner: team}
        columns:
          - name: thing_id
            description: The thing.
            data_type: varchar(8)
            config: {meta: {required: true}}
"""
META = "config: {meta: {required: true}}"
COLUMN = """\
          - name: {name}
            description: {name} of it.
            data_type: {type}
            config: {{meta: {{{meta}}}}}
"""
Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Makes a project of the real envelope and of contracts given as text by file name."""

    def make(text: str = SOUND, file: str = "app/thing_done.yml", **more: str) -> Path:
        staging = tmp_path / "models" / "staging"
        for name, content in {file: text, **more}.items():
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).write_text(content, encoding="utf-8")
        shutil.copy(contracts.ROOT / contracts.ENVELOPE, staging / "envelope.yml")
        shutil.copytree(contracts.ROOT / "models" / "docs", tmp_path / "models" / "docs")
        (tmp_path / scaffold.LISTED).parent.mkdir(parents=True)
        (tmp_path / scaffold.LISTED).write_text("{%- set names = {\n    } -%}\n")
        return tmp_path

    return make


def run(*args: object) -> Any:
    return CliRunner().invoke(contracts_app, [str(a) for a in args])


def run_scaffold(*args: object) -> Any:
    return CliRunner().invoke(scaffold.app, ["event", *(str(a) for a in args)])


def with_column(name: str = "extra", type: str = "integer", meta: str = "") -> str:
    return SOUND + COLUMN.format(name=name, type=type, meta=meta)


def test_our_contracts_are_sound() -> None:
    assert check() == []
    files = (contracts.ROOT / contracts.STAGING).glob("*/*.yml")
    events = {f.stem for f in files if not f.stem.startswith("stg_") and f.parent.name != "landing"}
    assert {c.table for c in OURS} == events


def test_the_sound_project_has_no_problem(project: Project) -> None:
    assert check(project()) == []


FILES = {
    # what: (a replacement in the sound contract, the rule that names it, a word of the message)
    "not YAML": ("- name: app", "- name: [app", "yaml", "not YAML"),
    "a tab": ("    schema: landed", "\tschema: landed", "yaml", "not YAML"),
    "a key twice": ("    schema: landed", "    schema: landed\n    schema: web", "yaml", "twice"),
    "a key that is no text": (META, "config: {meta: {1: 1}}", "yaml", "quotes"),
    "a bare date": (META, "config: {meta: {enum: [2024-01-01]}}", "yaml", "quotes"),
    "a list as key": ("    schema: landed", "    ? [a]\n    : landed", "yaml", "key"),
    "only text": (SOUND, "hello", "file", "sources"),
    "an empty file": (SOUND, "", "file", "sources"),
    "sources is text": (SOUND, "sources: app", "sources", "list"),
    "no tables": (SOUND, "sources: [{name: app, schema: landed}]", "tables", "list"),
    "a text among the tables": ("      - name: thing_done", "      - x\n      - name: thing_done",
                                "tables", "'x'"),
    "columns is a mapping": (SOUND[SOUND.index("          - name: thing_id") :], "          a: 1\n",
                             "columns", "list"),
    "another schema": ("schema: landed", "schema: staging", "schema", "landed"),
    "folder is not the source": ("name: app", "name: web", "folder", "web/"),
    "file is not the table": ("name: thing_done", "name: thing_made", "file", "thing_made.yml"),
    "table without name": ("- name: thing_done\n        desc", "- desc", "name", "missing"),
    "column without name": ("- name: thing_id\n            desc", "- desc", "name", "missing"),
    "no table description": ("description: A thing was done.", "", "description", "missing"),
    "empty description": ("description: The thing.", "description: ' '", "description", "means"),
    "an unknown docs block": ("description: The thing.", "description: \"{{ doc('candidate') }}\"",
                              "description", "candidate_id"),
    "no owner": (", owner: team", "", "owner", "missing"),
    "owner is a number": ("owner: team", "owner: 7", "owner", "the team"),
    "no version": ("version: 1, ", "", "version", "missing"),
    "version 0": ("version: 1", "version: 0", "version", "from 1"),
    "version is text": ("version: 1", "version: '1'", "version", "'1'"),
    "version is true": ("version: 1", "version: true", "version", "True"),
    "version without suffix": ("version: 1", "version: 2", "version", "thing_done_v2"),
    "suffix without version": ("name: thing_done", "name: thing_done_v2", "version", "thing_done"),
    "strict is text": ("owner: team", "owner: team, strict: 'no'", "strict", "true or false"),
    "an unknown contract word": ("owner: team", "owner: team, strickt: true", "strickt", "strict?"),
    "a word at the wrong place": (META, "required: true", "required", "config"),
    "a rule outside of meta": (META, "config: {required: true}", "required", "meta"),
    "a misspelt column word": ("data_type:", "datatype:", "datatype", "data_type?"),
    "config is a list": (META, "config: [1]", "config", "mapping"),
    "meta is a list": (META, "config: {meta: [1]}", "meta", "mapping"),
    "a rule without a type": ("data_type: varchar(8)\n            " + META,
                              "config: {meta: {minimum: 1}}", "data_type", "missing"),
    "no type": ("            data_type: varchar(8)\n", "", "data_type", "varchar(n)"),
}  # fmt: skip


@pytest.mark.parametrize("what", FILES)
def test_a_broken_file_is_found(project: Project, what: str) -> None:
    old, new, rule, word = FILES[what]
    assert old in SOUND
    found = check(project(SOUND.replace(old, new, 1)))
    assert [p for p in found if p.rule == rule and word in p.message], found


COLUMNS = {
    # what: (a column's name, its type, its meta, the rule that names it, a word of the message)
    "float": ("extra", "float", "", "data_type", "unknown type"),
    "bare varchar": ("extra", "varchar", "", "data_type", "varchar(n)"),
    "integer(4)": ("extra", "integer(4)", "", "data_type", "integer"),
    "numeric without scale": ("extra", "numeric(9)", "", "data_type", "numeric(p,s)"),
    "wide varchar": ("extra", "varchar(65536)", "", "data_type", "65,535"),
    "empty varchar": ("extra", "varchar(0)", "", "data_type", "1 to"),
    "long numeric": ("extra", "numeric(39,2)", "", "data_type", "38"),
    "empty numeric": ("extra", "numeric(0,0)", "", "data_type", "38"),
    "scale over precision": ("extra", "numeric(3,4)", "", "data_type", "decimal places"),
    "unknown word": ("extra", "integer", "minimun: 1", "minimun", "minimum?"),
    "required is text": ("extra", "integer", "required: 'yes'", "required", "true or false"),
    "minimum of a varchar": ("extra", "varchar(9)", "minimum: 1", "minimum", "for numbers"),
    "maximum of a date": ("extra", "date", "maximum: 1", "maximum", "for numbers"),
    "pattern of an integer": ("extra", "integer", "pattern: a", "pattern", "for varchar"),
    "format of a boolean": ("extra", "boolean", "format: date", "format", "for varchar"),
    "enum of a boolean": ("extra", "boolean", "enum: [true]", "enum", "for texts and numbers"),
    "items of an integer": ("extra", "integer", "items: {}", "items", "for varchar"),
    "properties of a date": ("extra", "date", "properties: {}", "properties", "for varchar"),
    "future of a varchar": ("extra", "varchar(9)", "future: true", "future", "for times"),
    "minimum is text": ("extra", "integer", "minimum: '1'", "minimum", "a number"),
    "minimum is true": ("extra", "integer", "minimum: true", "minimum", "a number"),
    "minimum is no number": ("extra", "numeric(9,2)", "minimum: .nan", "minimum", "a number"),
    "a fraction for an integer": ("extra", "integer", "minimum: 0.5", "minimum", "integer"),
    "too fine a bound": ("extra", "numeric(9,2)", "minimum: 0.005", "minimum", "decimal places"),
    "bound outside of integer": ("extra", "integer", "maximum: 3000000000", "maximum", "hold it"),
    "bound outside of numeric": ("extra", "numeric(3,2)", "maximum: 10", "maximum", "hold it"),
    "minimum above maximum": ("extra", "integer", "minimum: 2, maximum: 1", "minimum", "above"),
    "enum and minimum": ("extra", "integer", "enum: [1], minimum: 0", "minimum", "beside enum"),
    "enum and pattern": ("extra", "varchar(9)", "enum: [a], pattern: a", "pattern", "beside enum"),
    "items and properties": ("extra", "varchar(9)", "items: {}, properties: {}", "properties",
                             "beside items"),
    "enum is text": ("extra", "varchar(9)", "enum: a", "enum", "a list"),
    "enum is empty": ("extra", "varchar(9)", "enum: []", "enum", "a list"),
    "enum of numbers for text": ("extra", "varchar(9)", "enum: [1]", "enum", "quotes"),
    "a YAML boolean": ("extra", "varchar(9)", "enum: [NO]", "enum", "quotes"),
    "enum of text for numbers": ("extra", "integer", "enum: ['1']", "enum", "integer"),
    "a wide enum value": ("extra", "varchar(3)", "enum: [ab, abcd]", "enum", "4 bytes"),
    "a value wide in bytes": ("extra", "varchar(3)", "enum: [äé]", "enum", "4 bytes"),
    "enum value twice": ("extra", "varchar(3)", "enum: [a, b, a]", "enum", "twice"),
    "pattern is a number": ("extra", "varchar(9)", "pattern: 1", "pattern", "text"),
    "pattern is no pattern": ("extra", "varchar(9)", "pattern: '['", "pattern", "regex"),
    "pattern not for Python": ("extra", "varchar(9)", "pattern: '\\p{L}'", "pattern", "Python"),
    "a pattern that blanks match": ("extra", "varchar(9)", "required: true, pattern: '^ *a?'",
                                    "pattern", "visible"),
    "placeholders is text": ("extra", "varchar(9)", "placeholders: none", "placeholders", "list"),
    "unknown format": ("extra", "varchar(9)", "format: emial", "format", "such as email"),
    "an example that does not conform": ("extra", "varchar(9)", "pattern: a, examples: [a, b]",
                                         "examples", "does not match"),
    "examples is text": ("extra", "varchar(9)", "examples: a", "examples", "a list"),
    "items is text": ("extra", "varchar(9)", "items: text", "items", "JSON Schema"),
    "items of no type": ("extra", "varchar(9)", "items: {type: text}", "items", "text"),
    "items with a misspelt word": ("extra", "varchar(9)", "items: {maxLenght: 3}", "items",
                                   "maxLength?"),
    "items with a reference": ("extra", "varchar(9)", "items: {$ref: 'http://x'}", "items", "$ref"),
    "a member with a misspelt word": ("extra", "varchar(9)", "properties: {a: {typ: x}}",
                                      "properties", "type?"),
    "not snake case": ("extraColumn", "integer", "", "name", "snake_case"),
    "upper case": ("EXTRA", "integer", "", "name", "snake_case"),
    "a number as name": ("7", "integer", "", "name", "quotes"),
    "a YAML boolean as name": ("on", "integer", "", "name", "quotes"),
    "a long name": ("a" * 64, "integer", "", "name", "63"),
    "reserved everywhere": ("order", "integer", "", "name", "duckdb, postgres, redshift"),
    "reserved by DuckDB": ("qualify", "integer", "", "name", "duckdb"),
    "reserved by PostgreSQL": ("xmin", "integer", "", "name", "postgres"),
    "reserved by Redshift": ("tag", "integer", "", "name", "redshift"),
    "of the envelope": ("occurred_at", "timestamp", "", "name", "envelope"),
    "the version": ("schema_version", "integer", "", "name", "version"),
    "twice": ("thing_id", "varchar(8)", "", "duplicate", "twice"),
}  # fmt: skip


@pytest.mark.parametrize("what", COLUMNS)
def test_a_broken_column_is_found_with_its_line(project: Project, what: str) -> None:
    name, type_, meta, rule, word = COLUMNS[what]
    found = check(project(with_column(name, type_, meta)))
    hits = [p for p in found if p.rule == rule and word in p.message]
    assert hits, found
    shown = {"on": "True"}.get(name, name)
    assert (hits[0].event, hits[0].column) == ("thing_done", shown)
    assert hits[0].file == "models/staging/app/thing_done.yml"
    assert hits[0].line > SOUND.count("\n")


@pytest.mark.parametrize(
    ("type_", "meta"),
    [
        ("varchar(4)", "enum: [äé]"),
        ("varchar(65535)", "items: {type: object, properties: {a: {type: string}}, maxItems: 3}"),
        ("numeric(38,38)", "minimum: 0, maximum: 0.25"),
        ("bigint", "enum: [1, 9000000000]"),
        ("timestamp", "future: true, pii: true"),
        ("varchar(40)", "pattern: '^(a|b)[0-9]{2,}$', examples: [a12]"),
        ("varchar(40)", "format: uri, examples: ['https://example.com/']"),
    ],
)
def test_a_sound_column_passes_and_has_an_example(project: Project, type_: str, meta: str) -> None:
    root = project(with_column(type=type_, meta=meta))
    assert check(root) == []
    (contract,) = contracts.load(root).values()
    contract.validator.validate(example_event(contract))


def test_too_many_columns_are_found(project: Project) -> None:
    extra = "".join(COLUMN.format(name=f"c{i}", type="integer", meta="") for i in range(1_600))
    found = check(project(SOUND + extra))
    assert [(p.rule, p.column) for p in found] == [("columns", None)]
    assert "1,620" in found[0].message


def test_all_problems_are_found_at_once(project: Project) -> None:
    broken = SOUND.replace("owner: team", "owner: ''").replace("varchar(8)", "text")
    root = project(broken, **{"app/other.yml": "sources: ["})
    assert {(p.file.rpartition("/")[2], p.rule) for p in check(root)} == {
        ("thing_done.yml", "owner"),
        ("thing_done.yml", "data_type"),
        ("other.yml", "yaml"),
    }


def test_an_event_declared_twice_is_found(project: Project) -> None:
    copy = SOUND.replace("name: app", "name: web")
    found = check(project(**{"web/thing_done.yml": copy}))
    assert [(p.file, p.rule) for p in found] == [("models/staging/web/thing_done.yml", "duplicate")]
    assert "app/thing_done.yml" in found[0].message


def test_a_second_version_is_sound(project: Project) -> None:
    second = SOUND.replace("thing_done", "thing_done_v2").replace("version: 1", "version: 2")
    root = project(**{"app/thing_done_v2.yml": second})
    assert check(root) == []
    assert json.loads(run("show", "thing_done", "--json", "--root", root).stdout)["$id"] == (
        "thing_done_v2.json"
    )
    contract = contracts.load(root)["thing_done", 2]
    contract.validator.validate(example_event(contract))


def test_a_contract_where_nobody_reads_it_is_found(project: Project) -> None:
    root = project(**{"../marts/thing.yml": SOUND, "app/old.yaml": SOUND})
    assert {(p.file, p.rule) for p in check(root)} == {
        ("models/marts/thing.yml", "file"),
        ("models/staging/app/old.yaml", "file"),
    }


def test_landing_tables_need_no_owner_but_known_types(project: Project) -> None:
    table = SOUND.replace("name: app", "name: landing").replace(", owner: team", "")
    table = table.replace("version: 1", "").replace("thing_id", "batch_id")
    root = project(**{"landing/thing_done.yml": table.replace("thing_done", "batches")})
    assert {p.rule for p in check(root)} == {"file"}
    table = table.replace("thing_done", "batches").replace("varchar(8)", "text")
    (root / "models/staging/landing/thing_done.yml").unlink()
    (root / "models/staging/landing/batches.yml").write_text(table)
    assert [(p.rule, p.column) for p in check(root)] == [("data_type", "batch_id")]


def test_model_properties_beside_the_contracts_are_passed_over(project: Project) -> None:
    assert check(project(**{"app/stg_app__thing_done.yml": "models: []"})) == []


def test_a_folder_without_contracts_is_no_success(tmp_path: Path) -> None:
    assert {p.rule for p in check(tmp_path)} == {"file"}
    assert run("check", "--root", tmp_path).exit_code == 1


WORDS = (
    *("name", "schema", "tables", "columns", "config", "meta", "description", "data_type"),
    *("version", "enum", "minimum", "items", "pattern", "format"),
)
YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60)
@given(content=YAML)
def test_no_content_of_a_file_stops_the_check(
    content: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("project")
    folder = root / "models/staging/app"
    folder.mkdir(parents=True)
    (folder / "x.yml").write_text(json.dumps({"sources": [content]}))
    table = {"sources": [{"name": "app", "schema": "landed", "tables": [content]}]}
    (folder / "y.yml").write_text(json.dumps(table))
    table["sources"][0]["tables"] = [{"name": "z", "columns": [content]}]
    (folder / "z.yml").write_text(json.dumps(table))
    assert all(isinstance(p, Problem) and p.message for p in check(root))


def test_check_prints_place_rule_and_advice(project: Project) -> None:
    root = project(with_column(meta="minimum: a"))
    result = run("check", "--root", root)
    assert result.exit_code == 1
    assert result.stdout == (
        "models/staging/app/thing_done.yml:17: thing_done.extra: minimum:"
        " must be a number, found 'a'\n"
    )
    (problem,) = json.loads(run("check", "--json", "--root", root).stdout)
    assert problem["column"] == "extra"
    assert problem["line"] == 17


def test_check_succeeds_on_ours() -> None:
    result = run("check")
    assert (result.exit_code, result.stdout) == (0, f"{len(OURS)} contracts, no problem\n")
    assert json.loads(run("check", "--json").stdout) == []


def test_list_names_every_contract() -> None:
    rows = json.loads(run("list", "--json").stdout)
    assert {(r["event"], r["version"]) for r in rows} == set(contracts.load())
    offer = next(r for r in rows if r["event"] == "offer_extended")
    assert offer == {
        "event": "offer_extended",
        "version": 1,
        "source": "hiring",
        "owner": "marketplace",
        "properties": 5,
        "description": "An employer made an offer in a candidacy",
    }
    table = run("list").stdout
    assert all(contract.event in table for contract in OURS)


@pytest.mark.parametrize("contract", OURS, ids=lambda c: c.table)
def test_show_tells_all_and_its_example_conforms(contract: contracts.Contract) -> None:
    text = run("show", contract.table).stdout
    assert contract.owner in text
    assert all(column.name in text and str(column.type) in text for column in contract.columns)
    example = json.loads(text[text.index("\n{") :])
    assert example == example_event(contract)
    contracts.compile_schema(json_schema(contract)).validate(example)


def test_show_of_an_unknown_event_names_the_nearest() -> None:
    result = run("show", "interview_request")
    assert result.exit_code == 2
    assert "interview_requested" in result.stderr


def test_a_broken_contract_stops_list_show_and_export(project: Project, tmp_path: Path) -> None:
    root, out = project(with_column(type="text")), tmp_path / "out"
    for args in (["list"], ["show", "thing_done"], ["export", "--out", out]):
        result = run(*args, "--root", root)
        assert result.exit_code == 1
        assert "thing_done.extra: data_type" in result.stderr
    assert not out.exists()


def test_export_writes_schemas_that_any_validator_takes(tmp_path: Path) -> None:
    out = tmp_path / "schemas"
    assert run("export", "--out", out).stdout == f"{len(OURS)} schemas written to {out}\n"
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    index = json.loads(first["index.json"])
    assert len(index) == len(OURS)
    assert {"event": "offer_extended", "version": 1, "file": "offer_extended.json"} in index
    assert set(first) == {entry["file"] for entry in index} | {"index.json"}
    for contract in OURS:
        schema = json.loads(first[f"{contract.table}.json"])
        assert schema["$id"] == f"{contract.table}.json"
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        example = example_event(contract)
        validator.validate(example)
        for broken in broken_events(contract, example):
            with pytest.raises(jsonschema.ValidationError):
                validator.validate(broken)
    run("export", "--out", out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def broken_events(contract: contracts.Contract, event: dict[str, Any]) -> list[dict[str, Any]]:
    """An event, broken once per rule that the contract has."""
    properties = event["properties"]
    changes: list[dict[str, Any]] = [{**properties, "surplus": 1}]
    for column in contract.columns:
        if column.required:
            changes.append({k: v for k, v in properties.items() if k != column.name})
            changes.append({**properties, column.name: None})
        wrong: list[object] = [{"a": 1}] if not column.is_json else [7]
        if "enum" in column.meta:
            wrong.append("none of them")
        if "minimum" in column.meta:
            wrong.append(column.meta["minimum"] - 1)
        if column.type.kind == "varchar":
            wrong.append("x" * (column.type.size + 1))
        changes += [{**properties, column.name: value} for value in wrong]
    without = [{k: v for k, v in event.items() if k != m} for m in ("event", "messageId")]
    return [*without, {**event, "event": "other"}, *({**event, "properties": c} for c in changes)]


def test_export_never_writes_outside_of_its_folder(tmp_path: Path) -> None:
    out, outside = tmp_path / "out", tmp_path / "precious"
    out.mkdir()
    outside.write_text("precious")
    (out / "index.json").symlink_to(outside)
    assert run("export", "--out", out).exit_code == 0
    assert outside.read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "precious"]


def test_scaffold_writes_our_staging_models_to_the_byte(tmp_path: Path) -> None:
    ours = contracts.ROOT / contracts.STAGING
    shutil.copytree(ours.parent, tmp_path / "models", ignore=shutil.ignore_patterns("stg_*"))
    (tmp_path / contracts.STAGING / "landing").mkdir(exist_ok=True)
    listed = tmp_path / scaffold.LISTED
    listed.parent.mkdir(parents=True)
    shutil.copy(contracts.ROOT / scaffold.LISTED, listed)
    for contract in OURS:
        result = run_scaffold(contract.event, "--root", tmp_path)
        assert result.exit_code == 0, result.output
        name = f"{contract.source}/stg_{contract.source}__{contract.event}"
        assert (
            f".venv/bin/dbt build --select +stg_{contract.source}__{contract.event}"
            in result.stdout
        )
        for suffix in (".sql", ".yml"):
            written = tmp_path / contracts.STAGING / f"{name}{suffix}"
            assert written.read_text() == (ours / f"{name}{suffix}").read_text()
    assert listed.read_text() == (contracts.ROOT / scaffold.LISTED).read_text()


def test_scaffold_leaves_alone_what_is_there(project: Project) -> None:
    root = project()
    model = root / "models/staging/app/stg_app__thing_done.sql"
    model.write_text("select 1 as mine\n")
    result = run_scaffold("thing_done", "--root", root)
    assert model.read_text() == "select 1 as mine\n"
    assert "exists, not changed: models/staging/app/stg_app__thing_done.sql" in result.stdout
    assert "wrote models/staging/app/stg_app__thing_done.yml" in result.stdout


@pytest.mark.parametrize(
    "text",
    [
        "ids: the thing's",
        "# one",
        "'a",
        "yes",
        "x " * 99,
        "{{ doc('currency') }}",
        "- a",
        "1",
    ],
)
def test_scaffold_writes_a_description_that_yaml_reads_back(project: Project, text: str) -> None:
    columns = [{"name": "c", "description": "C", "data_type": "integer"}]
    config = {"meta": {"version": 1, "owner": "team"}}
    about = {"name": "thing_done", "description": text.strip(), "config": config}
    table = about | {"columns": columns}
    source = {"name": "app", "schema": "landed", "tables": [table]}
    root = project(json.dumps({"sources": [source]}))
    assert run_scaffold("thing_done", "--root", root).exit_code == 0
    (model,) = contracts.read_yaml(root / "models/staging/app/stg_app__thing_done.yml")["models"]
    assert model == {"name": "stg_app__thing_done", "description": text.strip()}


def test_scaffold_lists_the_event_once_and_for_all(project: Project) -> None:
    more = SOUND.replace("thing_done", "thing_with_a_name_that_is_very_long_was_never_done")
    second = SOUND.replace("thing_done", "thing_done_v2").replace("version: 1", "version: 2")
    root = project(
        **{
            "app/thing_with_a_name_that_is_very_long_was_never_done.yml": more,
            "app/thing_done_v2.yml": second,
            "web/a_done.yml": SOUND.replace("thing_done", "a_done").replace(
                "name: app", "name: web"
            ),
        }
    )
    assert f"wrote {scaffold.LISTED}" in run_scaffold("a_done", "--root", root).stdout
    expected = """\
{%- set names = {
        'app': [
            'thing_done', 'thing_done_v2', 'thing_with_a_name_that_is_very_long_was_never_done',
        ],
        'web': ['a_done'],
    } -%}
"""
    assert (root / scaffold.LISTED).read_text() == expected
    assert str(scaffold.LISTED) not in run_scaffold("a_done", "--root", root).stdout
    assert (root / scaffold.LISTED).read_text() == expected


SECOND = (
    SOUND.replace("thing_done", "thing_done_v2")
    .replace("version: 1", "version: 2")
    .replace("thing_id", "new_id")
)
MODEL = "models/staging/app/stg_app__thing_done.sql"


def test_scaffold_of_a_second_version_unites_it_with_the_first(project: Project) -> None:
    root = project()
    assert run_scaffold("thing_done", "--root", root).exit_code == 0
    (root / "models/staging/app/thing_done_v2.yml").write_text(SECOND)
    contracts.load.cache_clear()
    unread = run("check", "--root", root)
    assert unread.exit_code == 1
    assert "app/thing_done_v2.yml:5: thing_done_v2: staging: no staging model reads version 2" in (
        unread.stdout
    )
    assert "run `./scripts/scaffold event thing_done`" in unread.stdout
    result = run_scaffold("thing_done", "--root", root)
    assert result.exit_code == 0, result.output
    assert "check" in result.stdout
    assert "its new new_id" in result.stdout.replace("such as ", "")
    text = (root / MODEL).read_text()
    assert "landed('app', 'thing_done', {\n        'thing_done_v2': {'thing_id': 'null'}" in text
    assert run("check", "--root", root).exit_code == 0
    # As a comment it is not read.
    (root / MODEL).write_text(text.replace("        'thing_done_v2'", "        -- 'thing_done_v2'"))
    assert run("check", "--root", root).exit_code == 1


def test_scaffold_leaves_a_model_that_was_edited_and_says_what_it_needs(project: Project) -> None:
    root = project()
    (root / MODEL).write_text(
        "-- mine\nselect * from ({{ landed('app', 'thing_done') }}) as mine\n"
    )
    before = (root / MODEL).read_text()
    (root / "models/staging/app/thing_done_v2.yml").write_text(SECOND)
    result = run_scaffold("thing_done", "--root", root)
    assert result.exit_code == 2
    assert "stg_app__thing_done.sql does not read thing_done_v2; change it to" in result.stderr
    assert "'thing_done_v2': {'thing_id': 'null'}" in result.stderr
    assert (root / MODEL).read_text() == before


def test_a_contract_compiles_once_per_process(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def compile_schema(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
        compiled.append(schema["title"])
        return jsonschema_rs.Draft202012Validator(schema)

    monkeypatch.setattr(contracts, "compile_schema", compile_schema)
    contracts.load.cache_clear()
    for _ in range(3):
        for contract in contracts.load().values():
            assert contract.validator is contract.validator
    contracts.load.cache_clear()
    assert sorted(compiled) == sorted(c.table for c in OURS)


SCHEMA = contracts.read_yaml(contracts.ROOT / "scripts/hirehouse/contracts/contract.schema.yml")


@pytest.mark.parametrize("name", SCHEMA["$defs"]["format"]["enum"])
def test_each_format_is_known_to_the_validator(name: str) -> None:
    jsonschema_rs.Draft202012Validator(
        {"format": name}, validate_formats=True, ignore_unknown_formats=False
    )


def test_show_tells_of_a_property_that_needs_an_example(project: Project) -> None:
    pattern = "pattern: '^[A-Z]{2}$'"
    result = run("show", "thing_done", "--root", project(with_column("a", "varchar(2)", pattern)))
    assert "properties/a: fill in a value, or give the contract `examples`" in result.stderr
