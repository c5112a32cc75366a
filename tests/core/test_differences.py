"""Two readings of one sound: where they differ, and by how much."""

import pytest

from core.review.differences import Difference, differences, differing
from core.text import character_errors


def readings(text: str, other: str) -> list[tuple[str, str]]:
    return [(text[one.start : one.end], one.other) for one in differences(text, other)]


@pytest.mark.parametrize(
    ("text", "other", "found"),
    [
        ("我們今天吃飯", "我們今天吃飯", []),
        ("我們今天吃飯", "我們明天吃麵", [("今", "明"), ("飯", "麵")]),
        ("我們吃飯", "我們今天吃飯", [("", "今天")]),
        ("我們今天吃飯", "我們吃飯", [("今天", "")]),
        ("", "都有", [("", "都有")]),
        ("都有", "", [("都有", "")]),
        ("", "", []),
        # Punctuation, spaces, capitals and widths are not said.
        ("好，我們 GO！", "好我們go", []),
        ("ＴＯＰ 難訂位", "top難訂位", []),
        # Words of scripts with spaces are one place each.
        ("the quick fox", "the quack fox", [("quick", "quack")]),
        ("吃 Sauce 吧", "吃 source 吧", [("Sauce", "source")]),
        # One character in two scripts is one character.
        ("我来吃一下这个饭", "我來吃一下這個飯", []),
        ("我来吃一下这个饭", "我來吃兩下這個面", [("一", "兩"), ("饭", "面")]),
    ],
)
def test_places_and_their_readings(text: str, other: str, found: list[tuple[str, str]]) -> None:
    assert readings(text, other) == found


def test_a_place_is_cut_out_of_the_text_as_it_stands() -> None:
    assert differences("好，今、明天。", "好昨後天") == [Difference(2, 5, "昨後")]
    assert differences("甲乙", "甲，丙 乙") == [Difference(1, 1, "丙")]


def test_as_many_characters_as_a_person_would_edit() -> None:
    for text, other in (("我們今天吃飯", "我們明天吃麵條"), ("甲乙丙", ""), ("", "甲乙"), ("一樣", "一樣")):
        expected = character_errors(other, text).total if other else len(text)
        assert differing(text, differences(text, other)) == expected
    assert differing("quick", differences("quick", "quack fox")) == 8
