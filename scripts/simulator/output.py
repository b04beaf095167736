"""What the marketplace leaves behind: files of events in the order of arrival, and the truth."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from gzip import GzipFile
from heapq import heappop, heappush
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import orjson

from simulator.reference import DAY, HOUR, SECOND

CLOCK = tuple(f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}." for s in range(86_400))
MILLISECONDS = tuple(f"{milli:03d}Z" for milli in range(1000))
# Late is late by seconds to minutes as often as by days: a lost connection, a closed laptop.
LATE_AT_LEAST, LATE_AT_MOST = 5 * SECOND, 10 * DAY


@lru_cache(maxsize=4096)
def _day_text(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def iso_time(milliseconds: int) -> str:
    """ISO 8601 in UTC of milliseconds since 1970; three times as fast as by `datetime`."""
    second = milliseconds // 1000
    return _day_text(second // 86_400) + CLOCK[second % 86_400] + MILLISECONDS[milliseconds % 1000]


COUNTS = (  # per month
    *("sign_ups", "employer_sign_ups", "interview_requests", "interview_request_acceptances"),
    *("applications", "offers", "offer_acceptances", "starts", "early_leavers"),
    # Of searches and of who was seen in them: in the month of the search.
    *("searches", "searches_without_result", "searches_viewed", "searches_requested"),
    *("profile_views", "candidates_requested"),
    *("interviews", "interviews_held", "no_shows", "positions_opened", "positions_filled"),
    # Visits to stages that ended, and how: passed in order, or entered once more.
    *("stages_left", "stages_passed", "stages_repeated"),
    *("first_searchable", "matched"),
)
MONEY = (  # per month and currency
    *("invoiced", "refunded", "gmv", "mrr"),
    *("mrr_new", "mrr_reactivated", "mrr_expansion", "mrr_contraction", "mrr_churned"),
)


@dataclass
class Truth:
    """What really happened: the numbers that marts built from the events must show.

    Its fields are those of truth.json. Months are UTC months of `occurred_at`; currencies without
    money in a month are left out of it.
    """

    seed: int
    start: date
    days: int
    events: int = 0  # distinct good ones
    lines: int = 0
    resent: int = 0
    late: int = 0
    unknown_properties: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    events_by_name: Counter[str] = field(default_factory=Counter)
    candidacies: dict[str, Any] = field(default_factory=dict)
    months: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests_by_day: Counter[str] = field(default_factory=Counter)
    requests_by_band: Counter[str] = field(default_factory=Counter)
    acceptances_by_band: Counter[str] = field(default_factory=Counter)
    # By name, variant and what is counted; who signed up as a candidate has converted.
    experiments: Counter[str] = field(default_factory=Counter)
    weeks: dict[str, dict[str, int]] = field(default_factory=dict)  # by their Monday
    channels: dict[str, dict[str, int]] = field(default_factory=dict)
    attribution: dict[str, dict[str, dict[str, Decimal]]] = field(default_factory=dict)
    cohorts: dict[str, list[dict[str, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.candidacies |= {"opened": 0, "by_origin": Counter(), "closed": 0, "under_way": 0}
        for day in range(self.days):
            month = (self.start + timedelta(days=day)).isoformat()[:7]
            money: dict[str, Any] = {what: {} for what in MONEY}
            self.months[month] = dict.fromkeys(COUNTS, 0) | money

    def count(self, occurred: int, what: str) -> None:
        """Count one of COUNTS; `occurred` in milliseconds since 1970, of leavers their start."""
        self.months[iso_time(occurred)[:7]][what] += 1

    def add_money(self, occurred: int, what: str, currency: str, cents: int) -> None:
        """Add to one of MONEY; what recurs, `mrr`, is there in all later months, too."""
        booked = iso_time(occurred)[:7]
        for month, counts in self.months.items():
            if month == booked or (what == "mrr" and month > booked):
                total = counts[what].pop(currency, 0) + Decimal(cents).scaleb(-2)
                if total:
                    counts[what][currency] = total


# What an application gets wrong before the properties of a message are even looked at.
_NO_TIMES = ("1970-01-01T00:00:00Z", "2026-02-30T09:15:00Z", "2099-05-01T12:00:00Z")
_LINES: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "json": lambda m: orjson.dumps(m)[: -len(m["event"])],
    # The members are equal, yet readers differ in which they take: so it is a failure.
    "duplicate_key": lambda m: orjson.dumps(m)[:-1] + b',"type":"track"}',
    "size": lambda m: orjson.dumps(m | {"traits": "x" * 32 * 1024}),
    "event": lambda m: orjson.dumps(m | {"event": m["event"] + "_clicked"}),
    "message_id": lambda m: orjson.dumps(m | {"messageId": ""}),
    "time": lambda m: orjson.dumps(m | {"timestamp": _NO_TIMES[len(m["properties"]) % 3]}),
}
# Rules of contracts: properties that have the rule in every event, and what breaks it.
_IDS = ("candidacy_id", "candidate_id", "employer_id")
_NUMBERS = ("base_salary", "years_experience", "cover_letter_words")
_MONEY = ("amount", "monthly_amount")
_CHOICES = ("answer", "change", "channel", "currency", "decision", "reason", "role", "stage")
_VALUES: dict[str, tuple[tuple[str, ...], Callable[[Any], Any]]] = {
    "required": (_IDS, lambda _: None),
    # Within the 64 that are the limit in characters, over it in bytes.
    "maxBytes": (_IDS, lambda value: "é" * 33 + value[:20]),
    "nul": (_IDS, lambda value: value[:20] + "\x00"),
    "type": ((*_NUMBERS, "result_count"), lambda value: f"about {value}"),
    "enum": (_CHOICES, lambda _: "tbd"),
    "minimum": ((*_NUMBERS, *_MONEY, "result_count"), lambda value: -1 - int(value)),
    "maximum": (_NUMBERS, lambda value: 5_000_001 + value),
    "pattern": (("country_code",), lambda value: value.lower()),
    "format": (("email", "link_url"), lambda _: "not given"),
    "scale": (_MONEY, lambda value: round(value + 0.005, 3)),
}
RULES = (*_LINES, *_VALUES)


def broken_line(rule: str, message: dict[str, Any]) -> bytes:
    """The message as a line that breaks this one of RULES only; empty if it can't."""
    if rule in _LINES:
        return _LINES[rule](message)
    names, turn = _VALUES[rule]
    for name in names:
        if name in message["properties"]:
            properties = message["properties"] | {name: turn(message["properties"][name])}
            given = {name: value for name, value in properties.items() if value is not None}
            return orjson.dumps(message | {"properties": given})
    return b""


# What the application stores of an event, which a nightly job counts.
COUNTED = {
    "candidate_signed_up": "candidates",
    "employer_signed_up": "employers",
    "position_opened": "positions",
    "interview_requested": "candidacies",
    "application_submitted": "candidacies",
    "offer_extended": "offers",
    "offer_answered": "hires",
    "placement_invoiced": "invoices",
    "placement_refunded": "refunds",
}


@dataclass
class Output:
    """Sends events over a network that is late, sends again and, rarely, breaks them.

    What is on its way waits in a heap by arrival, so memory holds no more than is late. Random
    numbers are its own: with other shares it is the same marketplace, seen by another network.
    """

    out: Path
    lines_per_file: int
    truth: Truth
    late_share: float
    resent_share: float
    broken_share: float
    unknown_share: float
    _under_way: list[tuple[int, int, bytes]] = field(default_factory=list)
    _due: list[str] = field(default_factory=list)  # rules that wait for an event that fits
    _file: GzipFile | BytesIO = field(default_factory=BytesIO)
    _written: int = 0
    _told: int = 0  # scores and recommendations
    _stored: dict[int, dict[tuple[str, str], list[int]]] = field(default_factory=dict)  # by day

    def __post_init__(self) -> None:
        self._rng = Random(f"{self.truth.seed}/network")

    def send(self, occurred: int, message: dict[str, Any]) -> None:
        """Send an event that happened at `occurred`, in milliseconds since 1970."""
        rng, truth = self._rng, self.truth
        self._store(occurred, message["event"], message["properties"])
        truth.events += 1
        truth.events_by_name[message["event"]] += 1
        sent = occurred + 5 + int(rng.random() * 300)
        if rng.random() < self.late_share:
            sent = occurred + int(LATE_AT_LEAST * (LATE_AT_MOST / LATE_AT_LEAST) ** rng.random())
            truth.late += 1
        received = sent + 10 + int(rng.random() * 500)
        id_ = f"s{truth.seed}-msg-{str(truth.events).zfill(10)}"
        message = {**message, "messageId": id_, "timestamp": iso_time(occurred)}
        message["sentAt"], message["receivedAt"] = iso_time(sent), iso_time(received)
        if rng.random() < self.broken_share:
            turn = truth.broken.total() + len(self._due)
            self._due.append(RULES[turn % len(RULES)])
        if self._due:
            self._send_broken(received, message)
        if rng.random() < self.unknown_share:
            guess = {"utm_guess": f"campaign-{rng.randrange(20)}"}
            message["properties"] = message["properties"] | guess
            truth.unknown_properties += 1
        self._arrive(received, orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
        if rng.random() < self.resent_share:
            sent = received + int(SECOND * (2 * DAY / SECOND) ** rng.random())
            received = sent + 10 + int(rng.random() * 500)
            message["sentAt"], message["receivedAt"] = iso_time(sent), iso_time(received)
            self._arrive(received, orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
            truth.resent += 1

    def tell(self, at: int, event: str, properties: dict[str, Any]) -> None:
        """A service of its own tells of an event, over a network that is never late."""
        self._told += 1
        received = at + SECOND // 5
        message = {
            "type": "track",
            "event": event,
            "messageId": f"s{self.truth.seed}-told-{self._told:010d}",
            "userId": "scoring",
            "timestamp": iso_time(at),
            "sentAt": iso_time(at),
            "receivedAt": iso_time(received),
            "properties": properties,
        }
        self._arrive(received, orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
        self.truth.events_by_name[event] += 1

    def _store(self, occurred: int, event: str, properties: dict[str, Any]) -> None:
        if event in COUNTED and properties.get("answer") != "declined":
            currency = properties["currency"] if "amount" in properties else ""
            day = self._stored.setdefault(occurred // DAY, {})
            total = day.setdefault((COUNTED[event], currency), [0, 0])
            total[0] += 1
            total[1] += round(properties.get("amount", 0) * 100)

    def _count(self, day: int) -> None:
        """At two in the morning a job counts what was stored the day before."""
        at = (day + 1) * DAY + 2 * HOUR
        event = {"type": "track", "event": "production_counted", "userId": "nightly-count"}
        event |= dict.fromkeys(("timestamp", "sentAt", "receivedAt"), iso_time(at))
        for (entity, currency), (rows, cents) in sorted(self._stored.pop(day).items()):
            counts = {"counted_on": _day_text(day), "entity": entity, "row_count": rows}
            counts |= {"amount": cents / 100, "currency": currency} if currency else {}
            name = f"s{self.truth.seed}-count-{day}-{entity}{currency}"
            message = event | {"messageId": name, "properties": counts}
            self._arrive(at, orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
            self.truth.events_by_name["production_counted"] += 1

    def _send_broken(self, received: int, message: dict[str, Any]) -> None:
        """Send a broken twin of a message, if it can break a rule whose turn has come."""
        truth = self.truth
        twin = message | {"messageId": f"s{truth.seed}-bad-{truth.broken.total() + 1:010d}"}
        for rule in self._due:
            line = broken_line(rule, twin)
            if line:
                self._due.remove(rule)
                self._arrive(received, line + b"\n")
                truth.broken[rule] += 1
                return

    def _arrive(self, received: int, line: bytes) -> None:
        self.truth.lines += 1
        heappush(self._under_way, (received, self.truth.lines, line))

    def advance(self, now: int) -> None:
        """Write what has arrived before `now`; nothing may happen before `now` afterwards."""
        for day in [day for day in self._stored if day < now // DAY]:
            self._count(day)
        under_way, arrived = self._under_way, []
        while under_way and under_way[0][0] < now:
            arrived.append(heappop(under_way)[2])
        while arrived:
            number, done = divmod(self._written, self.lines_per_file)
            if done == 0:
                self._file.close()
                path = self.out / f"events-{number:05d}.ndjson.gz"
                # No time in the header: the same events give the same bytes.
                self._file = GzipFile(path, "wb", compresslevel=1, mtime=0)
            lines = arrived[: min(self.lines_per_file - done, 1000)]
            self._file.write(b"".join(lines))
            self._written += len(lines)
            del arrived[: len(lines)]

    def close(self) -> None:
        """Write what is still on its way, however late, and finish the last file."""
        self._stored.clear()  # the last night lies beyond the end
        self.advance(1 << 62)
        self._file.close()
        # Not before: until here the number of events numbers them.
        self.truth.events += self.truth.events_by_name["production_counted"] + self._told
