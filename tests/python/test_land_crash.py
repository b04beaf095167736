"""A landing that is killed, at any moment, loses nothing and doubles nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ENGINES
from events import event, line, write
from hirehouse.failures import read_failed
from hirehouse.land import land
from hirehouse.read import Limits
from hirehouse.warehouse import open_warehouse

LIMITS = Limits(lines=700, inputs=3)
# A lander with small batches, that says when each begins.
LANDER = """
import sys
import hirehouse.land as module
from hirehouse.read import Limits
from hirehouse.warehouse import open_warehouse

begin_batch = module.begin_batch

def begin_aloud(*arguments):
    batch_id = begin_batch(*arguments)
    print("batch", batch_id, flush=True)
    return batch_id

module.begin_batch = begin_aloud
print("begun", flush=True)
with open_warehouse() as warehouse:
    module.land(sys.argv[1:], warehouse, limits=Limits(lines=700, inputs=3))
"""
BATCHES = 7
TABLES = {
    "interview_requested": "event_id",
    "failed_events": "failure_id",
    "failed_event_bodies": "failure_id",
    "unknown_properties": "event_id",
}


def make_inputs(folder: Path) -> tuple[list[Path], list[bytes]]:
    """A large file and some small ones, with failures and unknown properties among the events."""
    folder.mkdir()
    files, wrong = [], []
    for number, count in enumerate((3_000, 40, 0, 900, 5, 5, 5)):
        lines = []
        for row in range(count):
            identity = number * 10_000 + row
            if row % 50 == 7:
                wrong.append(b'{"broken": %d' % identity)
                lines.append(wrong[-1])
            else:
                extra = {"unknown": row} if row % 50 == 9 else {}
                lines.append(line(event(identity, **extra)))
        files.append(write(folder / f"{number}.ndjson.gz", lines, packed=True))
    return files, wrong


def state(environment: dict[str, str]) -> dict[str, list[str]]:
    """What readers see: the keys of each table, of committed batches."""
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        return {
            table: [
                str(row[0])
                for row in warehouse.query(
                    f"select t.{key} from raw.{table} as t inner join raw.batches as b"
                    f" on t.batch_id = b.batch_id where b.committed_at is not null order by t.{key}"
                )
            ]
            for table, key in TABLES.items()
        }


def crash_and_land_again(
    engine: str,
    folder: Path,
    make_environment: Callable[[str, Path], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    moments: list[tuple[int, float]],
) -> None:
    """Kill landings in a row, each at its moment; then land in peace and compare.

    Args:
        moments: the batch that begins, 0 for the process itself, and the seconds after that.
    """
    files, wrong = make_inputs(folder / "in")
    environment = make_environment(engine, folder)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-c", LANDER, *map(str, files)]
    for batch, seconds in moments:
        with subprocess.Popen(
            command, env=os.environ | environment, stdout=subprocess.PIPE, text=True
        ) as lander:
            assert lander.stdout
            for _ in range(batch + 1):
                lander.stdout.readline()
            time.sleep(seconds)
            lander.send_signal(signal.SIGKILL)
    with open_warehouse(engine) as warehouse:
        land(files, warehouse, limits=LIMITS)
        assert len(land(files, warehouse, limits=LIMITS).inputs) == 1  # the empty one
        [(ids, highest)] = warehouse.query("select count(*), max(batch_id) from raw.batches")
        assert ids == highest  # an id is taken once and for all
        seen = warehouse.query(
            "select f.failure_id from raw.failed_events as f inner join raw.batches as b"
            " on f.batch_id = b.batch_id where b.committed_at is not null"
        )
        assert sorted(read_failed(warehouse, key) for (key,) in seen) == sorted(wrong)
    found = state(environment)
    assert {name: len(keys) for name, keys in found.items()} == {
        "interview_requested": 3_955 - len(wrong),
        "failed_events": len(wrong),
        "failed_event_bodies": len(wrong),
        "unknown_properties": 79,
    }
    assert all(len(set(keys)) == len(keys) for keys in found.values())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("moments", [[(1, 0.1), (3, 0.02)], [(2, 0.3), (1, 0.0)]])
def test_a_killed_landing_is_made_good(
    engine: str,
    moments: list[tuple[int, float]],
    tmp_path: Path,
    make_environment: Callable[[str, Path], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crash_and_land_again(engine, tmp_path, make_environment, monkeypatch, moments)


@pytest.mark.every
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("point", range(25))
def test_a_landing_killed_at_any_point_is_made_good(
    engine: str,
    point: int,
    tmp_path: Path,
    make_environment: Callable[[str, Path], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = point % (BATCHES + 1)
    # Starting takes a second or two, a batch some tenths.
    seconds = random.Random(point).random() * (0.4 if batch else 2.0)
    crash_and_land_again(engine, tmp_path, make_environment, monkeypatch, [(batch, seconds)])
