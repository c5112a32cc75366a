"""Picture: a widget whose lines are drawn together, and only when something about them is another."""

from __future__ import annotations

from textual.app import RenderResult
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets import cells


class Picture(Widget):
    """Its children draw; they call `changed` when there is something else to be seen. A hidden one is not drawn."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[Strip] = []
        self._drawn_as: tuple[int, int, bool] | None = None
        self.pictures_drawn = 0
        """How often it was drawn, for tests."""

    def draw(self, width: int, height: int, ascii: bool) -> list[Strip]:
        """At most `height` lines of `width` cells. ascii: with signs that no terminal draws two cells wide."""
        raise NotImplementedError

    def changed(self) -> None:
        self._drawn_as = None
        self.refresh()

    def notify_style_update(self) -> None:
        self._drawn_as = None
        super().notify_style_update()

    def render(self) -> RenderResult:
        return ""

    def render_line(self, y: int) -> Strip:
        now = (self.size.width, self.size.height, cells.is_ascii(self.app))
        if self._drawn_as != now:
            self._lines = self.draw(*now)
            self._drawn_as = now
            self.pictures_drawn += 1
        return self._lines[y] if y < len(self._lines) else Strip.blank(now[0], self.rich_style)
