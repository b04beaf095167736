"""Bodies of requests in the Segment format, and the lines that their events become.

What a body may cost is bounded: its bytes before and after decompression, the events of a batch,
and the bytes of all lines, in which each event has the context of its batch.
"""

from __future__ import annotations

import re
import sys
import uuid
import zlib
from datetime import datetime, timedelta
from typing import Any

import orjson

from hirehouse.collecting.answers import Rejected, unavailable
from hirehouse.events.exact_json import JsonError, read_exact, to_json
from hirehouse.events.validate import MAX_LINE, parse_time, utc_now

MAX_REQUEST = 500 << 10  # bytes of a body, compressed or not; the limit of the Segment API
MAX_EVENTS = 2_500  # of a batch
MAX_LINES = 4 * MAX_REQUEST  # bytes of the lines of a request
SKEW = timedelta(minutes=1)  # the network and a retry explain a shorter difference of clocks
BATCH, METRICS = "batch", "metrics"
ENDPOINTS = ("track", "identify", "page", "screen", "group", "alias", BATCH)
# SDKs in browsers use the first letter, and `m` for metrics of the SDK, which are not events.
PATHS = {c: c for c in ENDPOINTS} | {c[0]: c for c in ENDPOINTS} | {"import": BATCH, "m": METRICS}
KEY = re.compile(rb'"writeKey"\s*:\s*"([^"\\]*)"')


def check_size(body: bytes | bytearray) -> None:
    """Rejected if a body, or what it decompresses to, has more than MAX_REQUEST bytes."""
    if len(body) > MAX_REQUEST:
        raise Rejected(413, f"a request has at most {MAX_REQUEST:,} bytes")


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
    check_size(text)
    if not inflater.eof or inflater.unused_data:
        raise Rejected(400, "invalid gzip: it must be one complete member")
    return text


def possible_keys(body: bytes) -> set[str]:
    """What may be the write key of a body, found without parsing it, in one pass."""
    return {key.decode(errors="replace") for key in KEY.findall(body)}


def read_body(call: str, body: bytes) -> tuple[list[bytes], str]:
    """As `read_call`, but never another exception: nothing in a body may stop the collector.

    Raises:
        Rejected: as by `read_call`, or for a reason that nobody has foreseen, which is logged.
    """
    try:
        return read_call(call, body)
    except Rejected as error:
        refused = error
    except MemoryError:
        refused = unavailable("out of memory")
    except Exception as error:
        # Without the text of the error, which may quote the body.
        why = f"{type(error).__name__}, answered 400"
        about = f"a body of {len(body):,} bytes for /v1/{call} can't be read"
        print(f"error: {about}: {why}", file=sys.stderr, flush=True)
        refused = Rejected(400, "the body can't be read")
    # Its frames would hold all that was parsed until the event loop answers, behind other bodies.
    refused.__context__ = None
    raise refused.with_traceback(None)


def read_call(call: str, body: bytes) -> tuple[list[bytes], str]:
    """The lines to write for a request, and the write key in its body.

    An event keeps all its members except the key, exactly. It gets `receivedAt` and, where missing,
    a `messageId`, its `type`, and the `sentAt` and `context` of its batch. Its `timestamp` is
    corrected if the sender's clock is wrong. Events of a batch that are not objects or too large
    are written as well: landing fails them individually.

    Args:
        call: track, batch, ...
        body: JSON.

    Raises:
        Rejected: the body is not JSON, a single event is too large, or a batch has too many events
            or becomes too many bytes.
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
    if len(events) > MAX_EVENTS:
        raise Rejected(413, f"a batch has at most {MAX_EVENTS:,} events")
    clock = _Clock(utc_now())
    shared = document.get("context") if call == BATCH else None
    # Written as JSON once, and not for each event.
    context = (
        {name: orjson.Fragment(_json(value)) for name, value in shared.items()}
        if isinstance(shared, dict)
        else {}
    )
    lines, size = [], 0
    for event in events:
        if isinstance(event, dict):
            _complete(event, document.get("sentAt"), context, clock)
        # A copy: orjson's own bytes keep a buffer of several times their length.
        lines.append(bytes(memoryview(_json(event))))
        size += len(lines[-1])
        if size > MAX_LINES:
            most = f"at most {MAX_LINES:,} bytes"
            raise Rejected(413, f"events, each with the context of their batch, have {most}")
    if call != BATCH and size > MAX_LINE:
        raise Rejected(413, f"an event has at most {MAX_LINE:,} bytes")
    return lines, key


def _complete(event: dict[str, Any], sent: Any, context: dict[str, Any], clock: _Clock) -> None:
    """Add to an event what its collector or its batch knows."""
    event.pop("writeKey", None)
    event["receivedAt"] = clock.text
    if event.get("messageId") in (None, ""):
        event["messageId"] = str(uuid.uuid4())
    if event.get("sentAt") is None and sent is not None:
        event["sentAt"] = sent
    clock.correct(event)
    own = event.get("context") or {}
    if context and isinstance(own, dict):
        event["context"] = context | own


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return to_json(value).encode()


class _Clock:
    """When a request was received, in milliseconds, and how wrong its senders' clocks are."""

    def __init__(self, now: datetime) -> None:
        self.text = f"{now.isoformat(timespec='milliseconds')}Z"
        self.now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self.sent: dict[str, datetime | None] = {}  # events of a batch mostly have the same

    def correct(self, event: dict[str, Any]) -> None:
        """Measure `timestamp` by our clock if the sender's differs; keep the sender's beside it."""
        text = event.get("sentAt")
        if not isinstance(text, str):
            return
        if text not in self.sent:
            self.sent[text] = parse_time(text)
        sent = self.sent[text]
        if not sent or abs(self.now - sent) <= SKEW:
            return
        stated = event.get("timestamp")
        if stated is None:  # some SDKs send the other one
            stated = event.get("originalTimestamp")
        if not (occurred := parse_time(stated)):
            return
        try:
            corrected = self.now - (sent - occurred)
        except OverflowError:
            return  # no time that exists; landing says what is wrong
        if event.get("originalTimestamp") is None:
            event["originalTimestamp"] = stated
        event["timestamp"] = f"{corrected.isoformat()}Z"
