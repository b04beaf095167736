"""What some models must hold, computed from the histories themselves, without SQL.

Two builds with the same fault are equal, so that is not enough of a test. This covers what decides
which events count, and of several events the one that does.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hirehouse.contracts.model import ROOT
from simulator.journeys import shares
from support.histories import OWN, Sent, dull

APART = timedelta(days=30)  # between copies, at most
SILENCE = timedelta(minutes=30)  # in a session, at most
WINDOW = timedelta(days=90)  # from a touch to a conversion, at most
# Each with its rank among openings of one moment.
OPENINGS = {
    "interview_requested": (1, "interview_request"),
    "application_submitted": (2, "application"),
}
# What enters a stage, and the answer or none that it takes.
ENTERING = {
    "interview_requested": ("requested", None),
    "application_submitted": ("applied", None),
    "interview_request_answered": ("accepted", "accepted"),
    "offer_extended": ("offered", None),
    "offer_answered": ("hired", "accepted"),
    "candidate_started": ("started", None),
    "candidacy_closed": ("closed", None),
}
with (ROOT / "seeds" / "stages.csv").open() as seed:
    RANKS = {row["stage"]: int(row["rank"]) for row in csv.DictReader(seed)}
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Arrived:
    """An event that has landed, in a committed batch, and the prefix of its history."""

    batch_id: int
    batch_row: int
    prefix: str
    sent: Sent

    @property
    def id(self) -> str:
        return self.own(self.sent.id)

    @property
    def at(self) -> datetime:
        return self.sent.at

    def get(self, name: str) -> Any:
        """A property's value."""
        value = self.sent.properties.get(name, dull(self.sent.event).get(name))
        return self.own(value) if isinstance(value, str) else value

    def own(self, text: str) -> str:
        """A text with the prefix, if it is the history's own."""
        return self.prefix + text.removeprefix(OWN) if text.startswith(OWN) else text


def split(arrived: Iterable[Arrived]) -> tuple[list[Arrived], list[Arrived]]:
    """The events that count, and the copies of them, by the definition."""
    counted: list[Arrived] = []
    copies: list[Arrived] = []
    times: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for one in sorted(arrived, key=lambda one: (one.batch_id, one.batch_row)):
        earlier = times[one.sent.event, one.id]
        is_copy = any(abs(one.at - at) <= APART for at in earlier)
        (copies if is_copy else counted).append(one)
        earlier.append(one.at)
    return counted, copies


def first(events: Sequence[Arrived], event: str, key: str) -> dict[str, Arrived]:
    """The first event of a name by what one of its properties says."""
    found: dict[str, Arrived] = {}
    for one in sorted(events, key=lambda one: (one.at, one.id), reverse=True):
        if one.sent.event == event:
            found[one.get(key)] = one
    return found


def expected(arrived: Iterable[Arrived]) -> dict[str, tuple[tuple[str, ...], Rows]]:
    """By model, the names of some columns and their content."""
    counted, copies = split(arrived)
    return {
        "stg_landing__copies": (
            ("event", "event_id", "batch_id", "batch_row"),
            [(one.sent.event, one.id, one.batch_id, one.batch_row) for one in copies],
        ),
        "int_last_occurrences": (("event", "occurred_at"), last_occurrences(counted)),
        "fct_experiment_exposures": (
            ("experiment_name", "person_id", "variant", "variant_count"),
            exposures(counted),
        ),
        "int_offers": (("offer_id", "offered_at", "answer", "answered_at"), offers(counted)),
        "int_candidacy_milestones": (("candidacy_id", "hired_at"), hires(counted)),
        "int_candidacy_attributes": (
            ("candidacy_id", "origin", "role", "channel"),
            attributes(counted),
        ),
        "int_searches": (
            ("search_id", "employer_id", "searched_at"),
            [
                (key, one.get("employer_id"), one.at)
                for key, one in first(counted, "candidate_search_performed", "search_id").items()
            ],
        ),
        "fct_profile_views": (
            ("profile_view_id", "viewed_at", "search_view_number", "candidacy_id", "requested_at"),
            profile_views(counted),
        ),
        "int_interviews": (
            ("interview_id", "scheduled_at", "scheduled_for", "schedule_count", "outcome"),
            interviews(counted),
        ),
        "stage_conversion_monthly": (
            (
                *("left_month", "role", "origin", "stage", "actual_left_count"),
                *("actual_forward_count", "implied_left_count", "implied_forward_count"),
            ),
            conversions(counted),
        ),
        "int_placement_fees": (("event_id", "movement", "booked_at"), fees(counted)),
        "int_emails": (("email_id", "delivered_at", "clicked_at"), emails(counted)),
        "int_person_ids": (("id", "person_id"), list(persons(counted).items())),
        "int_session_page_views": (
            ("event_id", "viewed_at", "person_id", "session_id"),
            sessions(counted),
        ),
        "fct_sign_ups": (
            ("account_id", "account_kind", "person_id", "touch_id"),
            sign_ups(counted),
        ),
        "fct_attribution": (
            ("conversion_kind", "conversion_id", "attribution_model", "touch_id", "share"),
            attribution(counted),
        ),
    }


def last_occurrences(counted: Sequence[Arrived]) -> Rows:
    """Each event with its last time, of those that were received when they had happened."""
    last: dict[str, datetime] = {}
    for one in counted:
        if one.sent.delay is None or one.sent.delay >= 0:
            last[one.sent.event] = max(one.at, last.get(one.sent.event, one.at))
    return list(last.items())


def exposures(counted: Sequence[Arrived]) -> Rows:
    """Each variant that a person saw, with the number of those of its experiment."""
    ids = persons(counted)
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in counted:
        if one.sent.event == "experiment_exposed":
            visitor = one.own(one.sent.user or one.sent.anonymous or one.sent.id)
            seen[one.get("experiment_name"), ids.get(visitor, visitor)].add(one.get("variant"))
    return [
        (name, person, variant, len(variants))
        for (name, person), variants in seen.items()
        for variant in variants
    ]


def offers(counted: Sequence[Arrived]) -> Rows:
    """Each offer with its first answer."""
    answers = first(counted, "offer_answered", "offer_id")
    found: Rows = []
    for key, offer in first(counted, "offer_extended", "offer_id").items():
        answer = answers.get(key)
        found.append(
            (key, offer.at, *((answer.get("answer"), answer.at) if answer else (None,) * 2))
        )
    return found


def hires(counted: Sequence[Arrived]) -> Rows:
    """Each candidacy that was opened, with the time at which an offer was accepted first."""
    opened = {one.get("candidacy_id") for one in counted if one.sent.event in OPENINGS}
    accepted: dict[str, datetime] = {}
    for one in counted:
        if one.sent.event == "offer_answered" and one.get("answer") == "accepted":
            key = one.get("candidacy_id")
            accepted[key] = min(one.at, accepted.get(key, one.at))
    return [(key, accepted.get(key)) for key in opened]


def attributes(counted: Sequence[Arrived]) -> Rows:
    """Each candidacy with what opened it first, its position's role and its candidate's channel."""
    positions = first(counted, "position_opened", "position_id")
    sign_ups = first(counted, "candidate_signed_up", "candidate_id")
    found: Rows = []
    for key, one in openings(counted).items():
        position = positions.get(one.get("position_id"))
        sign_up = sign_ups.get(one.get("candidate_id"))
        role = position.get("role") if position else None
        channel = sign_up.get("channel") if sign_up else None
        found.append((key, OPENINGS[one.sent.event][1], role, channel))
    return found


def profile_views(counted: Sequence[Arrived]) -> Rows:
    """Each view with its place in its search, and the employer's next request to the candidate."""
    requests = first(counted, "interview_requested", "candidacy_id")
    places: Counter[tuple[str, str]] = Counter()
    found: Rows = []
    for one in sorted(counted, key=lambda one: (one.at, one.id)):
        if one.sent.event == "candidate_profile_viewed":
            pair = one.get("employer_id"), one.get("candidate_id")
            search = one.get("search_id")
            places[search, pair[1]] += 1
            later = [
                (request.at, key)
                for key, request in requests.items()
                if (request.get("employer_id"), request.get("candidate_id")) == pair
                and request.at >= one.at
            ]
            at, candidacy = min(later, default=(None, None))
            found.append(
                (one.id, one.at, places[search, pair[1]] if search else None, candidacy, at)
            )
    return found


def interviews(counted: Sequence[Arrived]) -> Rows:
    """Each interview as scheduled last, with its first outcome."""
    outcomes = first(counted, "interview_completed", "interview_id")
    schedules: dict[str, list[Arrived]] = defaultdict(list)
    for one in sorted(counted, key=lambda one: (one.at, one.id)):
        if one.sent.event == "interview_scheduled":
            schedules[one.get("interview_id")].append(one)
    found: Rows = []
    for key, told in schedules.items():
        starts = datetime.fromisoformat(told[-1].get("scheduled_for")).replace(tzinfo=None)
        outcome = outcomes[key].get("outcome") if key in outcomes else None
        found.append((key, told[0].at, starts, len(told), outcome))
    return found


def conversions(counted: Sequence[Arrived]) -> Rows:
    """How often stages were left, and left forward, by month, role, origin and stage."""
    visits: dict[str, list[tuple[datetime, int, str, str]]] = defaultdict(list)
    for one in counted:
        stage, answer = ENTERING.get(one.sent.event, ("", None))
        if one.sent.event == "candidacy_stage_changed":
            stage = one.get("stage")
        if stage and one.get("answer") == answer:
            visits[one.get("candidacy_id")].append((one.at, RANKS[stage], one.id, stage))
    kinds = {key: (role or "unknown", origin) for key, origin, role, _ in attributes(counted)}
    used = {(kinds[key], stage) for key in kinds for *_, stage in visits[key]}
    # By group, the four counts of its row.
    found: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * 4)
    for key, kind in kinds.items():
        entered = sorted(visits[key])
        for (_, rank, _, stage), (at, next_rank, _, following) in pairwise(entered):
            if stage != "closed":
                actual = found[at.date().replace(day=1), *kind, stage]
                actual[0] += 1
                actual[1] += following != "closed" and next_rank > rank
        going_on = [(at, rank) for at, rank, _, stage in entered if stage != "closed"]
        for stage in (stage for of, stage in used if of == kind and stage != "closed"):
            beyond = [n for n, (_, rank) in enumerate(going_on) if rank > RANKS[stage]]
            is_furthest = max(rank for _, rank in going_on) == RANKS[stage]
            at = going_on[beyond[0]][0] if beyond else entered[-1][0]
            if any(n > 0 for n in beyond[:1]) or (is_furthest and entered[-1][3] == "closed"):
                implied = found[at.date().replace(day=1), *kind, stage]
                implied[2] += 1
                implied[3] += bool(beyond)
    return [(*group, *counts) for group, counts in found.items()]


def openings(counted: Sequence[Arrived]) -> dict[str, Arrived]:
    """What opened each candidacy first."""
    found: dict[str, tuple[datetime, int, str, Arrived]] = {}
    for one in counted:
        if one.sent.event in OPENINGS:
            place = (one.at, OPENINGS[one.sent.event][0], one.id, one)
            key = one.get("candidacy_id")
            found[key] = min(place, found.get(key, place), key=lambda found: found[:3])
    return {key: one for key, (*_, one) in found.items()}


def fees(counted: Sequence[Arrived]) -> Rows:
    """Each invoice and each refund."""
    kinds = {"placement_invoiced": "invoice", "placement_refunded": "refund"}
    events = [one for one in counted if one.sent.event in kinds]
    return [(one.id, kinds[one.sent.event], one.at) for one in events]


def emails(counted: Sequence[Arrived]) -> Rows:
    """Each email that was delivered, with the time of its first click."""
    clicks = first(counted, "email_clicked", "email_id")
    return [
        (key, one.at, clicks[key].at if key in clicks else None)
        for key, one in first(counted, "email_delivered", "email_id").items()
    ]


def persons(counted: Sequence[Arrived]) -> dict[str, str]:
    """The person of each id that a link names."""
    links = sorted(
        (one for one in counted if one.sent.event == "identity_linked"),
        key=lambda one: (one.at, one.id),
    )
    ends = [(one.get("previous_id"), one.get("person_id"), one.get("method")) for one in links]
    groups = {user: {user} for previous, user, _ in ends}
    groups |= {previous: {previous} for previous, _, method in ends if method == "merge"}
    found = {user: user for user in groups}
    for previous, user, method in ends:
        if method == "merge":
            united = groups[previous] | groups[user]
            groups |= dict.fromkeys(united, united)
            found |= dict.fromkeys(united, user)
    visitors: dict[str, str] = {}
    for previous, user, _ in ends:
        if previous not in groups:
            visitors.setdefault(previous, found[user])
    return found | visitors


def sessions(counted: Sequence[Arrived]) -> Rows:
    """Each page view with its person and session."""
    ids = persons(counted)
    found: Rows = []
    last: dict[str, tuple[datetime, str | None, str]] = {}
    for one in sorted(counted, key=lambda one: (one.at, one.id)):
        if one.sent.event == "page_viewed":
            visitor = one.own(one.sent.user or one.sent.anonymous or one.sent.id)
            person, campaign = ids.get(visitor, visitor), one.sent.campaign
            at, running, session = last.get(person, (datetime.min, None, ""))
            if one.at - at > SILENCE or campaign not in (None, running):
                running, session = campaign, one.id
            last[person] = (one.at, running, session)
            found.append((one.id, one.at, person, session))
    return found


def touches(counted: Sequence[Arrived]) -> dict[str, list[tuple[datetime, bool, str | None]]]:
    """By person, the starts of sessions in order: when, whether direct, and the session."""
    views = [one for one in counted if one.sent.event == "page_viewed"]
    campaigns = {(one.id, one.at): one.sent.campaign for one in views}
    found: dict[str, list[tuple[datetime, bool, str | None]]] = defaultdict(list)
    for view, at, person, session in sessions(counted):
        if view == session:
            found[person].append((at, campaigns[view, at] is None, session))
    return found


def accounts(counted: Sequence[Arrived]) -> Iterator[tuple[str, str, str, datetime]]:
    """Each account with its kind, its person and when it signed up."""
    ids = persons(counted)
    for kind in ("candidate", "employer"):
        for key, one in first(counted, f"{kind}_signed_up", f"{kind}_id").items():
            yield key, kind, ids.get(key, key), one.at


def sign_ups(counted: Sequence[Arrived]) -> Rows:
    """Each account with its person and the touch that led to it."""
    by_person = touches(counted)
    found: Rows = []
    for key, kind, person, at in accounts(counted):
        before = [touch for touch in by_person[person] if touch[0] <= at]
        led = [touch for touch in before if not touch[1]] or before or [(at, True, None)]
        found.append((key, kind, person, led[-1][2]))
    return found


def attribution(counted: Sequence[Arrived]) -> Rows:
    """The shares of touches in sign-ups and hires, by each model."""
    ids, by_person = persons(counted), touches(counted)
    converted = [(f"{k}_sign_up", key, p, at) for key, k, p, at in accounts(counted)]
    opened = openings(counted)
    for key, at in hires(counted):
        if at:
            candidate = opened[key].get("candidate_id")
            converted.append(("hire", key, ids.get(candidate, candidate), at))
    found: Rows = []
    for kind, key, person, at in converted:
        near = [touch for touch in by_person[person] if at - WINDOW <= touch[0] <= at]
        led = [touch for touch in near if not touch[1]] or near or [(at, True, None)]
        for model, millionths in shares(len(led)).items():
            found += [
                (kind, key, model, touch[2], Decimal(part).scaleb(-6))
                for touch, part in zip(led, millionths, strict=True)
                if part
            ]
    return found
