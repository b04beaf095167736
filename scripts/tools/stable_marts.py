"""Stable marts: what the latest release promised analysts, held against the working tree.

`docs/marts.json` is the promise: each public relation with its columns and types, as of the latest
release. A relation that people query may gain columns; it may lose or change one only by a new dbt
version of its model, while the old version stays, under its old name, until a date that was told.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from hirehouse.contracts.model import ROOT

marts_app = typer.Typer(
    help="The public marts: whether they still are what the latest release promised.",
    no_args_is_help=True,
)
Root = Annotated[Path, typer.Option(help="The project's folder.", file_okay=False)]
EXTRACT = "docs/marts.json"
HOW = "Restore it, and make the change in a new version of the model (see docs/stable-marts.md)"


@dataclass(frozen=True)
class Mart:
    """One relation of a public model: the model itself, or one of its versions.

    Attributes:
        relation: schema and name, as a query has them.
        model: name of the dbt model.
        version: its dbt version; None of a model without versions.
        columns: data type by name, in order.
        deprecation_date: the day after which it may go, as ISO 8601; None if it stays.
        superseded: whether the model has a later version than this.
    """

    relation: str
    model: str
    version: int | None
    columns: dict[str, str]
    deprecation_date: str | None = None
    superseded: bool = False


def marts_of_tree(root: Path) -> list[Mart]:
    """The public marts that the YAML files under models/marts declare, by relation."""
    marts: list[Mart] = []
    folder = root / "models" / "marts"
    for path in sorted(folder.rglob("*.yml")):
        text = yaml.safe_load(path.read_text()) or {}
        for model in text.get("models", []):
            # The folder is the schema: dbt_project.yml says so for each of them.
            schema = path.relative_to(folder).parts[0]
            marts += [m for m in _marts_of(model, schema) if _is_public(model)]
    return sorted(marts, key=lambda mart: mart.relation)


def _marts_of(model: dict[str, Any], schema: str) -> list[Mart]:
    name, columns = model["name"], model.get("columns", [])
    versions = model.get("versions", [])
    if not versions:
        alias = model.get("config", {}).get("alias", name)
        deprecated = model.get("deprecation_date")
        return [Mart(f"{schema}.{alias}", name, None, _types(columns), _day(deprecated))]
    latest = model.get("latest_version", max(version["v"] for version in versions))
    return [
        Mart(
            relation=f"{schema}.{_alias_of(name, version)}",
            model=name,
            version=version["v"],
            columns=_types(_columns_of_version(columns, version)),
            deprecation_date=_day(version.get("deprecation_date")),
            superseded=version["v"] < latest,
        )
        for version in versions
    ]


def _alias_of(model: str, version: dict[str, Any]) -> str:
    return str(version.get("config", {}).get("alias", f"{model}_v{version['v']}"))


def _columns_of_version(columns: list[Any], version: dict[str, Any]) -> list[Any]:
    """A version has the model's columns, but for what its own list includes, excludes and adds."""
    own = version.get("columns", [])
    rule: dict[str, Any] = next((c for c in own if "include" in c), {"include": "all"})
    include, exclude = rule["include"], rule.get("exclude", [])
    kept = [
        column
        for column in columns
        if (include in ("all", "*") or column["name"] in include) and column["name"] not in exclude
    ]
    return kept + [column for column in own if "include" not in column]


def _is_public(model: dict[str, Any]) -> bool:
    access = model.get("access", model.get("config", {}).get("access", "public"))
    return bool(access == "public")


def _types(columns: list[Any]) -> dict[str, str]:
    types = {column["name"]: str(column.get("data_type", "")) for column in columns}
    return {name: "".join(data_type.lower().split()) for name, data_type in types.items()}


def _day(value: object) -> str | None:
    return None if value is None else str(value)[:10]


def read_extract(root: Path, base: str | None = None) -> list[Mart]:
    """The marts of the latest release, from the working tree or a git revision.

    Raises:
        ValueError: if there is no extract, or no such revision.
    """
    if base is None:
        path = root / EXTRACT
        if not path.exists():
            raise ValueError(f"no {EXTRACT}: make it with `scripts/marts freeze`")
        return _parsed(path.read_text())
    shown = subprocess.run(
        ["git", "show", f"{base}:./{EXTRACT}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode:
        raise ValueError(f"no {EXTRACT} in revision {base}: {shown.stderr.strip()}")
    return _parsed(shown.stdout)


def _parsed(text: str) -> list[Mart]:
    return [Mart(relation, **values) for relation, values in json.loads(text)["marts"].items()]


def extract_of(root: Path) -> str:
    """The text of docs/marts.json for the working tree."""
    project = yaml.safe_load((root / "dbt_project.yml").read_text())
    marts = {
        mart.relation: {
            "model": mart.model,
            "version": mart.version,
            "deprecation_date": mart.deprecation_date,
            "columns": mart.columns,
        }
        for mart in marts_of_tree(root)
    }
    return json.dumps({"release": project["version"], "marts": marts}, indent=2) + "\n"


def breaks(released: list[Mart], current: list[Mart], today: date) -> list[str]:
    """What the working tree takes away from those who query the released marts, one line each."""
    found: list[str] = []
    by_relation = {mart.relation: mart for mart in current}
    for old in released:
        new = by_relation.get(old.relation)
        if new is None:
            found += _gone(old, current, today)
            continue
        found += [
            f"{old.relation}: column {name} ({data_type}) is missing. {HOW}"
            for name, data_type in old.columns.items()
            if name not in new.columns
        ]
        found += [
            f"{old.relation}: column {name} was {data_type} and is now {new.columns[name]}. {HOW}"
            for name, data_type in old.columns.items()
            if name in new.columns and new.columns[name] != data_type
        ]
        if new.superseded and new.deprecation_date is None:
            found.append(
                f"{old.relation}: model {new.model} has a later version than {new.version}: "
                f"give version {new.version} a `deprecation_date`, the day until which it stays"
            )
    return found


def _gone(old: Mart, current: list[Mart], today: date) -> list[str]:
    if old.deprecation_date and date.fromisoformat(old.deprecation_date) < today:
        return []
    until = f" until {old.deprecation_date}, as released" if old.deprecation_date else ""
    if any(mart.model == old.model for mart in current):
        name = old.relation.split(".")[1]
        return [
            f"{old.relation}: model {old.model} no longer has this name: keep it there{until}; "
            f"a first version keeps it by `config: {{alias: {name}}}`"
        ]
    return [f"{old.relation}: the mart is missing: restore model {old.model}{until}"]


@marts_app.command("check")
def check_command(
    *,
    base: Annotated[
        str | None,
        typer.Option(help="Take the promise from this git revision, such as a release's tag."),
    ] = None,
    root: Root = ROOT,
) -> None:
    """Compare the marts' contracts with those of the latest release."""
    try:
        released = read_extract(root, base)
    except ValueError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from None
    _stop_at_breaks(breaks(released, marts_of_tree(root), datetime.now(UTC).date()))
    typer.echo(f"{len(released)} marts still are what the latest release promised")


@marts_app.command("freeze")
def freeze_command(*, root: Root = ROOT) -> None:
    """Write the marts' contracts to docs/marts.json: a part of each release."""
    path = root / EXTRACT
    if path.exists():
        _stop_at_breaks(breaks(read_extract(root), marts_of_tree(root), datetime.now(UTC).date()))
    path.parent.mkdir(exist_ok=True)
    path.write_text(extract_of(root))
    typer.echo(f"wrote {EXTRACT}: {len(marts_of_tree(root))} marts")


def _stop_at_breaks(problems: list[str]) -> None:
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)


if __name__ == "__main__":
    marts_app(prog_name="scripts/marts")
