"""Pictures made of characters: line charts and waveforms in braille, bars in blocks, a log-mel in half blocks.

Pure functions from arrays to text. Braille is one cell wide everywhere; blocks are of ambiguous width, so every
picture has an ascii form. NaN and infinity are gaps, never errors: a diverged loss is data too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Series = tuple[npt.ArrayLike, npt.ArrayLike]
"""x values and y values, of the same length."""
Colour = tuple[int, int, int]

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.-:=+*#"
ASCII_MARKS = "*+ox#%"
ASCII_SHADES = " .:-=+*#%@"
# Unicode's numbering of the eight dots of a braille cell, four rows by two columns.
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint32)
_ANCHORS = ((8, 10, 32), (66, 22, 108), (172, 48, 96), (240, 134, 44), (252, 240, 158))


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


def line_chart(
    series: Sequence[Series],
    width: int,
    height: int,
    log_y: bool = False,
    bounds: Bounds | None = None,
    ascii: bool = False,
) -> list[str]:
    """`plot` for those who need no colours: the lines only."""
    return plot(series, width, height, log_y, bounds, ascii).lines


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
    codes = np.full(owner.shape, ord(" "), dtype=np.uint32)
    if bounds is None:
        for found in (bounds_of(x, y, log_y) for x, y in series):
            bounds = found if bounds is None else bounds if found is None else bounds.widen(found)
    if bounds is None or not owner.size:
        return Plot(_to_lines(codes), owner)
    for number, (xs, ys) in enumerate(series):
        across, down = (1, 1) if ascii else (2, 4)
        dots = np.zeros((height * down, width * across), dtype=bool)
        _draw(dots, np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64), bounds, log_y)
        drawn = np.full(dots.shape, ord(ASCII_MARKS[number % 6]), np.uint32) * dots if ascii else _braille(dots)
        here = drawn > 0
        codes[here] = drawn[here]
        owner[here] = number
    return Plot(_to_lines(codes), owner)


def _draw(dots: npt.NDArray[np.bool_], xs: Floats, ys: Floats, bounds: Bounds, log_y: bool) -> None:
    """Points joined by lines. All points of one pixel column become one upright stroke from the least to the
    greatest and one join to the next column, so the work for lines does not grow with the number of points."""
    rows, columns = dots.shape
    x, y, run = _visible(xs, ys, log_y)
    if not len(x):
        return
    low, high = (np.log10(bounds.y0), np.log10(bounds.y1)) if log_y and bounds.y0 > 0 else bounds[2:]
    px = np.rint(_scale(x, bounds.x0, bounds.x1, flat=0.0) * (columns - 1)).astype(np.int64)
    py = np.rint((1 - _scale(y, low, high, flat=0.5)) * (rows - 1)).astype(np.int64)
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


def _scale(values: Floats, low: float, high: float, flat: float) -> Floats:
    """`values` as parts of the way from `low` to `high`; `flat` if that is no way at all. Kept within -1..2."""
    if not high > low:
        return np.full(values.shape, flat)
    # Halves, since the way from -1e308 to 1e308 is infinite.
    with np.errstate(over="ignore"):
        parts = (values / 2 - low / 2) / (high / 2 - low / 2)
    return np.clip(parts, -1, 2)


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


def _braille(dots: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint32]:
    """[4·height, 2·width] dots as [height, width] code points; 0 where no dot is set."""
    rows, columns = dots.shape
    cells = dots.reshape(rows // 4, 4, columns // 2, 2).astype(np.uint32)
    bits = (cells * _DOTS[None, :, None, :]).sum(axis=(1, 3), dtype=np.uint32)
    return np.where(bits > 0, bits + 0x2800, 0).astype(np.uint32)


def _to_lines(codes: npt.NDArray[np.uint32]) -> list[str]:
    return [row.astype("<u4").tobytes().decode("utf-32-le") for row in codes]


def waveform(peaks: npt.ArrayLike, width: int, height: int, ascii: bool = False) -> list[str]:
    """`peaks` [n, 2]: the least and greatest sample of n stretches, in -1..1. Silence is a line, NaN a gap."""
    width, height = max(0, width), max(0, height)
    pairs = np.asarray(peaks, dtype=np.float64).reshape(-1, 2)
    across, down = (1, 1) if ascii else (2, 4)
    rows, columns = height * down, width * across
    if not len(pairs) or not rows or not columns:
        return [" " * width] * height
    low = np.clip(_resample(pairs[:, 0], columns, np.fmin), -1, 1)
    high = np.clip(_resample(pairs[:, 1], columns, np.fmax), -1, 1)
    known = np.isfinite(low) & np.isfinite(high)
    top = np.rint((1 - np.where(known, high, 0)) / 2 * (rows - 1))
    bottom = np.rint((1 - np.where(known, low, 0)) / 2 * (rows - 1))
    row = np.arange(rows)[:, None]
    dots = (row >= top) & (row <= bottom) & known
    codes = np.where(dots, ord("#"), 0).astype(np.uint32) if ascii else _braille(dots)
    return _to_lines(np.where(codes == 0, np.uint32(ord(" ")), codes))


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
        found = _resample(found, width, np.fmax)
    known = np.isfinite(found)
    if not known.any():
        return " " * len(found)
    low = float(found[known].min()) if low is None else low
    high = float(found[known].max()) if high is None else high
    shapes = ASCII_BARS if ascii else BLOCKS
    parts = np.clip(_scale(np.where(known, found, low), low, high, flat=0.0), 0, 1)
    tall = np.rint(parts * (len(shapes) - 1)).astype(int)
    return "".join(shapes[t] if k else " " for t, k in zip(tall, known, strict=True))


def _resample(values: Floats, count: int, join: np.ufunc, axis: int = 0) -> Floats:
    """`count` values along `axis`: stretches joined by `join` where there are more, repeats where there are fewer."""
    size = values.shape[axis]
    starts = np.arange(count) * size // max(1, count)
    if size <= count:
        return np.take(values, starts, axis=axis)
    return join.reduceat(values, starts, axis=axis)


def _squeeze(mel: npt.ArrayLike, width: int, rows: int) -> Floats:
    """A log-mel [bins, frames] as [rows, width] in 0..1, low tones at the bottom."""
    picture = np.asarray(mel, dtype=np.float64)
    if picture.ndim != 2 or not picture.size or width <= 0 or rows <= 0:
        return np.zeros((max(0, rows), max(0, width)))
    known = picture[np.isfinite(picture)]
    if not len(known):
        return np.zeros((rows, width))
    low, high = float(known.min()), float(known.max())
    picture = np.where(np.isfinite(picture), picture, low)
    # The greatest of each stretch: a mean would wash out consonants that last two frames.
    small = _resample(_resample(picture, width, np.maximum, axis=1), rows, np.maximum, axis=0)
    return np.clip(_scale(small, low, high, flat=0.0), 0, 1)[::-1]


def palette(steps: int = 16) -> list[Colour]:
    """Dark blue to light yellow, growing in brightness all the way, so it reads in grey and to the colour-blind."""
    places = np.linspace(0, len(_ANCHORS) - 1, steps)
    channels = [np.interp(places, range(len(_ANCHORS)), [a[c] for a in _ANCHORS]) for c in range(3)]
    return [(int(r), int(g), int(b)) for r, g, b in zip(*channels, strict=True)]


def mel_image(mel: npt.ArrayLike, width: int, height: int) -> list[list[tuple[Colour, Colour]]]:
    """A log-mel [bins, frames] as `height` rows of `width` cells, each (upper colour, lower colour) for `▀`.

    Few colours on purpose: equal neighbours share one escape sequence, which matters over SSH.
    """
    colours = palette()
    steps = np.rint(_squeeze(mel, width, height * 2) * (len(colours) - 1)).astype(int)
    return [
        [(colours[a], colours[b]) for a, b in zip(upper, lower, strict=True)]
        for upper, lower in zip(steps[0::2], steps[1::2], strict=True)
    ]


def mel_text(mel: npt.ArrayLike, width: int, height: int) -> list[str]:
    """A log-mel [bins, frames] without colours: denser characters for louder."""
    steps = np.rint(_squeeze(mel, width, height) * (len(ASCII_SHADES) - 1)).astype(int)
    return ["".join(ASCII_SHADES[s] for s in row) for row in steps]


def cell_of(
    x: float, y: float, width: int, height: int, bounds: Bounds, log_y: bool = False, ascii: bool = False
) -> tuple[int, int] | None:
    """(row, column) of the cell that `plot` puts a point in; None if it is not drawn."""
    xs, ys, _ = _visible(np.array([x], dtype=np.float64), np.array([y], dtype=np.float64), log_y)
    if not len(xs) or width <= 0 or height <= 0:
        return None
    low, high = (np.log10(bounds.y0), np.log10(bounds.y1)) if log_y and bounds.y0 > 0 else bounds[2:]
    across, down = (1, 1) if ascii else (2, 4)
    column = round(float(_scale(xs, bounds.x0, bounds.x1, flat=0.0)[0]) * (width * across - 1)) // across
    row = round((1 - float(_scale(ys, low, high, flat=0.5)[0])) * (height * down - 1)) // down
    return (row, column) if 0 <= row < height and 0 <= column < width else None
