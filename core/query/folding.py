"""Texts as they are compared: one form for each letter, whatever its case and width. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from core.text import nfkc

_WIDE = (("，", ","), ("！", "!"), ("？", "?"), ("：", ":"), ("；", ";"), ("（", "("), ("）", ")"), ("\u3000", " "))
"""What nearly every Chinese text holds, and NFKC makes narrow: a hundred times quicker replaced than normalised."""


_TO_HAN = re.compile(
    "[\u2e80-\u2fdf\u3038-\u303a\u3190-\u319f\u3220-\u33ff\uf900-\ufaff\U0001f210-\U0001f251\U0002f800-\U0002fa1f]"
)
"""All that NFKC makes Han of: radicals, what is in circles or squares, doubles kept for other codes."""
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002a6df\U0002a700-\U0002ebef]+")


def fold(text: str) -> str:
    """NFKC, casefolded."""
    if text.isascii():
        return text.lower()
    narrow = text
    for wide, plain in _WIDE:
        narrow = narrow.replace(wide, plain)
    folded = narrow.casefold()
    if unicodedata.is_normalized("NFKC", narrow) and unicodedata.is_normalized("NFKC", folded):
        return folded
    return nfkc(nfkc(narrow).casefold())


def finder(word: str) -> Callable[[str], bool]:
    """Whether a folded word stands in a text, which is folded only where that can make a difference."""
    if _HAN.fullmatch(word):
        return lambda text: word in text or (_TO_HAN.search(text) is not None and word in fold(text))
    return lambda text: word in text or word in fold(text)


def places(word: str, text: str) -> list[tuple[int, int]]:
    """Where a folded word stands in a text, as (start, end) of its characters."""
    line = fold(text)
    if not word or word not in line:
        return []
    origin: Sequence[int] = range(len(text))
    if len(line) != len(text):
        # Which character of the text each one of the folded line comes from; a letter may fold to several.
        folded = [fold(character) for character in text]
        line = "".join(folded)
        origin = [at for at, piece in enumerate(folded) for _ in piece]
    found, start = [], line.find(word)
    while start >= 0:
        found.append((origin[start], origin[start + len(word) - 1] + 1))
        start = line.find(word, start + len(word))
    return found
