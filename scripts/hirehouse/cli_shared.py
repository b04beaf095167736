"""What commands share: options, a warehouse with its tables, and how they print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console

from hirehouse.contracts import ContractError
from hirehouse.warehouse import Warehouse, WarehouseError, open_warehouse

Target = Annotated[
    str | None, typer.Option(help="Target of profiles.yml; else HIREHOUSE_TARGET, else its own.")
]
Remove = Annotated[
    bool, typer.Option("--remove", help="Delete the collector's segments that have landed whole.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]
HAS_TABLES = (
    "select 1 from information_schema.tables"
    " where table_schema = 'raw' and table_name = 'failure_actions'"
)
WIDTH = 140  # of a table that goes to a file or a pipe


@contextmanager
def opened(target: str | None) -> Iterator[Warehouse]:
    """The warehouse, with its tables; ends the command where it or an id can't be used."""
    from hirehouse.states import UnknownFailure  # noqa: PLC0415 - brings Arrow along
    from hirehouse.tables import ensure_tables  # noqa: PLC0415 - as above

    try:
        with open_warehouse(target) as warehouse:
            if not warehouse.query(HAS_TABLES):
                with warehouse.landing_lock():
                    ensure_tables(warehouse)
            yield warehouse
    except (UnknownFailure, WarehouseError, ContractError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2 if isinstance(error, UnknownFailure) else 1) from None


def new_console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDTH)


def print_json(value: Any) -> None:  # noqa: ANN401 - any JSON
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
