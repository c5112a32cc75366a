"""Waveforms: the least and greatest sample of each stretch, and how loud a recording is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from core.errors import UserError
from core.media.sound import read_wav

STRETCH_MS = 25
"""About a column of a drawn waveform."""

HIGH = 98
"""Percentile: what is louder than so many of 100 stretches is a click, a laugh, a door."""

LEAST_PEAK = 10 ** (-50 / 20)
"""-50 dBFS: a recording of silence is not drawn as if its noise were speech."""


def peaks_of(samples: np.ndarray, buckets: int) -> np.ndarray:
    """Lowest and highest sample of each of `buckets` equal stretches of int16 samples: float32 (buckets, 2) in -1…1.

    With fewer samples than buckets each bucket shows its nearest sample.
    """
    if buckets <= 0 or len(samples) == 0:
        return np.zeros((max(buckets, 0), 2), np.float32)
    starts = np.minimum(np.arange(buckets) * len(samples) // buckets, len(samples) - 1)
    low = np.minimum.reduceat(samples, starts)
    high = np.maximum.reduceat(samples, starts)
    return np.stack([low, high], axis=1).astype(np.float32) / 32768.0


def high_peak(paths: Iterable[Path]) -> float:
    """The level (0–1) that speech reaches in a recording: the 98th percentile of the peaks of 25 ms, at least -50 dBFS.

    paths: wavs of some of its segments, some 50 will do; about a millisecond each. One that is missing or broken is
    passed over; LEAST_PEAK where none can be read.
    """
    found = []
    for path in paths:
        try:
            samples, rate = read_wav(path)
        except UserError:
            continue
        stretches = max(1, len(samples) * 1000 // (rate * STRETCH_MS))
        found.append(np.abs(peaks_of(samples, stretches)).max(axis=1))
    return max(LEAST_PEAK, float(np.percentile(np.concatenate(found), HIGH))) if found else LEAST_PEAK
