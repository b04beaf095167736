"""Lines that producers might send: events of all contracts, with something changed."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from hirehouse.contracts.example import example_event
from hirehouse.contracts.model import load

EVENTS = [example_event(contract) for contract in load().values()]
MARK = "@@"
# JSON texts, so that they can be what no library writes.
NUMBERS = [
    *(
        "1e-9999999999999999999",
        "1e999999999",
        "-1e99999999",
        "1e-999999999",
        "1E400",
        "-0",
        "-0.0",
        "1e308",
    ),
    *("NaN", "-Infinity", "9007199254740993", "18446744073709551616", "-9223372036854775809"),
    *("2147483648", "0.1", "1.005", "100.000000000000000000000000000001", "99999999999.999"),
    *("12345678901234567890123456789012", "123456789012345678901234567890.456", "01", "1.", ".5"),
]
TIMES = [
    *("-001-11-30", "+026-03-02", "0000-00-00", "9999-12-31", "10000-01-01", "2026-02-30"),
    *("9999-12-31T00:00:00Z", "0001-01-01T00:00:00+14:00", "2026-03-02T09:30:60Z", "2026-03-02"),
    *("9999-12-31T23:59:59.999999-14:00", "2026-03-02T09:30:00", "2099-01-01T00:00:00Z", "now"),
    *("2026-03-02t09:30:00.1234567z", "-026-03-02T09:30:00Z", "2026-03-02 09:30:00Z"),
]
TEXTS = [
    *("", " ", "\t", "\u200b", "undefined", "null", "NaN", "[object Object]", "\0", "\x1b[2J"),
    *("é" * 5_000, "x" * 70_000, "'; drop table landed.batches; --", "[/foo]", "\u202e", "😀"),
]
OTHERS = [
    "null",
    "true",
    "[]",
    "{}",
    "[[]]",
    '[{"a":1}]',
    '{"a":1,"a":2}',
    '"\\ud83d"',
    '"\\u0000"',
]
OTHERS += ["[" * depth + "]" * depth for depth in (200, 255, 1_200, 9_000)]
DATES = [f'"{text}"' for text in TIMES]
FRAGMENTS = st.one_of(
    *(st.sampled_from(some) for some in (NUMBERS, DATES, [*map(json.dumps, TEXTS)], OTHERS)),
    st.dates().map(lambda day: f'"{day}"'),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.text(max_size=20).map(json.dumps),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a document."""
    inner = value.items() if isinstance(value, dict) else []
    return [path, *(place for name, item in inner for place in places(item, (*path, name)))]


@st.composite
def mutated_lines(draw: st.DrawFn) -> bytes:
    """A line: a conforming event, one with values replaced or added, or one with other bytes."""
    event = json.loads(json.dumps(draw(st.sampled_from(EVENTS))))
    event["messageId"] = draw(st.uuids()).hex
    event |= draw(st.sampled_from([{}, {"receivedAt": "2025-01-15T09:30:01Z"}, {"type": "page"}]))
    fragments: list[str] = []
    for _ in range(draw(st.integers(0, 2))):
        *way, last = draw(st.sampled_from(places(event)[1:]))
        node = event
        for step in way:
            node = node[step] if isinstance(node.get(step), dict) else node
        node[draw(st.sampled_from([last, last, last, "x"]))] = f"{MARK}{len(fragments)}"
        fragments.append(draw(FRAGMENTS))
    text = json.dumps(event, ensure_ascii=draw(st.booleans()))
    for number, fragment in enumerate(fragments):
        text = text.replace(f'"{MARK}{number}"', fragment)
    line = text.encode(errors="surrogatepass").replace(b"\n", b" ")
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(line)))
        put = draw(
            st.one_of(st.binary(max_size=4), st.sampled_from([b'"', b"}", b"\\", b"\xef\xbb\xbf"]))
        )
        line = line[:at] + put.replace(b"\n", b"") + line[at + draw(st.integers(0, 3)) :]
    return line
