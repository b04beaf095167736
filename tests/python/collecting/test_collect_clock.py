"""Times of devices whose clocks are wrong."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hirehouse.collecting import calls
from hirehouse.collecting.calls import read_call
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from support.collectors import call, serving
from support.events import event, line

NOW = datetime(2026, 3, 11, 9, 30, 0, 123_456)
RECEIVED = "2026-03-11T09:30:00.123Z"


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "utc_now", lambda: NOW)


def received(**members: Any) -> dict[str, Any]:
    [text], _ = read_call("track", line(members))
    found: dict[str, Any] = json.loads(text)
    assert found["receivedAt"] == RECEIVED
    return found


@pytest.mark.parametrize(
    ("sent", "stated", "corrected"),
    [
        # Nine days behind, in another zone, and with more digits than the warehouse has.
        ("2026-03-02T09:30:00.123Z", "2026-03-02T09:29:50Z", "2026-03-11T09:29:50Z"),
        ("2026-03-02T10:30:00.123+01:00", "2026-03-02T09:29:50.5Z", "2026-03-11T09:29:50.500000Z"),
        ("2026-03-02T09:30:00.123Z", "2026-03-02T09:29:50.1234567Z", "2026-03-11T09:29:50.123456Z"),
        # Ahead, and a clock that has begun anew.
        ("2031-03-11T09:30:00.123Z", "2031-03-11T08:30:00Z", "2026-03-11T08:30:00Z"),
        ("1970-01-01T00:10:00.123Z", "1970-01-01T00:00:00Z", "2026-03-11T09:20:00Z"),
    ],
)
def test_a_wrong_clock_is_corrected(sent: str, stated: str, corrected: str) -> None:
    found = received(sentAt=sent, timestamp=stated)
    assert found["timestamp"] == corrected
    assert found["originalTimestamp"] == stated
    assert found["sentAt"] == sent


def test_what_an_sdk_calls_the_original_is_kept() -> None:
    """Some send `originalTimestamp` alone, others both."""
    sent, stated = "2026-03-02T09:30:00.123Z", "2026-03-02T09:29:50Z"
    found = received(sentAt=sent, originalTimestamp=stated)
    assert (found["timestamp"], found["originalTimestamp"]) == ("2026-03-11T09:29:50Z", stated)
    found = received(sentAt=sent, originalTimestamp="their own", timestamp=stated)
    assert (found["timestamp"], found["originalTimestamp"]) == ("2026-03-11T09:29:50Z", "their own")


@pytest.mark.parametrize("seconds", [-60, -1, 0, 1, 60])
def test_a_minute_is_the_network_s(seconds: int) -> None:
    sent = f"{(datetime.fromisoformat(RECEIVED[:-1]) + timedelta(seconds=seconds)).isoformat()}Z"
    found = received(sentAt=sent, timestamp="2026-03-01T00:00:00Z")
    assert found["timestamp"] == "2026-03-01T00:00:00Z"
    assert "originalTimestamp" not in found


@pytest.mark.parametrize(
    ("sent", "stated"),
    [
        (None, "2026-03-02T09:30:00Z"),
        ("2026-03-02T09:30:00Z", None),
        ("2026-03-02T09:30:00", "2026-03-02T09:29:00Z"),
        ("2026-03-02T09:30:00Z", "2026-03-02"),
        (1_772_443_800, 1_772_443_790),
        ({"a": 1}, ["2026-03-02T09:30:00Z"]),
        ("9999-12-31T23:59:59Z", "2026-03-02T09:30:00Z"),
        ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
        ("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999999999Z"),
    ],
)
def test_times_that_can_not_be_corrected_stay(sent: Any, stated: Any) -> None:
    found = received(sentAt=sent, timestamp=stated)
    assert found["timestamp"] == stated
    assert "originalTimestamp" not in found


def test_the_time_of_a_batch_corrects_its_events() -> None:
    own = {"timestamp": "2026-03-11T09:00:00Z", "sentAt": "2026-03-11T09:30:00Z"}
    batch = [{"timestamp": "2026-03-02T09:00:00Z"}, own]
    lines, _ = read_call("batch", line({"batch": batch, "sentAt": "2026-03-02T09:30:00.123Z"}))
    assert [json.loads(text)["timestamp"] for text in lines] == [
        "2026-03-11T09:00:00Z",
        own["timestamp"],
    ]


@pytest.mark.usefixtures("duckdb_environment")
def test_the_original_time_can_be_computed_from_what_has_landed(tmp_path: Path) -> None:
    stated = "2026-03-01T12:00:00.250Z"
    slow = event(1) | {"timestamp": stated, "sentAt": "2026-03-02T09:30:00Z"}
    with serving(tmp_path / "spool") as port:
        assert call(port, "/v1/track", slow).status == 200
    with open_warehouse() as warehouse:
        assert land([tmp_path / "spool"], warehouse).failed == 0
        [(occurred, original)] = warehouse.query(
            "select occurred_at, occurred_at - (received_at - sent_at)"
            " from landed.interview_requested"
        )
    assert original == datetime.fromisoformat(stated[:-1])
    assert occurred == original + (
        datetime.fromisoformat(RECEIVED[:-1]) - datetime(2026, 3, 2, 9, 30)
    )
