"""What the demo shows: `--progress` while dbt runs (its JSON log on stdin), else the summary."""

from __future__ import annotations

import json
import sys
from collections import Counter

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hirehouse.warehouse.connections import open_warehouse

FUNNEL = """
    select
        roles.label,
        sum(funnel.opened_count) as opened,
        sum(funnel.interviewed_count) as interviewed,
        sum(funnel.offered_count) as offered,
        sum(funnel.hired_count) as hired
    from marketplace.hiring_funnel_weekly as funnel
    inner join reference.roles as roles on funnel.role = roles.role
    group by roles.label
    order by opened desc
    limit 8
"""
COUNTS = """
    select
        sum(batches.event_count),
        (select count(*) from staging.stg_landing__copies),
        sum(batches.failed_count),
        sum(batches.unknown_property_count)
    from landed.batches as batches
    where batches.committed_at is not null
"""
MOVEMENTS = """
    select
        mrr_month,
        cast(sum(opening_mrr * reporting_rate) as bigint),
        cast(sum((new_mrr + reactivated_mrr) * reporting_rate) as bigint),
        cast(sum(expansion_mrr * reporting_rate) as bigint),
        cast(sum(contraction_mrr * reporting_rate) as bigint),
        cast(sum(churned_mrr * reporting_rate) as bigint),
        cast(sum(closing_mrr * reporting_rate) as bigint)
    from finance.mrr_movements_monthly
    group by mrr_month
    order by mrr_month desc
    limit 3
"""
BEST_CHANNEL = """
    select channel, sum(hired_count), sum(signed_up_count)
    from growth.channel_performance_weekly
    group by channel
    order by 2 desc, 1
    limit 1
"""
SESSIONS = """
    select count(*), count(distinct person_id), count(signed_up_as) from growth.fct_sessions
"""
EACH = 60  # results per line of progress, where there is no bar


def show_progress() -> None:
    """A bar from dbt's JSON log, the errors in it, and one line at the end.

    Where there is no terminal for a bar, a line now and then.
    """
    kinds: Counter[str] = Counter()
    total = None
    console = Console(stderr=True, highlight=False)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("building", total=None)
        for line in sys.stdin:
            try:
                log = json.loads(line)
            except ValueError:
                console.print(line.rstrip(), markup=False)
                continue
            info, data = log["info"], log["data"]
            if info["level"] == "error":
                console.print(info["msg"], markup=False)
            if info["name"].startswith("Log") and info["name"].endswith("Result"):
                kinds[data["node_info"]["resource_type"]] += 1
                if bar.disable and kinds.total() % EACH == 0:
                    print(f"{kinds.total()} of {total}", flush=True)
            if data.get("total"):
                total = data["total"]
                bar.update(task, completed=kinds.total(), total=total)
    tests = kinds["test"] + kinds["unit_test"]
    print(f"{kinds['model']} models and {kinds['seed']} seeds built, {tests} tests run")


def show(console: Console, title: str, heads: list[str], rows: list[tuple[str, ...]]) -> None:
    """Print a table, numbers to the right."""
    table = Table(
        title=f"\n{title}\n",
        title_style="bold",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
    )
    for name in heads:
        table.add_column(name, justify="left" if name == heads[0] else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print()


def main() -> None:
    """Print the funnel, revenue, visits, the counts of the landing, and what to try next."""
    if "--progress" in sys.argv:
        show_progress()
        return
    console = Console(highlight=False)
    with open_warehouse() as warehouse:
        funnel = [
            (role, *(f"{count:,}" for count in counts), f"{counts[-1] / counts[0]:.1%}")
            for role, *counts in warehouse.query(FUNNEL)
        ]
        heads = ["role", "opened", "interviewed", "offered", "hired", "of opened"]
        show(console, "The hiring funnel (marketplace.hiring_funnel_weekly)", heads, funnel)
        movements = [
            (f"{month:%b %Y}", *(f"{amount:,}" for amount in amounts))
            for month, *amounts in reversed(warehouse.query(MOVEMENTS))
        ]
        heads = ["month", "opening", "new", "up", "down", "churned", "closing"]
        title = "Recurring revenue in USD (finance.mrr_movements_monthly)"
        show(console, title, heads, movements)
        [(channel, hired, signed_up)] = warehouse.query(BEST_CHANNEL)
        [(sessions, visitors, sign_ups)] = warehouse.query(SESSIONS)
        console.print(
            f"The channel with most hires is [bold]{channel}[/]: {hired:,} of its {signed_up:,}"
            " candidates (growth.channel_performance_weekly).\n"
            f"{sessions:,} sessions of {visitors:,} visitors led to [bold]{sign_ups:,}[/] sign-ups"
            " (growth.fct_sessions).\n",
            soft_wrap=True,
        )
        [(landed, copies, failed, unknown)] = warehouse.query(COUNTS)
    console.print(
        f"[bold]{landed:,}[/] events landed, [bold]{copies:,}[/] of them copies that "
        f"staging leaves out; [bold]{failed:,}[/] failed and are kept with their reasons;\n"
        f"{unknown:,} properties that no contract names are in landed.unknown_properties.\n",
        soft_wrap=True,
    )
    console.print("The docs, as a site: [cyan]target/site/index.html[/]\n")
    console.print("Try next:")
    for command, what in (
        (".venv/bin/hirehouse contracts show interview_requested", "a contract, with an example"),
        (".venv/bin/hirehouse land data/demo", "landing again changes nothing"),
        (".venv/bin/hirehouse query --file analyses/churn.sql", "ask a question"),
        (".venv/bin/hirehouse query", "ask your own, with completion"),
        (".venv/bin/mf query --metrics hires --group-by metric_time__month", "query a metric"),
    ):
        console.print(f"  [green]{command}[/]   # {what}", soft_wrap=True)


if __name__ == "__main__":
    main()
