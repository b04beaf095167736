"""`hirehouse failures list --unknown` and `replay --unknown`."""

from __future__ import annotations

import typer

from hirehouse.commands.shared import new_console, print_json, seen, text_table
from hirehouse.commands.warehouse import opened
from hirehouse.failures.unknown_properties import bring_back, unknown


def list_unknown(target: str | None, event: str | None, as_json: bool) -> None:
    """Print unknown properties that are not yet brought back."""
    with opened(target) as warehouse:
        groups = unknown(warehouse, event)
    if as_json:
        print_json(groups)
        return
    names = ("event", "version", "property", "count", "first and last", "example", "")
    rows = []
    for one in groups:
        named = "can be replayed" if one["named"] else "not in its contract"
        what = (one["event"], one["version"], one["property"], f"{one['count']:,}")
        rows.append((*what, seen(one), one["example"][:40], named))
    new_console().print(text_table(names, rows) if rows else "no unknown properties")


def replay_unknown(
    target: str | None, actor: str, event: str | None, dry_run: bool, as_json: bool
) -> None:
    """Bring unknown properties back; exit code 1: some don't conform."""
    with opened(target) as warehouse:
        back = bring_back(warehouse, actor, event, dry_run=dry_run)
    names = ("table", "property", "rule", "count")
    counts = [(*key, "", count) for key, count in back.counts.items()]
    fails = [(*key, count) for key, count in back.fails.items()]
    models = " ".join(f"{model}+" for model in sorted(back.models))
    command = f"dbt build --full-refresh --select {models}" if models and not dry_run else ""
    if as_json:
        told = {"replayed": counts, "fails": fails}
        rows = {kind: [dict(zip(names, row, strict=True)) for row in told[kind]] for kind in told}
        print_json(rows | {"then": command})
    else:
        note = " (dry run: nothing is written)" * dry_run
        for table, name, _, count in counts:
            typer.echo(f"{count:,} replayed: {name} of landed.{table}{note}")
        for table, name, rule, count in fails:
            typer.echo(f"{count:,} fail: {rule} at {name} of landed.{table}")
        if not counts and not fails:
            typer.echo("nothing done: no contract names what is unknown")
        if command:
            typer.echo(f"What has read these rows is to be built in full:\n  {command}")
    if fails:
        raise typer.Exit(1)
