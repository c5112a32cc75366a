"""The waveform of a stretch of sound."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tui.raster.canvas import Codes, braille, resample, to_lines

_THIRDS = 3
"""Steps of height in a cell that ascii can tell apart."""


def waveform(peaks: npt.ArrayLike, width: int, height: int, ascii: bool = False, full: float = 1.0) -> list[str]:
    """`height` lines of `width` characters; silence is a line, NaN a gap.

    peaks: [n, 2], the least and greatest sample of n stretches. full: the level, in the same unit, that reaches the
    edges; what is louder is cut there.
    """
    width, height = max(0, width), max(0, height)
    pairs = np.asarray(peaks, dtype=np.float64).reshape(-1, 2) / full
    across, down = (1, _THIRDS) if ascii else (2, 4)
    rows, columns = height * down, width * across
    if not len(pairs) or not rows or not columns:
        return [" " * width] * height
    low = np.clip(resample(pairs[:, 0], columns, np.fmin), -1, 1)
    high = np.clip(resample(pairs[:, 1], columns, np.fmax), -1, 1)
    known = np.isfinite(low) & np.isfinite(high)
    top = np.rint((1 - np.where(known, high, 0)) / 2 * (rows - 1))
    bottom = np.rint((1 - np.where(known, low, 0)) / 2 * (rows - 1))
    row = np.arange(rows)[:, None]
    dots = (row >= top) & (row <= bottom) & known
    return to_lines(_thirds(dots) if ascii else braille(dots))


def _thirds(dots: npt.NDArray[np.bool_]) -> Codes:
    """[3·height, width] dots as signs that stand as high in their cell as the dots do."""
    cells = dots.reshape(-1, _THIRDS, dots.shape[1])
    upper, middle, lower = cells[:, 0], cells[:, 1], cells[:, 2]
    count = cells.sum(axis=1)
    signs = [
        (count == _THIRDS, "|"),
        (count == 2, ":"),
        (middle, "-"),
        (upper, "'"),
        (lower, "."),
    ]
    return np.select([where for where, _ in signs], [ord(sign) for _, sign in signs], 0).astype(np.uint32)
