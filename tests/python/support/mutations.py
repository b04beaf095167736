"""Lines that producers might send: events of all contracts, with something changed."""

from __future__ import annotations

import json
import random
from typing import Any

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


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a document."""
    inner = value.items() if isinstance(value, dict) else []
    return [path, *(place for name, item in inner for place in places(item, (*path, name)))]


def mutated(chance: random.Random) -> bytes:
    """A line: a conforming event, one with values replaced or added, or one with other bytes.

    By chance of our own: of the lines that Hypothesis draws, five in six have come before.
    """
    event = json.loads(json.dumps(chance.choice(EVENTS)))
    event["messageId"] = f"{chance.getrandbits(64):x}"
    event |= chance.choice([{}, {"receivedAt": "2025-01-15T09:30:01Z"}, {"type": "page"}])
    fragments: list[str] = []
    for _ in range(chance.choice([0, 1, 1, 2])):
        *way, last = chance.choice(places(event)[1:])
        node = event
        for step in way:
            node = node[step] if isinstance(node.get(step), dict) else node
        node[chance.choice([last, last, last, "x"])] = f"{MARK}{len(fragments)}"
        fragments.append(fragment(chance))
    text = json.dumps(event, ensure_ascii=chance.random() < 0.5)
    for number, inner in enumerate(fragments):
        text = text.replace(f'"{MARK}{number}"', inner)
    line = text.encode(errors="surrogatepass").replace(b"\n", b" ")
    if chance.random() < 0.2:
        at = chance.randint(0, len(line))
        put = chance.choice(
            [b'"', b"}", b"\\", b"\xef\xbb\xbf", chance.randbytes(chance.randint(0, 4))]
        )
        line = line[:at] + put.replace(b"\n", b"") + line[at + chance.randint(0, 3) :]
    return line


def fragment(chance: random.Random) -> str:
    """A JSON text, or what some program takes for one."""
    time = list("2026-03-02T09:30:00.123Z"[: chance.choice([10, 20, 24])])
    time[chance.randrange(len(time))] = chance.choice("0123456789-+:TZ. ")
    number = chance.choice([chance.uniform(-1e6, 1e6), chance.getrandbits(70)])
    codes = chance.choices([0, 9, 32, 65, 233, 8203, 8238, 55357, 65533, 128512], k=5)
    texts = [chance.choice(TIMES), chance.choice(TEXTS), "".join(time), "".join(map(chr, codes))]
    numbers = [
        chance.choice(NUMBERS),
        f"{number}{chance.choice(['', '', '0', 'e5', 'e-5', 'e400', '.001'])}",
    ]
    return chance.choice([*map(json.dumps, texts), *numbers, *numbers, chance.choice(OTHERS)])
