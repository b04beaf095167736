"""`hirehouse run` as a process: a model breaks and is fixed, and a signal ends it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from conftest import ALL_ENGINES, surrounded_by
from hirehouse.contracts.model import ROOT
from hirehouse.warehouse.connections import open_warehouse
from simulator import simulate
from support.events import event, line, write
from support.marts import MakeEnvironment, shuffled
from support.parsing import parsed_for
from support.servers import free_port

PATIENCE = 240  # seconds, on a busy machine


class Process:
    """`hirehouse run` on a copy of the project, and its output."""

    def __init__(self, root: Path, environment: dict[str, str], *arguments: str) -> None:
        self.told = root / "told"
        variables = os.environ | environment | {"PYTHONPATH": str(root / "scripts")}
        command = [sys.executable, "-c", "from hirehouse.commands.main import main; main()", "run"]
        with self.told.open("w") as told:
            self.process = subprocess.Popen(
                [*command, "--json", *arguments],
                env=variables,
                cwd=root,
                stdout=told,
                stderr=subprocess.STDOUT,
            )

    def rounds(self) -> list[dict[str, Any]]:
        lines = self.told.read_text().splitlines(keepends=True)
        return [json.loads(text) for text in lines if text.startswith("{") and text[-1] == "\n"]

    def until(self, done: Callable[[list[dict[str, Any]]], object]) -> list[dict[str, Any]]:
        """Wait for a condition on its rounds."""
        end = time.monotonic() + PATIENCE
        while not done(found := self.rounds()):
            assert self.process.poll() is None, self.told.read_text()
            assert time.monotonic() < end, self.told.read_text()
            time.sleep(0.05)
        return found


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the parts of the project that a loop needs, to break it."""
    folder = tmp_path / "project"
    for name in ("macros", "models", "seeds", "scripts", "tests/generic", "tests/singular"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
    shutil.copy(ROOT / "dbt_project.yml", folder)
    return folder


@pytest.mark.every
@pytest.mark.redshift
@pytest.mark.parametrize("engine", ALL_ENGINES)
def test_a_broken_model_delays_only_models_downstream(
    engine: str, clone: Path, tmp_path: Path, make_environment: MakeEnvironment
) -> None:
    """Also: one loop per warehouse, metrics for Prometheus, and SIGTERM ends it after its round."""
    environment = make_environment(engine, tmp_path)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    market = tmp_path / "market"
    simulate(market, seed=5, start=date(2026, 1, 5), days=70, candidates=80)
    parts = shuffled([market], tmp_path, 2, seed=3)
    model = clone / "models/intermediate/marketplace/int_offers.sql"
    whole = model.read_text()
    model.write_text(whole.replace("offers.expires_on", "offers.no_such_column"))
    shutil.copy(parts[0], inbox)
    parsed_for(clone, clone / "target" / "run", environment)
    port = free_port()
    loop = Process(clone, environment, "--metrics-port", str(port), str(inbox))
    try:
        first = loop.until(len)[0]
        assert list(first["broken"]) == ["int_offers"]
        assert "no_such_column" in loop.told.read_text()
        assert first["models"] > 50
        shutil.copy(parts[1], inbox)
        loop.until(lambda found: sum(r["lines"] for r in found) > first["lines"])
        metrics = scraped(port)
        assert metrics["hirehouse_models_failed"] == 1
        assert metrics["hirehouse_last_success_timestamp_seconds"] == 0
        assert metrics['hirehouse_rounds_total{result="bad"}'] >= 1

        # It is built as soon as possible, without new events.
        model.write_text(whole)
        second = Process(tmp_path_of(clone), environment, str(inbox))
        assert second.process.wait(PATIENCE) == 3
        assert f"process {loop.process.pid}" in second.told.read_text()
        loop.until(lambda _: scraped(port)["hirehouse_models_failed"] == 0)
        found = loop.rounds()
        lines = sum(r["lines"] for r in found)
        metrics = scraped(port)
        assert metrics["hirehouse_last_success_timestamp_seconds"] > time.time() - PATIENCE
        assert metrics["hirehouse_events_landed_total"] == sum(r["events"] for r in found)
        assert metrics["hirehouse_round_seconds_count"] == len(found)

        write(inbox / "last.ndjson", [line(event(9))])
        wait_for_a_round(environment)
        loop.process.send_signal(signal.SIGTERM)
        assert loop.process.wait(PATIENCE) == 0
    finally:
        loop.process.kill()
    assert sum(r["lines"] for r in loop.rounds()) == lines + 1
    assert loop.rounds()[-1]["models"]
    with surrounded_by(environment), open_warehouse() as warehouse:
        [(offers, answered)] = warehouse.query(
            "select (select count(distinct offer_id) from landed.offer_extended),"
            " (select count(*) from marketplace.fct_offers)"
        )
    assert offers == answered > 0


def tmp_path_of(clone: Path) -> Path:
    """A folder for the output of a second process, with the same package."""
    folder = clone.parent / "second"
    folder.mkdir()
    (folder / "scripts").symlink_to(clone / "scripts")
    return folder


def scraped(port: int) -> dict[str, float]:
    """The metrics that Prometheus would scrape."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    pairs = (text.rsplit(" ", 1) for text in lines if not text.startswith("#"))
    return {name: float(value) for name, value in pairs}


def wait_for_a_round(environment: dict[str, str]) -> None:
    """Wait until the loop is working."""
    end = time.monotonic() + PATIENCE
    if environment["HIREHOUSE_TARGET"] == "duckdb":
        while time.monotonic() < end:
            try:
                duckdb.connect(environment["HIREHOUSE_DUCKDB"], read_only=True).close()
            except duckdb.IOException:
                return
            time.sleep(0.01)
    with surrounded_by(environment), open_warehouse() as warehouse:
        count = "select count(*) from landed.interview_requested where event_id = 'm-0000009'"
        while not warehouse.query(count)[0][0]:
            assert time.monotonic() < end
            time.sleep(0.01)
