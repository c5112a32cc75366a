"""Axes of a chart: round values to stand at its edges and between them. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tui.raster.canvas import scale

ROUND = (1, 2, 5, 10)
LEAST_VALUES, USUAL, SPIKE, USUAL_ROOM = 20, 0.95, 3.0, 1.5
"""Of so many values and more: one that is three times what 95 % are below is a spike; half as much again as those is
shown."""


def tick_step(low: float, high: float, most: int) -> float | None:
    """The least of 1, 2, 5, 10, 20 … (and their parts) that parts the way from low to high into at most so many; None
    where that is no way, or no number."""
    way = (high - low) / max(1, most)
    if not (math.isfinite(way) and way > 0):
        return None
    size = 10.0 ** math.floor(math.log10(way))
    return next((size * one for one in ROUND if size * one >= way * (1 - 1e-9)), size * ROUND[-1]) or None


def rounded_out(low: float, high: float, most: int) -> tuple[float, float]:
    """The nearest ticks outside of both."""
    step = tick_step(low, high, most)
    if step is None:
        return low, high
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def ticks(low: float, high: float, most: int, least: float = 0.0) -> list[float]:
    """Round values from low to high, at most `most` + 1; no two of them nearer than `least`."""
    step = tick_step(low, high, most)
    if step is None:
        return [low]
    step = max(step, least)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [step * place for place in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Values from low to high, both above 0, that are round where each step is a multiple: 1, 2, 5, 10 …, or powers of
    ten where there are too many."""
    for parts in ((1, 2, 5), (1,)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        found = [value for power in powers for part in parts if low <= (value := part * 10.0**power) <= high]
        if len(found) <= most + 1:
            break
    every = -(-len(found) // (most + 1)) if found else 1
    return found[::every]


def x_axis(
    low: float,
    high: float,
    width: int,
    label: Callable[[float], str],
    name: str,
    ascii: bool = False,
    least: float = 0.0,
) -> tuple[str, str]:
    """A line with a tick at round values, and the values under it, `width` characters each; the name of what they are
    stands behind the last. least: between two values: 1 where there is none between 3 and 4."""
    line = list(("-" if ascii else "─") * width)
    under = [" "] * width
    free = 0
    room = max(len(label(low)), len(label(high))) + 3
    for value in ticks(low, high, max(1, width // (room + 3)), least):
        at = column_of(value, low, high, width)
        line[at] = "+" if ascii else "┬"
        text = label(value)
        first = max(0, min(at - len(text) // 2, width - len(text)))
        if first >= free:
            under[first : first + len(text)] = text
            free = first + len(text) + 1
    if name and free + 1 + len(name) <= width:
        under[width - len(name) :] = name
    return "".join(line), "".join(under)


def column_of(value: float, low: float, high: float, width: int) -> int:
    """The column that a value stands in, of so many between low and high."""
    part = float(scale(np.array([value], dtype=np.float64), low, high, flat=0.0)[0])
    return max(0, min(width - 1, round(part * (width - 1))))


def interval(low: float, middle: float, high: float, most: float, width: int, ascii: bool = False) -> str:
    """A range with its middle on a line from 0 to `most`: `   ├──╂───┤   `."""
    columns = [column_of(value, 0.0, most, width) for value in (low, middle, high)]
    begin, tick, rule, end = "|O-|" if ascii else "├╂─┤"
    line = [" "] * width
    line[columns[0] : columns[2] + 1] = rule * (columns[2] + 1 - columns[0])
    line[columns[0]], line[columns[2]] = begin, end
    line[columns[1]] = tick
    return "".join(line)


def top_without_spikes(values: Sequence[float]) -> float | None:
    """Where to cut off what a few values make so high that all others would lie flat; None where nothing need be."""
    found = sorted(value for value in values if math.isfinite(value))
    if len(found) < LEAST_VALUES:
        return None
    usual = found[math.floor(USUAL * (len(found) - 1))]
    return USUAL_ROOM * usual if usual > 0 and found[-1] > SPIKE * usual else None
