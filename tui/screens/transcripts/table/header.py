"""What stands over the rows of the review: how far it is, which rows are shown, and the line that says which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from tui import keymap
from tui.screens.transcripts.session import ReviewSession
from tui.screens.transcripts.table.progress import ReviewRate, progress
from tui.widgets import cells
from tui.widgets.query_line import QueryLine
from tui.widgets.text_line import Headline, TextLine

EXAMPLE = "words, or: state:pending flag:loop conf<-0.5 /regex/"


class ProgressLine(Headline):
    """How far the review is; while somebody says which rows to show, what could be said."""

    def __init__(self) -> None:
        super().__init__()
        self._hint: tuple[Text, str] | None = None
        self._review = ""

    def show_review(self, session: ReviewSession, counts: Mapping[str, int], rate: ReviewRate, *, wide: bool) -> None:
        self._review = progress(counts, session.index.accepted_ms, rate, wide, len(session.unsaved))
        self._show()

    def show_hint(self, hint: Text, told: str = "") -> None:
        """An empty one: the progress again."""
        self._hint = (hint, told) if hint else None
        self._show()

    def _show(self) -> None:
        self.show(*(self._hint or (self._review, "")))

    def _fit_right(self, left: int, width: int) -> list[cells.Piece]:
        # What is to be done next waits while somebody types here.
        return super()._fit_right(left, width) if self._hint is None else TextLine._fit_right(self, left, width)


class FilterLine(QueryLine):
    PANE = "transcripts.search"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("transcripts.search")

    def action_rows(self) -> None:
        self.post_message(Input.Submitted(self, self.value))

    def action_clear(self) -> None:
        self.value = ""
        self.action_rows()


class FilterBar(Horizontal):
    """The line, and which rows are shown for it, in words."""

    DEFAULT_CSS: ClassVar[str] = """
    FilterBar {
        height: 1;
        & > FilterLine { width: 1fr; min-width: 16; }
        & > #shown { width: auto; max-width: 75%; padding: 0 1; }
    }
    """

    def __init__(self, line: FilterLine) -> None:
        super().__init__()
        self._line = line

    def compose(self) -> ComposeResult:
        yield self._line
        yield Static("", id="shown", markup=False)

    def show(self, text: Text) -> None:
        self.query_one("#shown", Static).update(text)
