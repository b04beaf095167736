"""`hirehouse land`: land files of events."""

from __future__ import annotations

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

from hirehouse.commands.shared import AsLine, Remove, Target, ending, say_error
from hirehouse.contracts.model import ContractError
from hirehouse.landing.inputs import InputError
from hirehouse.landing.land import Landed, land
from hirehouse.warehouse.connections import open_warehouse
from hirehouse.warehouse.profile import WarehouseError


def land_command(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, globs, - for stdin (NDJSON, plain or gzip), kafka://…"
        ),
    ],
    target: Target = None,
    remove: Remove = False,
    as_json: AsLine = False,
) -> None:
    """Land files of events in schema landed: what conforms in its table, the rest in failed_events.

    Landing an input again does nothing. Exit code 1: an input could not be read or removed.
    """

    console = Console(stderr=True)
    codes = {InputError: 2, WarehouseError: 1, ContractError: 1, ConnectionError: 1}
    with (
        ending(codes),
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
        summarise(result, Console())
    for text in result.unreadable:
        say_error(text)
    if result.unreadable:
        raise typer.Exit(1)


def summarise(result: Landed, console: Console) -> None:
    """Print what came of a landing."""
    table = Table("", Column(justify="right"), "", show_header=False, box=None, pad_edge=False)

    def tell(what: str, count: int, more: str = "", always: bool = False) -> None:
        if count or always:
            table.add_row(what, f"{count:,}", more * bool(count))

    rate = f"{result.lines / result.seconds:,.0f} lines a second" if result.lines else ""
    tell("inputs read", len(result.inputs), always=True)
    tell("inputs landed before", len(result.already), "left alone")
    tell("segments removed", len(result.removed))
    table.add_row("events landed", f"{result.events:,}", rate)
    tell("events failed", result.failed, "see landed.failed_events", always=True)
    for rule, count in result.failed_by_rule.most_common(10):
        tell(f"  {rule}", count)
    tell("unknown properties", result.unknown_properties, "see landed.unknown_properties")
    tell("inputs not readable", len(result.unreadable))
    console.print(table)
