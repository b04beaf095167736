"""Writes docs/commands.md from the help of the commands; `--check` only compares the two."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from hirehouse.commands.main import COMMANDS, load
from hirehouse.contracts.model import ROOT

PAGE = Path("docs/commands.md")
HEAD = """\
# Commands

This page is generated from the help of the commands by `scripts/tools/command_docs.py`. In the
project folder, `hirehouse` is `.venv/bin/hirehouse`.

| command | what it does |
|---|---|
"""
# Every command of a shell has these.
LEFT_OUT = {"install_completion", "show_completion"}

app = typer.Typer(add_completion=False)


def page() -> str:
    """The whole page, as Markdown."""
    index: list[str] = []
    sections: list[str] = []
    for name, lazy in COMMANDS.items():
        index.append(f"| [`{name}`](#hirehouse-{name}) | {lazy.help} |\n")
        command = load(name)
        sections += _section("##", f"hirehouse {name}", command)
        for member_name, member in getattr(command, "commands", {}).items():
            sections += _section("###", f"hirehouse {name} {member_name}", member)
    return HEAD + "".join(index) + "".join(sections)


def _section(level: str, path: str, command: Any) -> Iterator[str]:
    """Heading and help of a command or group, with a table of its arguments and options."""
    # Paragraphs on a line each: Markdown wraps them itself.
    paragraphs = [" ".join(part.split()) for part in (command.help or "").split("\n\n")]
    yield f"\n{level} {path}\n\n" + "\n\n".join(paragraphs) + "\n"
    context = command.make_context(path, [], resilient_parsing=True)
    records = [
        parameter.get_help_record(context)
        for parameter in command.params
        if parameter.name not in LEFT_OUT
    ]
    shown = [record for record in records if record]
    if shown:
        yield "\n| argument or option | meaning |\n|---|---|\n"
    for name, meaning in shown:
        yield f"| `{_cell(name)}` | {_cell(meaning)} |\n"


def _cell(text: str) -> str:
    """A text for a table cell: on one line, and the same in every folder."""
    text = text.replace(str(ROOT), ".").replace(" range>", ">")
    return " ".join(text.split()).replace("|", "\\|")


@app.command()
def main(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if the page is outdated.")
    ] = False,
) -> None:
    """Write docs/commands.md."""
    text, path = page(), ROOT / PAGE
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    if check:
        typer.echo(
            f"{PAGE} is outdated: run .venv/bin/python scripts/tools/command_docs.py", err=True
        )
        raise typer.Exit(1)
    path.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {PAGE}")


if __name__ == "__main__":
    app()
