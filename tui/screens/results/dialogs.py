"""What the results screen shows on top: one segment's texts with what differs marked, and a transcription."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from core.store import EvaluationRow
from core.text import plural
from tui.widgets import dialog
from tui.widgets.diff_text import DiffText


class Differences(dialog.Dialog):
    """Truth beside base, truth beside tuned."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,q", "answer(None)", "close", show=False)]
    KEYS = "esc close   up down scroll"

    def __init__(self, title: str, row: EvaluationRow, tuned: str) -> None:
        super().__init__(title)
        self._evaluated, self._tuned = row, tuned

    def body(self) -> Iterable[Widget]:
        row = self._evaluated
        said = (
            f"{plural(row.characters, 'character')}; errors: base {row.base_errors}, {self._tuned} {row.tuned_errors}"
        )
        self._diffs = (DiffText(), DiffText())
        yield dialog.Body(
            Static(dialog.plain(said)), Static(" "), self._diffs[0], Static(" "), self._diffs[1], classes="dialog--text"
        )

    def on_mount(self) -> None:
        row = self._evaluated
        self._diffs[0].show(row.reference, row.base, ("truth", "base"))
        self._diffs[1].show(row.reference, row.tuned, ("truth", self._tuned))


class Transcription(dialog.Dialog):
    """A text to read, scrolling, and where it was saved."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "answer(None)", "close", show=False),
        Binding("c", "copy", "copy", show=False),
    ]
    KEYS = "enter close   c copy   up down scroll"

    def __init__(self, title: str, text: str, saved: str) -> None:
        super().__init__(title)
        self._text, self._saved = text, saved

    def body(self) -> Iterable[Widget]:
        yield Static(dialog.plain(self._saved), classes="dialog--text")
        yield dialog.Body(Static(dialog.plain(self._text or "Nothing was heard in it.")), classes="dialog--text")

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._text)
