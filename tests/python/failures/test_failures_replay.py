"""Replays: killed, concurrent, after a change of contract, and into marts; nothing lands twice."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conftest import ENGINES
from hirehouse.contracts.model import load
from hirehouse.events.validate import utc_now
from hirehouse.failures import actions, queries
from hirehouse.failures.actions import FailureActions
from hirehouse.failures.patches import Changes
from hirehouse.failures.queries import Failed, Selection
from hirehouse.failures.trace import trace
from hirehouse.landing.inputs import Limits
from hirehouse.landing.land import land
from hirehouse.landing.write_batches import begin_batch
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from simulator import simulate
from support.events import event, line, write
from support.forks import MODELS, Fork, Tell, tell_of_batches
from support.marts import Enter, mart_hashes
from support.parsing import keep, leave_out_comments

pytestmark = pytest.mark.redshift

COMMITTED = "batch_id in (select batch_id from landed.batches where committed_at is not null)"
SMALL = Limits(lines=40)
RIGHT = Changes(set=[("/properties/currency", "USD")])
RecordProperty = Callable[[str, object], None]


def replaying(tell: Tell) -> None:
    """Replay all in small batches, and report "batch" as each one begins."""
    tell_of_batches(tell)
    with open_warehouse(say=tell) as warehouse:
        FailureActions(warehouse, "child", SMALL).replay(Selection())


def fail(folder: Path, first: int, count: int, *_: Tell) -> None:
    """Land a file of events that fail, and patch them."""
    lines = [line(event(number, currency="XXX")) for number in range(first, first + count)]
    file = write(folder / f"{first}.ndjson", lines)
    with open_warehouse() as warehouse:
        assert land([file], warehouse).failed == count
        new = Selection("status = 'open'")
        assert FailureActions(warehouse, "test").patch(new, RIGHT).actions["patched"] == count


def check_landed(count: int) -> None:
    """AssertionError unless each event has landed once, and each action has one row."""
    with open_warehouse() as warehouse:
        for table, key in (
            ("interview_requested", "event_id"),
            ("failure_actions where action = 'replayed' and", "failure_id"),
            ("failure_actions where action = 'replayed' and", "event_id"),
        ):
            where = table if "where" in table else f"{table} where"
            sql = f"select count(*), count(distinct {key}) from landed.{where} {COMMITTED}"
            assert warehouse.query(sql) == [(count, count)], table
        sql = f"select count(*) from landed.failed_events where {COMMITTED}"
        assert warehouse.query(sql) == [(count,)]
        assert FailureActions(warehouse, "test").replay(Selection()).actions.total() == 0


@pytest.mark.parametrize("engine", [*ENGINES, pytest.param("redshift", marks=pytest.mark.every)])
def test_killed_replays_lose_and_double_nothing(
    engine: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    enter: Enter,
    record_property: RecordProperty,
) -> None:
    enter(engine)
    wanted = 100 if request.config.getoption("--all") else 2
    draw = random.Random(engine)
    kills = trials = 0
    while kills < wanted:
        assert trials < 3 * wanted + 5
        Fork(partial(fail, tmp_path, trials * 1_000, 200)).finish()
        trials += 1
        child = Fork(replaying)
        for _ in range(draw.randrange(4)):
            child.until("batch")
        time.sleep(draw.uniform(0, 0.1))
        kills += child.kill()
    Fork(replaying).finish()
    check_landed(trials * 200)
    record_property("kills in replaying", kills)


@pytest.mark.parametrize("engine", ENGINES)
def test_concurrent_replays_land_each_event_once(engine: str, tmp_path: Path, enter: Enter) -> None:
    enter(engine)
    Fork(partial(fail, tmp_path, 0, 400)).finish()
    said = [child.finish() for child in [Fork(replaying) for _ in range(3)]]
    assert any("waiting" in text for lines in said for text in lines)
    assert sum(lines.count("batch") for lines in said) >= 10
    check_landed(400)


def test_failures_that_another_process_acts_on_meanwhile_are_skipped(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(tmp_path, 0, 100)
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        [(one,)] = warehouse.query(
            "select failure_id from landed.failed_events where event_id = 'm-0000045'"
        )
        desk = FailureActions(warehouse, "ana", SMALL)
        pages = queries.pages

        def disturbed(*arguments: Any) -> Iterator[list[Failed]]:
            for number, page in enumerate(pages(*arguments)):
                if number == 1:
                    assert one in {failed.failure_id for failed in page}
                    batch_id, now = begin_batch(warehouse, "[]"), utc_now()
                    warehouse.execute(
                        "insert into landed.failure_actions"
                        " (failure_id, batch_id, batch_row, acted_at, actor, action)"
                        " values (?, ?, 1, ?, 'bob', 'discarded')",
                        [one, batch_id, now],
                    )
                    warehouse.execute(
                        "update landed.batches set committed_at = ? where batch_id = ?",
                        [now, batch_id],
                    )
                yield page

        monkeypatch.setattr(actions, "pages", disturbed)
        assert desk.replay(Selection()).actions == {"replayed": 99}
        assert queries.describe_failure(warehouse, one)["status"] == "discarded"
        ids = f"select count(*) from landed.interview_requested where {COMMITTED}"
        assert warehouse.query(ids) == [(99,)]


def test_an_extended_contract_lets_old_failures_land_unpatched(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line(event(number, currency="CHF")) for number in range(3)]
    lines.append(line(event(3, currency="XXX")))
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        assert land([write(tmp_path / "a.ndjson", lines)], warehouse).failed == 4
        contracts = dict(load())
        old = contracts["interview_requested", 1]
        grown = tuple(
            replace(c, meta=c.meta | {"enum": [*c.meta["enum"], "CHF"]})
            if c.name == "currency"
            else c
            for c in old.columns
        )
        contracts["interview_requested", 1] = replace(old, columns=grown)
        for module in (actions, queries):
            monkeypatch.setattr(module, "load", lambda: contracts)
        [(one,)] = warehouse.query(
            "select failure_id from landed.failed_events where event_id = 'm-0000001'"
        )
        assert queries.describe_failure(warehouse, one)["reasons_today"] == []
        done = FailureActions(warehouse, "ana").replay(Selection())
        assert done.actions == {"replayed": 3, "refused": 1}
        assert done.fails == {("enum", "/properties/currency"): 1}
        values = f"select currency, count(*) from landed.interview_requested where {COMMITTED}"
        assert warehouse.query(f"{values} group by currency") == [("CHF", 3)]


@pytest.mark.one_engine
def test_incremental_marts_of_replayed_events_equal_a_full_refresh(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offers of two months fail for their salary, and reach the marts after the other events."""
    simulate(tmp_path / "in", seed=5, start=date(2026, 1, 5), days=60, candidates=120)
    packed = sorted((tmp_path / "in").glob("*.ndjson.gz"))
    lines = [text for path in packed for text in gzip.decompress(path.read_bytes()).splitlines()]
    offers = [text for text in lines if b'"event":"offer_extended"' in text]
    wrong = [text.replace(b'"base_salary":', b'"base_salary":-') for text in offers]
    others = sorted(set(lines) - set(offers))
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        land([write(tmp_path / "all.ndjson", others + wrong)], warehouse)
    dbt = WarmDbt(folder=tmp_path / "target")
    keep(dbt.manifest, ("fct_offers", "failed_events"))
    leave_out_comments(dbt.manifest)
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))
    monkeypatch.setenv("DBT_WRITE_JSON", "true")  # `trace` reads the manifest

    def build(*arguments: str) -> dict[str, str]:
        outcome = dbt.run("build", *MODELS, *arguments)
        assert outcome.success, outcome.failed()
        schemas = ["staging", "intermediate", "core", "marketplace", "operations"]
        with open_warehouse() as warehouse:
            return mart_hashes(warehouse, schemas)

    assert "marketplace.fct_offers (0 rows)" in build()
    with open_warehouse() as warehouse:
        [(event_id, *_), *_] = candidates = warehouse.query(
            "select event_id, failure_id from landed.failed_events"
            " where rule = 'minimum' and event = 'offer_extended' order by event_id"
        )
        rule = Selection("rule = ? and event = ?", ("minimum", "offer_extended"))
        desk = FailureActions(warehouse, "ana")
        desk.patch(rule, Changes(set=[("/properties/base_salary", 100_000)]))
        assert desk.replay(rule).actions["replayed"] >= len(offers) - 5  # of which some are broken
        steps = list(trace(warehouse, event_id))
        assert [step["where"] for step in steps] == [
            "failed in batch 1",
            "landed.offer_extended, batch 3, row 1",
            "staging",
        ]
        assert f"replayed in batch 3 as {event_id}" in steps[0]["what"]
        assert "not built yet" in steps[2]["what"]
    after = build()
    assert "marketplace.fct_offers (0 rows)" not in after
    assert build("--full-refresh") == after
    with open_warehouse() as warehouse:
        copy = next(text for text in offers if event_id.encode() in text)
        land([write(tmp_path / "copy.ndjson", [copy])], warehouse)
        steps = list(trace(warehouse, candidates[0][1][:20]))
        told = {step["where"]: step["what"] for step in steps}
        assert told["landed.offer_extended, batch 3, row 1"].startswith("replayed at")
        assert told["marketplace.fct_offers"].endswith(": 1")
        assert steps[-2]["what"] == f"from {tmp_path / 'copy.ndjson'}, line 1"
        assert steps[-1]["what"] == "excluded as a copy of batch 3, row 1"
        begin_batch(warehouse, "[]")
        warehouse.execute(
            "insert into landed.offer_extended (event_id, occurred_at, received_at, batch_id,"
            " batch_row) select 'lost', committed_at, committed_at, 5, 1 from landed.batches"
            " where batch_id = 1"
        )
        [lost] = trace(warehouse, "lost")
        assert lost["what"].endswith("the batch is not committed, so it does not count")
        mart = "select fingerprint, status, count(*) from operations.failed_events group by 1, 2"
        ours = (
            f"with {queries.STATES} select fingerprint, status, count(*) from states group by 1, 2"
        )
        assert sorted(warehouse.query(mart)) == sorted(warehouse.query(ours))
