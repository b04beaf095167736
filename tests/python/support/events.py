"""Small files of events for the tests of landing."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa

TIME = "2026-03-02T09:30:00.123Z"
GARBAGE_LINES = 1_000


def event(number: int = 1, **properties: Any) -> dict[str, Any]:
    """A right `interview_requested`."""
    return {
        "type": "track",
        "event": "interview_requested",
        "messageId": f"m-{number:07d}",
        "timestamp": TIME,
        "sentAt": TIME,
        "receivedAt": "2026-03-02T09:30:01Z",
        "userId": f"emp-{number % 50}",
        "context": {"library": {"name": "analytics-python", "version": "2.2.0"}},
        "properties": {
            "candidacy_id": f"cdy-{number}",
            "candidate_id": f"cand-{number}",
            "employer_id": f"emp-{number % 50}",
            "position_id": f"pos-{number % 300}",
            "base_salary": 100_000 + number,
            "currency": "USD",
        }
        | properties,
    }


def line(document: Any) -> bytes:
    """A document as producers write it: compact JSON in UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def write(path: Path, lines: list[bytes], *, packed: bool = False) -> Path:
    """Lines to a file, each with its newline."""
    data = b"".join(text + b"\n" for text in lines)
    path.write_bytes(gzip.compress(data, 1) if packed else data)
    return path


def segment_name(number: int, content: bytes) -> str:
    """The name that the collector gives to an object on S3."""
    return f"{1_000_000 + number}-{hashlib.sha256(content).hexdigest()}.ndjson"


def packed(data: bytes, kind: str) -> bytes:
    """Data in a frame of zstd or a member of gzip, or as it is."""
    if kind == "gzip":
        return gzip.compress(data)
    if kind != "zstd":
        return data
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    result: bytes = sink.getvalue().to_pybytes()
    return result


def garbage(seed: int = 7) -> list[bytes]:
    """A thousand different lines, none of which is an event that may land."""
    draw = random.Random(seed)
    right = line(event())
    wrong: list[bytes] = []
    for number in range(GARBAGE_LINES):
        match number % 8:
            case 0:
                # Never blank, and no newline: that would be another line.
                noise = draw.randbytes(draw.randrange(1, 400)).replace(b"\n", b"")
                wrong.append(b"\xff" + noise)
            case 1:
                wrong.append(right[: draw.randrange(1, len(right))] + b" " * (number % 7))
            case 2:
                depth = draw.choice([300, 1_200, 9_000])
                wrong.append(b'{"n%d":' % number + b"[" * depth + b"]" * depth + b"}")
            case 3:
                digits = str(draw.randrange(10**30, 10**40))
                wrong.append(
                    line(event(number)).replace(
                        b'"base_salary":', b'"base_salary":%s' % digits.encode()
                    )
                )
            case 4:
                wrong.append(line(event(number, candidacy_id=f"a\0{number}")))
                wrong[-1] = wrong[-1] if number % 16 == 4 else wrong[-1].replace(b"\\u0000", b"\0")
            case 5:
                escape = draw.choice([b"\\ud800", b"\\udfff", b"\xed\xa0\x80"])
                wrong.append(line(event(number)).replace(b"cdy-", escape))
            case 6:
                value: Any = draw.choice([[], {}, True, "12", 1.5, None])
                wrong.append(line(event(number, base_salary=value)))
            case _:
                wrong.append(
                    line(event(number)).replace(b'"currency":', b'"currency":"EUR","currency":')
                )
    return wrong
