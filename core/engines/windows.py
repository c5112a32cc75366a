"""Windows over a recording that comes as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from core.media import RATE


@dataclass(frozen=True)
class PcmWindow:
    """start: its first sample, counted from the beginning of the recording. samples: mono at 16 kHz."""

    start: int
    samples: np.ndarray

    @property
    def start_ms(self) -> int:
        return self.start * 1000 // RATE

    @property
    def end_ms(self) -> int:
        return (self.start + len(self.samples)) * 1000 // RATE


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
