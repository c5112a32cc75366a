"""A text written in one Chinese script, by OpenCC; words of a glossary stay as they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from core.review.chinese_script import Script, foreign_to

if TYPE_CHECKING:
    from opencc import OpenCC

AS_WRITTEN = "as-written"
CONVERSIONS: dict[str, tuple[str, Script]] = {
    "traditional-tw": ("s2twp", "traditional"),
    "traditional-hk": ("s2hk", "traditional"),
    "simplified": ("tw2sp", "simplified"),
}
"""By the name in the settings: OpenCC's configuration, and the script that it writes. Those that end with p also
replace words: 软件 becomes 軟體."""

Convert = Callable[[str], str]


def sparing(protected: Iterable[str], change: Convert) -> Convert:
    """`change`, but for words that stay wherever they stand, the longest first."""
    words = sorted(filter(None, protected), key=len, reverse=True)
    if not words:
        return change
    parts = re.compile(f"({'|'.join(map(re.escape, words))})")
    # With one group, split gives what lies between the words and the words in turn.
    return lambda text: "".join(
        part if place % 2 else change(part) for place, part in enumerate(parts.split(text)) if part
    )


def converter(name: str, protected: Iterable[str] = (), *, phrases: bool = True) -> Convert:
    """What writes a text in the script of that name, one of CONVERSIONS or AS_WRITTEN.

    A text without a character of the other script stays as it is: OpenCC takes every text for one of the other script,
    and would replace words that were said. Of 101 texts that a person wrote in Taiwan it would have changed 11,
    類型 into 型別 and 打開 into 開啟. protected: words that stay wherever they stand, the longest first. phrases: False
    for a person's text, of which the characters are to be others, and no word.
    """
    if name == AS_WRITTEN:
        return str
    configuration, script = CONVERSIONS[name]
    configuration = configuration if phrases else configuration.removesuffix("p")
    # OpenCC is loaded with the first text that needs it.
    rewrite = sparing(protected, lambda text: _opencc(configuration).convert(text))
    return lambda text: rewrite(text) if foreign_to(script, text) else text


@lru_cache
def _opencc(configuration: str) -> OpenCC:
    from opencc import OpenCC

    return OpenCC(configuration)
