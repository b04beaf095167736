"""A part of a hiring marketplace: employers request interviews, candidates answer.

DATABASE=app.db COLLECTOR=http://127.0.0.1:8080 WRITE_KEY=… uvicorn --factory app:from_environment
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from outbox import TABLE, Relay, connect, emit, now, transaction
from segment.analytics import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

CANDIDACIES = """
create table if not exists candidacies (
    candidacy_id text primary key,
    candidate_id text not null,
    employer_id text not null,
    base_salary integer not null,
    state text not null,
    requested_at text not null -- UTC
)
"""


class Marketplace:
    """What the application does, each in one transaction with the events that tell of it."""

    def __init__(self, database: Path) -> None:
        self.database = database
        with closing(connect(database)) as connection:
            connection.executescript(f"pragma journal_mode = wal; {CANDIDACIES}; {TABLE}")

    def request_interview(self, employer_id: str, asked: dict[str, Any]) -> str:
        """An employer asks a candidate to interview; returns the candidacy's id."""
        candidacy_id, at = str(uuid.uuid4()), now()
        row = (candidacy_id, asked["candidate_id"], employer_id, asked["base_salary"], at)
        with transaction(self.database) as connection:
            connection.execute("insert into candidacies values (?, ?, ?, ?, 'requested', ?)", row)
            requested = {
                "candidacy_id": candidacy_id,
                "candidate_id": asked["candidate_id"],
                "employer_id": employer_id,
                "position_id": asked["position_id"],
                "base_salary": asked["base_salary"],
                "currency": asked["currency"],
            }
            emit(connection, "interview_requested", employer_id, requested, at)
        return candidacy_id

    def answer(self, candidate_id: str, candidacy_id: str, answer: str, reason: str | None) -> bool:
        """A candidate accepts or declines; returns whether there was a request to answer."""
        with transaction(self.database) as connection:
            changed = connection.execute(
                "update candidacies set state = ?"
                " where candidacy_id = ? and candidate_id = ? and state = 'requested'",
                (answer, candidacy_id, candidate_id),
            )
            if not changed.rowcount:
                return False
            told = {"candidacy_id": candidacy_id, "candidate_id": candidate_id}
            answered = {**told, "answer": answer, "decline_reason": reason}
            emit(connection, "interview_request_answered", candidate_id, answered)
            if answer == "declined":
                why = {"reason": "request_declined", "closed_by": "candidate"}
                closed = {"candidacy_id": candidacy_id, **why}
                emit(connection, "candidacy_closed", candidate_id, closed)
        return True


def make_app(marketplace: Marketplace, relay: Relay | None) -> Starlette:
    """The web application; without a relay, events wait in the outbox."""

    # Who is logged in comes with the request; checking it is left out here.
    async def requested(request: Request) -> JSONResponse:
        made = marketplace.request_interview(request.headers["x-user"], await request.json())
        return JSONResponse({"candidacy_id": made}, 201)

    async def answered(request: Request) -> JSONResponse:
        body = await request.json()
        user, candidacy_id = request.headers["x-user"], request.path_params["candidacy_id"]
        known = marketplace.answer(user, candidacy_id, body["answer"], body.get("reason"))
        return JSONResponse({"answered": known}, 200 if known else 409)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        stop = threading.Event()
        if relay:
            threading.Thread(target=relay.run, args=[stop], daemon=True).start()
        yield
        stop.set()

    routes = [
        Route("/interview-requests", requested, methods=["POST"]),
        Route("/interview-requests/{candidacy_id}/answer", answered, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def from_environment() -> Starlette:
    """The application as it is run."""
    database = Path(os.environ["DATABASE"])
    client = Client(os.environ["WRITE_KEY"], host=os.environ["COLLECTOR"], sync_mode=True)
    return make_app(Marketplace(database), Relay(database, client))
