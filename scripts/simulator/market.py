"""The market: who and what is in it, its clock, and how what happens becomes events.

Every life is a generator: it acts, and yields the time at which it goes on. All times are
milliseconds since 1970, UTC.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from heapq import heappop, heappush
from itertools import count
from math import exp
from random import Random
from typing import Any, TypeVar

from simulator import reference as ref
from simulator.journeys import Account, Journey, week
from simulator.output import Output
from simulator.reference import DAY, HOUR, MINUTE, SECOND

Life = Generator[int, None, None]
Data = Mapping[str, object]  # properties of an event


@dataclass(slots=True, eq=False)
class Person:
    id: str  # empty before the sign-up
    anonymous_id: str
    user_agent: str
    channel: ref.Channel
    gone: bool = field(default=False, init=False)  # all lives of who is gone end
    variants: dict[str, set[str]] = field(default_factory=dict, init=False)  # seen, by experiment
    journey: Journey = field(default_factory=Journey, init=False)
    account: Account = field(init=False)  # after the sign-up


@dataclass(slots=True, eq=False)
class Candidate(Person):
    role: ref.Role
    location: ref.Location
    years: int
    min_salary: int = 0  # lowest yearly base considered, in the location's currency
    availability: str = "active"
    listed: bool = False  # to be found in searches
    listed_at: int = 0  # first
    requested_at: int = 0  # last
    live: dict[str, Candidacy] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)  # for positions: there is no second candidacy

    def fair_salary(self, location: ref.Location) -> int:
        """Yearly base salary at the candidate's level, in units of the location's currency."""
        level = 0.72 + 0.045 * min(self.years, 14)
        return int(self.role.salary * level * location.pay) // 100 * 100


@dataclass(slots=True, eq=False)
class Employer(Person):
    location: ref.Location
    size: int
    fee: int  # for a placement, in hundredths of a percent of the yearly base salary
    invoices_at_start: bool
    profile: dict[str, str]
    positions: list[Position] = field(default_factory=list)
    # By candidate viewed, the searches that led there and their times; 0 once that was requested.
    seen: dict[str, dict[str, int]] = field(default_factory=dict)
    fruitful: set[str] = field(default_factory=set)  # searches with a request in time
    leaving: bool = False
    has_paid: bool = False  # a subscription, now or before


@dataclass(slots=True, eq=False)
class Position:
    ids: dict[str, str]
    employer: Employer
    role: ref.Role
    level: ref.Level
    location: ref.Location
    openings: int
    listed: bool = False
    filled: bool = False
    terms: dict[str, Any] = field(default_factory=dict)
    live: dict[str, Candidacy] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Candidacy:
    id: str
    candidate: Candidate
    position: Position
    salary: int
    currency: str
    stage: str = "opened"
    salary_band: str = ""  # of what the request states, in percent of what the candidate desires
    offer_id: str = ""
    invoice_id: str = ""
    fee: int = 0  # in cents, as what is left of it to be refunded
    refundable: int = 0
    gone: bool = False  # closed


@dataclass(slots=True)
class Visit:
    visitor: Person  # whose browser it is
    user: Person  # who is signed in
    context: dict[str, Any]  # of its events


# What makes an employer active in a week, besides page views.
EMPLOYER_ACTIVITIES = {"candidate_search_performed", "interview_requested", "position_opened"}
T = TypeVar("T")
S = TypeVar("S", Candidate, Position)
BROWSER = {"name": "analytics.js", "version": "4.2.1"}
SERVICE: dict[str, Any] = {"library": {"name": "analytics-python", "version": "2.3.3"}}


class Market:
    """A discrete-event simulation: a queue of lives by the time at which they go on."""

    def __init__(self, output: Output) -> None:
        self.output, self.truth = output, output.truth
        self.rng = Random(f"{self.truth.seed}/marketplace")
        # Of results and of models, which change nothing else.
        self.ranks = Random(f"{self.truth.seed}/ranks")
        self.scores = Random(f"{self.truth.seed}/scores")
        self._tracking = Random(f"{self.truth.seed}/tracking")
        self.journeys: set[Journey] = set()
        self.lost = Counter[str]()  # visitors who have left for good, by channel
        self.now = self.start = (self.truth.start - date(1970, 1, 1)).days * DAY
        self.end = self.start + self.truth.days * DAY
        self.release = ""
        # By role, those that can be found in the market.
        self.candidates: defaultdict[str, list[Candidate]] = defaultdict(list)
        self.positions: defaultdict[str, list[Position]] = defaultdict(list)
        self._queue: list[tuple[int, int, Person | Candidacy | None, Life]] = []
        self._order, self._ids = count(), Counter[str]()

    def id(self, kind: str) -> str:
        """The next id of a kind, such as s1-cand-000042 for seed 1."""
        self._ids[kind] += 1
        return f"s{self.truth.seed}-{kind}-{str(self._ids[kind]).zfill(6)}"

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def upto(self, bound: float) -> int:
        """A whole number from 0 on and below the bound."""
        return int(self.rng.random() * bound)

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self.rng.random() * len(items))]

    def draw(self, items: ref.Weighted[T]) -> T:
        return items.draw(self.rng)

    def word(self, name: str) -> str:
        return self.draw(ref.WORDS[name])

    def find(self, pool: list[S]) -> S | None:
        """Any of those listed; who is not any more leaves the pool when come across."""
        while pool:
            place = self.upto(len(pool))
            if pool[place].listed:
                return pool[place]
            pool[place] = pool[-1]
            pool.pop()
        return None

    def later(self, hours: float, spread: float = 0.8) -> int:
        """The time after a while: half of the time within so many hours, rarely after many more."""
        when = self.now + MINUTE + int(exp(self.rng.gauss(0.0, spread)) * hours * HOUR)
        return when + 2 * DAY if ref.weekday(when) >= 5 and self.chance(0.8) else when

    def begin(self, life: Life, subject: Person | Candidacy | None = None) -> None:
        """Let a life go on up to its next wait; what lies after the end never happens."""
        when = next(life, self.end)
        if when < self.end:
            heappush(self._queue, (when, next(self._order), subject, life))

    def run(self, first: Life) -> None:
        self.begin(first)
        # A life may emit several events, a millisecond apart, and all must lie before the end.
        queue, written, last = self._queue, self.start, self.end - 10 * SECOND
        while queue and queue[0][0] < last:
            when, _, subject, life = heappop(queue)
            self.now = max(when, self.now)
            if self.now > written + HOUR // 2:
                self.output.advance(self.now)
                written = self.now
            if subject is None or not subject.gone:
                self.begin(life, subject)

    def emit(self, app: str, event: str, source: Person | Visit | None, data: Data) -> None:
        """An application emits an event now: a service about a person or none, a visit's page."""
        self.now += 1  # so a consequence is always later than its cause
        context = source.context if isinstance(source, Visit) else SERVICE
        context = {"app": {"name": app, "version": self.release}, **context}
        message = {"type": "track", "event": event, "context": context, "properties": data}
        if isinstance(source, Visit):
            message["anonymousId"] = source.visitor.anonymous_id
            source = source.user
        if source and source.id:
            message["userId"] = source.id
        if source and event in EMPLOYER_ACTIVITIES:
            source.account.weeks |= {week(self.now)}
        self.output.send(self.now, message)

    def visitor(self, channel: ref.Channel) -> Person:
        person = Person("", self.id("anon"), self.word("user_agents"), channel)
        self.journeys.add(person.journey)
        return person

    def join(self, who: Person, other: Person) -> None:
        """Two turn out to be the same person."""
        who.journey.join(other.journey)
        self.journeys.remove(other.journey)

    def lose(self, visitor: Person) -> None:
        """A visitor without an account does not come back."""
        self.journeys.remove(visitor.journey)
        self.lost.update(visitor.journey.visitors())

    def register(self, who: Person, visitor: Person, kind: str, channel: str) -> None:
        """A visitor signs up now, as who this is, and declares a channel."""
        who.journey = visitor.journey
        who.account = Account(kind, self.now, channel)
        who.journey.accounts.append(who.account)

    def visit(
        self,
        who: Person,
        pages: list[str],
        channel: ref.Channel | None = None,
        mail: str = "",
        **exposure: str,
    ) -> Generator[int, None, Visit]:
        """View pages, one after the other; the first may expose to a variant of an experiment.

        A channel or a mail leads to the first page, though of a channel it may not show.
        """
        session = {"library": BROWSER, "sessionId": self.id("ses"), "userAgent": who.user_agent}
        visit = Visit(who, who, {**session, "page": {"url": ref.SITE, "title": "Home"}})
        referrer, campaign, measured = "", "", "direct"
        if mail:
            campaign, measured = f"hirehouse email {mail}", "email"
        if channel and self._tracking.random() >= channel.untracked:
            referrer, campaign, measured = channel.referrer, channel.campaign, channel.name
        led, begun, times = campaign, self.now, []
        for page_name in pages:
            url, title = f"{ref.SITE}/{page_name}", page_name.replace("_", " ").capitalize()
            page = visit.context["page"] = {"url": url, "referrer": referrer, "title": title}
            if campaign:
                # Only the page that a campaign leads to carries it.
                source, medium, name = campaign.split()
                visit.context["campaign"] = {"source": source, "medium": medium, "name": name}
                page["url"] += f"?utm_source={source}&utm_medium={medium}&utm_campaign={name}"
            self.emit("web", "page_viewed", visit, {"page_name": page_name, "title": title})
            times.append(self.now)
            if exposure:
                self.emit("web", "experiment_exposed", visit, exposure)
                self._expose(who, **exposure)
            visit.context.pop("campaign", None)
            referrer, campaign, exposure = url, "", {}
            self.now += 5 * SECOND + int(self.rng.expovariate(1 / 35) * SECOND)
            if self.now >= self.end:
                break
        # The clock was ahead: what else happens during a visit does not depend on its pages.
        ends, self.now = self.now, begun
        if pages:
            who.journey.visit(times[0], times[-1], led, measured)
            yield ends
        return visit

    def _expose(self, who: Person, experiment_name: str, variant: str) -> None:
        """Count who sees a variant; who sees several is left out of all of them."""
        seen = who.variants.setdefault(experiment_name, set())
        new = {variant} - seen
        if new and len(seen) == 1:
            self.truth.experiments[" ".join((experiment_name, *seen, "exposed"))] -= 1
            new |= seen
        seen.add(variant)
        for name in new:
            what = "exposed" if len(seen) == 1 else "excluded"
            self.truth.experiments[f"{experiment_name} {name} {what}"] += 1

    def email(self, who: Person, template: str, click_share: float) -> None:
        """Deliver a mail, and let its link be followed by that share of recipients."""
        mail = {"email_id": self.id("mail"), "template": template, "recipient_id": who.id}
        self.emit("mailer", "email_delivered", who, mail)
        if self.chance(click_share):
            self.begin(self._follow(who, mail), who)

    def _follow(self, who: Person, mail: dict[str, str]) -> Life:
        yield self.later(2, spread=1.4)
        page = "inbox" if isinstance(who, Candidate) else "employers"
        link = f"{ref.SITE}/{page}?mail={mail['email_id']}"
        self.emit("mailer", "email_clicked", who, mail | {"link_url": link})
        pages = [page, "profile"] if self.chance(0.5) else [page]
        yield from self.visit(who, pages, mail=mail["template"])
