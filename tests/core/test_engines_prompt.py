"""The words a decoder is told beforehand: as many as have room."""

from __future__ import annotations

from core.engines.prompt import prompt_text


def test_words_that_have_no_room_are_left_out_from_the_end_and_told() -> None:
    told: list[str] = []
    tokens = list  # one for each character
    assert prompt_text(["牛肉湯", "饗饗"], tokens, 448, told.append) == " 牛肉湯、饗饗"
    assert prompt_text([], tokens, 448, told.append) == ""
    assert told == []
    # 16 // 2 - 1 = 7 tokens: the space and the first words.
    assert prompt_text(["牛肉湯", "饗饗", "筋"], tokens, 16, told.append) == " 牛肉湯、饗饗"
    assert told == ["a prompt has room for 7 tokens: 1 word of the glossary left out, 筋"]
    assert prompt_text(["很長很長很長很長", "筋"], tokens, 16, told.append) == ""
    assert "2 words of the glossary left out" in told[-1]
