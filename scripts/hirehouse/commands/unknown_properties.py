"""`hirehouse failures list --unknown` and `replay --unknown`."""

import typer

from hirehouse.commands.shared import new_console, print_json, say, text_table, time_span
from hirehouse.commands.warehouse import open_with_tables
from hirehouse.failures.unknown_properties import list_unknown, replay_unknown


def print_unknown(target: str | None, event: str | None, values: bool, as_json: bool) -> None:
    """Print the unknown properties that have not been replayed."""
    with open_with_tables(target) as warehouse:
        groups = list_unknown(warehouse, event, values=values)
    if as_json:
        print_json(groups)
        return
    names = ("event", "version", "property", "count", "first and last", "example", "")
    rows = []
    for one in groups:
        named = "can be replayed" if one["named"] else "not in its contract"
        what = (one["event"], one["version"], one["property"], f"{one['count']:,}")
        rows.append((*what, time_span(one), one["example"][:40], named))
    new_console().print(text_table(names, rows) if rows else "no unknown properties")


def replay_and_print(
    target: str | None, actor: str, event: str | None, dry_run: bool, as_json: bool
) -> None:
    """Replay unknown properties; exit code 1: some don't conform."""
    with open_with_tables(target) as warehouse:
        result = replay_unknown(warehouse, actor, event, dry_run=dry_run)
    models = " ".join(f"{model}+" for model in sorted(result.models))
    command = f"dbt build --full-refresh --select {models}" if models and not dry_run else ""
    if as_json:
        print_json(
            {
                "replayed": [
                    {"table": table, "property": name, "rule": "", "count": count}
                    for (table, name), count in result.counts.items()
                ],
                "fails": [
                    {"table": table, "property": name, "rule": rule, "count": count}
                    for (table, name, rule), count in result.fails.items()
                ],
                "then": command,
            }
        )
    else:
        note = " (dry run: nothing is written)" * dry_run
        for (table, name), count in result.counts.items():
            say(f"{count:,} replayed: {name} of landed.{table}{note}")
        for (table, name, rule), count in result.fails.items():
            say(f"{count:,} fail: {rule} at {name} of landed.{table}")
        if not result.counts and not result.fails:
            typer.echo("nothing to replay: no contract names an unknown property")
        if command:
            typer.echo(f"Now build everything that reads these rows in full:\n  {command}")
    if result.fails:
        raise typer.Exit(1)
