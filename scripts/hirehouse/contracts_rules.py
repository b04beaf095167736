"""Whether the words of a column's meta fit its type, one message for each that does not."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

import jsonschema_rs

from hirehouse.contracts import COLUMN_META, DataType
from hirehouse.contracts_example import FORMATS
from hirehouse.keywords import KEYWORDS

VARCHAR_LIMIT = 65_535  # bytes, the widest of Redshift
PRECISION_LIMIT = 38  # digits, DuckDB's and Redshift's
NUMBERS = ("integer", "bigint", "numeric")
FITS: dict[str, tuple[str, ...]] = {
    "enum": ("varchar", *NUMBERS),
    "minimum": NUMBERS,
    "maximum": NUMBERS,
    "pattern": ("varchar",),
    "format": ("varchar",),
    "items": ("varchar",),
    "properties": ("varchar",),
    "future": ("date", "timestamp"),
}
# A list of allowed values says all; lists and objects land as JSON, with rules of their own.
CONFLICTS: dict[str, tuple[str, ...]] = {
    "enum": ("minimum", "maximum", "pattern", "format", "items", "properties"),
    "items": ("properties", "pattern", "format"),
    "properties": ("pattern", "format"),
}
FLAGS = ("required", "pii", "future")
# What may stand inside `items` and `properties`: no `$ref`, a contract stands on its own.
NESTED = frozenset(
    "type enum const minimum maximum exclusiveMinimum exclusiveMaximum minLength"  # noqa: SIM905
    " maxLength maxBytes scale pattern format items minItems maxItems uniqueItems properties"
    " required additionalProperties description".split()
)
Found = tuple[str, str]  # a rule's word and what is wrong with it


def nearest(word: object, words: Iterable[str], count: int = 1) -> str:
    """`; did you mean x?` for the words most like `word`, else an empty text."""
    close = get_close_matches(str(word), sorted(words), count)
    return f"; did you mean {', '.join(close)}?" if close else ""


def compile_error(schema: dict[str, Any]) -> str:
    """Why the JSON Schema validator refuses a schema, formats included; empty if it does not."""
    try:
        jsonschema_rs.Draft202012Validator(
            schema, validate_formats=True, ignore_unknown_formats=False, keywords=KEYWORDS
        )
    except ValueError as error:  # jsonschema_rs.ValidationError among them
        return str(error).split("\n", 1)[0]
    return ""


def type_problem(kind: DataType) -> str:
    """What is wrong with the size of a type; empty if nothing is."""
    if kind.kind == "varchar" and not 1 <= kind.size <= VARCHAR_LIMIT:
        return f"varchar({kind.size}) must be of 1 to {VARCHAR_LIMIT:,} bytes"
    if kind.kind == "numeric" and not 1 <= kind.size <= PRECISION_LIMIT:
        return f"numeric({kind.size},{kind.scale}) must have 1 to {PRECISION_LIMIT} digits"
    if kind.kind == "numeric" and kind.scale > kind.size:
        return f"numeric({kind.size},{kind.scale}) has more decimal places than digits"
    return ""


def rule_problems(kind: DataType, meta: dict[str, Any]) -> Iterator[Found]:
    """Each word of `meta` that is unknown, malformed, or at odds with the type or another word."""
    for word, value in meta.items():
        if word not in COLUMN_META:
            yield str(word), f"no contract has this word{nearest(word, COLUMN_META)}"
        elif word in FLAGS and not isinstance(value, bool):
            yield word, f"must be true or false, found {value!r}"
        elif word in FITS and kind.kind not in FITS[word]:
            yield word, f"is for {_listed(FITS[word])}, not for {kind.kind}; drop it"
        else:
            for message in _value_problems(word, value, kind):
                yield word, message
    for word, others in CONFLICTS.items():
        for other in others:
            if word in meta and other in meta:
                yield other, f"can't stand beside {word}; keep one of them"
    low, high = meta.get("minimum"), meta.get("maximum")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        yield "minimum", f"{low} is above the maximum {high}"


def _value_problems(word: str, value: object, kind: DataType) -> Iterator[str]:
    match word:
        case "enum":
            yield from _enum_problems(value, kind)
        case "minimum" | "maximum":
            if problem := _number_problem(value, kind):
                yield problem
        case "pattern" | "format":
            if not isinstance(value, str):
                yield f"must be text, found {value!r}"
            elif error := compile_error({word: value}) or _python_error(word, value):
                yield f"{error}{nearest(value, FORMATS) if word == 'format' else ''}"
        case "items" | "properties":
            problems = list(_nested_problems({word: value}))
            yield from problems or filter(None, [compile_error({word: value})])


def _enum_problems(values: object, kind: DataType) -> Iterator[str]:
    if not isinstance(values, list) or not values:
        yield f"must be a list of the allowed values, found {values!r}"
        return
    for i, value in enumerate(values):
        if kind.kind != "varchar":
            if problem := _number_problem(value, kind):
                yield problem
        elif not isinstance(value, str):
            # YAML reads a bare no, on or 2024-01-01 as something else than text.
            yield f"value {value!r} is not text; put it in quotes"
        elif (size := len(value.encode("utf-8", "surrogatepass"))) > kind.size:
            yield f"value {value!r} has {size} bytes, more than varchar({kind.size}) holds"
        if value in values[:i]:
            yield f"value {value!r} is there twice"


def _number_problem(value: object, kind: DataType) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return f"must be a number, found {value!r}"
    if kind.kind != "numeric" and not isinstance(value, int):
        return f"must be a whole number for {kind.kind}, found {value!r}"
    schema = kind.schema()
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > schema.get("scale", 0):
        return f"{value!r} has more decimal places than the type keeps"
    if not (
        schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
        and abs(value) < schema.get("exclusiveMaximum", math.inf)
    ):
        return f"{value!r} is outside of what {kind.kind} holds; choose a wider type"
    return ""


def _python_error(word: str, value: str) -> str:
    # Exported schemas are also read by Python's own validator, whose patterns are those of `re`.
    try:
        if word == "pattern":
            re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        return f"{value!r} is no regular expression to Python: {error}"
    return ""


def _nested_problems(schema: object) -> Iterator[str]:
    if not isinstance(schema, dict):
        yield f"must be a JSON Schema such as {{type: string}}, found {schema!r}"
        return
    for word, value in schema.items():
        if word not in NESTED:
            yield f"no word for a list or an object: {word!r}{nearest(word, NESTED)}"
        elif word == "items":
            yield from _nested_problems(value)
        elif word == "properties":
            members = value.values() if isinstance(value, dict) else [value]
            for member in members:
                yield from _nested_problems(member)


def _listed(kinds: tuple[str, ...]) -> str:
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} or {kinds[-1]}"
