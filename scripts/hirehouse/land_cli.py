"""`hirehouse land`: land files of events."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

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
from rich.table import Table

from hirehouse.cli_shared import Remove, Target
from hirehouse.contracts import ContractError
from hirehouse.read import InputError
from hirehouse.warehouse import WarehouseError, open_warehouse

if TYPE_CHECKING:
    from hirehouse.land import Landed


def land_command(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, globs, - for stdin (NDJSON, plain or gzip), kafka://…"
        ),
    ],
    target: Target = None,
    remove: Remove = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one line of JSON.")
    ] = False,
) -> None:
    """Land files of events in schema raw: what conforms in its table, the rest in failed_events.

    Landing an input again does nothing. Exit code 1: an input could not be read or removed.
    """
    from hirehouse.land import land  # noqa: PLC0415 - brings Arrow along

    console = Console(stderr=True)
    try:
        with (
            open_warehouse(
                target, say=lambda text: console.print(text, highlight=False)
            ) as warehouse,
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
    except InputError as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False)
        raise typer.Exit(2) from None
    except (WarehouseError, ContractError, ConnectionError) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(vars(result), default=str))
    else:
        summarise(result, Console())
    for text in result.unreadable:
        console.print(f"error: {text}", style="red", markup=False, highlight=False)
    if result.unreadable:
        raise typer.Exit(1)


def summarise(result: Landed, console: Console) -> None:
    """Print what came of a landing."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    rate = f"{result.lines / result.seconds:,.0f} lines a second" if result.lines else ""
    table.add_row("inputs read", f"{len(result.inputs):,}", "")
    if result.already:
        table.add_row("inputs landed before", f"{len(result.already):,}", "left alone")
    if result.removed:
        table.add_row("segments removed", f"{len(result.removed):,}", "")
    table.add_row("events landed", f"{result.events:,}", rate)
    table.add_row(
        "events failed", f"{result.failed:,}", "see raw.failed_events" * bool(result.failed)
    )
    for rule, count in result.failed_by_rule.most_common(10):
        table.add_row(f"  {rule}", f"{count:,}", "")
    if result.unknown_properties:
        unknown = f"{result.unknown_properties:,}"
        table.add_row("unknown properties", unknown, "see raw.unknown_properties")
    if result.unreadable:
        table.add_row("inputs not readable", f"{len(result.unreadable):,}", "")
    console.print(table)
