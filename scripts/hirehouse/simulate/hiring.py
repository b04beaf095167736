"""The candidacy: from a request or an application through stages to an offer and a start."""

from __future__ import annotations

from hirehouse.simulate.billing import GUARANTEE_DAYS, Billing, share_of
from hirehouse.simulate.entities import Candidacy, Candidate, Position
from hirehouse.simulate.output import iso_time
from hirehouse.simulate.reference import CHECKS, DAY, HOUR, MINUTE, Weighted
from hirehouse.simulate.truth import day_text
from hirehouse.simulate.web import Value, Visit, Web
from hirehouse.simulate.world import World, is_weekend

DECLINES = Weighted(
    ["salary", "role", "location", "company", "timing", "other"], [28, 20, 14, 14, 18, 6]
)
OFFER_DECLINES = Weighted(
    ["salary", "other_offer", "location", "company", "role", "timing", "other"],
    [38, 26, 8, 9, 6, 8, 5],
)
REQUEST_DAYS = 14


class Hiring:
    def __init__(self, world: World, web: Web, billing: Billing) -> None:
        self.world, self.web, self.billing = world, web, billing

    def _open(
        self, candidate: Candidate, position: Position, salary: int, origin: str
    ) -> Candidacy:
        currency = position.location.currency
        candidacy = Candidacy(self.world.id("cdy"), candidate, position, salary, currency)
        candidate.live[candidacy.id] = position.live[candidacy.id] = candidacy
        candidate.asked.add(position.id)
        self.world.truth.opened[origin] += 1
        return candidacy

    def _emit(self, event: str, candidacy: Candidacy, /, **properties: Value) -> int:
        return self.web.serve(
            "hiring", event, candidacy.candidate, candidacy_id=candidacy.id, **properties
        )

    # The two ways in

    def request(self, candidate: Candidate, position: Position, salary: int, visit: Visit) -> None:
        """An employer asks for an interview, with the yearly base salary stated up front."""
        world, employer = self.world, position.employer
        candidacy = self._open(candidate, position, salary, "interview_request")
        occurred = self.web.click(
            "employer_app",
            "interview_requested",
            visit,
            employer,
            candidacy_id=candidacy.id,
            candidate_id=candidate.id,
            employer_id=employer.id,
            position_id=position.id,
            base_salary=salary,
            currency=candidacy.currency,
            equity_offered=world.chance(0.4),
        )
        world.truth.count(occurred, "interview_requests")
        self.web.email(candidate, "interview_request", 0.5)
        hours = 14 * world.rng.lognormvariate(0.0, 1.2)
        if hours > REQUEST_DAYS * 24 or world.chance(0.13):
            world.at(world.now + REQUEST_DAYS * DAY, self.expire, candidacy)
        else:
            world.at(world.now + MINUTE + int(hours * HOUR), self.answer, candidacy)

    def expire(self, candidacy: Candidacy) -> None:
        self.close(candidacy, "request_expired", "marketplace")

    def answer(self, candidacy: Candidacy) -> None:
        if candidacy.closed:
            return
        world, candidate, position = self.world, candidacy.candidate, candidacy.position
        willing = 0.62 if candidate.availability == "active" else 0.34
        if candidate.location.currency != candidacy.currency:
            willing -= 0.2
        elif candidacy.salary < candidate.min_salary:
            willing -= 0.3
        accepted = world.chance(willing)
        answer = {"answer": "accepted"}
        if not accepted:
            answer = {"answer": "declined", "decline_reason": DECLINES.draw(world.rng)}
        occurred = self.web.serve(
            "employer_app",
            "interview_request_answered",
            candidate,
            candidacy_id=candidacy.id,
            candidate_id=candidate.id,
            **answer,
        )
        if accepted:
            world.truth.count(occurred, "interview_request_acceptances")
            self.web.email(position.employer, "request_accepted", 0.6)
            world.later(self.advance, candidacy, hours=20)
        else:
            self.close(candidacy, "request_declined", "candidate")

    def apply(self, candidate: Candidate, position: Position, visit: Visit) -> None:
        """A candidate applies; an employer screens and says no more often than not."""
        world, rng = self.world, self.world.rng
        salary = (position.min_salary + position.max_salary) // 2
        candidacy = self._open(candidate, position, salary, "application")
        words = int(rng.lognormvariate(5.0, 0.6)) if world.chance(0.55) else 0
        occurred = self.web.click(
            "candidate_app",
            "application_submitted",
            visit,
            candidate,
            candidacy_id=candidacy.id,
            candidate_id=candidate.id,
            position_id=position.id,
            employer_id=position.employer.id,
            cover_letter_words=min(words, 3000),
        )
        world.truth.count(occurred, "applications")
        self.web.email(position.employer, "application_received", 0.4)
        taken = world.chance(0.42 * candidate.channel.quality + 0.01 * min(candidate.years, 10))
        world.later(self.advance if taken else self.reject, candidacy, hours=34)

    # Stages

    def advance(self, candidacy: Candidacy) -> None:
        """Enter the next stage or, past the last one, make an offer."""
        if candidacy.closed:
            return
        world, stages = self.world, candidacy.position.role.stages
        if candidacy.step == len(stages):
            self.offer(candidacy)
            return
        stage = stages[candidacy.step]
        self._emit("candidacy_stage_changed", candidacy, stage=stage)
        if stage in CHECKS:
            world.later(self.judge, candidacy, hours=60)
        else:
            world.later(self.schedule, candidacy, hours=5)

    def schedule(self, candidacy: Candidacy) -> None:
        if candidacy.closed:
            return
        world, rng = self.world, self.world.rng
        day = world.now // DAY + 1 + int(rng.random() * 3)
        while is_weekend(day * DAY):
            day += 1
        # On the half hour, between eight in London and four in San Francisco.
        begins = day * DAY + (16 + int(rng.random() * 32)) * 30 * MINUTE
        candidacy.interview_id = world.id("int")
        self._emit(
            "interview_scheduled",
            candidacy,
            interview_id=candidacy.interview_id,
            stage=candidacy.position.role.stages[candidacy.step],
            scheduled_for=iso_time(begins),
        )
        ends = begins + (30 + int(rng.random() * 60)) * MINUTE + int(rng.random() * MINUTE)
        world.at(ends, self.complete, candidacy)

    def complete(self, candidacy: Candidacy) -> None:
        if candidacy.closed:
            return
        world = self.world
        outcome = "advance" if self._passes(candidacy) else "reject"
        if world.chance(0.03):
            outcome = "no_show"
        self._emit(
            "interview_completed",
            candidacy,
            interview_id=candidacy.interview_id,
            stage=candidacy.position.role.stages[candidacy.step],
            outcome=outcome,
        )
        if outcome == "no_show" and world.chance(0.7):
            world.later(self.schedule, candidacy, hours=20)
        else:
            self._decide(candidacy, outcome == "advance")

    def judge(self, candidacy: Candidacy) -> None:
        """The result of a check, which nearly everyone passes."""
        self._decide(candidacy, self._passes(candidacy) or self.world.chance(0.8))

    def _passes(self, candidacy: Candidacy) -> bool:
        candidate = candidacy.candidate
        # The later the stage, the likelier: those who would fail are gone.
        easier = 0.1 + 0.05 * candidacy.step + 0.008 * min(candidate.years, 10)
        passing = candidacy.position.role.passing * candidate.channel.quality + easier
        return self.world.chance(min(passing, 0.95))

    def _decide(self, candidacy: Candidacy, passed: bool) -> None:
        world = self.world
        if world.chance(0.05):
            world.later(self.withdraw, candidacy, hours=20)
        elif passed:
            candidacy.step += 1
            world.later(self.advance, candidacy, hours=16)
        else:
            world.later(self.reject, candidacy, hours=24)

    def reject(self, candidacy: Candidacy) -> None:
        self.close(candidacy, "rejected", "employer")

    def withdraw(self, candidacy: Candidacy) -> None:
        self.close(candidacy, "withdrawn", "candidate")

    # Offers

    def offer(self, candidacy: Candidacy) -> None:
        """Make an offer, or a better one than before."""
        if candidacy.closed:
            return
        world, rng = self.world, self.world.rng
        change = rng.randrange(102, 112) if candidacy.offers else rng.randrange(96, 108)
        candidacy.salary = candidacy.salary * change // 100
        candidacy.offer_id = world.id("offer")
        candidacy.offers += 1
        expires = world.now // DAY + 7
        occurred = self._emit(
            "offer_extended",
            candidacy,
            offer_id=candidacy.offer_id,
            base_salary=candidacy.salary,
            currency=candidacy.currency,
            expires_on=day_text(expires),
        )
        world.truth.count(occurred, "offers")
        self.web.email(candidacy.candidate, "offer", 0.8)
        draw = rng.random()
        if draw < 0.05:
            world.at((expires + 1) * DAY + HOUR, self.withdraw, candidacy)
        elif draw < 0.12 and candidacy.offers == 1:
            # Negotiated by telephone: the first offer is never answered.
            world.later(self.offer, candidacy, hours=30)
        else:
            world.later(self.answer_offer, candidacy, hours=45)

    def answer_offer(self, candidacy: Candidacy) -> None:
        if candidacy.closed:
            return
        world = self.world
        offer_id = candidacy.offer_id
        if world.chance(0.72 + 0.08 * (candidacy.offers - 1)):
            occurred = self._emit("offer_answered", candidacy, offer_id=offer_id, answer="accepted")
            world.truth.count(occurred, "offer_acceptances")
            self._hire(candidacy)
            return
        reason = OFFER_DECLINES.draw(world.rng)
        answer = {"answer": "declined", "decline_reason": reason}
        self._emit("offer_answered", candidacy, offer_id=offer_id, **answer)
        if reason == "salary" and candidacy.offers == 1 and world.chance(0.6):
            world.later(self.offer, candidacy, hours=26)
        else:
            self.close(candidacy, "offer_declined", "candidate")

    # After the acceptance

    def _hire(self, candidacy: Candidacy) -> None:
        world, candidate, position = self.world, candidacy.candidate, candidacy.position
        self._forget(candidacy)
        for other in list(candidate.live.values()):
            self.close(other, "withdrawn", "candidate")
        candidate.availability = "unavailable"
        world.candidates[candidate.role.name].remove(candidate)
        change = {"candidate_id": candidate.id, "availability": "unavailable"}
        self.web.serve("candidate_app", "candidate_availability_changed", candidate, **change)
        position.openings -= 1
        if position.openings == 0:
            self.close_position(position, "filled")
        if not position.employer.invoices_at_start:
            self.billing.invoice(candidacy)
        starts = world.now + (7 + int(world.rng.lognormvariate(2.5, 0.6))) * DAY
        while is_weekend(starts):
            starts += DAY
        if world.chance(0.05):
            world.at(world.now + (starts - world.now) // 2, self.back_out, candidacy)
        else:
            world.at(starts // DAY * DAY + 8 * HOUR + starts % HOUR, self.start, candidacy)

    def back_out(self, candidacy: Candidacy) -> None:
        """Accepted, and yet never to start."""
        self.close(candidacy, "withdrawn", "candidate")
        self.billing.refund(candidacy, candidacy.fee_cents, "never_started")

    def start(self, candidacy: Candidacy) -> None:
        world = self.world
        first_day = day_text(world.now // DAY)
        occurred = self._emit(
            "candidate_started", candidacy, offer_id=candidacy.offer_id, started_on=first_day
        )
        world.truth.count(occurred, "starts")
        if not candidacy.invoice_id:
            self.billing.invoice(candidacy)
        draw = world.rng.random()
        if draw < 0.12:
            days = 3 + int(world.rng.random() ** 2 * 80)
            missing = share_of(candidacy.fee_cents, GUARANTEE_DAYS - days, GUARANTEE_DAYS)
            world.at(world.now + days * DAY, self.leave_early, (candidacy, missing))
        elif draw < 0.16:
            world.later(self.please, candidacy, hours=200)

    def leave_early(self, leaving: tuple[Candidacy, int]) -> None:
        candidacy, missing = leaving
        self.billing.refund(candidacy, missing, "left_early")

    def please(self, candidacy: Candidacy) -> None:
        """A tenth back for an employer who was not happy with how it went."""
        self.billing.refund(candidacy, share_of(candidacy.fee_cents, 1, 10), "goodwill")

    # Endings

    def close(self, candidacy: Candidacy, reason: str, closed_by: str) -> None:
        """End a candidacy, once."""
        if candidacy.closed:
            return
        self._emit("candidacy_closed", candidacy, reason=reason, closed_by=closed_by)
        candidacy.closed = True
        self.world.truth.closed += 1
        self._forget(candidacy)

    def _forget(self, candidacy: Candidacy) -> None:
        candidacy.candidate.live.pop(candidacy.id, None)
        candidacy.position.live.pop(candidacy.id, None)

    def close_position(self, position: Position, reason: str) -> None:
        """End the search, and every candidacy that is still going on for it."""
        ids = {"position_id": position.id, "employer_id": position.employer.id}
        self.web.serve("employer_app", "position_closed", position.employer, **ids, reason=reason)
        self.world.positions[position.role.name].remove(position)
        position.employer.positions.remove(position)
        for candidacy in list(position.live.values()):
            self.close(candidacy, "position_closed", "employer")
