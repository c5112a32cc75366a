"""Styled lines that are folded anew for each width, in a widget as high as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import get_character_cell_size
from textual.app import RenderResult
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets import cells


class FoldedLines(Widget):
    """`fold_at` says the lines for a width; `fold_anew` when they are others."""

    ALLOW_SELECT = False
    DEFAULT_CSS: ClassVar[str] = """
    FoldedLines {
        width: 1fr;
        height: auto;
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._folded: list[list[cells.Piece]] = []
        self._folded_at = -1

    def fold_at(self, width: int) -> list[list[cells.Piece]]:
        """Lines of harmless pieces, each of at most `width` cells."""
        raise NotImplementedError

    def fold_anew(self) -> None:
        self._folded_at = -1
        self.refresh(layout=True)

    def notify_style_update(self) -> None:
        self._folded_at = -1
        super().notify_style_update()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> RenderResult:
        return ""

    def render_line(self, y: int) -> Strip:
        lines = self._lines(self.size.width)
        return cells.strip(lines[y] if y < len(lines) else [], self.size.width, self.rich_style)

    def _lines(self, width: int) -> list[list[cells.Piece]]:
        if width != self._folded_at:
            self._folded, self._folded_at = self.fold_at(width), width
        return self._folded


def fold(runs: Sequence[cells.Piece], width: int) -> list[list[cells.Piece]]:
    """Styled runs in lines of at most `width` (2 or more) cells, broken anywhere, as Han is; at least one line."""
    lines: list[list[cells.Piece]] = [[]]
    left = width
    for text, style in runs:
        start = 0
        for index, character in enumerate(text):
            size = get_character_cell_size(character)
            if size > left:
                lines[-1].append((text[start:index], style))
                lines.append([])
                start, left = index, width
            left -= size
        lines[-1].append((text[start:], style))
    return lines
