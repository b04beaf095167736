"""The fixture `emitted` passes on events that conform, and fails on those that don't."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hirehouse.commands.main import app
from support.events import event

pytest_plugins = ["pytester"]

RIGHT = event()["properties"]
MODULES = ("segment.analytics", "rudderstack.analytics")
# What breaks a contract, with what the output of the test must contain.
WRONG = {
    "missing": (
        {"event": "interview_requested", "without": "currency"},
        "required /properties/currency: expected a value, found nothing",
    ),
    "type": (
        {"event": "interview_requested", "base_salary": "120000"},
        'type /properties/base_salary: expected integer, found "120000"',
    ),
    "unknown property": (
        {"event": "interview_requested", "salary": 1},
        "additionalProperties /properties/salary: expected no such property, found a property",
    ),
    "bytes": (
        {"event": "interview_requested", "candidacy_id": "é" * 33},
        "maxBytes /properties/candidacy_id: expected 64",
    ),
    "NUL": (
        {"event": "interview_requested", "candidacy_id": "a\0b"},
        "nul /properties/candidacy_id: expected no NUL character",
    ),
    "unknown event": (
        {"event": "interview_request"},
        "interview_request (event 1; no contract; did you mean interview_requested?)",
    ),
    "version": (
        {"event": "interview_requested", "schema_version": 7},
        "event /properties/schema_version: expected a version that has a contract, found 7",
    ),
}


@pytest.fixture(params=["project", "schemas"])
def suite(
    request: pytest.FixtureRequest, pytester: pytest.Pytester, schemas: Path
) -> pytest.Pytester:
    """A test suite of another repository, with the contracts of the project or exported ones."""
    if request.param == "schemas":
        pytester.makeini(f"[pytest]\nhirehouse_schemas = {schemas}")
    return pytester


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    done = CliRunner().invoke(app, ["contracts", "export", "--out", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


SUITE = f"""
import importlib
import pytest

RIGHT = {RIGHT!r}
WRONG = {{name: call for name, (call, _) in {WRONG!r}.items()}}

@pytest.fixture(params={MODULES!r})
def client(request):
    # Nothing listens there: sending a message would be an error.
    client = importlib.import_module(request.param).Client
    return client("key", host="http://127.0.0.1:9", sync_mode=True, max_retries=0)

def track(client, event, without=None, **properties):
    properties = RIGHT | properties
    properties.pop(without, None)
    client.track("emp-1", event, properties)

def test_right(client, emitted):
    track(client, "interview_requested")
    track(client, "Interview Requested", base_salary=7)
    emitted.assert_conforms()
    found = emitted.of("interview_requested")
    assert [p["base_salary"] for p in found] == [100_001, 7]
    client.identify("emp-1", anonymous_id="visitor-1")
    assert emitted.of("identity_linked")[0]["previous_id"] == "visitor-1"
    emitted.assert_conforms()
    assert emitted.of("offer_extended") == []
    assert {{e["userId"] for e in emitted.events}} == {{"emp-1"}}
    assert len({{e["messageId"] for e in emitted.events}}) == 3
    emitted.clear()
    assert emitted.events == []

@pytest.mark.parametrize("wrong", WRONG)
def test_wrong(client, emitted, wrong):
    track(client, **WRONG[wrong])
    emitted.assert_conforms()

def test_nothing(emitted):
    emitted.assert_conforms()

def test_name(emitted):
    assert not emitted.of("interview_request")
"""


def test_conforming_events_pass_and_others_fail(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)  # with it pytest prints everything twice
    suite.makepyfile(SUITE)
    result = suite.runpytest()
    result.assert_outcomes(passed=2, failed=2 * len(WRONG) + 2)
    output = result.stdout.str()
    assert output.count("contracts are broken by 1 of 1 emitted events:") == 2 * len(WRONG)
    for _, told in WRONG.values():
        assert output.count(f" {told}") == 2, told
    named = re.findall(
        r"interview_requested \(event 1; (.*interview_requested\.(?:yml|json))\)", output
    )
    assert len(named) == 2 * (len(WRONG) - 2)
    assert "no event was emitted" in output
    assert "no contract for 'interview_request'; did you mean interview_requested?" in output


def test_events_of_no_sdk_can_be_added(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        f"""
        import json

        EVENT = {event()!r}

        def test_right(emitted):
            emitted.add(EVENT)
            emitted.add(json.dumps(EVENT))
            emitted.assert_conforms()
            assert len(emitted.of("interview_requested")) == 2

        def test_no_json(emitted):
            emitted.add("{{")
            emitted.assert_conforms()

        def test_private(emitted):
            profile = {{"candidate_id": "c", "full_name": 4711}}
            emitted.add(EVENT | {{"event": "candidate_signed_up", "properties": profile}})
            emitted.assert_conforms()

        def test_early(emitted):
            emitted.add(EVENT | {{"timestamp": "1999-01-01T00:00:00Z"}})
            emitted.assert_conforms()

        def test_date(emitted):
            properties = {{"candidacy_id": "c", "started_on": "1999-01-01"}}
            emitted.add(EVENT | {{"event": "candidate_started", "properties": properties}})
            emitted.assert_conforms()
        """
    )
    result = suite.runpytest()
    result.assert_outcomes(passed=1, failed=4)
    result.stdout.fnmatch_lines(["*json /: expected JSON, found *"])
    result.stdout.fnmatch_lines(["*time /timestamp: expected 2000 or later, *"])
    result.stdout.fnmatch_lines(["*date /properties/started_on: expected 2000 or later, *"])
    result.stdout.no_fnmatch_line("*4711*")


def test_the_client_sends_again_after_the_test(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        from segment.analytics import Client
        from segment.analytics.client import Client as same

        client = Client("key", host="http://127.0.0.1:9", sync_mode=True)
        before = same._enqueue

        def test_captured(emitted):
            client.track("u", "x", {})
            assert not client.send and len(emitted.events) == 1

        def test_after():
            assert client.send and same._enqueue is before
        """
    )
    pytester.runpytest().assert_outcomes(passed=2)


def test_a_run_without_the_fixture_has_no_overhead() -> None:
    imported = "import sys, hirehouse.emission_testing.pytest_plugin; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", imported], capture_output=True, text=True, check=True
    )
    assert not {"orjson", "yaml", "jsonschema_rs", "segment"} & set(done.stdout.split())
