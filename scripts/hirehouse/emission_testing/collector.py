"""A collector for tests of applications: it keeps events in memory, and reports reasons."""

from collections import deque
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hirehouse.collecting.answers import json_answer
from hirehouse.collecting.spool import Sink
from hirehouse.emission_testing.strict_contracts import strict_contracts
from hirehouse.events.validate import MAX_LINE, check_line, utc_now

KEPT = 10_000


class MemoryCollector(Sink):
    """A sink that checks each event strictly: unknown properties fail.

    Args:
        schemas: a folder of `contracts export`; None for the contracts of the project.

    Raises:
        ContractError: there is no contract, or one can't be used.
    """

    def __init__(self, schemas: Path | None = None) -> None:
        self.contracts = strict_contracts(schemas)
        self.kept: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.count = 0

    def routes(self) -> list[Route]:
        """The endpoints below /micro."""
        asked = [Route(f"/{f.__name__}", f) for f in (self.all, self.good, self.bad)]
        return [*asked, Route("/reset", self.reset, methods=["POST"])]

    async def append(self, lines: list[bytes]) -> None:
        """Check and keep events; beyond KEPT, the oldest are dropped."""
        for line in lines:
            verdict = check_line(line, self.contracts, utc_now())
            text = line[:MAX_LINE].decode(errors="replace")
            event = orjson.Fragment(line) if verdict.event else text
            contract = verdict.compiled.contract.table if verdict.compiled else None
            kept = {"contract": contract, "event": event, "reasons": verdict.reasons}
            self.kept.append(kept)
            self.count += 1

    async def all(self, _: Request) -> Response:
        """Counts of events; `forgotten` counts dropped ones."""
        bad = sum(bool(kept["reasons"]) for kept in self.kept)
        counts = {"total": len(self.kept), "good": len(self.kept) - bad, "bad": bad}
        return json_answer(counts | {"forgotten": self.count - len(self.kept)})

    async def good(self, _: Request) -> Response:
        """The events that conform, each with its contract."""
        return json_answer([kept for kept in self.kept if not kept["reasons"]])

    async def bad(self, _: Request) -> Response:
        return json_answer([kept for kept in self.kept if kept["reasons"]])

    async def reset(self, request: Request) -> Response:
        self.kept.clear()
        self.count = 0
        return await self.all(request)
