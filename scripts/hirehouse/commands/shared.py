"""Options, printing and exit codes that commands share."""

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

from hirehouse.contracts.errors import ExpectedError

Target = Annotated[
    str | None,
    typer.Option(help="Target in profiles.yml; default HIREHOUSE_TARGET, else that of the file."),
]
Remove = Annotated[
    bool,
    typer.Option("--remove", help="Delete the collector's segments that have landed completely."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]
AsLine = Annotated[bool, typer.Option("--json", help="Print the summary as one line of JSON.")]
WIDTH = 140  # of a table in a file or a pipe


def print_error(error: object) -> None:
    """Print an error on one line, whatever its length."""
    Console(stderr=True).print(Text(f"error: {error}", "red"), soft_wrap=True)


@contextmanager
def expected_errors(exit_code: int | None = None) -> Iterator[None]:
    """Print an expected error without a traceback; exit with its own code, or with this one."""
    try:
        yield
    except BrokenPipeError:  # Click ends quietly
        raise
    except (ExpectedError, OSError) as error:
        print_error(error)
        own = error.exit_code if isinstance(error, ExpectedError) else 1
        raise typer.Exit(exit_code or own) from None


def new_console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDTH)


def text_table(
    names: Iterable[str], rows: Iterable[Iterable[object]], no_wrap: Collection[str] = ()
) -> Table:
    """A table of plain texts; the columns in `no_wrap` are not wrapped."""
    made = Table(box=box.SIMPLE)
    for name in names:
        made.add_column(
            name, justify="right" if name == "count" else "left", no_wrap=name in no_wrap
        )
    for row in rows:
        made.add_row(*(Text(str(cell)) for cell in row))
    return made


def time_span(group: Mapping[str, Any]) -> str:
    return "\n".join(f"{group[name]:%Y-%m-%d %H:%M}" for name in ("first_seen", "last_seen"))


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
