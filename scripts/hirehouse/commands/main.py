"""The `hirehouse` command. Only the module of the command that runs is imported."""

import sys
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from hirehouse.commands.shared import expected_errors


class Lazy(NamedTuple):
    """The module of a command, and its help for `hirehouse --help`, which does not import it."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "contracts": Lazy("contracts", "contracts_app", "Inspect, check and export the contracts."),
    "simulate": Lazy("simulate", "simulate_command", "Simulate a hiring marketplace."),
    "collect": Lazy("collect", "collect_command", "Receive events over HTTP."),
    "collect-keys": Lazy("collect", "keys_app", "Manage the write keys of producers."),
    "land": Lazy("land", "land_command", "Land files and topics of events."),
    "run": Lazy("run", "run_command", "Land and build continuously."),
    "query": Lazy("query", "query_command", "Query the warehouse with SQL."),
    "publish": Lazy("publish", "publish_command", "Copy the marts to a file for readers."),
    "export": Lazy("export", "export_command", "Export marts and events as Parquet or Iceberg."),
    "failures": Lazy("failures", "failures_app", "Inspect, patch and replay failed events."),
    "trace": Lazy("failures", "trace_command", "Trace an event from file to marts."),
    "backfill": Lazy("backfill", "backfill_command", "Land the rows of an older system as events."),
    "upgrade": Lazy("upgrade", "upgrade_command", "Upgrade a warehouse of an older version."),
}

# The extra that a module comes with, if it is not in the core.
EXTRAS = {
    "confluent_kafka": "kafka",
    "pyiceberg": "iceberg",
    "redshift_connector": "redshift",
} | dict.fromkeys(
    (
        *("adbc_driver_manager", "adbc_driver_postgresql", "dbt", "duckdb", "jinja2", "jsonpatch"),
        *("jsonpointer", "networkx", "prompt_toolkit", "psycopg2", "pyarrow", "tenacity"),
    ),
    "warehouse",
)


class LazyGroup(TyperGroup):
    """A group with names and help of its commands, which imports a command when it runs."""

    def __init__(self, **settings: Any) -> None:
        stubs = {name: TyperCommand(name, help=lazy.help) for name, lazy in COMMANDS.items()}
        super().__init__(**settings | {"commands": stubs})

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(str(name)), rest

    def invoke(self, ctx: Any) -> Any:
        with expected_errors():
            return super().invoke(ctx)


def load(name: str) -> Any:
    place = COMMANDS[name]
    found = getattr(import_module(f"hirehouse.commands.{place.module}"), place.attribute)
    if not isinstance(found, typer.Typer):
        command, found = found, typer.Typer(add_completion=False)
        found.command(name)(command)
    found.pretty_exceptions_show_locals = False  # a payload must not reach a terminal or a log
    return typer.main.get_command(found)


app = typer.Typer(
    name="hirehouse",
    cls=LazyGroup,
    help="An event-first warehouse for a hiring marketplace.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def main_options() -> None:
    """An event-first warehouse for a hiring marketplace."""


def main() -> None:
    """Run the command; exit code 1 with the extra to install if it needs one that is missing."""
    try:
        app(prog_name="hirehouse")
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing not in EXTRAS:
            raise
        install = f"pip install 'hirehouse[{EXTRAS[missing]}]'"
        sys.exit(f"error: {missing} is missing, which this command needs: {install}")
