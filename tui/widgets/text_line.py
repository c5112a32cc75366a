"""One line of text with a left and a right part, cut by cells: headings and totals of the screens."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import RenderResult
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets import cells


class TextLine(Widget):
    """`left … right`: the right part stays whole as long as there is room, the left one is cut before it."""

    ALLOW_SELECT = False
    DEFAULT_CSS: ClassVar[str] = """
    TextLine {
        height: 1;
    }
    """

    def __init__(self, left: str | Text = "", right: str | Text = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left: str | Text = left
        self._right: str | Text = right

    def show(self, left: str | Text, right: str | Text = "") -> None:
        """Anybody's text: it is made harmless and never parsed as markup."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    @property
    def text(self) -> str:
        """What the line says, uncut."""
        return f"{self._left} {self._right}".strip()

    def render(self) -> RenderResult:
        return ""

    def render_line(self, y: int) -> Strip:
        width, more = self.size.width - 2, cells.glyphs(self.app).more
        left = cells.pieces(self._left, self.app.console)
        right = cells.pieces(self._right, self.app.console)
        taken = min(width, sum(cell_len(text) for text, _ in right))
        room = max(0, width - taken - (2 if taken else 0))
        runs = [(" ", None), *cells.fit_pieces(left, room, more=more)]
        if taken:
            runs += [("  ", None), *cells.fit_pieces(right, taken, "right", more)]
        return cells.strip(runs, self.size.width, self.rich_style)
