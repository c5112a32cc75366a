"""LogTail: the end of a log, bounded, following unless the reader has scrolled up."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.widgets import cells
from tui.widgets.scrollbar import plain_scrollbar

# Longer lines are dumps; nobody reads them here, and the whole is in the job's file.
_LONGEST = 2000
_SIDEWAYS = 16


class LogTail(ScrollView, can_focus=True):
    """The last `max_lines` lines. Lines are cut at the edge; left and right look further along them."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LogTail {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "line(-1)", "up", show=False),
        Binding("down,j", "line(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home,g", "first", "first", show=False),
        Binding("end,G", "last", "last", show=False),
        Binding("left,h", "sideways(-1)", "left", show=False),
        Binding("right,l", "sideways(1)", "right", show=False),
    ]

    def __init__(self, max_lines: int = 2000, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: deque[str] = deque(maxlen=max_lines)
        self._following = True
        self._from = 0

    # -- what a screen calls

    @property
    def following(self) -> bool:
        """Whether new lines move the view: the reader is at the end."""
        return self._following

    @property
    def line_count(self) -> int:
        return len(self._lines)

    def append_lines(self, lines: Iterable[str]) -> None:
        """Add lines at the end; one drawing per call at most, however many they are."""
        room = self._lines.maxlen or 0
        new = [_clean(line) for line in deque(lines, maxlen=room)]
        if not new:
            return
        pushed_out = max(0, len(self._lines) + len(new) - room)
        self._lines.extend(new)
        top = self.scroll_offset.y - pushed_out
        self._resize()
        # Lines that fall off at the front must not slide the ones being read.
        self._scroll(self.max_scroll_y if self._following else max(0, top))
        self.refresh()

    def clear(self) -> None:
        self._lines.clear()
        self._following = True
        self._from = 0
        self._resize()
        self.refresh()

    # -- moving

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        # However the view moved (key, wheel, scrollbar): at the end means following.
        self._following = self.is_vertical_scroll_end

    def _scroll(self, y: int) -> None:
        # By force: while lines arrive, Textual may not have found out yet that there is something to scroll.
        if self.is_attached:
            self.scroll_to(y=y, animate=False, force=True)

    def action_line(self, step: int) -> None:
        self._scroll(self.scroll_offset.y + step)

    def action_page(self, direction: int) -> None:
        page = max(1, self.scrollable_content_region.height - 1)
        self._scroll(self.scroll_offset.y + direction * page)

    def action_first(self) -> None:
        self._scroll(0)

    def action_last(self) -> None:
        self._scroll(self.max_scroll_y)

    def action_sideways(self, direction: int) -> None:
        self._from = max(0, min(_LONGEST, self._from + direction * _SIDEWAYS))
        self.refresh()

    def _resize(self) -> None:
        # What came before there was a screen is measured when there is one.
        if self.is_attached:
            self.virtual_size = Size(self.scrollable_content_region.width, len(self._lines))

    def on_mount(self) -> None:
        plain_scrollbar(self)
        self._resize()

    def on_resize(self) -> None:
        following = self._following
        self._resize()
        if following:
            self.action_last()
            self._following = True

    # -- drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = self.scroll_offset.y + y
        text = self._lines[index] if index < len(self._lines) else ""
        if self._from:
            text = _after(text, self._from)
        shown = cells.cut(text, width, cells.glyphs(self.app).more)
        return cells.strip([(shown, None)], width, self.rich_style)


def _clean(line: str) -> str:
    """One harmless line; of a progress bar that redrew itself with carriage returns, the last state."""
    line = line.rstrip("\r\n")
    return cells.harmless(line[line.rfind("\r") + 1 :][:_LONGEST])


def _after(text: str, skip: int) -> str:
    """The text from cell `skip` on; a character cut in two by it is left out."""
    used = 0
    for index, character in enumerate(text):
        if used >= skip:
            return " " * (used - skip) + text[index:]
        used += cell_len(character)
    return ""
