"""The pytest fixture `emitted`: what an application emits, held against the contracts.

pytest loads this module in every run of an environment that hirehouse is in, so whatever else it
needs is imported by the fixture.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hirehouse.events.validate import CompiledContracts, Verdict

SCHEMAS = "hirehouse_schemas"
# The SDKs of the tracking format: all are one code, whose Client completes a message in `_enqueue`.
CLIENTS = ("segment.analytics.client", "rudderstack.analytics.client")


class Emitted:
    def __init__(self, contracts: CompiledContracts) -> None:
        self._contracts = contracts
        self._lines: list[bytes] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._lines]

    def add(self, event: Mapping[str, Any] | str | bytes) -> None:
        """Take an event that no SDK's client was given, such as an outbox's row."""
        if isinstance(event, Mapping):
            event = json.dumps(event, default=_as_sdks_do)
        self._lines.append(event.encode() if isinstance(event, str) else event)

    def of(self, event: str) -> list[dict[str, Any]]:
        """The properties of each event of that name.

        Raises:
            ValueError: no contract has that name, so a test that wants none of it could not fail.
        """
        if event not in self._contracts.names:
            raise ValueError(f"no contract for {event!r}{self._nearest(event)}")
        found = [verdict.event for verdict in self._verdicts() if verdict.event]
        name = self._contracts.names[event]
        return [
            e["properties"] for e in found if self._contracts.names.get(e.get("event", "")) == name
        ]

    def clear(self) -> None:
        self._lines.clear()

    def assert_conforms(self) -> None:
        """Fail unless there are events and all conform; properties that no contract names fail."""
        verdicts = self._verdicts()
        bad = [self._report(n, v) for n, v in enumerate(verdicts, 1) if v.reasons]
        if bad:
            count = f"{len(bad)} of {len(verdicts)} emitted events"
            pytest.fail("\n".join([f"contracts are broken by {count}:", *bad]), pytrace=False)
        if not verdicts:
            pytest.fail("no event was emitted", pytrace=False)

    def _verdicts(self) -> list[Verdict]:
        from hirehouse.events.validate import check_line, utc_now  # noqa: PLC0415 - for tests with events

        return [check_line(line, self._contracts, utc_now()) for line in self._lines]

    def _report(self, number: int, verdict: Verdict) -> str:
        name = str((verdict.event or {}).get("event", "something"))
        compiled = verdict.compiled
        place = compiled.contract.path if compiled else f"no contract{self._nearest(name)}"
        lines = [f"  {name} (event {number}; {place})"]
        for reason in verdict.reasons:
            found = f"expected {reason.expected}, found {reason.found}"
            lines.append(f"    {reason.rule} {reason.pointer or '/'}: {found}")
        return "\n".join(lines)

    def _nearest(self, event: str) -> str:
        from hirehouse.contracts.yaml_schema import nearest  # noqa: PLC0415 - only a failing test needs it

        return nearest(event, {name for name, _ in self._contracts.versions})


def _as_sdks_do(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON, and SDKs can't send it")


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "folder of `hirehouse contracts export`; by default the contracts of the project itself"
    parser.addini(SCHEMAS, about, default="")


@pytest.fixture
def emitted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Emitted:
    """The events that the test emits: SDKs complete their messages, but send nothing."""
    from hirehouse.emission_testing.strict_contracts import strict_contracts  # noqa: PLC0415 - see the module

    folder = request.config.getini(SCHEMAS)
    found = Emitted(strict_contracts(request.config.rootpath / folder if folder else None))
    for name in CLIENTS:
        with suppress(ImportError):
            client = import_module(name).Client
            monkeypatch.setattr(client, "_enqueue", _capturing(client._enqueue, found, monkeypatch))
    return found


def _capturing(
    enqueue: Callable[..., tuple[bool, dict[str, Any]]],
    found: Emitted,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[bool, dict[str, Any]]]:
    def captured(client: Any, message: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
        if client.send:
            monkeypatch.setattr(client, "send", False)
        queued, complete = enqueue(client, message)
        found.add(complete)
        return queued, complete

    return captured
