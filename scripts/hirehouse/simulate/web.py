"""Visits to the web site, experiments and mails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hirehouse.simulate.entities import Candidate, Person, Visitor
from hirehouse.simulate.reference import DAY, EXPERIMENTS, PAGES, SECOND, USER_AGENTS, Channel
from hirehouse.simulate.world import World

SITE = "https://www.hirehouse.example"
BROWSER = {"name": "analytics.js", "version": "4.2.1"}
SERVER = {"name": "analytics-python", "version": "2.3.3"}
EMAIL_CAMPAIGN = {"source": "hirehouse", "medium": "email"}

Value = str | int | float | list[str]


@dataclass(slots=True)
class Visit:
    """A session of one browser, from its first page to `ends`; `page` is the current one."""

    session_id: str
    person: Person
    referrer: str = ""
    campaign: dict[str, str] | None = None
    page: str = "home"
    ends: int = 0


class Web:
    """What people see, and how what they do becomes events."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._apps: dict[tuple[str, int], dict[str, str]] = {}

    def app(self, name: str) -> dict[str, str]:
        """The application as the context names it: a release every two weeks."""
        release = (self.world.now - self.world.start) // (14 * DAY)
        key = (name, release)
        if key not in self._apps:
            self._apps[key] = {"name": name, "version": f"3.{release}.0"}
        return self._apps[key]

    def serve(self, app: str, event: str, person: Person | None, /, **properties: Value) -> int:
        """A service emits an event now, about a person or none; returns its time."""
        occurred = self.world.tick()
        context = {"library": SERVER, "app": self.app(app)}
        user_id = person.id if person else ""
        self.world.output.send(occurred, event, properties, context, user_id, "")
        return occurred

    def click(
        self, app: str, event: str, visit: Visit, person: Person, /, **properties: Value
    ) -> int:
        """A page of a visit emits an event now, about the person signed in; returns its time."""
        occurred, browser = self.world.tick(), visit.person.anonymous_id
        context = self._context(visit, app)
        self.world.output.send(occurred, event, properties, context, person.id, browser)
        return occurred

    def _context(self, visit: Visit, app: str) -> dict[str, Any]:
        path, title = PAGES[visit.page]
        context: dict[str, Any] = {
            "library": BROWSER,
            "app": self.app(app),
            "sessionId": visit.session_id,
            "page": {"url": SITE + path, "referrer": visit.referrer, "title": title},
            "userAgent": visit.person.user_agent,
        }
        if visit.campaign:
            context["campaign"] = visit.campaign
            context["page"]["url"] += (
                f"?utm_source={visit.campaign['source']}&utm_medium={visit.campaign['medium']}"
                f"&utm_campaign={visit.campaign['name']}"
            )
        return context

    def visitor(self, channel: Channel, *, signs_up: bool) -> Visitor:
        """Someone in a browser not seen before."""
        agent = USER_AGENTS[int(self.world.rng.random() * len(USER_AGENTS))]
        return Visitor("", self.world.id("anon"), agent, channel, signs_up)

    def visit(
        self,
        person: Person,
        pages: list[str],
        campaign: dict[str, str] | None = None,
        *,
        experiment: str = "",
        converts: bool = False,
    ) -> Visit:
        """View pages, one after the other from now on; what a visit leads to comes at its end.

        Args:
            person: whose browser it is; someone without an id is an anonymous visitor.
            pages: names of PAGES.
            campaign: what the link that led here says it belongs to.
            experiment: a variant of it is shown on the first page.
            converts: the visitor will sign up.
        """
        world, rng = self.world, self.world.rng
        referrer = "" if person.id else person.channel.referrer
        visit = Visit(world.id("ses"), person, referrer, campaign)
        when = world.now + 1 + int(rng.random() * SECOND)
        for page in pages:
            visit.page = page
            self._show(when, "page_viewed", visit, page_name=page, title=PAGES[page][1])
            if experiment:
                variant = self._variant(experiment, converts)
                about = {"experiment_name": experiment, "variant": variant}
                self._show(when + 250, "experiment_exposed", visit, **about)
                experiment = ""
            visit.referrer = SITE + PAGES[page][0]
            # Only the page that a campaign leads to carries it.
            visit.campaign = None
            when += 5 * SECOND + int(rng.expovariate(1 / 35) * SECOND)
        visit.ends = when
        return visit

    def _show(self, when: int, event: str, visit: Visit, /, **properties: Value) -> None:
        if when < self.world.end:
            person, context = visit.person, self._context(visit, "web")
            self.world.output.send(when, event, properties, context, person.id, person.anonymous_id)

    def _variant(self, experiment: str, converts: bool) -> str:
        """The treatment works: more of those who sign up have seen it than chance would have."""
        variants = EXPERIMENTS[experiment]
        if converts and self.world.chance(0.08):
            return variants[1]
        return variants[int(self.world.rng.random() * len(variants))]

    def email(self, person: Person, template: str, click_share: float) -> None:
        """Deliver a mail, and let its link be followed by that share of recipients."""
        world = self.world
        email = {"email_id": world.id("mail"), "template": template, "recipient_id": person.id}
        self.serve("mailer", "email_delivered", person, **email)
        if world.chance(click_share):
            world.later(self._follow, (person, email), hours=2, spread=1.4)

    def _follow(self, delivery: tuple[Person, dict[str, str]]) -> None:
        person, email = delivery
        if person.gone:
            return
        page = "inbox" if isinstance(person, Candidate) else "employers"
        link = f"{SITE}{PAGES[page][0]}?mail={email['email_id']}"
        self.serve("mailer", "email_clicked", person, **email, link_url=link)
        pages = [page, "profile"] if self.world.chance(0.5) else [page]
        self.visit(person, pages, EMAIL_CAMPAIGN | {"name": email["template"]})
