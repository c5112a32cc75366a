"""What stands under a picture of sound: the time of the recording, and which stretches the neighbours hold too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_STEPS_MS = (100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000)
_GAP = 2
"""Cells between a label and the next tick, at least."""


class Stretch(NamedTuple):
    """A part of a segment that another one holds too. start, end: 0..1 of its length; name: of the other."""

    start: float
    end: float
    name: str


def moment(ms: int) -> str:
    """`0:08`, `1:02:03`, and `0:08.5` where it is no whole second."""
    # Tenths that are no whole ones are cut, not rounded: 59.99 s are not a minute.
    tenths = ms // 100
    seconds, rest = divmod(tenths, 10)
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    clock = f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"
    return f"{clock}.{rest}" if rest else clock


def axis(start_ms: int, end_ms: int, width: int, ascii: bool = False) -> str:
    """`width` characters from `start_ms` to `end_ms` of a recording: a tick and its time, at every so many seconds."""
    length = end_ms - start_ms
    if length <= 0 or width <= 0:
        return " " * max(0, width)
    # A label, its tick, and a gap; below a second there are tenths to tell.
    room = len(moment(end_ms // 1000 * 1000)) + 1 + _GAP
    step = next((ms for ms in _STEPS_MS if ms * width >= (room + 2 * (ms < 1000)) * length), _STEPS_MS[-1])
    line = [" "] * width
    for at in range(-(-start_ms // step) * step, end_ms, step):
        column = (at - start_ms) * width // length
        label = ("'" if ascii else "╵") + moment(at)
        if column + len(label) <= width:
            line[column : column + len(label)] = label
    return "".join(line)


def hatching(stretches: Sequence[Stretch], width: int, ascii: bool = False) -> str:
    """`width` characters: the stretches hatched, to scale, and beside them whose they are where there is room."""
    line = [" "] * max(0, width)
    spans = [columns_of(stretch, width) for stretch in stretches]
    for first, last in spans:
        line[first:last] = ("/" if ascii else "╱") * (last - first)
    for stretch, span in zip(stretches, spans, strict=True):
        _name(line, span, stretch.name)
    return "".join(line)


def _name(line: list[str], span: tuple[int, int], name: str) -> None:
    """Write whose a stretch is: beside it, inwards; where others leave no room, within it."""
    first, last = span
    for words in (f" with {name} ", f" {name} "):
        # What is shared with the one before begins at the left edge.
        beside = last if first == 0 else first - len(words)
        if beside >= 0 and line[beside : beside + len(words)] == [" "] * len(words):
            line[beside : beside + len(words)] = words
            return
    for words in (f" with {name} ", f" {name} "):
        if last - first > len(words) + 1:
            within = first + 1 if first == 0 else last - len(words) - 1
            line[within : within + len(words)] = words
            return


def columns_of(stretch: Stretch, width: int) -> tuple[int, int]:
    """The first of `width` columns that a stretch takes, and the one after its last; at least one."""
    first = max(0, min(width - 1, round(stretch.start * width)))
    return first, min(width, max(first + 1, round(stretch.end * width)))
