"""TextBlock: paragraphs wrapped by cells into the height there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual.strip import Strip

from tui.widgets import cells, marks
from tui.widgets.picture import Picture

Paragraph = tuple[str, str]
"""Anybody's text, and the style it is drawn in: "" or one that Rich knows."""


class TextBlock(Picture):
    """Paragraphs that do not fit are left out; one that is cut ends in a sign for more. Nothing is parsed as markup."""

    DEFAULT_CSS: ClassVar[str] = """
    TextBlock {
        width: 1fr;
        height: 1fr;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._paragraphs: tuple[Paragraph, ...] = ()

    def show(self, paragraphs: Sequence[Paragraph]) -> None:
        self._paragraphs = tuple(paragraphs)
        self.changed()

    def draw(self, width: int, height: int, ascii: bool) -> list[Strip]:
        base, lines = self.rich_style, self._wrap(width, height)
        return [cells.strip([(text, Style.parse(style))], width, base) for text, style in lines]

    def _wrap(self, width: int, height: int) -> list[Paragraph]:
        lines: list[Paragraph] = []
        for text, style in self._paragraphs:
            room = height - len(lines)
            if room <= 0:
                break
            # A pasted megabyte costs what the block can show of it.
            wrapped = marks.wrap(cells.harmless(text)[: (height + 1) * width * 4], width)
            if len(wrapped) > room:
                more = cells.glyphs(self.app).more
                wrapped = [*wrapped[: room - 1], cells.cut(f"{wrapped[room - 1]}{more}", width, more)]
            lines += [(line, style) for line in wrapped]
        return lines
