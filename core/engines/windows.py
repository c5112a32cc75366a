"""Windows over a recording that comes as a stream: what a model hears at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from core.engines.engine import EngineInfo, PcmWindow
from core.media import RATE
from core.media.speech import FRAME, SPEECH, Scorer, listen

PAUSE_S = 2.0
"""A longer pause is left out of a window, all but its edges: nothing is said in it, and encoding it costs.
"""

EDGE_S = 0.4
"""What is kept of a pause that is left out, at either end of it and of a window: where words begin and end softly."""

LEAST_SPEECH_S = 0.25
"""A window with less speech holds none: the detector takes a click or a clatter for it now and then."""

FULL = 0.9
"""A window ends in its last tenth, at the longest pause there. Longer windows are fewer, and their texts have more
before them: of 800 s of talk, heard by whisper-base from eight places, 27.0 % of the characters were wrong, and 27.9 %
where windows ended in their last third. In their last twentieth there is often no pause: 28.3 %, from four places."""

CUT_BY = {"pause_s": PAUSE_S, "edge_s": EDGE_S, "full": FULL}
"""What the windows of a recording depend on: what was heard in others cannot be gone on with."""


def windows_of(blocks: Iterable[np.ndarray], info: EngineInfo) -> Iterator[PcmWindow]:
    """The windows that an engine hears a recording in, from blocks of 16 kHz int16 samples of any length.

    The same recording gives the same windows, so that a job goes on at the first one that it has not heard.
    """
    if info.clips_only:
        return consecutive(blocks, round(info.window_s * RATE))
    return speech_windows(blocks, round(info.window_s * RATE))


def consecutive(blocks: Iterable[np.ndarray], size: int) -> Iterator[PcmWindow]:
    """Windows of `size` samples, one after the other, from blocks of any length; the last one is short."""
    start, kept, have = 0, [], 0
    for block in blocks:
        kept.append(block)
        have += len(block)
        while have >= size:
            whole = np.concatenate(kept)
            yield PcmWindow(start, whole[:size])
            start, kept, have = start + size, [whole[size:]], have - size
    if have:
        yield PcmWindow(start, np.concatenate(kept))


def speech_windows(blocks: Iterable[np.ndarray], size: int, scorer: Scorer | None = None) -> Iterator[PcmWindow]:
    """Windows of at most `size` samples that hold all speech and little else; no two have anything in common.

    A window begins and ends in a pause, if there is one in its last tenth, else where speech is least likely: no word
    is halved that need not be. One window and the edges of one pause are held at most, whatever the length. scorer: as
    for `core.media.speech.listen`.
    """
    limit, pause, edge = size // FRAME, _frames(PAUSE_S), _frames(EDGE_S)
    kept: list[_Frame] = []  # what the next window is made of, as far as speech has come
    quiet: list[_Frame] = []  # what came after it: of a long pause its edges only
    for frame in _frames_of(blocks, scorer):
        quiet.append(frame)
        is_long = frame.number - quiet[0].number >= pause
        if is_long:
            del quiet[edge : len(quiet) - edge - 1]
        if frame.speech >= SPEECH:
            kept += quiet if kept else quiet[-edge - 1 :]
            quiet = []
        while len(kept) + edge > limit:
            end, begin = _cut(kept, limit, edge)
            yield from _window(kept[:end])
            kept = kept[begin:]
    yield from _window(kept + quiet[:edge])


class _Frame(NamedTuple):
    """number: in the recording. speech: the detector's probability. samples: FRAME, fewer at the end of it."""

    number: int
    speech: float
    samples: np.ndarray


def _frames(seconds: float) -> int:
    return round(seconds * RATE / FRAME)


def _frames_of(blocks: Iterable[np.ndarray], scorer: Scorer | None) -> Iterator[_Frame]:
    index = 0
    for samples, speech in listen(blocks, scorer):
        for number, probability in enumerate(speech.tolist()):
            yield _Frame(index + number, probability, samples[number * FRAME : (number + 1) * FRAME])
        index += len(speech)


def _cut(frames: list[_Frame], limit: int, edge: int) -> tuple[int, int]:
    """(where a window ends, where the next begins) in frames that are more than it holds."""
    first = round(limit * FULL)
    best = longest = 0
    begin = first
    for at in range(first, limit - edge + 1):
        if frames[at].speech >= SPEECH:
            begin = at + 1
        elif (length := frames[at].number - frames[begin].number + 1) >= longest:
            best, longest = begin, length
    if not longest:
        likely = np.convolve([frame.speech for frame in frames[first : limit - edge]], np.ones(3), "valid")
        middle = first + 1 + int(np.argmin(likely))
        return middle, middle
    end = next((at for at in range(best, len(frames)) if frames[at].speech >= SPEECH), len(frames))
    if end - best <= 2 * edge:
        return (best + end) // 2, (best + end) // 2
    return best + edge, end - edge


def _window(frames: list[_Frame]) -> Iterator[PcmWindow]:
    if sum(frame.speech >= SPEECH for frame in frames) < _frames(LEAST_SPEECH_S):
        return
    left_out, at = [], 0
    for before, frame in pairwise(frames):
        at += FRAME
        if missing := frame.number - before.number - 1:
            left_out.append((at, missing * FRAME))
    yield PcmWindow(
        frames[0].number * FRAME,
        np.concatenate([frame.samples for frame in frames]),
        tuple(left_out),
        np.array([frame.speech for frame in frames], np.float32),
    )
