"""Each event fires with the right keys, and none is forgotten: these tests are the ones to copy."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from app import Marketplace, make_app
from nightly_count import count
from outbox import Relay, connect, emit
from segment.analytics import Client
from segment.analytics.request import APIError
from starlette.testclient import TestClient

from hirehouse.emission_testing.emitted import Emitted

REQUEST = {
    "candidate_id": "cand-1",
    "position_id": "pos-1",
    "base_salary": 120_000,
    "currency": "EUR",
}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
def web(database: Path) -> TestClient:
    return TestClient(make_app(Marketplace(database), None))


@pytest.fixture
def relay(database: Path) -> Relay:
    return Relay(database, Client("key", sync_mode=True))


def request_interview(web: TestClient) -> str:
    answer = web.post("/interview-requests", json=REQUEST, headers={"x-user": "emp-1"})
    assert answer.status_code == 201
    return str(answer.json()["candidacy_id"])


def answer(web: TestClient, candidacy_id: str, **body: str) -> int:
    url = f"/interview-requests/{candidacy_id}/answer"
    return web.post(url, json=body, headers={"x-user": "cand-1"}).status_code


def waiting(database: Path) -> list[dict[str, Any]]:
    with closing(connect(database)) as connection:
        rows = connection.execute("select message from outbox where sent_at is null order by id")
        return [json.loads(message) for (message,) in rows]


def test_a_request_is_told(web: TestClient, relay: Relay, emitted: Emitted) -> None:
    candidacy_id = request_interview(web)
    relay.send()
    emitted.assert_conforms()
    made = {"candidacy_id": candidacy_id, "employer_id": "emp-1"}
    assert emitted.of("interview_requested") == [REQUEST | made]


def test_an_answer_is_told_once(web: TestClient, relay: Relay, emitted: Emitted) -> None:
    candidacy_id = request_interview(web)
    assert answer(web, candidacy_id, answer="accepted") == 200
    assert answer(web, candidacy_id, answer="accepted") == 409
    relay.send()
    emitted.assert_conforms()
    [told] = emitted.of("interview_request_answered")
    assert told["answer"] == "accepted"
    assert emitted.of("candidacy_closed") == []


def test_declining_closes_the_candidacy(web: TestClient, relay: Relay, emitted: Emitted) -> None:
    candidacy_id = request_interview(web)
    assert answer(web, candidacy_id, answer="declined", reason="salary") == 200
    relay.send()
    emitted.assert_conforms()
    assert emitted.of("interview_request_answered")[0]["decline_reason"] == "salary"
    assert emitted.of("candidacy_closed")[0]["reason"] == "request_declined"
    names = [event["event"] for event in emitted.events]
    assert names == ["interview_requested", "interview_request_answered", "candidacy_closed"]


def test_a_day_is_counted_by_its_rows(
    web: TestClient, database: Path, relay: Relay, emitted: Emitted
) -> None:
    request_interview(web)
    days = ("2026-03-02", "2026-03-02", "2026-03-03")
    with closing(connect(database)) as connection:
        for number, day in enumerate(days):
            row = (f"cdy-{number}", f"{day}T23:59:59.999+00:00")
            connection.execute(
                "insert into candidacies values (?, 'c', 'e', 1, 'requested', ?)", row
            )
    for day in ("2026-03-02", "2026-03-01"):
        count(database, date.fromisoformat(day))
    relay.send()
    emitted.assert_conforms()
    told = emitted.of("production_counted")
    assert [(one["counted_on"], one["row_count"]) for one in told] == [
        ("2026-03-02", 2),
        ("2026-03-01", 0),
    ]


def test_none_is_forgotten_when_the_process_dies_before_sending(
    database: Path, relay: Relay, emitted: Emitted
) -> None:
    dying = f"""
import os, pathlib, signal
from app import Marketplace
market = Marketplace(pathlib.Path({str(database)!r}))
market.request_interview("emp-1", {REQUEST!r})
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", dying], cwd=Path(__file__).parent, check=False)
    assert done.returncode == -signal.SIGKILL
    relay.send()
    emitted.assert_conforms()
    assert len(emitted.of("interview_requested")) == 1
    assert waiting(database) == []


def test_what_is_sent_again_is_a_copy(
    web: TestClient, relay: Relay, emitted: Emitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_interview(web)

    def dying(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(relay, "_mark", dying)
        with pytest.raises(SystemExit):
            relay.send()
    relay.send()
    first, again = emitted.events
    assert first == again


def test_a_change_that_fails_tells_nothing(
    web: TestClient, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: Any) -> None:
        emit(*arguments)
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr("app.emit", failing)
    with pytest.raises(sqlite3.OperationalError):
        request_interview(web)
    assert waiting(database) == []
    with closing(connect(database)) as connection:
        assert connection.execute("select * from candidacies").fetchall() == []
        with pytest.raises(RuntimeError, match="within the transaction"):
            emit(connection, "interview_requested", "emp-1", {})


def test_events_wait_in_their_order_while_the_collector_is_away(
    web: TestClient, database: Path
) -> None:
    request_interview(web)
    request_interview(web)
    before = waiting(database)
    relay = Relay(database, Client("key", host="http://127.0.0.1:9", sync_mode=True))
    with pytest.raises(OSError, match="refused"):
        relay.send()
    assert waiting(database) == before


def test_what_is_refused_for_good_is_kept_and_does_not_block(
    web: TestClient, database: Path, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_interview(web)
    request_interview(web)
    answers = iter([APIError(413, "too large", "an event has at most 32,768 bytes"), None])

    def tracking(*_: object) -> None:
        if error := next(answers):
            raise error

    monkeypatch.setattr(relay, "_track", tracking)
    relay.send()
    with closing(connect(database)) as connection:
        rows = connection.execute("select sent_at is null, refused from outbox").fetchall()
    assert rows[0][0] == 1
    assert "32,768" in rows[0][1]
    assert rows[1] == (0, None)
