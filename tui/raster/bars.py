"""One character a value: bars in eighths of a cell."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tui.raster.canvas import resample, scale

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.-:=+*#"


def bars(
    values: Iterable[float],
    width: int | None = None,
    low: float | None = None,
    high: float | None = None,
    ascii: bool = False,
) -> str:
    """One character per value, or `width` characters with the greatest value of each stretch; NaN is a blank.
    `low` and `high` are the values of the shortest and tallest bar, by default the least and greatest value."""
    found = np.asarray(list(values), dtype=np.float64)
    if not len(found):
        return " " * (width or 0)
    if width is not None and width != len(found):
        found = resample(found, width, np.fmax)
    known = np.isfinite(found)
    if not known.any():
        return " " * len(found)
    low = float(found[known].min()) if low is None else low
    high = float(found[known].max()) if high is None else high
    shapes = ASCII_BARS if ascii else BLOCKS
    parts = np.clip(scale(np.where(known, found, low), low, high, flat=0.0), 0, 1)
    tall = np.rint(parts * (len(shapes) - 1)).astype(int)
    return "".join(shapes[t] if k else " " for t, k in zip(tall, known, strict=True))


def share(part: float, width: int, ascii: bool = False) -> str:
    """A bar of at most `width` cells from the left, for a share of 0 to 1, in halves of a cell; with `ascii` in whole
    ones. It is half a cell high, so that those of several rows stand apart."""
    halves = round(min(max(part, 0.0), 1.0) * width * 2)
    return "#" * round(halves / 2) if ascii else "▄" * (halves // 2) + "▖" * (halves % 2)
