"""Windows over a stream of samples. Pure: no file is touched here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from core.media.stream import RATE
from core.spans import Span, plan_spans

SAMPLES_PER_MS = RATE // 1000


@dataclass(frozen=True)
class OverlappingWindows:
    """Windows of one length, each beginning `length_ms - overlap_ms` after the one before."""

    length_ms: int
    overlap_ms: int

    def settings(self) -> dict[str, int]:
        """What a recording that was cut so keeps of it."""
        return asdict(self)

    def plan(self, duration_ms: int) -> list[Span]:
        """Where a recording of this length is cut. UserError if such windows never advance."""
        return plan_spans(duration_ms, self.length_ms, self.overlap_ms)

    def cut(self, blocks: Iterable[np.ndarray]) -> Iterator[tuple[Span, np.ndarray]]:
        """Each planned span with its samples, int16 of shape (samples,), as soon as the blocks hold them.

        blocks: 16 kHz mono, of any size. One window and one block are held at most. The last, shorter window comes
        when the blocks have ended, if it holds a whole millisecond that no earlier window holds.
        """
        length, hop = self.length_ms * SAMPLES_PER_MS, (self.length_ms - self.overlap_ms) * SAMPLES_PER_MS
        start = 0
        buffer = np.zeros(0, np.int16)
        for block in blocks:
            buffer = np.concatenate([buffer, block])
            while len(buffer) >= length:
                yield _span(start, length), buffer[:length]
                start += hop
                buffer = buffer[hop:]
        overlap = length - hop if start else 0
        whole = len(buffer) // SAMPLES_PER_MS * SAMPLES_PER_MS
        if whole > overlap:
            yield _span(start, whole), buffer[:whole]


def _span(start: int, samples: int) -> Span:
    begin = start // SAMPLES_PER_MS
    return Span(begin, begin + samples // SAMPLES_PER_MS)
