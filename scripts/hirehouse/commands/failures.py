"""`hirehouse failures`: look at failed events, mend them, and land them."""

from __future__ import annotations

import difflib
import getpass
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from hirehouse.commands.shared import (
    AsJson,
    Target,
    new_console,
    print_json,
    say_error,
    seen,
    text_table,
)
from hirehouse.commands.unknown_properties import list_unknown, replay_unknown
from hirehouse.commands.warehouse import opened
from hirehouse.failures.actions import ActionResult, FailureActions
from hirehouse.failures.patches import (
    Changes,
    PatchError,
    read_operations,
    read_setting,
    readable,
)
from hirehouse.failures.queries import (
    TO_DO,
    Selection,
    by_fingerprint,
    by_ids,
    groups,
    told,
    untouched,
)
from hirehouse.failures.trace import trace

failures_app = typer.Typer(
    help="Failed events: what is wrong with them, and what to do about it.", no_args_is_help=True
)
Ids = Annotated[
    list[str] | None, typer.Argument(help="Ids of failed events; their first characters do.")
]
Fingerprint = Annotated[
    str | None, typer.Option(help="All that failed in one way, as `list` names it.")
]
By = Annotated[
    str | None,
    typer.Option(envvar="HIREHOUSE_USER", help="Who does it; else the system's user."),
]
Status = StrEnum("Status", ["open", "patched", "replayed", "discarded"])


@failures_app.command("list")
def list_command(
    event: Annotated[str | None, typer.Option(help="Only of this event.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only what breaks this rule first.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Only received then or later, UTC.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(help="Only received before, UTC.")] = None,
    status: Annotated[
        list[Status] | None, typer.Option(help="Only of this status; else open and patched.")
    ] = None,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Properties that no contract named, instead.")
    ] = False,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """List failed events by what is wrong with them: event, rule and place."""
    if unknown:
        if rule or since or until or status:
            raise typer.BadParameter("--unknown goes with no other filter than --event")
        list_unknown(target, event, as_json)
        return
    with opened(target) as warehouse:
        wanted = status or TO_DO
        filters = {
            f"status in ({', '.join('?' * len(wanted))})": wanted,
            "event = ?": [event],
            "rule = ?": [rule],
            "received_at >= ?": [since],
            "received_at < ?": [until],
        }
        used = {where: values for where, values in filters.items() if values != [None]}
        values = tuple(value for some in used.values() for value in some)
        found = groups(warehouse, Selection(" and ".join(used), values))
    if as_json:
        print_json(found)
        return
    names = ("fingerprint", "event", "rule", "where", "count", "first and last", "producer")
    rows = []
    for one in found:
        where = one["pointer"] or "-"
        if one["refused_for"]:
            where += f"\nreplayed: {one['refused_for']}"
        producer = " ".join(filter(None, (one["library"], one["app_version"])))
        what = (one["fingerprint"], one["event"] or "?", one["rule"], where)
        rows.append((*what, f"{one['failures']:,}", seen(one), producer, one["example"][:12]))
    table = text_table((*names, "example"), rows, whole=("event", "rule", "example"))
    new_console().print(table if rows else "no failed events")


@failures_app.command("show")
def show_command(
    failure_id: Annotated[str, typer.Argument(help="Its id, or the first characters of it.")],
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Show a failed event: the whole of it, why it failed, how it stands today, its history."""
    with opened(target) as warehouse:
        it = told(warehouse, failure_id)
    if as_json:
        print_json(it)
        return
    console = new_console()
    console.print(f"[bold]{it['failure_id']}[/] is {it['status']}", soft_wrap=True)
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_row("event", f"{it['event'] or '?'} {it['event_id'] or 'without an id'}")
    facts.add_row("from", f"{it['input']}, line {it['line']}, batch {it['batch_id']}")
    facts.add_row("received", f"{it['received_at']} UTC")
    producer = " ".join(filter(None, (it["context_library_name"], it["context_app_version"])))
    facts.add_row("producer", escape(producer) or "unknown")
    then, now = (it[name] or "none" for name in ("version", "version_today"))
    facts.add_row("contract", f"version {then} then, {now} now")
    console.print(facts)
    _print_reasons(console, "Why it failed", it["reasons"])
    changed = "as patched, " if it["patch"] else ""
    if it["reasons_today"] == it["reasons"]:
        console.print(f"Today, {changed}it would fail for the same reasons.")
    elif it["reasons_today"]:
        _print_reasons(console, f"Today, {changed}it would fail", it["reasons_today"])
    else:
        console.print(f"Today, {changed}it conforms.")
    console.print("\n[bold]The original[/]")
    typer.echo(readable(it["original"].encode()))
    if it["patch"]:
        console.print("\n[bold]Its patch[/]")
        print_json(it["patch"])
    if it["history"]:
        rows = []
        for one in it["history"]:
            more = next(filter(None, (one[n] for n in ("reason", "event_id", "patch"))), None)
            more = more or " ".join(filter(None, (one["rule"], one["pointer"])))
            when = f"{one['acted_at']:%Y-%m-%d %H:%M:%S}"
            rows.append((when, one["actor"], one["action"], more))
        history = text_table(("when, UTC", "who", "what", ""), rows)
        console.print("\n[bold]History[/]", history, sep="\n")


@failures_app.command("patch")
def patch_command(
    ids: Ids = None,
    fingerprint: Fingerprint = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="/properties/currency=USD: JSON, or else a text."),
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(help="/properties/currency")] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A JSON Patch (RFC 6902); comes first.", exists=True, dir_okay=False),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take all earlier changes back.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what came of it.")] = False,
    by: By = None,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Make a patched copy, or change it further; the original never changes.

    An event without a messageId gets the id of its failure as one. Exit code 1: a change does not
    fit.
    """

    if clear and (settings or remove or file):
        raise typer.BadParameter("--clear goes without other changes")
    try:
        operations = read_operations(file.read_bytes()) if file else []
        values = [read_setting(text) for text in settings or []]
        changes = None if clear else Changes(operations, remove or [], values)
    except PatchError as error:
        raise typer.BadParameter(str(error)) from None
    with _failure_actions(target, by, ids, fingerprint) as (actions, selection):
        done = actions.patch(selection, changes, dry_run=dry_run)
        if done.example and not as_json:
            before, after, reasons = done.example
            _print_diff(before, after)
            if reasons:
                _print_reasons(new_console(), "It still fails", map(vars, reasons))
            else:
                typer.echo("It conforms now.")
        note = " (dry run: nothing is written)" * dry_run
        _report(actions, selection if ids else None, done, as_json, note)


@failures_app.command("replay")
def replay_command(
    ids: Ids = None,
    fingerprint: Fingerprint = None,
    everything: Annotated[bool, typer.Option("--all", help="All open and patched ones.")] = False,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Properties that a contract names by now, instead.")
    ] = False,
    event: Annotated[str | None, typer.Option(help="Only of this event, of the unknown.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would come of --unknown, write nothing.")
    ] = False,
    by: By = None,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Check failed events with today's contract, and land those that conform.

    Doing it again lands nothing twice. Exit code 1: some still fail; `list` has the new reasons.
    """
    if unknown:
        if ids or fingerprint or everything:
            raise typer.BadParameter("--unknown goes without ids, --fingerprint and --all")
        replay_unknown(target, _actor(by), event, dry_run, as_json)
        return
    if event or dry_run:
        raise typer.BadParameter("--event and --dry-run go with --unknown")
    with _failure_actions(target, by, ids, fingerprint, everything) as (actions, selection):
        _report(actions, selection if ids else None, actions.replay(selection), as_json)


@failures_app.command("discard")
def discard_command(
    reason: Annotated[str, typer.Option(help="Why nobody is to replay them.")],
    ids: Ids = None,
    fingerprint: Fingerprint = None,
    by: By = None,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Mark failed events as done with; nothing is deleted, and `restore` undoes it."""
    with _failure_actions(target, by, ids, fingerprint) as (actions, selection):
        done = actions.mark(selection, "discarded", reason)
        _report(actions, selection if ids else None, done, as_json)


@failures_app.command("restore")
def restore_command(
    ids: Ids = None,
    fingerprint: Fingerprint = None,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    by: By = None,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Undo a discard."""
    with _failure_actions(target, by, ids, fingerprint) as (actions, selection):
        done = actions.mark(selection, "restored", reason)
        _report(actions, selection if ids else None, done, as_json)


def trace_command(
    event: Annotated[str, typer.Argument(help="A messageId, or the id of a failed event.")],
    spool: Annotated[
        Path | None, typer.Option(help="A folder of events to look into, too.", exists=True)
    ] = None,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Tell where an event is or went: spool, batch, failed and why, staging, marts.

    Exit code 1: nobody knows of it.
    """
    with opened(target) as warehouse:
        steps = list(trace(warehouse, event, spool))
    if as_json:
        print_json(steps)
    for step in () if as_json else steps:
        typer.echo(f"{step['where']}: {step['what']}")
    if not steps:
        say_error(f"nobody knows of {event}")
        raise typer.Exit(1)


@contextmanager
def _failure_actions(
    target: str | None,
    by: str | None,
    ids: list[str] | None,
    name: str | None,
    everything: bool = False,
) -> Iterator[tuple[FailureActions, Selection]]:
    with opened(target) as warehouse:
        if bool(ids) + bool(name) + everything != 1:
            raise typer.BadParameter("name failed events by either their ids or one of the options")
        selection = by_fingerprint(warehouse, name) if name else Selection()
        yield FailureActions(warehouse, _actor(by)), by_ids(warehouse, ids) if ids else selection


def _report(
    actions: FailureActions,
    named: Selection | None,
    done: ActionResult,
    as_json: bool,
    note: str = "",
) -> None:
    """Tell what came of a command, and which of those `named` by their ids were left alone.

    Exit code 1 if a change did not fit, or some still fail.
    """

    told = named and not note and not done.problems
    left = untouched(actions.warehouse, named, done.batches) if named and told else {}
    fails = [{"rule": r, "pointer": p, "count": n} for (r, p), n in done.fails.most_common()]
    if as_json:
        whole = {"batches": done.batches, **done.actions, "fails": fails, "left_alone": left}
        print_json(whole | {"problems": done.problems})
    else:
        counts = ", ".join(f"{count:,} {what}" for what, count in done.actions.items())
        batches = f", batch {', '.join(map(str, done.batches))}" if done.batches else ""
        typer.echo(f"{counts or 'nothing done'}{batches}{note}")
        for one in fails:
            typer.echo(f"  {one['count']:,} fail: {one['rule']} at {one['pointer'] or 'the whole'}")
        for failure_id, status in left.items():
            typer.echo(f"  left alone: {failure_id[:12]} is {status}")
    for text, count in done.problems.items():
        say_error(f"{text} ({count:,} failed events)")
    if done.problems or (fails and "refused" in done.actions):
        raise typer.Exit(1)


def _print_reasons(console: Console, title: str, reasons: Iterable[dict[str, str]]) -> None:
    rows = [(r["rule"], r["pointer"] or "-", r["expected"], r["found"]) for r in reasons]
    table = text_table(("rule", "where", "expected", "found"), rows)
    console.print(f"\n[bold]{title}[/]", table, sep="\n", end="")


def _print_diff(before: bytes, after: bytes) -> None:

    old, new = (readable(body).splitlines() for body in (before, after))
    text = "\n".join(difflib.unified_diff(old, new, "original", "patched", lineterm=""))
    new_console().print(Syntax(text, "diff", background_color="default", word_wrap=True))


def _actor(by: str | None) -> str:
    return (by or getpass.getuser())[:32]
