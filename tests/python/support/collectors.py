"""Collectors for tests: in a thread of this process, or as a process that can be killed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry, generate_latest

from hirehouse.collecting import app as collecting_app
from hirehouse.collecting.connections import Connection
from hirehouse.collecting.spool import Sink, Spool
from hirehouse.collecting.write_keys import Keys
from hirehouse.emission_testing.collector import MemoryCollector
from support.events import event
from support.project import BIN
from support.servers import free_port

PATIENCE = 60  # seconds, on a busy machine
CLIENTS, BATCH = 4, 7
_REGISTRIES: dict[int, CollectorRegistry] = {}  # of the collectors in this process, by port


class Answer:
    """Status, headers and JSON of an answer."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.text = response.status, response.headers, response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def call(
    port: int,
    path: str,
    body: Any = None,
    method: str = "POST",
    **headers: str,
) -> Answer:
    """One request; an underscore in a header's name stands for a dash."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, data, named)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def scraped(port: int) -> dict[str, float]:
    """What Prometheus would read of a collector in this process, or at a port of metrics."""
    registry = _REGISTRIES.get(port)
    text = generate_latest(registry) if registry else call(port, "/metrics", method="GET").text
    lines = text.decode().splitlines()
    pairs = (text.rsplit(" ", 1) for text in lines if not text.startswith("#"))
    return {name: float(value) for name, value in pairs}


def until(done: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def serving(sink: Path | Sink, keys: Path | None = None, age: float = 0.1) -> Iterator[int]:
    """A collector in a thread, into a folder or another sink; yields its port."""
    registry = CollectorRegistry()
    if isinstance(sink, Path):
        sink = Spool(sink, registry, age)
    routes = sink.routes() if isinstance(sink, MemoryCollector) else []
    collector = collecting_app.Collector(sink, Keys(keys) if keys else None, registry)
    port = free_port()
    _REGISTRIES[port] = registry
    server = uvicorn.Server(
        uvicorn.Config(
            collector.app(routes),
            port=port,
            http=Connection,
            log_level="error",
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield port
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        del _REGISTRIES[port]


class Collector:
    """`hirehouse collect` as a process.

    Args:
        command: what runs `hirehouse`; that of this environment by default.
    """

    def __init__(self, *arguments: str, command: Sequence[str] = (str(BIN / "hirehouse"),)) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        ports = ("--port", str(self.port), "--metrics-port", str(self.metrics_port))
        self.process = subprocess.Popen(
            [*command, "collect", *ports, *arguments],
            env=os.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        until(self.answers)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health"):
                return True
        except OSError:
            return False

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        if self.process.stderr:
            self.process.stderr.close()
        return code


class Load:
    """Clients that send batches, each event once, until the collector is gone."""

    def __init__(self, port: int, first: int) -> None:
        self.port, self.next = port, first
        self.lock = threading.Lock()
        self.sent: set[str] = set()
        self.answered: set[str] = set()
        self.threads = [threading.Thread(target=self._send) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while True:
            with self.lock:
                numbers = range(self.next, self.next + BATCH)
                self.next += BATCH
            events = [event(number) for number in numbers]
            ids = {str(one["messageId"]) for one in events}
            with self.lock:
                self.sent |= ids
            try:
                connection.request("POST", "/v1/batch", json.dumps({"batch": events}))
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException):
                return
            if response.status == 200:
                with self.lock:
                    self.answered |= ids


def spooled(folder: Path) -> list[Any]:
    """The events of the finished segments."""
    texts = [path.read_text() for path in sorted(folder.glob("*.ndjson"))]
    return [json.loads(line) for text in texts for line in text.splitlines()]
