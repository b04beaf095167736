"""Candidates and employers: from the first page view to the sign-up, and what they do then."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from simulator import reference as ref
from simulator.hiring import HiringMarket
from simulator.market import Candidate, Employer, Life, Person, Position, Visit
from simulator.output import Output, iso_time
from simulator.reference import DAY, HOUR, SECOND, weekday
from simulator.standing import note_week

CANDIDATES_PER_EMPLOYER = 20
GROWTH = 2.0  # sign-ups on the last day, as a multiple of those on the first
# What a candidate does in a visit, and the share of visits in which it is done.
APPLY = {"active": 0.3, "passive": 0.07, "unavailable": 0.0}
RESUBMIT, CHANGE_AVAILABILITY, ERASE, OTHER_DEVICE = 0.06, 0.05, 0.003, 0.03


def quotas(total: int, weights: Sequence[float]) -> list[int]:
    """`total` spread by weight, in whole numbers that add up to it."""
    bounds = [round(total * done / sum(weights)) for done in accumulate(weights)]
    return [bound - before for before, bound in zip([0, *bounds], bounds, strict=False)]


class Marketplace(HiringMarket):
    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self.erased: list[Candidate] = []  # who could be found until then

    def days(self, candidates: int, progress: Callable[[int], object]) -> Life:
        """Let about so many candidates come, day by day; reports how many days are done."""
        days = range(self.truth.days)
        week = [weekday(self.start + day * DAY) for day in days]
        growth = [1 + (GROWTH - 1) * day / len(days) for day in days]
        sign_ups = quotas(candidates, [growth[day] * ref.CANDIDATE_WEEK[week[day]] for day in days])
        # Employers come first: a marketplace without positions would not get any candidates.
        early = [(0.2 + ref.EMPLOYER_WEEK[week[day]]) / growth[day] ** 2 for day in days]
        employers = quotas(max(candidates // CANDIDATES_PER_EMPLOYER, 1), early)
        for day in days:
            progress(day)
            if week[day] == 0 and day:
                note_week(self, self.erased, self.now)
            self.release = f"3.{day // 14}.0"
            for _ in range(employers[day]):
                self.begin(self._employer())
            for _ in range(sign_ups[day]):
                self.begin(self._candidate(signs_up=True))
            yield self.start + (day + 1) * DAY

    def _moment(self, hours: ref.Weighted[int], days: int = 0) -> int:
        """A time today or in some days, drawn by the weights of the hours."""
        return (self.now // DAY + days) * DAY + self.draw(hours) * HOUR + self.upto(HOUR)

    def _candidate(self, *, signs_up: bool) -> Life:
        """Anonymous visits; the last one of those who will sign up ends with the sign-up."""
        who = self.visitor(self.draw(ref.CANDIDATE_CHANNELS))
        visits = 1 + int(self.chance(0.25)) + int(self.chance(0.06))
        if signs_up:
            # With every sign-up by a channel there come those whom it brought in vain.
            for _ in range(int(who.channel.lost + self.rng.random())):
                self.begin(self._candidate(signs_up=False))
        yield self._moment(ref.CANDIDATE_HOURS)
        for left in reversed(range(visits)):
            converts = signs_up and left == 0
            pages = [self.word("candidate_pages") for _ in range(1 + self.upto(1.9))]
            pages += ["sign_up"] * converts
            exposure: dict[str, str] = {}
            if self.chance(0.35):
                experiment, variants = self.pick(ref.EXPERIMENTS)
                # The treatment works: of those who sign up, more have seen it than by chance.
                treated = converts and self.chance(0.08)
                variant = variants[1] if treated else self.pick(variants)
                exposure = {"experiment_name": experiment, "variant": variant}
            visit = yield from self.visit(who, pages, who.channel, **exposure)
            if left:
                if self.chance(0.3):
                    who.channel = self.draw(ref.CANDIDATE_CHANNELS)
                yield self.later(40, spread=1.0)
        if not signs_up:
            self.lose(who)
        else:
            years = min(int(self.rng.gammavariate(2.2, 3.0)), 40)
            role, location = self.draw(ref.ROLES), self.draw(ref.LOCATIONS)
            candidate = self._sign_up(visit, role, location, years)
            if self.chance(0.8):
                self.begin(self._enter(candidate), candidate)
            if self.chance(0.008):
                self.begin(self._sign_up_again(candidate), candidate)

    def _sign_up(self, visit: Visit, role: ref.Role, place: ref.Location, years: int) -> Candidate:
        id_, who = self.id("cand"), visit.visitor
        browser = who.anonymous_id, who.user_agent, who.channel
        candidate = visit.user = Candidate(id_, *browser, role, place, years)
        # Some keep to themselves what they want to earn.
        wanted = self.rng.randrange(85, 111) if self.chance(0.92) else 0
        candidate.min_salary = candidate.fair_salary(place) * wanted // 100
        name = f"{self.word('first_names')} {self.word('last_names')}"
        about = {"candidate_id": id_, "email": f"{id_}@mail.example", "full_name": name}
        # Some refuse to be tracked.
        channel = "unknown" if self.chance(0.04) else who.channel.name
        origin = {"channel": channel, "country_code": place.country}
        self.emit("candidate_app", "candidate_signed_up", visit, about | origin)
        self.truth.count(self.now, "sign_ups")
        for experiment, variants in who.variants.items():
            if len(variants) == 1:
                self.truth.experiments[" ".join((experiment, *variants, "converted"))] += 1
        self.register(candidate, who, "candidate", channel)
        self._link("candidate_app", visit, "sign_up", who.anonymous_id)
        self.email(candidate, "welcome", 0.35)
        return candidate

    def _link(self, app: str, visit: Visit, method: str, previous: str) -> None:
        link = {"previous_id": previous, "person_id": visit.user.id, "method": method}
        self.emit(app, "identity_linked", visit, link)

    def _sign_up_again(self, candidate: Candidate) -> Life:
        """Someone who forgot the account makes a second one, and the two are merged."""
        yield self.later(200)
        visit = yield from self.visit(self.visitor(candidate.channel), ["home", "sign_up"])
        again = self._sign_up(visit, candidate.role, candidate.location, candidate.years)
        visit.user, again.gone = candidate, True
        self.join(candidate, again)
        self._link("candidate_app", visit, "merge", again.id)

    def _enter(self, candidate: Candidate) -> Life:
        """A candidate's way into the market: the profile and its reviews."""
        yield self.later(0.4, spread=1.5)
        self._submit_profile(candidate)
        hours, fit = 20, 0.62 * candidate.channel.quality + 0.015 * candidate.years
        for likely in (min(fit, 0.92), 0.8):
            yield self.later(hours)
            accepted, rejected = self.chance(likely), self.chance(0.65)
            decision = "accepted" if accepted else "rejected" if rejected else "waitlisted"
            review = {"candidate_id": candidate.id, "decision": decision}
            if not accepted:
                review["reason"] = self.word("review_reasons")
            self.emit("candidate_app", "candidate_review_decided", candidate, review)
            self.email(candidate, f"profile_{decision}", 0.45)
            if accepted:
                candidate.listed, candidate.listed_at = True, self.now
                self.truth.count(self.now, "first_searchable")
                candidate.account.approved = True
                self.candidates[candidate.role.name].append(candidate)
                self.begin(self._sessions(candidate), candidate)
                return
            hours = 240
            if rejected:
                if review["reason"] != "incomplete" or self.chance(0.4):
                    return
                yield self.later(30)
                self._submit_profile(candidate)
                hours = 20

    def _submit_profile(self, candidate: Candidate) -> None:
        c, place = candidate, candidate.location
        who = {"candidate_id": c.id, "role": c.role.name, "years_experience": c.years}
        where = {"location": place.name, "remote_preference": self.word("remote")}
        skills = {"skills": self.rng.sample(c.role.skills, 3)}
        pay = {"min_base_salary": c.min_salary, "currency": place.currency} if c.min_salary else {}
        event = "candidate_profile_submitted"
        self.emit("candidate_app", event, c, {**who, **where, **pay, **skills})

    def _sessions(self, candidate: Candidate) -> Life:
        """Come back to look around, as long as there is something to be looked for."""
        yield self.later(30)
        while candidate.listed:
            # A life of its own, so that nothing of it is kept up to the next one.
            yield from self._session(candidate)
            yield self.later(130 if candidate.availability == "active" else 260)

    def _session(self, candidate: Candidate) -> Life:
        """A visit, and what it leads to: an application, a change, a goodbye, mostly nothing."""
        who = self.visitor(candidate.channel) if self.chance(OTHER_DEVICE) else candidate
        pages = [self.word("member_pages") for _ in range(1 + self.upto(2.5))]
        visit = yield from self.visit(who, pages)
        if not candidate.listed:
            return
        if who is not candidate:
            visit.user = candidate
            self.join(candidate, who)
            self._link("candidate_app", visit, "sign_in", who.anonymous_id)
        if self.chance(APPLY[candidate.availability]) and len(candidate.live) < 4:
            position = self.find(self.positions[candidate.role.name])
            if position and position.ids["position_id"] not in candidate.asked:
                salary = (position.terms["min_salary"] + position.terms["max_salary"]) // 2
                self.open_candidacy(candidate, position, salary, visit, "application")
        if self.chance(RESUBMIT):
            if self.chance(0.3):
                candidate.location = self.draw(ref.LOCATIONS)
            candidate.years += int(self.chance(0.3))
            fair = candidate.fair_salary(candidate.location)
            candidate.min_salary = fair * self.rng.randrange(85, 116) // 100
            self._submit_profile(candidate)
        if self.chance(CHANGE_AVAILABILITY):
            others = [other for other in APPLY if other != candidate.availability]
            availability, since = self.pick(others), {}
            if availability == "active" and self.chance(0.6):
                since["available_from"] = iso_time(self.now + (14 + self.upto(76)) * DAY)[:10]
            self.make_available(candidate, availability, **since)
        elif self.chance(ERASE):
            for candidacy in list(candidate.live.values()):
                self.close(candidacy, "withdrawn")
            candidate.listed = False
            self.erased.append(candidate)
            self._erase(candidate, "candidate", self.word("erased_via"))

    def _erase(self, who: Person, kind: str, via: str) -> None:
        """Someone leaves for good and wants the data erased."""
        request = {"person_id": who.id, "person_type": kind, "requested_via": via}
        self.emit("privacy_desk", "person_erasure_requested", who, request)
        who.gone = True

    def _employer(self) -> Life:
        """The visit that ends with an employer's sign-up, and all working days after it."""
        yield self._moment(ref.EMPLOYER_HOURS)
        who = self.visitor(self.draw(ref.EMPLOYER_CHANNELS))
        pages = [self.word("employer_pages") for _ in range(1 + self.upto(3))]
        visit = yield from self.visit(who, [*pages, "sign_up"], who.channel)
        id_, location, size = self.id("emp"), self.draw(ref.LOCATIONS), self.draw(ref.SIZES)
        name = f"{self.word('company_names')} {self.word('company_kinds')}"
        profile = {"employer_id": id_, "company_name": name, "industry": self.word("industries")}
        profile["employee_range"] = ref.EMPLOYEE_RANGES[size]
        browser = who.anonymous_id, who.user_agent, who.channel
        fee, at_start = 1500 + self.upto(800), self.chance(0.4)
        employer = visit.user = Employer(id_, *browser, location, size, fee, at_start, profile)
        origin = {"channel": who.channel.name, "country_code": location.country}
        self.emit("employer_app", "employer_signed_up", visit, profile | origin)
        self.truth.count(self.now, "employer_sign_ups")
        self.register(employer, who, "employer", who.channel.name)
        self._link("employer_app", visit, "sign_up", who.anonymous_id)
        self.email(employer, "employer_welcome", 0.5)
        for _ in range(1 + self.upto(1 + size)):
            self.begin(self._position(employer, self.later(5, spread=1.5)), employer)
        if self.chance(0.75):
            self.begin(self.subscribe(employer), employer)
        while not employer.leaving:
            yield from self._work(employer)
            days = 1
            while not self.chance(0.5 * ref.EMPLOYER_WEEK[weekday(self.now + days * DAY)]):
                days += 1
            yield self._moment(ref.EMPLOYER_HOURS, days)
        for position in list(employer.positions):
            self.close_position(position, "cancelled")
        employer.gone = True
        if self.chance(0.15):
            self._erase(employer, "employer_user", "email")

    def _position(self, employer: Employer, when: int) -> Life:
        """Open a position then, and close it when nobody is found for too long."""
        yield when
        if employer.leaving:
            return
        role, level, openings = self.draw(ref.ROLES), self.draw(ref.LEVELS), 1 + self.upto(1.15)
        location = employer.location if self.chance(0.75) else self.draw(ref.LOCATIONS)
        ids = {"position_id": self.id("pos"), "employer_id": employer.id}
        position = Position(ids, employer, role, level, location, openings)
        self._publish("position_opened", position, role=role.name)
        self.truth.count(self.now, "positions_opened")
        employer.positions.append(position)
        position.listed = True
        self.positions[role.name].append(position)
        yield self.later(24 * 55, spread=0.3)
        if position.listed:
            self.close_position(position, "expired")

    def _publish(self, event: str, position: Position, **more: str) -> None:
        """Set the terms of a position by its role, level and location, and emit them."""
        place, level = position.location, position.level
        remote = "remote" if place.name == "Remote" else self.word("remote")
        middle = position.role.salary * place.pay * level.pay * (0.9 + 0.25 * self.rng.random())
        low, high = (int(middle * factor) // 500 * 500 for factor in (0.9, 1.12))
        pay_range = {"min_salary": low, "max_salary": high, "currency": place.currency}
        where = {"location": place.name, "remote_policy": remote}
        position.terms = {"title": level.title + position.role.title, **where, **pay_range}
        about = position.ids | position.terms | more
        self.emit("employer_app", event, position.employer, about)

    def _work(self, employer: Employer) -> Life:
        """A day's work: see to what is to be done, then search for a position."""
        if not employer.positions:
            if self.chance(0.12):
                self.begin(self._position(employer, self.later(2)), employer)
            return
        position, draw = self.pick(employer.positions), self.rng.random()
        if draw < 0.07:
            # What it pays changes and, at times, where it is and how it is called.
            position.location = self.draw(ref.LOCATIONS) if draw < 0.01 else position.location
            position.level = self.draw(ref.LEVELS) if 0.008 < draw < 0.018 else position.level
            self._publish("position_updated", position)
        elif draw < 0.078:
            self.close_position(position, "cancelled" if draw < 0.074 else "paused")
            return
        elif draw < 0.098 and len(employer.positions) < 6:
            self.begin(self._position(employer, self.later(2)), employer)
        elif draw < 0.11:
            employer.size = min(employer.size + self.upto(2), len(ref.EMPLOYEE_RANGES) - 1)
            employer.profile["employee_range"] = ref.EMPLOYEE_RANGES[employer.size]
            if self.chance(0.2):
                employer.profile["industry"] = self.word("industries")
            self.emit("employer_app", "employer_profile_updated", employer, employer.profile)
        yield from self._browse(employer, position)

    def _browse(self, employer: Employer, position: Position) -> Life:
        """Search candidates, look at some of their profiles, and request interviews."""
        visit = yield from self.visit(employer, [])
        pool, position_id = self.candidates[position.role.name], position.ids["position_id"]
        ids = {"employer_id": employer.id}
        search = {"search_id": self.id("search")}
        wanted: dict[str, Any] = {"role": position.role.name}
        matches = len(pool)
        if self.chance(0.5):
            wanted["location"], matches = position.terms["location"], matches * 2 // 9
        if self.chance(0.4):
            wanted["min_years_experience"], matches = 1 + self.upto(8), matches // 2
        wanted["result_count"] = matches
        self.emit("employer_app", "candidate_search_performed", visit, search | ids | wanted)
        searched = self.now
        self.truth.count(searched, "searches")
        if not matches:
            self.truth.count(searched, "searches_without_result")
        for number in range(1 + int(self.rng.expovariate(1 / 2.6))):
            yield self.now + (15 + self.upto(120)) * SECOND
            candidate = self.find(pool)
            if candidate is None or not position.listed:
                return
            # Share of views that lead to a request.
            interest = 0.26 * candidate.channel.quality + 0.012 * min(candidate.years, 10)
            interest += 0.12 * (candidate.location.currency == position.terms["currency"])
            viewed: dict[str, Any] = ids | {"candidate_id": candidate.id}
            viewed |= {"position_id": position_id} if self.chance(0.7) else {}
            # Who finds nobody looks at profiles found earlier.
            if matches:
                # Those who fit best come first.
                rank = 1 + int(self.ranks.expovariate(interest / 4))
                viewed |= search | {"result_rank": min(rank, matches)}
                seen = employer.seen.setdefault(candidate.id, {})
                seen.setdefault(search["search_id"], searched)
                if number == 0:
                    self.truth.count(searched, "searches_viewed")
            self.recommend(candidate, position)
            self.emit("employer_app", "candidate_profile_viewed", visit, viewed)
            self.truth.count(self.now, "profile_views")
            if self.chance(interest):
                yield self.now + (20 + self.upto(200)) * SECOND
                if candidate.listed and position.listed and position_id not in candidate.asked:
                    # What the candidate is worth here, within what the position pays.
                    worth, terms = candidate.fair_salary(position.location), position.terms
                    salary = max(terms["min_salary"], min(worth, terms["max_salary"])) // 50 * 50
                    self.open_candidacy(candidate, position, salary, visit, "interview_request")
