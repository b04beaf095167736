"""kill -9 under load: every event that was answered with 200 lands once."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hirehouse.collecting.spool import recover
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from support.collectors import Collector, Load

RecordProperty = Callable[[str, object], None]


@pytest.mark.usefixtures("duckdb_environment")
@pytest.mark.parametrize("trials", [2, pytest.param(100, marks=pytest.mark.every)])
def test_answered_events_land_once(
    trials: int,
    tmp_path: Path,
    record_property: RecordProperty,
) -> None:
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
        rows = warehouse.query("select event_id from landed.interview_requested")
    landed = {event_id for (event_id,) in rows}
    record_property("kills of a collector", trials)
    record_property("events answered", len(answered))
    assert result.failed == 0
    assert len(landed) == len(rows)
    assert answered <= landed <= sent
    assert torn  # some kills left an open segment
    assert len(answered) > 50 * trials
