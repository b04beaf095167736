"""What led people to the marketplace and kept them: channels, attribution and cohorts."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from simulator.reference import DAY, MINUTE

SILENCE, WINDOW, WHOLE = 30 * MINUTE, 90 * DAY, 1_000_000
LEADS: list[tuple[str, str]] = []  # what led to visits: campaign, empty without, and channel
Touch = tuple[int, str]  # when a session began, and its channel
Counts = dict[str, dict[str, int]]
Shares = dict[str, dict[str, dict[str, Decimal]]]


def week(at: int) -> int:
    """Number of the week, which begins on Monday, of milliseconds since 1970."""
    return (at // DAY + 3) // 7


@dataclass(slots=True)
class Account:
    kind: str  # candidate or employer
    signed_up: int
    channel: str  # as declared
    approved: bool = False
    requests: tuple[int, ...] = ()  # of interviews, to or by it
    hires: tuple[int, ...] = ()
    weeks: frozenset[int] = frozenset()  # in which an employer did something


@dataclass(slots=True, eq=False)
class Journey:
    """What a person does, on all devices and with all accounts."""

    # Of each visit, when its first and last page were, and what led to it, by its place in LEADS.
    visits: array[int] = field(default_factory=lambda: array("q"))
    accounts: list[Account] = field(default_factory=list)

    def visit(self, begun: int, last: int, campaign: str, channel: str) -> None:
        """Note a visit: when its first and last page were, and what led to it."""
        lead = campaign, channel
        if lead not in LEADS:
            LEADS.append(lead)
        self.visits.extend((begun, last, LEADS.index(lead)))

    def join(self, other: Journey) -> None:
        """Take over what turns out to be the same person's."""
        self.visits += other.visits
        self.accounts += other.accounts

    def touches(self) -> Iterator[Touch]:
        """Starts of sessions: visits at most half an hour apart are one, but for new campaigns."""
        until, running = -SILENCE, ""
        visits = iter(self.visits)
        for begun, last, lead in sorted(zip(visits, visits, visits, strict=True)):
            campaign, channel = LEADS[lead]
            silent = begun > until + SILENCE
            if silent or (campaign and campaign != running):
                yield begun, channel
            running = campaign or ("" if silent else running)
            until = max(until, last)

    def visitors(self) -> list[str]:
        """Channels by which the person, still without an account, came; once for each week."""
        first = min((account.signed_up for account in self.accounts), default=1 << 62)
        return [c for _, c in {(week(at), c) for at, c in self.touches() if at <= first}]

    def credited(self, converted: int) -> list[str]:
        """Channels of the touches of a conversion; unknown without any."""
        touches = [c for at, c in self.touches() if converted - WINDOW <= at <= converted]
        return [c for c in touches if c != "direct"] or touches or ["unknown"]


def even(count: int, whole: int = WHOLE) -> list[int]:
    """The whole in equal parts, so that any first ones have what is theirs, rounded down."""
    return [
        after - before for before, after in pairwise(whole * n // count for n in range(count + 1))
    ]


def shares(count: int) -> dict[str, list[int]]:
    """The millionths that each of some touches gets, by model."""
    linear, ends = even(count), [2 * WHOLE // 5]
    return {
        "first": [WHOLE] + [0] * (count - 1),
        "last": [0] * (count - 1) + [WHOLE],
        "linear": linear,
        "position_based": ends + even(count - 2, WHOLE // 5) + ends if count > 2 else linear,
    }


def told(journeys: Iterable[Journey], lost: Mapping[str, int]) -> tuple[Counts, Shares]:
    """By channel the counts of `channel_performance_weekly`, all weeks together; and shares.

    `lost` counts the visitors of journeys that have ended and are not among the others.
    """
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for channel, count in lost.items():
        counts[channel]["visitor_count"] += count
    parts: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for journey in journeys:
        for channel in journey.visitors():
            counts[channel]["visitor_count"] += 1
        conversions = [(f"{a.kind}_sign_up", a.signed_up) for a in journey.accounts]
        candidates = [a for a in journey.accounts if a.kind == "candidate"]
        for kind, at in conversions + [("hire", at) for a in candidates for at in a.hires]:
            credited = journey.credited(at)
            for model, millionths in shares(len(credited)).items():
                for channel, part in zip(credited, millionths, strict=True):
                    parts[kind, model, channel] += part
        for account in journey.accounts:
            by_channel = {"": journey.credited(account.signed_up)[-1], "declared_": account.channel}
            for prefix, channel in by_channel.items():
                if account.kind == "employer":
                    counts[channel][f"{prefix}employer_signed_up_count"] += 1
                    continue
                counts[channel][f"{prefix}signed_up_count"] += 1
                counts[channel][f"{prefix}approved_count"] += account.approved
                counts[channel][f"{prefix}hired_count"] += bool(account.hires)
    found: Shares = {}
    for (kind, model, channel), part in parts.items():
        if part:
            by_model = found.setdefault(kind, {}).setdefault(model, {})
            by_model[channel] = Decimal(part).scaleb(-6)
    return {channel: dict(counted) for channel, counted in counts.items()}, found


def cohorts(journeys: Iterable[Journey], end: int) -> dict[str, list[dict[str, int]]]:
    """By kind of account, for each number of weeks since the sign-up, the counts of all cohorts."""
    pairs = [(account, journey) for journey in journeys for account in journey.accounts]
    last = week(end - 1)
    found: dict[str, list[dict[str, int]]] = {"candidate": [], "employer": []}
    for account, journey in pairs:
        signed_up, rows = week(account.signed_up), found[account.kind]
        times = (at for place in (0, 1) for at in journey.visits[place::3])
        active = account.weeks.union(map(week, times))
        done = {
            "requested": set(map(week, account.requests)),
            "hired": set(map(week, account.hires)),
        }
        if account.kind == "candidate":
            # The first one counts, from then on.
            done = {what: set(range(min(at), last + 1)) if at else at for what, at in done.items()}
        for since, now in enumerate(range(signed_up, last + 1)):
            if since == len(rows):
                rows.append(dict.fromkeys(("accounts", "active", "requested", "hired"), 0))
            rows[since]["accounts"] += 1
            for what, at in {"active": active, **done}.items():
                rows[since][what] += now in at
    return found
