"""`hirehouse upgrade`: bring a warehouse of an older version to this one."""

from __future__ import annotations

from contextlib import ExitStack

import typer

from hirehouse.commands.shared import Target, ending
from hirehouse.contracts.model import ContractError
from hirehouse.running.lock import LoopLock, LoopLockHeld
from hirehouse.warehouse.connections import open_warehouse
from hirehouse.warehouse.profile import WarehouseError
from hirehouse.warehouse.upgrade import upgrade

THEN = ("dbt build --full-refresh", "dbt run-operation drop_leftovers")


def upgrade_command(target: Target = None) -> None:
    """Bring a warehouse of an older version to this one: its schema raw becomes schema landed.

    All or nothing, and doing it again does nothing. docs/upgrading.md has the whole way.

    Exit code 1: both schemas have rows, or the warehouse can't be used; 3: `hirehouse run` has it.
    """

    claim = LoopLock(target)
    with ending({LoopLockHeld: 3, WarehouseError: 1, ContractError: 1}), ExitStack() as stack:
        stack.callback(claim.let_go)
        claim.hold()  # a loop of an older version would land into a new schema raw
        warehouse = stack.enter_context(open_warehouse(target))
        done = upgrade(warehouse)
        where = warehouse.where
    if not done.moved:
        typer.echo(f"nothing to move: {where} has nothing in schema raw that has landed")
        return
    typer.echo(f"moved {len(done.moved)} tables from schema raw to landed in {where}")
    if done.left:
        typer.echo(f"left in schema raw, since hirehouse has not made them: {', '.join(done.left)}")
    typer.echo("Now build all models anew, and drop what no model makes any more:")
    for command in THEN:
        typer.echo(f"  {command} --target {target}" if target else f"  {command}")
