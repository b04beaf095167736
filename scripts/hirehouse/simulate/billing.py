"""Subscriptions, placement fees and refunds; money is whole cents until it is written."""

from __future__ import annotations

from hirehouse.simulate.entities import Candidacy, Employer
from hirehouse.simulate.reference import DAY, PLAN_PRICE, PLANS
from hirehouse.simulate.truth import day_text
from hirehouse.simulate.web import Web
from hirehouse.simulate.world import World

# A hire who leaves within so many days is refunded for the days that are missing.
GUARANTEE_DAYS = 90


def amount(cents: int) -> float:
    """Cents as the number written in JSON, such as 1249.5; exact up to 10^13 cents."""
    return cents / 100


def share_of(cents: int, part: int, whole: int) -> int:
    """`cents * part / whole`, rounded half up to the cent."""
    return (2 * cents * part + whole) // (2 * whole)


class Billing:
    def __init__(self, world: World, web: Web) -> None:
        self.world, self.web = world, web

    # Subscriptions

    def subscribe(self, employer: Employer) -> None:
        if employer.leaving or employer.gone or employer.subscription_id:
            return
        world = self.world
        employer.subscription_id = world.id("sub")
        employer.plan = min(int(employer.size * 0.6 + world.rng.random() * 1.4), len(PLANS) - 1)
        self._change(employer, "started", self._price(employer))
        world.later(self.reconsider, employer, hours=24 * 21, spread=0.4)

    def _price(self, employer: Employer) -> int:
        """The plan's local price in cents, less what the employer's buyer got off."""
        list_price = PLANS[employer.plan][1]
        local = int(list_price * PLAN_PRICE[employer.location.currency]) // 50 * 50
        discount = int(self.world.rng.random() * 26) if self.world.chance(0.35) else 0
        return share_of(local, 100 - discount, 100)

    def _change(self, employer: Employer, change: str, price: int) -> None:
        currency = employer.location.currency
        occurred = self.web.serve(
            "billing",
            "subscription_changed",
            employer,
            subscription_id=employer.subscription_id,
            employer_id=employer.id,
            change=change,
            plan=PLANS[employer.plan][0],
            monthly_amount=amount(price),
            currency=currency,
        )
        self.world.truth.change_mrr(occurred, currency, price - employer.price)
        employer.price = price

    def reconsider(self, employer: Employer) -> None:
        """About every three weeks: a larger plan, a smaller one, none at all, mostly the same."""
        if not employer.subscription_id:
            return
        world, draw = self.world, self.world.rng.random()
        if draw < 0.09:
            self.cancel(employer)
            if world.chance(0.5):
                employer.leaving = True
            elif world.chance(0.5):
                world.later(self.subscribe, employer, hours=24 * 12)
            return
        if draw < 0.24 and employer.plan < len(PLANS) - 1:
            employer.plan += 1
            self._change(employer, "upgraded", max(self._price(employer), employer.price + 100))
        elif draw > 0.93 and employer.plan > 0:
            employer.plan -= 1
            self._change(employer, "downgraded", min(self._price(employer), employer.price - 100))
        world.later(self.reconsider, employer, hours=24 * 21, spread=0.4)

    def cancel(self, employer: Employer) -> None:
        self._change(employer, "cancelled", 0)
        employer.subscription_id = ""

    # Placements

    def invoice(self, candidacy: Candidacy) -> None:
        """Invoice the fee: a share of the accepted yearly base salary."""
        world, employer = self.world, candidacy.position.employer
        candidacy.invoice_id = world.id("inv")
        candidacy.fee_cents = share_of(candidacy.salary * 100, employer.fee, 10_000)
        occurred = self.web.serve(
            "billing",
            "placement_invoiced",
            None,
            invoice_id=candidacy.invoice_id,
            candidacy_id=candidacy.id,
            employer_id=employer.id,
            amount=amount(candidacy.fee_cents),
            currency=candidacy.currency,
            due_on=day_text(world.now // DAY + 30),
        )
        world.truth.add_money(occurred, "invoiced", candidacy.currency, candidacy.fee_cents)
        if world.chance(0.04):
            world.later(self.correct, candidacy, hours=80)

    def correct(self, candidacy: Candidacy) -> None:
        """The invoice did not say what the contract says."""
        self.refund(candidacy, share_of(candidacy.fee_cents, 125, 2000), "billing_error")

    def refund(self, candidacy: Candidacy, cents: int, reason: str) -> None:
        """Pay back some of the fee, and never more than is left of it."""
        cents = min(cents, candidacy.fee_cents - candidacy.refunded_cents)
        if cents <= 0:
            return
        world = self.world
        candidacy.refunded_cents += cents
        occurred = self.web.serve(
            "billing",
            "placement_refunded",
            None,
            refund_id=world.id("ref"),
            invoice_id=candidacy.invoice_id,
            amount=amount(cents),
            currency=candidacy.currency,
            reason=reason,
        )
        world.truth.add_money(occurred, "refunded", candidacy.currency, cents)
