"""`hirehouse collect`: receive events over HTTP; `hirehouse collect-keys`: manage write keys."""

import ipaddress
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from prometheus_client import CollectorRegistry, start_http_server

from hirehouse.collecting.app import Collector
from hirehouse.collecting.connections import BACKLOG, Connection, connection_limit
from hirehouse.collecting.spool import SEGMENT_AGE, Spool, make_folder
from hirehouse.collecting.write_keys import Keys, add_key, read_keys, revoke_key
from hirehouse.contracts.errors import ExpectedError
from hirehouse.emission_testing.collector import MemoryCollector
from hirehouse.landing.inputs import S3

MAX_OBJECT_AGE = 5  # seconds; SDKs wait 15 for an answer
keys_app = typer.Typer(no_args_is_help=True, help="Manage the write keys of producers.")
KeysFile = Annotated[Path, typer.Option("--keys", help="The JSON file of the key digests.")]


def collect_command(
    spool: Annotated[
        Path, typer.Option(help="Folder to write events to; `hirehouse run` reads it.")
    ] = Path("data/spool"),
    to: Annotated[
        str,
        typer.Option(
            help="Write to a topic, kafka://BROKER:PORT/TOPIC, or a folder on S3,"
            " s3://BUCKET/FOLDER, instead."
        ),
    ] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    keys: Annotated[
        Path | None, typer.Option(help="File of write keys; without it, any key is accepted.")
    ] = None,
    age: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            help="Seconds until events of the spool can land, at most; default 1. On S3: from one"
            " object to the next one, at least; default 0.25.",
        ),
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve metrics for Prometheus on this port.")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="Address to serve metrics on.")] = "127.0.0.1",
    micro: Annotated[
        bool,
        typer.Option("--micro", help="For tests: keep events in memory; see /micro/all|good|bad."),
    ] = False,
    schemas: Annotated[
        Path | None,
        typer.Option(help="With --micro: a folder of `contracts export`; else the project's own."),
    ] = None,
) -> None:
    """Receive events over HTTP like the Segment API: POST /v1/track, identify, page, batch, ...

    200 means that the events are on disk, on S3, or acknowledged by Kafka. GET /health and /ready
    report the state. SIGTERM or SIGINT ends the process after open requests.

    Exit code 1: the spool, Kafka, S3, the keys, the contracts or a port can't be used; 2: wrong
    arguments, or a bucket that does not exist or can't be listed.
    """
    if schemas and not micro:
        raise typer.BadParameter("--schemas is for --micro: events are checked when they land")
    if to.startswith(S3) and age and age > MAX_OBJECT_AGE:
        raise typer.BadParameter(f"--age: at most {MAX_OBJECT_AGE} on S3, since requests wait")
    if micro and not (keys or _is_loopback(host)):
        raise typer.BadParameter(
            f"--micro shows events to everybody who reaches {host}: pass --keys, so that /micro"
            " needs a write key, or listen on 127.0.0.1"
        )
    registry = CollectorRegistry()
    known = Keys(keys) if keys else None
    if micro:
        memory = MemoryCollector(schemas)
        app = Collector(memory, known, registry).app(memory.routes())
    elif to.startswith(S3):
        from hirehouse.collecting.s3_sink import OBJECT_AGE, S3Sink

        app = Collector(S3Sink(to, registry, age or OBJECT_AGE), known, registry).app()
    elif to:
        from hirehouse.collecting.kafka_sink import KafkaSink

        app = Collector(KafkaSink(to), known, registry).app()
    else:
        make_folder(spool)
        app = Collector(Spool(spool, registry, age or SEGMENT_AGE), known, registry).app()
    if not known:
        typer.echo("warning: no --keys: any write key is accepted", err=True)
    # uvicorn raises the signal again when it ends; it must not kill the process then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    if metrics_port:
        try:
            start_http_server(metrics_port, metrics_host, registry)
        except OSError as error:
            where = f"metrics on {metrics_host}:{metrics_port}"
            raise ExpectedError(f"{where}: {error.strerror}") from error
    Connection.limit = connection_limit()
    place = "memory" if micro else to or spool
    print(f"collecting on http://{host}:{port} into {place}", flush=True)
    try:
        uvicorn.run(
            app,
            host=host,
            port=port,
            http=Connection,
            backlog=BACKLOG,
            ws="none",
            timeout_graceful_shutdown=30,
            log_level="error",  # a warning for each malformed request would fill the log
            access_log=False,
        )
    except SystemExit as ended:  # has been logged
        raise typer.Exit(1) from ended


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@keys_app.command("add")
def add_command(producer: str, keys: KeysFile) -> None:
    """Create a key for a producer and print it, only now: just its digest is stored."""
    print(add_key(keys, producer))


@keys_app.command("list")
def list_command(keys: KeysFile) -> None:
    """List the producers that have a key."""
    for producer in read_keys(keys):
        print(producer)


@keys_app.command("revoke")
def revoke_command(producer: str, keys: KeysFile) -> None:
    """Revoke the key of a producer; running collectors apply it at once."""
    revoke_key(keys, producer)
