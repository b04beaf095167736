"""`hirehouse marts`: check that marts stay stable, and freeze them at a release."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hirehouse.contracts import ROOT
from hirehouse.marts import EXTRACT, breaks, extract_of, marts_of_tree, read_extract

marts_app = typer.Typer(
    help="The public marts: whether they still are what the latest release promised.",
    no_args_is_help=True,
)
Root = Annotated[Path, typer.Option(help="The project's folder.", file_okay=False)]


@marts_app.command("check")
def check_command(
    *,
    base: Annotated[
        str | None,
        typer.Option(help="Take the promise from this git revision, such as a release's tag."),
    ] = None,
    root: Root = ROOT,
) -> None:
    """Compare the marts' contracts with those of the latest release."""
    try:
        released = read_extract(root, base)
    except ValueError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from None
    _stop_at_breaks(breaks(released, marts_of_tree(root), datetime.now(UTC).date()))
    typer.echo(f"{len(released)} marts still are what the latest release promised")


@marts_app.command("freeze")
def freeze_command(*, root: Root = ROOT) -> None:
    """Write the marts' contracts to docs/marts.json: a part of each release."""
    path = root / EXTRACT
    if path.exists():
        _stop_at_breaks(breaks(read_extract(root), marts_of_tree(root), datetime.now(UTC).date()))
    path.parent.mkdir(exist_ok=True)
    path.write_text(extract_of(root))
    typer.echo(f"wrote {EXTRACT}: {len(marts_of_tree(root))} marts")


def _stop_at_breaks(problems: list[str]) -> None:
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
