"""Contracts as YAML, held against contract.schema.yml: what is wrong, where, what to do."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from hirehouse.contracts.model import compile_schema, construct, read_yaml

Lines = dict[int, dict[Any, int]]  # by the id of a mapping: the lines of its keys; its own by None
Flaw = tuple[list[Any], str, str]  # the path to a mapping, the word in it, and what is wrong


def nearest(word: object, words: Iterable[str], count: int = 1) -> str:
    """`; did you mean x?` for the words most like `word`, else an empty text."""
    close = get_close_matches(str(word), sorted(words), count)
    return f"; did you mean {', '.join(close)}?" if close else ""


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Remembers the lines of keys, and refuses what would be read as something else than meant."""

    lines: Lines


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    loader.flatten_mapping(node)
    result: dict[str, Any] = {}
    lines: dict[Any, int] = {None: node.start_mark.line + 1}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise _error(f"the key {key!r} must be text: write it in quotes", key_node)
        if key in result:
            raise _error(f"{key!r} stands here twice; remove one", key_node)
        result[key] = loader.construct_object(value_node, deep=True)
        lines[key] = key_node.start_mark.line + 1
    loader.lines[id(result)] = lines
    return result


def _date(_: _Loader, node: yaml.ScalarNode) -> None:
    raise _error(f"{node.value!r} is a date to YAML: write it in quotes", node)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _date)


def _error(message: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, message, node.start_mark)


def read_lined(path: Path) -> tuple[Any, Lines]:
    """The content of a YAML file, with its lines.

    Raises:
        yaml.YAMLError: it is not YAML, or has a key twice, a key that is no text, or a bare date.
    """
    loader = _Loader(path.read_bytes())
    loader.lines = {}
    return construct(loader), loader.lines


@cache
def _schema() -> tuple[Any, jsonschema_rs.Draft202012Validator]:
    schema = read_yaml(Path(__file__).with_name("contract.schema.yml"))
    return schema, compile_schema(schema)


def flaws(content: object) -> Iterator[Flaw]:
    """What contract.schema.yml does not allow; it describes what must be there.

    Raises:
        ValueError: the content is nothing that JSON has, such as a set, or contains itself.
    """
    schema, validator = _schema()
    for error in validator.iter_errors(content):
        part: Any = schema
        for step in error.schema_path[:-1]:
            part = part[step]
        path, words = list(error.instance_path), part.get("properties", {})
        kind: Any = error.kind
        if kind.name == "required":
            word = kind.property
            yield path, word, f"is missing: must be {words.get(word, {}).get('description')}"
        elif kind.name == "additionalProperties":
            for word in kind.unexpected:
                yield path, word, f"there is no {word!r} here{nearest(word, words)}"
        else:
            place = max((i for i, step in enumerate(path) if isinstance(step, str)), default=0)
            word = str(path[place]) if path else ""
            found = "an empty value" if error.instance is None else repr(error.instance)
            found = found if len(found) <= 80 else f"{found[:80]}…"
            yield path[:place], word, f"must be {part.get('description')}, found {found}"
