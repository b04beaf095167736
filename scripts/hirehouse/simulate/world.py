"""The clock, the queue of what is going to happen, and what all parts of the marketplace share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date
from heapq import heappop, heappush
from random import Random
from typing import Any, TypeVar

from hirehouse.simulate.entities import Candidate, Pool, Position
from hirehouse.simulate.output import Output
from hirehouse.simulate.reference import DAY, HOUR, MINUTE, ROLES, SECOND, Weighted
from hirehouse.simulate.truth import Truth

T = TypeVar("T")


class World:
    """A discrete-event simulation: a queue of (time, action, subject) in the order of time.

    All times are milliseconds since 1970, UTC.
    """

    def __init__(self, seed: int, start: date, days: int, output: Output, truth: Truth) -> None:
        self.seed, self.output, self.truth = seed, output, truth
        self.rng = Random(f"{seed}/marketplace")
        self.start = (start - date(1970, 1, 1)).days * DAY
        self.end = self.start + days * DAY
        self.now = self.start
        self.candidates: dict[str, Pool[Candidate]] = {r.name: Pool() for r in ROLES.items}
        self.positions: dict[str, Pool[Position]] = {r.name: Pool() for r in ROLES.items}
        self._queue: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._queued = 0
        self._ids: Counter[str] = Counter()

    def id(self, kind: str) -> str:
        """The next id of a kind, such as s1-cand-000042 for seed 1."""
        self._ids[kind] += 1
        return f"s{self.seed}-{kind}-{self._ids[kind]:06d}"

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def at(self, when: int, action: Callable[[T], None], subject: T) -> None:
        """Let `action(subject)` happen at `when`; what lies after the end never happens."""
        if when < self.end:
            self._queued += 1
            heappush(self._queue, (when, self._queued, action, subject))

    def later(
        self, action: Callable[[T], None], subject: T, hours: float, spread: float = 0.8
    ) -> None:
        """Let it happen after a while, as people and companies answer.

        Args:
            hours: median time it takes.
            spread: sigma of the log-normal distribution; at 0.8 a sixth takes over twice as long.
        """
        when = self.now + MINUTE + int(self.rng.lognormvariate(0.0, spread) * hours * HOUR)
        if is_weekend(when) and self.rng.random() < 0.8:
            when += 2 * DAY
        self.at(when, action, subject)

    def tick(self) -> int:
        """The time of an event that happens now.

        The clock moves on by a millisecond, so a consequence is always later than its cause.
        """
        self.now += 1
        return self.now

    def run(self) -> None:
        """Let everything happen, up to the end."""
        queue, advance = self._queue, self.output.advance
        # An action may emit several events, a millisecond apart, and all must lie before the end.
        last = self.end - 10 * SECOND
        while queue:
            when, _, action, subject = heappop(queue)
            self.now = max(when, self.now)
            if self.now >= last:
                break
            advance(self.now)
            action(subject)


def is_weekend(when: int) -> bool:
    # 1970-01-01 was a Thursday.
    return (when // DAY + 3) % 7 >= 5


def hour_of_day(rng: Random, day: Weighted[int]) -> int:
    """Milliseconds since midnight, drawn by the weights of the hours."""
    return day.draw(rng) * HOUR + int(rng.random() * HOUR)
