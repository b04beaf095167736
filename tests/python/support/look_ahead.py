"""What was known before a cut, and the same marketplaces with another future.

Histories land twice: as they are, and with all that became known from a moment on, the cut, removed
or changed. No row of features from before the cut may differ.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from hirehouse.contracts.model import ROOT
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from support.histories import MIDDLE, OWN, VARIANTS, Sent, histories, sent, variant, within
from support.project import compiled
from support.sequences import LANDED_AT

DAY = timedelta(days=1)
AS_OF = datetime(2026, 3, 27)
ENDS_AT = AS_OF + DAY
# The models that a data scientist reads; each is built with all that it reads.
SETS = (
    *("features_candidate_daily", "features_employer_daily", "features_position_daily"),
    *("training_interview_acceptance", "training_offer_acceptance", "training_time_to_fill"),
    *("candidates_as_known", "employers_as_known", "positions_as_known", "market_days"),
    *("dim_candidates_history", "dim_employers_history", "dim_positions_history"),
)
MOMENTS = tuple(MIDDLE + days * DAY for days in (-60, -20, -6, -1, 0, 0, 1, 1.5, 7, 7, 12, 20))
DELAYS = tuple(timedelta(days=days) for days in (0, 0, 0, 0.1, 1, 3, 6, 15, 30, -1))


@dataclass(frozen=True)
class Known:
    """An event, and when a replay landed it; None if it landed at once."""

    sent: Sent
    replayed_at: datetime | None = None

    @property
    def received_at(self) -> datetime:
        return self.sent.at + timedelta(seconds=self.sent.delay or 0)

    @property
    def known_at(self) -> datetime:
        return self.replayed_at or self.received_at


Past = tuple[Known, ...]


# What happens rarely by chance, each with its cut.
TEN_DAYS = 864_000
WRITTEN = (
    (
        (
            sent(1, "candidate_signed_up", "a", "2026-03-01", candidate_id="~candidate-1"),
            sent(1, "page_viewed", "b", "2026-03-05", anonymous="~visitor-1"),
            sent(
                1,
                "identity_linked",
                "c",
                "2026-03-05",
                delay=TEN_DAYS,
                previous_id="~visitor-1",
                person_id="~candidate-1",
            ),
        ),
        datetime(2026, 3, 10),
    ),
    (
        (
            sent(1, "interview_requested", "a", "2026-03-02"),
            sent(1, "interview_request_answered", "b", "2026-03-10", delay=TEN_DAYS),
        ),
        datetime(2026, 3, 17),
    ),
    (
        (
            sent(1, "interview_requested", "a", "2026-03-01", delay=TEN_DAYS),
            sent(1, "application_submitted", "b", "2026-03-01", candidacy_id="~candidacy-2"),
            sent(1, "offer_extended", "c", "2026-03-02"),
            sent(1, "offer_extended", "d", "2026-03-03", candidacy_id="~candidacy-2"),
        ),
        datetime(2026, 3, 4),
    ),
)


def pasts(count: int, seed: int) -> list[Past]:
    """Histories whose events become known late, by a replay, or before they happen."""
    return [
        tuple(_known(random.Random(f"{seed} {number} {n}"), one) for n, one in enumerate(history))
        for number, history in enumerate(histories(1, count, seed))
    ]


@cache
def events() -> Sequence[str]:
    """The events that any of SETS reads."""
    return sorted(name.split("__")[1] for name, part in parts().items() if part.is_view)


def _known(chance: random.Random, one: Sent) -> Known:
    if one.event not in events():
        event = chance.choice(events())
        one = replace(one, event=event, properties=within(_variant(event, chance), 2))
    at = chance.choice(MOMENTS)
    delay = int(chance.choice(DELAYS).total_seconds())
    # A market of its own: others share none of its role and location.
    own = {**one.properties, "location": f"{OWN}a"} if "location" in one.properties else {}
    known = Known(replace(one, at=at, delay=delay, properties=own or one.properties))
    if chance.random() < 0.15:
        known = replace(known, replayed_at=known.received_at + chance.choice([1, 4, 9]) * DAY)
    return known


def cut_of(past: Past, chance: random.Random) -> datetime:
    """A moment to cut at: the end of a day, that of the data, or when something became known."""
    days = [AS_OF - days * DAY for days in range(24)]
    return chance.choice([chance.choice(days), ENDS_AT, chance.choice(past).known_at])


def with_another_future(past: Past, cut: datetime, chance: random.Random) -> Past:
    """The history as known before the cut; what comes from then on is gone, or another event."""
    if chance.random() < 0.5:
        return tuple(one for one in past if one.known_at < cut)
    return tuple(one if one.known_at < cut else _other(one, chance) for one in past)


def _other(one: Known, chance: random.Random) -> Known:
    event = chance.choice([one.sent.event, chance.choice(events())])
    at = min(chance.choice(MOMENTS), one.known_at + DAY)
    properties = _variant(event, chance)
    other = replace(one.sent, event=event, at=at, properties=properties, delay=0)
    return Known(other, replayed_at=one.known_at)


def _variant(event: str, chance: random.Random) -> Mapping[str, Any]:
    return variant(event, chance.randrange(VARIANTS))


def landed(pasts: Sequence[Past], folder: Path, environment: Mapping[str, str]) -> Path:
    """A DuckDB file with these histories, as they became known; variables are set already."""
    folder.mkdir()
    events = [
        (f"h{index:04d}.", one) for index, past in enumerate(pasts) for one in past
    ]  # of copies the first to become known stays, as if each had landed then
    events.sort(key=lambda event: event[1].known_at)
    file = folder / "events.ndjson"
    file.write_bytes(b"".join(one.sent.line(prefix) + b"\n" for prefix, one in events))
    path = folder / "warehouse.duckdb"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**environment, "HIREHOUSE_DUCKDB": str(path)}.items():
            patch.setenv(name, value)
        patch.setattr("hirehouse.landing.land.utc_now", lambda: LANDED_AT)
        with open_warehouse() as warehouse:
            done = land([file], warehouse)
            assert done.failed == 0, done.failed_by_rule
            for row, (_, one) in enumerate(events, start=1):
                if one.replayed_at:
                    warehouse.execute(
                        f"update landed.{one.sent.event} set replayed_at ="
                        f" timestamp '{one.replayed_at}' where batch_row = {row}"
                    )
    return path


@dataclass(frozen=True)
class Part:
    """A model: its relation, what makes it, and whether a view is enough."""

    relation: str
    sql: str
    is_view: bool = False
    reads: frozenset[str] = frozenset()


@cache
def parts() -> dict[str, Part]:
    """All that SETS need, each after what it reads, as compiled for a first run on DuckDB."""
    manifest = json.loads((compiled() / "manifest.json").read_text())
    nodes, found = manifest["nodes"], dict[str, Part]()

    def take(key: str) -> None:
        node = nodes[key]
        if node["name"] in found:
            return
        relation = f"{node['schema']}.{node['alias']}"
        if node["resource_type"] == "seed":
            path = ROOT / node["original_file_path"]
            found[node["name"]] = Part(relation, f"select * from read_csv('{path}')")
            return
        if node["name"] == "data_as_of":
            found["data_as_of"] = Part(relation, AS_OF_SQL)
            return
        parents = [parent for parent in node["depends_on"]["nodes"] if parent in nodes]
        for parent in parents:
            take(parent)
        path = compiled() / "compiled" / "hirehouse" / node["original_file_path"]
        # An empty warehouse has no batches, among which copies would be looked for.
        sql = path.read_text().replace("batch_id <= 0", "batch_id > 0")
        is_view = node["name"].startswith("stg_") and "landing" not in node["fqn"]
        reads = frozenset(nodes[parent]["name"] for parent in parents)
        found[node["name"]] = Part(relation, sql, is_view, reads)

    for name in SETS:
        take(f"model.hirehouse.{name}")
    return found


AS_OF_SQL = (
    f"select timestamp '{AS_OF}' as as_of, date '{AS_OF:%Y-%m-%d}' as as_of_day,"
    f" timestamp '{ENDS_AT}' as ends_at, timestamp '{ENDS_AT}' as reaches_until"
)


@dataclass(frozen=True)
class Leak:
    """A change of a model's compiled SQL that lets the future in."""

    model: str
    right: str
    wrong: str

    def planted(self) -> dict[str, Part]:
        """The models with the leak; AssertionError if the model no longer has the text."""
        part = parts()[self.model]
        assert self.right in part.sql, f"{self.model} has changed: plant the leak anew"
        return {**parts(), self.model: replace(part, sql=part.sql.replace(self.right, self.wrong))}


class Futures:
    """Histories with two futures each, landed; models are built on both and compared.

    Args:
        count, seed: how many histories, and of which seed.
        folder: for the files.
        environment: the variables of a DuckDB warehouse.
    """

    def __init__(self, count: int, seed: int, folder: Path, environment: Mapping[str, str]) -> None:
        chance = random.Random(seed)
        self.pasts = pasts(count, seed)
        self.cuts = [cut_of(past, chance) for past in self.pasts]
        for written, cut in WRITTEN:
            self.pasts.append(tuple(map(Known, written)))
            self.cuts.append(cut)
        others = [
            with_another_future(past, cut, chance)
            for past, cut in zip(self.pasts, self.cuts, strict=True)
        ]
        removed = [len(other) < len(past) for past, other in zip(self.pasts, others, strict=True)]
        self.db = duckdb.connect()
        self.db.execute("set timezone = 'UTC'")
        self.db.execute("set integer_division = true")
        self.db.execute("set default_null_order = 'nulls_last_on_asc_first_on_desc'")
        for name, content in {"one": self.pasts, "other": others}.items():
            path = landed(content, folder / name, environment)
            self.db.execute(f"attach '{path}' as {name}")
        self.db.execute("create table cuts (prefix varchar, cut timestamp, removed boolean)")
        rows = [
            (f"h{number:04d}.", cut, gone)
            for number, (cut, gone) in enumerate(zip(self.cuts, removed, strict=True))
        ]
        self.db.executemany("insert into cuts values (?, ?, ?)", rows)
        self.built: dict[str, Part] = {}

    def differing(self, models: Mapping[str, Part]) -> dict[str, set[int]]:
        """By name of a set and rule, the histories with a row before the cut that differs."""
        self._build(models)
        found: dict[str, set[int]] = {}
        for name in SETS:
            relation = models[name].relation
            columns = [c for (c,) in self.db.execute(COLUMNS, relation.split(".")).fetchall()]
            for rule, (condition, left_out, both) in rules_of(name).items():
                taken = [f"t.{column}" for column in columns if column not in left_out]
                key = "location" if name == "market_days" else columns[0]
                one, other = (
                    f"select c.prefix, {', '.join(taken)} from {db}.{relation} as t"
                    f" inner join memory.cuts as c on left(t.{key}, 6) = c.prefix where {condition}"
                    for db in ("one", "other")
                )
                sql = f"({one}) except all ({other})"
                rows = self.db.execute(f"select distinct prefix from ({sql})").fetchall()
                if both:
                    sql = f"({other}) except all ({one})"
                    rows += self.db.execute(f"select distinct prefix from ({sql})").fetchall()
                if numbers := {int(prefix[1:5]) for (prefix,) in rows}:
                    found[f"{name}, {rule}"] = numbers
        return found

    def rows(self, name: str) -> int:
        """How many rows a set has of the histories as they are."""
        [(count,)] = self.db.execute(
            f"select count(*) from one.{parts()[name].relation}"
        ).fetchall()
        return int(count)

    def _build(self, models: Mapping[str, Part]) -> None:
        """Build what has changed since the last time, and all that reads it."""
        changed: set[str] = set()
        for name, part in models.items():
            if self.built.get(name) != part or changed & part.reads:
                changed.add(name)
                for db in ("one", "other"):
                    self.db.execute(f"use {db}")
                    schema = part.relation.split(".")[0]
                    self.db.execute(f"create schema if not exists {schema}")
                    kind = "view" if part.is_view else "table"
                    self.db.execute(f"create or replace {kind} {part.relation} as {part.sql}")
                self.db.execute("use memory")
        self.built = dict(models)


COLUMNS = (
    "select column_name from duckdb_columns() where database_name = 'one'"
    " and schema_name = ? and table_name = ? order by column_index"
)
Rule = tuple[str, set[str], bool]  # condition, columns left out, whether both must have the rows


def rules_of(name: str) -> dict[str, Rule]:
    """Which rows of a set must be the same, less which columns."""
    if name.startswith("features_"):
        return {"days before the cut": ("t.known_until <= c.cut", set(), True)}
    if name == "training_time_to_fill":
        label = {"is_censored", "observed_until"}
        return {
            "features of rows known before the cut": ("t.known_at < c.cut", label, True),
            "rows, if the cut is the end of the data": (f"c.cut = '{ENDS_AT}'", set(), True),
        }
    if name.startswith("training_"):
        return {
            "features of rows known before the cut": ("t.known_at < c.cut", {"label"}, True),
            "labels due before the cut": (
                "t.known_at < c.cut and t.label_at <= c.cut",
                set(),
                True,
            ),
        }
    if name.endswith("_as_known"):
        return {"states known before the cut": ("t.known_from < c.cut", {"known_to"}, True)}
    if name == "market_days":
        return {"days before the cut": ("t.market_day < cast(c.cut as date)", {"next_day"}, True)}
    # Of what became known late, such a history has no version until all of it is known.
    ends = {"valid_to", "is_current"}
    return {"versions known before the cut": ("c.removed and t.known_from < c.cut", ends, False)}
