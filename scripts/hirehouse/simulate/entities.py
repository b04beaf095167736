"""Who and what the marketplace is made of. Only what is still alive is kept in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Generic, Protocol, TypeVar

from hirehouse.simulate.reference import Channel, Location, Role


@dataclass(slots=True, eq=False)
class Person:
    """Anyone with a browser. `id` is empty before the sign-up; `gone`: never heard of again."""

    id: str
    anonymous_id: str
    user_agent: str
    channel: Channel
    gone: bool = field(default=False, init=False)


@dataclass(slots=True, eq=False)
class Visitor(Person):
    """Someone who has not signed up yet, or never will."""

    signs_up: bool
    visits_left: int = 1


@dataclass(slots=True, eq=False)
class Candidate(Person):
    """`min_salary`: lowest yearly base considered, in units of the location's currency."""

    role: Role
    location: Location
    years: int
    min_salary: int = 0
    availability: str = "active"
    reviews: int = 0
    live: dict[str, Candidacy] = field(default_factory=dict)
    # Positions there has been a candidacy for: there is never a second one.
    asked: set[str] = field(default_factory=set)
    slot: int = -1


@dataclass(slots=True, eq=False)
class Employer(Person):
    """`fee`: placement fee, hundredths of a percent of the yearly base; `price`: cents a month."""

    location: Location
    size: int
    company: str
    industry: str
    fee: int
    invoices_at_start: bool
    positions: list[Position] = field(default_factory=list)
    subscription_id: str = ""
    plan: int = 0
    price: int = 0
    leaving: bool = False


@dataclass(slots=True, eq=False)
class Position:
    """A position to be filled `openings` times; `slot` is below 0 once it is closed."""

    id: str
    employer: Employer
    role: Role
    location: Location
    title: str
    remote: str
    openings: int
    min_salary: int = 0
    max_salary: int = 0
    live: dict[str, Candidacy] = field(default_factory=dict)
    slot: int = -1


@dataclass(slots=True, eq=False)
class Candidacy:
    """One candidate for one position; `step` counts the stages passed."""

    id: str
    candidate: Candidate
    position: Position
    salary: int
    currency: str
    step: int = 0
    offers: int = 0
    offer_id: str = ""
    interview_id: str = ""
    invoice_id: str = ""
    fee_cents: int = 0
    refunded_cents: int = 0
    closed: bool = False


class _Slotted(Protocol):
    slot: int


S = TypeVar("S", bound=_Slotted)


class Pool(Generic[S]):
    """Members that are drawn at random, come and go, each in constant time."""

    def __init__(self) -> None:
        self.members: list[S] = []

    def add(self, member: S) -> None:
        if member.slot < 0:
            member.slot = len(self.members)
            self.members.append(member)

    def remove(self, member: S) -> None:
        if member.slot < 0:
            return
        last = self.members.pop()
        if last is not member:
            self.members[member.slot] = last
            last.slot = member.slot
        member.slot = -1

    def draw(self, rng: Random) -> S | None:
        if not self.members:
            return None
        return self.members[int(rng.random() * len(self.members))]
