"""Texts without punctuation and full-width forms keep what is said."""

from __future__ import annotations

import pytest

from core.review.punctuation import half_width, without_punctuation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("喝一下啤酒啊！", "喝一下啤酒啊"),
        ("嗯~嗯，嗯。", "嗯嗯嗯"),
        ("嗯 它的筋， 很軟", "嗯 它的筋 很軟"),
        ("烤區、炸區跟「串燒」的區塊", "烤區炸區跟串燒的區塊"),
        ("(音樂)", "音樂"),
        ("Hello, world! It's 3.5 % of 12:30.", "Hello world It's 3.5 % of 12:30"),
        ("台灣 Top, 超難", "台灣 Top 超難"),
        ("well-known -- and—more", "well-known and more"),
        ("……", ""),
        ("C++ and a+b", "C++ and a+b"),
    ],
)
def test_punctuation_is_left_out(text: str, expected: str) -> None:
    assert without_punctuation(text) == expected
    assert without_punctuation(expected) == expected


def test_full_width_forms_become_ascii_and_chinese_punctuation_stays() -> None:
    assert half_width("Ｑ彈　ＴＯＰ１０％，好吃！「ＯＫ」～") == "Q彈 TOP10%，好吃！「OK」～"
