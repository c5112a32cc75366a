"""Waveform: the loudness of a segment over its time, with the parts it shares with its neighbours."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len
from textual.app import RenderResult
from textual.strip import Strip
from textual.widget import Widget

from tui.raster.waveform import waveform
from tui.widgets import cells


class Waveform(Widget):
    """A title, the wave, and a row `░░ shared with 0 … shared with 2 ░░` under the shared seconds."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"waveform--title", "waveform--wave", "waveform--shared"}
    DEFAULT_CSS = """
    Waveform {
        width: 1fr;
        height: 6;
        & > .waveform--title { text-style: bold; }
        & > .waveform--wave { color: $accent; }
        & > .waveform--shared { color: $text-muted; }
    }
    """

    def __init__(self, title: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._title = title
        self._empty = ""
        self._peaks: npt.NDArray[np.float64] = np.zeros((0, 2))
        self._shared: tuple[float, float] = (0.0, 0.0)
        self._names: tuple[str, str] = ("", "")
        self._lines: list[str] = []
        self._drawn_as: tuple[int, int, bool] | None = None

    def show(
        self,
        peaks: npt.ArrayLike,
        *,
        shared_left: float = 0.0,
        shared_right: float = 0.0,
        left: str = "",
        right: str = "",
        title: str | None = None,
    ) -> None:
        """Show a segment.

        peaks: [n, 2] least and greatest sample of n stretches, -1..1.
        shared_left, shared_right: the part (0..1) of the segment that its neighbours hold too.
        left, right: what the neighbours are called. title: replaces the present one.
        """
        self._peaks = np.asarray(peaks, dtype=np.float64).reshape(-1, 2)
        self._shared = (shared_left, shared_right)
        self._names = (left, right)
        self._title = self._title if title is None else title
        self._empty = ""
        self._changed()

    def clear(self, text: str = "") -> None:
        """Show no wave, but `text` in its place (loading, no sound)."""
        self._peaks = np.zeros((0, 2))
        self._shared = (0.0, 0.0)
        self._empty = text
        self._changed()

    def _changed(self) -> None:
        self._drawn_as = None
        self.refresh()

    def render(self) -> RenderResult:
        return ""

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        top = 1 if self._title and height > 1 else 0
        bottom = 1 if any(self._shared) and height - top > 1 else 0
        now = (width, height - top - bottom, cells.is_ascii(self.app))
        if now != self._drawn_as:
            self._lines = waveform(self._peaks, *now)
            self._drawn_as = now
        more = cells.glyphs(self.app).more
        if y < top:
            return self._strip(cells.cut(cells.harmless(self._title), width, more), "title")
        if bottom and y == height - 1:
            return self._strip(self._shared_row(width), "shared")
        if not len(self._peaks) and y == top:
            return self._strip(cells.cut(cells.harmless(self._empty), width, more), "shared")
        return self._strip(self._lines[y - top] if y - top < len(self._lines) else "", "wave")

    def _strip(self, text: str, name: str) -> Strip:
        style = self.get_component_rich_style(f"waveform--{name}")
        return cells.strip([(text, style)], self.size.width, self.rich_style)

    def _shared_row(self, width: int) -> str:
        """The shared seconds shaded to scale, the neighbours' names beside them where there is room."""
        shade, more = cells.glyphs(self.app).shade, cells.glyphs(self.app).more
        parts = [min(1.0, max(0.0, p)) for p in self._shared]
        left, right = (max(1, round(p * width)) if p else 0 for p in parts)
        right = min(right, width - left)
        room = width - left - right
        before = after = ""
        for words in ("shared with ", "with ", ""):
            names = [words + cells.harmless(n) if n else "" for n in self._names]
            before = f" {names[0]}" if left and names[0] else ""
            after = f"{names[1]} " if right and names[1] else ""
            if cell_len(before) + cell_len(after) + 2 <= room:
                break
        if cell_len(before) + cell_len(after) > room:
            before, after = cells.cut(before, room // 2, more), cells.cut(after, room - room // 2, more)
        gap = max(0, room - cell_len(before) - cell_len(after))
        return shade * left + before + " " * gap + after + shade * right
