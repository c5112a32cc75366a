"""A text area with something to say of places in its text: they are underlined, and what is said stands below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.document._document import Location
from textual.geometry import Offset, Region, Size
from textual.strip import Strip
from textual.widgets import TextArea

from tui.widgets import cells


class Annotation(NamedTuple):
    """Of text[start:end], which may be empty. label: what stands below it, a line of anybody's text, behind its number;
    done: it has been dealt with, and is shown more quietly."""

    start: int
    end: int
    label: str
    number: str = ""
    done: bool = False


class AnnotatedTextArea(TextArea):
    """While there are annotations every line of text, as it is wrapped, has a line of labels under it.

    The text area itself knows nothing of these lines: what it tells in rows of text is doubled here.
    """

    COMPONENT_CLASSES = TextArea.COMPONENT_CLASSES | {
        "annotated-text-area--open",
        "annotated-text-area--done",
        "annotated-text-area--label",
        "annotated-text-area--number",
    }
    DEFAULT_CSS = """
    AnnotatedTextArea {
        & > .annotated-text-area--open { color: $text-warning; text-style: underline; }
        & > .annotated-text-area--done { color: $text-success; text-style: underline; }
        & > .annotated-text-area--label { color: $text-warning; }
        & > .annotated-text-area--number { color: $text-muted; text-style: bold; }
    }
    """

    annotations: tuple[Annotation, ...] = ()

    def annotate(self, annotations: Sequence[Annotation]) -> None:
        """Show these, in the order of the text, in place of the ones before."""
        if self.annotations == tuple(annotations):
            return
        self.annotations = tuple(annotations)
        self._line_cache.clear()
        self._refresh_size()
        self.refresh()

    def location_of(self, index: int) -> Location:
        """Where the character with this number stands, as (line, column)."""
        before = self.text[:index]
        return before.count("\n"), index - before.rfind("\n") - 1

    def index_of(self, location: Location) -> int:
        """The number of the character at a (line, column)."""
        line, column = location
        return sum(len(one) + 1 for one in self.text.split("\n")[:line]) + column

    @property
    def rows_per_line(self) -> int:
        return 2 if self.annotations else 1

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        for one in self.annotations:
            (row, start), (last, end) = map(self.location_of, (one.start, one.end))
            if row == last == line_index:
                name = "annotated-text-area--done" if one.done else "annotated-text-area--open"
                line.stylize(self.get_component_rich_style(name, partial=True), start, end)
        return line

    def render_line(self, y: int) -> Strip:
        line, row = divmod(self.scroll_offset.y + y, self.rows_per_line)
        return self._labels(line) if row else super().render_line(line - self.scroll_offset.y)

    def _labels(self, line: int) -> Strip:
        """What stands under a wrapped line: each label under its place, or beside the one before or behind it."""
        number_style, label_style = (
            self.get_component_rich_style(f"annotated-text-area--{name}", partial=True) for name in ("number", "label")
        )
        width, more = self.size.width, cells.glyphs(self.app).more
        shown: list[Annotation] = []
        wanted: list[int] = []
        for one in self.annotations:
            place = self.wrapped_document.location_to_offset(self.location_of(one.start))
            if place.y == line:
                shown.append(one._replace(label=cells.harmless(one.label)))
                wanted.append(place.x)
        runs: list[cells.Piece] = []
        at = 0
        starts = side_by_side(wanted, [cell_len(one.number + one.label) for one in shown], width)
        for one, start in zip(shown, starts, strict=True):
            label = cells.cut(one.label, width - start - len(one.number), more)
            style = Style(dim=True) if one.done else label_style
            runs += [(" " * (start - at), None), (one.number, number_style), (label, style)]
            at = start + cell_len(one.number + label)
        return cells.strip(runs, width, self.rich_style)

    # -- what a text area tells in rows of text

    def _refresh_size(self) -> None:
        if not self.annotations:
            super()._refresh_size()
            return
        # Set once: each change of it lays the screen out anew.
        self.virtual_size = Size(0, self.wrapped_document.height * self.rows_per_line)
        self._refresh_scrollbars()

    @property
    def cursor_screen_offset(self) -> Offset:
        return super().cursor_screen_offset + Offset(0, self._cursor_offset[1] * (self.rows_per_line - 1))

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        if not self.annotations:
            return super().scroll_cursor_visible(center, animate)
        self._recompute_cursor_offset()
        x, y = self._cursor_offset
        return self.scroll_to_region(Region(x, y * 2, 3, 2), animate=animate, force=True, center=center)

    def get_target_document_location(self, event: events.MouseEvent) -> Location:
        if self.annotations:
            x = event.x - self.gutter_width + self.scroll_offset.x - self.gutter.left
            y = event.y + self.scroll_offset.y - self.gutter.top
            return self.wrapped_document.offset_to_location(Offset(x, y // 2))
        return super().get_target_document_location(event)


def side_by_side(wanted: Sequence[int], widths: Sequence[int], room: int) -> list[int]:
    """Where pieces of these widths begin in a line, each as near to its place as the others leave it, a cell between
    two of them; where there is not room for all, the last ones stand beyond it."""
    starts: list[int] = []
    free = 0
    for place, wide in zip(wanted, widths, strict=True):
        starts.append(max(free, place))
        free = starts[-1] + wide + 1
    end = room
    for number in range(len(starts) - 1, -1, -1):
        least = sum(wide + 1 for wide in widths[:number])
        starts[number] = max(least, min(starts[number], end - widths[number]))
        end = starts[number] - 1
    return starts
