"""One line of text with a left and a right part, cut by cells: headings and totals of the screens."""

from __future__ import annotations

from collections.abc import Sequence
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

    def _fit_right(self, left: int, width: int) -> list[cells.Piece]:
        """The right part beside a left one of so many cells, in a line of `width`."""
        return cells.pieces(self._right, self.app.console)

    def render_line(self, y: int) -> Strip:
        width, more = self.size.width - 2, cells.glyphs(self.app).more
        left = cells.pieces(self._left, self.app.console)
        right = self._fit_right(_cells(left), width)
        taken = min(width, _cells(right))
        room = max(0, width - taken - (2 if taken else 0))
        runs = [(" ", None), *cells.fit_pieces(left, room, more=more)]
        if taken:
            runs += [("  ", None), *cells.fit_pieces(right, taken, "right", more)]
        return cells.strip(runs, self.size.width, self.rich_style)


LEAST_LEFT = 12
"""Cells that the left part of a headline keeps beside what stands at its right end."""


class Headline(TextLine):
    """The first line of a screen: what is seen here, and at its right end what is to be done next.

    That is told as fully as there is room for, and never left out: the right part of the line gives way before it.
    """

    def __init__(self, left: str | Text = "", right: str | Text = "", *, id: str | None = None) -> None:
        super().__init__(left, right, id=id)
        self._next: tuple[str, ...] = ()

    def show_next(self, forms: Sequence[str]) -> None:
        """The same in several lengths, the longest first; none: nobody knows yet."""
        if tuple(forms) != self._next:
            self._next = tuple(forms)
            self.refresh()

    @property
    def text(self) -> str:
        following = f"next: {self._next[0]}" if self._next else ""
        return " ".join(filter(None, (super().text, following)))

    def _fit_right(self, left: int, width: int) -> list[cells.Piece]:
        own = super()._fit_right(left, width)
        if not self._next:
            return own
        gap: list[cells.Piece] = [("  ", None)] if _cells(own) else []
        room = width - left - 2 - _cells(own) - _cells(gap)
        form = next((form for form in self._next if cell_len(form) + 6 <= room), self._next[-1])
        following = cells.pieces(Text("next: ", "dim").append(form, "bold not dim"), self.app.console)
        least = min(left, LEAST_LEFT)
        left_over = max(0, width - least - 2 - _cells(gap) - _cells(following))
        if _cells(own) > left_over:
            own = cells.fit_pieces(own, left_over, more=cells.glyphs(self.app).more)
        return [*own, *gap, *following] if _cells(own) else following


def _cells(runs: Sequence[cells.Piece]) -> int:
    return sum(cell_len(text) for text, _ in runs)
