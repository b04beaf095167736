"""What truth.json must say, counted from the events; the simulation itself never counts them so.

Arguments are the distinct events in the order in which they happened, and the months of the truth.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

Events = Sequence[dict[str, Any]]


def counts_of(events: Events, months: Iterable[str]) -> dict[str, Counter[str]]:
    """What COUNTS are, by month, from the events."""
    counted: dict[str, Counter[str]] = {month: Counter() for month in months}
    candidacy: dict[str, str] = {}
    started: dict[str, str] = {}
    searchable: dict[str, str] = {}
    what_counts = {
        "candidate_signed_up": "sign_ups",
        "employer_signed_up": "employer_sign_ups",
        "interview_requested": "interview_requests",
        "application_submitted": "applications",
        "offer_extended": "offers",
        "candidate_started": "starts",
        "candidate_search_performed": "searches",
        "candidate_profile_viewed": "profile_views",
        "interview_scheduled": "interviews",
        "position_opened": "positions_opened",
    }
    answers = {
        "interview_request_answered": "interview_request_acceptances",
        "offer_answered": "offer_acceptances",
    }
    for event in events:
        name, properties, month = event["event"], event["properties"], event["timestamp"][:7]
        if name in what_counts:
            counted[month][what_counts[name]] += 1
        if properties.get("answer") == "accepted":
            counted[month][answers[name]] += 1
        if properties.get("decision") == "accepted" and event["userId"] not in searchable:
            searchable[event["userId"]] = event["timestamp"]
            counted[month]["first_searchable"] += 1
        if name == "offer_answered" and properties["answer"] == "accepted":
            since, now = searchable[event["userId"]], datetime.fromisoformat(event["timestamp"])
            if now <= datetime.fromisoformat(since) + timedelta(days=90):
                counted[since[:7]]["matched"] += 1
        if name == "interview_completed":
            is_held = properties["outcome"] != "no_show"
            counted[month]["interviews_held" if is_held else "no_shows"] += 1
        if name == "placement_invoiced":
            candidacy[properties["invoice_id"]] = properties["candidacy_id"]
        if name == "candidate_started":
            started[properties["candidacy_id"]] = month
        if properties.get("reason") == "left_early":
            counted[started[candidacy[properties["invoice_id"]]]]["early_leavers"] += 1
    return counted


def searches_of(events: Events) -> Counter[tuple[str, str]]:
    """Searches by month and by what they led to, from the events."""
    found: Counter[tuple[str, str]] = Counter()
    searched: dict[str, datetime] = {}
    first_views: dict[tuple[str, str, str], str] = {}
    led_to: dict[str, set[str]] = {"searches_viewed": set(), "searches_requested": set()}
    for event in events:
        properties = event["properties"]
        search = properties.get("search_id", "")
        pair = properties.get("employer_id", ""), properties.get("candidate_id", "")
        if event["event"] == "candidate_search_performed":
            searched[search] = datetime.fromisoformat(event["timestamp"])
            if not properties["result_count"]:
                found[event["timestamp"][:7], "searches_without_result"] += 1
        if event["event"] == "candidate_profile_viewed" and search:
            led_to["searches_viewed"].add(search)
            first_views.setdefault((*pair, search), "viewed")
        if event["event"] == "interview_requested":
            for key in [key for key in first_views if key[:2] == pair]:
                in_time = datetime.fromisoformat(event["timestamp"]) - searched[key[2]] < timedelta(
                    days=7
                )
                if first_views[key] == "viewed" and in_time:
                    led_to["searches_requested"].add(key[2])
                    found[f"{searched[key[2]]:%Y-%m}", "candidates_requested"] += 1
                first_views[key] = "requested"
    for what, searches in led_to.items():
        found.update((f"{searched[search]:%Y-%m}", what) for search in searches)
    return found


def stages_of(events: Events) -> tuple[Counter[tuple[str, str]], dict[str, int]]:
    """How visits to stages ended, positions filled, and how many candidacies ended or go on."""
    entering = {"offer_extended": "offered", "candidate_started": "started"}
    entering["candidacy_closed"] = "closed"
    found: Counter[tuple[str, str]] = Counter()
    stages: dict[str, str] = {}
    position: dict[str, str] = {}
    filled: set[str] = set()
    hired: set[str] = set()
    for event in events:
        name, properties, month = event["event"], event["properties"], event["timestamp"][:7]
        key, accepted = properties.get("candidacy_id", ""), properties.get("answer") == "accepted"
        stage = entering.get(name, properties["stage"] if "stage_changed" in name else "")
        if accepted:
            stage = "hired" if name == "offer_answered" else "accepted"
        if stage == "hired":
            hired.add(key)
            found[month, "positions_filled"] += position[key] not in filled
            filled.add(position[key])
        if stage:
            found[month, "stages_left"] += 1
            found[month, "stages_repeated"] += stage == stages[key]
            found[month, "stages_passed"] += stage not in (stages[key], "closed")
            stages[key] = stage
        elif key and key not in stages:
            stages[key], position[key] = "opened", properties["position_id"]
    over = {key for key, stage in stages.items() if stage == "closed"}
    return found, {"closed": len(over), "under_way": len(stages.keys() - over - hired)}


def money_of(events: Events, months: Iterable[str]) -> dict[tuple[str, str, str], Decimal]:
    """What MONEY is, by month, kind and currency, from the events."""
    money: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    salary: dict[str, tuple[str, int]] = {}
    price: dict[str, Decimal] = {}
    for event in events:
        name, properties, month = event["event"], event["properties"], event["timestamp"][:7]
        if name in ("placement_invoiced", "placement_refunded"):
            what = name.removeprefix("placement_")
            money[month, what, properties["currency"]] += Decimal(str(properties["amount"]))
        if name == "offer_extended":
            salary[properties["offer_id"]] = properties["currency"], properties["base_salary"]
        if name == "offer_answered" and properties["answer"] == "accepted":
            currency, amount = salary[properties["offer_id"]]
            money[month, "gmv", currency] += amount
        if name == "subscription_changed":
            currency, employer = properties["currency"], properties["employer_id"]
            now, before = Decimal(str(properties["monthly_amount"])), price.get(employer)
            for later in (m for m in months if m >= month):
                money[later, "mrr", currency] += now - (before or 0)
            money[month, movement(before, now), currency] += abs(now - (before or 0))
            price[employer] = now
    return money


def movement(before: Decimal | None, now: Decimal) -> str:
    """What a change of what an employer pays is called; before its first one, it is None."""
    if not before:
        return "mrr_new" if before is None else "mrr_reactivated"
    if not now:
        return "mrr_churned"
    return "mrr_expansion" if now > before else "mrr_contraction"
