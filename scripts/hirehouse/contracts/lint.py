"""The check of the contracts: every broken thing, with its place and what to do.

contract.schema.yml says what may stand where; here is what holds between the parts of a contract,
and between contracts.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hirehouse.contracts.model import (
    COLUMN_META,
    CONTRACT_META,
    ENVELOPE,
    ROOT,
    RULES,
    STAGING,
    VISIBLE,
    Column,
    ContractError,
    DataType,
    compile_schema,
    doc_blocks,
    envelope,
    load,
    unreadable,
)
from hirehouse.contracts.names import unusable
from hirehouse.contracts.yaml_schema import Lines, flaws, nearest, read_lined

Place = tuple[Any, ...]  # the path to a part of a file
COLUMN_LIMIT = 1_600  # of a Redshift and of a PostgreSQL table
NAME_LIMIT = 63  # bytes; PostgreSQL cuts a longer name
LANDING = "landing"  # the source of hirehouse's own tables, which are no events
MOVED = ("meta", *COLUMN_META, *CONTRACT_META)  # words that are often written one level up
SOURCES = re.compile(rb"^[{\"' ]*sources\b", re.M)
# A properties file of dbt that describes something else than sources.
OTHERS = re.compile(rb"^(models|seeds|snapshots|macros|exposures|unit_tests|data_tests):", re.M)


@dataclass(frozen=True)
class Problem:
    """One broken thing: its file (below the root), line from 1, table, column and rule."""

    file: str
    line: int
    event: str | None
    column: str | None
    rule: str
    message: str

    def __str__(self) -> str:
        place = ".".join(filter(None, (self.event, self.column)))
        return (
            f"{self.file}:{self.line}: {place + ': ' if place else ''}{self.rule}: {self.message}"
        )


def check(root: Path = ROOT) -> list[Problem]:
    """All problems of the contracts below `root`, in the order of files and lines."""
    found: list[Problem] = []
    wrong: dict[Path, str] = {}  # with a file as a whole
    # A table name holds event and version, so one name for one contract is enough.
    tables: dict[str, str] = {}
    if not (root / ENVELOPE).is_file():
        wrong[ENVELOPE] = "is missing"
    if not any((root / STAGING).glob("*/*.yml")):
        wrong[STAGING] = "holds no contract; is the root the project's folder?"
    for path in sorted(p for p in (root / "models").rglob("*") if p.suffix in (".yml", ".yaml")):
        file, text = path.relative_to(root), path.read_bytes()
        contract = file.parent.parent == STAGING and file.suffix == ".yml"
        if SOURCES.search(text) and (contract or file == ENVELOPE):
            found += _File(root, file, tables).problems()
        elif SOURCES.search(text):
            wrong[file] = f"contracts are read only from {STAGING}/<source>/<event>.yml; move it"
        elif contract and not OTHERS.search(text):
            wrong[file] = "declares no `sources`; a contract starts with them"
    found += [Problem(f.as_posix(), 1, None, None, "file", what) for f, what in wrong.items()]
    return sorted(found, key=lambda p: (p.file, p.line))


def unread_versions(root: Path = ROOT) -> list[Problem]:
    """Versions of events whose table no staging model reads, so that no mart counts their events.

    Apart from `check`, as `scripts/scaffold` writes such a model from contracts that are sound.

    Raises:
        ContractError: a contract can't be used.
    """
    read = {name for path in (root / STAGING).rglob("*.sql") for name in _names_in(path)}
    found = []
    for contract in load(root).values():
        if contract.version > 1 and contract.table not in read:
            lines = (root / contract.path).read_text(encoding="utf-8").splitlines()
            line = next((n for n, text in enumerate(lines, 1) if contract.table in text), 1)
            message = (
                f"no staging model reads version {contract.version}, so its events would not count:"
                f" run `./scripts/scaffold event {contract.event}`, or name {contract.table} in the"
                f" call of landed() in stg_{contract.source}__{contract.event}.sql"
            )
            file = contract.path.as_posix()
            found.append(Problem(file, line, contract.table, None, "staging", message))
    return found


def _names_in(path: Path) -> set[str]:
    """The quoted names in a model that calls landed() or landed_versions()."""
    text = re.sub(r"--[^\n]*|{#.*?#}", "", path.read_text(encoding="utf-8"), flags=re.S)
    called = re.search(r"\blanded(_versions)?\(", text)
    return set(re.findall(r"['\"](\w+)['\"]", text)) if called else set()


class _File:
    """The check of one file. A path leads to a part of it: keys of mappings, places in lists."""

    def __init__(self, root: Path, file: Path, tables: dict[str, str]) -> None:
        self.root, self.file, self.tables = root, file, tables
        self.found: list[Problem] = []
        self.flawed: set[Place] = set()  # paths that the schema does not allow
        self.content: Any = None
        self.lines: Lines = {}

    def say(self, rule: str, message: str, *path: Any) -> None:
        """Note a problem at the line of a path, or of the part that lacks its last step."""
        here, line = self.content, 1
        names: dict[Any, str | None] = {"tables": None, "columns": None}
        for before, step in zip((None, *path), path, strict=False):
            lines = self.lines.get(id(here), {})
            line = lines.get(step) or lines.get(None) or line
            try:
                here = here[step]
            except (LookupError, TypeError):
                break
            if before in names and isinstance(here, dict):
                names[before] = str(here.get("name"))
        event, column = names.values()
        self.found.append(Problem(self.file.as_posix(), line, event, column, rule, message))

    def problems(self) -> list[Problem]:
        try:
            self.content, self.lines = read_lined(self.root / self.file)
            for path, word, message in flaws(self.content):
                self._flaw(path, word, message)
        except (yaml.YAMLError, ValueError) as error:
            line, message = unreadable(error)
            return [Problem(self.file.as_posix(), line, None, None, "yaml", message)]
        if isinstance(self.content, dict):
            for place, source in self._parts(self.content, "sources"):
                self._source(place, source)
        return self.found

    def _flaw(self, path: list[Any], word: str, message: str) -> None:
        # A rule is a word of meta, whatever is wrong within it.
        rule = [*path, word][path.index("meta") + 1] if "meta" in path else word
        if "meta" not in path and word in MOVED and message.startswith("there is no"):
            message = f"there is no {word!r} here; it belongs under `config: {{meta: …}}`"
        self.flawed.add((*path, word))
        self.say(rule, message, *path, word)

    @staticmethod
    def _parts(parent: dict[str, Any], *path: Any) -> Iterator[tuple[Place, dict[str, Any]]]:
        """The mappings in a list, with their paths; the schema says what else may not be there."""
        items = parent.get(path[-1])
        for place, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict):
                yield (*path, place), item

    def _source(self, path: Place, source: dict[str, Any]) -> None:
        if not self._named(path, source):
            return
        name, folder = source["name"], self.file.parent.name
        if self.file != ENVELOPE and name != folder:
            message = f"source {name} is in the folder {folder}; move it to {name}/"
            self.say("folder", message, *path, "name")
        for table_path, table in self._parts(source, *path, "tables"):
            self._table(table_path, table, name)

    def _table(self, path: Place, table: dict[str, Any], source: str) -> None:
        is_event = source != LANDING
        self._described(path, table)
        if self._named(path, table):
            self._table_name(path, table, source)
        seen: set[Any] = set()
        for place, column in self._parts(table, *path, "columns"):
            self._column(place, column, is_event)
            if (name := str(column.get("name"))) in seen:
                self.say("duplicate", "is declared twice; remove one", *place, "name")
            seen.add(name)
        count = len(seen) + len(_envelope_names(self.root)) * is_event
        if count > COLUMN_LIMIT:
            message = f"{count:,} with the envelope, at most {COLUMN_LIMIT:,}"
            self.say("columns", message, *path, "columns")

    def _table_name(self, path: Place, table: dict[str, Any], source: str) -> None:
        name, version = table["name"], self._meta(path, table).get("version", 1)
        stem = re.sub(r"_v\d+$", "", name)
        wanted = f"{stem}_v{version}" if version > 1 else stem
        if source != LANDING and name != wanted and self._meta(path, table):
            message = f"the table of version {version} must be named {wanted}"
            self.say("version", message, *path, "config", "meta", "version")
        if self.file != ENVELOPE and name != self.file.stem:
            self.say(
                "file",
                f"the file must have the name of its table: rename it to {name}.yml",
                *path,
                "name",
            )
        if len(f"stg_{source}__{name}") > NAME_LIMIT:
            message = f"its model stg_{source}__{name} is over {NAME_LIMIT} bytes; shorten it"
            self.say("name", message, *path, "name")
        if name == "index":  # the export's table of contents is index.json
            self.say("name", "index is taken by the export; choose another", *path, "name")
        if name in self.tables:
            message = f"landed.{name} is also declared in {self.tables[name]}; keep one"
            self.say("duplicate", message, *path, "name")
        self.tables.setdefault(name, self.file.as_posix())

    def _column(self, path: Place, column: dict[str, Any], is_event: bool) -> None:
        self._described(path, column)
        if self._named(path, column) and is_event:
            if column["name"] in _envelope_names(self.root):
                message = "every raw table has this column from the envelope; choose another name"
                self.say("name", message, *path, "name")
            elif column["name"] == "schema_version":
                message = "events carry it to name their contract's version; choose another name"
                self.say("name", message, *path, "name")
        if "data_type" not in column:
            return
        try:
            kind = DataType.parse(str(column["data_type"]))
        except ValueError as error:
            self.say("data_type", str(error), *path, "data_type")
            return
        for rule, message in _rules(kind, self._meta(path, column)):
            self.say(rule, message, *path, "config", "meta", rule)

    def _named(self, path: Place, item: dict[str, Any]) -> bool:
        """Whether the item has a name that can be used; says why not if the schema did not."""
        if (*path, "name") in self.flawed:
            return False
        if message := unusable(item["name"]):
            self.say("name", message, *path, "name")
        return not message

    def _meta(self, path: Place, item: dict[str, Any]) -> dict[str, Any]:
        """The meta of a table or column; empty if it is not sound, which has been said."""
        config = (*path, "config")
        if any(flaw[: len(config)] == config for flaw in self.flawed):
            return {}
        meta: dict[str, Any] = item.get("config", {}).get("meta", {})
        return meta

    def _described(self, path: Place, item: dict[str, Any]) -> None:
        for block in re.findall(r"{{\s*doc\(['\"](\w+)['\"]\)\s*}}", str(item.get("description"))):
            if block not in doc_blocks(self.root):
                message = f"no docs block {block}{nearest(block, doc_blocks(self.root))}"
                self.say("description", message, *path, "description")


def _rules(kind: DataType, meta: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each word of a sound meta whose value does not go with the type, or with another word."""
    if not meta.keys() & set(RULES):
        return  # as of most columns, and compiling a schema takes most of a check's time
    fits = compile_schema(kind.schema())
    values = [(word, meta[word]) for word in ("minimum", "maximum") if word in meta]
    for word, value in [*values, *(("enum", value) for value in meta.get("enum", []))]:
        for error in list(fits.iter_errors(value))[-1:]:
            # YAML reads a bare no or on as something else than text.
            quotes = isinstance(value, bool | int | float) and kind.kind == "varchar"
            advice = "put it in quotes" if quotes else f"{kind} does not hold it"
            yield word, f"{error.message}: {advice}"
    if meta.get("minimum", -math.inf) > meta.get("maximum", math.inf):
        yield "minimum", f"{meta['minimum']} is above the maximum {meta['maximum']}"
    try:
        # Exported schemas are read by Python's own validator, too, which has patterns of `re`.
        pattern = re.compile(meta.get("pattern", VISIBLE))
        if meta.get("required") and (pattern.search("") or pattern.search(" ")):
            yield "pattern", "it matches a text without a visible character; require one"
        validator = compile_schema(Column("", kind, "", meta).schema())
        for value in meta.get("examples", []):
            for error in validator.iter_errors(value):
                yield "examples", error.message
    except (ValueError, re.error, OverflowError, RecursionError) as error:
        word = next((word for word in ("pattern", "items", "properties") if word in meta), "config")
        yield word, f"must be valid in JSON Schema and in Python: {str(error).splitlines()[0]}"


@cache
def _envelope_names(root: Path) -> frozenset[str]:
    try:
        return frozenset(column.name for column in envelope(root))
    except (OSError, ContractError, LookupError, TypeError, AttributeError):
        return frozenset()  # the check of the envelope itself says what is wrong with it
