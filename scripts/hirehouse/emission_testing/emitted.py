"""The fixture `emitted`: the events of a test, checked against the contracts."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from hirehouse.contracts.yaml_schema import nearest
from hirehouse.emission_testing.strict_contracts import strict_contracts
from hirehouse.events.validate import CompiledContracts, Verdict, check_line, utc_now

# The SDKs of the Segment format have the same code: Client completes a message in `_enqueue`.
CLIENTS = ("segment.analytics.client", "rudderstack.analytics.client")


class Emitted:
    def __init__(self, contracts: CompiledContracts) -> None:
        self._contracts = contracts
        self._lines: list[bytes] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._lines]

    def add(self, event: Mapping[str, Any] | str | bytes) -> None:
        """Add an event that is not sent by an SDK, such as a row of an outbox."""
        if isinstance(event, Mapping):
            event = json.dumps(event, default=_as_sdks_do)
        self._lines.append(event.encode() if isinstance(event, str) else event)

    def of(self, event: str) -> list[dict[str, Any]]:
        """The properties of each event of that name.

        Raises:
            ValueError: no contract has that name, so a test for no such events could not fail.
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
        """Fail unless there are events and all conform; unknown properties fail."""
        verdicts = self._verdicts()
        bad = [self._report(n, v) for n, v in enumerate(verdicts, 1) if v.reasons]
        if bad:
            count = f"{len(bad)} of {len(verdicts)} emitted events"
            pytest.fail("\n".join([f"contracts are broken by {count}:", *bad]), pytrace=False)
        if not verdicts:
            pytest.fail("no event was emitted", pytrace=False)

    def _verdicts(self) -> list[Verdict]:
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
        return nearest(event, {name for name, _ in self._contracts.versions})


def _as_sdks_do(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON: SDKs can't send it")


def capture(schemas: Path | None, monkeypatch: pytest.MonkeyPatch) -> Emitted:
    """Capture the events of SDKs until the test ends: clients complete them, but send nothing.

    Args:
        schemas: a folder of `contracts export`; None for the contracts of the project.

    Raises:
        ContractError: there is no contract, or one can't be used.
    """
    found = Emitted(strict_contracts(schemas))
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
