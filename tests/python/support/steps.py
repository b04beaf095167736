"""Steps of a sequence: how batches land, and what is built between them."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

# How a batch may arrive, beside plainly: while a run is under way; written but not committed when a
# run begins; after a landing of the same lines crashed.
WAYS = ("land", "land", "land", "during run", "uncommitted", "crash")
# What may be built beside the whole: some models; all but some; some of them from the first event
# on; all, while another process builds some; all, while one of them fails.
PARTS = ("part", "part", "part", "without", "anew", "at once", "fails")


@dataclass(frozen=True)
class Step:
    """A step of a sequence.

    Args:
        what: `run`; `empty` (a batch without events); one of WAYS to land a batch; one of PARTS;
            or, as the last step, `permuted`: what is built must be the same if the batches have
            come in another order.
        batch: number of the batch that it lands.
        models: those that one of PARTS is about. One by name, `+x` with all that it reads, or `x+`
            with all that reads it, as dbt selects.
    """

    what: str
    batch: int = 0
    models: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.what, *([str(self.batch)] if self.batch else []), *self.models])


def plainly(batches: int, *, permuted: bool = False) -> list[Step]:
    """Land and run, batch by batch."""
    steps = [step for n in range(1, batches + 1) for step in (Step("land", n), Step("run"))]
    return [*steps, *([Step("permuted")] if permuted else [])]


def partly(what: str, models: Sequence[str], choice: random.Random) -> Step:
    """A build of any few models, in one of the ways of PARTS."""
    some = choice.sample(models, min(len(models), choice.randint(1, 6)))
    if what == "fails":
        return Step(what, models=(some[0],))
    if what != "without":
        some = [choice.choice([name, name, f"+{name}", f"{name}+"]) for name in some]
    return Step(what, models=tuple(some))


def anyhow(batches: int, seed: int, models: Sequence[str] = ()) -> list[Step]:
    """Any way of landing the batches, with builds at any point between them and one at the end.

    Args:
        models: names of models, of which parts may be built; none for whole runs alone.
    """
    choice = random.Random(seed)
    parts = PARTS if models else ()
    steps = [Step("run")] if choice.random() < 0.3 else []
    for number in range(1, batches + 1):
        steps.append(Step(choice.choice(WAYS), number))
        if choice.random() < 0.2:
            steps.append(Step("empty"))
        for what in choice.sample(parts, choice.choice([0, 1, 2])) if parts else ():
            steps.append(partly(what, models, choice))
        if choice.random() < 0.5:
            steps.append(Step("run"))
    # One with nothing new must change nothing, either.
    return [*steps, Step("run"), *([Step("run")] if choice.random() < 0.3 else [])]


def selected(words: Collection[str], reads: Mapping[str, Collection[str]]) -> set[str]:
    """The models that such words select.

    Args:
        words: as in `Step`.
        reads: by model, the models that it reads.
    """
    read_by: dict[str, set[str]] = {name: set() for name in reads}
    for name, inputs in reads.items():
        for one in inputs:
            read_by[one].add(name)

    def following(name: str, edges: Mapping[str, Collection[str]]) -> set[str]:
        found, todo = {name}, [name]
        while todo:
            new = set(edges[todo.pop()]) - found
            found |= new
            todo += new
        return found

    found: set[str] = set()
    for word in words:
        name = word.strip("+")
        found |= following(name, reads) if word.startswith("+") else {name}
        found |= following(name, read_by) if word.endswith("+") else set()
    return found


def pruned(steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool]) -> Sequence[Step]:
    """Steps less those without which it fails as well; the last run stays."""
    last = max((n for n, step in enumerate(steps) if step.what == "run"), default=-1)
    for number in range(len(steps) - 1, -1, -1):
        if number == last or steps[number].what == "permuted":
            continue
        fewer = [step for n, step in enumerate(steps) if n != number]
        if fails(fewer):
            steps = fewer
            last -= number < last
    return steps
