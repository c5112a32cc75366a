"""The history of a row: every change of its text and verdict, who made it and when; any of them can be taken back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.screens.review_state import short_name
from tui.screens.transcripts.bulk.rows_dialog import RowsDialog
from tui.widgets import cells
from tui.widgets.columns import Column
from tui.widgets.diff_text import inline_diff
from tui.widgets.segment_table import Rows, RowTable

Entry = Mapping[str, Any]
"""As `Transcripts.history` gives it."""


@dataclass(frozen=True)
class Step:
    """One change, the newest first. before, after: the whole text; words: what became of the rest, "" for nothing."""

    edit: int
    at: int
    who: str
    before: str
    after: str
    words: str
    is_undone: bool


def steps(history: Sequence[Entry]) -> list[Step]:
    """The changes of a row, the newest first."""
    found: list[Step] = []
    text, model = "", ""
    for entry in history:
        after: Mapping[str, Any] = entry["after"] or {"text": "", "review": "", "origin": None}
        before = text if entry["before"] is None else str(entry["before"].get("text", text))
        text = str(after.get("text", before))
        model = str(after.get("model", "")) or model
        found.append(Step(entry["id"], entry["at"], _who(entry), before, text, _words(entry), bool(entry["undone"])))
    return found[::-1]


def _who(entry: Entry) -> str:
    """`label: whisper-base`, `you: fix everywhere`, `you, undoing`."""
    who = "you" if entry["who"] == "person" else str(entry["who"])
    if entry["undoes"] is not None:
        return f"{who}, undoing"
    more = entry["what"] or short_name((entry["after"] or {}).get("model", ""))
    return f"{who}: {more}" if more else who


def _words(entry: Entry) -> str:
    """What became of the verdict."""
    before, after = entry["before"] or {}, entry["after"]
    if after is None:
        return "no text any more"
    review = after.get("review")
    return str(review) if review and review != before.get("review", "pending") else ""


class HistoryDialog(RowsDialog):
    """Dismisses with the number of the edit to take back, as text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "take_back", "take back", show=False),
        Binding("q,h", "answer(None)", "back", show=False),
    ]
    KEYS = "enter, t take this change back   esc back"

    def __init__(self, title: str, history: Sequence[Entry]) -> None:
        columns = [Column("at", "when", 16, drop=2), Column("who", "who", 26, drop=1), Column("what", "what", None)]
        super().__init__(title, RowTable(columns, empty_text="Nobody has written anything here yet."))
        self._steps = steps(history)

    def body(self) -> Iterable[Widget]:
        ascii = cells.is_ascii(self.app)
        rows = [(str(step.edit), [moment(step.at), step.who, _what(step, ascii)]) for step in self._steps]
        self.table.set_source(Rows(rows))
        yield self.table
        yield self.diff

    def on_mount(self) -> None:
        self._show_step()

    @on(RowTable.Highlighted)
    def _show_step(self) -> None:
        if not self._steps:
            return
        step = self._steps[self.table.cursor]
        self.diff.show(step.before, step.after, ("before", "after"))

    @on(RowTable.Chosen)
    def action_take_back(self) -> None:
        if self.table.cursor_key is not None:
            self.action_answer(self.table.cursor_key)


def moment(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_ms / 1000))


def _what(step: Step, ascii: bool) -> Text:
    found = Text("(taken back) ", "dim") if step.is_undone else Text()
    if step.before != step.after:
        found.append_text(inline_diff(step.before, step.after, from_change=True, ascii=ascii))
    elif not step.words:
        found.append("the same text", "dim")
    if step.words:
        found.append(("  " if step.before != step.after else "") + step.words, "bold")
    return found
