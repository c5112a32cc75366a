"""Text with its times: what captions, a model or a person say about a recording. Pure functions, nothing is read here.

A cue may be a caption of some seconds or a single word. Segments are windows on the cues of their recording.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, Protocol

from core.text import is_unspaced, join_texts

# Not after a letter or closing bracket: in `list[i]` nothing is a note.
_NOTE = re.compile(r"(?<![A-Za-z0-9_\])])\[[^\[\]\d]{1,30}\]|［[^［］\d]{1,30}］|【[^【】\d]{1,30}】|[♪♫♬♩]+|^\s*>>+")

_TOLERANCE_MS = 300
"""By so much the times of careful captions miss what is said."""


class Timed(Protocol):
    """Anything that lasts from start_ms to end_ms (not part of it) of a recording: a segment, a span, a cue."""

    @property
    def start_ms(self) -> int: ...
    @property
    def end_ms(self) -> int: ...


class Cue(NamedTuple):
    """A piece of text and when it is said: milliseconds, the end not part of it; the text on one line, without tags."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True)
class Share:
    """What one window holds. cut: through how many of its cues an edge goes."""

    text: str
    cut: int


def shares(cues: Iterable[Cue], windows: Iterable[Timed]) -> list[Share]:
    """What each window holds; overlapping windows both get what lies in their overlap.

    A cue wholly inside a window gives it all its text. A cue that an edge cuts is taken as spoken evenly: its words
    (single characters in scripts without spaces) get shares of its time by their length, and those whose middle lies
    in the window belong to it. Such a cut is a guess: nobody speaks evenly, and captions stand a moment before and
    after what is said, so that a word or a few characters at the edge may be missing, or be the neighbour's.
    """
    ordered = sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms))
    starts = [cue.start_ms for cue in ordered]
    # The latest end so far: before the first place where it passes a window's start, every cue is over.
    ends = list(accumulate((cue.end_ms for cue in ordered), max))
    result = []
    for window in windows:
        near = ordered[bisect_right(ends, window.start_ms) : bisect_left(starts, window.end_ms)]
        parts = [(cue, _part(cue, window)) for cue in near if cue.end_ms > window.start_ms]
        text = join_texts([part for _, part in parts if part])
        result.append(Share(text, sum(_is_cut(cue, window, part) for cue, part in parts)))
    return result


def _is_cut(cue: Cue, window: Timed, part: str) -> bool:
    """Whether the window holds a part of the words, or of the time by more than captions are off anyway."""
    inside = min(cue.end_ms, window.end_ms) - max(cue.start_ms, window.start_ms)
    length = cue.end_ms - cue.start_ms
    return 0 < len(part) < len(cue.text.strip()) or _TOLERANCE_MS < inside < length - _TOLERANCE_MS


def _part(cue: Cue, window: Timed) -> str:
    if window.start_ms <= cue.start_ms and cue.end_ms <= window.end_ms:
        return cue.text
    words = _words(cue.text)
    total = sum(len(word.strip()) for word in words)
    length = cue.end_ms - cue.start_ms
    kept, before = [], 0
    for word in words:
        size = len(word.strip())
        middle = cue.start_ms + (before + size / 2) * length / max(total, 1)
        if window.start_ms <= middle < window.end_ms:
            kept.append(word)
        before += size
    return "".join(kept).strip()


def _words(text: str) -> list[str]:
    """Words with the space behind them, and single characters of scripts without spaces; joined they are `text`."""
    words: list[str] = []
    for char in text:
        spaced = bool(words) and not is_unspaced(char) and not is_unspaced(words[-1][0]) and words[-1][-1] != " "
        if spaced or (words and char == " "):
            words[-1] += char
        else:
            words.append(char)
    return words


def speech(cues: Iterable[Cue]) -> list[Cue]:
    """The cues with only what is spoken; those that held nothing else are left out.

    What stands in square brackets ([音樂], [Applause], 【笑聲】) describes a sound, ♪ marks song and >> another
    speaker. Nobody says them, and a model that is trained with them learns to write [音樂] where it should write
    nothing. Round brackets stay: people put words that were spoken in them. So do brackets with figures in them.
    """
    kept = []
    for cue in cues:
        pieces = [piece for piece in _NOTE.split(cue.text) if piece.strip()]
        if pieces:
            whole = len(pieces) == 1 and pieces[0] == cue.text
            kept.append(cue if whole else cue._replace(text=join_texts(pieces)))
    return kept


def merge_overlaps(cues: Iterable[Cue]) -> list[Cue]:
    """Cues one after the other, out of the texts of overlapping segments.

    The text that an overlap holds ends one segment and begins the next. The longest such piece of two characters or
    more is dropped from the second, which is then shown from where the first ends. Text that does not agree stays.
    Cues that nothing is left of, neither text nor time, are left out.
    """
    kept: list[Cue] = []
    before: Cue | None = None
    for cue in sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms)):
        text, start = cue.text, cue.start_ms
        if before is not None and before.end_ms > cue.start_ms:
            text = text[_repeated(before.text, text) :].strip()
            start = min(before.end_ms, cue.end_ms - 1)
        if text and cue.end_ms > start:
            kept.append(Cue(start, cue.end_ms, " ".join(text.split())))
        before = cue
    return kept


def _repeated(first: str, second: str) -> int:
    """Length of the longest end of `first` that `second` begins with; 0 for a single character."""
    for size in range(min(len(first), len(second)), 1, -1):
        if first.endswith(second[:size]):
            return size
    return 0
