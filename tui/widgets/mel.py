"""MelPicture: the log-mel that Whisper sees, two pixels a cell."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.app import RenderResult
from textual.strip import Strip
from textual.widget import Widget

from tui.raster.mel import Colour, mel_image, mel_text
from tui.widgets import cells


@lru_cache(maxsize=1024)
def _style(upper: Colour, lower: Colour) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))


class MelPicture(Widget):
    """A title and a log-mel [bins, frames], low tones at the bottom; characters instead of colours with `--ascii`."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"mel--title"}
    DEFAULT_CSS = """
    MelPicture {
        width: 1fr;
        height: 8;
        & > .mel--title { color: $text-muted; }
    }
    """

    def __init__(
        self, title: str = "log-mel, as Whisper sees it", *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._title = title
        self._mel: npt.NDArray[np.float64] = np.zeros((0, 0))
        self._lines: list[Strip] = []
        self._drawn_as: tuple[int, int, bool] | None = None

    def show(self, mel: npt.ArrayLike, title: str | None = None) -> None:
        """Show a log-mel of shape [bins, frames]; any scale, non-finite values count as silence."""
        self._mel = np.asarray(mel, dtype=np.float64)
        self._title = self._title if title is None else title
        self._drawn_as = None
        self.refresh()

    def clear(self) -> None:
        self.show(np.zeros((0, 0)))

    def render(self) -> RenderResult:
        return ""

    def notify_style_update(self) -> None:
        self._drawn_as = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        now = (self.size.width, self.size.height, cells.is_ascii(self.app) or self.app.no_color)
        if now != self._drawn_as:
            self._lines = self._draw(*now)
            self._drawn_as = now
        return self._lines[y] if y < len(self._lines) else Strip.blank(now[0], self.rich_style)

    def _draw(self, width: int, height: int, plain: bool) -> list[Strip]:
        top = 1 if self._title and height > 1 else 0
        title = cells.cut(cells.harmless(self._title), width, cells.glyphs(self.app).more)
        lines = [cells.strip([(title, self.get_component_rich_style("mel--title"))], width, self.rich_style)][:top]
        if not self._mel.size:
            return lines
        if plain:
            style = self.rich_style
            return lines + [
                cells.strip([(line, None)], width, style) for line in mel_text(self._mel, width, height - top)
            ]
        image = mel_image(self._mel, width, height - top)
        runs = [cells.grouped("▀" * width, row, lambda halves: _style(*halves)) for row in image]
        # Each run has both its colours: no style of the widget's lies under it, and no width is to be measured.
        return lines + [Strip([Segment(*run) for run in row], width) for row in runs]
