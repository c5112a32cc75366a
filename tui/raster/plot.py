"""Line charts: series over steps, in braille."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tui.raster.canvas import Floats, braille, scale, to_lines

Series = tuple[npt.ArrayLike, npt.ArrayLike]
"""x values and y values, of the same length."""

ASCII_MARKS = "*+ox#%"


class Bounds(NamedTuple):
    """What a chart shows, edge to edge."""

    x0: float
    x1: float
    y0: float
    y1: float

    def widen(self, other: Bounds) -> Bounds:
        """The smallest bounds around both."""
        return Bounds(min(self.x0, other.x0), max(self.x1, other.x1), min(self.y0, other.y0), max(self.y1, other.y1))


class Plot(NamedTuple):
    """lines: `height` strings of `width` characters. owner: [height, width], the series in a cell, -1 for none."""

    lines: list[str]
    owner: npt.NDArray[np.int8]


def bounds_of(xs: npt.ArrayLike, ys: npt.ArrayLike, log_y: bool = False) -> Bounds | None:
    """Bounds of the points that can be drawn (finite, and above 0 with `log_y`); None if there are none."""
    x, y = np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64)
    seen = np.isfinite(x) & np.isfinite(y)
    if log_y:
        seen &= y > 0
    if not seen.any():
        return None
    x, y = x[seen], y[seen]
    return Bounds(float(x.min()), float(x.max()), float(y.min()), float(y.max()))


def plot(
    series: Sequence[Series],
    width: int,
    height: int,
    log_y: bool = False,
    bounds: Bounds | None = None,
    ascii: bool = False,
) -> Plot:
    """Draw the series into `width` × `height` cells. A later series hides an earlier one where they share a cell,
    since a cell has one colour. Without `bounds` all points fit exactly."""
    owner = np.full((max(0, height), max(0, width)), -1, dtype=np.int8)
    codes = np.zeros(owner.shape, dtype=np.uint32)
    if bounds is None:
        for found in (bounds_of(x, y, log_y) for x, y in series):
            bounds = found if bounds is None else bounds if found is None else bounds.widen(found)
    if bounds is None or not owner.size:
        return Plot(to_lines(codes), owner)
    for number, (xs, ys) in enumerate(series):
        across, down = (1, 1) if ascii else (2, 4)
        dots = np.zeros((height * down, width * across), dtype=bool)
        _draw(dots, np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64), bounds, log_y)
        drawn = np.full(dots.shape, ord(ASCII_MARKS[number % 6]), np.uint32) * dots if ascii else braille(dots)
        here = drawn > 0
        codes[here] = drawn[here]
        owner[here] = number
    return Plot(to_lines(codes), owner)


def _draw(dots: npt.NDArray[np.bool_], xs: Floats, ys: Floats, bounds: Bounds, log_y: bool) -> None:
    """Points joined by lines. All points of one pixel column become one upright stroke from the least to the
    greatest and one join to the next column, so the work for lines does not grow with the number of points."""
    rows, columns = dots.shape
    x, y, run = _visible(xs, ys, log_y)
    if not len(x):
        return
    low, high = (np.log10(bounds.y0), np.log10(bounds.y1)) if log_y and bounds.y0 > 0 else bounds[2:]
    px = np.rint(scale(x, bounds.x0, bounds.x1, flat=0.0) * (columns - 1)).astype(np.int64)
    py = np.rint((1 - scale(y, low, high, flat=0.5)) * (rows - 1)).astype(np.int64)
    starts = np.flatnonzero(np.r_[True, (np.diff(px) != 0) | (np.diff(run) != 0)])
    ends = np.r_[starts[1:], len(px)] - 1
    column = px[starts]
    _stroke(dots, column, np.minimum.reduceat(py, starts), column, np.maximum.reduceat(py, starts))
    # A step that goes back (training resumed from an earlier checkpoint) begins a new line.
    joined = np.flatnonzero((run[starts[1:]] == run[ends[:-1]]) & (np.diff(column) > 0))
    _stroke(dots, column[joined], py[ends[joined]], column[joined + 1], py[starts[joined + 1]])


def _visible(xs: Floats, ys: Floats, log_y: bool) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """The points that can be drawn, and for each the number of gaps before it."""
    seen = np.isfinite(xs) & np.isfinite(ys)
    if log_y:
        seen &= ys > 0
        ys = np.log10(ys, out=np.zeros_like(ys), where=seen)
    return xs[seen], ys[seen], np.cumsum(~seen, dtype=np.int64)[seen]


def _stroke(dots: npt.NDArray[np.bool_], x0: Floats, y0: Floats, x1: Floats, y1: Floats) -> None:
    """Straight lines between pixel points, all at once; what falls outside is left out."""
    if not len(x0):
        return
    steps = np.maximum(np.abs(x1 - x0), np.abs(y1 - y0)).astype(np.int64)
    which = np.repeat(np.arange(len(steps)), steps + 1)
    place = np.arange(len(which)) - np.repeat(np.cumsum(steps + 1) - (steps + 1), steps + 1)
    part = place / np.maximum(steps, 1)[which]
    x = np.rint(x0[which] + (x1 - x0)[which] * part).astype(np.int64)
    y = np.rint(y0[which] + (y1 - y0)[which] * part).astype(np.int64)
    inside = (x >= 0) & (x < dots.shape[1]) & (y >= 0) & (y < dots.shape[0])
    dots[y[inside], x[inside]] = True


def cell_of(
    x: float, y: float, width: int, height: int, bounds: Bounds, log_y: bool = False, ascii: bool = False
) -> tuple[int, int] | None:
    """(row, column) of the cell that `plot` puts a point in; None if it is not drawn."""
    xs, ys, _ = _visible(np.array([x], dtype=np.float64), np.array([y], dtype=np.float64), log_y)
    if not len(xs) or width <= 0 or height <= 0:
        return None
    low, high = (np.log10(bounds.y0), np.log10(bounds.y1)) if log_y and bounds.y0 > 0 else bounds[2:]
    across, down = (1, 1) if ascii else (2, 4)
    column = round(float(scale(xs, bounds.x0, bounds.x1, flat=0.0)[0]) * (width * across - 1)) // across
    row = round((1 - float(scale(ys, low, high, flat=0.5)[0])) * (height * down - 1)) // down
    return (row, column) if 0 <= row < height and 0 <= column < width else None
