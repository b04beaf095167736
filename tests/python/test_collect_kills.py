"""kill -9 under load: every event that was answered lands, once."""

from __future__ import annotations

import http.client
import json
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors import Collector
from events import event
from hirehouse.land import land
from hirehouse.spool import recover
from hirehouse.warehouse import open_warehouse
from marts import MakeEnvironment

RecordProperty = Callable[[str, object], None]
CLIENTS, BATCH = 4, 7


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


@pytest.mark.parametrize("trials", [2, pytest.param(100, marks=pytest.mark.every)])
def test_what_was_answered_lands_once(
    trials: int,
    tmp_path: Path,
    make_environment: MakeEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    record_property: RecordProperty,
) -> None:
    for name, value in make_environment("duckdb", tmp_path).items():
        monkeypatch.setenv(name, value)
    draw = random.Random(trials)
    folder = tmp_path / "spool"
    sent: set[str] = set()
    answered: set[str] = set()
    first = torn = 0
    for _ in range(trials):
        collector = Collector("--spool", str(folder), "--age", str(draw.choice([0.05, 0.2, 60])))
        load = Load(collector.port, first)
        time.sleep(draw.uniform(0.05, 0.5))
        assert collector.end(signal.SIGKILL) == -signal.SIGKILL
        for thread in load.threads:
            thread.join()
        torn += len(list(folder.glob(".*.part")))
        sent, answered, first = sent | load.sent, answered | load.answered, load.next
    recover(folder)
    with open_warehouse("duckdb") as warehouse:
        result = land([folder], warehouse)
        rows = warehouse.query("select event_id from raw.interview_requested")
    landed = {event_id for (event_id,) in rows}
    record_property("kills of a collector", trials)
    record_property("events answered", len(answered))
    assert result.failed == 0
    assert len(landed) == len(rows)
    assert answered <= landed <= sent
    assert torn  # some were killed with a segment open
    assert len(answered) > 50 * trials
