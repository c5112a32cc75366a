"""Texts without punctuation, and without full-width forms. Pure functions."""

from __future__ import annotations

import unicodedata

from core.text import is_unspaced

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
"""Letters, digits and signs of ASCII in the width of Han characters, and the blank."""

_WIDE_PUNCTUATION = frozenset("！＂＇（），：；？［］｛｝～")
"""These are Chinese punctuation, whatever Unicode calls them: ，is no comma of ASCII in another width."""

_WAVES = "~～〜"
"""Drawn out sounds; mathematical signs to Unicode."""

_INSIDE = frozenset("'’.,:/-–&@_")
"""What holds a word or a number of scripts with spaces together: don't, 3.5, 12:30."""


def without_punctuation(text: str) -> str:
    """Punctuation is left out, with a space in its place beside words of scripts that have spaces.

    What stands inside a word or number stays, so do signs that are said, % and +, and the spaces that are there.
    """
    kept, gap = "", ""
    for at, char in enumerate(text):
        if char.isspace() or _is_left_out(text, at):
            gap += char
            continue
        if gap and kept:
            is_space = any(map(str.isspace, gap)) or not (is_unspaced(kept[-1]) and is_unspaced(char))
            kept += " " if is_space else ""
        kept, gap = kept + char, ""
    return kept


def half_width(text: str) -> str:
    """Full-width letters, digits and signs as those of ASCII: Ｑ彈 becomes Q彈. Chinese punctuation stays."""
    return "".join(char if char in _WIDE_PUNCTUATION else char.translate(_FULL_WIDTH) for char in text)


def _is_left_out(text: str, at: int) -> bool:
    char = text[at]
    if char in "%％" or not (char in _WAVES or unicodedata.category(char)[0] == "P"):
        return False
    beside = text[at - 1 : at] + text[at + 1 : at + 2]
    is_inside = len(beside) == 2 and all(one.isascii() and one.isalnum() for one in beside)
    return not (char in _INSIDE and is_inside)
