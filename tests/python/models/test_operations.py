"""The marts of operations name what is planted: days that miss events, and late events."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path

import pytest

from conftest import ENGINES, surrounded_by
from hirehouse.failures.queries import Selection, groups
from hirehouse.landing.land import land
from hirehouse.running.warm_dbt import Outcome, WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from simulator import simulate
from support.events import event, line, write
from support.marts import MakeEnvironment
from support.pages import blocks
from support.parsing import keep, leave_out_comments

pytestmark = pytest.mark.one_engine

PAGE = Path("docs/operations.md")
READ = ("reconciliation", "failed_events", "int_event_delay_percentiles")
Key = tuple[date, str, str | None]
WHOLE = "every_day_of_production_is_whole_in_the_marts"
# Events that the application forgets to emit, and what production counts of them.
FORGOTTEN = {"candidate_signed_up": "candidates", "placement_invoiced": "invoices"}


@pytest.fixture(scope="module", params=ENGINES)
def dbt(
    request: pytest.FixtureRequest,
    make_environment: MakeEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WarmDbt]:
    """An empty warehouse of each engine, for all tests."""
    folder = tmp_path_factory.mktemp(request.param)
    environment = make_environment(request.param, folder)
    with surrounded_by(environment):
        warm = WarmDbt(folder=folder / "target", variables=environment)
        keep(warm.manifest, READ)
        leave_out_comments(warm.manifest)
        yield warm


def take(path: Path, lines: list[bytes]) -> None:
    with open_warehouse() as warehouse:
        assert not land([write(path, lines)], warehouse).failed


def build(dbt: WarmDbt, *select: str) -> None:
    outcome = dbt.run("run", "--select", *select)
    assert outcome.success, outcome.messages


def checked(dbt: WarmDbt, *select: str) -> Outcome:
    return dbt.run("test", "--exclude-resource-type", "unit_test", "--select", *select)


def planted(lines: list[bytes]) -> dict[Key, bytes]:
    """A line to leave out of each kind, by the day, entity and currency that then miss it."""
    gaps = {}
    for name, entity in FORGOTTEN.items():
        text = next(text for text in lines if f'"event":"{name}"'.encode() in text)
        document = json.loads(text)
        day = date.fromisoformat(document["timestamp"][:10])
        gaps[day, entity, document["properties"].get("currency")] = text
    return gaps


def differing() -> dict[Key, tuple[str, int]]:
    """What is not equal: its status, and by how many rows the marts have more."""
    with open_warehouse() as warehouse:
        rows = warehouse.query(
            "select counted_on, entity, currency, status, row_count_difference"
            " from operations.reconciliation where status <> 'equal'"
        )
    return {(day, entity, currency): (status, more) for day, entity, currency, status, more in rows}


def test_reconciliation_names_exactly_the_days_that_miss_events(
    dbt: WarmDbt, tmp_path: Path
) -> None:
    simulate(
        tmp_path / "market",
        seed=4,
        days=70,
        candidates=250,
        resent_share=0,
        broken_share=0,
        unknown_share=0,
    )
    lines = [
        text
        for path in sorted((tmp_path / "market").glob("*.gz"))
        for text in gzip.decompress(path.read_bytes()).splitlines()
    ]
    gaps = planted(lines)
    lost = list(gaps.values())
    take(tmp_path / "most.ndjson", [text for text in lines if text not in lost])
    assert dbt.run("seed").success
    build(dbt, "+reconciliation", "+failed_events")
    node = next(n for n in dbt.manifest.nodes.values() if n.name == WHOLE)
    assert node.config.severity == "warn"
    outcome = checked(dbt, WHOLE)
    assert [m for m in outcome.messages.values() if m.startswith(f"Got {len(gaps)} results")]
    assert differing() == dict.fromkeys(gaps, ("missing", -1))
    with open_warehouse() as warehouse:
        # What the page of operations asks.
        counts = [len(warehouse.query(b.text)) for b in blocks(PAGE) if b.kind == "sql"]
    assert counts == [0, len(gaps)]  # nothing has failed

    # The count that was made last holds; then what was lost comes after all.
    (day, entity, _), *_ = gaps
    told = {"counted_on": str(day), "entity": entity, "row_count": 0}
    recount = event(1) | {"event": "production_counted", "properties": told}
    later = {"timestamp": "2026-06-01T00:00:00Z", "receivedAt": "2026-06-01T00:00:01Z"}
    more = told | {"row_count": 1_000}
    earlier = {"timestamp": f"{day}T00:00:00Z", "messageId": "m-2", "properties": more}
    take(tmp_path / "recount.ndjson", [line(recount | later), line(recount | earlier)])
    build(dbt, "+int_production_counts", "reconciliation")
    assert differing()[day, entity, None][0] == "surplus"
    take(tmp_path / "lost.ndjson", lost)
    build(dbt, "+dim_candidates", "+fct_placement_fees", "reconciliation")
    assert differing().keys() == {(day, entity, None)}


def test_a_fingerprint_is_the_commands_own(dbt: WarmDbt, tmp_path: Path) -> None:
    wrong = [line(event(9_000, base_salary=-1)), line(event(9_001, currency="é|")), b"no event"]
    with open_warehouse() as warehouse:
        assert land([write(tmp_path / "wrong.ndjson", wrong)], warehouse).failed == len(wrong)
    build(dbt, "+failed_events")
    with open_warehouse() as warehouse:
        rows = warehouse.query("select fingerprint, pointer from operations.failed_events")
        found = groups(warehouse, Selection())
    assert len(rows) == len(wrong)
    assert sorted(rows) == sorted((group["fingerprint"], group["pointer"]) for group in found)


def test_late_events_warn(dbt: WarmDbt, tmp_path: Path) -> None:
    numbers = count()

    def arrive(*groups: tuple[int, str, str]) -> set[str]:
        """Land so many events that arrived on a day and happened on another; gives what warns."""
        for number, day, happened in groups:
            times = {"timestamp": f"{happened}T09:00:00Z", "receivedAt": f"{day}T10:00:00Z"}
            lines = [line(event(next(numbers)) | times) for _ in range(number)]
            take(tmp_path / f"{next(numbers)}.ndjson", lines)
        build(dbt, "+int_event_delay_percentiles")
        failed = checked(dbt, "int_event_delay_percentiles").failed()
        return {column for column in ("p90", "p99") for name in failed if f"_{column}_" in name}

    # A tenth is late, and no more than a tenth may be.
    assert arrive((90, "2026-10-05", "2026-10-05"), (10, "2026-10-05", "2026-10-01")) == set()
    assert arrive((1, "2026-10-05", "2026-10-01")) == {"p90"}
    # Less than a hundred say nothing about their day.
    assert arrive((9, "2026-10-05", "2026-10-05"), (99, "2026-10-20", "2026-10-01")) == set()
    assert arrive((1, "2026-10-20", "2026-10-01")) == {"p90", "p99"}
    limits = [n for n in dbt.manifest.nodes.values() if n.name.startswith("at_most_")]
    assert {node.config.severity for node in limits} == {"warn"}
