"""JSON read and written exactly: no member lost, no digit changed, and said without secrets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

# Runs of escapes that orjson does not write. A lookbehind would make the search ten times as slow.
ESCAPES = re.compile(rb"\\u(?!00[0-7])[0-9A-Fa-f]{4}(?:\\u(?!00[0-7])[0-9A-Fa-f]{4})*")
FOUND = 200  # characters of a value that a reason may show


class Duplicates(ValueError):
    def __init__(self, pointers: list[str]) -> None:
        super().__init__("duplicate members")
        self.pointers = pointers


def is_exact(document: Any, text: bytes) -> bool:
    """Whether orjson read a text without loss.

    Written again it is the same but for blanks and escapes, as Python's SDKs write them: then no
    member was there twice, and no number is beyond a float. False may be said of any text.
    """
    again = orjson.dumps(document)
    if again == text:
        return True
    return again.translate(None, b" ") == ESCAPES.sub(_read, text.translate(None, b" \t\r\n"))


def _read(escapes: re.Match[bytes]) -> bytes:
    if escapes.string[escapes.start() - 1 : escapes.start()] == b"\\":
        return escapes[0]  # a backslash of the text, then plain letters
    return str(json.loads(b'"%s"' % escapes[0])).encode()


def parse_exact(text: bytes) -> Any:
    """JSON with every number as it stands: Decimal where the nearest float differs.

    Raises:
        Duplicates: an object has a member twice; `pointers` says which.
        RecursionError: nested too deeply.
    """
    twice: list[tuple[dict[str, Any], str]] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice.extend((made, name) for name in made if names.count(name) > 1)
        return made

    document = json.loads(
        text, object_pairs_hook=members, parse_float=_number, parse_constant=Decimal
    )
    if twice:
        places = {id(value): pointer for pointer, value in walk(document, "")}
        raise Duplicates([point(places.get(id(made), ""), name) for made, name in twice])
    return document


def _number(text: str) -> float | Decimal | int:
    exact, nearest = Decimal(text), float(text)
    if Decimal(repr(nearest)) == exact:
        return nearest
    return int(exact) if abs(exact) < 2**64 and exact == exact.to_integral_value() else exact


def point(pointer: str, step: object) -> str:
    """A JSON pointer, one step further."""
    return f"{pointer}/{str(step).replace('~', '~0').replace('/', '~1')}"


def walk(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    """A value and all within it, each with its pointer."""
    yield pointer, value
    if isinstance(value, dict):
        for name, item in value.items():
            yield from walk(item, point(pointer, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(item, point(pointer, index))


def to_json(value: Any) -> str:
    """Compact JSON text, with Decimals and big integers as exact numbers."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        pass
    if isinstance(value, dict):
        return f"{{{','.join(f'{to_json(k)}:{to_json(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(to_json, value))}]"
    # Half a surrogate pair is no text that orjson writes.
    return json.dumps(value) if isinstance(value, str) else str(value)


def write_json(path: Path, content: object) -> None:
    """Write a JSON file for people, by way of a new one.

    Writing through a link would reach outside of its folder, and a reader never sees half a file.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    new.replace(path)


def kind(value: object) -> str:
    """The JSON type of a value, with its size: what may be said of a secret one."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return f"text of {len(value)} characters"
        case int() | float() | Decimal():
            return "number"
        case list():
            return f"list of {len(value)}"
        case _:
            return "object"


def show(value: object, *, private: bool = False) -> str:
    """A value for a reason: as JSON, or only its kind if it is private, long or nested."""
    if private or isinstance(value, dict | list):
        return kind(value)
    text = to_json(value)
    return text if len(text) <= FOUND else kind(value)
