"""The truth about a simulated marketplace, counted where the decisions are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from hirehouse.simulate.reference import DAY

# What is counted per month, under these names in truth.json.
COUNTS = (
    "sign_ups",
    "employer_sign_ups",
    "interview_requests",
    "interview_request_acceptances",
    "applications",
    "offers",
    "offer_acceptances",
    "starts",
)


@lru_cache(maxsize=4096)
def day_text(day: int) -> str:
    """The date of the day that many days after 1970-01-01, as YYYY-MM-DD."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def money_text(cents: int) -> str:
    """Cents as units with two decimals: 124950 is "1249.50"."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _amounts(cents: dict[str, int]) -> dict[str, str]:
    return {currency: money_text(cents[currency]) for currency in sorted(cents) if cents[currency]}


class Truth:
    """What really happened: the numbers that marts built from the events must show.

    Months are UTC months of `occurred_at`; money is counted in whole cents. Currencies without
    money in a month are left out of it.
    """

    def __init__(self, seed: int, start: date, days: int) -> None:
        self.seed, self.start, self.days = seed, start, days
        self.lines = self.resent = self.late = self.unknown_properties = 0
        self.opened: Counter[str] = Counter()
        self.closed = self.files = 0
        self.broken: Counter[str] = Counter()
        self.events_by_name: Counter[str] = Counter()
        self._counts = {month: Counter[str]() for month in self._months()}
        self._money = {
            month: {"invoiced": Counter[str](), "refunded": Counter[str]()}
            for month in self._counts
        }
        # Monthly recurring revenue now, and as it was at the end of each month gone by.
        self._mrr: Counter[str] = Counter()
        self._mrr_at_end: dict[str, dict[str, int]] = {}
        self._open_months = list(self._counts)

    def _months(self) -> Iterator[str]:
        last = self.start + timedelta(days=self.days - 1)
        month = self.start.replace(day=1)
        while month <= last:
            yield month.isoformat()[:7]
            month = (month + timedelta(days=31)).replace(day=1)

    @property
    def events(self) -> int:
        """Distinct good events."""
        return self.events_by_name.total()

    def count(self, occurred: int, what: str) -> None:
        """Count one of COUNTS; `occurred` in milliseconds since 1970."""
        self._counts[day_text(occurred // DAY)[:7]][what] += 1

    def add_money(self, occurred: int, what: str, currency: str, cents: int) -> None:
        """Add cents to what was `invoiced` or `refunded` in the month of `occurred`."""
        self._money[day_text(occurred // DAY)[:7]][what][currency] += cents

    def change_mrr(self, occurred: int, currency: str, cents: int) -> None:
        """Change the monthly recurring revenue by `cents` from `occurred` on."""
        month = day_text(occurred // DAY)[:7]
        while self._open_months[0] < month:
            self._mrr_at_end[self._open_months.pop(0)] = dict(self._mrr)
        self._mrr[currency] += cents

    def finish(self) -> None:
        """Close the months that are left: their revenue is that of the simulation's end."""
        for month in self._open_months:
            self._mrr_at_end[month] = dict(self._mrr)
        self._open_months = []

    def as_dict(self) -> dict[str, Any]:
        """The content of truth.json."""
        months = {
            month: {
                **{what: counts[what] for what in COUNTS},
                "invoiced": _amounts(self._money[month]["invoiced"]),
                "refunded": _amounts(self._money[month]["refunded"]),
                "mrr": _amounts(self._mrr_at_end[month]),
            }
            for month, counts in self._counts.items()
        }
        return {
            "seed": self.seed,
            "start": self.start.isoformat(),
            "days": self.days,
            "events": self.events,
            "lines": self.lines,
            "resent": self.resent,
            "late": self.late,
            "unknown_properties": self.unknown_properties,
            "broken": dict(sorted(self.broken.items())),
            "events_by_name": dict(sorted(self.events_by_name.items())),
            "candidacies": {
                "opened": self.opened.total(),
                "by_origin": dict(sorted(self.opened.items())),
                "closed": self.closed,
            },
            "months": months,
        }
