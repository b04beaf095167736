"""Writes what resources of the AWS provider take, for the check of deploy/terraform.

Only of the types that deploy/terraform uses. They are read from the declarations of the npm package
`@cdktf/provider-aws`, which are generated from the provider's own schema. When a new type is used:

    npm pack @cdktf/provider-aws@21.22.1 && tar xzf cdktf-provider-aws-*.tgz
    .venv/bin/python scripts/tools/terraform_schema.py package
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import hcl2
import typer

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "deploy" / "terraform"
SCHEMA = ROOT / "tests" / "python" / "deploying" / "aws_schema.json"
INTERFACE = re.compile(r"^export interface (\w+)[^{]*\{\n(.*?)^\}", re.M | re.S)
# The comment of a member, which has its name in Terraform, and its name, mark and type here.
MEMBER = re.compile(
    r"/\*\*(?P<about>(?:(?!\*/).)*)\*/\s*readonly \w+(?P<optional>\??): (?P<type>\w*)", re.S
)
NAME = re.compile(r"#(\w+) \w+#\1\}")
GETTER = re.compile(r"^    get (\w+)\(\):", re.M)


def used() -> set[tuple[str, str]]:
    """Kind (resource or data) and type of what deploy/terraform declares."""
    found = set()
    for path in TERRAFORM.glob("*.tf"):
        document = hcl2.loads(path.read_text(encoding="utf-8"))
        for kind in ("resource", "data"):
            found |= {(kind, name.strip('"')) for one in document.get(kind, ()) for name in one}
    return found


def arguments(interfaces: dict[str, str], name: str) -> dict[str, Any]:
    """What a block takes, by name.

    For each: whether it is required, what it takes itself, if it is a block or may be written as
    one, and whether it must be.
    """
    taken: dict[str, Any] = {}
    for member in MEMBER.finditer(interfaces.get(name, "")):
        named = NAME.search(member["about"])
        if not named or named[1] == "timeouts":
            continue
        own = member["type"] in interfaces and arguments(interfaces, member["type"])
        must = f"* {named[1]} block" in member["about"]
        taken[named[1]] = [not member["optional"], own or ({} if must else None), must]
    return taken


def schema_of(package: Path, kind: str, type_name: str) -> dict[str, Any]:
    """Arguments and exported attributes of a type; OSError if the package lacks it."""
    words = (["data"] if kind == "data" else []) + type_name.split("_")[kind != "data" :]
    folder = package / "lib" / "-".join(words)
    # Large types have their nested blocks in a file of their own.
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.d.ts")))
    if not text:
        raise FileNotFoundError(folder)
    interfaces = dict(INTERFACE.findall(text))
    [config] = [name for name in interfaces if re.search(rf"\bconfig\??: {name}\)", text)]
    main = text[text.index("static readonly tfResourceType") :]
    exported = {re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() for name in GETTER.findall(main)}
    taken = arguments(interfaces, config)
    exported = {name for name in exported - taken.keys() if not name.endswith("_input")}
    return {"arguments": taken, "attributes": sorted(exported | {"id"})}


def main(
    package: Annotated[Path, typer.Argument(help="The unpacked npm package.")],
) -> None:
    """Write tests/python/deploying/aws_schema.json."""
    version = re.search(
        r"providers/hashicorp/aws/([\d.]+)/", (package / "lib/s3-bucket/index.d.ts").read_text()
    )
    found = {f"{kind} {name}": schema_of(package, kind, name) for kind, name in sorted(used())}
    lines = [f'"provider": "{version and version[1]}"']
    lines += [f'"{name}": {json.dumps(one, sort_keys=True)}' for name, one in found.items()]
    SCHEMA.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
