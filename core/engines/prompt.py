"""What a decoder is told before it writes: the words of a glossary, as if they had just been said.

Whisper was trained with the text before as context, behind `<|startofprev|>`; names that stand there are written
as they stand. OpenAI's own decoding gives it half of the decoder's positions, less one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from core.text import plural

START = "<|startofprev|>"
BETWEEN = "、"


def prompt_text(
    words: Sequence[str], tokens: Callable[[str], Sequence[int]], positions: int, warn: Callable[[str], object]
) -> str:
    """The first of the words that have room, as one text; "" for none. It is the same for every engine.

    tokens: those of a text, without special ones. positions: of the decoder. warn: told which words are left out.
    """
    most = positions // 2 - 1
    count = bisect_right(range(1, len(words) + 1), most, key=lambda count: len(tokens(_joined(words[:count]))))
    if left := words[count:]:
        named = ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
        warn(f"a prompt has room for {most} tokens: {plural(len(left), 'word')} of the glossary left out, {named}")
    return _joined(words[:count])


def _joined(words: Sequence[str]) -> str:
    return f" {BETWEEN.join(words)}" if words else ""
