"""Where a stream of samples is cut: windows of one length that overlap, or pieces that end in pauses.

Pure: no file is touched here, and memory stays flat however long the stream is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from core.media.speech import FRAME, SPEECH_ENDS, ScoredBlock
from core.media.stream import RATE
from core.spans import Span, count_windows, gaps, plan_spans

SAMPLES_PER_MS = RATE // 1000

_CLEAR = 10
"""Frames (0.3 s) from a cut to the nearest speech beyond which a longer pause makes the cut no better."""
_MEAN, _MEAN_ERROR = 0.53, 0.1
"""Where between shortest and longest the mean length of pieces lies, and by which part that may be wrong: on a talk of
13 minutes at 0.47 to 0.60, for eleven pairs of lengths between 1 and 30 s."""


class Piece(NamedTuple):
    """What becomes a segment. samples: int16 (n,); speech: float32, of the frames whose middle lies in the span."""

    span: Span
    samples: np.ndarray
    speech: np.ndarray


class Yield(NamedTuple):
    """Pieces that a recording gives: least and most, the same number where that is known; ms: the sound in them."""

    least: int
    most: int
    ms: int


class Cutter(Protocol):
    """A way to cut recordings."""

    def settings(self) -> dict[str, int]:
        """What a recording that was cut so keeps of it; tells two ways apart."""
        ...

    def plan(self, duration_ms: int, kept: Sequence[Span] = ()) -> list[Span]:
        """The pieces of a recording of this length, as far as they are known before anybody has listened to it."""
        ...

    def estimate(self, duration_ms: int, kept: Sequence[Span] = ()) -> Yield:
        """How many there will be."""
        ...

    def cut(self, blocks: Iterable[ScoredBlock], kept: Sequence[Span] = ()) -> Iterator[Piece]:
        """The pieces in order, each as soon as the blocks hold it; all blocks are taken.

        kept: what stays of an earlier cut, and is cut around.
        """
        ...


@dataclass(frozen=True)
class OverlappingWindows:
    """Windows of one length, each beginning `length_ms - overlap_ms` after the one before.

    Beside a kept piece they reach into it by the overlap, as they would into a neighbour of their own.
    """

    length_ms: int
    overlap_ms: int

    def settings(self) -> dict[str, int]:
        return {"length_ms": self.length_ms, "overlap_ms": self.overlap_ms}

    def plan(self, duration_ms: int, kept: Sequence[Span] = ()) -> list[Span]:
        """Where a recording of this length is cut. UserError if such windows never advance."""
        plan_spans(0, self.length_ms, self.overlap_ms)
        return [
            Span(gap.first_ms + start, min(gap.first_ms + start + self.length_ms, gap.last_ms))
            for gap in gaps(kept, self.overlap_ms, duration_ms)
            for start, _ in plan_spans(gap.end_ms - gap.first_ms, self.length_ms, self.overlap_ms)
        ]

    def estimate(self, duration_ms: int, kept: Sequence[Span] = ()) -> Yield:
        """As planned, without making the plan."""
        number = ms = 0
        for gap in gaps(kept, self.overlap_ms, duration_ms):
            more = count_windows(gap.end_ms - gap.first_ms, self.length_ms, self.overlap_ms)
            last = gap.first_ms + (more - 1) * (self.length_ms - self.overlap_ms)
            number += more
            ms += (more - 1) * self.length_ms + min(self.length_ms, gap.last_ms - last)
        return Yield(number, number, ms)

    def cut(self, blocks: Iterable[ScoredBlock], kept: Sequence[Span] = ()) -> Iterator[Piece]:
        """As planned, once the length is known: the last window is shorter, and holds what no earlier one does."""
        tape = _Tape(blocks)
        for gap in gaps(kept, self.overlap_ms):
            start, covered = gap.first_ms, gap.start_ms
            while covered < gap.end_ms:
                tape.seek(start)
                end = tape.reach(min(start + self.length_ms, gap.last_ms))
                if end <= covered:
                    break
                yield tape.piece(Span(start, end))
                start, covered = start + self.length_ms - self.overlap_ms, end


@dataclass(frozen=True)
class PauseCuts:
    """Pieces of `shortest_ms` to `longest_ms`, one beginning where the other ends: in a pause, so no word is halved.

    Of the moments that a piece may end at it is the one farthest from speech; of several that are 0.3 s and more away,
    and where somebody speaks all the time, the quietest. Only where there is no room is a piece shorter: at the end.
    """

    shortest_ms: int
    longest_ms: int

    def settings(self) -> dict[str, int]:
        return {"shortest_ms": self.shortest_ms, "longest_ms": self.longest_ms}

    def plan(self, duration_ms: int, kept: Sequence[Span] = ()) -> list[Span]:
        """Nothing is known beforehand."""
        return []

    def estimate(self, duration_ms: int, kept: Sequence[Span] = ()) -> Yield:
        """From how long pieces of speech turn out in the mean: see `_MEAN`."""
        least = most = ms = 0
        for start, end, _, _ in gaps(kept, 0, duration_ms):
            few, many = self._estimate_in(end - start)
            least, most, ms = least + few, most + many, ms + end - start
        return Yield(least, most, ms)

    def _estimate_in(self, length_ms: int) -> tuple[int, int]:
        if length_ms <= self.longest_ms:
            return 1, 1
        mean = self.shortest_ms + _MEAN * (self.longest_ms - self.shortest_ms)
        few, many = (length_ms / (mean * (1 + error)) for error in (_MEAN_ERROR, -_MEAN_ERROR))
        fewest, most = -(-length_ms // self.longest_ms), max(1, length_ms // self.shortest_ms)
        return max(fewest, math.floor(few)), max(fewest, min(most, math.ceil(many)))

    def cut(self, blocks: Iterable[ScoredBlock], kept: Sequence[Span] = ()) -> Iterator[Piece]:
        tape = _Tape(blocks)
        for gap in gaps(kept):
            start = gap.start_ms
            while start < gap.end_ms:
                tape.seek(start)
                # So far that what is left behind the cut can be a piece of its own.
                known = tape.reach(min(start + self.longest_ms + self.shortest_ms, gap.end_ms))
                if known <= start:
                    break
                end = known
                if known - start > self.longest_ms:
                    first = start + self.shortest_ms
                    end = tape.pause(first, max(first, min(start + self.longest_ms, known - self.shortest_ms)))
                yield tape.piece(Span(start, end))
                start = end


class _Tape:
    """The part of a stream that is being looked at. Times in milliseconds from its beginning."""

    def __init__(self, blocks: Iterable[ScoredBlock]) -> None:
        self._blocks = iter(blocks)
        self._start = 0
        """Sample at which the buffers begin, a multiple of FRAME."""
        self._samples = np.zeros(0, np.int16)
        self._speech = np.zeros(0, np.float32)

    def seek(self, ms: int) -> None:
        """Forget what lies before."""
        sample = ms * SAMPLES_PER_MS
        while (end := self._start + len(self._samples)) <= sample and (block := next(self._blocks, None)) is not None:
            self._start, self._samples, self._speech = end, block.samples, block.speech
        frames = min(sample - self._start, len(self._samples)) // FRAME
        self._start += frames * FRAME
        self._samples, self._speech = self._samples[frames * FRAME :], self._speech[frames:]

    def reach(self, ms: int) -> int:
        """Read on until `ms` is there; where the stream ends before it, its last whole millisecond."""
        read: list[ScoredBlock] = []
        end = self._start + len(self._samples)
        while end < ms * SAMPLES_PER_MS and (block := next(self._blocks, None)) is not None:
            read.append(block)
            end += len(block.samples)
        if read:
            self._samples = np.concatenate([self._samples, *(block.samples for block in read)])
            self._speech = np.concatenate([self._speech, *(block.speech for block in read)])
        return min(ms, end // SAMPLES_PER_MS)

    def piece(self, span: Span) -> Piece:
        """What a span holds that has been reached."""
        first, last = (ms * SAMPLES_PER_MS - self._start for ms in span)
        samples = self._samples[first:last]
        return Piece(span, samples, self._speech[self._frames_between(*span)])

    def pause(self, first_ms: int, last_ms: int) -> int:
        """The best moment to cut between two, both included: the middle of a frame. See `PauseCuts`."""
        frames = self._frames_between(first_ms, last_ms + 1)
        if frames.start >= frames.stop:
            return last_ms
        clearance = _clearance(self._speech >= SPEECH_ENDS)[frames]
        rows = self._samples[frames.start * FRAME : frames.stop * FRAME].reshape(-1, FRAME)
        power = np.square(rows, dtype=np.float64).sum(axis=1)
        # The last key counts most; of equal moments the latest.
        best = np.lexsort((-np.arange(len(power)), power, -clearance))[0]
        return (self._start + (frames.start + int(best)) * FRAME + FRAME // 2) // SAMPLES_PER_MS

    def _frames_between(self, start_ms: int, end_ms: int) -> slice:
        """Where the frames lie whose middle is in the span."""
        first, last = ((ms * SAMPLES_PER_MS - self._start + FRAME // 2 - 1) // FRAME for ms in (start_ms, end_ms))
        return slice(max(0, first), max(0, last))


def _clearance(speech: np.ndarray) -> np.ndarray:
    """How many frames each is away from the nearest that holds speech, 0 for one that does; _CLEAR at most."""
    places = np.flatnonzero(speech)
    if not len(places):
        return np.full(len(speech), _CLEAR)
    frames = np.arange(len(speech))
    after = np.searchsorted(places, frames)
    to_next = np.where(after < len(places), places[np.minimum(after, len(places) - 1)] - frames, _CLEAR)
    to_last = np.where(after > 0, frames - places[np.maximum(after - 1, 0)], _CLEAR)
    return np.minimum(np.minimum(to_next, to_last), _CLEAR)
