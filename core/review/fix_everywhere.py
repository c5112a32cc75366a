"""A mistake that a person has corrected once, found wherever else it was made. Pure functions.

Han text has no word borders, and a labeller that writes 金 for 筋 writes it rightly for gold. So a mistake is kept with
what stood beside it, and how much of that must be there again depends on how much the wrong letters tell by themselves.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from core.review.differences import TOKENS, differences

LEAST = 2
"""How much must be the same: Han characters, those that were wrong and those beside them; a longer word counts two."""

LEAST_MISSING = 3
"""Where something was missing or too much there are fewer wrong ones to tell by, and more must stand beside them."""

MOST_MISSING = 3
"""What is missing or too much and is longer is no mistake in a word: the labeller has heard the rest, or it is said
beyond the segment's edge."""

LONG_WORD = 4
"""Letters from which on a word counts as two Han characters; the and is are as common as 的."""

BESIDE = 2
"""Tokens that are kept from each side."""


class Mistake(NamedTuple):
    """What was written, and what it should have been; before, after: the tokens beside it, the nearest first."""

    wrong: str
    right: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Of what was wrong, as LEAST counts."""
        return sum(map(_size, TOKENS.findall(self.wrong)))

    @property
    def least(self) -> int:
        is_replaced = self.size and self.right.strip()
        return LEAST if is_replaced else LEAST_MISSING

    @property
    def sought(self) -> str:
        """What a text must hold to have it: what was wrong, or what stood on both sides of what was missing."""
        return self.wrong if self.size else f"{self.before[0]}{self.wrong}{self.after[0]}"


class Fix(NamedTuple):
    """A text in which mistakes were made again. text: without them; places: where (start, end) in it they were mended.

    is_likely: every one of them is alike in more than the least that it takes to be found.
    """

    text: str
    places: tuple[tuple[int, int], ...]
    is_likely: bool


def mistakes(before: str, after: str) -> list[Mistake]:
    """What a person has corrected in a text, each with what stood beside it; without those that could be anything."""
    found = []
    for place in differences(before, after):
        wrong, right = before[place.start : place.end], place.other
        left, rest = before[: place.start], before[place.end :]
        gap = rest[: len(rest) - len(rest.lstrip())]
        # In scripts with spaces one goes with a word that comes or goes.
        if gap and left and rest.strip() and not right:
            wrong, rest = wrong + gap, rest[len(gap) :]
        elif gap and not wrong:
            wrong, right, rest = gap, f"{gap}{right}{gap}", rest[len(gap) :]
        mistake = Mistake(wrong, right, tuple(_nearest(left, last=True)), tuple(_nearest(rest, last=False)))
        if wrong != right and _tells(mistake):
            found.append(mistake)
    return found


def _tells(mistake: Mistake) -> bool:
    """Whether there is enough to find it by."""
    if mistake.size + sum(map(_size, (*mistake.before, *mistake.after))) < mistake.least:
        return False
    if mistake.size and mistake.right.strip():
        return True
    missing = sum(map(_size, TOKENS.findall(mistake.wrong + mistake.right)))
    return bool(mistake.before and mistake.after) and missing <= MOST_MISSING


def fix(text: str, made: Sequence[Mistake]) -> Fix | None:
    """A text without these mistakes; None if it has none of them."""
    occurrences: list[tuple[int, int, str, bool]] = []
    for mistake in made:
        for start, end, alike in _occurrences(text, mistake):
            # A place that two of them are about is left to the first.
            at = bisect_right(occurrences, (start, end), key=lambda one: one[:2])
            if all(end <= other[0] or start >= other[1] for other in occurrences[max(0, at - 1) : at + 1]):
                occurrences.insert(at, (start, end, mistake.right, alike > mistake.least or mistake.size >= LEAST))
    if not occurrences:
        return None
    parts, places, at, length = [], [], 0, 0
    for start, end, right, _ in occurrences:
        parts += [text[at:start], right]
        length += start - at
        places.append((length, length + len(right)))
        length, at = length + len(right), end
    return Fix("".join(parts) + text[at:], tuple(places), all(likely for *_, likely in occurrences))


def fixes(rows: Iterable[tuple[str, str]], made: Sequence[Mistake]) -> Iterator[tuple[str, Fix]]:
    """(id, fix) of those of the rows, each an id with its text, in which the mistakes were made again."""
    if not made:
        return
    # One search a row, for what is in few of them: 100 000 take some 50 ms.
    may_be = re.compile("|".join(map(_pattern, made))).search
    for id, text in rows:
        if may_be(text) and (found := fix(text, made)) is not None:
            yield id, found


def _pattern(mistake: Mistake) -> str:
    """What a text must hold to have it: a neighbour, too, where what was wrong is too little by itself."""
    sought = re.escape(mistake.sought)
    if not mistake.size or mistake.size >= mistake.least:
        return sought
    sides = [rf"{re.escape(one)}\s*{sought}" for one in mistake.before[:1]]
    return "|".join(sides + [rf"{sought}\s*{re.escape(one)}" for one in mistake.after[:1]])


def _occurrences(text: str, mistake: Mistake) -> Iterator[tuple[int, int, int]]:
    """(start, end, how much is the same) of each place."""
    wrong, right, sought = mistake.wrong, mistake.right, mistake.sought
    skip = 0 if mistake.size else len(mistake.before[0])
    at = text.find(sought)
    while at >= 0:
        start, end = at + skip, at + skip + len(wrong)
        alike = mistake.size + _alike(text[:start], mistake.before, last=True)
        alike += _alike(text[end:], mistake.after, last=False)
        if (
            alike >= mistake.least
            and _stands_alone(text, start, end, wrong)
            and not _is_right(text, start, wrong, right)
        ):
            yield start, end, alike
        at = text.find(sought, max(end, at + 1))


def _alike(side: str, beside: Sequence[str], *, last: bool) -> int:
    """How much of what stands beside a place is what stood beside the mistake, from the nearest token on."""
    size = 0
    for token, other in zip(_nearest(side, last=last), beside, strict=False):
        if token != other:
            break
        size += _size(token)
    return size


def _nearest(side: str, *, last: bool) -> list[str]:
    """The tokens nearest to the end, or to the beginning, of a text, up to the first sign that is none of a word."""
    # Tokens of one sign, or words: so far away no third one begins.
    near = side[-200:] if last else side[:200]
    found: list[str] = []
    tokens = TOKENS.findall(near)
    for token in reversed(tokens) if last else tokens:
        if token.isspace() and not found:
            continue
        if len(found) == BESIDE or not token[0].isalnum():
            break
        found.append(token)
    return found


def _size(token: str) -> int:
    if not token[0].isalnum():
        return 0
    return 2 if token.isascii() and len(token) >= LONG_WORD else 1


def _stands_alone(text: str, start: int, end: int, wrong: str) -> bool:
    """Whether it is no part of a word of a script with spaces: `cat` in `cats`."""
    return not (
        (start and _is_letter(text[start - 1]) and _is_letter(wrong[:1]))
        or (end < len(text) and _is_letter(text[end]) and _is_letter(wrong[-1:]))
    )


def _is_letter(char: str) -> bool:
    return len(TOKENS.findall(char * 2)) == 1 if char else False


def _is_right(text: str, start: int, wrong: str, right: str) -> bool:
    """Whether what is right stands there already: 湯 in 湯頭, where 湯 is to be 湯頭."""
    offset = right.find(wrong) if wrong else -1
    while offset >= 0:
        if start >= offset and text.startswith(right, start - offset):
            return True
        offset = right.find(wrong, offset + 1)
    return False
