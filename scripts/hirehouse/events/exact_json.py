"""Exact JSON: reading and writing lose no member and no digit; values are shown without secrets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

# Runs of escapes that orjson does not write. A lookbehind would make the search ten times as slow.
ESCAPES = re.compile(rb"\\u(?!00[0-7])[0-9A-Fa-f]{4}(?:\\u(?!00[0-7])[0-9A-Fa-f]{4})*")
FOUND = 200  # characters of a value in a reason
TOO_DEEP = "nested too deeply"


class JsonError(ValueError):
    """A text that can't be read exactly; the message says why.

    Args:
        pointers: the members that an object has twice, if that is all that is wrong.
        document: what was read then, with the last value of each.
    """

    def __init__(self, message: str, pointers: Sequence[str] = (), document: Any = None) -> None:
        super().__init__(message)
        self.pointers, self.document = pointers, document


def read_exact(text: bytes, *, strict: bool = True) -> Any:
    """JSON with every member and digit: a number that no float equals becomes a Decimal.

    Args:
        strict: reject NaN, Infinity, numbers beyond a float and lone surrogates.

    Raises:
        JsonError: it is no JSON, is nested too deeply to be written again, or has a member twice.
    """
    try:
        document = orjson.loads(text)
        # Written again it is the same: no member was there twice, and every number fits a float.
        again = orjson.dumps(document)
        if again == text or is_same(again, text):
            return document
    except orjson.JSONDecodeError as error:
        if strict:
            raise JsonError(str(error)) from None
    except TypeError:
        raise JsonError(TOO_DEEP) from None
    return _parse(text)


def is_same(written: bytes, text: bytes) -> bool:
    """Whether a text is what orjson wrote, but for blanks and escapes, as Python's SDKs write them.

    False may be returned for any text.
    """
    return written.translate(None, b" ") == ESCAPES.sub(_read, text.translate(None, b" \t\r\n"))


def _read(escapes: re.Match[bytes]) -> bytes:
    if escapes.string[escapes.start() - 1 : escapes.start()] == b"\\":
        return escapes[0]  # an escaped backslash, then plain letters
    return str(json.loads(b'"%s"' % escapes[0])).encode()


def _parse(text: bytes) -> Any:
    twice: list[tuple[dict[str, Any], str]] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice.extend((made, name) for name in made if names.count(name) > 1)
        return made

    try:
        document = json.loads(
            text, object_pairs_hook=members, parse_float=_number, parse_constant=Decimal
        )
        if not twice:
            return document
        places = {id(value): pointer for pointer, value in walk(document, "")}
    except RecursionError:
        raise JsonError(TOO_DEEP) from None
    except ValueError as error:
        raise JsonError(str(error)) from None
    pointers = [point(places.get(id(made), ""), name) for made, name in twice]
    raise JsonError(f"duplicate keys {', '.join(pointers[:5])}", pointers, document)


def _number(text: str) -> float | Decimal | int:
    try:
        exact, nearest = Decimal(text), float(text)
    except ArithmeticError:
        raise ValueError("the exponent of a number is too large") from None
    if Decimal(repr(nearest)) == exact:
        return nearest
    return int(exact) if abs(exact) < 2**64 and exact == exact.to_integral_value() else exact


def point(pointer: str, step: object) -> str:
    """A JSON pointer, one step further."""
    return f"{pointer}/{str(step).replace('~', '~0').replace('/', '~1')}"


def walk(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    """A value and all nested values, each with its pointer."""
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
    # orjson does not write lone surrogates.
    return json.dumps(value) if isinstance(value, str) else str(value)


def write_json(path: Path, content: object) -> None:
    """Write an indented JSON file, and rename it into place.

    So readers never see half a file, and a link at `path` is replaced, not written through.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    new.replace(path)


def kind(value: object) -> str:
    """The JSON type of a value, with its size: safe to show for private values."""
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
    """A value for a reason: as JSON, or only its type if it is private, long or nested."""
    if private or isinstance(value, dict | list):
        return kind(value)
    text = to_json(value)
    return text if len(text) <= FOUND else kind(value)
