"""How any engine hears a recording: windows are searched, loops and what was passed over are searched once more, and
the words get their times in the recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from core.engines.engine import Clip, Hypothesis, PcmWindow
from core.engines.loops import NO_REPEAT, holds_loop, without_loops
from core.engines.prompt import much_fuller
from core.media import RATE
from core.media.speech import FRAME, SPEECH
from core.review.suspicion import flags_of
from core.text import join_texts
from core.timed_text import TimedText, Word

PASSED_OVER_S = 2.0
"""So much speech in one word, or before, between or after words, and the search has passed something over."""


@dataclass(frozen=True)
class HeardWord:
    """Times in seconds from the window's first sample. logprob: natural, of the mean probability of its tokens."""

    start_s: float
    end_s: float
    text: str
    logprob: float


@dataclass(frozen=True)
class WindowText:
    """What a search found in a window. avg_logprob: mean natural log-probability of the tokens and the end;
    no_speech_prob: 0-1, of the first step."""

    words: tuple[HeardWord, ...]
    avg_logprob: float
    no_speech_prob: float

    @property
    def text(self) -> str:
        return join_texts([word.text for word in self.words])


Search = Callable[[Sequence[PcmWindow], int], list[WindowText]]
"""Searches the texts of windows. Of the tokens, no sequence as long as the number may come twice; 0: all may."""


def hear(windows: Sequence[PcmWindow], search: Search, prompted: Search | None = None) -> list[TimedText]:
    """What is said in each window. prompted: the search that comes first where there is a prompt; what is searched for
    once more is so without it, since it may be what a text repeats, or why it passes something over.

    A text that repeats itself is searched for again with repetition forbidden. Speech that a text passes over is heard
    once more by itself: models skip what lies behind music or another voice, and rarely do so where it comes first.
    Both are searches like the first one, without chance: the same windows have the same texts. What is odd even so is
    flagged, as `core.review.suspicion.flags_of` does.
    """

    def search_some(indices: list[int], no_repeat: int) -> list[WindowText]:
        return search([windows[index] for index in indices], no_repeat)

    if prompted is None:
        found = search(windows, 0)
    else:
        speech_s = [_speech_s(window.speech, 0, window.seconds) for window in windows]
        found = much_fuller(prompted(windows, 0), speech_s, lambda thin: search_some(thin, 0))
    found = without_loops(found, lambda loops: search_some(loops, NO_REPEAT))
    return [_timed(window, one) for window, one in zip(windows, _filled(windows, found, search), strict=True)]


def hear_as_clips(
    windows: Sequence[PcmWindow], decode: Callable[[Sequence[Clip]], list[Hypothesis]]
) -> list[TimedText]:
    """What is said in each window, by a model that cannot tell when its words are spoken."""
    clips = [Clip(window.name, window.samples) for window in windows]
    return [
        TimedText(
            start_ms=window.start_ms,
            end_ms=window.end_ms,
            text=" ".join(hypothesis.text.split()),
            avg_logprob=hypothesis.avg_logprob,
            no_speech_prob=hypothesis.no_speech_prob,
            words=(),
            flags=hypothesis.flags,
        )
        for window, hypothesis in zip(windows, decode(clips), strict=True)
    ]


def _filled(windows: Sequence[PcmWindow], found: list[WindowText], search: Search) -> list[WindowText]:
    """The texts with what they had passed over."""
    stretches = [
        (index, start, end)
        for index, (window, one) in enumerate(zip(windows, found, strict=True))
        for start, end in passed_over(one.words, window.speech)
    ]
    if not stretches:
        return found
    pieces = [
        PcmWindow(0, windows[index].samples[round(start * RATE) : round(end * RATE)]) for index, start, end in stretches
    ]
    filled = list(found)
    for (index, start, end), more in zip(stretches, search(pieces, 0), strict=True):
        if not holds_loop(more.text):
            filled[index] = fill(filled[index], start, end, more)
    return filled


def passed_over(words: Sequence[HeardWord], speech: np.ndarray) -> list[tuple[float, float]]:
    """Where speech is that no word stands for, in seconds (start, end).

    A word that seems to last for seconds is such a place, too: attention rests on it while nothing is written.
    speech: for each frame of the window's samples; () tells of no place.
    """
    seconds = len(speech) * FRAME / RATE
    edges = [0.0, *(edge for word in words for edge in (word.start_s, word.end_s)), seconds]
    return [
        (start, end)
        for start, end in pairwise(edges)
        if end - start >= PASSED_OVER_S and _speech_s(speech, start, end) >= PASSED_OVER_S
    ]


def _speech_s(speech: np.ndarray, start_s: float, end_s: float) -> float:
    inside = speech[round(start_s * RATE / FRAME) : round(end_s * RATE / FRAME)]
    return int((inside >= SPEECH).sum()) * FRAME / RATE


def fill(one: WindowText, start_s: float, end_s: float, more: WindowText) -> WindowText:
    """A text with what was heard in one stretch of it; `more` has times from the start of that stretch.

    A word that lay in the stretch gives way if anything was heard there: it is among that, or was drawn out over it.
    """
    if not more.words:
        return one
    before = tuple(word for word in one.words if word.end_s <= start_s)
    after = tuple(word for word in one.words if word.start_s >= end_s)
    inside = tuple(
        replace(word, start_s=word.start_s + start_s, end_s=min(word.end_s + start_s, end_s)) for word in more.words
    )
    return replace(one, words=(*before, *inside, *after))


def _timed(window: PcmWindow, found: WindowText) -> TimedText:
    words = []
    for word in found.words:
        span = window.span(word.start_s, word.end_s)
        words.append(Word(span.start_ms, span.end_ms, word.text, word.logprob))
    text = found.text
    flags = flags_of(text, window.seconds)
    return TimedText(window.start_ms, window.end_ms, text, found.avg_logprob, found.no_speech_prob, tuple(words), flags)
