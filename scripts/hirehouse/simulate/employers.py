"""Employers: positions, searches and interview requests."""

from __future__ import annotations

from dataclasses import dataclass

from hirehouse.simulate.billing import Billing
from hirehouse.simulate.candidates import REMOTE, fair_salary
from hirehouse.simulate.entities import Candidate, Employer, Position, Visitor
from hirehouse.simulate.hiring import Hiring
from hirehouse.simulate.reference import (
    COMPANY_KINDS,
    COMPANY_NAMES,
    DAY,
    EMPLOYEE_RANGES,
    EMPLOYER_CHANNELS,
    EMPLOYER_DAY,
    EMPLOYER_PAGES,
    EMPLOYER_WEEK,
    INDUSTRIES,
    LOCATIONS,
    ROLES,
    SECOND,
    SIZES,
    Weighted,
)
from hirehouse.simulate.web import Value, Visit, Web
from hirehouse.simulate.world import World, hour_of_day

HOURS = Weighted(range(24), EMPLOYER_DAY)
LEVELS = Weighted([("", 1.0), ("Senior ", 1.18), ("Staff ", 1.38), ("Junior ", 0.74)], [5, 4, 1, 1])


@dataclass(slots=True)
class Browse:
    """An employer at work: one search, and how many profiles are left to be looked at."""

    position: Position
    search_id: str
    visit: Visit
    left: int


class Employers:
    def __init__(self, world: World, web: Web, hiring: Hiring, billing: Billing) -> None:
        self.world, self.web, self.hiring, self.billing = world, web, hiring, billing
        self.active: list[Employer] = []

    def visit(self, visitor: Visitor) -> None:
        """The visit to the web site that ends with an employer's sign-up."""
        rng = self.world.rng
        pages = [EMPLOYER_PAGES.draw(rng) for _ in range(1 + int(rng.random() * 3))]
        visit = self.web.visit(visitor, [*pages, "sign_up"], visitor.channel.campaign)
        self.world.at(visit.ends, self.sign_up, (visitor, visit))

    def arrive(self) -> Visitor:
        return self.web.visitor(EMPLOYER_CHANNELS.draw(self.world.rng), signs_up=True)

    def sign_up(self, arrival: tuple[Visitor, Visit]) -> None:
        world, rng = self.world, self.world.rng
        visitor, visit = arrival
        person = world.id("emp"), visitor.anonymous_id, visitor.user_agent, visitor.channel
        employer = Employer(
            *person,
            location=LOCATIONS.draw(rng),
            size=SIZES.draw(rng),
            company=f"{rng.choice(COMPANY_NAMES)} {rng.choice(COMPANY_KINDS)}",
            industry=INDUSTRIES.draw(rng),
            fee=1500 + int(rng.random() * 800),
            invoices_at_start=world.chance(0.4),
        )
        occurred = self.web.click(
            "employer_app",
            "employer_signed_up",
            visit,
            employer,
            **self._company(employer),
            channel=visitor.channel.name,
            country_code=employer.location.country,
        )
        world.truth.count(occurred, "employer_sign_ups")
        link = {"previous_id": visitor.anonymous_id, "person_id": employer.id, "method": "sign_up"}
        self.web.click("employer_app", "identity_linked", visit, employer, **link)
        self.web.email(employer, "employer_welcome", 0.5)
        self.active.append(employer)
        for _ in range(1 + int(rng.random() * (1 + employer.size))):
            world.later(self.open_position, employer, hours=5, spread=1.5)
        if world.chance(0.75):
            world.later(self.billing.subscribe, employer, hours=24 * 6)

    @staticmethod
    def _company(employer: Employer) -> dict[str, Value]:
        return {
            "employer_id": employer.id,
            "company_name": employer.company,
            "industry": employer.industry,
            "employee_range": EMPLOYEE_RANGES[employer.size],
        }

    # Positions

    def open_position(self, employer: Employer) -> None:
        if employer.gone or employer.leaving:
            return
        world, rng = self.world, self.world.rng
        location = employer.location if world.chance(0.75) else LOCATIONS.draw(rng)
        role, (level, pay) = ROLES.draw(rng), LEVELS.draw(rng)
        position = Position(
            world.id("pos"),
            employer,
            role,
            location,
            title=level + role.title,
            remote="remote" if location.name == "Remote" else REMOTE.draw(rng),
            openings=2 if world.chance(0.15) else 1,
        )
        self._set_salary(position, pay * (0.9 + 0.25 * rng.random()))
        ids = {"position_id": position.id, "employer_id": employer.id, "role": role.name}
        terms = self._terms(position)
        self.web.serve("employer_app", "position_opened", employer, **ids, **terms)
        employer.positions.append(position)
        world.positions[position.role.name].add(position)
        world.later(self.expire, position, hours=24 * 55, spread=0.3)

    @staticmethod
    def _set_salary(position: Position, factor: float) -> None:
        middle = position.role.salary * position.location.pay * factor
        position.min_salary = int(middle * 0.9) // 500 * 500
        position.max_salary = int(middle * 1.12) // 500 * 500

    @staticmethod
    def _terms(position: Position) -> dict[str, Value]:
        return {
            "title": position.title,
            "location": position.location.name,
            "remote_policy": position.remote,
            "min_salary": position.min_salary,
            "max_salary": position.max_salary,
            "currency": position.location.currency,
        }

    def update_position(self, position: Position) -> None:
        """Change where the work is, how it is called or what it pays."""
        rng = self.world.rng
        draw = rng.random()
        if draw < 0.15:
            old, position.location = position.location, LOCATIONS.draw(rng)
            if position.location.currency != old.currency:
                self._set_salary(position, 1.0)
        elif draw < 0.35:
            position.remote = REMOTE.draw(rng)
        elif draw < 0.5:
            position.title = LEVELS.draw(rng)[0] + position.role.title
        else:
            raised = rng.randrange(97, 112)
            position.min_salary = position.min_salary * raised // 100
            position.max_salary = position.max_salary * raised // 100
        ids = {"position_id": position.id, "employer_id": position.employer.id}
        terms = self._terms(position)
        self.web.serve("employer_app", "position_updated", position.employer, **ids, **terms)

    def expire(self, position: Position) -> None:
        if position.slot >= 0:
            self.hiring.close_position(position, "expired")

    # A day's work

    def begin_day(self, day: int) -> None:
        """Plan who works today; who has left is forgotten. `day`: days since 1970-01-01."""
        world, rng = self.world, self.world.rng
        share = 0.5 * EMPLOYER_WEEK[(day + 3) % 7]
        for employer in self.active:
            if employer.leaving:
                self.leave(employer)
            elif rng.random() < share:
                world.at(day * DAY + hour_of_day(rng, HOURS), self.work, employer)
        self.active = [employer for employer in self.active if not employer.gone]

    def leave(self, employer: Employer) -> None:
        for position in list(employer.positions):
            self.hiring.close_position(position, "cancelled")
        employer.gone = True
        if self.world.chance(0.15):
            request = {"person_type": "employer_user", "requested_via": "email"}
            self.web.serve(
                "privacy_desk",
                "person_erasure_requested",
                employer,
                person_id=employer.id,
                **request,
            )

    def work(self, employer: Employer) -> None:
        """Search candidates for a position, and see to what else is to be done."""
        if employer.gone:
            return
        world, rng = self.world, self.world.rng
        if not employer.positions:
            if world.chance(0.12):
                self.open_position(employer)
            return
        position = employer.positions[int(rng.random() * len(employer.positions))]
        draw = rng.random()
        if draw < 0.07:
            self.update_position(position)
        elif draw < 0.078:
            self.hiring.close_position(position, "cancelled" if draw < 0.074 else "paused")
            return
        elif draw < 0.09:
            employer.size = min(employer.size + int(rng.random() * 2), len(EMPLOYEE_RANGES) - 1)
            employer.industry = INDUSTRIES.draw(rng) if world.chance(0.2) else employer.industry
            company = self._company(employer)
            self.web.serve("employer_app", "employer_profile_updated", employer, **company)
        elif draw < 0.11 and len(employer.positions) < 6:
            world.later(self.open_position, employer, hours=2)
        self.search(position)

    def search(self, position: Position) -> None:
        world, rng, employer = self.world, self.world.rng, position.employer
        visit, search_id = Visit(world.id("ses"), employer), world.id("search")
        role = position.role.name
        matches = len(world.candidates[role].members)
        wanted: dict[str, Value] = {}
        if world.chance(0.5):
            wanted["location"] = position.location.name
            matches = matches * 2 // 9
        if world.chance(0.4):
            wanted["min_years_experience"] = rng.randrange(1, 9)
            matches = matches // 2
        self.web.click(
            "employer_app",
            "candidate_search_performed",
            visit,
            employer,
            search_id=search_id,
            employer_id=employer.id,
            role=role,
            **wanted,
            result_count=matches,
        )
        browse = Browse(position, search_id, visit, left=1 + int(rng.expovariate(1 / 2.6)))
        world.at(world.now + 10 * SECOND, self.view_profile, browse)

    def view_profile(self, browse: Browse) -> None:
        world, rng, position = self.world, self.world.rng, browse.position
        candidate = world.candidates[position.role.name].draw(rng)
        if position.slot < 0 or candidate is None:
            return
        self.web.click(
            "employer_app",
            "candidate_profile_viewed",
            browse.visit,
            position.employer,
            employer_id=position.employer.id,
            candidate_id=candidate.id,
            search_id=browse.search_id,
            **({"position_id": position.id} if world.chance(0.7) else {}),
        )
        if world.chance(self._interest(candidate, position)):
            decided = world.now + (20 + int(rng.random() * 200)) * SECOND
            world.at(decided, self.request, (candidate, browse))
        browse.left -= 1
        if browse.left:
            world.at(world.now + (15 + int(rng.random() * 120)) * SECOND, self.view_profile, browse)

    @staticmethod
    def _interest(candidate: Candidate, position: Position) -> float:
        """Share of views that lead to a request."""
        interest = 0.26 * candidate.channel.quality + 0.012 * min(candidate.years, 10)
        if candidate.location.currency == position.location.currency:
            interest += 0.12
        return interest

    def request(self, choice: tuple[Candidate, Browse]) -> None:
        candidate, browse = choice
        position = browse.position
        if position.slot < 0 or candidate.slot < 0 or position.id in candidate.asked:
            return
        # What the candidate is worth here, within what the position pays.
        worth = int(fair_salary(candidate) / candidate.location.pay * position.location.pay)
        salary = max(position.min_salary, min(worth, position.max_salary)) // 50 * 50
        self.hiring.request(candidate, position, salary, browse.visit)
