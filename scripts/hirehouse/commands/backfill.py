"""`hirehouse backfill`: turn rows of an older system into events, and land them."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hirehouse.backfilling.backfill import Backfilled, SourceError, backfill, open_source
from hirehouse.backfilling.mapping import MappingError, read_mapping
from hirehouse.commands.land import summarise
from hirehouse.commands.shared import AsLine, Target, ending
from hirehouse.contracts.model import ContractError, load
from hirehouse.landing.land import Landed, land
from hirehouse.warehouse.connections import open_warehouse
from hirehouse.warehouse.profile import WarehouseError


def backfill_command(
    source: Annotated[
        str,
        typer.Argument(
            help="A .csv, .parquet or .ndjson file (also .gz); postgresql://user@host/database"
            "#schema.table; or table:schema.table in the warehouse itself."
        ),
    ],
    mapping: Annotated[
        Path, typer.Option(help="The mapping; backfills/hiring_log/mapping.yml explains its words.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to keep the file of events in.", file_okay=False)
    ] = None,
    land_them: Annotated[
        bool, typer.Option("--land/--no-land", help="Land the events, or only write them to --out.")
    ] = True,
    target: Target = None,
    as_json: AsLine = False,
) -> None:
    """Turn rows of an older system into events by a mapping, and land them.

    The same rows give the same events, so doing it again changes nothing. Exit code 1: the mapping,
    the source or some rows can't be used; nothing has landed then.
    """
    # These bring DuckDB and Arrow along.

    if not land_them and out is None:
        raise typer.BadParameter("--no-land needs a folder to write to: --out DIR")
    result: Landed | None = None
    errors = (MappingError, SourceError, WarehouseError, ContractError, OSError)
    with (
        ending(dict.fromkeys(errors, 1)),
        tempfile.TemporaryDirectory(prefix="hirehouse-") as spare,
    ):
        rows = read_mapping(mapping, load())
        status = Console(stderr=True).status("reading rows")
        with (
            status if sys.stderr.isatty() else nullcontext(),
            open_source(source, rows.csv, target) as opened,
        ):
            folder = out or Path(spare)
            made = backfill(rows, opened, folder, lambda n: status.update(f"{n:,} rows read"))
        if land_them:
            with open_warehouse(target) as warehouse:
                result = land([made.path], warehouse)
    if as_json:
        # Not asdict, which counts the entries of a Counter instead of copying it.
        summary = vars(made) | {"path": str(made.path) if out else None}
        print(json.dumps(summary | {"landed": vars(result) if result else None}, default=str))
        return
    _print(made, out is not None)
    if result:
        summarise(result, Console())


def _print(made: Backfilled, kept: bool) -> None:
    print(f"{made.rows:,} rows gave {made.events.total():,} events")
    for event, count in sorted(made.events.items()):
        print(f"  {event}: {count:,}")
    if made.ignored:
        print(f"{made.ignored.total():,} rows left out, as the mapping says")
        for value, count in sorted(made.ignored.items()):
            print(f"  {value or 'empty'}: {count:,}")
    if kept:
        print(f"events written to {made.path}")
