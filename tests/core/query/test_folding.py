"""Texts as they are compared: found however they are written, and as quickly as can be."""

from __future__ import annotations

import pytest

from core.query.folding import finder, fold, places

TEXTS = [
    "無",
    "大家好，我是ＡＢＣ！",
    "🈚",
    "⽔",
    "㊗㍿",
    "\uf914",
    "ﬁne Straße",
    "İ",
    "(a)",
    "（ａ）　ｂ",
    "e\u0301",
    "ｶﾞ",
    "",
]
WORDS = ["無", "水", "祝", "樂", "好,我", "abc!", "fi", "ss", "(a) b", "é", "ガ", "i̇", "大家", "家我", "株式"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_word_is_found_where_the_folded_text_has_it(text: str) -> None:
    found = {word: finder(fold(word))(text) for word in WORDS}
    assert found == {word: fold(word) in fold(text) for word in WORDS}
    assert fold(fold(text)) == fold(text)


def test_what_is_found_is_told_by_its_place_in_the_text() -> None:
    assert places("ss", "Straße Strasse") == [(4, 5), (11, 13)]
    assert places("好,我", "大家好，我") == [(2, 5)]
    assert places("fi", "ﬁ") == [(0, 1)]
    assert places("", "x") == []
