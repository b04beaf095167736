"""Candidates: from the first page view to the profile, and what they do with it."""

from __future__ import annotations

from hirehouse.simulate.entities import Candidate, Visitor
from hirehouse.simulate.hiring import Hiring
from hirehouse.simulate.reference import (
    CANDIDATE_CHANNELS,
    CANDIDATE_PAGES,
    DAY,
    EXPERIMENTS,
    FIRST_NAMES,
    LAST_NAMES,
    LOCATIONS,
    MEMBER_PAGES,
    ROLES,
    Channel,
    Location,
    Role,
    Weighted,
)
from hirehouse.simulate.truth import day_text
from hirehouse.simulate.web import Value, Visit, Web
from hirehouse.simulate.world import World

DECISIONS = ("accepted", "rejected", "waitlisted")
REASONS = Weighted(["incomplete", "experience", "location", "duplicate", "other"], [8, 6, 3, 1, 2])
REMOTE = Weighted(["hybrid", "remote", "onsite"], [5, 4, 1])
ERASED_VIA = Weighted(["app", "email", "letter"], [7, 4, 1])
# What a candidate does in a visit, and the share of visits in which it is done.
APPLY = {"active": 0.3, "passive": 0.07, "unavailable": 0.0}
RESUBMIT, CHANGE_AVAILABILITY, ERASE, OTHER_DEVICE = 0.06, 0.05, 0.003, 0.03


class Candidates:
    def __init__(self, world: World, web: Web, hiring: Hiring) -> None:
        self.world, self.web, self.hiring = world, web, hiring

    def arrive(self, *, signs_up: bool) -> Visitor:
        """A new visitor, who may come back before signing up."""
        rng = self.world.rng
        visitor = self.web.visitor(CANDIDATE_CHANNELS.draw(rng), signs_up=signs_up)
        visitor.visits_left = 1 + int(rng.random() < 0.25) + int(rng.random() < 0.06)
        return visitor

    def visit(self, visitor: Visitor) -> None:
        """An anonymous visit; the last one of those who will sign up ends with the sign-up."""
        world, rng = self.world, self.world.rng
        visitor.visits_left -= 1
        signs_up = visitor.signs_up and visitor.visits_left == 0
        pages = [CANDIDATE_PAGES.draw(rng) for _ in range(1 + int(rng.random() * 1.9))]
        if signs_up:
            pages.append("sign_up")
        experiment = list(EXPERIMENTS)[int(rng.random() * 2)] if rng.random() < 0.35 else ""
        visit = self.web.visit(
            visitor, pages, visitor.channel.campaign, experiment=experiment, converts=signs_up
        )
        if signs_up:
            world.at(visit.ends, self.sign_up, (visitor, visit))
        elif visitor.visits_left:
            if world.chance(0.3):
                visitor.channel = CANDIDATE_CHANNELS.draw(rng)
            world.later(self.visit, visitor, hours=40, spread=1.0)

    def sign_up(self, arrival: tuple[Visitor, Visit]) -> None:
        world, rng = self.world, self.world.rng
        visitor, visit = arrival
        role, location = ROLES.draw(rng), LOCATIONS.draw(rng)
        years = min(int(rng.gammavariate(2.2, 3.0)), 40)
        candidate = self._candidate(visitor, role, location, years)
        candidate.min_salary = fair_salary(candidate) * rng.randrange(85, 111) // 100
        self._create_account(candidate, visit, visitor.channel)
        if world.chance(0.8):
            world.later(self.submit_profile, candidate, hours=0.4, spread=1.5)
        if world.chance(0.008):
            world.later(self.sign_up_again, candidate, hours=200)

    def _candidate(self, visitor: Visitor, role: Role, location: Location, years: int) -> Candidate:
        person = self.world.id("cand"), visitor.anonymous_id, visitor.user_agent, visitor.channel
        return Candidate(*person, role, location, years)

    def _create_account(self, candidate: Candidate, visit: Visit, channel: Channel) -> None:
        world, rng = self.world, self.world.rng
        occurred = self.web.click(
            "candidate_app",
            "candidate_signed_up",
            visit,
            candidate,
            candidate_id=candidate.id,
            email=f"{candidate.id}@mail.example",
            full_name=f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}",
            # Some refuse to be tracked.
            channel="unknown" if world.chance(0.04) else channel.name,
            country_code=candidate.location.country,
        )
        world.truth.count(occurred, "sign_ups")
        self._link(visit.person.anonymous_id, candidate, visit, "sign_up")
        self.web.email(candidate, "welcome", 0.35)

    def _link(self, previous: str, candidate: Candidate, visit: Visit, method: str) -> None:
        link = {"previous_id": previous, "person_id": candidate.id, "method": method}
        self.web.click("candidate_app", "identity_linked", visit, candidate, **link)

    def sign_up_again(self, candidate: Candidate) -> None:
        """Someone who forgot the account makes a second one, and the two are merged."""
        if candidate.gone:
            return
        visitor = self.web.visitor(candidate.channel, signs_up=True)
        visit = self.web.visit(visitor, ["home", "sign_up"])
        self.world.at(visit.ends, self._merge, (candidate, visitor, visit))

    def _merge(self, arrival: tuple[Candidate, Visitor, Visit]) -> None:
        candidate, visitor, visit = arrival
        if candidate.gone:
            return
        again = self._candidate(visitor, candidate.role, candidate.location, candidate.years)
        self._create_account(again, visit, visitor.channel)
        self._link(again.id, candidate, visit, "merge")
        again.gone = True

    def submit_profile(self, candidate: Candidate) -> None:
        """Submit the profile, as it is now; the first ones are reviewed."""
        if candidate.gone:
            return
        world, rng = self.world, self.world.rng
        profile: dict[str, Value] = {
            "candidate_id": candidate.id,
            "role": candidate.role.name,
            "years_experience": candidate.years,
            "location": candidate.location.name,
            "remote_preference": REMOTE.draw(rng),
            "min_base_salary": candidate.min_salary,
            "currency": candidate.location.currency,
            "skills": rng.sample(candidate.role.skills, 3),
        }
        if candidate.reviews == 0 and world.chance(0.08):
            del profile["min_base_salary"], profile["currency"]
        self.web.serve("candidate_app", "candidate_profile_submitted", candidate, **profile)
        if candidate.reviews < 2 and candidate.slot < 0:
            world.later(self.review, candidate, hours=20)

    def review(self, candidate: Candidate) -> None:
        if candidate.gone or candidate.availability == "unavailable":
            return
        world, rng = self.world, self.world.rng
        candidate.reviews += 1
        accepted = min(0.62 * candidate.channel.quality + 0.015 * candidate.years, 0.92)
        if candidate.reviews > 1:
            accepted = 0.8
        decision = DECISIONS[0 if world.chance(accepted) else 1 if world.chance(0.65) else 2]
        review = {"candidate_id": candidate.id, "decision": decision}
        if decision != "accepted":
            review["reason"] = REASONS.draw(rng)
        self.web.serve("candidate_app", "candidate_review_decided", candidate, **review)
        self.web.email(candidate, f"profile_{decision}", 0.45)
        if decision == "accepted":
            world.candidates[candidate.role.name].add(candidate)
            world.later(self.session, candidate, hours=30)
        elif decision == "waitlisted" and candidate.reviews == 1:
            world.later(self.review, candidate, hours=240)
        elif review["reason"] == "incomplete" and world.chance(0.6):
            world.later(self.submit_profile, candidate, hours=30)

    def session(self, candidate: Candidate) -> None:
        """A candidate comes back to look around."""
        if candidate.gone or candidate.availability == "unavailable":
            return
        world, rng = self.world, self.world.rng
        person: Candidate | Visitor = candidate
        if world.chance(OTHER_DEVICE):
            person = self.web.visitor(candidate.channel, signs_up=True)
        pages = [MEMBER_PAGES.draw(rng) for _ in range(1 + int(rng.random() * 2.5))]
        visit = self.web.visit(person, pages)
        world.at(visit.ends, self.act, (candidate, visit))
        hours = 130 if candidate.availability == "active" else 260
        world.later(self.session, candidate, hours)

    def act(self, session: tuple[Candidate, Visit]) -> None:
        """What a visit led to: an application, a change, a goodbye, mostly nothing."""
        candidate, visit = session
        if candidate.gone or candidate.availability == "unavailable":
            return
        world, rng = self.world, self.world.rng
        if visit.person is not candidate:
            self._link(visit.person.anonymous_id, candidate, visit, "sign_in")
        if world.chance(APPLY[candidate.availability]) and len(candidate.live) < 4:
            position = world.positions[candidate.role.name].draw(rng)
            if position and position.id not in candidate.asked:
                self.hiring.apply(candidate, position, visit)
        if world.chance(RESUBMIT):
            if world.chance(0.3):
                candidate.location = LOCATIONS.draw(rng)
            candidate.years += int(rng.random() < 0.3)
            candidate.min_salary = fair_salary(candidate) * rng.randrange(85, 116) // 100
            self.submit_profile(candidate)
        if world.chance(CHANGE_AVAILABILITY):
            self.change_availability(candidate)
        elif world.chance(ERASE):
            self.erase(candidate)

    def change_availability(self, candidate: Candidate) -> None:
        world = self.world
        others = [a for a in APPLY if a != candidate.availability]
        candidate.availability = others[int(world.rng.random() * 2)]
        change = {"candidate_id": candidate.id, "availability": candidate.availability}
        if candidate.availability == "active" and world.chance(0.6):
            days = 14 + int(world.rng.random() * 76)
            change["available_from"] = day_text(world.now // DAY + days)
        self.web.serve("candidate_app", "candidate_availability_changed", candidate, **change)
        if candidate.availability == "unavailable":
            # Out of the searches, and out of memory unless a candidacy is still going on.
            world.candidates[candidate.role.name].remove(candidate)

    def erase(self, candidate: Candidate) -> None:
        """A candidate leaves for good and wants the data erased."""
        world = self.world
        for candidacy in list(candidate.live.values()):
            self.hiring.close(candidacy, "withdrawn", "candidate")
        request = {"person_type": "candidate", "requested_via": ERASED_VIA.draw(world.rng)}
        self.web.serve(
            "privacy_desk", "person_erasure_requested", candidate, person_id=candidate.id, **request
        )
        candidate.gone = True
        world.candidates[candidate.role.name].remove(candidate)


def fair_salary(candidate: Candidate) -> int:
    """Yearly base salary at the candidate's level, in units of the location's currency."""
    level = 0.72 + 0.045 * min(candidate.years, 14)
    return int(candidate.role.salary * level * candidate.location.pay) // 100 * 100
