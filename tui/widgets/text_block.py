"""TextBlock: paragraphs wrapped by cells into the height there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual.app import RenderResult
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets import cells, marks

Paragraph = tuple[str, str]
"""Anybody's text, and the style it is drawn in: "" or one that Rich knows."""


class TextBlock(Widget):
    """What does not fit is cut, with a sign for more. Nothing is parsed as markup."""

    ALLOW_SELECT = False
    DEFAULT_CSS: ClassVar[str] = """
    TextBlock {
        width: 1fr;
        height: 1fr;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._paragraphs: tuple[Paragraph, ...] = ()
        self._lines: list[Strip] = []
        self._wrapped_for: tuple[int, int, bool] | None = None

    def show(self, paragraphs: Sequence[Paragraph]) -> None:
        self._paragraphs = tuple(paragraphs)
        self._wrapped_for = None
        self.refresh()

    def render(self) -> RenderResult:
        return ""

    def notify_style_update(self) -> None:
        self._wrapped_for = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        now = (width, height, cells.is_ascii(self.app))
        if self._wrapped_for != now:
            base = self.rich_style
            lines = self._wrap(width, height)
            self._lines = [cells.strip([(text, Style.parse(style))], width, base) for text, style in lines]
            self._wrapped_for = now
        return self._lines[y] if y < len(self._lines) else Strip.blank(width, self.rich_style)

    def _wrap(self, width: int, height: int) -> list[Paragraph]:
        lines: list[Paragraph] = []
        for text, style in self._paragraphs:
            # A pasted megabyte costs what the block can show of it.
            shown = cells.harmless(text)[: (height + 1) * width * 4]
            lines += [(line, style) for line in marks.wrap(shown, width)]
            if len(lines) > height:
                break
        if len(lines) > height > 0:
            last, style = lines[height - 1]
            more = cells.glyphs(self.app).more
            lines = [*lines[: height - 1], (cells.cut(f"{last}{more}", width, more), style)]
        return lines[:height]
