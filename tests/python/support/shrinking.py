"""From a history that breaks the property to the smallest that does, and how a person reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from typing import Any

from support.comparing import PREFIX, Difference
from support.histories import ENVELOPE, OWN, History, Sent, dull
from support.sequences import Stage
from support.steps import Step, plainly, pruned

Say = Callable[[str], None]
CANDIDATES = 600  # of a round
DULL_DAY = datetime(2026, 3, 2)


def failing(
    stage: Stage, histories: Sequence[History], steps: Sequence[Step], say: Say = print
) -> dict[int, list[Difference]]:
    """Which histories break the property, by number, with the rows that differ.

    Where only aggregates differ, whose rows name no history, one of the histories is searched for
    by halves; all are given if none of them fails by itself.

    Args:
        say: told of each half.
    """
    differences = stage.play(histories, steps)
    found: dict[int, list[Difference]] = defaultdict(list)
    for difference in differences:
        for number in difference.histories():
            found[number].append(difference)
    if not differences or found:
        return dict(found)
    numbers = list(range(len(histories)))
    while len(numbers) > 1:
        say(f"rows differ that name no history: it is one of {len(numbers)}")
        half = numbers[: len(numbers) // 2]
        if not stage.play([histories[n] for n in half], steps):
            half = numbers[len(half) :]
        numbers = half
    if len(histories) > 1:
        differences_of_one = stage.play([histories[numbers[0]]], steps)
        if not differences_of_one:
            say("no history differs by itself")
            return dict.fromkeys(range(len(histories)), differences)
        differences = differences_of_one
    return {numbers[0]: differences}


def shrink(
    stage: Stage, history: History, steps: Sequence[Step], say: Say = print
) -> tuple[History, Sequence[Step], list[Difference]]:
    """Make a failing history smaller until nothing smaller fails.

    All candidates of a round have ids of their own and share one sequence, so a round costs one.

    Args:
        history: it fails on these steps.
        say: told the size after each round.

    Returns:
        The history, the steps on which it fails (plain ones if it does on those), and the rows that
        differ; none of them if the history did not fail again.
    """
    found: dict[int, list[Difference]] = {}
    for way in (_plainly, _permuted, lambda _: list(steps)):
        found = failing(stage, [history], way(history), say)
        if found:
            break
    differences = found.get(0, [])
    if not differences:
        return history, steps, []
    spare: list[int] = []
    while found:
        candidates = smaller(history, spare)
        found = failing(stage, candidates, way(history), say) if candidates else {}
        if found:
            best = min(found, key=lambda number: weight(candidates[number]))
            # What could be left out one by one may well go together.
            failed = {candidates[number] for number in found}
            needless = [one for n, one in enumerate(history) if without(history, {n}) in failed]
            history, differences = candidates[best], found[best]
            spare = [n for n, one in enumerate(history) if one in needless]
            say(f"{len(history)} events in {len({one.batch for one in history})} batches fail")
    if way in (_plainly, _permuted):
        return history, way(history), differences

    def still_fails(fewer: Sequence[Step]) -> bool:
        say(f"{len(fewer)} steps are tried")
        try:
            return bool(stage.play([history], fewer))
        except AssertionError:  # a run that lacks what another step builds: not the same failure
            return False

    steps = pruned(steps, still_fails)
    return history, steps, stage.play([history], steps)


def _plainly(history: History) -> list[Step]:
    return plainly(max(one.batch for one in history))


def _permuted(history: History) -> list[Step]:
    return plainly(max(one.batch for one in history), permuted=True)


def weight(history: History) -> tuple[int, ...]:
    """How much of a history there is to read: what matters most first."""
    stated = sum(len(one.properties) for one in history)
    envelopes = sum(
        getattr(one, name) != usual for one in history for name, usual in ENVELOPE.items()
    )
    odd = sum(one.at != DULL_DAY + timedelta(days=(one.at - DULL_DAY).days) for one in history)
    return (
        len(history),
        len({one.batch for one in history}),
        sum(one.batch for one in history),
        stated + envelopes,
        len({one.at for one in history}),
        odd,
    )


def without(history: History, numbers: set[int]) -> History:
    """A history less some of its events."""
    return tuple(one for n, one in enumerate(history) if n not in numbers)


def smaller(history: History, spare: Sequence[int] = ()) -> list[History]:
    """Histories with less to read, each once, the smallest first.

    Args:
        spare: numbers of events that may all be needless.
    """
    unique = dict.fromkeys((*_parts(history, spare), *_merged(history), *_simpler(history)))
    lighter = [one for one in unique if one and weight(one) < weight(history)]
    return sorted(lighter, key=weight)[:CANDIDATES]


def _parts(history: History, spare: Sequence[int]) -> Iterator[History]:
    count = len(history)
    middle = len(spare) // 2
    for part in (spare, spare[:middle], spare[middle:]):
        yield without(history, set(part))
    # All about one thing, and a half, a quarter or an eighth, or all but that.
    for text in {v for one in history for v in _ids(one)}:
        yield tuple(one for one in history if text in _ids(one))
        yield tuple(one for one in history if text not in _ids(one))
    for pieces in (2, 4, 8):
        for piece in range(pieces):
            chosen = set(range(count * piece // pieces, count * (piece + 1) // pieces))
            yield without(history, chosen)
            yield without(history, set(range(count)) - chosen)
    for number in (1, 2) if count <= 16 else (1,):
        for some in combinations(range(count), number):
            yield without(history, set(some))


def _ids(one: Sent) -> set[str]:
    return {v for name, v in one.properties.items() if name.endswith("_id") and isinstance(v, str)}


def _merged(history: History) -> Iterator[History]:
    """Fewer batches, numbered from 1."""
    numbers = sorted({one.batch for one in history})
    dense = {number: place for place, number in enumerate(numbers, start=1)}
    yield tuple(replace(one, batch=dense[one.batch]) for one in history)
    for removed in numbers[1:]:
        yield tuple(
            replace(one, batch=dense[one.batch] - (one.batch >= removed)) for one in history
        )
    for n, one in enumerate(history):
        earlier = [number for number in numbers if number < one.batch]
        if earlier:
            yield (*history[:n], replace(one, batch=earlier[-1]), *history[n + 1 :])


def _simpler(history: History) -> Iterator[History]:
    """Duller values: of all events at once, and of each by itself."""

    def plain(one: Sent) -> Sent:
        ids = {name: v for name, v in one.properties.items() if name.endswith("_id")}
        return replace(one, properties=ids, **ENVELOPE)

    def bare(one: Sent) -> Sent:
        return replace(one, properties={}, **ENVELOPE)

    for duller in (bare, plain, lambda one: replace(one, **ENVELOPE)):
        yield tuple(duller(one) for one in history)
    moments = sorted({one.at for one in history})
    days = {at: DULL_DAY + timedelta(days=n) for n, at in enumerate(moments)}
    yield tuple(replace(one, at=days[one.at]) for one in history)
    for earlier, later in pairwise(moments):
        yield tuple(replace(one, at=earlier) if one.at == later else one for one in history)
    for n, one in enumerate(history):
        simpler = [bare(one), plain(one), replace(one, **ENVELOPE)]
        for name in one.properties:
            rest = {key: value for key, value in one.properties.items() if key != name}
            simpler.append(replace(one, properties=rest))
        for other in simpler:
            yield (*history[:n], other, *history[n + 1 :])


def told(history: History, steps: Sequence[Step], differences: Sequence[Difference]) -> str:
    """A failing history for a person: its events by batch, what differs, and a case to keep."""
    lines: list[str] = []
    for step in steps:
        arriving = [one for one in history if step.batch and one.batch == step.batch]
        if step.batch and not arriving:
            continue
        lines.append(str(step))
        for one in arriving:
            properties = " ".join(
                f"{k}={v!r}" for k, v in (dict(dull(one.event)) | dict(one.properties)).items()
            )
            lines.append(f"    {one.at}  {one.event:<28} {one.id:<6} {properties}")
    for model in dict.fromkeys(one.model for one in differences):
        rows = [one for one in differences if one.model == model]
        lines += ["", f"{model} differs:"]
        lines += [f"    {one.build:<12} {_told(one.row, rows)}" for one in rows]
    return "\n".join([*lines, "", "A case to keep in NAMED of named.py:", *pasted(history)])


def _told(row: dict[str, Any], rows: Sequence[Difference]) -> str:
    """The key of a row (its first column) and what is not the same in all of the rows."""
    shown = {}
    for number, (name, value) in enumerate(row.items()):
        if number == 0 or len({str(one.row.get(name)) for one in rows}) > 1 or len(rows) == 1:
            shown[name] = value
    text = " ".join(f"{name}={value}" for name, value in shown.items() if value is not None)
    return PREFIX.sub(OWN, text)


def pasted(history: History) -> list[str]:
    """A history as lines of Python."""
    lines = ['    "name it": (']
    for one in history:
        extra = {n: getattr(one, n) for n, usual in ENVELOPE.items() if getattr(one, n) != usual}
        values = "".join(f", {k}={v!r}" for k, v in (dict(one.properties) | extra).items())
        name = one.id.removeprefix(OWN)
        lines.append(f'        sent({one.batch}, "{one.event}", "{name}", "{one.at}"{values}),')
    return [*lines, "    ),"]
