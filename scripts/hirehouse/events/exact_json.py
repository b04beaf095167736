"""Exact JSON: reading and writing lose no member and no digit; values are shown without secrets."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import orjson

# Runs of escapes that orjson does not write. A lookbehind would make the search ten times as slow.
ESCAPES = re.compile(rb"\\u(?!00[0-7])[0-9A-Fa-f]{4}(?:\\u(?!00[0-7])[0-9A-Fa-f]{4})*")
SURROGATE = re.compile("[\ud800-\udfff]")  # alone: a pair is one character to Python
FOUND = 200  # characters of a value in a reason
MAX_DEPTH = 254  # levels of lists and objects; orjson writes no more
MAX_FLAWS = 100
SAID = {"duplicate_key": "duplicate keys", "unicode": "no Unicode in"}
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"


class JsonError(ValueError):
    """A text that can't be read exactly; the message says why.

    Args:
        flaws: rule and pointer of what is wrong, the first MAX_FLAWS of them, if all else can be
            read.
        document: what was read then, with the last value of each member, and U+FFFD for what is no
            character.
    """

    def __init__(
        self, message: str, flaws: Sequence[tuple[str, str]] = (), document: Any = None
    ) -> None:
        super().__init__(message)
        self.flaws, self.document = flaws, document


def read_exact(text: bytes, *, strict: bool = True) -> Any:
    """JSON with every member and digit: a number that no float equals becomes a Decimal.

    Args:
        strict: reject NaN, Infinity, numbers beyond a float, and texts that are not Unicode: halves
            of surrogate pairs, and bytes that are not UTF-8, which else become such halves.

    Raises:
        JsonError: it is no JSON, is nested too deeply to be written again, has a member twice, or
            is not Unicode.
    """
    try:
        document = orjson.loads(text)
        # Written again it is the same: no member was there twice, and every number fits a float.
        again = orjson.dumps(document)
        if again == text or is_same(again, text):
            return document
    except orjson.JSONDecodeError as error:
        return _parse(text, strict=strict, error=error)
    except TypeError:
        raise JsonError(TOO_DEEP) from None
    return _parse(text, strict=strict)


def is_same(written: bytes, text: bytes) -> bool:
    """Whether a text is what orjson wrote, but for blanks and escapes, as Python's SDKs write them.

    False may be returned for any text.
    """
    return written.translate(None, b" ") == ESCAPES.sub(_read, text.translate(None, b" \t\r\n"))


def _read(escapes: re.Match[bytes]) -> bytes:
    if escapes.string[escapes.start() - 1 : escapes.start()] == b"\\":
        return escapes[0]  # an escaped backslash, then plain letters
    return str(json.loads(b'"%s"' % escapes[0])).encode()


def _parse(text: bytes, *, strict: bool, error: Exception | None = None) -> Any:
    """Read what orjson can't read, for which `error` is its reason, or reads with a loss."""
    twice: dict[int, list[str]] = {}  # names by the id of their object

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            twice[id(made)] = [name for name, count in counts.items() if count > 1]
            kept.append(made)  # or another object might get its id
        return made

    def constant(name: str) -> Decimal:
        if strict:
            raise ValueError(f"{name} is no JSON")
        return Decimal(name)

    kept: list[Any] = []
    try:
        document = json.loads(
            text.decode(errors="surrogateescape"),
            object_pairs_hook=members,
            parse_float=_number,
            parse_constant=constant,
        )
    except (ValueError, RecursionError) as found:
        deep = isinstance(found, RecursionError)
        raise JsonError(TOO_DEEP if deep else str(error or found)) from None
    if _is_deeper(document, MAX_DEPTH):
        raise JsonError(TOO_DEEP)
    flaws = (
        list(islice(_flaws(document, twice, strict), MAX_FLAWS))
        if twice or (strict and error)
        else []
    )
    if flaws:
        places = ", ".join(f"{SAID[rule]} {pointer}" for rule, pointer in flaws[:5])
        raise JsonError(places, flaws, _replaced(document) if strict else document)
    if strict and error:  # a number beyond a float
        raise JsonError(str(error))
    return document


def _flaws(document: Any, twice: dict[int, list[str]], strict: bool) -> Iterator[tuple[str, str]]:
    for pointer, value in walk(document, ""):
        if isinstance(value, dict):
            for name in twice.get(id(value), ()):
                yield "duplicate_key", SURROGATE.sub("\ufffd", point(pointer, name))
        texts = value if isinstance(value, dict) else [value] if isinstance(value, str) else ()
        if strict and any(map(SURROGATE.search, texts)):
            yield "unicode", SURROGATE.sub("\ufffd", pointer)


def _is_deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _replaced(value: Any) -> Any:
    """The value with U+FFFD for each surrogate."""
    if isinstance(value, dict):
        return {_replaced(name): _replaced(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item) for item in value]
    return SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


def _number(text: str) -> float | Decimal | int:
    try:
        exact, nearest = Decimal(text), float(text)
    except ArithmeticError:
        raise ValueError("the exponent of a number is too large") from None
    if Decimal(repr(nearest)) == exact:
        return nearest
    # Not by abs(), which overflows beyond the exponents of Python's context.
    is_small = exact.copy_abs() < 2**64
    return int(exact) if is_small and exact == exact.to_integral_value() else exact


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
