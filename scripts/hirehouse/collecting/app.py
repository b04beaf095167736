"""The door for events over HTTP, in the Segment format. It answers 200 once they are durable.

Memory is bounded: by LIMIT for a request, by HELD for all of them, and by as many connections as
may be open. What is parsed of a request is written before the next one is parsed.
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
from hirehouse.events.exact_json import Duplicates, is_exact, parse_exact, to_json
from hirehouse.events.validate import MAX_LINE

LIMIT = 500 << 10  # bytes of a request, packed or not; as the format's original
HELD = 64 << 20  # bytes of all requests that are in progress
OPEN = 2_000  # connections; more are told to come again
SLOW = 15.0  # seconds that a client may take for a request's head, and for its body
RETRY_AFTER = 5  # seconds
BATCH, METRICS = "batch", "metrics"
ENDPOINTS = ("track", "identify", "page", "screen", "group", "alias", BATCH)
# Browsers send the first letter, and `m` with figures about the SDK itself, which are no events.
PATHS = {c: c for c in ENDPOINTS} | {c[0]: c for c in ENDPOINTS} | {"import": BATCH, "m": METRICS}


class Refused(Exception):
    """A request that is not taken: its HTTP status, and a message that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Collector:
    """Takes requests, and gives their events to a sink.

    Args:
        keys: whose events are taken; None for everybody's.
        registry: told the answers, and the events taken, by producer.
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

        own = [Route(f"/v1/{path}", self.take, methods=["POST"]) for path in PATHS]
        own += [Route(f"/{f.__name__}", f) for f in (self.health, self.ready, self.metrics)]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=["*"],
            allow_methods=["POST"],
            allow_headers=["*"],
            expose_headers=["Retry-After"],
        )
        return Starlette(routes=[*own, *routes], middleware=[cors], lifespan=lifespan)

    async def take(self, request: Request) -> Response:
        body = bytearray()
        try:
            await self._read(request, body)
            call = PATHS[request.url.path.removeprefix("/v1/")]
            packing = request.headers.get("content-encoding", "").lower()
            lines, key = read_call(call, unpacked(bytes(body), packing))
            producer = self._producer(request.headers.get("authorization", ""), key)
            if lines:
                await self.sink.append(lines)
            self.events.labels(producer).inc(len(lines))
            answer = json_answer({"success": True})
        except Refused as refused:
            answer = _refusal(refused.status, str(refused))
        except NotDurable as error:
            answer = _refusal(503, str(error))
        finally:
            self.held -= len(body)
        self.answers.labels(answer.status_code).inc()
        return answer

    async def health(self, _: Request) -> Response:
        """Whether the process answers."""
        return json_answer({"success": True})

    async def ready(self, _: Request) -> Response:
        """Whether events can be made durable."""
        trouble = self.sink.trouble()
        return _refusal(503, trouble) if trouble else json_answer({"success": True})

    async def metrics(self, _: Request) -> Response:
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

    async def _read(self, request: Request, body: bytearray) -> None:
        try:
            async with asyncio.timeout(SLOW):
                async for chunk in request.stream():
                    body += chunk
                    self.held += len(chunk)
                    _bounded(body)
                    if self.held > HELD:
                        raise Refused(503, "too many requests at once")
        except TimeoutError:
            raise Refused(408, f"the body must come within {SLOW:.0f} seconds") from None
        except ClientDisconnect:
            raise Refused(400, "the client has gone") from None

    def _producer(self, authorization: str, key: str) -> str:
        """Whose key it is: the user name of basic authentication, else the one in the body."""
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() == "basic":
            with suppress(ValueError):
                key = base64.b64decode(text).decode().partition(":")[0] or key
        producer = self.keys.producer(key) if self.keys else ""
        if producer is None:
            raise Refused(401, "no such write key")
        return producer


def read_call(call: str, body: bytes) -> tuple[list[bytes], str]:
    """The lines to write for a request, and the write key that stands in it.

    An event keeps all its members but the key, to the last digit. It gets `receivedAt`, and where
    they are missing a `messageId`, its `type`, and a batch's `sentAt` and `context`. Events of a
    batch that are no object or too large are written, too: landing fails them alone.

    Args:
        call: track, batch, ...
        body: JSON.

    Raises:
        Refused: it is no JSON, or a single event that is too large.
    """
    document = _parsed(body)
    if not isinstance(document, dict):
        raise Refused(400, "the body must be a JSON object")
    key = document.pop("writeKey", None)
    key = key if isinstance(key, str) else ""
    if call == METRICS:
        return [], key
    events = document.get("batch") if call == BATCH else [{"type": call} | document]
    if not isinstance(events, list):
        raise Refused(400, "a batch must have a list `batch`")
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    lines = [_line(event, document, now) for event in events]
    if call != BATCH and len(lines[0]) > MAX_LINE:
        raise Refused(413, f"an event has at most {MAX_LINE:,} bytes")
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


def _parsed(body: bytes) -> Any:
    """JSON with every digit.

    NaN and half a surrogate pair, which some SDKs write, pass: landing fails such an event alone.
    """
    try:
        try:
            document = orjson.loads(body)
            return document if is_exact(document, body) else parse_exact(body)
        except orjson.JSONDecodeError:
            return parse_exact(body)
    except Duplicates as twice:
        raise Refused(400, f"a member is there twice: {', '.join(twice.pointers[:5])}") from None
    except ValueError as error:
        raise Refused(400, f"no JSON: {error}") from None
    except (RecursionError, TypeError):
        raise Refused(400, "nested too deeply") from None


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body, inflated; Refused if it is too large, or not what its Content-Encoding says."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Refused(415, "the only Content-Encoding is gzip")
    inflater = zlib.decompressobj(wbits=31)
    try:
        text = inflater.decompress(body, LIMIT + 1)
    except zlib.error as error:
        raise Refused(400, f"no gzip: {error}") from None
    _bounded(text)
    if not inflater.eof or inflater.unused_data:
        raise Refused(400, "no gzip: it must be whole, and one member")
    return text


def _bounded(body: bytes | bytearray) -> None:
    if len(body) > LIMIT:
        raise Refused(413, f"a request has at most {LIMIT:,} bytes")


def json_answer(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _refusal(status: int, message: str) -> Response:
    # SDKs read `code` and `message`, and take an answer without them for one to send again.
    code = HTTPStatus(status).phrase
    answer = json_answer({"success": False, "code": code, "message": message}, status)
    if status == 503:
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


class ImpatientProtocol(H11Protocol):
    """Closes a connection on which no request has begun for a while, whatever comes in on it.

    uvicorn itself waits for ever for the rest of a request's head, and reads on after the answer
    when a body was refused. Its own limit of connections would tell nobody when to come again.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol; uvicorn narrows its argument in the same way."""
        super().connection_made(transport)
        if len(self.connections) > OPEN:
            self.app = busy = _refusal(503, f"{OPEN:,} connections are open")
            busy.headers["Connection"] = "close"
        self.loop.call_later(SLOW, self._look, self.cycle)

    def _look(self, last: object) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is last and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
        else:
            self.loop.call_later(SLOW, self._look, self.cycle)
