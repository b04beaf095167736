"""The simulated marketplace: its events against their contracts, and its truth against them."""

from __future__ import annotations

import gzip
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from typer.testing import CliRunner

from hirehouse.commands.simulate import simulate_command
from hirehouse.contracts.model import compile_schema, load
from hirehouse.events.validate import CompiledContracts, check_line
from simulator import simulate
from simulator.output import COUNTS, MONEY, RULES
from support.recounted import counts_of, money_of, searches_of, stages_of

DAYS, CANDIDATES = 90, 700
NOW = datetime(2030, 1, 1)
OPENED_BY = ("interview_requested", "application_submitted")


def lines_of(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.glob("events-*.ndjson.gz")):
        yield from gzip.decompress(path.read_bytes()).splitlines()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def time_of(event: dict[str, Any], member: str = "timestamp") -> datetime:
    return datetime.fromisoformat(event[member])


@dataclass
class Run:
    folder: Path
    truth: dict[str, Any]
    good: list[dict[str, Any]]  # in the order of arrival, copies included
    broken: list[bytes]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The distinct events in the order in which they happened."""
        first = {event["messageId"]: event for event in reversed(self.good)}
        return sorted(first.values(), key=lambda event: event["timestamp"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("marketplace")
    simulate(
        folder,
        seed=7,
        days=DAYS,
        candidates=CANDIDATES,
        broken_share=0.02,
        unknown_share=0.01,
        events_per_file=5_000,
    )
    contracts, good, broken = CompiledContracts(load()), [], []
    for line in lines_of(folder):
        verdict = check_line(line, contracts, NOW)
        if verdict.reasons:
            broken.append(line)
        else:
            good.append(orjson.loads(line))
    truth = orjson.loads((folder / "truth.json").read_bytes())
    return Run(folder, truth, good, broken)


@pytest.fixture(scope="module")
def other_network(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same marketplace over a network that neither delays, repeats nor breaks anything."""
    folder = tmp_path_factory.mktemp("perfect")
    simulate(
        folder,
        seed=7,
        days=DAYS,
        candidates=CANDIDATES,
        late_share=0,
        resent_share=0,
        broken_share=0,
        unknown_share=0,
    )
    good = [orjson.loads(line) for line in lines_of(folder)]
    return Run(folder, orjson.loads((folder / "truth.json").read_bytes()), good, [])


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name in ("once", "twice"):
        simulate(tmp_path / name, seed=3, days=20, candidates=60)
    simulate(tmp_path / "other", seed=4, days=20, candidates=60)
    assert files_of(tmp_path / "once") == files_of(tmp_path / "twice")
    assert not set(lines_of(tmp_path / "once")) & set(lines_of(tmp_path / "other"))
    assert b'"s3-cand-000001"' in b"".join(lines_of(tmp_path / "once"))
    assert b'"s3-' not in b"".join(lines_of(tmp_path / "other"))


def test_every_event_of_the_catalogue_occurs_and_conforms(run: Run) -> None:
    contracts = {event: contract for (event, _), contract in load().items()}
    assert set(run.truth["events_by_name"]) == set(contracts)
    strict = {name: compile_schema(c.schema(strict=True)) for name, c in contracts.items()}
    unknown = 0
    for event in run.events:
        properties = dict(event["properties"])
        unknown += properties.pop("utm_guess", None) is not None
        errors = strict[event["event"]].iter_errors(event | {"properties": properties})
        assert [str(error) for error in errors] == []
    assert unknown == run.truth["unknown_properties"] > 0


def test_each_broken_line_breaks_its_one_rule(run: Run) -> None:
    contracts, found = CompiledContracts(load()), Counter[str]()
    for line in run.broken:
        rules = [reason.rule for reason in check_line(line, contracts, NOW).reasons]
        assert len(rules) == 1, (rules, line[:300])
        found[rules[0]] += 1
    assert found == run.truth["broken"]
    assert set(found) == set(RULES)
    assert max(found.values()) - min(found.values()) <= 5


def test_lines_are_in_the_order_of_arrival(run: Run) -> None:
    arrivals = [event["receivedAt"] for event in run.good]
    assert arrivals == sorted(arrivals)
    sizes = [len(gzip.decompress(p.read_bytes()).splitlines()) for p in run.folder.glob("*.gz")]
    assert max(sizes) == 5_000
    assert sum(sizes) == run.truth["lines"] == len(run.good) + len(run.broken)


def test_shares_of_late_resent_and_broken(run: Run) -> None:
    truth, copies = run.truth, Counter(event["messageId"] for event in run.good)
    assert truth["events"] == len(copies) == sum(truth["events_by_name"].values())
    assert truth["resent"] == copies.total() - len(copies)
    by_id: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in run.good:
        by_id[event["messageId"]].append(event)
    delays = [time_of(e[0], "receivedAt") - time_of(e[0]) for e in by_id.values()]
    late = [delay for delay in delays if delay >= timedelta(seconds=5)]
    assert truth["late"] == len(late)
    assert min(late) < timedelta(minutes=1)
    assert timedelta(days=9) < max(late) < timedelta(days=10, seconds=2)
    assert truth["late"] / truth["events"] == pytest.approx(0.03, rel=0.1)
    assert truth["resent"] / truth["events"] == pytest.approx(0.01, rel=0.2)
    assert sum(truth["broken"].values()) / truth["events"] == pytest.approx(0.02, rel=0.15)
    for first, *again in by_id.values():
        for copy in again:
            assert copy["sentAt"] > first["sentAt"]
            same = ("timestamp", "event", "properties", "context")
            assert all(copy[member] == first[member] for member in same)


def test_causes_come_before_their_consequences(run: Run) -> None:
    created: dict[str, str] = {}
    makers = {
        "candidate_signed_up": "candidate_id",
        "employer_signed_up": "employer_id",
        "position_opened": "position_id",
        "interview_requested": "candidacy_id",
        "application_submitted": "candidacy_id",
        "candidate_search_performed": "search_id",
        "interview_scheduled": "interview_id",
        "offer_extended": "offer_id",
        "subscription_changed": "subscription_id",
        "placement_invoiced": "invoice_id",
        "email_delivered": "email_id",
    }
    steps: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for event in run.events:
        name, properties, occurred = event["event"], event["properties"], event["timestamp"]
        key = makers.get(name)
        if key:
            created.setdefault(properties[key], occurred)
        for key in {*makers.values(), "recipient_id", "person_id"} & properties.keys():
            assert created[properties[key]] <= occurred, event
        if "candidacy_id" in properties:
            steps[properties["candidacy_id"]].append((occurred, name))
    for chain in steps.values():
        times = [occurred for occurred, _ in chain]
        assert len(set(times)) == len(times)
        names = [name for _, name in chain]
        assert names[0] in OPENED_BY
        assert names.count("candidacy_closed") <= 1
        if "candidacy_closed" in names:
            assert names[-1] == "candidacy_closed" or "placement_invoiced" in names
        if "candidate_started" in names:
            assert "offer_answered" in names[: names.index("candidate_started")]
    end = (datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=DAYS)).isoformat()[:10]
    assert max(event["timestamp"] for event in run.events) < end


def test_nothing_is_heard_of_erased_candidates(run: Run) -> None:
    erased: set[str] = set()
    for event in run.events:
        assert not erased & {event.get("userId"), event["properties"].get("candidate_id")}
        if event["properties"].get("person_type") == "candidate":
            erased.add(event["properties"]["person_id"])
    assert erased


def test_truth_adds_up(run: Run) -> None:
    """Counts the events anew and compares; the simulation itself never counts them so."""
    months = run.truth["months"]
    counted, money = counts_of(run.events, months), money_of(run.events, months)
    stages, standing = stages_of(run.events)
    for (month, what), count in (searches_of(run.events) + stages).items():
        counted[month][what] += count
    names = Counter(event["event"] for event in run.events)
    assert names == run.truth["events_by_name"]
    for month, truth in run.truth["months"].items():
        for what in COUNTS:
            assert truth[what] == counted[month][what], (month, what)
        for what in MONEY:
            expected = {c: f"{v:.2f}" for (m, w, c), v in money.items() if (m, w) == (month, what)}
            assert truth[what] == {c: v for c, v in expected.items() if v != "0.00"}, (month, what)
    assert run.truth["candidacies"] == {
        "opened": names[OPENED_BY[0]] + names[OPENED_BY[1]],
        "by_origin": {
            "application": names["application_submitted"],
            "interview_request": names["interview_requested"],
        },
        **standing,
    }


def test_refunds_stay_within_their_invoices(run: Run) -> None:
    left: dict[str, Decimal] = {}
    for event in run.events:
        properties = event["properties"]
        if event["event"] == "placement_invoiced":
            left[properties["invoice_id"]] = Decimal(str(properties["amount"]))
        if event["event"] == "placement_refunded":
            left[properties["invoice_id"]] -= Decimal(str(properties["amount"]))
    assert min(left.values()) >= 0


def test_the_network_does_not_change_the_marketplace(run: Run, other_network: Run) -> None:
    same = ("events", "events_by_name", "candidacies", "months")
    assert {k: run.truth[k] for k in same} == {k: other_network.truth[k] for k in same}
    assert other_network.truth["lines"] == other_network.truth["events"]
    assert other_network.truth["late"] == other_network.truth["unknown_properties"] == 0


def test_weekends_are_weak_and_the_marketplace_grows(run: Run) -> None:
    days = Counter(
        time_of(event).date() for event in run.events if event["event"] == "interview_requested"
    )
    weekend = sum(n for day, n in days.items() if day.weekday() >= 5)
    assert 0 < weekend < 0.1 * days.total()
    months = run.truth["months"]
    assert months["2026-03"]["sign_ups"] > months["2026-02"]["sign_ups"]


def test_memory_holds_what_is_alive_and_not_what_was_written(tmp_path: Path) -> None:
    """Four times the days at the same traffic: four times the events, not four times the memory."""
    peaks, events = [], []
    for days in (40, 160):
        tracemalloc.start()
        truth = simulate(tmp_path / str(days), days=days, candidates=days * 5)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        events.append(truth.events)
    assert events[1] > 4 * events[0]
    assert peaks[1] < 2.5 * peaks[0]


def test_files_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    simulate(tmp_path, days=10, candidates=40, events_per_file=100)
    assert len(list(tmp_path.glob("*.gz"))) > 1
    simulate(tmp_path, days=10, candidates=40)
    assert [path.name for path in tmp_path.glob("*.gz")] == ["events-00000.ndjson.gz"]


@pytest.mark.parametrize(
    "wrong", [{"days": 0}, {"candidates": 0}, {"seed": -1}, {"late_share": 1.5}]
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        simulate(tmp_path, **wrong)


def test_command_says_what_it_made(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(simulate_command)
    options = ["--days", "5", "--candidates", "50", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    assert "late" in result.output
    assert "truth.json" in result.output
    assert CliRunner().invoke(app, [*options, "--late-share", "2"]).exit_code == 2
