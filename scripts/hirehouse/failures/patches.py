"""Patches of failed events: JSON Patches (RFC 6902) of originals, which never change."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonpatch
import orjson
from jsonpointer import JsonPointer, JsonPointerException

from hirehouse.events.exact_json import kind, point, read_exact, to_json
from hirehouse.events.validate import BOM

MAX_PATCH = 65_535  # bytes of landed.failure_actions.patch
WHOLE = '[{"op": "replace", "path": "", "value": {…}}]'
BROKEN = (jsonpatch.JsonPatchException, JsonPointerException)


class PatchError(Exception):
    """A patch that can't be read or applied; the message says why, without values of the event."""


@dataclass(frozen=True)
class Changes:
    """Changes, in this order: JSON Patch operations, pointers to remove, values to set."""

    operations: Sequence[Any] = ()
    remove: Sequence[str] = ()
    set: Sequence[tuple[str, Any]] = ()


def read_operations(text: bytes) -> list[Any]:
    """Parse a JSON Patch document; PatchError if it is none."""
    try:
        operations = read_exact(text)
        jsonpatch.JsonPatch(operations)
    except (ValueError, TypeError, *BROKEN) as error:
        raise PatchError(f"not a JSON Patch (RFC 6902): {error}") from None
    return list(operations)


def read_setting(text: str) -> tuple[str, Any]:
    """Split `/pointer=value`; the value is JSON, or else a string."""
    pointer, equals, value = text.partition("=")
    if not (equals and pointer.startswith("/")):
        raise PatchError(f"{text!r} must be a JSON pointer and a value: /properties/currency=USD")
    try:
        return pointer, read_exact(value.encode())
    except ValueError:
        return pointer, value


def patched(body: bytes, patch: str) -> bytes:
    """The patched copy of an original; PatchError if the patch does not fit it."""
    return body if patch == "[]" else to_json(_apply(body, patch)).encode()


def extended(body: bytes, patch: str, changes: Changes, failure_id: str) -> str:
    """A patch with further changes, again relative to the original.

    An event without a messageId gets its failure_id as messageId.

    Raises:
        PatchError: a change can't be applied to the patched copy.
    """
    operations = [*read_exact(patch.encode()), *changes.operations]
    document = _apply(body, to_json(operations)) if operations else _original(body)

    def change(op: str, pointer: str, value: object = None) -> None:
        nonlocal document
        operation = {"op": op, "path": pointer} | ({} if op == "remove" else {"value": value})
        operations.append(operation)
        try:
            document = _changed(document, _operations([operation]))
        except JsonPointerException as error:  # of --remove without a slash
            raise PatchError(f"{pointer!r} is not a JSON pointer: {error}") from None

    for pointer in changes.remove:
        change("remove", pointer)
    for pointer, value in changes.set:
        change("add" if _missing(document, pointer) else "replace", pointer, value)
    if isinstance(document, dict) and document.get("messageId") in (None, ""):
        change("add", "/messageId", failure_id)
    text = to_json(operations)
    if len(text.encode()) > MAX_PATCH:
        raise PatchError(f"all changes together must be at most {MAX_PATCH:,} bytes")
    return text


def readable(body: bytes) -> str:
    """An event for display: indented if that loses nothing, else as it is."""
    try:
        return orjson.dumps(read_exact(body.removeprefix(BOM)), option=orjson.OPT_INDENT_2).decode()
    except (ValueError, TypeError):
        return body.decode(errors="backslashreplace")


def _original(body: bytes) -> Any:
    try:
        # NaN and what is not Unicode can be replaced as any other value.
        return read_exact(body.removeprefix(BOM), strict=False)
    except ValueError as error:
        raise PatchError(
            f"the original is not JSON ({error}): use --file with a patch that replaces all of it,"
            f" {WHOLE}"
        ) from None


@lru_cache(maxsize=1_000)
def _compiled(patch: str) -> list[Any]:
    return _operations(read_exact(patch.encode()))


def _operations(patch: list[Any]) -> list[Any]:
    # JsonPatch.apply parses its operations again for every document: half of its time.
    return [jsonpatch.JsonPatch.operations[one["op"]](one) for one in jsonpatch.JsonPatch(patch)]


def _apply(body: bytes, patch: str) -> Any:
    operations = _compiled(patch)
    first = operations[0].operation
    whole = first["path"] == "" and first["op"] in ("add", "replace")
    return _changed(None if whole else _original(body), operations)


def _changed(document: Any, operations: list[Any]) -> Any:
    for operation in operations:
        try:
            document = operation.apply(document)
        except jsonpatch.InvalidJsonPatch as error:
            raise PatchError(f"not a JSON Patch (RFC 6902): {error}") from None
        except (*BROKEN, TypeError):  # whose messages quote the document
            change = operation.operation
            why = "the value there is another" if change["op"] == "test" else "not possible there"
            for name in ("path", "from") if change["op"] in ("move", "copy") else ("path",):
                why = _missing(document, change[name]) or why
            what = f"{change['op']} {change['path']}"
            raise PatchError(f"the patch can't be applied: {what}: {why}") from None
    return document


def _missing(document: Any, pointer: str) -> str:
    """Where a JSON pointer leads to nothing, and what is there; empty if it leads to a value."""
    there, value = "", document
    try:
        parts = JsonPointer(pointer).parts
    except JsonPointerException as error:
        raise PatchError(f"{pointer!r} is not a JSON pointer: {error}") from None
    for part in parts:
        is_index = isinstance(value, list) and re.fullmatch("0|[1-9][0-9]{0,8}", part)
        if is_index and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            # Without its size, so that equal mistakes in many events count as one.
            what = kind(value).partition(" of ")[0]
            return f"{there or 'the event'} ({what}) has no {part!r}"
        there = point(there, part)
    return ""
