"""Write the files of new models of any layer, and what a new domain needs."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent, wrap
from typing import Annotated

import typer

from hirehouse.commands.contracts import Event, Root, find
from hirehouse.commands.shared import expected_errors
from hirehouse.contracts.model import ROOT, STAGING, Contract, load
from scaffold_texts import (
    LINE,
    columns_of,
    described,
    flow,
    inherited,
    model_of,
    select_of,
    table_of,
    types_of,
    yaml_of,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Write the files of a new model, of any layer. No file that exists is overwritten.",
)
LISTED = Path("macros/landing/event_sources.sql")
GROUPS = Path("models/marts/groups.yml")
PROJECT = Path("dbt_project.yml")
PLACE = re.compile(r"intermediate/(\w+)/int_[a-z0-9_]+|marts/(\w+)/(?!stg_|int_)[a-z][a-z0-9_]*")


def write_new(root: Path, texts: dict[Path, str]) -> None:
    """Write the files that don't exist yet, and say of each what was done."""
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            with (root / path).open("x", encoding="utf-8") as file:
                file.write(text)
            typer.echo(f"wrote {path}")
        except FileExistsError:
            typer.echo(f"exists, not changed: {path}")


def stop(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(2)


# Staging, of which a contract says all.


def staged(versions: list[Contract]) -> str:
    """The staging model of an event: its landed table, or all its versions in the first's shape."""
    first, *further = versions
    arguments = f"'{first.source}', '{first.table}'"
    if further:
        said = ",\n".join(f"    '{c.table}': {lifted(first, c)}" for c in further)
        arguments += f", {{\n{said}\n}}"
    return model_of(("landed", f"{{{{ landed({arguments}) }}}}"))


def lifted(first: Contract, other: Contract) -> dict[str, str]:
    """What another version says of the first one's columns, where it has another type or none."""
    own = {column.name: column.type for column in other.columns}
    missing = {c.name: "null" for c in first.columns if c.name not in own}
    changed = {c.name: c.name for c in first.columns if own.get(c.name, c.type) != c.type}
    return missing | changed


def list_events(root: Path = ROOT) -> bool:
    """List the tables of all contracts in the macro that dbt's graph has them from.

    Returns:
        Whether the list changed.
    """
    tables: dict[str, list[str]] = {}
    for contract in load(root).values():
        tables.setdefault(contract.source, []).append(contract.table)
    lines = []
    for source, names in sorted(tables.items()):
        quoted = ", ".join(f"'{name}'" for name in sorted(names))
        line = f"        '{source}': [{quoted}],"
        if len(line) > LINE:
            folded = wrap(f"{quoted},", LINE - 12, break_long_words=False)
            line = f"        '{source}': [\n{indent(chr(10).join(folded), ' ' * 12)}\n        ],"
        lines.append(line + "\n")
    path = root / LISTED
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition("set names = {\n")
    _, end, after = rest.partition("    } -%}")
    renewed = before + begin + "".join(lines) + end + after
    path.write_text(renewed, encoding="utf-8")
    return renewed != text


@app.command("event")
def event_command(event: Event, *, root: Root = ROOT) -> None:
    """Write the staging model of an event from its contract, with its properties file.

    If the event has further versions (<event>_v2.yml), the model unites them. A model that is as it
    was written for the earlier versions is renewed; one that was edited is not, and the command
    prints the call that it needs (exit code 2). The event is also listed in
    macros/landing/event_sources.sql.
    """
    contract = find(event, root)
    if list_events(root):
        typer.echo(f"wrote {LISTED}")
    versions = sorted(
        (c for c in load(root).values() if c.event == contract.event), key=lambda c: c.version
    )
    model = f"stg_{contract.source}__{contract.event}"
    sql = STAGING / contract.source / f"{model}.sql"
    table = table_of(versions[0], root)
    text, path = " ".join(str(table["description"]).split()), root / sql
    earlier = [staged(versions[:count]) for count in range(1, len(versions))]
    yml = f"models:\n  - name: {model}\n{described(text)}\n"
    texts = {sql: staged(versions), sql.with_suffix(".yml"): yml}
    if path.exists() and path.read_text(encoding="utf-8") in earlier:
        path.write_text(texts.pop(sql), encoding="utf-8")
        typer.echo(f"wrote {sql}, which now reads {', '.join(c.table for c in versions)}")
    write_new(root, texts)
    calls = path.read_text(encoding="utf-8")
    if unread := [c.table for c in versions if f"'{c.table}'" not in calls]:
        raise stop(f"{sql} does not read {', '.join(unread)}; change it to\n\n{staged(versions)}")
    for other in versions[1:]:
        for name, value in lifted(versions[0], other).items():
            new = [c.name for c in other.columns if c.name not in _names(versions[0])]
            typer.echo(
                f"check {sql}: {name} of {other.table} is {value}; it may be an SQL expression"
                f" of that table's columns, such as its new {', '.join(new) or 'ones'}"
            )
    say_next(
        (f".venv/bin/hirehouse contracts show {event}", "an event that conforms, to land"),
        (".venv/bin/hirehouse land /dev/null", "makes the table of the event"),
        (f".venv/bin/dbt build --select +{model}", "the model with all that it reads"),
        (f"./scripts/scaffold model intermediate/DOMAIN/int_NAME --reads {model}", ""),
    )


def _names(contract: Contract) -> set[str]:
    return {column.name for column in contract.columns}


def say_next(*commands: tuple[str, str]) -> None:
    typer.echo("\nNext:")
    for command, what in commands:
        typer.echo(f"  {command:<58}  # {what}" if what else f"  {command}")


def add_folder(layer: str, domain: str, root: Path) -> None:
    """Give the folder of a domain its group, and that of its marts their schema."""
    text = (root / PROJECT).read_text(encoding="utf-8")
    begin = text.index(f"    {layer}:\n")
    block = re.compile(r"    \w+:\n(?: {6}.*\n)*").match(text, begin)
    if not block or f"\n      {domain}:" in block[0]:
        return
    schema = f"+schema: {domain}, " if layer == "marts" else ""
    line = f"      {domain}: {{{schema}+group: {domain}}}\n"
    (root / PROJECT).write_text(text[: block.end()] + line + text[block.end() :], encoding="utf-8")
    typer.echo(f"wrote {PROJECT}: the folder {layer}/{domain}")


@app.command("model")
def model_command(
    path: Annotated[str, typer.Argument(help="intermediate/DOMAIN/int_NAME or marts/DOMAIN/NAME.")],
    reads: Annotated[str, typer.Option(help="The model whose columns it starts with.")] = "",
    key: Annotated[
        str,
        typer.Option(help="The column, or columns with commas, that name a row; else the first."),
    ] = "",
    *,
    root: Root = ROOT,
) -> None:
    """Write the SQL and the YAML of an intermediate model or a mart, to be edited.

    An intermediate model has each event of --reads, or with --key the first event per key, and a
    unit test; a mart has the columns of --reads with their types, and a test of its key.

    Write the SQL yourself, and --reads is not needed: the YAML then has the columns of that SQL.
    Descriptions come from what it reads; `scripts/lint` fails until the empty ones are filled in.
    The models that it reads must be built, so that the warehouse can tell the types.
    """
    place = PLACE.fullmatch(path)
    if not place:
        raise stop(
            f"{path!r} is no place of a model: intermediate/DOMAIN/int_NAME or marts/DOMAIN/NAME"
        )
    layer, domain, model = path.split("/")
    if f"- name: {domain}\n" not in (root / GROUPS).read_text(encoding="utf-8"):
        raise stop(
            f"{GROUPS} has no group {domain}: run `./scripts/scaffold domain {domain} --help`"
        )
    file, keys = Path("models") / f"{path}.sql", [name for name in key.split(",") if name]
    is_there = (root / file).exists()
    known = {} if is_there else columns_of(reads, root)
    if not (is_there or known):
        raise stop(f"--reads {reads}: no such model with a YAML" if reads else "--reads is missing")
    keys = keys or list(known)[:1]
    sql = (root / file).read_text("utf-8") if is_there else select_of(model, reads, keys, known)
    with expected_errors():
        if is_there or layer == "marts":
            types = types_of(sql, inherited(sql, root), root)
        else:
            types = dict.fromkeys(re.findall(r"^ {8}(?:\w+ as )?(\w+),?$", sql, re.M), "")
    texts = {
        file: sql,
        file.with_suffix(".yml"): yaml_of(model, types, keys or list(types)[:1], sql, root),
    }
    write_new(root, texts)
    add_folder(layer, domain, root)
    say_next(
        (f".venv/bin/dbt build --select +{model}", "the model with all that it reads"),
        ("./scripts/lint", "what is missing in it"),
        *[(f"./scripts/scaffold model marts/{domain}/NAME --reads {model}", "")]
        * (layer != "marts"),
    )


@app.command("domain")
def domain_command(
    domain: Annotated[str, typer.Argument(help="Name of its folders, group and schema.")],
    *,
    owner: Annotated[str, typer.Option(help="The team, such as 'Growth analytics'.")],
    email: Annotated[str, typer.Option(help="Where to reach it.")],
    about: Annotated[str, typer.Option(help="What its marts tell, as a sentence.")],
    root: Root = ROOT,
) -> None:
    """Add the group of a new domain to models/marts/groups.yml.

    Its folders get their lines in dbt_project.yml with their first model: `scaffold model`.
    """
    text = (root / GROUPS).read_text(encoding="utf-8")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", domain):
        raise stop(f"{domain!r} is no name of a schema: use lowercase letters, digits and _")
    if f"- name: {domain}\n" in text:
        raise stop(f"{GROUPS} has the group {domain} already")
    entry = f"  - name: {domain}\n    owner: {flow({'name': owner, 'email': email})}\n"
    (root / GROUPS).write_text(f"{text}{entry}{described(about)}\n", encoding="utf-8")
    typer.echo(f"wrote {GROUPS}")
    say_next((f"./scripts/scaffold model intermediate/{domain}/int_NAME --reads stg_NAME", ""))


if __name__ == "__main__":
    app(prog_name="scripts/scaffold")
