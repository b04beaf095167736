"""Checks Terraform files against the schema of their provider, without Terraform."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import hcl2

META = {"count", "for_each", "depends_on", "lifecycle", "provider"}
REFERENCE = re.compile(
    r"\b(var|local)\.(\w+)|\b(data\.)?(aws_\w+)\.(\w+)((?:\[[^\]]*\])*)(?:\.(\w+))?"
)
# Text that Terraform itself reads: expressions in quotes count, comments and policies do not.
COMMENT = re.compile(r"^\s*#.*$| # .*$|\bhttps?://\S+", re.M)
IS_BLOCK = "__is_block__"


def problems(text: str, schema: dict[str, Any]) -> list[str]:
    """What is wrong with the files of a module, joined; hcl2's error if they can't be read."""
    module = hcl2.loads(text)
    declared = {
        f"{kind} {type_name}.{name}": (f"{kind} {type_name}", body)
        for kind in ("resource", "data")
        for one in module.get(kind, ())
        for type_name, name, body in blocks(one)
    }
    found: list[str] = []
    for address, (of_type, body) in declared.items():
        found += wrong_arguments(body, schema[of_type]["arguments"], address)
    variables = {name.strip('"') for one in module.get("variable", ()) for name in one}
    known = {
        "var": variables,
        "local": {name for one in module.get("locals", ()) for name in one},
    }
    used = set()
    for root, name, data, type_name, own, _, attribute in REFERENCE.findall(COMMENT.sub("", text)):
        if root:
            used.add(f"{root}.{name}")
            found += [f"{root}.{name} is not declared"] * (name not in known[root])
            continue
        of_type = f"{'data' if data else 'resource'} {type_name}"
        if f"{of_type}.{own}" not in declared:
            found.append(f"{of_type}.{own} is not declared")
        elif attribute and attribute not in {
            *schema[of_type]["attributes"],
            *schema[of_type]["arguments"],
        }:
            found.append(f"{of_type}.{own} has no attribute {attribute}")
    return found + [f"var.{name} is not used" for name in variables if f"var.{name}" not in used]


def blocks(one: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for type_name, named in one.items():
        for name, body in named.items():
            yield type_name.strip('"'), name.strip('"'), body


def wrong_arguments(body: dict[str, Any], taken: dict[str, Any], where: str) -> Iterator[str]:
    """Arguments and blocks that are unknown or missing, and those taken for one another."""
    for name, value in body.items():
        if name.startswith("__") or (name in META and name not in taken):
            continue
        if name not in taken:
            yield f"{where} takes no {name}"
            continue
        _, own, must_be_block = taken[name]
        is_block = isinstance(value, list) and any(
            IS_BLOCK in v for v in value if isinstance(v, dict)
        )
        if must_be_block != is_block and (must_be_block or own is None):
            yield f"{where}: {name} is {'a' if must_be_block else 'no'} block"
            continue
        for block in value if is_block else ():
            yield from wrong_arguments(block, own, f"{where}, {name}")
    for name, (required, _, _) in taken.items():
        if required and name not in body:
            yield f"{where} lacks {name}"
