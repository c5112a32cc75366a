"""Texts as they are compared: one form for each letter, whatever its case and width. Pure."""

from __future__ import annotations

import unicodedata

_WIDE = (("，", ","), ("！", "!"), ("？", "?"), ("：", ":"), ("；", ";"), ("（", "("), ("）", ")"), ("\u3000", " "))
"""What nearly every Chinese text holds, and NFKC makes narrow: a hundred times quicker replaced than normalised."""


def fold(text: str) -> str:
    """NFKC, casefolded."""
    narrow = text
    for wide, plain in _WIDE:
        narrow = narrow.replace(wide, plain)
    folded = narrow.casefold()
    if unicodedata.is_normalized("NFKC", narrow) and unicodedata.is_normalized("NFKC", folded):
        return folded
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", narrow).casefold())


def occurs(word: str, text: str) -> bool:
    """Whether a folded word stands in a text, which is folded only where it has to be."""
    return word in text or word in fold(text)


def places(word: str, text: str) -> list[tuple[int, int]]:
    """Where a folded word stands in a text, as (start, end) of its characters."""
    if not word:
        return []
    folded = [fold(character) for character in text]
    line = "".join(folded)
    # Which character of the text each one of the folded line comes from; a letter may fold to several.
    origin = [at for at, piece in enumerate(folded) for _ in piece]
    found, start = [], line.find(word)
    while start >= 0:
        found.append((origin[start], origin[start + len(word) - 1] + 1))
        start = line.find(word, start + len(word))
    return found
