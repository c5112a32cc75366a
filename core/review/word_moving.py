"""A word at the edge of a segment that belongs to its neighbour: which one it is, and both texts without that fault.

Where the cut went through a word, or beside the wrong one, its text stands in the one segment and its sound in the
other. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from core.review.differences import Token, tokens
from core.text import join_texts, normalise

NEAR = 3
"""Timed words from the edge that are looked at: a person may have taken the last ones out."""


class MovedWord(NamedTuple):
    """The texts on both sides of a cut, and what has moved. was_there: the other side had it already."""

    left: str
    right: str
    word: str
    was_there: bool


def move_on(left: str, right: str, words: Sequence[str] = (), *, shares_time: bool = False) -> MovedWord | None:
    """The last word of `left` at the beginning of `right`; None where there is none.

    words: of the recording, as they have times, up to the cut: where the text ends with one of the last, that one is
    moved whole; else a Han character, or a word of a script with spaces. shares_time: both segments hold what is said
    around the cut, so that words with which the one ends and the other begins are the same ones.
    """
    found = tokens(left)
    if not found:
        return None
    folded = [token.folded for token in found]
    size = next((count for word in reversed(words[-NEAR:]) if (count := _size(folded[::-1], word, reverse=True))), 1)
    start = found[-size].start
    word = left[start:].strip()
    was_there = shares_time and _shared(folded, _folded(tokens(right))) >= size
    return MovedWord(left[:start].rstrip(), right if was_there else join_texts([word, right]), word, was_there)


def move_back(left: str, right: str, words: Sequence[str] = (), *, shares_time: bool = False) -> MovedWord | None:
    """The first word of `right` at the end of `left`, likewise; words: from the cut on."""
    found = tokens(right)
    if not found:
        return None
    folded = [token.folded for token in found]
    size = next((count for word in words[:NEAR] if (count := _size(folded, word, reverse=False))), 1)
    end = found[size].start if size < len(found) else len(right)
    word = right[:end].strip()
    was_there = shares_time and _shared(_folded(tokens(left)), folded) >= size
    return MovedWord(left if was_there else join_texts([left, word]), right[end:].lstrip(), word, was_there)


def _folded(found: Sequence[Token]) -> list[str]:
    return [token.folded for token in found]


def _shared(left: Sequence[str], right: Sequence[str]) -> int:
    """The most tokens with which the one ends and the other begins."""
    most = min(len(left), len(right))
    return next((size for size in range(most, 0, -1) if left[-size:] == right[:size]), 0)


def _size(folded: Sequence[str], word: str, *, reverse: bool) -> int:
    """How many tokens, from the edge on, are a word; 0 where they are not."""
    sought = normalise(word).replace(" ", "")
    for count in range(1, len(sought) + 1):
        if count > len(folded):
            break
        part = folded[:count]
        if "".join(part[::-1] if reverse else part).replace(" ", "") == sought:
            return count
    return 0
