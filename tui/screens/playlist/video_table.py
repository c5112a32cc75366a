"""The table of recordings, and below it the title of the one under the cursor where its row has no room for all."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical

from tui.screens.pipeline import StepTable
from tui.screens.playlist.rows import VideoRows, columns
from tui.widgets import cells
from tui.widgets.columns import lay_out
from tui.widgets.segment_table import RowTable
from tui.widgets.text_line import TextLine


class VideoTable(Vertical):
    """narrow: with the columns of a narrow window."""

    def __init__(self, rows: VideoRows, *, narrow: bool) -> None:
        super().__init__()
        self._rows = rows
        self._narrow = narrow

    def compose(self) -> ComposeResult:
        yield StepTable(columns(self._narrow), self._rows)
        yield TextLine(id="title")

    def fit(self, *, narrow: bool) -> None:
        self._narrow = narrow
        self.query_one(StepTable).set_columns(columns(narrow))
        self._show_title()

    @on(RowTable.Highlighted)
    @on(events.Resize)
    def _show_title(self) -> None:
        table, line = self.query_one(StepTable), self.query_one("#title", TextLine)
        video = self._rows.index.get(table.cursor_key or "")
        title = cells.harmless(video.title) if video is not None else ""
        line.show(title if cell_len(title) > self._title_cells() else "")

    def _title_cells(self) -> int:
        made = columns(self._narrow)
        return next(wide for place, wide in lay_out(made, self.size.width) if made[place].key == "title")
