"""Texts that repeat themselves without end are searched for once more, with repetition forbidden."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from core.text import compression_ratio, is_loop

NO_REPEAT = 6
"""Tokens that may not come twice in the second search: two to six Han characters."""

LEAST_RUN = 16
"""Characters of a loop amid other text; fewer are laughing, or saying yes a few times. Half a minute of talk around one
hides it from `is_loop`: of 38 rows a tuned whisper-base, heard so, had 25 % of the characters wrong, and has 23 %."""

_RUN = re.compile(r"(.{1,12}?)\1{3,}")


class WithText(Protocol):
    @property
    def text(self) -> str: ...


T = TypeVar("T", bound=WithText)


def holds_loop(text: str) -> bool:
    """Whether a text repeats itself, as a whole or somewhere: one piece four times or more, in a row of LEAST_RUN."""
    return is_loop(text) or any(len(run[0]) >= LEAST_RUN for run in _RUN.finditer(text))


def without_loops(found: Sequence[T], again: Callable[[list[int]], Sequence[T]]) -> list[T]:
    """What was found, with the better of two searches where a text repeats itself.

    again: searches for those of these indices once more, with NO_REPEAT. Asked only where there is a loop.
    """
    better = list(found)
    loops = [index for index, one in enumerate(found) if holds_loop(one.text)]
    if loops:
        for index, other in zip(loops, again(loops), strict=True):
            better[index] = less_repeated(better[index], other)
    return better


def less_repeated(one: T, other: T) -> T:
    """Of a loop and its second search, the one that repeats itself less; an empty text is no improvement."""
    return other if other.text and compression_ratio(other.text) < compression_ratio(one.text) else one
