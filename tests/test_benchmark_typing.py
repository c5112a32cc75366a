"""The search that `python -m benchmarks.keystrokes` counts keys with finds what a person would press."""

from __future__ import annotations

import pytest

from benchmarks.typing import corrected, typed
from core.review.differences import differences
from core.review.variants import offered
from core.spans import Span

SPAN = Span(0, 10_000)


@pytest.mark.parametrize(
    ("text", "truth", "keys"),
    [
        ("今天很好", "今天很好", 0),
        # Punctuation, capitals and spaces are left alone.
        ("今天，很好 OK", "今天很好ok", 0),
        ("今天很好", "今天很好啊", 2.5),
        # Backspace, and one character.
        ("今天很好", "今天很棒", 3.5),
        # Home, delete, one character.
        ("今天很好喔真的", "昨天很好喔真的", 1 + 1 + 2.5),
        # Left twice, backspace, one character; then to the end with one key.
        ("今天很好喔真的", "今天很好啊真的啦", 2.5 + 3 + 1 + 2.5),
        # A loop: all before the cursor goes with a chord.
        ("嗯" * 40, "好吃", 2 + 5),
    ],
)
def test_the_plain_editor(text: str, truth: str, keys: float) -> None:
    done = corrected(text, truth)
    assert done.keys == keys
    assert not differences(done.text, truth)


def test_what_is_offered_is_taken_where_that_saves_keys() -> None:
    text = "我們排我從來沒有排過的題材"

    def with_reading(other: str, truth: str, *, selected: bool = False) -> float:
        done = corrected(text, truth, offered(text, SPAN, differences(text, other), "b", []), selected=selected)
        assert not differences(done.text, truth)
        return done.keys

    truth = "我們拍我從來沒有拍過的題材"
    # Alt and a digit, twice.
    assert with_reading(truth, truth) == 4
    # Both places are marked, neither is right: tab and what is right, twice.
    assert with_reading("我們派我從來沒有派過的題材", truth) == 2 * (1 + 2.5)
    # Nothing that is offered is of use: as in the plain editor.
    assert with_reading("我們排我從來沒有排過的體才", truth) == corrected(text, truth).keys
    anew = "完全是另一句話"
    assert with_reading(truth, anew, selected=True) == typed(anew)
    assert corrected(text, anew).keys == typed(anew) + 2
