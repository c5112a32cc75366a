"""A word that is moved across a cut: which one, and what becomes of both texts. No store."""

from __future__ import annotations

import pytest

from core.review.word_moving import move_back, move_on


@pytest.mark.parametrize(
    ("left", "right", "words", "expected"),
    [
        # A character where nobody has told words, the whole word where somebody has.
        ("我們去吃牛肉", "麵店很近", [], ("我們去吃牛", "肉麵店很近", "肉")),
        ("我們去吃牛肉", "麵店很近", ["去", "吃", "牛肉"], ("我們去吃", "牛肉麵店很近", "牛肉")),
        # The text does not end with the last word that has a time, but with the one before.
        ("我們去吃牛肉", "麵店很近", ["吃", "牛肉", "嗯"], ("我們去吃", "牛肉麵店很近", "牛肉")),
        ("我們去吃牛肉", "麵店很近", ["完全", "不同"], ("我們去吃牛", "肉麵店很近", "肉")),
        # Scripts with spaces, and signs behind the word.
        ("this is the last one.", "and more", [], ("this is the last", "one. and more", "one.")),
        ("這是Super Junior", "的歌", ["Super Junior"], ("這是", "Super Junior的歌", "Super Junior")),
        ("好", "", [], ("", "好", "好")),
    ],
)
def test_the_last_word_goes_on(left: str, right: str, words: list[str], expected: tuple[str, str, str]) -> None:
    moved = move_on(left, right, words)
    assert moved is not None
    assert (moved.left, moved.right, moved.word) == expected
    assert not moved.was_there


@pytest.mark.parametrize(
    ("left", "right", "words", "expected"),
    [
        ("我們去吃", "牛肉麵很近", ["牛肉麵", "很"], ("我們去吃牛肉麵", "很近", "牛肉麵")),
        ("我們去吃", "嗯，牛肉麵", [], ("我們去吃嗯，", "牛肉麵", "嗯，")),
        ("we go to", "eat now", [], ("we go to eat", "now", "eat")),
    ],
)
def test_the_first_word_goes_back(left: str, right: str, words: list[str], expected: tuple[str, str, str]) -> None:
    moved = move_back(left, right, words)
    assert moved is not None
    assert (moved.left, moved.right, moved.word) == expected


def test_where_both_hold_the_same_time_no_word_is_there_twice() -> None:
    assert move_on("我們去吃牛肉", "肉麵很近", shares_time=True) == ("我們去吃牛", "肉麵很近", "肉", True)
    # It is not the first one there.
    assert move_on("號稱臺灣TOP", "臺灣 Top 難訂位", shares_time=True) == ("號稱臺灣", "臺灣 Top 難訂位", "TOP", True)
    assert move_on("我們去吃牛肉", "肉麵很近") == ("我們去吃牛", "肉肉麵很近", "肉", False)
    assert move_back("我們去吃牛", "牛肉麵", shares_time=True) == ("我們去吃牛", "肉麵", "牛", True)


def test_nothing_moves_out_of_a_text_without_words() -> None:
    assert move_on("", "牛肉麵") is None
    assert move_on("，。", "牛肉麵") is None
    assert move_back("牛肉麵", "") is None
