"""Windows over a recording that comes as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from core.engines.engine import EngineInfo, PcmWindow
from core.media import RATE


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


def windows_of(blocks: Iterable[np.ndarray], info: EngineInfo) -> Iterator[PcmWindow]:
    """The windows that an engine hears a recording in, from blocks of 16 kHz int16 samples of any length.

    The same recording gives the same windows, so that a job goes on at the first one that it has not heard.
    """
    return consecutive(blocks, round(info.window_s * RATE))
