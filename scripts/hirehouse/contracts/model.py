"""Contracts: the dbt source tables of the events, read and compiled to JSON Schema once a process.

A contract is one file `models/staging/<source>/<event>.yml`; its words are described in
`models/docs/contracts.md`. Nothing here asks dbt: reading 30 small files takes 50 ms, a start of
dbt 5 s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson
import yaml

from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.names import unusable

if TYPE_CHECKING:
    from jsonschema_rs import KeywordValidator

STAGING = Path("models/staging")
CHECKOUT = Path(__file__).resolve().parents[3]
# The project's folder: the one that holds this file; if the package is installed, the current one.
ROOT = CHECKOUT if (CHECKOUT / STAGING).is_dir() else Path.cwd()
ENVELOPE = STAGING / "envelope.yml"
TYPE = re.compile(
    r"(varchar)\((\d+)\)|(numeric)\((\d+),\s*(\d+)\)|(integer|bigint|boolean|date|timestamp)"
)
TYPES = "varchar(n), integer, bigint, numeric(p,s), boolean, date or timestamp"
# A text with a character that can be seen. Explicit ranges mean the same in every language's regex.
VISIBLE = (
    r"[^\s\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]"
)
# What programs write where they have no id: it would make one person or candidacy of many.
PLACEHOLDERS = (
    *("undefined", "null", "NULL", "(null)", "nil", "none", "None", "NaN", "[object Object]"),
    "00000000-0000-0000-0000-000000000000",
)
MAX_NODES = 100_000  # values in a YAML file
VARCHAR_LIMIT = 65_535  # bytes, the widest of Redshift
PRECISION_LIMIT = 38  # digits, DuckDB's and Redshift's
# JSON Schema words that a contract may use as they are.
RULES = ("enum", "minimum", "maximum", "pattern", "format", "items", "properties", "examples")
# The other words of a column's and of a contract's meta.
COLUMN_META = (*RULES, "required", "pii", "future", "placeholders")
CONTRACT_META = ("version", "owner", "strict")


class ContractError(ExpectedError):
    """A contract that can't be used; the message names file, column and rule."""


@dataclass(frozen=True)
class DataType:
    """A column's type: `kind`, and for varchar(n) `size`, for numeric(p,s) `size` and `scale`."""

    kind: str
    size: int = 0
    scale: int = 0

    @classmethod
    def parse(cls, text: str) -> DataType:
        """Read a `data_type`; ValueError if it is none of the contract's types, or too wide."""
        match = TYPE.fullmatch(text.strip().lower())
        if not match:
            raise ValueError(f"unknown type {text!r}; write {TYPES}")
        kind, *numbers = filter(None, match.groups())
        size, scale = (*map(int, numbers), 0, 0)[:2]
        if kind == "varchar" and not 1 <= size <= VARCHAR_LIMIT:
            raise ValueError(f"{text} must be of 1 to {VARCHAR_LIMIT:,} bytes")
        if kind == "numeric" and not max(1, scale) <= size <= PRECISION_LIMIT:
            raise ValueError(
                f"{text} must have 1 to {PRECISION_LIMIT} digits, and no more decimal places"
            )
        return cls(kind, size, scale)

    def __str__(self) -> str:
        sizes = {"varchar": f"({self.size})", "numeric": f"({self.size},{self.scale})"}
        return self.kind + sizes.get(self.kind, "")

    def widens(self, old: DataType) -> bool:
        """Whether a landed column of an older type becomes one of this type, values kept."""
        if old.kind == self.kind:
            return self.size >= old.size and self.scale == old.scale
        return (old.kind, self.kind) == ("integer", "bigint")

    def schema(self) -> dict[str, Any]:
        match self.kind:
            case "varchar":
                # maxLength counts characters, so it is a bound that maxBytes only tightens.
                return {"type": "string", "maxLength": self.size, "maxBytes": self.size}
            case "integer" | "bigint":
                top = 2**31 if self.kind == "integer" else 2**63
                return {"type": "integer", "minimum": -top, "maximum": top - 1}
            case "numeric":
                top = 10 ** (self.size - self.scale)
                bounds = {"exclusiveMinimum": -top, "exclusiveMaximum": top}
                return {"type": "number", **bounds, "scale": self.scale}
            case "boolean":
                return {"type": "boolean"}
        return {"type": "string", "format": {"timestamp": "date-time"}.get(self.kind, self.kind)}


@dataclass(frozen=True)
class Column:
    """A property of an event, or a column of the envelope."""

    name: str
    type: DataType
    description: str
    meta: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def required(self) -> bool:
        return bool(self.meta.get("required"))

    @property
    def is_json(self) -> bool:
        """A list or an object, which lands as JSON text."""
        return "items" in self.meta or "properties" in self.meta

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the property: its type's, tightened by the rules of its meta."""
        rules = {word: self.meta[word] for word in RULES if word in self.meta}
        if self.is_json:
            kind = "array" if "items" in rules else "object"
            return {"type": kind, **rules, "maxBytes": self.type.size}
        base = self.type.schema()
        for word, tighter in (("minimum", max), ("maximum", min)):
            if word in rules and word in base:
                rules[word] = tighter(rules[word], base[word])
        if self.type.kind == "varchar" and "enum" not in rules:
            own = {"pattern": VISIBLE} if self.required else {}
            if self.name.endswith("_id"):
                own = id_rules(self.meta.get("placeholders", PLACEHOLDERS))
            # `contracts check` sees to it that a contract's own pattern requires a character, too.
            rules = own | rules
        return base | rules


def id_rules(placeholders: Sequence[str] = PLACEHOLDERS) -> dict[str, Any]:
    """The rules of a text whose name ends in `_id`, in JSON Schema."""
    return {"pattern": VISIBLE, "not": {"enum": list(placeholders)}}


@dataclass(frozen=True)
class Contract:
    """One version of an event: what its `properties` must look like, and its raw table."""

    source: str
    table: str
    version: int
    owner: str
    description: str
    columns: tuple[Column, ...]
    strict: bool
    path: Path

    @property
    def event(self) -> str:
        return self.table.removesuffix(f"_v{self.version}") if self.version > 1 else self.table

    def schema(self, *, strict: bool = True) -> dict[str, Any]:
        """JSON Schema 2020-12 of the whole event.

        Args:
            strict: properties that the contract does not name fail, as emission tests want it.

        The keywords `maxBytes` (UTF-8 bytes of a text, or of a value's JSON) and `scale` (decimal
        places) are hirehouse's own; validators that don't know them pass over them.
        """
        properties: dict[str, Any] = {c.name: _described(c) for c in self.columns}
        properties["schema_version"] = {"const": self.version}
        required = [c.name for c in self.columns if c.required]
        required += ["schema_version"] * (self.version > 1)
        closed = {"additionalProperties": False} if strict else {}
        payload = {"type": "object", "properties": properties, "required": required, **closed}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.table,
            "description": self.description,
            "type": "object",
            "properties": {"event": {"type": "string"}, "properties": payload},
            "required": ["event", "properties"],
        }

    @cached_property
    def validator(self) -> jsonschema_rs.Draft202012Validator:
        """The compiled contract as the lander checks it: unknown properties pass unless strict."""
        return compile_schema(self.schema(strict=self.strict))


def _described(column: Column) -> dict[str, Any]:
    schema = column.schema() | {"description": column.description}
    # Validators pass over these words; the emission tests of other repositories read them.
    schema |= {word: True for word in ("pii", "future") if column.meta.get(word)}
    if not column.required:
        # SDKs send null for a value that is not there; both land as null.
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


class _Limit:
    """A keyword that contracts need and JSON Schema does not have."""

    def __init__(self, _parent: dict[str, Any], value: int, _path: list[str]) -> None:
        self.limit = value


class MaxBytes(_Limit):
    """`maxBytes: n`: UTF-8 bytes of a text, or of a list's or object's compact JSON.

    Columns are `varchar(n)` of bytes on Redshift, while `maxLength` counts characters.
    """

    def validate(self, instance: object) -> None:
        if isinstance(instance, str):
            size = len(instance.encode())
        elif isinstance(instance, list | dict):
            size = len(orjson.dumps(instance, default=str))
        else:
            return
        if size > self.limit:
            raise ValueError(f"{size} bytes, at most {self.limit}")


class Scale(_Limit):
    """`scale: n`: at most n decimal places.

    Not `multipleOf: 0.01`: validators that divide binary floats refuse 1249.51 under it.
    """

    def validate(self, instance: object) -> None:
        if isinstance(instance, bool) or not isinstance(instance, float | Decimal):
            return
        # Not by normalize(), which rounds to 28 digits.
        _, digits, exponent = Decimal(str(instance)).as_tuple()
        shortest = "".join(map(str, digits)).rstrip("0")
        places = len(shortest) - len(digits) - int(exponent)
        if shortest and places > self.limit:
            raise ValueError(f"{places} decimal places, at most {self.limit}")


KEYWORDS: dict[str, type[KeywordValidator]] = {"maxBytes": MaxBytes, "scale": Scale}


def compile_schema(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, keywords=KEYWORDS)


def read_yaml(path: Path) -> Any:
    """One YAML file; ContractError with file and line where it is not YAML."""
    try:
        return construct(yaml.CSafeLoader(path.read_bytes()))
    except yaml.YAMLError as error:
        line, message = unreadable(error)
        raise ContractError(f"{path}:{line}: {message}") from error


def construct(loader: yaml.CSafeLoader) -> Any:
    """The content of a YAML file; YAMLError if its aliases make it larger than any real file."""
    node = loader.get_single_node()
    if node is None:
        return None
    sizes: dict[int, int] = {}

    def size(part: yaml.Node) -> int:
        if id(part) not in sizes:
            sizes[id(part)] = MAX_NODES + 1  # of a part that contains itself
            inner = part.value if isinstance(part, yaml.CollectionNode) else ()
            pairs = isinstance(part, yaml.MappingNode)
            sizes[id(part)] = 1 + sum(map(size, chain.from_iterable(inner) if pairs else inner))
        return sizes[id(part)]

    if size(node) > MAX_NODES:
        message = f"its aliases make it larger than {MAX_NODES:,} values; write them out"
        raise yaml.constructor.ConstructorError(None, None, message, node.start_mark)
    return loader.construct_document(node)


def unreadable(error: Exception) -> tuple[int, str]:
    """The line, and in words, for what a file is no YAML."""
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else 1, f"not YAML: {getattr(error, 'problem', error)}"


def declared(root: Path, folder: str) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """The source tables in a folder of staging, unchecked: file below `root`, source and table."""
    for path in sorted((root / STAGING).glob(f"{folder}/*.yml")):
        for source in (read_yaml(path) or {}).get("sources") or []:
            for table in source.get("tables") or []:
                yield path.relative_to(root), str(source.get("name")), table


@cache
def doc_blocks(root: Path = ROOT) -> dict[str, str]:
    """The `{% docs name %}` blocks that descriptions refer to, by name."""
    blocks: dict[str, str] = {}
    for path in sorted((root / "models").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        for name, body in re.findall(r"{%\s*docs (\w+)\s*%}(.*?){%\s*enddocs\s*%}", text, re.S):
            blocks[name] = " ".join(body.split())
    return blocks


def describe(text: str, root: Path = ROOT) -> str:
    """A description with its `doc()` references replaced by the blocks' text."""

    def block(match: re.Match[str]) -> str:
        return doc_blocks(root).get(match[1], match[0])

    return re.sub(r"{{\s*doc\(['\"](\w+)['\"]\)\s*}}", block, " ".join(str(text).split()))


def columns_of(table: dict[str, Any], where: Path, root: Path = ROOT) -> tuple[Column, ...]:
    """The columns that a source table states; ContractError at the first that can't be used."""
    columns = []
    for column in table.get("columns") or []:
        name = column.get("name")
        if message := unusable(name):
            raise ContractError(f"{where}: column {message}")
        try:
            kind = DataType.parse(str(column.get("data_type", "")))
        except ValueError as error:
            raise ContractError(f"{where}: column {name}: {error}") from error
        meta = (column.get("config") or {}).get("meta") or {}
        columns.append(Column(str(name), kind, describe(column.get("description", ""), root), meta))
    return tuple(columns)


@cache
def load(root: Path = ROOT) -> dict[tuple[str, int], Contract]:
    """All contracts by event and version; compiled lazily, once per process.

    Raises:
        ContractError: a contract can't be used; `hirehouse contracts check` lists all there is.
    """
    contracts: dict[tuple[str, int], Contract] = {}
    for path, source, table in declared(root, "*"):
        if source == "landing":  # hirehouse's own tables are not events
            continue
        if message := unusable(table.get("name")):
            raise ContractError(f"{path}: table {message}")
        meta = (table.get("config") or {}).get("meta") or {}
        contract = Contract(
            source=source,
            table=str(table["name"]),
            version=int(meta.get("version", 1)),
            owner=str(meta.get("owner", "")),
            description=describe(table.get("description", ""), root),
            columns=columns_of(table, path, root),
            strict=bool(meta.get("strict", False)),
            path=path,
        )
        key = (contract.event, contract.version)
        if key in contracts:
            raise ContractError(f"{path}: {contract.table} is also in {contracts[key].path}")
        contracts[key] = contract
    return contracts


@cache
def envelope(root: Path = ROOT) -> tuple[Column, ...]:
    """The columns that every raw event table has beside its contract's."""
    content = read_yaml(root / ENVELOPE)
    return columns_of(content["sources"][0]["tables"][0], ENVELOPE, root)
