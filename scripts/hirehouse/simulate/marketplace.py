"""The parts of the marketplace put together, and who arrives on which day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

from hirehouse.simulate.billing import Billing
from hirehouse.simulate.candidates import Candidates
from hirehouse.simulate.employers import HOURS as EMPLOYER_HOURS
from hirehouse.simulate.employers import Employers
from hirehouse.simulate.hiring import Hiring
from hirehouse.simulate.reference import (
    CANDIDATE_DAY,
    CANDIDATE_WEEK,
    DAY,
    EMPLOYER_WEEK,
    Weighted,
)
from hirehouse.simulate.web import Web
from hirehouse.simulate.world import World, hour_of_day

CANDIDATE_HOURS = Weighted(range(24), CANDIDATE_DAY)
CANDIDATES_PER_EMPLOYER = 20
# Sign-ups on the last day, as a multiple of those on the first.
GROWTH = 2.0


class Marketplace:
    def __init__(
        self,
        world: World,
        days: int,
        candidates: int,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.world, self.days, self.progress = world, days, progress
        web = Web(world)
        billing = Billing(world, web)
        hiring = Hiring(world, web, billing)
        self.candidates = Candidates(world, web, hiring)
        self.employers = Employers(world, web, hiring, billing)
        first = world.start // DAY
        growth = [1 + (GROWTH - 1) * day / days for day in range(days)]
        week = [(first + day + 3) % 7 for day in range(days)]
        self._sign_ups = _quotas(
            candidates, [g * CANDIDATE_WEEK[w] for g, w in zip(growth, week, strict=True)]
        )
        # Employers come first: a marketplace without positions would not get any candidates.
        self._employer_sign_ups = _quotas(
            max(candidates // CANDIDATES_PER_EMPLOYER, 1),
            [(0.2 + EMPLOYER_WEEK[w]) / g**2 for g, w in zip(growth, week, strict=True)],
        )

    def begin(self) -> None:
        self.world.at(self.world.start, self.begin_day, 0)

    def begin_day(self, number: int) -> None:
        """Plan the arrivals of a day, the first being 0; only one day is planned at a time."""
        world, rng = self.world, self.world.rng
        if number and self.progress:
            self.progress(number)
        midnight = world.start + number * DAY
        for _ in range(self._employer_sign_ups[number]):
            visitor = self.employers.arrive()
            world.at(midnight + hour_of_day(rng, EMPLOYER_HOURS), self.employers.visit, visitor)
        for _ in range(self._sign_ups[number]):
            visitor = self.candidates.arrive(signs_up=True)
            world.at(midnight + hour_of_day(rng, CANDIDATE_HOURS), self.candidates.visit, visitor)
            # With every sign-up by a channel there come those whom it brought in vain.
            for _ in range(int(visitor.channel.lost + rng.random())):
                lost = self.candidates.arrive(signs_up=False)
                when = midnight + hour_of_day(rng, CANDIDATE_HOURS)
                world.at(when, self.candidates.visit, lost)
        self.employers.begin_day(midnight // DAY)
        world.at(midnight + DAY, self.begin_day, number + 1)


def _quotas(total: int, weights: Sequence[float]) -> list[int]:
    """`total` spread over the days by weight, in whole numbers that add up to it."""
    bounds = [round(total * done / sum(weights)) for done in accumulate(weights)]
    return [bound - before for before, bound in zip([0, *bounds], bounds, strict=False)]
