"""`hirehouse upgrade`: upgrade a warehouse of an older version."""

import typer

from hirehouse.commands.shared import Target, say
from hirehouse.running.lock import LoopLock
from hirehouse.warehouse.connections import open_warehouse
from hirehouse.warehouse.upgrade import upgrade

THEN = ("dbt build --full-refresh", "dbt run-operation drop_leftovers")


def upgrade_command(target: Target = None) -> None:
    """Upgrade a warehouse of an older version: its schema raw becomes schema landed.

    All or nothing; repeating it does nothing. docs/upgrading.md describes all steps.

    Exit code 1: both schemas have rows, or the warehouse can't be used; 3: `hirehouse run` uses it.
    """
    # Without the lock a loop of an older version would land into a new schema raw.
    with LoopLock(target), open_warehouse(target) as warehouse:
        done = upgrade(warehouse)
        where = warehouse.where
    if done.dropped:
        say(f"dropped the tables of dlt, which nothing reads: {', '.join(done.dropped)}")
    if not done.moved:
        say(f"nothing to move: {where} has nothing in schema raw that has landed")
        return
    say(f"moved {len(done.moved)} tables from schema raw to landed in {where}")
    if done.left:
        say(f"left in schema raw, since they are not of hirehouse: {', '.join(done.left)}")
    typer.echo("Now rebuild all models, and drop relations that no model builds any more:")
    for command in THEN:
        typer.echo(f"  {command} --target {target}" if target else f"  {command}")
