"""What a change of the contracts breaks, and what it adds.

Breaking is what makes an event fail that conformed before, or takes away what a reader of the
landed table relies on. It must be a new version, beside the one that there is.
"""

import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from hirehouse.contracts.model import RULES, STAGING, Column, Contract, ContractError, load

# A rule is tightened when the first grows, or when the second shrinks.
LOWER = {"minimum", "exclusiveMinimum", "minLength", "minItems"}
UPPER = {"maximum", "exclusiveMaximum", "maxLength", "maxBytes", "maxItems", "scale"}
SHAPES = {"items": "list in ", "properties": "object in "}
FREE = {"additionalProperties": True, "uniqueItems": False}  # with these a rule says nothing
Found = tuple[str, str, bool]  # property, what happened, whether it is breaking


@dataclass(frozen=True)
class Change:
    """A change of one event; `property` is empty where it is about the event as a whole."""

    event: str
    version: int
    property: str
    change: str
    breaking: bool

    def __str__(self) -> str:
        kind = "breaking" if self.breaking else "additive"
        place = ".".join(filter(None, (self.event, self.property)))
        return f"{kind}  {place} (version {self.version}): {self.change}"


def changes(
    old: dict[tuple[str, int], Contract], new: dict[tuple[str, int], Contract]
) -> Iterator[Change]:
    names = {event for event, _ in old}, {event for event, _ in new}
    for event, version in sorted(old.keys() | new.keys()):
        before, after = old.get((event, version)), new.get((event, version))
        if before and after:
            found = _contract(before, after)
        else:
            what = "the version" if event in names[0] & names[1] else "the event"
            found = iter([("", f"{what} {'is new' if after else 'was removed'}", not after)])
        for name, what, breaking in found:
            yield Change(event, version, name, what, breaking)


def _contract(old: Contract, new: Contract) -> Iterator[Found]:
    if old.strict != new.strict:
        taken = "refused" if new.strict else "taken"
        yield "", f"unknown properties are now {taken}", new.strict
    before, after = ({c.name: c for c in side.columns} for side in (old, new))
    for name in sorted(before.keys() - after.keys()):
        yield name, "was removed", True
    for name, column in after.items():
        if name in before:
            yield from _column(before[name], column, name)
        else:
            kind = "required" if column.required else "optional"
            yield name, f"a new {kind} property", column.required


def _column(old: Column, new: Column, at: str) -> Iterator[Found]:
    was, now = (f"{_shape(column)}{column.type}" for column in (old, new))
    if was != now:
        widened = _shape(old) == _shape(new) and new.type.widens(old.type)
        yield at, f"type was {was}, is {now}", not widened
    if old.required != new.required:
        what = "is now required" if new.required else "is now optional: readers may see null"
        yield at, what, new.required
    future = bool(new.meta.get("future"))
    if bool(old.meta.get("future")) != future:
        yield at, f"times in the future are now {'taken' if future else 'refused'}", not future
    before, after = ({w: c.meta[w] for w in RULES if w in c.meta} for c in (old, new))
    yield from _rules(before, after, at)


def _shape(column: Column) -> str:
    """The text before a type: a list and an object land as text."""
    return next((text for word, text in SHAPES.items() if word in column.meta), "")


def _rules(old: dict[str, Any], new: dict[str, Any], at: str) -> Iterator[Found]:
    """Changes of JSON Schema's rules, those of lists and objects included."""
    for word in sorted((old.keys() | new.keys()) - {"description"}):
        was, now = old.get(word), new.get(word)
        if word == "items":
            yield from _rules(was or {}, now or {}, f"{at}[]")
        elif word == "properties":
            was, now = was or {}, now or {}
            for name in sorted(was.keys() & now.keys()):
                yield from _rules(was[name], now[name], f"{at}.{name}")
            for name in sorted(was.keys() ^ now.keys()):
                yield f"{at}.{name}", "is new" if name in now else "was removed", name in was
        elif was != now:
            texts = ("none" if v is None else orjson.dumps(v).decode() for v in (was, now))
            yield at, f"{word} was {next(texts)}, is {next(texts)}", _tightened(word, was, now)


def _tightened(word: str, was: Any, now: Any) -> bool:
    if now is None or now is FREE.get(word):
        return False
    if was is None:
        return True
    if word in LOWER | UPPER:
        return bool(now > was) == (word in LOWER)
    if word == "enum":
        return not all(value in now for value in was)
    # Of a pattern, a format or a type one can't say whether it takes all that the old one did.
    return word != "required" or not set(now) <= set(was)


def contracts_at(place: str, root: Path) -> dict[tuple[str, int], Contract]:
    """The contracts of a folder with a project, or of the project as of a git revision."""
    if (Path(place) / STAGING).is_dir():
        return load(Path(place))
    with TemporaryDirectory() as folder:
        packed = Path(folder) / "packed.tar"
        command = ["git", "archive", f"--output={packed}", place, "--", str(STAGING)]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = f"neither a project's folder nor a git revision: {done.stderr.strip()}"
            raise ContractError(f"{place}: {reason}")
        with tarfile.open(packed) as files:
            files.extractall(folder, filter="data")
        return load(Path(folder))
