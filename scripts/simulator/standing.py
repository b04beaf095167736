"""How a marketplace stands at the end of a week: what the marts of supply and demand must show."""

from collections import Counter
from collections.abc import Iterable

from simulator.market import Candidate, Market
from simulator.output import iso_time
from simulator.reference import DAY, weekday


def note_week(market: Market, erased: Iterable[Candidate], ends: int) -> None:
    """Note the supply and demand of the week that ends, or that the simulation ends in, at `ends`.

    The pools of the market have all who can be found; the warehouse can still find the erased.
    """
    monday = (ends - 1) // DAY - weekday(ends - 1)
    # Requests of the 28 days up to the end of the week.
    since = (monday - 21) * DAY
    found = [c for pool in market.candidates.values() for c in pool if c.listed] + list(erased)
    employers = Counter(
        position.employer.id
        for pool in market.positions.values()
        for position in pool
        if position.listed
    )
    largest = sorted(employers.items(), key=lambda item: (-item[1], item[0]))[:10]
    market.truth.weeks[iso_time(monday * DAY)[:10]] = {
        "searchable": len(found),
        "requested": sum(c.requested_at >= since for c in found),
        "open_positions": employers.total(),
        "top_ten_positions": sum(count for _, count in largest),
    }
