"""`hirehouse contracts diff`: what a change of the contracts breaks, and what it adds.

Breaking is what makes an event fail that conformed before, or takes away what a reader of the
landed table relies on. A contract keeps its promise for as long as its version is there; so any
breaking change is one that should have been a new version.
"""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import orjson
import typer

from hirehouse.contracts import ROOT, RULES, STAGING, Column, Contract, ContractError, load

# A rule is tightened when the first grows, or when the second shrinks.
LOWER = {"minimum", "exclusiveMinimum", "minLength", "minItems"}
UPPER = {"maximum", "exclusiveMaximum", "maxLength", "maxBytes", "maxItems", "scale"}
JSON_KINDS = {"items": "list in ", "properties": "object in "}
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
    """All changes from one set of contracts to another, by event and version."""
    old_events, new_events = ({event for event, _ in side} for side in (old, new))
    for key in sorted(old.keys() | new.keys()):
        event, version = key
        if key not in new:
            gone = "a version was" if event in new_events else "the event was"
            yield Change(event, version, "", f"{gone} removed", True)
        elif key not in old:
            come = "a new version" if event in old_events else "a new event"
            yield Change(event, version, "", come, False)
        else:
            for name, what, breaking in _contract(old[key], new[key]):
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
    if _type(old) != _type(new):
        yield at, f"type was {_type(old)}, is {_type(new)}", not _widened(old, new)
    if old.required != new.required:
        what = "is now required" if new.required else "is now optional: readers may see null"
        yield at, what, new.required
    future = bool(new.meta.get("future"))
    if bool(old.meta.get("future")) != future:
        yield at, f"times in the future are now {'taken' if future else 'refused'}", not future
    before, after = ({w: c.meta[w] for w in RULES if w in c.meta} for c in (old, new))
    yield from _rules(before, after, at)


def _type(column: Column) -> str:
    kinds = (kind for word, kind in JSON_KINDS.items() if word in column.meta)
    return f"{next(kinds, '')}{column.type}"


def _widened(old: Column, new: Column) -> bool:
    """Whether every value of the old type is one of the new, and is read in the same way."""
    was, now = old.type, new.type
    match was.kind, now.kind:
        case "varchar", "varchar":
            same = all((word in old.meta) == (word in new.meta) for word in JSON_KINDS)
            return same and was.size <= now.size
        case "numeric", "numeric":
            return was.scale <= now.scale and was.size - was.scale <= now.size - now.scale
    return (was.kind, now.kind) == ("integer", "bigint")


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


def _tightened(word: str, was: Any, now: Any) -> bool:  # noqa: ANN401 - any JSON
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


def _contracts(place: str, root: Path) -> dict[tuple[str, int], Contract]:
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


def diff_command(
    old: Annotated[str, typer.Argument(help="A git revision, or a project's folder.")],
    new: Annotated[str, typer.Argument(help="The same; by default the project as it is.")] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For other programs.")] = False,
    root: Annotated[Path, typer.Option(help="The project's folder.", file_okay=False)] = ROOT,
) -> None:
    """Name what changed in the contracts: breaking or additive, by event and property.

    Exit code 1 if a change is breaking: it must be a new version. 2 if a side can't be read.
    """
    try:
        sides = _contracts(old, root), _contracts(new or str(root), root)
    except ContractError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    found = sorted(changes(*sides), key=lambda c: not c.breaking)
    breaking = sum(c.breaking for c in found)
    if as_json:
        typer.echo(orjson.dumps([asdict(c) for c in found], option=orjson.OPT_INDENT_2))
    else:
        for change in found:
            typer.echo(change)
        typer.echo(f"{breaking} breaking, {len(found) - breaking} additive")
    if breaking:
        typer.echo("leave this version as it was, and add <event>_v2.yml with version: 2", err=True)
    raise typer.Exit(1 if breaking else 0)
