"""Whose turn it is among the models that can wait: aggregates, and marts of arrival."""

import time
from collections.abc import Mapping

from hirehouse.running.graph import Graph

# Half of all models feed no fact or dimension. While events keep coming, a round builds about this
# many of them, in turn.
PER_ROUND = 3
# A turn with a model that takes so many seconds, such as one that computes features anew, is taken
# for about a twentieth of the time, also when no events come: the next ones would wait for it.
COSTLY, REST = 5.0, 19


class Turns:
    """Chooses which deferrable models to build in a round.

    Args:
        per_round: models to build while events keep coming; a turn with more comes alone.
    """

    def __init__(self, graph: Graph, per_round: int) -> None:
        self.per_round = per_round
        # The turn that was taken longest ago comes first.
        self.waiting = sorted(graph.turns, key=sorted)
        self.rests: list[tuple[float, set[str]]] = []  # until when, and the turn

    def take(self, chosen: set[str]) -> set[str]:
        """The models of the next turns among `chosen`: those built longest ago."""
        taken = set[str]()
        for turn in [turn for turn in self.waiting if turn & chosen]:
            if taken and len(taken | turn & chosen) > self.per_round:
                break
            taken |= turn & chosen
            self.waiting.remove(turn)
            self.waiting.append(turn)
        return taken

    def note(self, seconds: Mapping[str, float]) -> None:
        """Let turns rest that have just been built, if that took long; `seconds` are by model."""
        now = time.monotonic()
        for turn in self.waiting:
            took = max(seconds.get(node, 0.0) for node in turn)
            if took >= COSTLY:
                self.rests.append((now + REST * took, turn))

    def resting(self) -> set[str]:
        """The models that must not be built yet."""
        now = time.monotonic()
        self.rests = [(until, turn) for until, turn in self.rests if until > now]
        turns = [turn for _, turn in self.rests]
        awake = [turn for turn in self.waiting if turn not in turns]
        return set[str]().union(*turns) - set[str]().union(*awake)
