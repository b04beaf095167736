"""The HTTP API of the collector, in the Segment format. It answers 200 once events are durable.

Memory is bounded: by MAX_REQUEST per request, by MAX_PENDING for all requests, and by
MAX_CONNECTIONS. The events of one request are written before the next request is parsed.
"""

from __future__ import annotations

import asyncio
import base64
import uuid
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from hirehouse.collecting.spool import NotDurable, Sink
from hirehouse.collecting.write_keys import Keys
from hirehouse.events.exact_json import JsonError, read_exact, to_json
from hirehouse.events.validate import MAX_LINE

MAX_REQUEST = 500 << 10  # bytes of a request, compressed or not; the limit of the Segment API
MAX_PENDING = 64 << 20  # bytes of all requests in progress
MAX_CONNECTIONS = 2_000  # open connections; more get 503 and retry
REQUEST_TIMEOUT = 15.0  # seconds to receive the head of a request, and its body
RETRY_AFTER = 5  # seconds, in answers of 503
BATCH, METRICS = "batch", "metrics"
ENDPOINTS = ("track", "identify", "page", "screen", "group", "alias", BATCH)
# SDKs in browsers use the first letter, and `m` for metrics of the SDK, which are not events.
PATHS = {c: c for c in ENDPOINTS} | {c[0]: c for c in ENDPOINTS} | {"import": BATCH, "m": METRICS}


class Rejected(Exception):
    """A request that is rejected: its HTTP status, and a message with the reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Collector:
    """Receives requests, and passes their events to a sink.

    Args:
        keys: the write keys to accept; None for any.
        registry: gets counts of answers by status, and of events by producer.
    """

    def __init__(self, sink: Sink, keys: Keys | None, registry: CollectorRegistry) -> None:
        self.sink, self.keys, self.registry = sink, keys, registry
        self.held = 0
        self.events = Counter("hirehouse_collected", "Events", ["producer"], registry=registry)
        self.answers = Counter("hirehouse_answers", "Answers", ["status"], registry=registry)

    def app(self, routes: Sequence[BaseRoute] = ()) -> Starlette:
        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            await self.sink.start()
            yield
            await self.sink.close()

        own = [Route(f"/v1/{path}", self.collect, methods=["POST"]) for path in PATHS]
        own += [Route(f"/{f.__name__}", f) for f in (self.health, self.ready, self.metrics)]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=["*"],
            allow_methods=["POST"],
            allow_headers=["*"],
            expose_headers=["Retry-After"],
        )
        return Starlette(routes=[*own, *routes], middleware=[cors], lifespan=lifespan)

    async def collect(self, request: Request) -> Response:
        body = bytearray()
        try:
            await self._read(request, body)
            call = PATHS[request.url.path.removeprefix("/v1/")]
            packing = request.headers.get("content-encoding", "").lower()
            lines, key = read_call(call, decompressed(bytes(body), packing))
            producer = self._producer(request.headers.get("authorization", ""), key)
            if lines:
                await self.sink.append(lines)
            self.events.labels(producer).inc(len(lines))
            answer = json_answer({"success": True})
        except Rejected as refused:
            answer = _rejection(refused.status, str(refused))
        except NotDurable as error:
            answer = _rejection(503, str(error))
        finally:
            self.held -= len(body)
        self.answers.labels(answer.status_code).inc()
        return answer

    async def health(self, _: Request) -> Response:
        """Whether the process answers."""
        return json_answer({"success": True})

    async def ready(self, _: Request) -> Response:
        """Whether events can be made durable."""
        problem = self.sink.problem()
        return _rejection(503, problem) if problem else json_answer({"success": True})

    async def metrics(self, _: Request) -> Response:
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

    async def _read(self, request: Request, body: bytearray) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                async for chunk in request.stream():
                    body += chunk
                    self.held += len(chunk)
                    _check_size(body)
                    if self.held > MAX_PENDING:
                        raise Rejected(503, "too many concurrent requests")
        except TimeoutError:
            raise Rejected(
                408, f"the body was not received within {REQUEST_TIMEOUT:.0f} seconds"
            ) from None
        except ClientDisconnect:
            raise Rejected(400, "the client has disconnected") from None

    def _producer(self, authorization: str, key: str) -> str:
        """The producer of the key: the user name of basic authentication, else the body's."""
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() == "basic":
            with suppress(ValueError):
                key = base64.b64decode(text).decode().partition(":")[0] or key
        producer = self.keys.producer(key) if self.keys else ""
        if producer is None:
            raise Rejected(401, "unknown write key")
        return producer


def read_call(call: str, body: bytes) -> tuple[list[bytes], str]:
    """The lines to write for a request, and the write key in its body.

    An event keeps all its members except the key, exactly. It gets `receivedAt` and, where missing,
    a `messageId`, its `type`, and the `sentAt` and `context` of its batch. Events of a batch that
    are not objects or too large are written as well: landing fails them individually.

    Args:
        call: track, batch, ...
        body: JSON.

    Raises:
        Rejected: the body is not JSON, or a single event that is too large.
    """
    try:
        # NaN and lone surrogates, which some SDKs write, pass: landing fails only their event.
        document = read_exact(body, strict=False)
    except JsonError as error:
        raise Rejected(400, f"invalid JSON: {error}") from None
    if not isinstance(document, dict):
        raise Rejected(400, "the body must be a JSON object")
    key = document.pop("writeKey", None)
    key = key if isinstance(key, str) else ""
    if call == METRICS:
        return [], key
    events = document.get("batch") if call == BATCH else [{"type": call} | document]
    if not isinstance(events, list):
        raise Rejected(400, "a batch must have a list `batch`")
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    lines = [_line(event, document, now) for event in events]
    if call != BATCH and len(lines[0]) > MAX_LINE:
        raise Rejected(413, f"an event has at most {MAX_LINE:,} bytes")
    return lines, key


def _line(event: Any, request: dict[str, Any], now: str) -> bytes:
    if isinstance(event, dict):
        event.pop("writeKey", None)
        event["receivedAt"] = now
        if event.get("messageId") in (None, ""):
            event["messageId"] = str(uuid.uuid4())
        if event.get("sentAt") is None and request.get("sentAt") is not None:
            event["sentAt"] = request["sentAt"]
        own, shared = event.get("context") or {}, request.get("context")
        if shared and isinstance(shared, dict) and isinstance(own, dict):
            event["context"] = shared | own
    try:
        return orjson.dumps(event)
    except TypeError:
        return to_json(event).encode()


def decompressed(body: bytes, encoding: str) -> bytes:
    """Decompress a body; Rejected if it is too large, or not of its Content-Encoding."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Rejected(415, "the only supported Content-Encoding is gzip")
    inflater = zlib.decompressobj(wbits=31)
    try:
        text = inflater.decompress(body, MAX_REQUEST + 1)
    except zlib.error as error:
        raise Rejected(400, f"invalid gzip: {error}") from None
    _check_size(text)
    if not inflater.eof or inflater.unused_data:
        raise Rejected(400, "invalid gzip: it must be one complete member")
    return text


def _check_size(body: bytes | bytearray) -> None:
    if len(body) > MAX_REQUEST:
        raise Rejected(413, f"a request has at most {MAX_REQUEST:,} bytes")


def json_answer(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _rejection(status: int, message: str) -> Response:
    # SDKs read `code` and `message`, and retry on an answer without them.
    code = HTTPStatus(status).phrase
    answer = json_answer({"success": False, "code": code, "message": message}, status)
    if status == 503:
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


class TimeoutProtocol(H11Protocol):
    """Closes a connection on which no request has begun for REQUEST_TIMEOUT.

    uvicorn itself waits forever for the rest of a request's head, and keeps reading a body that was
    rejected. Its own limit of connections answers without Retry-After.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol; uvicorn narrows its argument in the same way."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self.app = busy = _rejection(503, f"{MAX_CONNECTIONS:,} connections are open")
            busy.headers["Connection"] = "close"
        self.loop.call_later(REQUEST_TIMEOUT, self._check_idle, self.cycle)

    def _check_idle(self, last: object) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is last and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
        else:
            self.loop.call_later(REQUEST_TIMEOUT, self._check_idle, self.cycle)
