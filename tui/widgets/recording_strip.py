"""RecordingStrip: a whole recording in two rows, and where in it one is."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from tui.raster.strip import NOTHING, SegmentSpans, columns, strip
from tui.widgets import cells
from tui.widgets.picture import Picture

LEGEND_FROM = 90
"""Columns from which on there is room to say what the signs mean."""


class RecordingStrip(Picture):
    """Bars of speech over time; under them a rule along what is reviewed, and a mark where the cursor is."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"strip--speech", "strip--silence", "strip--reviewed", "strip--cursor"}
    DEFAULT_CSS = """
    RecordingStrip {
        height: 2;
        padding: 0 1;
        & > .strip--speech { color: $accent; }
        & > .strip--silence { color: $text-muted; }
        & > .strip--reviewed { color: $text-success; }
        & > .strip--cursor { color: $warning; text-style: bold; }
    }
    """

    class Sought(Message):
        """A click on this moment of the recording."""

        def __init__(self, at_ms: int) -> None:
            super().__init__()
            self.at_ms = at_ms

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._segments = NOTHING
        self._reviewed = ""
        self._span: tuple[int, int] | None = None
        self._picture = ("", "")
        self._picture_of: tuple[int, bool] | None = None

    def show(self, segments: SegmentSpans, reviewed: str) -> None:
        """reviewed: how many are, in words."""
        self._segments, self._reviewed = segments, reviewed
        self._picture_of = None
        self.changed()

    def mark(self, span: tuple[int, int] | None) -> None:
        """The cursor is on the segment from … to … ms."""
        if span != self._span:
            self._span = span
            self.changed()

    @property
    def text(self) -> str:
        """What is drawn."""
        return "\n".join(self.render_line(y).text for y in range(2))

    def on_click(self, event: events.Click) -> None:
        offset, width = event.get_content_offset(self), self._width
        if offset is not None and 0 <= offset.x < width:
            event.stop()
            self.post_message(self.Sought(self._segments.length_ms * (2 * offset.x + 1) // (2 * width)))

    def _legend(self) -> tuple[str, str]:
        rule, low, high = "=_+" if cells.is_ascii(self.app) else "▔▁▅"
        words = ("speech", "silence") if self._segments.of_speech else ("loud", "quiet")
        return f"  {high} {words[0]}  {low} {words[1]}", f"  {rule} reviewed {self._reviewed}"

    @property
    def _width(self) -> int:
        """Of the picture."""
        width = self.content_size.width
        return width - max(map(cell_len, self._legend())) if width >= LEGEND_FROM else width

    def draw(self, width: int, height: int, ascii: bool) -> list[Strip]:
        # Of 100 000 segments, drawn once and not for each move of the mark.
        if self._picture_of != (self._width, ascii):
            self._picture = strip(self._segments, self._width, ascii)
            self._picture_of = (self._width, ascii)
        base, grey = self.rich_style, self._style("silence")
        legend = self._legend() if self._width < width else ("", "")
        rows = self._speech(self._picture[0]), self._below(self._picture[1])
        return [cells.strip([*row, (words, grey)], width, base) for row, words in zip(rows, legend, strict=True)]

    def _speech(self, line: str) -> list[cells.Piece]:
        lowest = "_" if cells.is_ascii(self.app) else "▁"
        silence, speech = self._style("silence"), self._style("speech")
        return cells.grouped(
            line, [sign == lowest for sign in line], lambda is_silent: silence if is_silent else speech
        )

    def _below(self, line: str) -> list[cells.Piece]:
        if self._span is None or not line:
            return [(line, self._style("reviewed"))]
        ((first, after),) = columns(self._segments, [self._span[0]], [self._span[1]], len(line)).tolist()
        marked = line[:first] + cells.glyphs(self.app).mark * (after - first) + line[after:]
        here = [first <= place < after for place in range(len(line))]
        cursor, reviewed = self._style("cursor"), self._style("reviewed")
        return cells.grouped(marked, here, lambda is_here: cursor if is_here else reviewed)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"strip--{name}")
