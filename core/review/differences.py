"""Where two texts of the same sound differ, as spans with both readings. Pure functions.

Compared is what is said: punctuation, spaces, capitals, widths and the script of Chinese are not seen. Scripts without
spaces are compared character by character, others word by word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from core.review.chinese_script import are_variants
from core.text import normalise

_WORD = r"[0-9A-Za-z０-９Ａ-Ｚａ-ｚ\u00c0-\u024f\u0370-\u052f'’]+"
"""Letters and digits of scripts with spaces hang together; anything else (Han, kana, punctuation) stands alone."""
TOKENS = re.compile(rf"{_WORD}|.", re.DOTALL)


class Difference(NamedTuple):
    """Two readings of one place. start, end: of the first one in its text; where it lacks what the other has, they are
    equal. other: the second reading, "" where it lacks what the first has."""

    start: int
    end: int
    other: str


class Token(NamedTuple):
    """What is compared as one: where it stands, and how it is compared."""

    start: int
    end: int
    folded: str


def differences(text: str, other: str) -> list[Difference]:
    """The places where `other` reads otherwise than `text`, in order, by the least number of token edits.

    Neighbouring edits are one place. Its readings are cut out of the texts as they stand, with the punctuation between
    their first and last token.
    """
    ours, theirs = tokens(text), tokens(other)
    places: list[list[int]] = []  # [first, past the last] token of ours, then of theirs
    for edit in Levenshtein.editops([token.folded for token in ours], [token.folded for token in theirs]):
        left, right = edit.src_pos, edit.dest_pos
        if edit.tag == "replace" and are_variants(ours[left].folded, theirs[right].folded):
            continue
        ends = [left + (edit.tag != "insert"), right + (edit.tag != "delete")]
        if places and places[-1][1] == left and places[-1][3] == right:
            places[-1][1], places[-1][3] = ends
        else:
            places.append([left, ends[0], right, ends[1]])
    found = []
    for begin, end, other_begin, other_end in places:
        start, stop = _cut(ours, begin, end)
        other_start, other_stop = _cut(theirs, other_begin, other_end)
        found.append(Difference(start, stop, other[other_start:other_stop]))
    return found


def differing(text: str, found: Sequence[Difference]) -> int:
    """How many characters must be edited to make the first reading the second: in each place, of its longer one."""
    return sum(max(_letters(text[one.start : one.end]), _letters(one.other)) for one in found)


def _letters(text: str) -> int:
    return len(normalise(text).replace(" ", ""))


def tokens(text: str) -> list[Token]:
    """Of what is said; punctuation and spaces are none."""
    found = ((match, normalise(match.group())) for match in TOKENS.finditer(text))
    return [Token(match.start(), match.end(), folded) for match, folded in found if folded]


def _cut(found: Sequence[Token], begin: int, end: int) -> tuple[int, int]:
    """Where tokens [begin, end) stand in their text; for none of them, the place behind the one before."""
    if begin < end:
        return found[begin].start, found[end - 1].end
    place = found[begin - 1].end if begin else 0
    return place, place
