"""The check of the contracts: every broken thing, with its place and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hirehouse.contracts import (
    COLUMN_META,
    CONTRACT_META,
    ENVELOPE,
    ROOT,
    STAGING,
    Contract,
    DataType,
    columns_of,
    doc_blocks,
)
from hirehouse.contracts_rules import compile_error, nearest, rule_problems, type_problem

COLUMN_LIMIT = 1_600  # of a Redshift and of a PostgreSQL table
NAME_LIMIT = 63  # bytes; PostgreSQL cuts a longer name
LANDING = "landing"  # the source of hirehouse's own tables, which are no events
SCHEMA = "raw"
TABLE_WORDS = ("name", "description", "config", "data_tests", "columns")
COLUMN_WORDS = ("name", "description", "data_type", "config", "data_tests")
# A properties file of dbt that describes something else than sources.
OTHER_FILES = {"models", "seeds", "snapshots", "macros", "exposures", "unit_tests", "data_tests"}


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

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check(root: Path = ROOT) -> list[Problem]:
    """All problems of the contracts below `root`, in the order of files and lines."""
    found: list[Problem] = []
    # A table name holds event and version, so one name for one contract is enough.
    tables: dict[str, str] = {}
    if not (root / ENVELOPE).is_file():
        found.append(Problem(str(ENVELOPE), 1, None, None, "file", "is missing"))
    if not any((root / STAGING).glob("*/*.yml")):
        message = "holds no contract; is the root the project's folder?"
        found.append(Problem(str(STAGING), 1, None, None, "file", message))
    for path in sorted(p for p in (root / "models").rglob("*") if p.suffix in (".yml", ".yaml")):
        # Model properties fill most files; only staging's are sure to be read by the contracts.
        if (root / STAGING) in path.parents or b"sources" in path.read_bytes():
            found.extend(_File(root, path, tables).problems())
    return sorted(found, key=lambda p: (p.file, p.line))


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Remembers the line of every mapping and key, and refuses a key that is there twice."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.lines: dict[int, dict[Any, int]] = {}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    result: dict[Any, Any] = {}
    lines = {None: node.start_mark.line + 1}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        try:
            twice = key in result
        except TypeError as error:
            raise _yaml_error(f"{key!r} can't be a key", key_node) from error
        if twice:
            raise _yaml_error(f"{key!r} is there twice; the second one would win", key_node)
        result[key] = loader.construct_object(value_node, deep=True)
        lines[key] = key_node.start_mark.line + 1
    loader.lines[id(result)] = lines
    return result


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _yaml_error(message: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, message, node.start_mark)


class _File:
    """The check of one file; `event` and `column` say where it is."""

    def __init__(self, root: Path, path: Path, tables: dict[str, str]) -> None:
        self.root, self.path, self.tables = root, path, tables
        self.file = path.relative_to(root)
        self.found: list[Problem] = []
        self.lines: dict[int, dict[Any, int]] = {}
        self.event: str | None = None
        self.column: str | None = None

    def say(self, rule: str, message: str, at: object = None, key: object = None) -> None:
        """Note a problem at the line of a mapping, or of one of its keys."""
        lines = self.lines.get(id(at), {})
        line = lines.get(key) or lines.get(None, 1)
        self.found.append(
            Problem(self.file.as_posix(), line, self.event, self.column, rule, message)
        )

    def problems(self) -> list[Problem]:
        loader = None
        try:
            loader = _Loader(self.path.read_bytes())
            content = loader.get_single_data()
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            self.lines[id(self)] = {None: mark.line + 1 if mark else 1}
            self.say("yaml", f"not YAML: {getattr(error, 'problem', error)}", self)
            return self.found
        finally:
            if loader:
                loader.dispose()
        self.lines = loader.lines
        known = isinstance(content, dict) and "sources" in content
        if known and (self.file == ENVELOPE or self._is_contract()):
            for source in self._mappings(content, "sources"):
                self._source(source)
        elif known:
            self.say(
                "file", f"contracts are read only from {STAGING}/<source>/<event>.yml; move it"
            )
        elif self._is_contract() and not (isinstance(content, dict) and OTHER_FILES & set(content)):
            self.say("file", "declares no `sources`; a contract starts with them")
        return self.found

    def _is_contract(self) -> bool:
        return self.file.parent.parent == STAGING and self.file.suffix == ".yml"

    def _mappings(self, parent: dict[Any, Any], key: str) -> Iterator[dict[Any, Any]]:
        """The mappings of a list; whatever else is there is a problem."""
        items = parent.get(key)
        if not isinstance(items, list) or not items:
            self.say(key, f"must be a list of mappings, found {items!r}", parent, key)
            return
        for item in items:
            if isinstance(item, dict):
                yield item
            else:
                self.say(key, f"must be a list of mappings, found {item!r} in it", parent, key)

    def _source(self, source: dict[Any, Any]) -> None:
        name = source.get("name")
        if not self._named(source):
            return
        if self.file != ENVELOPE and name != self.file.parent.name:
            message = f"source {name} is in the folder {self.file.parent.name}; move it to {name}/"
            self.say("folder", message, source, "name")
        if source.get("schema") != SCHEMA:
            message = f"must be {SCHEMA}, where the lander writes, found {source.get('schema')!r}"
            self.say("schema", message, source, "schema")
        for table in self._mappings(source, "tables"):
            before = len(self.found)
            self.event = str(table.get("name"))
            self._table(str(name), table)
            if len(self.found) == before:
                self._compile(str(name), table)
            self.event = self.column = None

    def _table(self, source: str, table: dict[Any, Any]) -> None:
        is_event = source != LANDING
        self._words(table, TABLE_WORDS)
        self._description(table)
        meta = self._meta(table)
        for word in meta:
            if word not in CONTRACT_META:
                hint = nearest(word, CONTRACT_META)
                self.say(str(word), f"no contract has this word{hint}", meta, word)
        if self._named(table):
            self._table_name(source, table)
            if is_event:
                self._version(table, meta)
        if is_event:
            if not isinstance(owner := meta.get("owner"), str) or not owner.strip():
                self.say("owner", "is missing; name the team that answers for it", meta or table)
            if not isinstance(meta.get("strict", False), bool):
                self.say("strict", f"must be true or false, found {meta['strict']!r}", meta)
        seen: set[Any] = set()
        columns = list(self._mappings(table, "columns"))
        for column in columns:
            self.column = str(column.get("name"))
            self._column(column, is_event)
            if self.column in seen:
                self.say("duplicate", "is there twice; drop one", column, "name")
            seen.add(self.column)
            self.column = None
        extra = len(_envelope_names(self.root)) if is_event else 0
        if len(columns) + extra > COLUMN_LIMIT:
            message = f"{len(columns) + extra:,} with the envelope, at most {COLUMN_LIMIT:,}"
            self.say("columns", message, table, "columns")

    def _table_name(self, source: str, table: dict[Any, Any]) -> None:
        name = table["name"]
        if self.file != ENVELOPE and name != self.file.stem:
            self.say("file", f"holds {name}; call it {name}.yml", table, "name")
        if len(f"stg_{source}__{name}") > NAME_LIMIT:
            message = f"its model stg_{source}__{name} is over {NAME_LIMIT} bytes; shorten it"
            self.say("name", message, table, "name")
        if name == "index":  # the export's table of contents is index.json
            self.say("name", "index is taken by the export; choose another", table, "name")
        if name in self.tables:
            message = f"{SCHEMA}.{name} is also declared in {self.tables[name]}; keep one"
            self.say("duplicate", message, table, "name")
        self.tables.setdefault(name, self.file.as_posix())

    def _version(self, table: dict[Any, Any], meta: dict[Any, Any]) -> None:
        version, name = meta.get("version"), table["name"]
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            message = f"must be a whole number from 1, found {version!r}"
            self.say("version", message, meta or table, "version")
            return
        stem = re.sub(r"_v\d+$", "", name)
        wanted = f"{stem}_v{version}" if version > 1 else stem
        if name != wanted:
            self.say("version", f"version {version} is named {wanted}", meta, "version")

    def _column(self, column: dict[Any, Any], is_event: bool) -> None:
        self._words(column, COLUMN_WORDS)
        self._description(column)
        if self._named(column) and is_event:
            name = column["name"]
            if name in _envelope_names(self.root):
                message = "every raw table has this column from the envelope; choose another name"
                self.say("name", message, column, "name")
            elif name == "schema_version":
                message = "events carry it to name their contract's version; choose another name"
                self.say("name", message, column, "name")
        try:
            kind = DataType.parse(str(column.get("data_type", "")))
        except ValueError as error:
            types = "varchar(n), integer, bigint, numeric(p,s), boolean, date or timestamp"
            self.say("type", f"{error}; write {types}", column, "data_type")
            return
        if problem := type_problem(kind):
            self.say("type", problem, column, "data_type")
            return
        meta = self._meta(column)
        for rule, message in rule_problems(kind, meta):
            self.say(rule, message, meta, rule)

    def _named(self, item: dict[Any, Any]) -> bool:
        """Whether the item has a name that can be used; says what is wrong with it else."""
        name = item.get("name")
        if name is None:
            self.say("name", "is missing", item)
        elif not isinstance(name, str):
            self.say("name", f"must be text, found {name!r}; put it in quotes", item, "name")
        elif not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            message = f"{name!r} must be snake_case: a to z, digits and _, a letter first"
            self.say("name", message, item, "name")
        elif len(name) > NAME_LIMIT:
            self.say("name", f"has {len(name)} bytes, at most {NAME_LIMIT}", item, "name")
        elif name in reserved_words():
            engines = ", ".join(reserved_words()[name])
            self.say("name", f"{name} is reserved by {engines}; choose another", item, "name")
        elif (renamed := dlt_name(name)) != name:
            self.say("name", f"dlt would rename it to {renamed}; choose another", item, "name")
        else:
            return True
        return False

    def _words(self, item: dict[Any, Any], words: tuple[str, ...]) -> None:
        for word in item:
            if word in words:
                continue
            hint = nearest(word, words)
            if word == "meta" or word in COLUMN_META or word in CONTRACT_META:
                hint = "; it belongs under `config: {meta: …}`"
            self.say(str(word), f"has no meaning here{hint}", item, word)

    def _meta(self, item: dict[Any, Any]) -> dict[Any, Any]:
        config = item.get("config") or {}
        if not isinstance(config, dict):
            self.say("config", f"must be a mapping, found {config!r}", item, "config")
            return {}
        for word in config:
            if word in COLUMN_META or word in CONTRACT_META:
                self.say(word, "belongs under `config: {meta: …}`", config, word)
        meta = config.get("meta") or {}
        if not isinstance(meta, dict):
            self.say("meta", f"must be a mapping, found {meta!r}", config, "meta")
            return {}
        return meta

    def _description(self, item: dict[Any, Any]) -> None:
        text = item.get("description")
        if not isinstance(text, str) or not text.strip():
            self.say("description", "is missing; say what it means", item)
            return
        for block in re.findall(r"{{\s*doc\(['\"](\w+)['\"]\)\s*}}", text):
            if block not in doc_blocks(self.root):
                hint = nearest(block, tuple(doc_blocks(self.root)))
                self.say("description", f"no docs block {block}{hint}", item, "description")

    def _compile(self, source: str, table: dict[Any, Any]) -> None:
        columns = columns_of(table, self.file, self.root)
        version = self._meta(table).get("version", 1)
        contract = Contract(source, table["name"], version, "", "", columns, True, self.file)
        if error := compile_error(contract.schema()):
            self.say("compile", f"the JSON Schema validator refuses it: {error}", table)


@cache
def reserved_words() -> dict[str, list[str]]:
    """The words that can't be names, with the engines that reserve them."""
    text = (Path(__file__).parent / "reserved_words.txt").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {word: engines for word, *engines in lines}


def dlt_name(name: str) -> str:
    """What dlt makes of a name."""
    # The import takes most of a second, which only a check should pay.
    from dlt.common.normalizers.naming.snake_case import NamingConvention  # noqa: PLC0415

    return str(NamingConvention().normalize_identifier(name))


@cache
def _envelope_names(root: Path) -> frozenset[str]:
    try:
        content = yaml.safe_load((root / ENVELOPE).read_bytes())
        return frozenset(c["name"] for c in content["sources"][0]["tables"][0]["columns"])
    except (OSError, yaml.YAMLError, LookupError, TypeError):
        return frozenset()  # the check of the envelope itself says what is wrong with it
