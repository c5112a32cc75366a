"""A dialog of rows to choose among, with the text of the one under the cursor before and after."""

from __future__ import annotations

from textual import events

from tui.widgets.dialog import FRAME, Dialog
from tui.widgets.diff_text import DiffText
from tui.widgets.segment_table import HEADER, RowTable


class RowsDialog(Dialog):
    """A subclass puts `table` and `diff` into its body; the box is as high as its rows need, within the terminal."""

    DEFAULT_CSS = """
    RowsDialog {
        & > .dialog--box { max-width: 120; }
        & DiffText { height: 5; margin-top: 1; }
        & DiffText > .diff-text--missed { color: $text-error; }
        & DiffText > .diff-text--wrong { color: $text-success; }
    }
    """

    def __init__(self, title: str, table: RowTable) -> None:
        super().__init__(title)
        self.table, self.diff = table, DiffText()

    def on_mount(self) -> None:
        self.table.focus()

    def on_resize(self, event: events.Resize) -> None:
        others = [child for child in self.query_one(".dialog--box").children if child is not self.table]
        beside = sum(one.outer_size.height + one.styles.margin.height for one in others)
        self.table.styles.height = max(
            HEADER + 1, min(self.table.row_count + HEADER, event.size.height - beside - FRAME)
        )
