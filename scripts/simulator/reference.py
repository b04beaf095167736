"""What the simulated marketplace is made of, as reference.yml states it."""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, Generic, NamedTuple, TypeVar

from hirehouse.contracts.model import read_yaml

T = TypeVar("T")

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def weekday(when: int) -> int:
    """The day of the week in UTC of milliseconds since 1970, Monday being 0."""
    return (when // DAY + 3) % 7  # 1970-01-01 was a Thursday


class Weighted(Generic[T]):
    """Draws one of its items by weight; several times as fast as `Random.choices`."""

    def __init__(self, items: Sequence[T], weights: Sequence[float]) -> None:
        self.items = list(items)
        self.bounds = list(accumulate(weights))
        self.total = self.bounds[-1]

    def draw(self, rng: Random) -> T:
        return self.items[bisect(self.bounds, rng.random() * self.total)]


class Location(NamedTuple):
    name: str
    country: str
    currency: str
    pay: float
    weight: int


class Role(NamedTuple):
    name: str
    title: str
    salary: int
    passing: float
    weight: int
    stages: list[str]
    skills: list[str]


class Level(NamedTuple):
    title: str
    pay: float
    weight: int


class Channel(NamedTuple):
    name: str
    referrer: str
    campaign: str
    untracked: float
    lost: float
    quality: float
    candidates: int
    employers: int


_DATA: dict[str, Any] = read_yaml(Path(__file__).with_name("reference.yml"))
_LOCATIONS = [Location(**row) for row in _DATA["locations"]]
_ROLES = [Role(**row) for row in _DATA["roles"]]
_LEVELS = [Level(**row) for row in _DATA["levels"]]
_CHANNELS = [Channel(**row) for row in _DATA["channels"]]
LOCATIONS = Weighted(_LOCATIONS, [location.weight for location in _LOCATIONS])
ROLES = Weighted(_ROLES, [role.weight for role in _ROLES])
LEVELS = Weighted(_LEVELS, [level.weight for level in _LEVELS])
CANDIDATE_CHANNELS = Weighted(_CHANNELS, [channel.candidates for channel in _CHANNELS])
EMPLOYER_CHANNELS = Weighted(_CHANNELS, [channel.employers for channel in _CHANNELS])
CANDIDATE_WEEK: list[float] = _DATA["candidate_week"]
EMPLOYER_WEEK: list[float] = _DATA["employer_week"]
CANDIDATE_HOURS = Weighted(range(24), _DATA["candidate_hours"])
EMPLOYER_HOURS = Weighted(range(24), _DATA["employer_hours"])
EMPLOYEE_RANGES = list[str](_DATA["employee_ranges"])
SIZES = Weighted(range(len(EMPLOYEE_RANGES)), list(_DATA["employee_ranges"].values()))
PLANS: list[tuple[str, int]] = list(_DATA["plans"].items())
PLAN_PRICE: dict[str, float] = _DATA["plan_price"]
EXPERIMENTS: list[tuple[str, list[str]]] = list(_DATA["experiments"].items())
WORDS: dict[str, Weighted[str]] = {
    name: Weighted(list(w), list(w.values()) if isinstance(w, dict) else [1] * len(w))
    for name, w in _DATA["words"].items()
}
SITE: str = _DATA["site"]
