"""The question that stands before many texts are changed: every change, before and after, with a tick."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from core.store.records import TextChange
from core.text import plural
from tui.screens.transcripts.bulk.proposals import Proposal, ProposalRows, columns
from tui.screens.transcripts.bulk.rows_dialog import RowsDialog
from tui.widgets import cells
from tui.widgets.dialog import plain
from tui.widgets.segment_table import RowTable


class ChangesDialog(RowsDialog):
    """Dismisses with "y" once the person takes what is ticked (`changes`); None where they do not."""

    DEFAULT_CSS = """
    ChangesDialog #told { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", "tick", show=False),
        Binding("a", "tick_all", "all, none", show=False),
        Binding("q", "answer(None)", "back", show=False),
    ]

    def __init__(self, title: str, proposals: Sequence[Proposal], text: str = "") -> None:
        self._rows = ProposalRows(proposals)
        super().__init__(title, RowTable(columns(), self._rows))
        self._text = text
        self._told = Static("", id="told", markup=False)

    @property
    def changes(self) -> list[TextChange]:
        """What is ticked."""
        return self._rows.changes()

    def body(self) -> Iterable[Widget]:
        self._rows.ascii = cells.is_ascii(self.app)
        if self._text:
            yield Static(plain(self._text), classes="dialog--text")
        yield self._told
        yield self.table
        yield self.diff

    def keys(self) -> str:
        return f"enter change {plural(len(self._rows.ticked), 'row')}   space tick   a all, none   esc back"

    def on_mount(self) -> None:
        self._show_ticked()

    @on(RowTable.Highlighted)
    def _show_row(self) -> None:
        one = self._rows.proposals[self.table.cursor]
        self.diff.show(one.row.text, one.text, ("before", "after"))

    @on(RowTable.Chosen)
    def _take(self) -> None:
        if self._rows.ticked:
            self.action_answer("y")

    def action_tick(self) -> None:
        key = self.table.cursor_key
        if key is not None:
            self._rows.toggle(key)
            self.table.refresh_row(self.table.cursor)
            self._show_ticked()
            self.table.action_move(1)

    def action_tick_all(self) -> None:
        self._rows.toggle_all()
        self.table.refresh_rows()
        self._show_ticked()

    def _show_ticked(self) -> None:
        self._told.update(plain(self._rows.summary()))
        self.query_one(".dialog--keys", Static).update(plain(self.keys()))
