"""What is in a failed event, without the values that may identify a person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hirehouse.events.exact_json import JsonError, read_exact, show, to_json, walk
from hirehouse.events.validate import BOM, SHOWN, CompiledContract, CompiledContracts, member


def outline(body: bytes, contracts: CompiledContracts) -> dict[str, str]:
    """An event by JSON pointer.

    Returns:
        Values that reasons may show: those of properties that the event's contract names without
        `pii`, and some of the envelope. Of all others the kind, such as `text of 5 characters`.
    """
    return {pointer: text for pointer, (_, text) in _leaves(body, contracts).items()}


@dataclass(frozen=True)
class Change:
    """What a patch changes at a JSON pointer, as an outline shows it; None for nothing."""

    pointer: str
    before: str | None
    after: str | None


def difference(before: bytes, after: bytes, contracts: CompiledContracts) -> Iterator[Change]:
    """What differs between an event and its patched copy."""
    old, new = (_leaves(body, contracts) for body in (before, after))
    for pointer in dict.fromkeys([*old, *new]):
        (was, shown), (becomes, shown_then) = (
            leaves.get(pointer, (None, None)) for leaves in (old, new)
        )
        if was != becomes:
            yield Change(pointer, shown, shown_then)


def places(operations: Sequence[Any]) -> list[dict[str, str]]:
    """The operations of a JSON Patch, without their values."""
    return [{k: v for k, v in one.items() if k != "value"} for one in operations]


def _leaves(body: bytes, contracts: CompiledContracts) -> dict[str, tuple[str, str]]:
    """By pointer, each value that has no further one in it: as JSON, and as it may be shown."""
    try:
        event = read_exact(body.removeprefix(BOM))
    except JsonError as error:
        if error.document is None:
            return {"": (repr(body), f"{len(body):,} bytes that can't be read as JSON")}
        event = error.document
    compiled = contracts.find(member(event, "event"), member(event, "properties", "schema_version"))
    return {
        pointer: (to_json(value), show(value, private=not _is_public(pointer, compiled)))
        for pointer, value in walk(event, "")
        if not isinstance(value, dict | list) or not value
    }


def _is_public(pointer: str, compiled: CompiledContract | None) -> bool:
    _, *path = pointer.split("/")
    if path[:1] != ["properties"] or len(path) == 1:
        return len(path) == 1 and path[0] in SHOWN
    if not compiled or path[1] not in compiled.known - compiled.private:
        return False
    # What is inside of a value that should be a text or a number is not what the contract means.
    lists = {column.name for column in compiled.contract.columns if column.is_json}
    return len(path) == 2 or path[1] in lists
