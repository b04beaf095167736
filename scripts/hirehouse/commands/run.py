"""`hirehouse run`: keep the warehouse up to date with folders and topics of events."""

import json
import signal
import threading
from typing import Annotated

import typer

from hirehouse.commands.publish import told
from hirehouse.commands.shared import Remove, Target, print_error, say
from hirehouse.contracts.errors import ExpectedError
from hirehouse.running.lock import LoopLock
from hirehouse.running.loop import Inbox, Loop, Round, pause
from hirehouse.running.metrics import Metrics
from hirehouse.running.publisher import Publisher
from hirehouse.running.warm_dbt import brief
from hirehouse.warehouse.profile import WarehouseError

OUT_OF_SYNC = "source and target schemas on this incremental model are out of sync"


def run_command(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="What to watch: folders, files, globs, s3://… (NDJSON, also packed, or Parquet), kafka://…"
        ),
    ],
    once: Annotated[bool, typer.Option("--once", help="One round, for a scheduler.")] = False,
    every: Annotated[
        float, typer.Option(min=0.05, help="Seconds from the end of a round to the next one.")
    ] = 0.25,
    remove: Remove = False,
    target: Target = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve metrics for Prometheus on this port.")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="Address to serve metrics on.")] = "127.0.0.1",
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish what is built, once its tests pass.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each round as one line of JSON.")
    ] = False,
) -> None:
    """Watch folders, S3 and topics: land new events, and build the models that they affect.

    Put only complete files there: write to a name that ends in .tmp or .part, or starts with a dot,
    then rename. SIGINT or SIGTERM ends the loop after its round, a second one immediately.

    With --publish, data tests run once all models are up to date, for a tenth of the time at most.
    If all pass, the marts are copied as by `hirehouse publish`.

    Exit code 1: the last round could not read, land, build or publish something; 2: wrong
    arguments; 3: another loop has the warehouse.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _stop(stop))

    Inbox(paths).new()
    result: Round | None = None
    unpublished = False
    with LoopLock(target) as lock:
        metrics = Metrics(metrics_port, metrics_host) if metrics_port else None
        loop = Loop(paths, target, remove=remove)
        publisher = Publisher(loop) if publish else None
        tries = 0
        while not stop.is_set():
            try:
                lock.acquire()
                latest = loop.round()
            except WarehouseError as error:  # such as a restart of PostgreSQL
                latest = Round(loop.number, error=str(error))
            if latest:
                result = latest
                tries = tries + 1 if result.error else 0
                print(json.dumps(vars(result)) if as_json else line_of(result), flush=True)
                for text in notes_of(result):
                    say(text, err=True)
                for text in problems_of(result):
                    print_error(text)
                if tries and not once:
                    typer.echo(f"trying again in {pause(tries):.0f} s", err=True)
                if metrics:
                    metrics.note(result, len(loop.failing))
            unpublished = publisher is not None and not _publish(publisher, latest)
            if once:
                break
            stop.wait(pause(tries) if tries else every)
    if (result and not (result.good and not result.unreadable)) or unpublished:
        raise typer.Exit(1)


def _publish(publisher: Publisher, latest: Round | None) -> bool:
    """Publish if it is time; whether nothing went wrong."""
    publisher.note(latest)
    try:
        if published := publisher.publish():
            say(told(published), err=True)
    except (ExpectedError, OSError) as error:
        print_error(error)
        return False
    return True


def _stop(stop: threading.Event) -> None:
    stop.set()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def line_of(result: Round) -> str:
    parts = [f"round {result.number}"]
    if result.batches:
        parts += [f"batch {', '.join(map(str, result.batches))}", f"{result.lines:,} lines"]
        parts += [f"{result.events:,} events", f"{result.failed:,} failed"]
    parts += [f"{result.models} models", f"{result.seconds:.1f} s"]
    if result.lag_seconds is not None:
        parts.append(f"{result.lag_seconds:,.1f} s behind")
    return "  ".join(parts)


def notes_of(result: Round) -> list[str]:
    """What a round has left out or not yet landed; each file is named once."""
    notes = [f"{name}: waiting for the end of its last line" for name in result.waiting]
    for why, names in result.left_out.items():
        more = f", and {len(names) - 1:,} more" if len(names) > 1 else ""
        notes.append(f"left out: {names[0]}{more}: {why}")
    return notes


def problems_of(result: Round) -> list[str]:
    broken = [f"{name}: {brief(text)}{_cure(name, text)}" for name, text in result.broken.items()]
    return [*filter(None, [result.error]), *result.unreadable, *broken]


def _cure(model: str, message: str) -> str:
    """What to run, where dbt compares the columns of a model with those of its table."""
    if OUT_OF_SYNC not in message:
        return ""
    return f" Run `dbt build --full-refresh --select {model}+`; see docs/contracts.md."
