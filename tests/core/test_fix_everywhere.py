"""What a person has corrected once is found where it was made again, and nothing else is."""

from __future__ import annotations

import pytest

from core.review.fix_everywhere import fix, fixes, mistakes


def fixed(before: str, after: str, text: str) -> str | None:
    found = fix(text, mistakes(before, after))
    return None if found is None else found.text


@pytest.mark.parametrize(
    ("before", "after", "text", "expected"),
    [
        # Two characters tell enough by themselves.
        ("我們去想想吃飯", "我們去饗饗吃飯", "到想想的裡面了", "到饗饗的裡面了"),
        ("它的寿司很好", "它的壽司很好", "寿司很好", None),  # of two scripts: no correction of what is said
        # One alone does not: what stood beside it must be there again.
        ("它的金吃起來很軟", "它的筋吃起來很軟", "金吃的", "筋吃的"),
        ("它的金吃起來很軟", "它的筋吃起來很軟", "我的金很多", "我的筋很多"),
        ("它的金吃起來很軟", "它的筋吃起來很軟", "黃金夜空", None),
        # Punctuation is no neighbour, and what is between two texts neither.
        ("軟。金，吃", "軟。筋，吃", "金", None),
        ("軟。金，吃", "軟。筋，吃", "軟。金，吃", None),
        # What is right already stays.
        ("喝牛肉湯喔", "喝牛肉湯頭喔", "我喝牛肉湯頭喔", None),
        ("喝牛肉湯喔", "喝牛肉湯頭喔", "來喝牛肉湯喔，喝牛肉湯頭喔", "來喝牛肉湯頭喔，喝牛肉湯頭喔"),
        # Missing, and too much: three characters beside it.
        ("訂位付金的", "訂位付訂金的", "必須位付金嗎", "必須位付訂金嗎"),
        ("訂位付金的", "訂位付訂金的", "支付金額", None),
        ("今天我我們去", "今天我們去", "天我我們要", "天我們要"),
        # At an edge it may be said beyond it; what is long was heard, or was not.
        ("今天我們去吃了", "今天我們去吃", "我們去吃了飯", None),
        ("超豐盛耶我剛剛有點不知道該如何選擇", "超豐盛耶我剛剛有點不知道", "有點不知道該如何選擇然後", None),
        # Words of scripts with spaces, whole.
        ("it is the top rated", "it is the best rated", "the top rated one", "the best rated one"),
        ("it is the top rated", "it is the best rated", "the topic", None),
        ("super juniors here", "super junior here", "the juniors came", "the junior came"),
        ("really good beef soup", "really beef soup", "a really good beef noodle", "a really beef noodle"),
        ("really beef soup", "really good beef soup", "a really beef noodle", "a really good beef noodle"),
    ],
)
def test_where_a_mistake_was_made_again(before: str, after: str, text: str, expected: str | None) -> None:
    assert fixed(before, after, text) == expected


def test_every_text_is_told_with_its_places_and_how_sure_it_is() -> None:
    made = mistakes("到想想吃金吧", "到饗饗吃筋吧")
    assert [(one.wrong, one.right) for one in made] == [("想想", "饗饗"), ("金", "筋")]
    found = dict(fixes([("a", "想想想一想想"), ("b", "吃金"), ("c", "沒有"), ("d", "就吃金吧")], made))
    assert list(found) == ["a", "b", "d"]
    assert (found["a"].text, found["a"].places) == ("饗饗想一饗饗", ((0, 2), (4, 6)))
    assert (found["a"].is_likely, found["b"].is_likely, found["d"].is_likely) == (True, False, True)


def test_a_correction_that_could_be_anything_finds_nothing() -> None:
    assert mistakes("金", "筋") == []
    assert mistakes("", "嗯") == []
    assert mistakes("好。嗯", "好嗯！") == []  # punctuation is none
