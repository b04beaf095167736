"""The `hirehouse` command. What is heavy (dlt, DuckDB) is imported by the command that needs it."""

from __future__ import annotations

import typer

from hirehouse.backfill_cli import backfill_command
from hirehouse.collect_cli import collect_command, keys_app
from hirehouse.contracts_cli import contracts_app
from hirehouse.failures_cli import failures_app, trace_command
from hirehouse.land_cli import land_command
from hirehouse.run_cli import run_command
from hirehouse.simulate.cli import simulate_command
from hirehouse.upgrade_cli import upgrade_command

app = typer.Typer(
    name="hirehouse",
    help="An event-first warehouse for a hiring marketplace.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # a payload must not reach a terminal or a log
)
app.add_typer(contracts_app, name="contracts")
app.add_typer(failures_app, name="failures")
app.add_typer(keys_app, name="collect-keys")
app.command("collect")(collect_command)
app.command("simulate")(simulate_command)
app.command("land")(land_command)
app.command("run")(run_command)
app.command("trace")(trace_command)
app.command("backfill")(backfill_command)
app.command("upgrade")(upgrade_command)


def main() -> None:
    app(prog_name="hirehouse")
