"""What commands share: options, and how they print and end."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Target = Annotated[
    str | None, typer.Option(help="Target of profiles.yml; else HIREHOUSE_TARGET, else its own.")
]
Remove = Annotated[
    bool, typer.Option("--remove", help="Delete the collector's segments that have landed whole.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]
AsLine = Annotated[bool, typer.Option("--json", help="Print the summary as one line of JSON.")]
WIDTH = 140  # of a table that goes to a file or a pipe


def say_error(error: object) -> None:
    """Print what went wrong, on one line whatever its length."""
    Console(stderr=True).print(Text(f"error: {error}", "red"), soft_wrap=True)


@contextmanager
def ending(codes: Mapping[type[Exception], int]) -> Iterator[None]:
    """End the command with the message of an expected error, and the exit code of its type."""
    try:
        yield
    except tuple(codes) as error:
        say_error(error)
        raise typer.Exit(next(codes[kind] for kind in codes if isinstance(error, kind))) from None


def new_console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDTH)


def text_table(
    names: Iterable[str], rows: Iterable[Iterable[object]], whole: Collection[str] = ()
) -> Table:
    """A table of plain texts; columns that are named in `whole` are not wrapped."""
    made = Table(box=box.SIMPLE)
    for name in names:
        made.add_column(name, justify="right" if name == "count" else "left", no_wrap=name in whole)
    for row in rows:
        made.add_row(*(Text(str(cell)) for cell in row))
    return made


def seen(group: Mapping[str, Any]) -> str:
    return "\n".join(f"{group[name]:%Y-%m-%d %H:%M}" for name in ("first_seen", "last_seen"))


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
