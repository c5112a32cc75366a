"""Waveform: the sound of a segment over its recording's time, what neighbours share of it, and what is heard now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip

from tui.raster.time_axis import Stretch, axis, columns_of, hatching
from tui.raster.waveform import waveform
from tui.widgets import cells, marks
from tui.widgets.picture import Picture


class Waveform(Picture):
    """The wave, a row `╱╱╱ with 0 … with 2 ╱╱╱` where seconds are shared, and a row of times. Low ones have no rows."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "waveform--wave",
        "waveform--shared-wave",
        "waveform--below",
        "waveform--playhead",
    }
    DEFAULT_CSS = """
    Waveform {
        width: 1fr;
        height: 8;
        & > .waveform--wave { color: $accent; }
        & > .waveform--shared-wave { color: $accent 60%; }
        & > .waveform--below { color: $text-muted; }
        & > .waveform--playhead { color: $warning; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._message = ""
        self._peaks: npt.NDArray[np.float64] = np.zeros((0, 2))
        self._full = 1.0
        self._span = (0, 0)
        self._stretches: tuple[Stretch, ...] = ()
        self._playhead: int | None = None
        self._wave_rows = 0

    def show(
        self,
        peaks: npt.ArrayLike,
        span: tuple[int, int],
        *,
        full: float = 1.0,
        stretches: Sequence[Stretch] = (),
    ) -> None:
        """Show a segment.

        peaks: [n, 2] least and greatest sample of n stretches, -1..1. span: its start and end in the recording, ms.
        full: the level (0..1) that reaches the edges. stretches: what its neighbours hold too.
        """
        self._peaks = np.asarray(peaks, dtype=np.float64).reshape(-1, 2)
        self._span, self._full, self._stretches = span, full, tuple(stretches)
        self._message = ""
        self.changed()

    def clear(self, text: str = "") -> None:
        """Show no wave, but `text` in its place: why there is none."""
        self.show(np.zeros((0, 2)), (0, 0))
        self._message = text

    def show_playhead(self, at_ms: float | None) -> None:
        """Mark this moment of the recording; before the segment or after it stands at its edge. None: no mark."""
        place = None if at_ms is None else round(at_ms)
        if place == self._playhead:
            return
        before, self._playhead = self._playhead_column(), place
        # Only the two columns go over the line: this comes several times a second.
        for column in {before, self._playhead_column()} - {None}:
            self.refresh(Region(column or 0, 0, 1, self._wave_rows))

    def _playhead_column(self) -> int | None:
        start, end = self._span
        if self._playhead is None or end <= start or not self.size.width:
            return None
        column = (self._playhead - start) * self.size.width // (end - start)
        return min(self.size.width - 1, max(0, column))

    def render_line(self, y: int) -> Strip:
        line = super().render_line(y)
        return self._marked(line) if y < self._wave_rows else line

    def draw(self, width: int, height: int, ascii: bool) -> list[Strip]:
        if not len(self._peaks):
            return self._draw_message(width, height)
        base, grey = self.rich_style, self.get_component_rich_style("waveform--below")
        below = [axis(*self._span, width, ascii)] if height > 2 else []
        if self._stretches and height > 4:
            below.insert(0, hatching(self._stretches, width, ascii))
        wave = waveform(self._peaks, width, height - len(below), ascii, self._full)
        self._wave_rows = len(wave)
        return [
            cells.strip(runs, width, base) for runs in (*map(self._parted, wave), *([(line, grey)] for line in below))
        ]

    def _draw_message(self, width: int, height: int) -> list[Strip]:
        base, grey = self.rich_style, self.get_component_rich_style("waveform--below")
        self._wave_rows = 0
        lines = marks.wrap(cells.harmless(self._message), width)[:height]
        return [cells.strip([(line, grey)], width, base) for line in lines]

    def _parted(self, line: str) -> list[cells.Piece]:
        """A line of the wave in runs: what neighbours hold too is paler."""
        pale, full = (self.get_component_rich_style(f"waveform--{name}") for name in ("shared-wave", "wave"))
        is_shared = np.zeros(len(line), dtype=bool)
        for stretch in self._stretches:
            first, after = columns_of(stretch, len(line))
            is_shared[first:after] = True
        return cells.grouped(line, is_shared.tolist(), lambda shared: pale if shared else full)

    def _marked(self, line: Strip) -> Strip:
        """The line with the playhead over it: a rule, or dashes at the edge while what lies beyond is heard."""
        column = self._playhead_column()
        if column is None or self._playhead is None:
            return line
        start, end = self._span
        signs = ("!", ":") if cells.is_ascii(self.app) else ("┃", "┊")
        sign = signs[not start <= self._playhead <= end]
        style = self.rich_style + self.get_component_rich_style("waveform--playhead")
        mark = Strip([Segment(sign, style)], 1)
        return Strip.join([line.crop(0, column), mark, line.crop(column + 1, self.size.width)])
