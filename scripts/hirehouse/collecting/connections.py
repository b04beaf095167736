"""Connections of the collector: how many may be open, and for how long without a request."""

import asyncio
import resource
import socket
import sys
import time
from math import inf
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from hirehouse.collecting.answers import unavailable

MAX_CONNECTIONS = 2_000
ANSWERED = 50  # connections beyond the limit that get 503; even more are closed at once
BACKLOG = 128  # connections that asyncio accepts at a time
# Files left for the spool, Kafka and logs, and for what is accepted before it can be refused, which
# takes asyncio up to four rounds.
SPARE_FILES = 5 * BACKLOG
RECEIVE_BUFFER = 32 << 10  # bytes; Linux doubles it, and asyncio reads no more at a time
REQUEST_TIMEOUT = 15.0  # seconds to receive the head of a request, and its body
LOG_EVERY = 60.0  # seconds between two messages that no file can be opened


def connection_limit() -> int:
    """How many connections may be open, raising the process's limit of open files if possible."""
    wanted = MAX_CONNECTIONS + ANSWERED + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < wanted:
        soft = wanted if hard == unlimited else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files = wanted if soft == unlimited else min(wanted, soft)
    return max(1, files - ANSWERED - SPARE_FILES)


class Connection(H11Protocol):
    """Closes a connection on which no request has begun for REQUEST_TIMEOUT, and bounds how many.

    uvicorn itself waits forever for the rest of a request's head, and keeps reading a body that was
    rejected. Its own limit of connections answers without Retry-After.
    """

    limit = MAX_CONNECTIONS
    idle: asyncio.TimerHandle | None = None

    def connection_made(
        self,
        transport: asyncio.Transport,  # type: ignore[override] # uvicorn narrows it in the same way
    ) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)
        beyond = len(self.connections) - self.limit
        if beyond > ANSWERED:
            transport.abort()
            return
        if beyond > 0:
            self.app = busy = unavailable(f"{self.limit:,} connections are open").answer()
            busy.headers["Connection"] = "close"
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER
        )
        self._check_later()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.idle:
            self.idle.cancel()  # else the timer would keep all of this in memory

    def _check_later(self) -> None:
        self.idle = self.loop.call_later(REQUEST_TIMEOUT, self._check_idle, self.cycle)

    def _check_idle(self, last: object) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is last and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
        else:
            self._check_later()


class AcceptErrors:
    """Handles errors of a loop, and logs that connections can't be accepted once a minute.

    asyncio reports each attempt, thousands of times a second while no file can be opened.
    """

    logged_at = -inf

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "socket.accept()" not in str(context.get("message")):
            loop.default_exception_handler(context)
        elif time.monotonic() >= self.logged_at + LOG_EVERY:
            self.logged_at = time.monotonic()
            why = context.get("exception")
            print(f"error: connections wait: {why}", file=sys.stderr, flush=True)
