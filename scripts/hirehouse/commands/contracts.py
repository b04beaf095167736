"""`hirehouse contracts`: list, show, check, diff and export."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from hirehouse.commands.shared import (
    AsJson,
    expected_errors,
    new_console,
    print_json,
    say,
    shown,
    text_table,
)
from hirehouse.contracts.example import example_event
from hirehouse.contracts.export import as_yaml, asyncapi, json_schema, odcs
from hirehouse.contracts.files import write_json, write_whole
from hirehouse.contracts.lint import check, unread_versions
from hirehouse.contracts.model import ROOT, Column, Contract, load
from hirehouse.contracts.yaml_schema import nearest

contracts_app = typer.Typer(
    help="The contracts of the events: what is in them, and whether they are sound.",
    no_args_is_help=True,
)


class Format(StrEnum):
    JSON_SCHEMA = "json-schema"
    ASYNCAPI = "asyncapi"
    ODCS = "odcs"


Root = Annotated[Path, typer.Option(help="The project's folder.", file_okay=False)]
Event = Annotated[
    str, typer.Argument(help="An event, such as offer_extended, or offer_extended_v2.")
]


def sound_contracts(root: Path) -> list[Contract]:
    """All contracts, by source and name; ends the command if one of them is broken.

    A broken contract would make a list incomplete and an export wrong.
    """
    if problems := check(root):
        for problem in problems:
            say(problem, err=True)
        typer.echo(_count(len(problems), "problem"), err=True)
        raise typer.Exit(1)
    return sorted(load(root).values(), key=lambda c: (c.source, c.event, c.version))


def find(event: str, root: Path) -> Contract:
    """The latest version of an event, or the one whose table is named; ends the command if none."""
    contracts = sound_contracts(root)
    named = [c for c in contracts if c.table == event and c.version > 1]
    versions = named or [c for c in contracts if c.event == event]
    if not versions:
        hint = nearest(event, tuple(c.table for c in contracts), 3)
        say(f"no contract for {event!r}{hint}", err=True)
        raise typer.Exit(2)
    return versions[-1]


@contracts_app.command("diff")
def diff_command(
    old: Annotated[str, typer.Argument(help="A git revision, or a project's folder.")],
    new: Annotated[str, typer.Argument(help="The same; by default the project as it is.")] = "",
    *,
    as_json: AsJson = False,
    root: Root = ROOT,
) -> None:
    """Name what changed in the contracts: breaking or additive, by event and property.

    Exit code 1 if a change is breaking: it must be a new version. 2 if a side can't be read.
    """
    from hirehouse.contracts.diff import changes, contracts_at

    with expected_errors(2):
        sides = contracts_at(old, root), contracts_at(new or str(root), root)
    found = sorted(changes(*sides), key=lambda c: not c.breaking)
    breaking = sum(c.breaking for c in found)
    if as_json:
        print_json([asdict(change) for change in found])
    else:
        for change in found:
            say(change)
        typer.echo(f"{breaking} breaking, {len(found) - breaking} additive")
    if breaking:
        typer.echo("leave this version as it was, and add <event>_v2.yml with version: 2", err=True)
    raise typer.Exit(1 if breaking else 0)


@contracts_app.command("list")
def list_command(*, as_json: AsJson = False, root: Root = ROOT) -> None:
    """List the contracts."""
    rows: list[dict[str, Any]] = [
        {
            "event": c.event,
            "version": c.version,
            "source": c.source,
            "owner": c.owner,
            "properties": len(c.columns),
            "description": c.description.split(". ")[0].removesuffix("."),
        }
        for c in sound_contracts(root)
    ]
    if as_json:
        print_json(rows)
        return
    new_console().print(text_table(rows[0] if rows else (), (row.values() for row in rows)))


@contracts_app.command("show")
def show_command(event: Event, *, as_json: AsJson = False, root: Root = ROOT) -> None:
    """Show a contract with an example event; with --json its JSON Schema."""
    contract = find(event, root)
    if as_json:
        print_json(json_schema(contract, root))
        return
    console = new_console()
    name = f"{contract.event} version {contract.version}"
    say(f"{name}, from {contract.source}, owned by {contract.owner}")
    say(contract.description)
    say(contract.path)
    rows = [
        (c.name, c.type, "yes" if c.required else "", _rule(c), c.description)
        for c in contract.columns
    ]
    console.print(text_table(("name", "type", "required", "rule", "description"), rows))
    example = example_event(contract)
    console.print("An event that conforms:")
    typer.echo(shown(orjson.dumps(example, option=orjson.OPT_INDENT_2).decode(), "\n"))
    for error in contract.validator.iter_errors(example):
        place = "/".join(map(str, error.instance_path))
        say(f"{place}: fill in a value, or give the contract `examples`: {error.message}", err=True)


@contracts_app.command("check")
def check_command(*, as_json: AsJson = False, root: Root = ROOT) -> None:
    """Find everything that is broken in the contracts; exit code 1 if anything is."""
    problems = check(root) or unread_versions(root)
    if as_json:
        print_json([asdict(problem) for problem in problems])
    else:
        for problem in problems:
            say(problem)
        files = len({problem.file for problem in problems})
        if problems:
            typer.echo(f"{_count(len(problems), 'problem')} in {_count(files, 'file')}", err=True)
        else:
            typer.echo(f"{_count(len(load(root)), 'contract')}, no problem")
    raise typer.Exit(1 if problems else 0)


@contracts_app.command("export")
def export_command(
    out: Annotated[Path, typer.Option(help="Folder to write to.", file_okay=False)],
    *,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="json-schema: a file per contract, for validators in any language; asyncapi: "
            "AsyncAPI 3.0, a file per application; odcs: Open Data Contract Standard 3.1, a file "
            "per contract.",
        ),
    ] = Format.JSON_SCHEMA,
    root: Root = ROOT,
) -> None:
    """Write the contracts as JSON Schema 2020-12, or in a format of data catalogs."""
    contracts = sound_contracts(root)
    out.mkdir(parents=True, exist_ok=True)
    if form is not Format.JSON_SCHEMA:
        documents = _documents(form, contracts, root)
        for file, document in documents.items():
            write_whole(out / file, as_yaml(document))
        say(f"{_count(len(documents), 'document')} written to {out}")
        return
    index = []
    for contract in contracts:
        file = f"{contract.table}.json"
        write_json(out / file, json_schema(contract, root))
        index.append({"event": contract.event, "version": contract.version, "file": file})
    write_json(out / "index.json", index)
    say(f"{_count(len(contracts), 'schema')} written to {out}")


def _documents(form: Format, contracts: Sequence[Contract], root: Path) -> dict[str, Any]:
    if form is Format.ODCS:
        return {f"{contract.table}.odcs.yaml": odcs(contract, root) for contract in contracts}
    return {
        f"{source}.asyncapi.yaml": asyncapi(source, list(own), root)
        for source, own in groupby(contracts, key=lambda contract: contract.source)
    }


def _rule(column: Column) -> str:
    words = []
    for word, value in column.meta.items():
        if word == "enum":
            words.append(f"one of {', '.join(map(str, value))}")
        elif value is True:
            words += [word] * (word != "required")  # which has a column of its own
        elif value is not False:
            words.append(f"{word}: {json.dumps(value)}")
    return "; ".join(words)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
