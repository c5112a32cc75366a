"""Words out of tokens: whole characters, whole words, punctuation where it belongs."""

from __future__ import annotations

import math

import pytest

from core.engines.words import joined, pieces
from core.text import join_texts

ME = "我".encode()
TABLE = dict(enumerate([b"", ME[:1], ME[1:], "們".encode(), b" Super", b" Jun", b"ior", "，".encode(), b"\xff"]))


def decode(tokens: list[int]) -> str:
    return b"".join(TABLE[token] for token in tokens).decode("utf-8", "replace")


def words(*tokens: int) -> list[tuple[float, float, str]]:
    times = [number / 10 for number in range(len(tokens) + 1)]
    return [
        (word.start_s, word.end_s, word.text) for word in joined(pieces(tokens, times, [0.5] * len(tokens), decode))
    ]


def test_a_character_of_several_tokens_is_one() -> None:
    assert words(1, 2, 3) == [(0.0, 0.2, "我"), (0.2, 0.3, "們")]


def test_parts_of_a_word_are_joined_and_words_are_not() -> None:
    assert words(3, 4, 5, 6, 3) == [(0.0, 0.1, "們"), (0.1, 0.2, "Super"), (0.2, 0.4, "Junior"), (0.4, 0.5, "們")]


def test_punctuation_belongs_to_the_word_before() -> None:
    assert words(3, 7, 3) == [(0.0, 0.2, "們，"), (0.2, 0.3, "們")]
    assert words(7, 3) == [(0.0, 0.1, "，"), (0.1, 0.2, "們")]


def test_bytes_that_make_no_character_end_somewhere() -> None:
    found = words(*[8] * 20, 3)
    assert found[-1][1] == 2.1
    assert "們" in "".join(text for _, _, text in found)


def test_the_words_make_the_text() -> None:
    tokens = [1, 2, 3, 7, 4, 5, 6, 3]
    found = joined(pieces(tokens, list(range(9)), [0.5] * 8, decode))
    assert join_texts([word.text for word in found]) == join_texts(["我們，", "Super", "Junior", "們"])
    assert decode(tokens).replace(" ", "") == join_texts([word.text for word in found]).replace(" ", "")


def test_a_word_has_the_mean_probability_of_its_tokens() -> None:
    (word,) = joined([(0, 1, " Jun", 0.9), (1, 2, "ior", 0.5)])
    assert word.logprob == pytest.approx(math.log(0.7), abs=1e-4)
    assert joined([(0, 1, "字", 0.0)])[0].logprob < -20
