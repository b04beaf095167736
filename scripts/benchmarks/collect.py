"""Collecting beside its floor, and what the contracts cost in landing.

The floor is a bare starlette endpoint that only parses the JSON and appends the body durably, by
the same spool. Both get the same batches of 100 over loopback from one load process, in turn.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import chain, islice
from pathlib import Path
from unittest.mock import patch

import orjson
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hirehouse.collecting.app import Collector
from hirehouse.collecting.connections import Connection
from hirehouse.collecting.spool import Spool
from hirehouse.contracts.model import ROOT
from hirehouse.landing.check_batch import Group
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from simulator import simulate
from support.servers import free_port

BATCH = 100
LEAST = 0.5
MOST = 0.3


def bare(spool: Spool) -> Starlette:
    """The least that a durable endpoint does."""

    async def take(request: Request) -> Response:
        body = await request.body()
        orjson.loads(body)
        await spool.append([body])
        return Response(b'{"success":true}', media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await spool.start()
        yield
        await spool.close()

    return Starlette(routes=[Route("/v1/batch", take, methods=["POST"])], lifespan=lifespan)


def serve(kind: str, port: int, folder: Path) -> None:
    """Serve one of the two until a signal comes."""
    registry = CollectorRegistry()
    spool = Spool(folder, registry)
    app = bare(spool) if kind == "bare" else Collector(spool, None, registry).app()
    uvicorn.run(app, port=port, http=Connection, ws="none", log_level="error", access_log=False)


@contextmanager
def serving(kind: str, folder: Path, memory: dict[str, float]) -> Iterator[int]:
    """One of the two in a process of its own; its greatest memory goes to `memory`."""

    port = free_port()
    command = [sys.executable, __file__, "--serve", kind, "--port", str(port)]
    process = subprocess.Popen([*command, "--folder", str(folder)])
    try:
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.request("GET", "/")
                break
            except OSError:
                time.sleep(0.05)
        yield port
        status = Path(f"/proc/{process.pid}/status").read_text()
        memory[kind] = max(
            memory.get(kind, 0), int(status.partition("VmHWM:")[2].split()[0]) / 1024
        )
    finally:
        process.terminate()
        process.wait()


def load(port: int, bodies: list[bytes], seconds: float, clients: int) -> float:
    """Send batches for some seconds; returns events answered a second."""
    counts = [0] * clients
    end = time.perf_counter() + seconds

    def send(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        turn = number
        while time.perf_counter() < end:
            connection.request("POST", "/v1/batch", bodies[turn % len(bodies)])
            answer = connection.getresponse()
            if answer.status != 200:
                raise SystemExit(f"answer {answer.status}: {answer.read()!r}")
            answer.read()
            counts[number] += BATCH
            turn += clients

    threads = [threading.Thread(target=send, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def landing(files: list[Path], folder: Path, *, checked: bool) -> float:
    """Seconds of landing files into a new DuckDB file, with or without the contracts' rules."""

    def open_to_all(group: Group) -> None:
        made(group)
        group.valid = lambda *_, **__: True

    made = Group.__post_init__
    database = folder / f"land{time.time_ns()}.duckdb"
    os.environ["HIREHOUSE_DUCKDB"] = str(database)
    with (
        open_warehouse() as warehouse,
        patch.object(Group, "__post_init__", made if checked else open_to_all),
    ):
        seconds = land(files, warehouse).seconds
    database.unlink()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each load")
    parser.add_argument("--clients", type=int, default=16, help="connections at once")
    parser.add_argument("--runs", type=int, default=3, help="the best of so many runs counts")
    parser.add_argument("--candidates", type=int, default=2000, help="about 38 events each")
    parser.add_argument("--serve", choices=["bare", "collect"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port, options.folder)
        return
    ratios: dict[str, float] = {}
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="hirehouse-bench-") as temporary:
        folder = Path(temporary)
        simulate(folder / "events", candidates=options.candidates, broken_share=0.0)
        files = sorted((folder / "events").glob("*.ndjson.gz"))
        events = [json.loads(line) for line in lines_of(files, 100 * BATCH)]
        cuts = [{"batch": events[i : i + BATCH]} for i in range(0, len(events), BATCH)]
        # As SDKs for Node write JSON, and as those for Python do, with blanks and escapes.
        written = {
            "compact": [orjson.dumps(cut) for cut in cuts],
            "Python's": [json.dumps(cut).encode() for cut in cuts],
        }
        for name, bodies in written.items():
            best = {"bare": 0.0, "collect": 0.0}
            for run in range(options.runs):
                for kind, best_yet in best.items():
                    with serving(kind, folder / f"{kind}{run}", memory) as port:
                        load(port, bodies, 0.5, options.clients)
                        speed = load(port, bodies, options.seconds, options.clients)
                    best[kind] = max(best_yet, speed)
            ratios[name] = best["collect"] / best["bare"]
            speeds = f"bare {best['bare']:,.0f}, collector {best['collect']:,.0f} events a second"
            print(f"{name} JSON: {speeds}; ratio {ratios[name]:.2f}", flush=True)
        print(f"memory: bare {memory['bare']:.0f} MB, collector {memory['collect']:.0f} MB at most")
        (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
        os.environ |= {"DBT_PROFILES_DIR": str(folder), "HIREHOUSE_TARGET": "duckdb"}
        landing(files, folder, checked=True)  # imports
        seconds = {checked: landing(files, folder, checked=checked) for checked in (True, False)}
        for _ in range(options.runs - 1):
            for checked, best_yet in seconds.items():
                seconds[checked] = min(best_yet, landing(files, folder, checked=checked))
        cost = 1 - seconds[False] / seconds[True]
        print(
            f"landing {seconds[True]:.2f} s, without contracts {seconds[False]:.2f} s: {cost:.0%}"
        )
    if min(ratios.values()) < LEAST or cost > MOST:
        sys.exit(f"the ratio must be at least {LEAST}, and contracts cost at most {MOST:.0%}")


def lines_of(files: list[Path], count: int) -> Iterator[bytes]:
    """The first lines of packed files."""
    return islice(chain.from_iterable(map(gzip.open, files)), count)


if __name__ == "__main__":
    main()
