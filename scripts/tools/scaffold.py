"""The staging model of an event, and where all events are listed, written from the contracts."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent, wrap

import typer
import yaml

from hirehouse.commands.contracts import Event, Root, find
from hirehouse.contracts.model import ROOT, STAGING, Contract, load, read_yaml

app = typer.Typer(add_completion=False)
LINE = 100  # characters
FOLDED = 86  # narrower, so that a few words can be added without folding the text anew
LISTED = Path("macros/landing/event_sources.sql")

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
    """The model's properties file: its description, as in the contract, which has the columns'."""
    tables = (t for source in read_yaml(root / contract.path)["sources"] for t in source["tables"])
    table = next(t for t in tables if t["name"] == contract.table)
    text = " ".join(str(table["description"]).split())
    return f"models:\n  - name: {model}\n{_described(text)}\n"


def _described(text: str) -> str:
    start = " " * 4 + "description: "
    if text.startswith("{{"):
        return f'{start}"{text}"'
    if len(start + text) <= LINE and _is_plain(text):
        return start + text
    # Words stay whole, also with a hyphen, which a fold would follow with a blank.
    folded = wrap(text, FOLDED, break_long_words=False, break_on_hyphens=False)
    return f"{start}>-\n" + indent("\n".join(folded), " " * 6)


def _is_plain(text: str) -> bool:
    """Whether YAML reads the bare text as that text."""
    try:
        return bool(yaml.safe_load(f"text: {text}") == {"text": text})
    except yaml.YAMLError:
        return False


def list_events(root: Path = ROOT) -> bool:
    """List the tables of all contracts in the macro that dbt's graph has them from.

    Returns:
        Whether the list was another one.
    """
    tables: dict[str, list[str]] = {}
    for contract in load(root).values():
        tables.setdefault(contract.source, []).append(contract.table)
    lines = []
    for source, names in sorted(tables.items()):
        quoted = ", ".join(f"'{name}'" for name in sorted(names))
        line = f"        '{source}': [{quoted}],"
        if len(line) > LINE:
            folded = wrap(f"{quoted},", LINE - 12, break_long_words=False)
            line = f"        '{source}': [\n{indent(chr(10).join(folded), ' ' * 12)}\n        ],"
        lines.append(line + "\n")
    path = root / LISTED
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition("set names = {\n")
    _, end, after = rest.partition("    } -%}")
    renewed = before + begin + "".join(lines) + end + after
    path.write_text(renewed, encoding="utf-8")
    return renewed != text


@app.command()
def scaffold_command(event: Event, *, root: Root = ROOT) -> None:
    """Write the staging model of an event, with its properties file; never over an existing one.

    The event is also listed in macros/landing/event_sources.sql.
    """
    contract = find(event, root)
    if list_events(root):
        typer.echo(f"wrote {LISTED}")
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
