"""Flags and suspicion: what a person should see first."""

import dataclasses

import pytest

from core.engines.engine import Hypothesis
from core.engines.suspicion import flags_of, suspicion


def hypothesis(text: str = "宮商角徵羽宮商角", logprob: float = -0.05, silence: float = 0.0) -> Hypothesis:
    return Hypothesis(text, (1,), logprob, silence, 1.0, flags_of(text, 4.0))


@pytest.mark.parametrize(
    ("text", "seconds", "flags"),
    [
        ("今天天氣很好，我們出去走走。", 4.0, ()),
        ("", 10.0, ("empty",)),
        ("。。。", 10.0, ("empty",)),
        ("謝謝" * 40, 30.0, ("loop",)),
        ("。" * 60, 10.0, ("loop", "empty")),
        ("今天天氣很好我們出去走走看看風景再回家吃飯", 1.0, ("fast",)),
        ("the quick brown fox", 1.5, ()),
    ],
)
def test_flags(text: str, seconds: float, flags: tuple[str, ...]) -> None:
    assert flags_of(text, seconds) == flags


def test_suspicion_orders_what_a_person_should_see_first() -> None:
    sure = suspicion(hypothesis(), 4.0)
    doubtful = suspicion(hypothesis(logprob=-0.6), 4.0)
    poor = suspicion(hypothesis(logprob=-1.5), 4.0)
    silent = suspicion(hypothesis(silence=0.9), 4.0)
    loop = suspicion(dataclasses.replace(hypothesis(), flags=("loop",)), 4.0)
    assert 0.0 <= sure < 0.05
    assert sure < doubtful < poor < loop == 1.0
    assert sure < silent < 1.0
    # An empty text over silence is right; over speech it is not.
    assert suspicion(hypothesis("", silence=0.95), 10.0) < suspicion(hypothesis("", silence=0.05), 10.0)
    assert suspicion(hypothesis(logprob=float("nan")), 4.0) >= 0.9
