"""The table of transcripts, which draws the rows of a session one by one, and the line above it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from textual.message import Message

from core.errors import UserError
from core.store import TranscriptRow
from tui.background import BackgroundTasks, TaskResult
from tui.screens.pipeline import StepTable
from tui.screens.transcripts import rows as transcript_rows
from tui.screens.transcripts.index import Key, Query, QueryResult
from tui.screens.transcripts.rows import Presentation, ReviewRate, TranscriptRows
from tui.screens.transcripts.session import ReviewSession
from tui.widgets import cells
from tui.widgets.text_line import Headline


class ProgressLine(Headline):
    """How far the review is, and which rows are shown."""

    def show_review(
        self, session: ReviewSession, counts: Mapping[str, int], rate: ReviewRate, how: Presentation
    ) -> None:
        ascii = cells.is_ascii(self.app)
        self.show(
            transcript_rows.progress(counts, rate, how.wide, len(session.unsaved)),
            transcript_rows.shown(session.query, len(session.result), len(session.index), how, ascii=ascii),
        )


class TranscriptTable(StepTable):
    class Selected(Message):
        """The rows that were asked for are shown."""

    def __init__(self, session: ReviewSession) -> None:
        super().__init__(transcript_rows.columns(True), TranscriptRows())
        self._session = session
        self._wide = True
        self._tasks = BackgroundTasks(self.post_message)
        self._destination: tuple[str, str | None] | None = None
        """(a row to go to, where the cursor was when that was asked for)"""

    def fit(self, wide: bool) -> None:
        """wide: room for words beside the signs."""
        self._wide = wide
        self.set_columns(transcript_rows.columns(wide))
        self.show_rows()

    def select(self, query: Query) -> None:
        """Find the rows of a query, in a thread, and show them; `Selected` says when."""

        def found(result: tuple[QueryResult, list[Key]]) -> None:
            if self._session.end_query(result):
                self.show_rows()
                self.travel()
                self.post_message(self.Selected())

        def failed(error: UserError) -> None:
            raise error

        self._tasks.run(self._session.begin_query(query), found, failed, "select")

    def on_task_result(self, result: TaskResult) -> None:
        result.stop()
        result.deliver()

    def show_rows(self) -> None:
        """Rows came, went or stand elsewhere; the cursor stays on its own."""
        session, query = self._session, self._session.query
        if len(session.index):
            words = f" with {' '.join(query.words)!r}" if query.words else ""
            named = f"{query.filter} " if query.filter != "all" else ""
            self.empty_text = f"\nNo {named}rows{words}.\nf shows others, / searches for something else."
        else:
            self.empty_text = "\nThere are no segments yet.\n3 Segments cuts recordings; i imports a data set."
        ascii = cells.is_ascii(self.app)
        self.set_source(TranscriptRows(session.index, session.result, session.unsaved, ascii, self._wide))

    def redraw(self, *ids: str) -> None:
        """The cells of these rows are others now."""
        for id in ids:
            row = self._session.index.get(id)
            place = None if row is None else self._session.result.find(row)
            if place is not None:
                self.refresh_row(place)

    def rows(self) -> Iterator[TranscriptRow]:
        """Those that are shown, in order."""
        found = (self._session.index.get(key[-1]) for key in self._session.result.keys)
        return (row for row in found if row is not None)

    def travel(self, id: str | None = None, left: str | None = None) -> None:
        """To a row, if need be by showing all of them; not if the cursor has gone elsewhere than `left` meanwhile.

        Without an id: to the one asked for before, which may be shown by now.
        """
        if id is not None:
            self._destination = (id, left)
        if self._destination is None:
            return
        id, left = self._destination
        if self.cursor_key not in (left, id) or self._session.index.get(id) is None or self.go_to_key(id):
            self._destination = None
        elif self._session.query != (everything := Query(order=self._session.query.order)):
            self.select(everything)
