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

    def server(self, name: str) -> dict[str, Any]:
        """Context of an event that a service emits."""
        return {"library": SERVER, "app": self.app(name)}

    def browser(self, visit: Visit, name: str) -> dict[str, Any]:
        """Context of an event that a page emits."""
        path, title = PAGES[visit.page]
        context: dict[str, Any] = {
            "library": BROWSER,
            "app": self.app(name),
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
            properties = {"page_name": page, "title": PAGES[page][1]}
            self._send(when, visit, "page_viewed", properties)
            if experiment:
                variant = self._variant(experiment, converts)
                properties = {"experiment_name": experiment, "variant": variant}
                self._send(when + 250, visit, "experiment_exposed", properties)
                experiment = ""
            visit.referrer = SITE + PAGES[page][0]
            # Only the page that a campaign leads to carries it.
            visit.campaign = None
            when += 5 * SECOND + int(rng.expovariate(1 / 35) * SECOND)
        visit.ends = when
        return visit

    def _send(self, when: int, visit: Visit, event: str, properties: dict[str, Any]) -> None:
        if when < self.world.end:
            person, context = visit.person, self.browser(visit, "web")
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
        email_id = world.id("mail")
        properties = {"email_id": email_id, "template": template, "recipient_id": person.id}
        world.emit("email_delivered", properties, self.server("mailer"), person.id)
        if world.chance(click_share):
            world.later(self._click, (person, email_id, template), hours=2, spread=1.4)

    def _click(self, mail: tuple[Person, str, str]) -> None:
        person, email_id, template = mail
        if person.gone:
            return
        page = "inbox" if isinstance(person, Candidate) else "employers"
        properties = {
            "email_id": email_id,
            "template": template,
            "recipient_id": person.id,
            "link_url": f"{SITE}{PAGES[page][0]}?mail={email_id}",
        }
        self.world.emit("email_clicked", properties, self.server("mailer"), person.id)
        pages = [page, "profile"] if self.world.chance(0.5) else [page]
        self.visit(person, pages, EMAIL_CAMPAIGN | {"name": template})
