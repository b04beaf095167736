"""The SQL and the YAML of a new model, from contracts and from the columns of what it reads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import indent, wrap
from typing import Any

import yaml

from hirehouse.contracts.model import ENVELOPE, Contract, load, read_yaml
from hirehouse.warehouse.connections import open_warehouse
from hirehouse.warehouse.landed_schema import CATALOGUE
from hirehouse.warehouse.profile import WarehouseError

LINE = 100  # characters
FOLDED = 86  # narrower, so that a few words can be added without folding the text anew
WIDEST = "varchar(65535)"  # of a text whose length is stated nowhere
APPENDED = "{{ config(incremental_strategy='append') }}\n\n"
KEYED = """\
{{{{ config(
    incremental_strategy='delete+insert',
    unique_key='{key}'
) }}}}

"""
TIME = "2026-01-02 03:04:05"
SAMPLES = {"varchar": "a", "date": TIME[:10], "timestamp": TIME, "boolean": True}  # for unit tests
Columns = dict[str, dict[str, Any]]  # by name: what the YAML says of a column


def model_of(*ctes: tuple[str, str], config: str = "") -> str:
    """The SQL of a model: its CTEs, by name and body, of which the last one is selected whole."""
    parts = [f"{name} as (\n\n{indent(body, ' ' * 4)}\n\n)" for name, body in ctes]
    return f"{config}with\n\n{(',' + chr(10) * 2).join(parts)}\n\nselect * from {ctes[-1][0]}\n"


def call_of(macro: str, arguments: str) -> str:
    """A call of a macro, on three lines if it is too long for one."""
    line = f"{{{{ {macro}({arguments}) }}}}"
    return line if len(line) + 4 <= LINE else f"{{{{ {macro}(\n    {arguments}\n) }}}}"


def described(text: str, margin: int = 4) -> str:
    """The line `description:` of a YAML file, folded if it is long or not plain."""
    start = " " * margin + "description: "
    if text.startswith("{{"):
        return f'{start}"{text}"'
    if text and len(start + text) <= LINE and _is_plain(text):
        return start + text
    if not text:
        return f'{start}""'
    # Words stay whole, also with a hyphen, which a fold would follow with a blank.
    folded = wrap(text, FOLDED, break_long_words=False, break_on_hyphens=False)
    return f"{start}>-\n" + indent("\n".join(folded), " " * (margin + 2))


def _is_plain(text: str) -> bool:
    """Whether YAML reads the bare text as that text."""
    try:
        return bool(yaml.safe_load(f"text: {text}") == {"text": text})
    except yaml.YAMLError:
        return False


def table_of(contract: Contract, root: Path) -> dict[str, Any]:
    """A contract's table as its file has it, with references to docs blocks."""
    tables = (t for source in read_yaml(root / contract.path)["sources"] for t in source["tables"])
    found: dict[str, Any] = next(t for t in tables if t["name"] == contract.table)
    return found


def reads_of(sql: str) -> list[str]:
    """The models that a select reads, by ref() or by a macro that takes their names."""
    found = re.findall(r"ref\(\s*'(\w+)'|'((?:stg|int)_\w+)'", sql)
    return list(dict.fromkeys(one or other for one, other in found))


def columns_of(model: str, root: Path) -> Columns:
    """What is known of a model's columns: by its YAML, its casts, and the models that it reads."""
    if model.startswith("stg_"):
        source, _, event = model.removeprefix("stg_").partition("__")
        contracts = [c for c in load(root).values() if (c.source, c.event) == (source, event)]
        tables = [read_yaml(root / ENVELOPE)["sources"][0]["tables"][0]]
        tables += [table_of(contract, root) for contract in contracts]
        found = {c["name"]: c for table in reversed(tables) for c in table["columns"]}
        own = [n for n, c in found.items() if not c.get("config", {}).get("meta", {}).get("pii")]
        shared = [column["name"] for column in tables[0]["columns"]]
        kept = ["event_id", *(n for n in own if n not in shared), "occurred_at", "batch_id"]
        return {name: found[name] for name in kept}
    files = {path.suffix: path for path in (root / "models").rglob(f"{model}.*")}
    if not files.keys() >= {".sql", ".yml"}:
        return {}
    found = inherited(files[".sql"].read_text(encoding="utf-8"), root)
    told = read_yaml(files[".yml"])["models"][0].get("columns", [])
    return {column["name"]: found.get(column["name"], {}) | column for column in told}


def inherited(sql: str, root: Path) -> Columns:
    """What is known, by their names, of columns that a select may have."""
    found: Columns = {}
    for model in reversed(reads_of(sql)):
        found |= columns_of(model, root)
    for kind, name in re.findall(r"\bas (\w+\([\d, ]+\))\)\s+as\s+(\w+)", sql):
        found[name] = found.get(name, {}) | {"data_type": kind}
    if "batch_id" in found:
        found["batch_id"] = {"description": "{{ doc('batch_id_of_row') }}", "data_type": "bigint"}
    return found


def types_of(sql: str, known: Columns, root: Path) -> dict[str, str]:
    """The columns of a select with their types, as the warehouse tells them.

    Raises:
        WarehouseError: it can't, as when a model that the select reads is not built.
    """
    dbt = [str(Path(sys.executable).parent / "dbt"), "--quiet", "compile", "--inline", sql]
    done = subprocess.run(dbt, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WarehouseError(f"dbt can't compile the model: {done.stdout.strip()}")
    with open_warehouse(root=root) as warehouse:
        try:
            warehouse.execute(f"create temporary view scaffolded as {done.stdout}")
        except Exception as error:  # each engine has its own
            builds = " ".join(f"+{model}" for model in reads_of(sql))
            advice = f"build what the model reads first: .venv/bin/dbt build --select {builds}"
            raise WarehouseError(f"{str(error).splitlines()[0]}; {advice}") from error
        rows = warehouse.query(
            "select column_name, data_type, character_maximum_length, numeric_precision,"
            " numeric_scale from information_schema.columns where table_name = 'scaffolded'"
            " order by ordinal_position"
        )
    types = {}
    for name, kind, size, precision, scale in rows:
        word = str(kind).lower().split("(")[0]
        word = CATALOGUE.get(word, word)
        if word == "varchar":  # DuckDB does not keep the length
            stated = str(known.get(name, {}).get("data_type", ""))
            word = f"varchar({size})" if size else stated if "varchar" in stated else WIDEST
        types[name] = f"numeric({precision},{scale})" if word == "numeric" else word
    return types


def select_of(model: str, reads: str, keys: list[str], known: Columns) -> str:
    """A model's SQL: the columns of what it reads; of events, each event or the first per key."""
    key, is_mart, is_staged = keys[0], not model.startswith("int_"), reads.startswith("stg_")
    columns = keys + [name for name in known if name not in (*keys, "batch_id" * is_mart)]
    name, source, where = re.sub(r"^(int|dim|fct)_", "", model), f"{{{{ ref('{reads}') }}}}", ""
    config, ctes = "", []
    if not is_mart and key == "event_id":
        config, where = APPENDED, "\nwhere {{ is_new() }}"
    elif not is_mart:
        config, touched = KEYED.format(key=key), f"is_touched('{key}')"
        ctes = [("touched", call_of("touched_keys", f"'{key}', ['{reads}']"))]
        if is_staged:
            first = call_of("first_event", f"'{reads}', '{key}', {touched}")
            ctes, source = [*ctes, ("first_events", first)], "first_events"
            columns = [c for c in columns if c not in ("event_id", "batch_id")]
            columns.append("last_batch_id as batch_id")
        else:
            where = f"\nwhere {{{{ {touched} }}}}"
    listed = ",\n    ".join(columns)
    return model_of(*ctes, (name, f"select\n    {listed}\nfrom {source}{where}"), config=config)


def yaml_of(model: str, types: dict[str, str], keys: list[str], sql: str, root: Path) -> str:
    """A model's properties: a mart's with types, an intermediate model's with a unit test."""
    known, reads, is_mart = inherited(sql, root), reads_of(sql), not model.startswith("int_")
    about = f"One row per {' and '.join(keys)} of {' and '.join(reads)}."
    lines = ["models:", f"  - name: {model}", described(about)]
    if len(keys) > 1:
        listed = ", ".join(keys)
        for test in ("unique_combination", "no_nulls"):
            lines += ["    data_tests:"] * (test != "no_nulls")
            lines += [f"      - {test}:", f"          arguments: {{columns: [{listed}]}}"]
    lines.append("    columns:")
    for name, kind in types.items():
        lines += [f"      - name: {name}", *[f"        data_type: {kind}"] * is_mart]
        lines.append(described(str(known.get(name, {}).get("description", "")), 8))
        if keys == [name]:
            lines += ["        data_tests:", "          - unique", "          - not_null"]
    if not is_mart:
        lines += ["", "unit_tests:", f"  - name: each_{'_and_'.join(keys)}_is_one_row"]
        lines += [f"    model: {model}", "    overrides: {macros: {is_incremental: false}}"]
        lines += ["    given:"]
        expected: dict[str, Any] = {}
        for one in reads:
            row = {name: sample(column) for name, column in columns_of(one, root).items()}
            rows = [row]
            if "first_event(" in sql:  # a later event of the same key
                rows.append(row | {"event_id": "b", "occurred_at": "2026-02-03", "batch_id": 2})
            expected = {**rows[-1], **row, "batch_id": rows[-1].get("batch_id", 1)} | expected
            lines += [f"      - input: ref('{one}')", "        rows:"]
            lines += [f"          - {flow(row)}" for row in rows]
        lines += ["    expect:", "      rows:"]
        lines.append(f"        - {flow({n: expected[n] for n in types if n in expected})}")
    return "\n".join(lines) + "\n"


def sample(column: dict[str, Any]) -> Any:
    """A value for a unit test."""
    values = column.get("config", {}).get("meta", {}).get("enum", [])
    kind = str(column.get("data_type", "varchar")).split("(")[0]
    return values[0] if values else SAMPLES.get(kind, 1)


def flow(row: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(row, default_flow_style=True, sort_keys=False, width=10_000)
    return text.strip()
