"""Regular expressions that somebody types: they hold nobody up, however they are written."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from core.errors import UserError
from core.text import clean

LONGEST_S = 0.2
"""For one row. Nested repetitions, `(a+)+b`, take longer than anybody lives where nothing matches."""

LONGEST_PATTERN = 1000
MOST_COPIES = 10_000
"""`(a{100}){100}` is compiled to so many copies of `a`."""

_REPEATS = re.compile("[*+{]")
_COUNT = re.compile(r"\{\s*(\d+)", re.ASCII)


@dataclass(frozen=True)
class Pattern:
    """compiled: of the module `regex`, which lets other threads run meanwhile, and can be given a time."""

    text: str
    compiled: Any
    limits: dict[str, Any]

    def search(self, text: str) -> bool:
        """Whether it matches somewhere. UserError where that takes too long."""
        try:
            return self.compiled.search(text, **self.limits) is not None
        except TimeoutError:
            raise self._too_slow() from None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """(start, end) of each match that is not empty; none where that takes too long."""
        try:
            spans = [found.span() for found in self.compiled.finditer(text, timeout=LONGEST_S)]
        except TimeoutError:
            return []
        return [(start, end) for start, end in spans if end > start]

    def substitute(self, replacement: str, text: str) -> str:
        """The text with every match replaced; `\\1` and `\\g<name>` are what its groups matched, "" for those that did
        not. ValueError with what is wrong with the replacement; UserError where it takes too long."""
        import regex

        try:
            return self.compiled.sub(replacement, text, timeout=LONGEST_S)
        except TimeoutError:
            raise self._too_slow() from None
        except (regex.error, IndexError) as error:
            raise ValueError(f"{clean(replacement, 30)} replaces nothing: {error}") from None

    def _too_slow(self) -> UserError:
        return UserError(
            f"the pattern /{clean(self.text, 60)}/ takes too long",
            f"more than {LONGEST_S:g} s for one text: repetitions inside repetitions try every way to part it",
            "write it without nesting, such as /a+b/ for /(a+)+b/",
        )


def compile_pattern(text: str, *, ignore_case: bool = True) -> Pattern:
    """ValueError with what is wrong with it."""
    # It costs 20 ms to import, and most people never type a pattern.
    import regex

    # A count of one digit more takes ten times the memory.
    copies = math.prod(min(float(count), MOST_COPIES + 1) for count in _COUNT.findall(text) if count.strip("0"))
    if len(text) > LONGEST_PATTERN or copies > MOST_COPIES:
        raise ValueError(f"/{clean(text, 30)}/ is too long, or repeats too often: at most {MOST_COPIES} times in all")
    try:
        compiled = regex.compile(text, regex.IGNORECASE if ignore_case else 0)
    except (regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"/{clean(text, 30)}/ is no regular expression: {error}") from None
    # To look at the clock costs more than the search; what repeats one character at most is always quick.
    is_simple = len(_REPEATS.findall(text)) <= 1 and "(" not in text and "\\" not in text
    return Pattern(text, compiled, {"concurrent": True} if is_simple else {"timeout": LONGEST_S})
