"""MelPicture: the log-mel that Whisper sees, two pixels a cell."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.raster.mel import Colour, mel_image, mel_text
from tui.widgets import cells
from tui.widgets.picture import Picture


@lru_cache(maxsize=1024)
def _style(upper: Colour, lower: Colour) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))


class MelPicture(Picture):
    """A title and a log-mel [bins, frames], low tones at the bottom; characters instead of colours with `--ascii`."""

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

    def show(self, mel: npt.ArrayLike, title: str | None = None) -> None:
        """Show a log-mel of shape [bins, frames]; any scale, non-finite values count as silence."""
        self._mel = np.asarray(mel, dtype=np.float64)
        self._title = self._title if title is None else title
        self.changed()

    def clear(self) -> None:
        self.show(np.zeros((0, 0)))

    def draw(self, width: int, height: int, ascii: bool) -> list[Strip]:
        top = 1 if self._title and height > 1 else 0
        title = cells.cut(cells.harmless(self._title), width, cells.glyphs(self.app).more)
        lines = [cells.strip([(title, self.get_component_rich_style("mel--title"))], width, self.rich_style)][:top]
        if not self._mel.size:
            return lines
        if ascii or self.app.no_color:
            style = self.rich_style
            return lines + [
                cells.strip([(line, None)], width, style) for line in mel_text(self._mel, width, height - top)
            ]
        image = mel_image(self._mel, width, height - top)
        runs = [cells.grouped("▀" * width, row, lambda halves: _style(*halves)) for row in image]
        # Each run has both its colours: no style of the widget's lies under it, and no width is to be measured.
        return lines + [Strip([Segment(*run) for run in row], width) for row in runs]
