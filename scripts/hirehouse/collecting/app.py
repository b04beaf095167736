"""The HTTP API of the collector, in the Segment format. It answers 200 once events are durable.

Memory is bounded, by this sum:

- MAX_PENDING for what requests hold: their bodies as received, then as decompressed, then the lines
  that they became, until these are durable;
- one request that is being parsed, which takes up to 100 times MAX_REQUEST;
- each open connection: what asyncio has read of it, at most twice RECEIVE_BUFFER, and its objects.

The spool writes the lines as they are; Kafka's client holds up to 64 MiB of its own.
"""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hirehouse.collecting.answers import Rejected, json_answer, unavailable
from hirehouse.collecting.calls import PATHS, check_size, decompressed, possible_keys, read_body
from hirehouse.collecting.connections import REQUEST_TIMEOUT, AcceptErrors
from hirehouse.collecting.spool import NotDurable, Sink
from hirehouse.collecting.throttle import Throttle
from hirehouse.collecting.write_keys import Keys

MAX_PENDING = 64 << 20  # bytes that all requests in progress hold
MAX_INLINE = 32 << 10  # bytes; a larger body is parsed in a thread, so that others are answered
MAX_KEYS = 10  # different write keys in a body
BOTH_LENGTHS = {b"content-length", b"transfer-encoding"}


class Collector:
    """Receives requests, and passes their events to a sink.

    Args:
        keys: the write keys to accept; None for any.
        registry: gets counts of answers by status, and of events by producer.
    """

    def __init__(self, sink: Sink, keys: Keys | None, registry: CollectorRegistry) -> None:
        self.sink, self.keys = sink, keys
        self.held = 0
        self.throttle = Throttle()
        # One thread: so only one large body at a time takes the memory that parsing needs.
        self.parser = ThreadPoolExecutor(1, "parser")
        self.events = Counter("hirehouse_collected", "Events", ["producer"], registry=registry)
        self.answers = Counter("hirehouse_answers", "Answers", ["status"], registry=registry)
        # From 0 on: of a series that begins with its first event, `increase` misses that event.
        for producer in keys.hashes if keys else ():
            self.events.labels(producer)
        for status in (200, 401, 429, 503):
            self.answers.labels(status)

    def app(self, micro: Sequence[BaseRoute] = ()) -> Starlette:
        """The application.

        Args:
            micro: endpoints below /micro, for callers with a write key if there are keys.
        """

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            asyncio.get_running_loop().set_exception_handler(AcceptErrors())
            await self.sink.start()
            yield
            await self.sink.close()
            self.parser.shutdown()

        cors = Middleware(
            CORSMiddleware,
            allow_origins=["*"],
            allow_methods=["POST"],
            allow_headers=["*"],
            expose_headers=["Retry-After"],
        )
        calls = [Route(f"/{path}", self.collect, methods=["POST"]) for path in PATHS]
        routes: list[BaseRoute] = [Mount("/v1", routes=calls, middleware=[cors])]
        routes += [Route(f"/{f.__name__}", f) for f in (self.health, self.ready)]
        if micro:
            routes.append(Mount("/micro", routes=micro, middleware=[Middleware(self._key_needed)]))
        return Starlette(routes=routes, middleware=[Middleware(one_length)], lifespan=lifespan)

    async def collect(self, request: Request) -> Response:
        held = 0

        def hold(size: int) -> None:
            """Count what the request holds now, in place of what it held before."""
            nonlocal held
            self.held += size - held
            held = size
            if self.held > MAX_PENDING:
                raise unavailable("too many concurrent requests")

        try:
            producer = self._producer_in_header(request)
            body = bytearray()
            await self._read(request, body, hold)
            text = decompressed(bytes(body), request.headers.get("content-encoding", "").lower())
            body.clear()
            hold(len(text))
            if producer is None:
                self._check_keys_in(text)
            call = PATHS[request.scope["path"].rpartition("/")[2]]
            if len(text) > MAX_INLINE:
                loop = asyncio.get_running_loop()
                lines, key = await loop.run_in_executor(self.parser, read_body, call, text)
            else:
                lines, key = read_body(call, text)
            del text
            hold(sum(map(sys.getsizeof, lines)))
            if producer is None:
                producer = self._producer(key)
            if lines:
                await self.sink.append(lines)
            self.events.labels(producer).inc(len(lines))
            answer = json_answer({"success": True})
        except Rejected as refused:
            if refused.status == 401:
                self.throttle.note(address_of(request))
            answer = refused.answer()
        except NotDurable as error:
            answer = unavailable(str(error)).answer()
        finally:
            self.held -= held
        self.answers.labels(answer.status_code).inc()
        return answer

    async def health(self, _: Request) -> Response:
        """Whether the process answers."""
        return json_answer({"success": True})

    async def ready(self, _: Request) -> Response:
        """Whether events can be made durable."""
        problem = self.sink.problem()
        return unavailable(problem).answer() if problem else json_answer({"success": True})

    async def _read(self, request: Request, body: bytearray, hold: Callable[[int], None]) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                async for chunk in request.stream():
                    body += chunk
                    hold(sys.getsizeof(body))  # a bytearray takes more than its length
                    check_size(body)
        except TimeoutError:
            raise Rejected(
                408, f"the body was not received within {REQUEST_TIMEOUT:.0f} seconds"
            ) from None
        except ClientDisconnect:
            raise Rejected(400, "the client has disconnected") from None

    def _producer_in_header(self, request: Request) -> str | None:
        """The producer of the key in the header; None if there is none, so that the body counts.

        Nothing of the body has been read then. A known key passes although others from its address
        are wrong: whole offices share one.
        """
        if not self.keys:
            return ""
        key = header_key(request.headers.get("authorization", ""))
        producer = self.keys.producer(key) if key else None
        if producer is not None:
            return producer
        if wait := self.throttle.wait(address_of(request)):
            raise Rejected(429, "too many unknown write keys from this address", wait)
        return self._producer(key) if key else None

    def _check_keys_in(self, text: bytes) -> None:
        """Rejected if nothing in a body looks like a known key: then it is not parsed."""
        keys = possible_keys(text)
        if len(keys) > MAX_KEYS:
            raise Rejected(401, f"more than {MAX_KEYS} write keys in a body")
        if not any(self.keys and self.keys.producer(key) is not None for key in keys):
            raise Rejected(401, "unknown write key")

    def _producer(self, key: str) -> str:
        producer = self.keys.producer(key) if self.keys else ""
        if producer is None:
            raise Rejected(401, "unknown write key")
        return producer

    def _key_needed(self, app: ASGIApp) -> ASGIApp:
        """Refuse requests that have no known write key in their header, if there are keys."""

        async def checked(scope: Scope, receive: Receive, send: Send) -> None:
            given = header_key(Request(scope).headers.get("authorization", ""))
            known = not self.keys or self.keys.producer(given) is not None
            answering: ASGIApp = app if known else Rejected(401, "unknown write key").answer()
            await answering(scope, receive, send)

        return checked


def header_key(authorization: str) -> str:
    """The write key in a header: the user name of basic authentication; empty if there is none."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            return base64.b64decode(text).decode().partition(":")[0]
    return ""


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def one_length(app: ASGIApp) -> ASGIApp:
    """Refuse a request with both kinds of lengths, and close its connection.

    A proxy may have read it by the other length: what it took for the body would be a request.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        answering: ASGIApp = app
        if {name for name, _ in scope.get("headers", ())} >= BOTH_LENGTHS:
            answering = answer = Rejected(400, "both Content-Length and Transfer-Encoding").answer()
            answer.headers["Connection"] = "close"
        await answering(scope, receive, send)

    return checked
