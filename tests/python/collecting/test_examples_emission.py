"""The emitting examples pass their own tests, which detect broken events."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hirehouse.commands.main import app
from hirehouse.contracts.model import ROOT
from hirehouse.emission_testing.collector import MemoryCollector
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from support.collectors import call, serving, until
from support.forks import MODELS
from support.parsing import leave_out_comments
from support.project import BIN
from support.servers import free_port

EXAMPLES = ROOT / "examples"
# Mistakes in `app.py`, with the output of the application's tests.
BROKEN = {
    "a key is dropped": (
        '                "currency": asked["currency"],\n',
        "",
        [
            "interview_requested (event 1; models/staging/employer_app/interview_requested.yml)",
            "required /properties/currency: expected a value, found nothing",
        ],
    ),
    "a key is misspelled": (
        '"answer": answer,',
        '"answer": answer, "decline_reson": reason,',
        [
            "interview_request_answered (event 2; ",
            "additionalProperties /properties/decline_reson: expected no such property",
        ],
    ),
    "a type changes": (
        '"base_salary": asked["base_salary"],\n                "cur',
        '"base_salary": str(asked["base_salary"]),\n                "cur',
        ['type /properties/base_salary: expected integer, found "120000"'],
    ),
    "an event is misspelled": (
        '"candidacy_closed"',
        '"candidacy_close"',
        ["candidacy_close (event 3; no contract; did you mean candidacy_closed?)"],
    ),
    "an event is forgotten": (
        '            emit(connection, "interview_requested", employer_id, requested, at)\n',
        "",
        ["no event was emitted"],
    ),
}
OFTEN = ("a key is dropped", "an event is forgotten")  # the others with --all
TRIALS = 2  # of killing; with --all KILLS
KILLS = 30
ASKED = {"candidate_id": "c", "position_id": "p", "base_salary": 1, "currency": "EUR"}
MART = "marketplace.fct_candidacies"
WAITING = "select id from outbox where sent_at is null"


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A copy of the web application, to be broken by the test."""
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    return shutil.copytree(EXAMPLES / "outbox_app", tmp_path / "application", ignore=ignored)


def run_in(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def break_app(application: Path, how: str) -> None:
    right, wrong, _ = BROKEN[how]
    text = (application / "app.py").read_text()
    assert text.count(right) == 1
    (application / "app.py").write_text(text.replace(right, wrong))


def own_tests(application: Path) -> subprocess.CompletedProcess[str]:
    command = (str(BIN / "python"), "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist")
    return run_in(application, *command)


def test_the_application_passes_its_own_tests(application: Path) -> None:
    done = own_tests(application)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=[] if how in OFTEN else pytest.mark.every) for how in BROKEN]
)
def test_tests_of_the_application_detect_a_broken_event(application: Path, how: str) -> None:
    break_app(application, how)
    done = own_tests(application)
    assert done.returncode == 1
    for line in BROKEN[how][2]:
        assert line in done.stdout


@contextmanager
def running(application: Path, database: Path, collector: int) -> Iterator[int]:
    """The application as a process that is killed at the end; yields its port."""
    port = free_port()
    variables = {"DATABASE": str(database), "COLLECTOR": f"http://127.0.0.1:{collector}"}
    process = subprocess.Popen(
        [str(BIN / "uvicorn"), "--factory", "app:from_environment", "--port", str(port)],
        cwd=application,
        env=os.environ | variables | {"WRITE_KEY": "any"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: answers(port))
        yield port
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def answers(port: int) -> bool:
    with suppress(OSError):
        return call(port, "/", method="GET").status == 404
    return False


def rows(database: Path, query: str) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {value for (value,) in connection.execute(query)}


def test_a_killed_application_loses_and_invents_no_event(
    application: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    choice = random.Random(11)
    micro, database = MemoryCollector(), tmp_path / "app.db"
    answered: list[str] = []

    def asking(port: int) -> None:
        with suppress(OSError, HTTPException, ValueError):  # the application is dead
            while True:
                answer = call(port, "/interview-requests", ASKED, x_user="emp-1")
                answered.append(answer.json["candidacy_id"])

    with serving(micro) as collector:
        for _ in range(KILLS if request.config.getoption("--all") else TRIALS):
            with running(application, database, collector) as port:
                clients = [threading.Thread(target=asking, args=[port]) for _ in range(3)]
                for client in clients:
                    client.start()
                threading.Event().wait(choice.uniform(0.6, 1.4))
            for client in clients:
                client.join()
        with running(application, database, collector):
            until(lambda: not rows(database, WAITING), seconds=240)  # everything in the outbox
        told = call(collector, "/micro/all", method="GET").json
        good = call(collector, "/micro/good", method="GET").json
    assert (told["bad"], told["forgotten"]) == (0, 0)
    sent = defaultdict(set)
    for kept in good:
        sent[kept["event"]["properties"]["candidacy_id"]].add(kept["event"]["messageId"])
    assert len(answered) > 20
    assert set(answered) <= sent.keys()
    assert sent.keys() == rows(database, "select candidacy_id from candidacies")
    assert all(len(ids) == 1 for ids in sent.values())


def build(dbt: WarmDbt, *select: str) -> None:
    """Build some models without comments; once built, without checks of their columns either."""
    leave_out_comments(dbt.manifest)
    outcome = dbt.run("build", "--select", *select, *MODELS)
    assert outcome.success, outcome.failed()
    dbt.skip_schema_checks(outcome.status.keys() & dbt.manifest.nodes.keys())


def request_interviews(application: Path, database: Path, spool: Path, count: int) -> set[str]:
    """Send requests to the application until their events are sent; returns the candidacies."""
    with serving(spool) as collector, running(application, database, collector) as port:
        made = [call(port, "/interview-requests", ASKED, x_user="emp-1") for _ in range(count)]
        until(lambda: not rows(database, WAITING))
    return {answer.json["candidacy_id"] for answer in made}


def hirehouse(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.usefixtures("duckdb_environment")
def test_released_broken_events_are_patched_replayed_and_in_the_marts(
    application: Path,
    tmp_path: Path,
) -> None:
    spool, database = tmp_path / "spool", tmp_path / "app.db"
    dbt = WarmDbt(folder=tmp_path / "target")

    def in_the_mart() -> list[tuple[str, str]]:
        build(dbt, "+fct_candidacies")
        with open_warehouse() as warehouse:
            found = warehouse.query(
                "select candidacy_id, currency from marketplace.fct_candidacies"
            )
        return sorted((str(one), str(currency)) for one, currency in found)

    right = request_interviews(application, database, spool, 2)
    break_app(application, "a key is dropped")
    broken = request_interviews(application, database, spool, 3)
    landed = json.loads(hirehouse("land", str(spool), "--json"))
    assert (landed["events"], landed["failed"]) == (2, 3)
    assert in_the_mart() == sorted((one, "EUR") for one in right)

    [group] = json.loads(hirehouse("failures", "list", "--json"))
    assert (group["event"], group["failures"]) == ("interview_requested", 3)
    shown = hirehouse("failures", "show", "--values", group["example"])
    assert re.search(r"required +/properties/currency +a value +nothing", shown)
    assert any(f'"candidacy_id": "{one}"' in shown for one in broken)
    chosen = ("--fingerprint", group["fingerprint"])
    mended = hirehouse("failures", "patch", *chosen, "--set", "/properties/currency=EUR")
    assert "3 patched" in mended
    for expected in ("3 replayed", "nothing to do"):
        assert expected in hirehouse("failures", "replay", "--all")
    assert json.loads(hirehouse("failures", "list", "--json")) == []
    assert in_the_mart() == sorted((one, "EUR") for one in right | broken)


def ask_on(application: Path, database: Path, *moments: str) -> None:
    """Send a request to the application at each of these times."""
    script = f"""
import app, pathlib
market = app.Marketplace(pathlib.Path({str(database)!r}))
for moment in {moments!r}:
    app.now = lambda: moment + "+00:00"
    market.request_interview("emp-1", {ASKED!r})
"""
    done = run_in(application, str(BIN / "python"), "-c", script)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("duckdb_environment")
def test_reconciliation_names_the_day_of_a_row_written_without_the_outbox(
    application: Path,
    tmp_path: Path,
) -> None:
    spool, database = tmp_path / "spool", tmp_path / "app.db"
    dbt = WarmDbt(folder=tmp_path / "target")
    days = [f"2026-03-0{number}" for number in (1, 2, 3, 4)]

    def compared() -> dict[str, tuple[str, str, int]]:
        """What reconciliation says of each day, after a night: count, send, land, build."""
        for day in days:
            job = (str(BIN / "python"), "nightly_count.py", day)
            done = run_in(application, *job, DATABASE=str(database))
            assert done.returncode == 0, done.stderr
        with serving(spool) as collector, running(application, database, collector):
            until(lambda: not rows(database, WAITING))
        assert json.loads(hirehouse("land", str(spool), "--json"))["failed"] == 0
        build(dbt, "+reconciliation")
        with open_warehouse() as warehouse:
            found = warehouse.query(
                "select counted_on, entity, status, row_count_difference"
                " from operations.reconciliation"
            )
        return {str(day): (entity, status, more) for day, entity, status, more in found}

    ask_on(application, database, f"{days[0]}T00:00:00.000", f"{days[0]}T23:59:59.999")
    ask_on(application, database, f"{days[1]}T00:00:00.000", f"{days[3]}T12:00:00.000")
    equal = dict.fromkeys(days, ("candidacies", "equal", 0))
    assert compared() == equal

    past = f"insert into candidacies values ('x', 'c', 'e', 1, 'requested', '{days[1]}T09:00Z')"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(past)
    assert compared() == equal | {days[1]: ("candidacies", "missing", -1)}
