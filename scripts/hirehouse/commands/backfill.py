"""`hirehouse backfill`: turn rows of an older system into events, and land them."""

import getpass
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hirehouse.backfilling.copies import Copies, copies, replace_batch
from hirehouse.backfilling.events import Backfilled, make_events
from hirehouse.backfilling.source import open_source
from hirehouse.commands.land import print_summary
from hirehouse.commands.shared import AsLine, Target, say, say_error
from hirehouse.contracts.model import load
from hirehouse.landing.land import Landed, land
from hirehouse.running.lock import LoopLock
from hirehouse.warehouse.connections import open_warehouse


def backfill_command(
    source: Annotated[
        str,
        typer.Argument(
            help="A .csv, .ndjson or .json file (also .gz); .parquet; postgresql://user@host/database"
            "#schema.table; or table:schema.table in the warehouse itself."
        ),
    ],
    mapping: Annotated[
        Path, typer.Option(help="A select over `source` that gives events; see docs/backfill.md.")
    ],
    csv: Annotated[
        str, typer.Option(help="How a CSV file is written, such as \"delim = ';', skip = 2\".")
    ] = "",
    encoding: Annotated[
        str, typer.Option(help="Encoding of a CSV or JSON file, such as windows-1252.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder to keep the file of events in.", file_okay=False)
    ] = None,
    land_them: Annotated[
        bool, typer.Option("--land/--no-land", help="Land the events, or only write them to --out.")
    ] = True,
    instead_of: Annotated[
        list[int] | None,
        typer.Option(help="Batch of an earlier backfill whose events count no more; see the docs."),
    ] = None,
    target: Target = None,
    as_json: AsLine = False,
) -> None:
    """Turn rows of an older system into events by a mapping in SQL, and land them.

    The same rows give the same events, so doing it again changes nothing. Exit code 1: the mapping,
    the source or some rows can't be used, and nothing has landed; or the batch of --instead-of
    can't be replaced. 3: --instead-of, while `hirehouse run` uses the warehouse.
    """
    if not land_them and (out is None or instead_of):
        raise typer.BadParameter("--no-land needs a folder, --out DIR, and excludes --instead-of")
    result: Landed | None = None
    met: list[Copies] = []
    replaced: list[str] = []
    with tempfile.TemporaryDirectory(prefix="hirehouse-") as spare, ExitStack() as stack:
        if instead_of:
            stack.enter_context(LoopLock(target))
        with open_source(source, csv, target, encoding) as rows:
            for note in rows.notes:
                say_error(note, "yellow")
            made = make_events(mapping, rows, out or Path(spare), load())
        if land_them:
            with open_warehouse(target) as warehouse:
                result = land([made.path], warehouse)
                for batch in instead_of or ():
                    done = replace_batch(warehouse, batch, made.path.name, getpass.getuser())
                    replaced.append(done)
                met = copies(warehouse, result, made.columns)
    if as_json:
        # Not asdict, which counts the entries of a Counter instead of copying it.
        summary = vars(made) | {"path": str(made.path) if out else None, "copies": met}
        summary["replaced"] = replaced
        summary["landed"] = result
        print(json.dumps(summary, default=lambda it: getattr(it, "__dict__", str(it))))
    else:
        _print(made, out is not None)
        if result:
            print_summary(result, Console())
    for text in [*met, *replaced]:
        say_error(text, "yellow")


def _print(made: Backfilled, kept: bool) -> None:
    say(f"{made.rows:,} rows gave {made.events.total():,} events")
    for event, count in sorted(made.events.items()):
        say(f"  {event}: {count:,}")
    if made.without_event:
        say(f"{made.without_event:,} rows gave no event")
    if kept:
        say(f"events written to {made.path}")
