"""`hirehouse land`: land files and topics of events."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column, Table
from rich.text import Text

from hirehouse.commands.shared import AsLine, Remove, Target, print_error, shown
from hirehouse.landing.land import Landed, land
from hirehouse.warehouse.connections import open_warehouse


def land_command(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, globs, - for stdin, s3://… (NDJSON, also packed, or Parquet), kafka://…"
        ),
    ],
    target: Target = None,
    remove: Remove = False,
    as_json: AsLine = False,
) -> None:
    """Land events: those that conform in their table of schema landed, others in failed_events.

    Landing an input again does nothing. Exit code 1: an input could not be read or removed, or S3
    not be reached; 2: a path does not exist or has no files of events, and nothing has landed.
    """
    console = Console(stderr=True)
    with (
        open_warehouse(target, say=lambda text: console.print(Text(text))) as warehouse,
        Progress(
            TextColumn("landing"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not sys.stderr.isatty(),
            transient=True,
        ) as bar,
    ):
        task = bar.add_task("landing", total=None)
        result = land(
            paths,
            warehouse,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            remove=remove,
        )
    if as_json:
        print(json.dumps(vars(result), default=str))
    else:
        print_summary(result, Console())
    for text in result.unreadable:
        print_error(text)
    if result.unreadable:
        raise typer.Exit(1)


def print_summary(result: Landed, console: Console) -> None:
    table = Table("", Column(justify="right"), "", show_header=False, box=None, pad_edge=False)

    def add(what: str, count: int, more: str = "", always: bool = False) -> None:
        if count or always:
            table.add_row(what, f"{count:,}", Text(more * bool(count)))

    rate = f"{result.lines / result.seconds:,.0f} lines a second" if result.lines else ""
    add("inputs read", len(result.inputs), always=True)
    add("inputs landed before", len(result.already), "skipped")
    add("inputs waiting", len(result.waiting), f"for the end of a line, {_first(result.waiting)}")
    add("segments removed", len(result.removed))
    table.add_row("events landed", f"{result.events:,}", rate)
    add("events failed", result.failed, "see landed.failed_events", always=True)
    for rule, count in result.failed_by_rule.most_common(10):
        add(f"  {rule}", count)
    add("unknown properties", result.unknown_properties, "see landed.unknown_properties")
    add("inputs not readable", len(result.unreadable))
    for why, names in result.left_out.items():
        add("files left out", len(names), f"{why}, {_first(names)}")
    console.print(table)


def _first(names: list[str]) -> str:
    first = shown(names[0]) if names else ""
    return f"such as {first}" if len(names) > 1 else first
