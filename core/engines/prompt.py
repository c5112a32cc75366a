"""What a decoder is told before it writes: the words of a glossary, as if they had just been said.

Whisper was trained with the text before as context, behind `<|startofprev|>`; names that stand there are written
as they stand. OpenAI's own decoding gives it half of the decoder's positions, less one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from core.engines.loops import WithText, holds_loop
from core.review.suspicion import letters
from core.text import plural

START = "<|startofprev|>"
BETWEEN = "、"

LEAST_RATE = 3.5
"""Letters for each second of speech. People say four to six Han characters in one, or more letters of other scripts."""

MUCH_FULLER = 1.3
"""So many times as many letters without the prompt, and the prompt has kept the model from writing."""

T = TypeVar("T", bound=WithText)


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


def much_fuller(found: Sequence[T], speech_s: Sequence[float], again: Callable[[list[int]], Sequence[T]]) -> list[T]:
    """What was found with a prompt, but for texts that are much fuller without it.

    A list before it can make a small model write a list, and pass over what is said: in a talk of 800 s whisper-base
    did so for half a minute, and those were the errors that 27 words had cost. speech_s: seconds of speech of each.
    again: searches for those of these indices without a prompt; asked only where a text has little for its speech.
    """
    better = list(found)
    thin = [index for index, one in enumerate(found) if letters(one.text) < LEAST_RATE * speech_s[index]]
    if thin:
        for index, other in zip(thin, again(thin), strict=True):
            if letters(other.text) > MUCH_FULLER * letters(better[index].text) and not holds_loop(other.text):
                better[index] = other
    return better


def _joined(words: Sequence[str]) -> str:
    return f" {BETWEEN.join(words)}" if words else ""
