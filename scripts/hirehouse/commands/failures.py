"""`hirehouse failures`: inspect, patch and replay failed events; `hirehouse trace`."""

import getpass
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hirehouse.commands.shared import (
    AsJson,
    Target,
    new_console,
    print_error,
    print_json,
    say,
    shown,
    text_table,
    time_span,
)
from hirehouse.commands.unknown_properties import print_unknown, replay_and_print
from hirehouse.commands.warehouse import open_with_tables
from hirehouse.failures.actions import ActionResult, FailureActions
from hirehouse.failures.outline import Change, difference
from hirehouse.failures.patches import Changes, PatchError, read_operations, read_setting, readable
from hirehouse.failures.queries import (
    TO_DO,
    Selection,
    by_fingerprint,
    by_ids,
    describe_failure,
    groups,
    not_acted_on,
)
from hirehouse.failures.trace import trace

failures_app = typer.Typer(
    help="Inspect, patch, replay and discard failed events.", no_args_is_help=True
)
Ids = Annotated[
    list[str] | None, typer.Argument(help="Ids of failed events, or unique prefixes of them.")
]
Fingerprint = Annotated[
    str | None, typer.Option(help="All failed events with this fingerprint; see `list`.")
]
By = Annotated[
    str | None,
    typer.Option(envvar="HIREHOUSE_USER", help="Who acts; default the user of the system."),
]
Status = StrEnum("Status", ["open", "patched", "replayed", "discarded"])


@failures_app.command("list")
def list_command(
    event: Annotated[str | None, typer.Option(help="Only of this event.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only with this rule as first reason.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Only received at or after this time, UTC.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Only received before this time, UTC.")
    ] = None,
    status: Annotated[
        list[Status] | None, typer.Option(help="Only with this status; default open and patched.")
    ] = None,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="List unknown properties instead.")
    ] = False,
    values: Annotated[
        bool, typer.Option("--values", help="With --unknown: print an example of the values.")
    ] = False,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """List failed events by fingerprint: event, rule and JSON pointer."""
    if unknown:
        if rule or since or until or status:
            raise typer.BadParameter("with --unknown, --event is the only filter")
        print_unknown(target, event, values, as_json)
        return
    if values:
        raise typer.BadParameter("--values needs --unknown")
    with open_with_tables(target) as warehouse:
        wanted = status or TO_DO
        filters = {
            f"status in ({', '.join('?' * len(wanted))})": wanted,
            "event = ?": [event],
            "rule = ?": [rule],
            "received_at >= ?": [since],
            "received_at < ?": [until],
        }
        used = {where: some for where, some in filters.items() if some != [None]}
        parameters = tuple(value for some in used.values() for value in some)
        found = groups(warehouse, Selection(" and ".join(used), parameters))
    if as_json:
        print_json(found)
        return
    names = ("fingerprint", "event", "rule", "where", "count", "first and last", "producer")
    rows = []
    for one in found:
        where = [one["pointer"] or "-"]
        if one["refused_for"]:
            where.append(f"replayed: {one['refused_for']}")
        producer = " ".join(filter(None, (one["library"], one["app_version"])))
        # A name of any length would leave no room for the other columns.
        what = (one["fingerprint"], shown(one["event"] or "?")[:40], one["rule"], where)
        rows.append((*what, f"{one['failures']:,}", time_span(one), producer, one["example"][:12]))
    whole = ("fingerprint", "event", "rule", "example")
    table = text_table((*names, "example"), rows, no_wrap=whole)
    new_console().print(table if rows else "no failed events")


@failures_app.command("show")
def show_command(
    failure_id: Annotated[
        str, typer.Argument(help="Id of a failed event, or a unique prefix of it.")
    ],
    values: Annotated[
        bool,
        typer.Option("--values", help="Print the original and patches whole, with personal data."),
    ] = False,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Show a failed event: its reasons then and today, its outline, patch and history.

    The outline has the values of properties that the contract names without `pii`, and of others
    their kind.
    """
    with open_with_tables(target) as warehouse:
        it = describe_failure(warehouse, failure_id, values=values)
    if as_json:
        print_json(it)
        return
    console = new_console()
    say(f"{it['failure_id']}: {it['status']}")
    producer = " ".join(filter(None, (it["context_library_name"], it["context_app_version"])))
    then, now = (it[name] or "none" for name in ("version", "version_today"))
    for name, text in (
        ("event", f"{it['event'] or '?'} {it['event_id'] or 'without messageId'}"),
        ("from", f"{it['input']}, line {it['line']}, batch {it['batch_id']}"),
        ("received", f"{it['received_at']} UTC"),
        ("producer", producer or "unknown"),
        ("contract", f"version {then} then, {now} now"),
    ):
        say(f"{name:10} {text}")
    _print_reasons(console, "Why it failed", it["reasons"])
    changed = "as patched, " if it["patch"] else ""
    if it["reasons_today"] == it["reasons"]:
        console.print(f"Today, {changed}it would fail for the same reasons.")
    elif it["reasons_today"]:
        _print_reasons(console, f"Today, {changed}it would fail", it["reasons_today"])
    else:
        console.print(f"Today, {changed}it conforms.")
    if values:
        console.print("\nThe original", style="bold")
        typer.echo(shown(readable(it["original"].encode()), "\n"))
    else:
        console.print("\nThe original, in outline (--values prints it whole)", style="bold")
        for pointer, text in it["outline"].items():
            say(f"{pointer or 'the whole event'}: {text}")
    if it["patch"]:
        console.print("\nIts patch", style="bold")
        _print_changes(Change(**change) for change in it["changes"])
        if values:
            print_json(it["patch"])
    if it["history"]:
        rows = []
        for one in it["history"]:
            more = next(filter(None, (one[n] for n in ("reason", "event_id", "patch"))), None)
            more = more or " ".join(filter(None, (one["rule"], one["pointer"])))
            when = f"{one['acted_at']:%Y-%m-%d %H:%M:%S}"
            rows.append((when, one["actor"], one["action"], more))
        console.print("\nHistory", style="bold")
        console.print(text_table(("when, UTC", "who", "what", ""), rows))


@failures_app.command("patch")
def patch_command(
    ids: Ids = None,
    fingerprint: Fingerprint = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="/properties/currency=USD: JSON, else a string."),
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(help="/properties/currency")] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A JSON Patch (RFC 6902), applied first.", exists=True, dir_okay=False),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Undo all earlier changes.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the result, write nothing.")
    ] = False,
    by: By = None,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Patch failed events, or add changes to their patches; the originals never change.

    An event without a messageId gets its failure id as messageId. Exit code 1: a change can't be
    applied.
    """
    if clear and (settings or remove or file):
        raise typer.BadParameter("--clear excludes other changes")
    try:
        operations = read_operations(file.read_bytes()) if file else []
        values = [read_setting(text) for text in settings or []]
        changes = None if clear else Changes(operations, remove or [], values)
    except PatchError as error:
        raise typer.BadParameter(str(error)) from None

    def act(actions: FailureActions, selection: Selection) -> ActionResult:
        done = actions.patch(selection, changes, dry_run=dry_run)
        if done.example and not as_json:
            before, after, reasons = done.example
            _print_changes(difference(before, after, actions.contracts))
            if reasons:
                _print_reasons(new_console(), "It still fails", map(vars, reasons))
            else:
                typer.echo("It conforms now.")
        return done

    _act(act, target, by, as_json, ids, fingerprint, dry_run=dry_run)


@failures_app.command("replay")
def replay_command(
    ids: Ids = None,
    fingerprint: Fingerprint = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All open and patched failed events.")
    ] = False,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Replay unknown properties instead.")
    ] = False,
    event: Annotated[str | None, typer.Option(help="With --unknown: only of this event.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --unknown: show the result, write nothing.")
    ] = False,
    by: By = None,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Check failed events against the current contracts, and land those that conform.

    Repeating it lands nothing twice. Exit code 1: some still fail; `list` shows the new reasons.
    """
    if unknown:
        if ids or fingerprint or everything:
            raise typer.BadParameter("--unknown excludes ids, --fingerprint and --all")
        replay_and_print(target, _actor(by), event, dry_run, as_json)
        return
    if event or dry_run:
        raise typer.BadParameter("--event and --dry-run need --unknown")
    _act(FailureActions.replay, target, by, as_json, ids, fingerprint, everything)


@failures_app.command("discard")
def discard_command(
    reason: Annotated[str, typer.Option(help="Why they are discarded.")],
    ids: Ids = None,
    fingerprint: Fingerprint = None,
    by: By = None,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Mark failed events as discarded; nothing is deleted, and `restore` undoes it."""
    act = partial(FailureActions.mark, action="discarded", reason=reason)
    _act(act, target, by, as_json, ids, fingerprint)


@failures_app.command("restore")
def restore_command(
    ids: Ids = None,
    fingerprint: Fingerprint = None,
    reason: Annotated[str | None, typer.Option(help="Why they are restored.")] = None,
    by: By = None,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Undo a discard."""
    act = partial(FailureActions.mark, action="restored", reason=reason)
    _act(act, target, by, as_json, ids, fingerprint)


def trace_command(
    event: Annotated[str, typer.Argument(help="A messageId, or the id of a failed event.")],
    spool: Annotated[
        Path | None, typer.Option(help="Also search this folder of events.", exists=True)
    ] = None,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Trace an event: spool, batch, failure and reason, staging, marts.

    Exit code 1: no trace of it.
    """
    with open_with_tables(target) as warehouse:
        steps = list(trace(warehouse, event, spool))
    if as_json:
        print_json(steps)
    for step in () if as_json else steps:
        say(f"{step['where']}: {step['what']}")
    if not steps:
        print_error(f"no trace of {event}")
        raise typer.Exit(1)


def _act(
    act: Callable[[FailureActions, Selection], ActionResult],
    target: str | None,
    by: str | None,
    as_json: bool,
    ids: list[str] | None,
    fingerprint: str | None,
    everything: bool = False,
    dry_run: bool = False,
) -> None:
    """Act on failed events, and print the result, with events named by id that were skipped.

    Exit code 1 if a change could not be applied, or some still fail.
    """
    with open_with_tables(target) as warehouse:
        if bool(ids) + bool(fingerprint) + everything != 1:
            raise typer.BadParameter("select failed events by ids or by exactly one of the options")
        selection = by_ids(warehouse, ids) if ids else Selection()
        selection = by_fingerprint(warehouse, fingerprint) if fingerprint else selection
        done = act(FailureActions(warehouse, _actor(by)), selection)
        skipped: dict[str, str] = {}
        if ids and not dry_run and not done.problems:
            skipped = not_acted_on(warehouse, selection, done.batches)
    fails = [{"rule": r, "pointer": p, "count": n} for (r, p), n in done.fails.most_common()]
    if as_json:
        result = {"batches": done.batches, **done.actions, "fails": fails, "skipped": skipped}
        print_json(result | {"problems": done.problems})
    else:
        counts = ", ".join(f"{count:,} {what}" for what, count in done.actions.items())
        batches = f", batch {', '.join(map(str, done.batches))}" if done.batches else ""
        note = " (dry run: nothing is written)" * dry_run
        typer.echo(f"{counts or 'nothing to do'}{batches}{note}")
        for one in fails:
            place = one["pointer"] or "the whole event"
            say(f"  {one['count']:,} fail: {one['rule']} at {place}")
        for failure_id, status in skipped.items():
            typer.echo(f"  skipped: {failure_id[:12]} is {status}")
    for text, count in done.problems.items():
        print_error(f"{text} ({count:,} failed events)")
    if done.problems or (fails and "refused" in done.actions):
        raise typer.Exit(1)


def _print_reasons(console: Console, title: str, reasons: Iterable[dict[str, str]]) -> None:
    rows = [(r["rule"], r["pointer"] or "-", r["expected"], r["found"]) for r in reasons]
    table = text_table(("rule", "where", "expected", "found"), rows)
    console.print(f"\n{title}", style="bold")
    console.print(table, end="")


def _print_changes(changes: Iterable[Change]) -> None:
    for change in changes:
        for sign, text in (("-", change.before), ("+", change.after)):
            if text is not None:
                say(f"{sign} {change.pointer or 'the whole event'}: {text}")


def _actor(by: str | None) -> str:
    return (by or getpass.getuser())[:32]
