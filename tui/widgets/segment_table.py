"""RowTable: a table of any number of rows that draws only what is seen.

Textual's DataTable measures every cell on the event loop (13 s frozen at 50 000 rows); this one asks its
source for the rows on the screen and keeps the drawn lines, so 100 000 rows open at once and a key costs a
few milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.widgets import cells
from tui.widgets.columns import GAP, GUTTER, Column, lay_out
from tui.widgets.rows import Cell, Indexed, Rows, RowSource
from tui.widgets.scrollbar import plain_scrollbar

__all__ = ["Cell", "Column", "Indexed", "RowSource", "RowTable", "Rows"]

HEADER = 1
WHEEL = 3


class RowTable(ScrollView, can_focus=True):
    """A scrolling table with a fixed header and a row cursor.

    Give it columns and a source. After the source changed call `refresh_row(i)` (that row's cells) or
    `refresh_rows()` (rows came or went): the cursor stays on its row and its row stays where it is on the screen.
    `cursor` is the row under the cursor (0 when empty), `cursor_key` its key (None when empty).
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-table--header",
        "row-table--cursor",
        "row-table--cursor-blurred",
        "row-table--empty",
    }
    DEFAULT_CSS = """
    RowTable {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        & > .row-table--header { color: $text-muted; text-style: bold; }
        & > .row-table--cursor { background: $primary 40%; text-style: bold; }
        & > .row-table--cursor-blurred { background: $foreground 10%; }
        & > .row-table--empty { color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home,g", "first", "first", show=False),
        Binding("end,G", "last", "last", show=False),
        Binding("enter", "choose", "choose", show=False),
    ]

    cursor: reactive[int] = reactive(0, repaint=False, init=False)

    class Highlighted(Message):
        """The cursor came to another row, by key, mouse or because rows changed."""

        def __init__(self, table: RowTable, index: int, key: str) -> None:
            super().__init__()
            self.table, self.index, self.key = table, index, key

        @property
        def control(self) -> RowTable:
            return self.table

    class Chosen(Message):
        """Enter or a double click on a row."""

        def __init__(self, table: RowTable, index: int, key: str) -> None:
            super().__init__()
            self.table, self.index, self.key = table, index, key

        @property
        def control(self) -> RowTable:
            return self.table

    def __init__(
        self,
        columns: Sequence[Column],
        source: RowSource | None = None,
        *,
        empty_text: str = "",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = list(columns)
        self._source: RowSource = Rows() if source is None else source
        self._empty_text = empty_text
        self._count = len(self._source)
        self._key = self._source.key(0) if self._count else None
        self._announced: str | None = None
        # One entry per row and way it is drawn; twice the largest screen is enough to page back and forth.
        self._lines: LRUCache[tuple[int, str], Strip] = LRUCache(512)
        self._layout_of: tuple[int, list[tuple[int, int]]] | None = None
        self._drawn_styles: dict[str, cells.Style] = {}
        """Of each component that was drawn, "" for the table's own: Textual works them out each time it is asked."""
        self._ascii = False

    # -- what a screen calls

    @property
    def source(self) -> RowSource:
        return self._source

    @property
    def row_count(self) -> int:
        return self._count

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor; None in an empty table."""
        return self._key

    @property
    def shown_columns(self) -> list[str]:
        """Keys of the columns that fit at the present width."""
        return [self._columns[i].key for i, _ in self._layout()]

    @property
    def empty_text(self) -> str:
        """What an empty table says, one or more lines."""
        return self._empty_text

    @empty_text.setter
    def empty_text(self, text: str) -> None:
        self._empty_text = text
        if not self._count:
            self.refresh()

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Replace the columns; the source must give cells for them from now on."""
        self._columns = list(columns)
        self._forget()
        self.refresh()

    def set_source(self, source: RowSource, keep_key: bool = True) -> None:
        """Show other rows (a filter, an order). The cursor stays on the row of the same key if it is still there,
        else at the same height; with `keep_key=False` it goes to the first row."""
        self._source = source
        if not keep_key:
            self._key = None
            self.set_reactive(RowTable.cursor, 0)
            self._scroll(0)
        self.refresh_rows()
        self._show_cursor()

    def refresh_row(self, index: int) -> None:
        """Cells of this row changed; its key and place did not."""
        for look in ("", "cursor", "blurred"):
            self._lines.discard((index, look))
        self._refresh_lines_of(index)

    def refresh_rows(self) -> None:
        """Rows came, went or changed their order: count again, keep the cursor on its row and the row in its place."""
        on_screen = self.cursor - self.scroll_offset.y
        self._count = len(self._source)
        self._forget(columns=False)
        cursor = self._find_cursor()
        self._key = self._source.key(cursor) if self._count else None
        self.set_reactive(RowTable.cursor, cursor)
        self._resize()
        # Also when the wheel has taken the cursor out of sight: the view then stays by the rows being looked at.
        self._scroll(max(0, cursor - on_screen))
        self.refresh()
        self._announce()

    def go_to_key(self, key: str) -> bool:
        """Put the cursor on the row with this key; False if there is none."""
        index = self._index_of(key)
        if index is None:
            return False
        self.cursor = index
        return True

    # -- the cursor

    def validate_cursor(self, cursor: int) -> int:
        # The source may have shrunk already, with refresh_rows still to come.
        return max(0, min(cursor, self._count - 1, len(self._source) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        self._key = self._source.key(new) if len(self._source) else None
        self._refresh_lines_of(old)
        self._refresh_lines_of(new)
        self._show_cursor()
        self._announce()

    def action_move(self, step: int) -> None:
        self.cursor += step

    def action_page(self, direction: int) -> None:
        page = max(1, self._visible_rows() - 1)
        # The view moves with the cursor, so the eye finds it on the line where it was.
        on_screen = self.cursor - self.scroll_offset.y
        self.cursor += direction * page
        self._scroll(self.cursor - on_screen)
        self._show_cursor()

    def action_first(self) -> None:
        self.cursor = 0

    def action_last(self) -> None:
        self.cursor = self._count - 1

    def action_choose(self) -> None:
        if self._key is not None:
            self.post_message(self.Chosen(self, self.cursor, self._key))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.y < HEADER:
            return
        index = self.scroll_offset.y + offset.y - HEADER
        if index >= self._count:
            return
        event.stop()
        self.cursor = index
        if event.chain == 2:
            self.action_choose()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -WHEEL)

    def _wheel(self, event: events.MouseEvent, lines: int) -> None:
        """The wheel moves the view, never the cursor: what is being edited stays what it is."""
        event.stop()
        event.prevent_default()
        self._scroll(self.scroll_offset.y + lines)

    # -- keeping things in place

    def on_mount(self) -> None:
        plain_scrollbar(self)
        self._resize()
        self._announce()

    def on_resize(self) -> None:
        self._resize()
        self._show_cursor()

    def on_focus(self) -> None:
        self._refresh_lines_of(self.cursor)

    def on_blur(self) -> None:
        self._refresh_lines_of(self.cursor)

    def notify_style_update(self) -> None:
        self._drawn_styles.clear()
        self._forget()
        super().notify_style_update()

    def _resize(self) -> None:
        # What came before there was a screen is measured when there is one.
        if self.is_attached:
            self.virtual_size = Size(self.scrollable_content_region.width, self._count + HEADER)

    def _scroll(self, y: int) -> None:
        # By force: while rows arrive, Textual may not have found out yet that there is something to scroll.
        if self.is_attached:
            self.scroll_to(y=y, animate=False, force=True)

    def _visible_rows(self) -> int:
        return max(1, self.scrollable_content_region.height - HEADER)

    def _show_cursor(self) -> None:
        if not self.is_attached:
            return
        top, seen = self.scroll_offset.y, self._visible_rows()
        if self.cursor < top:
            self._scroll(self.cursor)
        elif self.cursor >= top + seen:
            self._scroll(self.cursor - seen + 1)

    def _find_cursor(self) -> int:
        if not self._count:
            return 0
        index = None if self._key is None else self._index_of(self._key)
        return min(self.cursor, self._count - 1) if index is None else index

    def _index_of(self, key: str) -> int | None:
        near = self.cursor
        if near < min(self._count, len(self._source)) and self._source.key(near) == key:
            return near
        if isinstance(self._source, Indexed):
            return self._source.index_of(key)
        return next((i for i in range(self._count) if self._source.key(i) == key), None)

    def _announce(self) -> None:
        if self._key is not None and self._key != self._announced and self.is_attached:
            self.post_message(self.Highlighted(self, self.cursor, self._key))
        self._announced = self._key

    def _refresh_lines_of(self, index: int) -> None:
        y = index - self.scroll_offset.y + HEADER
        if HEADER <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    # -- drawing

    def _drawn_style(self, component: str = "") -> cells.Style:
        found = self._drawn_styles.get(component)
        if found is None:
            found = self.get_component_rich_style(component) if component else self.rich_style
            self._drawn_styles[component] = found
        return found

    def _forget(self, columns: bool = True) -> None:
        self._lines.clear()
        if columns:
            self._layout_of = None

    def _layout(self) -> list[tuple[int, int]]:
        width = self.scrollable_content_region.width
        if self._layout_of is None or self._layout_of[0] != width:
            self._layout_of = (width, lay_out(self._columns, width))
            self._lines.clear()
        return self._layout_of[1]

    def render_line(self, y: int) -> Strip:
        ascii_now = cells.is_ascii(self.app)
        if ascii_now != self._ascii:
            self._ascii = ascii_now
            self._lines.clear()
        self._layout()
        if y < HEADER:
            return self._header()
        if not self._count:
            return self._empty_line(y - HEADER)
        index = self.scroll_offset.y + y - HEADER
        if index >= self._count:
            return Strip.blank(self.scrollable_content_region.width, self._drawn_style())
        look = ("cursor" if self.has_focus else "blurred") if index == self.cursor else ""
        line = self._lines.get((index, look))
        if line is None:
            line = self._lines[(index, look)] = self._row(index, look)
        return line

    def _header(self) -> Strip:
        style = self._drawn_style("row-table--header")
        return self._line([column.title for column in self._columns], "", style)

    def _row(self, index: int, look: str) -> Strip:
        if index >= len(self._source):
            return Strip.blank(self.scrollable_content_region.width, self._drawn_style())
        names = {"cursor": "row-table--cursor", "blurred": "row-table--cursor-blurred"}
        style = self._drawn_style(names[look] if look else "")
        return self._line(self._source.cells(index), cells.glyphs(self.app).cursor if look else "", style)

    def _line(self, row: Sequence[Cell], mark: str, style: cells.Style) -> Strip:
        more = cells.glyphs(self.app).more
        out: list[cells.Piece] = [(mark.ljust(GUTTER), None)]
        for place, (i, width) in enumerate(self._layout()):
            if place:
                out.append((" " * GAP, None))
            runs = cells.pieces(row[i] if i < len(row) else "", self.app.console)
            out += cells.fit_pieces(runs, width, self._columns[i].align, more)
        return cells.strip(out, self.scrollable_content_region.width, style)

    def _empty_line(self, y: int) -> Strip:
        lines = self._empty_text.splitlines()
        text = cells.harmless(lines[y - 1]) if 0 < y <= len(lines) else ""
        width = self.scrollable_content_region.width
        style = self._drawn_style("row-table--empty" if text else "")
        shown = cells.cut(text, width - GUTTER, cells.glyphs(self.app).more)
        return cells.strip([(" " * GUTTER + shown, None)], width, style)
