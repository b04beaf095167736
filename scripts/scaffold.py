"""The staging model of an event, written from its contract."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent, wrap
from typing import Any

import typer
import yaml

from hirehouse.contracts import ENVELOPE, ROOT, STAGING, Contract, read_yaml
from hirehouse.contracts_cli import Event, Root, find

app = typer.Typer(add_completion=False)
LINE = 100  # characters
# Folded text is set narrower, so that a few words can be added without folding it anew.
TABLE_TEXT, COLUMN_TEXT = 86, 78

SQL = """\
with

landed as (

    {{{{ landed('{source}', '{table}') }}}}

)

select * from landed
"""


def scaffold(contract: Contract, root: Path = ROOT) -> dict[Path, bool]:
    """Write the staging model of an event and its properties; what is there is left alone.

    Returns:
        The two files, below the root, and whether each was written now.
    """
    model = f"stg_{contract.source}__{contract.event}"
    folder = STAGING / contract.source
    texts = {
        folder / f"{model}.sql": SQL.format(source=contract.source, table=contract.table),
        folder / f"{model}.yml": properties(model, contract, root),
    }
    written = {}
    for path, text in texts.items():
        try:
            with (root / path).open("x", encoding="utf-8") as file:
                file.write(text)
            written[path] = True
        except FileExistsError:
            written[path] = False
    return written


def properties(model: str, contract: Contract, root: Path = ROOT) -> str:
    """The model's properties file: descriptions as in the contract, `doc()` references kept."""
    table = _table(root / contract.path, contract.table)
    about = f"{_text(table).rstrip('.')}. One row per event."
    lines = [
        "models:",
        f"  - name: {model}",
        _described(about, 4, TABLE_TEXT),
        "    data_tests:",
        "      - one_row_per_event",
        "    columns:",
    ]
    for column in (*_table(root / ENVELOPE, "envelope")["columns"], *table["columns"]):
        lines += [f"      - name: {column['name']}", _described(_text(column), 8, COLUMN_TEXT)]
    return "\n".join(lines) + "\n"


def _table(path: Path, name: str) -> dict[str, Any]:
    tables = (t for source in read_yaml(path)["sources"] for t in source["tables"])
    return next(t for t in tables if t["name"] == name)


def _text(item: dict[str, Any]) -> str:
    return " ".join(str(item["description"]).split())


def _described(text: str, depth: int, width: int) -> str:
    start = " " * depth + "description: "
    if text.startswith("{{"):
        return f'{start}"{text}"'
    if len(start + text) <= LINE and _is_plain(text):
        return start + text
    # Words stay whole, also with a hyphen, which a fold would follow with a blank.
    folded = wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return f"{start}>-\n" + indent("\n".join(folded), " " * (depth + 2))


def _is_plain(text: str) -> bool:
    """Whether YAML reads the bare text as that text."""
    try:
        return bool(yaml.safe_load(f"text: {text}") == {"text": text})
    except yaml.YAMLError:
        return False


@app.command()
def scaffold_command(event: Event, *, root: Root = ROOT) -> None:
    """Write the staging model of an event, with its properties file; never over an existing one."""
    contract = find(event, root)
    if contract.version > 1:
        # How the old version is lifted up to the new one is a decision that no contract states.
        model = f"stg_{contract.source}__{contract.event}"
        call = f"landed('{contract.source}', '{contract.table}')"
        typer.echo(f"{model} unites the versions of the event; add {call} there", err=True)
        raise typer.Exit(2)
    written = scaffold(contract, root)
    for path, is_new in written.items():
        typer.echo(f"{'wrote' if is_new else 'is there already, left alone:'} {path}")
    if any(written.values()):
        model = next(iter(written)).stem
        typer.echo("\nNext:")
        typer.echo(f"  hirehouse contracts show {event}     an event to land and to test with")
        typer.echo(f"  dbt build --select {model}     the model and its tests")


if __name__ == "__main__":
    app(prog_name="scripts/scaffold")
