"""Words out of a model's tokens. A token may be a part of a character, a character, or a part of a word."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from core.engines.hearing import HeardWord
from core.text import is_unspaced

MOST_TOKENS = 8
"""Of one character, whose UTF-8 has four bytes: with more, what was found is no text."""


def pieces(
    tokens: Sequence[int], times: Sequence[float], probabilities: Sequence[float], decode: Callable[[list[int]], str]
) -> Iterator[tuple[float, float, str, float]]:
    """(start, end, text, probability) of each token, or of as many as make whole characters.

    times: where each token begins, and, last, where the last one ends.
    """
    first = 0
    for last in range(len(tokens)):
        text = decode(list(tokens[first : last + 1]))
        if "\ufffd" not in text or last + 1 - first >= MOST_TOKENS or last + 1 == len(tokens):
            mean = sum(probabilities[first : last + 1]) / (last + 1 - first)
            yield times[first], times[last + 1], text, mean
            first = last + 1


def joined(pieces: Iterable[tuple[float, float, str, float]]) -> tuple[HeardWord, ...]:
    """Words out of pieces of text: (start, end, text, probability), text with the space before it.

    A piece that begins without a space where letters go on belongs to the word before; so does punctuation. Characters
    of scripts without spaces are words as they come.
    """
    groups: list[list[tuple[float, float, str, float]]] = []
    for piece in pieces:
        if not piece[2].strip():
            continue
        if groups and _goes_on(groups[-1][-1][2], piece[2]):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return tuple(_word(group) for group in groups)


def _goes_on(before: str, text: str) -> bool:
    if not any(char.isalnum() for char in text):
        return True
    first, last = text[0], before[-1]
    return not first.isspace() and not is_unspaced(first) and not last.isspace() and not is_unspaced(last)


def _word(group: list[tuple[float, float, str, float]]) -> HeardWord:
    text = "".join(piece[2] for piece in group).strip()
    mean = sum(piece[3] for piece in group) / len(group)
    return HeardWord(group[0][0], group[-1][1], text, round(math.log(max(mean, 1e-10)), 5))
