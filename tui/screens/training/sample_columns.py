"""Texts beside each other, each folded in its own column: what is said in a segment, what was heard, what is heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import RenderResult
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets import cells
from tui.widgets.columns import GUTTER, Column, lay_out
from tui.widgets.diff_text import fold

NAME_CELLS = 12
COLUMNS = [Column("name", "", NAME_CELLS), *(Column(name, "", None) for name in ("truth", "first", "last"))]
MOST_LINES = 4
"""Of a column: what a model hears that loops would fill the screen."""


class SampleColumns(Widget):
    """Four texts, with the cursor's mark before them."""

    ALLOW_SELECT = False
    DEFAULT_CSS: ClassVar[str] = """
    SampleColumns {
        width: 1fr;
        height: auto;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._texts: Sequence[str | Text] = ()
        self._mark = " "
        self._folded: list[list[cells.Piece]] = []
        self._folded_at = -1

    def show(self, texts: Sequence[str | Text], mark: str = " ") -> None:
        """Anybody's texts: they are made harmless and never parsed as markup. mark: one cell."""
        if (texts, mark) != (self._texts, self._mark):
            self._texts, self._mark, self._folded_at = texts, mark, -1
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> RenderResult:
        return ""

    def render_line(self, y: int) -> Strip:
        lines = self._lines(self.size.width)
        return cells.strip(lines[y] if y < len(lines) else [], self.size.width, self.rich_style)

    def _lines(self, width: int) -> list[list[cells.Piece]]:
        if width == self._folded_at:
            return self._folded
        columns = [
            (wide, self._lines_of(text, wide))
            for text, (_, wide) in zip(self._texts, lay_out(COLUMNS, width), strict=False)
        ]
        lines: list[list[cells.Piece]] = []
        for y in range(max((len(folded) for _, folded in columns), default=0)):
            lines.append([(cells.fit(self._mark if y == 0 else "", GUTTER), None)])
            for wide, folded in columns:
                lines[-1] += [*cells.fit_pieces(folded[y] if y < len(folded) else [], wide), ("  ", None)]
        self._folded, self._folded_at = lines, width
        return lines

    def _lines_of(self, text: str | Text, width: int) -> list[list[cells.Piece]]:
        more = cells.glyphs(self.app).more
        lines = fold(cells.pieces(text, self.app.console), max(2, width))
        if len(lines) > MOST_LINES:
            last = [*lines[MOST_LINES - 1], (more, None)]
            lines = [*lines[: MOST_LINES - 1], cells.fit_pieces(last, width, more=more)]
        return lines
