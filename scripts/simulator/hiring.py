"""Candidacies, from a request or an application to a start, and what employers pay."""

from collections.abc import Generator

from simulator import reference as ref
from simulator.market import Candidacy, Candidate, Employer, Life, Market, Position, Visit
from simulator.output import iso_time
from simulator.reference import DAY, HOUR, MINUTE, weekday

REQUEST_DAYS = 14
SCORED, RECOMMENDED = 0.3, 0.5  # share of views with a score, and the least to recommend
MATCH_DAYS = 90  # in which a candidate who can be found is to be hired
GUARANTEE_DAYS = 90  # a hire who leaves within them is refunded for those that are missing
# Who closes a candidacy for a reason; for all others it is the candidate.
CLOSERS = {"rejected": "employer", "position_closed": "employer", "request_expired": "marketplace"}
# What a change of a subscription is for the monthly recurring revenue; a second start reactivates.
MOVEMENTS = {
    "started": "new",
    "upgraded": "expansion",
    "downgraded": "contraction",
    "cancelled": "churned",
}
# A part of a candidacy: returns why it ended or, if it goes on, nothing.
Phase = Generator[int, None, str]


def share_of(cents: int, part: int, whole: int) -> int:
    """`cents * part / whole`, rounded half up to the cent."""
    return (2 * cents * part + whole) // (2 * whole)


def answered(reason: str) -> dict[str, str]:
    """An answer as its event has it: declined for a reason or, without one, accepted."""
    return {"answer": "declined", "decline_reason": reason} if reason else {"answer": "accepted"}


class HiringMarket(Market):
    """A market with candidacies and bills. Money is whole cents until it is written."""

    def open_candidacy(
        self, candidate: Candidate, position: Position, salary: int, visit: Visit, origin: str
    ) -> None:
        """In a visit an employer requests an interview, or a candidate applies: the `origin`."""
        c = Candidacy(self.id("cdy"), candidate, position, salary, position.location.currency)
        candidate.live[c.id] = position.live[c.id] = c
        candidate.asked.add(position.ids["position_id"])
        self.truth.candidacies["opened"] += 1
        self.truth.candidacies["under_way"] += 1
        self.truth.candidacies["by_origin"][origin] += 1
        ids = {"candidacy_id": c.id, "candidate_id": candidate.id, **position.ids}
        if origin == "application":
            words = int(self.rng.lognormvariate(5.0, 0.6)) if self.chance(0.55) else 0
            letter = {"cover_letter_words": min(words, 3000)}
            self.emit("candidate_app", "application_submitted", visit, {**ids, **letter})
            self.truth.count(self.now, "applications")
            self.email(position.employer, "application_received", 0.4)
        else:
            equity = self.chance(0.4)
            terms = {"base_salary": salary, "currency": c.currency, "equity_offered": equity}
            self.emit("employer_app", "interview_requested", visit, {**ids, **terms})
            self.truth.count(self.now, "interview_requests")
            self._credit(candidate, position.employer)
            if candidate.min_salary and candidate.location.currency == c.currency:
                c.salary_band = str(min(salary * 10 // candidate.min_salary * 10, 200))
            self.truth.requests_by_band[c.salary_band] += 1
            self.truth.requests_by_day[iso_time(self.now)[:10]] += 1
            candidate.requested_at = self.now
            for who in (candidate, position.employer):
                who.account.requests += (self.now,)
            self.email(candidate, "interview_request", 0.5)
        self.begin(self._candidacy(c, origin), c)

    def recommend(self, candidate: Candidate, position: Position) -> None:
        """A model may score how likely the candidate accepts; its second version errs less."""
        if self.scores.random() >= SCORED:
            return
        later = self.now >= (self.start + self.end) // 2
        likely = 0.55 if candidate.availability == "active" else 0.3
        likely -= 0.2 * (candidate.location.currency != position.terms["currency"])
        score = likely + self.scores.gauss(0.0, 0.1 if later else 0.2)
        pair = {"candidate_id": candidate.id, "position_id": position.ids["position_id"]}
        pair |= {"model": "interview_acceptance", "model_version": "2" if later else "1"}
        today = iso_time(self.now // DAY * DAY)
        scored = {"score": round(min(max(score, 0.0), 1.0), 4), "scored_at": iso_time(self.now)}
        self.output.tell(self.now, "candidate_scored", {**pair, **scored, "features_as_of": today})
        if score >= RECOMMENDED:
            shown = {"employer_id": position.employer.id, "recommendation_rank": 1}
            self.output.tell(self.now, "recommendation_shown", {**pair, **shown})

    def _credit(self, candidate: Candidate, employer: Employer) -> None:
        """Count a request for the searches of the last week in which its candidate was viewed."""
        seen = employer.seen.get(candidate.id, {})
        for search, searched in seen.items():
            if self.now < searched + 7 * DAY:
                self.truth.count(searched, "candidates_requested")
                if search not in employer.fruitful:
                    employer.fruitful.add(search)
                    self.truth.count(searched, "searches_requested")
        # The first request after the view counts, and no other.
        seen |= dict.fromkeys(seen, 0)

    def _candidacy(self, c: Candidacy, origin: str) -> Life:
        if origin == "application":
            # An employer screens it and says no more often than not.
            fit = 0.42 * c.candidate.channel.quality + 0.01 * min(c.candidate.years, 10)
            ending = "" if self.chance(fit) else "rejected"
            yield self.later(34)
        else:
            ending = yield from self._answered(c)
        ending = ending or (yield from self._stages(c))
        ending = ending or (yield from self._offers(c))
        ending = ending or (yield from self._hired(c))
        if ending:
            self.close(c, ending)

    def _answered(self, c: Candidacy) -> Phase:
        hours = 14 * self.rng.lognormvariate(0.0, 1.2)
        if hours > REQUEST_DAYS * 24 or self.chance(0.13):
            yield self.now + REQUEST_DAYS * DAY
            return "request_expired"
        yield self.now + MINUTE + int(hours * HOUR)
        willing = 0.62 if c.candidate.availability == "active" else 0.34
        if c.candidate.location.currency != c.currency:
            willing -= 0.2
        elif c.salary < c.candidate.min_salary:
            willing -= 0.3
        reason = "" if self.chance(willing) else self.word("request_declines")
        answer = {"candidacy_id": c.id, "candidate_id": c.candidate.id, **answered(reason)}
        self.emit("employer_app", "interview_request_answered", c.candidate, answer)
        if reason:
            return "request_declined"
        self.truth.count(self.now, "interview_request_acceptances")
        self._go_to(c, "accepted")
        self.truth.acceptances_by_band[c.salary_band] += 1
        self.email(c.position.employer, "request_accepted", 0.6)
        yield self.later(20)
        return ""

    def _emit(self, event: str, c: Candidacy, **data: object) -> None:
        self.emit("hiring", event, c.candidate, {"candidacy_id": c.id, **data})

    def _go_to(self, c: Candidacy, stage: str) -> None:
        """Leave a stage for the next one, for itself once more, or for the end: closed."""
        self.truth.count(self.now, "stages_left")
        if stage == c.stage:
            self.truth.count(self.now, "stages_repeated")
        elif stage != "closed":
            self.truth.count(self.now, "stages_passed")
        if stage in ("hired", "closed") and c.stage != "hired":
            self.truth.candidacies["under_way"] -= 1
        c.stage = stage

    def _stages(self, c: Candidacy) -> Phase:
        """Pass the role's stages, one after the other."""
        for step, stage in enumerate(c.position.role.stages):
            self._emit("candidacy_stage_changed", c, stage=stage)
            self._go_to(c, stage)
            # The later the stage, the likelier: those who would fail are gone.
            likely = 0.1 + 0.05 * step + 0.008 * min(c.candidate.years, 10)
            likely = min(likely + c.position.role.passing * c.candidate.channel.quality, 0.95)
            if stage.endswith("check"):
                yield self.later(60)
                passed = self.chance(likely) or self.chance(0.8)
            else:
                passed = yield from self._interview(c, stage, likely)
            if self.chance(0.05):
                yield self.later(20)
                return "withdrawn"
            if not passed:
                yield self.later(24)
                return "rejected"
            yield self.later(16)
        return ""

    def _interview(self, c: Candidacy, stage: str, likely: float) -> Generator[int, None, bool]:
        """Interview, again if nobody came; returns whether it went well."""
        hours = 5
        while True:
            yield self.later(hours)
            day = self.now // DAY + 1 + self.upto(3)
            while weekday(day * DAY) >= 5:
                day += 1
            # On the half hour, between eight in London and four in San Francisco.
            begins = day * DAY + (16 + self.upto(32)) * 30 * MINUTE
            interview = {"interview_id": self.id("int"), "stage": stage}
            self._emit("interview_scheduled", c, **interview, scheduled_for=iso_time(begins))
            self.truth.count(self.now, "interviews")
            yield begins + 30 * MINUTE + self.upto(HOUR)
            judgement = "advance" if self.chance(likely) else "reject"
            outcome = "no_show" if self.chance(0.03) else judgement
            self._emit("interview_completed", c, **interview, outcome=outcome)
            self.truth.count(self.now, "no_shows" if outcome == "no_show" else "interviews_held")
            if outcome != "no_show" or not self.chance(0.7):
                return outcome == "advance"
            hours = 20

    def _offers(self, c: Candidacy) -> Phase:
        """Make an offer and, if that may help, a better one."""
        for first in (True, False):
            raised = self.rng.randrange(96, 108) if first else self.rng.randrange(102, 112)
            c.salary, c.offer_id = c.salary * raised // 100, self.id("offer")
            terms = {"offer_id": c.offer_id, "base_salary": c.salary, "currency": c.currency}
            expires = self.now // DAY + 7
            self._emit("offer_extended", c, **terms, expires_on=iso_time(expires * DAY)[:10])
            self.truth.count(self.now, "offers")
            self._go_to(c, "offered")
            self.email(c.candidate, "offer", 0.8)
            if self.chance(0.05):
                yield (expires + 1) * DAY + HOUR
                return "withdrawn"
            if first and self.chance(0.07):
                # Negotiated by telephone: the first offer is never answered.
                yield self.later(30)
                continue
            yield self.later(45)
            reason = "" if self.chance(0.72 if first else 0.8) else self.word("offer_declines")
            self._emit("offer_answered", c, offer_id=c.offer_id, **answered(reason))
            if not reason:
                self.truth.count(self.now, "offer_acceptances")
                self._go_to(c, "hired")
                if self.now <= c.candidate.listed_at + MATCH_DAYS * DAY:
                    self.truth.count(c.candidate.listed_at, "matched")
                for who in (c.candidate, c.position.employer):
                    who.account.hires += (self.now,)
                self.truth.add_money(self.now, "gmv", c.currency, c.salary * 100)
                return ""
            if reason != "salary" or not first or not self.chance(0.6):
                break
            yield self.later(26)
        return "offer_declined"

    def _hired(self, c: Candidacy) -> Phase:
        """From the acceptance to the start, and what may go wrong with both."""
        position = c.position
        if not position.filled:
            self.truth.count(self.now, "positions_filled")
        position.filled = True
        del c.candidate.live[c.id], position.live[c.id]
        for other in list(c.candidate.live.values()):
            self.close(other, "withdrawn")
        self.make_available(c.candidate, "unavailable")
        position.openings -= 1
        if position.openings == 0:
            self.close_position(position, "filled")
        if not position.employer.invoices_at_start:
            self._invoice(c)
        starts = self.now + (7 + int(self.rng.lognormvariate(2.5, 0.6))) * DAY
        while weekday(starts) >= 5:
            starts += DAY
        if self.chance(0.05):
            # Accepted, and yet never to start.
            yield self.now + (starts - self.now) // 2
            self._refund(c, c.fee, "never_started")
            return "withdrawn"
        yield starts // DAY * DAY + 8 * HOUR + starts % HOUR
        self._emit("candidate_started", c, offer_id=c.offer_id, started_on=iso_time(self.now)[:10])
        self.truth.count(self.now, "starts")
        self._go_to(c, "started")
        if position.employer.invoices_at_start:
            self._invoice(c)
        if self.chance(0.04):
            # The invoice did not say what the contract says.
            yield self.later(80)
            self._refund(c, share_of(c.fee, 125, 2000), "billing_error")
        if self.chance(0.12):
            days = 3 + int(self.rng.random() ** 2 * 80)
            started = self.now
            yield self.now + days * DAY
            self.truth.count(started, "early_leavers")
            self._refund(c, share_of(c.fee, GUARANTEE_DAYS - days, GUARANTEE_DAYS), "left_early")
        elif self.chance(0.05):
            # A tenth back for an employer who was not happy with how it went.
            yield self.later(200)
            self._refund(c, share_of(c.fee, 1, 10), "goodwill")
        return ""

    def make_available(self, candidate: Candidate, availability: str, **more: object) -> None:
        """Change how available a candidate is; those who are not can't be found any more."""
        candidate.availability = availability
        candidate.listed = availability != "unavailable"
        change = {"candidate_id": candidate.id, "availability": availability, **more}
        self.emit("candidate_app", "candidate_availability_changed", candidate, change)

    def close(self, c: Candidacy, reason: str) -> None:
        self._emit("candidacy_closed", c, reason=reason, closed_by=CLOSERS.get(reason, "candidate"))
        self.truth.candidacies["closed"] += 1
        self._go_to(c, "closed")
        c.gone = True
        c.candidate.live.pop(c.id, None)
        c.position.live.pop(c.id, None)

    def close_position(self, position: Position, reason: str) -> None:
        """End the search, and every candidacy that is still going on for it."""
        employer = position.employer
        position.listed = False
        closing = position.ids | {"reason": reason}
        self.emit("employer_app", "position_closed", employer, closing)
        employer.positions.remove(position)
        for candidacy in list(position.live.values()):
            self.close(candidacy, "position_closed")

    def _invoice(self, c: Candidacy) -> None:
        """Invoice the fee: a share of the accepted yearly base salary."""
        employer, due = c.position.employer, iso_time(self.now + 30 * DAY)[:10]
        c.invoice_id = self.id("inv")
        c.fee = c.refundable = share_of(c.salary * 100, employer.fee, 10_000)
        self._book(c, "invoiced", c.fee, candidacy_id=c.id, employer_id=employer.id, due_on=due)

    def _refund(self, c: Candidacy, cents: int, reason: str) -> None:
        """Pay back some of the fee, if there is one, and never more than is left of it."""
        cents = min(cents, c.refundable)
        c.refundable -= cents
        if cents:
            self._book(c, "refunded", cents, refund_id=self.id("ref"), reason=reason)

    def _book(self, c: Candidacy, what: str, cents: int, **more: str) -> None:
        # As a number of JSON it is exact up to 10^13 cents.
        money = {"invoice_id": c.invoice_id, "amount": cents / 100, "currency": c.currency}
        self.emit("billing", f"placement_{what}", None, {**more, **money})
        self.truth.add_money(self.now, what, c.currency, cents)

    def subscribe(self, employer: Employer) -> Life:
        """Subscribe; every three weeks or so change to a larger plan, a smaller one or none."""
        while True:
            yield self.later(24 * 8)
            subscription_id = self.id("sub")
            plan = min(int(employer.size * 0.6 + self.rng.random() * 1.4), len(ref.PLANS) - 1)
            price = self._bill(employer, subscription_id, "started", plan, 0)
            yield self.later(24 * 21, spread=0.4)
            while (change := self.word("plan_changes")) != "cancelled":
                step = {"upgraded": 1, "downgraded": -1}.get(change, 0)
                if step and 0 <= plan + step < len(ref.PLANS):
                    plan += step
                    price = self._bill(employer, subscription_id, change, plan, price)
                yield self.later(24 * 21, spread=0.4)
            self._bill(employer, subscription_id, change, plan, price)
            employer.leaving = self.chance(0.5)
            if employer.leaving or self.chance(0.5):
                return

    def _bill(self, employer: Employer, id_: str, change: str, plan: int, before: int) -> int:
        """Change a subscription; returns the local price, less what the buyer got off."""
        name, list_price = ref.PLANS[plan]
        currency = employer.location.currency
        off = self.upto(26) if self.chance(0.35) else 0
        price = share_of(int(list_price * ref.PLAN_PRICE[currency]) // 50 * 50, 100 - off, 100)
        other = {"upgraded": max(price, before + 100), "downgraded": min(price, before - 100)}
        price = 0 if change == "cancelled" else other.get(change, price)
        movement = "reactivated" if change == "started" and employer.has_paid else MOVEMENTS[change]
        employer.has_paid = True
        ids = {"subscription_id": id_, "employer_id": employer.id, "change": change}
        terms = {"plan": name, "monthly_amount": price / 100, "currency": currency}
        self.emit("billing", "subscription_changed", employer, {**ids, **terms})
        self.truth.add_money(self.now, "mrr", currency, price - before)
        self.truth.add_money(self.now, f"mrr_{movement}", currency, abs(price - before))
        return price
