"""`hirehouse collect`: take events over HTTP; `hirehouse collect-keys`: who may send them."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from prometheus_client import CollectorRegistry

from hirehouse.collecting.app import Collector, ImpatientProtocol
from hirehouse.collecting.kafka_sink import KafkaSink
from hirehouse.collecting.spool import Spool
from hirehouse.collecting.write_keys import Keys, KeysError, add_key, read_keys, revoke_key
from hirehouse.commands.shared import ending
from hirehouse.emission_testing.collector import MemoryCollector
from hirehouse.landing.inputs import InputError

keys_app = typer.Typer(
    no_args_is_help=True,
    help="Write keys of the producers that `collect` takes events from.",
)
CODES = {KeysError: 1, OSError: 1, InputError: 2}
KeysFile = Annotated[Path, typer.Option("--keys", help="The JSON file of the keys' digests.")]


def collect_command(
    spool: Annotated[
        Path, typer.Option(help="Folder for the events; `hirehouse run` takes them from there.")
    ] = Path("data/spool"),
    to: Annotated[
        str, typer.Option(help="kafka://BROKER:PORT/TOPIC: a topic for the events, instead.")
    ] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    keys: Annotated[
        Path | None, typer.Option(help="File of write keys; without one, every key is taken.")
    ] = None,
    age: Annotated[
        float, typer.Option(min=0.05, help="Seconds until events can be landed, at most.")
    ] = 1.0,
    micro: Annotated[
        bool,
        typer.Option("--micro", help="For tests: keep events in memory; see /micro/all|good|bad."),
    ] = False,
) -> None:
    """Take events over HTTP as the Segment API does: POST /v1/track, identify, page, batch, ...

    An answer of 200 means that the events are on the disk, or that Kafka has them. GET /health,
    /ready and /metrics tell how it is. SIGTERM or SIGINT finishes what has begun.

    Exit code 1: the spool, Kafka, the keys or the port can't be used; 2: wrong arguments.
    """

    registry = CollectorRegistry()
    with ending(CODES):
        known = Keys(keys) if keys else None
        if micro:
            memory = MemoryCollector()
            app = Collector(memory, known, registry).app(memory.routes())
        elif to:
            app = Collector(KafkaSink(to), known, registry).app()
        else:
            spool.mkdir(parents=True, exist_ok=True)
            app = Collector(Spool(spool, registry, age), known, registry).app()
    if not known:
        print("warning: no --keys: events of everybody are taken", file=sys.stderr, flush=True)
    # uvicorn sends itself the signal again at its end, which is none that should kill.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    place = "memory" if micro else to or spool
    print(f"collecting on http://{host}:{port} into {place}", flush=True)
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=ImpatientProtocol,
        ws="none",
        timeout_graceful_shutdown=30,
        log_level="warning",
        access_log=False,
    )


@keys_app.command("add")
def add_command(producer: str, keys: KeysFile) -> None:
    """Make a key for a producer, and print it: this once, since only its digest is kept."""
    with ending(CODES):
        print(add_key(keys, producer))


@keys_app.command("list")
def list_command(keys: KeysFile) -> None:
    """Print the producers that have a key."""
    with ending(CODES):
        for producer in read_keys(keys):
            print(producer)


@keys_app.command("revoke")
def revoke_command(producer: str, keys: KeysFile) -> None:
    """Take a producer's key away; collectors that run know at once."""
    with ending(CODES):
        revoke_key(keys, producer)
