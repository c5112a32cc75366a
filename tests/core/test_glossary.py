"""glossary.txt: what people write into it, and what else may lie there."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from core.exchange.glossary import LONGEST_WORD, MOST_BYTES, MOST_WORDS, read_glossary


def test_one_word_a_line_without_comments_blanks_and_repetitions(tmp_path: Path) -> None:
    path = tmp_path / "glossary.txt"
    assert read_glossary(path) == ()
    path.write_bytes("\ufeff# dishes\r\n牛肉湯\r\n\r\n  饗饗  # the restaurant\r\n牛肉湯\r\nSous Vide\r\n".encode())
    assert read_glossary(path) == ("牛肉湯", "饗饗", "Sous Vide")
    path.write_bytes("牛肉湯\n台灣的夜市\n".encode("big5"))
    assert read_glossary(path) == ("牛肉湯", "台灣的夜市")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xff\xff\xff\x00\x01", "encoding that is not known"),
        (b"x" * (MOST_BYTES + 1), "too large"),
        (b"fine\n" + b"x" * (LONGEST_WORD + 1), "line 2 is no word"),
        ("\n".join(map(str, range(MOST_WORDS + 1))).encode(), f"has {MOST_WORDS + 1} words"),
    ],
)
def test_what_is_no_glossary_is_told(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "glossary.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=what):
        read_glossary(path)
