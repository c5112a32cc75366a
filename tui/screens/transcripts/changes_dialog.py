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
from tui.screens.transcripts.proposals import Proposal, ProposalRows, columns
from tui.widgets import cells
from tui.widgets.dialog import Dialog, plain
from tui.widgets.diff_text import DiffText
from tui.widgets.segment_table import RowTable


class ChangesDialog(Dialog):
    """Dismisses with "y" once the person takes what is ticked (`changes`); None where they do not."""

    DEFAULT_CSS = """
    ChangesDialog {
        & > .dialog--box { max-width: 120; height: 100%; }
        & RowTable { height: 1fr; }
        & DiffText { max-height: 8; margin-top: 1; }
        & #told { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", "tick", show=False),
        Binding("a", "tick_all", "all, none", show=False),
        Binding("q", "answer(None)", "back", show=False),
    ]

    def __init__(self, title: str, proposals: Sequence[Proposal], text: str = "") -> None:
        super().__init__(title)
        self._rows = ProposalRows(proposals)
        self._text = text
        self._table = RowTable(columns(), self._rows)
        self._told, self._diff = Static("", id="told", markup=False), DiffText()

    @property
    def changes(self) -> list[TextChange]:
        """What is ticked."""
        return self._rows.changes()

    def body(self) -> Iterable[Widget]:
        self._rows.ascii = cells.is_ascii(self.app)
        if self._text:
            yield Static(plain(self._text), classes="dialog--text")
        yield self._told
        yield self._table
        yield self._diff

    def keys(self) -> str:
        return f"enter change {plural(len(self._rows.ticked), 'row')}   space tick   a all, none   esc back"

    def on_mount(self) -> None:
        self._table.focus()
        self._show_ticked()

    @on(RowTable.Highlighted)
    def _show_row(self) -> None:
        one = self._rows.proposals[self._table.cursor]
        self._diff.show(one.row.text, one.text, ("before", "after"))

    @on(RowTable.Chosen)
    def _take(self) -> None:
        if self._rows.ticked:
            self.action_answer("y")

    def action_tick(self) -> None:
        key = self._table.cursor_key
        if key is not None:
            self._rows.toggle(key)
            self._table.refresh_row(self._table.cursor)
            self._show_ticked()
            self._table.action_move(1)

    def action_tick_all(self) -> None:
        self._rows.toggle_all()
        self._table.refresh_rows()
        self._show_ticked()

    def _show_ticked(self) -> None:
        self._told.update(plain(self._rows.summary()))
        self.query_one(".dialog--keys", Static).update(plain(self.keys()))
