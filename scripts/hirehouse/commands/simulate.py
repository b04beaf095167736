"""`hirehouse simulate`: simulate the events of a hiring marketplace."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from simulator import CANDIDATES, MAX_SEED, START, TRUTH_FILE, simulate

LATEST = 10  # days that an event is late, at most


def _share(of_what: str) -> object:
    return typer.Option(min=0.0, max=1.0, help=f"Share of events {of_what}.")


def simulate_command(
    out: Annotated[Path, typer.Option(help="Folder to write to; its event files are replaced.")],
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Same seed, same bytes.")] = 1,
    days: Annotated[int, typer.Option(min=1, help="Days to simulate.")] = 90,
    candidates: Annotated[
        int, typer.Option(min=1, help="Approximate number of sign-ups: 38 events each in 90 days.")
    ] = CANDIDATES,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="First day, UTC.")
    ] = datetime(START.year, START.month, START.day),
    late_share: Annotated[float, _share("that arrive 5 seconds to 10 days late")] = 0.03,
    resent_share: Annotated[float, _share("that arrive a second time")] = 0.01,
    broken_share: Annotated[float, _share("with an additional broken copy")] = 0.002,
    unknown_share: Annotated[float, _share("with a property no contract names")] = 0.001,
    events_per_file: Annotated[int, typer.Option(min=1, help="Lines per file.")] = 100_000,
) -> None:
    """Simulate a hiring marketplace: events as gzip NDJSON, and truth.json to test against."""
    options = locals() | {"start": start.date()}  # named like the arguments of simulate()
    last = start + timedelta(days=days + LATEST)
    if last > datetime.now():
        raise typer.BadParameter(
            f"the last events are received on {last:%Y-%m-%d}, and those of the future fail when"
            " they land: set an earlier --start"
        )
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("simulating", total=days)
        truth = simulate(**options, progress=lambda done: bar.update(task, completed=done))
    files = len(list(out.glob("events-*.ndjson.gz")))
    typer.echo(
        f"{truth.events:,} events in {files:,} files ({truth.lines:,} lines): "
        f"{truth.late:,} late, {truth.resent:,} re-sent; plus {truth.broken.total():,} broken.\n"
        f"Expected counts: {out / TRUTH_FILE}"
    )
