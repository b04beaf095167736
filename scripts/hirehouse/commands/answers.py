"""How `hirehouse query` prints and writes rows."""

from __future__ import annotations

import io
import os
import pydoc
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hirehouse.commands.shared import shown
from hirehouse.querying.reading import Answer, rows_of

NULL = "null"
SHOWN = 1_000  # rows of a table on a terminal, if nothing else is asked for


class Format(StrEnum):
    """A format of rows; the endings of files are the same, but for Markdown's."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    MARKDOWN = "markdown"

    @classmethod
    def of_file(cls, path: Path) -> Format | None:
        """The format that a file's ending names."""
        endings = {f".{one}": one for one in cls} | {".md": cls.MARKDOWN, ".txt": cls.TABLE}
        return endings.get(path.suffix.lower())


# What DuckDB writes, with its options.
COPIED = {
    Format.CSV: "format csv, header",
    Format.JSON: "format json, array true",
    Format.PARQUET: "format parquet",
}


def text_of(value: Any) -> str:
    match value:
        case None:
            return NULL
        case bool():
            return str(value).lower()
        case Decimal():
            return f"{value:f}"
        case datetime():
            day, dot, part = value.isoformat(" ").partition(".")
            return day + dot + part.rstrip("0")
        case _:
            return shown(value)


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def counted(answer: Answer) -> str:
    count = answer.table.num_rows
    rows = f"{count:,} row" + "s" * (count != 1)
    return f"the first {rows}; --limit shows more" if answer.more else rows


def print_table(answer: Answer) -> None:
    """Print a table as wide as it is; what is larger than the terminal goes to the pager."""
    terminal = sys.stdout.isatty()
    text, width = table_text(answer, color=terminal and "NO_COLOR" not in os.environ)
    size = shutil.get_terminal_size()
    if terminal and (text.count("\n") >= size.lines or width > size.columns):
        # As git and psql do: colors, no wrapped lines, and the screen stays as it is.
        os.environ.setdefault("LESS", "-RSX")
        pydoc.pager(text)
    else:
        print(text, end="")


def table_text(answer: Answer, *, color: bool) -> tuple[str, int]:
    """A table as text, and its width."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name, kind in zip(answer.table.column_names, answer.table.schema.types, strict=True):
        side: Literal["left", "right"] = "right" if _is_number(kind) else "left"
        table.add_column(Text(shown(name)), justify=side, no_wrap=True)
    for row in rows_of(answer.table):
        table.add_row(*(Text(text_of(v), "dim" if v is None else "") for v in row))
    text = io.StringIO()
    console = Console(file=text, force_terminal=color)
    unbounded = console.options.update(width=sys.maxsize)
    console.width = max(2, table.__rich_measure__(console, unbounded).maximum)
    console.print(table)
    console.print(Text(counted(answer), "dim"), soft_wrap=True)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines()), console.width


def markdown(table: pa.Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"

    rules = [f"--{':' if _is_number(kind) else '-'}" for kind in table.schema.types]
    lines = [line([*map(shown, table.column_names)]), f"|{'|'.join(rules)}|\n"]
    return "".join([*lines, *(line([*map(text_of, row)]) for row in rows_of(table))])


def write(answer: Answer, form: Format, out: Path | None) -> None:
    """Write rows to a file, or to stdout if there is none.

    Raises:
        OSError: the file can't be written.
    """
    if form == Format.TABLE and out is None:
        print_table(answer)
        return
    with tempfile.TemporaryDirectory(dir=out and out.parent) as folder:
        made = Path(folder) / "rows"
        if form in COPIED:
            _copy(answer.table, made, COPIED[form])
        else:
            plain = form == Format.TABLE
            text = table_text(answer, color=False)[0] if plain else markdown(answer.table)
            made.write_text(text, encoding="utf-8")
        if out:
            made.replace(out)  # all rows, or none
            return
        with made.open("rb") as file:
            if sys.stdout.isatty():
                print(shown(file.read().decode(), "\n"), end="")
            else:
                sys.stdout.flush()
                shutil.copyfileobj(file, sys.stdout.buffer)


def _copy(table: pa.Table, path: Path, options: str) -> None:
    import duckdb

    with duckdb.connect() as connection:
        connection.register("answer", table.rename_columns(_distinct(table.column_names)))
        connection.execute(f"copy answer to '{path}' ({options})")


def _distinct(names: Sequence[str]) -> list[str]:
    """Names with a number where one comes again: Parquet and JSON take each name once."""
    found: list[str] = []
    for name in names:
        number, distinct = 1, name
        while distinct.lower() in map(str.lower, found):
            distinct, number = f"{name}_{number}", number + 1
        found.append(distinct)
    return found
