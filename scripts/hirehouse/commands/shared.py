"""Options, printing and exit codes that commands share."""

import json
import sys
import unicodedata
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
# Unicode's categories of characters that a terminal obeys, or that turn, hide or break a line.
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def shown(text: object, keep: str = "") -> str:
    """A text for a terminal or a log, whoever wrote it: hidden characters become escapes.

    Args:
        text: what to print, such as names and values of a producer's event.
        keep: hidden characters to leave, such as the line breaks of a text shown as a whole.
    """
    return "".join(
        c.encode("unicode_escape").decode()
        if c not in keep and unicodedata.category(c) in HIDDEN
        else c
        for c in str(text)
    )


def say(text: object, *, err: bool = False) -> None:
    """Print one line, with what is hidden in it as escapes."""
    typer.echo(shown(text), err=err)


def say_error(text: object, style: str = "") -> None:
    """Print one line on stderr, whatever its length; further lines are indented."""
    lines = shown(text, "\n").replace("\n", "\n  ")  # so that none can pose as a message
    Console(stderr=True).print(Text(lines, style), soft_wrap=True)


def print_error(error: object) -> None:
    say_error(f"error: {error}", "red")


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
    """A console on stdout that takes no text for markup."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, markup=False, emoji=False)


def text_table(
    names: Iterable[str], rows: Iterable[Iterable[object]], no_wrap: Collection[str] = ()
) -> Table:
    """A table of plain texts, a list being a cell of several lines.

    Args:
        no_wrap: columns that are not wrapped.
    """
    made = Table(box=box.SIMPLE)
    for name in names:
        made.add_column(
            name,
            justify="right" if name == "count" else "left",
            no_wrap=name in no_wrap,
            overflow="fold",
        )
    for row in rows:
        cells = (cell if isinstance(cell, list) else [cell] for cell in row)
        made.add_row(*(Text("\n".join(map(shown, lines))) for lines in cells))
    return made


def time_span(group: Mapping[str, Any]) -> list[str]:
    return [f"{group[name]:%Y-%m-%d %H:%M}" for name in ("first_seen", "last_seen")]


def print_json(value: Any) -> None:
    """Print indented JSON; what is hidden in its texts is escaped, as JSON allows."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    typer.echo(
        "".join(
            json.dumps(c)[1:-1] if c != "\n" and unicodedata.category(c) in HIDDEN else c
            for c in text
        )
    )
