"""What the pictures are made of: values brought to so many cells, dots to braille, code points to lines.

Everything in this room is pure functions from arrays to text; nothing here knows Textual. Braille is one cell wide
everywhere; blocks and box drawings are of ambiguous width, so every picture has an ascii form. NaN and infinity are
gaps, never errors: a diverged loss is data too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint32]
"""[height, width] code points; 0 where nothing is drawn."""

# Unicode's numbering of the eight dots of a braille cell, four rows by two columns.
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint32)


def braille(dots: npt.NDArray[np.bool_]) -> Codes:
    """[4·height, 2·width] dots as [height, width] code points."""
    rows, columns = dots.shape
    cells = dots.reshape(rows // 4, 4, columns // 2, 2).astype(np.uint32)
    bits = (cells * _DOTS[None, :, None, :]).sum(axis=(1, 3), dtype=np.uint32)
    return np.where(bits > 0, bits + 0x2800, 0).astype(np.uint32)


def to_lines(codes: Codes) -> list[str]:
    """One string a row, of one character a cell; a blank where nothing is drawn."""
    shown = np.where(codes == 0, ord(" "), codes).astype("<u4")
    return [row.tobytes().decode("utf-32-le") for row in shown]


def scale(values: Floats, low: float, high: float, flat: float) -> Floats:
    """`values` as parts of the way from `low` to `high`; `flat` if that is no way at all. Kept within -1..2."""
    if not high > low:
        return np.full(values.shape, flat)
    # Halves, since the way from -1e308 to 1e308 is infinite.
    with np.errstate(over="ignore"):
        parts = (values / 2 - low / 2) / (high / 2 - low / 2)
    return np.clip(parts, -1, 2)


def resample(values: Floats, count: int, join: np.ufunc, axis: int = 0) -> Floats:
    """`count` values along `axis`: stretches joined by `join` where there are more, repeats where there are fewer."""
    size = values.shape[axis]
    starts = np.arange(count) * size // max(1, count)
    if size <= count:
        return np.take(values, starts, axis=axis)
    return join.reduceat(values, starts, axis=axis)
