"""A failing history is found among hundreds and made small, whatever it fails by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, cast

import pytest

from support.comparing import Difference
from support.histories import History, histories, is_settled, sent, settled
from support.sequences import Stage
from support.shrinking import failing, pasted, shrink, told
from support.steps import PARTS, Step, anyhow, plainly, selected


@cache
def generated() -> Sequence[History]:
    """200 histories, the same each time."""
    return histories(4, 200, seed=2)


class Pretended:
    """A stage without a warehouse: a history fails if a condition says so.

    Args:
        fails: the condition.
        named: whether rows that differ name their history; those of an aggregate don't.
    """

    def __init__(self, fails: Callable[[History], bool], *, named: bool = True) -> None:
        self.fails = fails
        self.named = named
        self.sequences = 0

    def play(self, histories: Sequence[History], _steps: Sequence[Step]) -> list[Difference]:
        self.sequences += 1
        return [
            Difference("model", build, {"key": f"h{number:04d}.key" if self.named else "all"})
            for number, history in enumerate(histories)
            if self.fails(history)
            for build in ("incremental", "anew")
        ]


def late_answer(history: History) -> bool:
    """An offer, and the answer to it in a later batch: nothing of less than two events."""
    return any(
        offer.event == "offer_extended"
        and answer.event == "offer_answered"
        and offer.batch < answer.batch
        and offer.document()["properties"]["offer_id"]
        == answer.document()["properties"]["offer_id"]
        for offer in history
        for answer in history
    )


def stage(pretended: Any) -> Stage:
    return cast("Stage", pretended)


def test_failing_histories_are_found_among_others() -> None:
    pretended = Pretended(late_answer)
    found = failing(stage(pretended), generated(), plainly(4))
    assert set(found) == {n for n, history in enumerate(generated()) if late_answer(history)}
    assert found
    assert pretended.sequences == 1


@pytest.mark.parametrize("culprit", [0, 101, 199])
def test_one_of_many_histories_is_found_by_halves_if_rows_name_none(culprit: int) -> None:
    pretended = Pretended(lambda history: history is generated()[culprit], named=False)
    said: list[str] = []
    assert set(failing(stage(pretended), generated(), plainly(4), said.append)) == {culprit}
    assert pretended.sequences <= 2 + 8  # of 200, eight halves
    assert said[0] == "rows differ that name no history: it is one of 200"
    assert len(said) <= 8


def test_histories_that_fail_only_together_are_not_forgotten() -> None:
    class Together(Pretended):
        def play(self, histories: Sequence[History], steps: Sequence[Step]) -> list[Difference]:
            return super().play(histories, steps) if len(histories) == len(generated()) else []

    pretended = Together(lambda _: True, named=False)
    said: list[str] = []
    found = failing(stage(pretended), generated(), plainly(4), said.append)
    assert len(found) == len(generated())
    assert said[-1] == "no history differs by itself"


def test_a_failing_history_becomes_as_small_as_it_gets() -> None:
    largest = max((history for history in generated() if late_answer(history)), key=len)
    assert len(largest) > 10
    pretended = Pretended(late_answer)
    history, steps, differences = shrink(stage(pretended), largest, anyhow(4, 1), lambda _: None)
    assert sorted((one.batch, one.event) for one in history) == [
        (1, "offer_extended"),
        (2, "offer_answered"),
    ]
    assert not any(one.properties or one.user or one.zone or one.delay for one in history)
    assert steps == plainly(2)
    assert len(differences) == 2
    assert pretended.sequences < 12


def test_a_history_keeps_the_steps_that_it_needs_and_no_others() -> None:
    class Special(Pretended):
        def play(self, histories: Sequence[History], steps: Sequence[Step]) -> list[Difference]:
            special = any(step.what == "during run" for step in steps)
            return super().play(histories, steps) if special else []

    needed = [Step("during run", 2), Step("run")]
    steps = [Step("run"), Step("land", 1), *needed]
    _, kept, differences = shrink(
        stage(Special(lambda history: len(history) > 2)), generated()[0], steps, lambda _: None
    )
    assert kept == needed
    assert differences


def test_a_history_that_does_not_fail_again_is_left_alone() -> None:
    never = stage(Pretended(lambda _: False))
    history, _, differences = shrink(never, generated()[0], plainly(4), lambda _: None)
    assert (history, differences) == (generated()[0], [])


def test_a_small_history_is_told_and_can_be_pasted() -> None:
    history = (
        sent(1, "offer_extended", "a", "2026-03-02 09:30", base_salary=1, delay=60),
        sent(2, "offer_answered", "b", "2026-03-03", answer="declined"),
    )
    rows = [
        Difference("int_offers", "incremental", {"offer_id": "h0000.offer-1", "answer": None}),
        Difference("int_offers", "anew", {"offer_id": "h0000.offer-1", "answer": "declined"}),
    ]
    text = told(history, plainly(2), rows)
    assert text.index("land 1") < text.index("offer_extended") < text.index("land 2")
    assert "offer_answered               ~b     offer_id='~offer-1'" in text
    assert "    incremental  offer_id=~offer-1\n" in text
    assert "    anew         offer_id=~offer-1 answer=declined" in text
    case = eval("{" + "\n".join(pasted(history)) + "}", {"sent": sent})
    assert case == {"name it": history}


def test_a_history_that_only_another_order_breaks_is_told_with_it() -> None:
    class Ordered(Pretended):
        def play(self, histories: Sequence[History], steps: Sequence[Step]) -> list[Difference]:
            return super().play(histories, steps) if Step("permuted") in steps else []

    ordered = stage(Ordered(late_answer))
    history = next(history for history in generated() if late_answer(history))
    _, steps, differences = shrink(ordered, history, anyhow(4, 1), lambda _: None)
    assert steps == plainly(2, permuted=True)
    assert differences


def test_words_select_models_as_dbt_does() -> None:
    reads: dict[str, set[str]] = {"a": set(), "b": {"a"}, "c": {"b"}, "d": {"a"}}
    assert selected(["b"], reads) == {"b"}
    assert selected(["+c", "d"], reads) == {"a", "b", "c", "d"}
    assert selected(["b+"], reads) == {"b", "c"}
    assert selected(["+b+"], reads) == {"a", "b", "c"}


def test_sequences_have_every_kind_of_step() -> None:
    steps = {step.what for seed in range(30) for step in anyhow(4, seed, ["a", "b", "c"])}
    assert steps == {*PARTS, "run", "empty", "land", "during run", "uncommitted", "crash"}
    whole = {step.what for seed in range(30) for step in anyhow(4, seed)}
    assert not whole & set(PARTS)


def test_copies_of_a_settled_history_say_the_same() -> None:
    for history in generated():
        same = settled(history)
        assert is_settled(same)
        assert [(one.batch, one.event, one.id) for one in same] == [
            (one.batch, one.event, one.id) for one in history
        ]
    assert 20 < sum(map(is_settled, generated())) < 180
    chain = tuple(
        sent(batch, "page_viewed", "a", day, path=day)
        for batch, day in enumerate(("2026-01-01", "2026-01-21", "2026-02-10", "2026-06-01"), 1)
    )
    assert [one.at.month for one in settled(chain)] == [1, 1, 1, 6]
