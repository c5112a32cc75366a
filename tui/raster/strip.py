"""A whole recording in two lines: how much is said where, and what of it has been reviewed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tui.raster.bars import bars
from tui.raster.canvas import Floats

SILENT = 0.05
"""Below this share of speech a stretch is drawn as silence, the lowest bar."""


class SegmentSpans(NamedTuple):
    """The segments of a recording, in playing order, as arrays of one length.

    starts, ends: ms. speech: share 0..1, NaN where nobody has measured it. reviewed: whether a person has decided.
    of_speech: False where `speech` is how loud they are, as nobody has listened for speech.
    """

    length_ms: int
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    speech: Floats
    reviewed: npt.NDArray[np.bool_]
    of_speech: bool = True


NOTHING = SegmentSpans(0, np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_))
"""A recording that is not cut."""


def columns(segments: SegmentSpans, starts: npt.ArrayLike, ends: npt.ArrayLike, width: int) -> npt.NDArray[np.int64]:
    """[n, 2]: the first column of `width` that holds each stretch of time (ms), and the one after the last."""
    length = max(1, segments.length_ms)
    first = np.clip(np.asarray(starts, dtype=np.int64) * width // length, 0, width - 1)
    after = np.clip(-(-np.asarray(ends, dtype=np.int64) * width // length), first + 1, width)
    return np.stack([first, after], axis=-1)


def strip(segments: SegmentSpans, width: int, ascii: bool = False) -> tuple[str, str]:
    """Two lines of `width` characters.

    The first: the mean share of speech of the segments in each column, a blank where there are none. The second: a rule
    where all of them are reviewed, a dot where some are.
    """
    if width <= 0 or not len(segments.starts):
        return " " * max(0, width), " " * max(0, width)
    spans = columns(segments, segments.starts, segments.ends, width)
    known = np.isfinite(segments.speech)
    with np.errstate(invalid="ignore"):
        speech = _spread(spans, np.where(known, segments.speech, 0.0), width) / _spread(spans, known, width)
        done = _spread(spans, segments.reviewed, width) / _spread(spans, np.ones(len(spans)), width)
    rule, dot = "=." if ascii else "▔·"
    signs = np.where(done >= 1, rule, np.where(done > 0, dot, " "))
    # However little is said, it is told from silence by its height.
    height = np.where(speech < SILENT, 0.0, np.maximum(speech, 1 / 7))
    return bars(height, low=0.0, high=1.0, ascii=ascii), "".join(signs)


def _spread(spans: npt.NDArray[np.int64], values: npt.NDArray[np.generic], width: int) -> Floats:
    """[width]: the sum of the values of all spans that lie over each column."""
    steps = np.zeros(width + 1)
    np.add.at(steps, spans[:, 0], values.astype(np.float64))
    np.subtract.at(steps, spans[:, 1], values.astype(np.float64))
    # What remains of adding and taking away the same figures is no sound.
    return np.round(np.cumsum(steps)[:width], 9)
