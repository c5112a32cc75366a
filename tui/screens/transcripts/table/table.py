"""The table of transcripts, which draws the rows of a session one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from textual.message import Message

from core.errors import UserError
from core.store import TranscriptRow
from tui.background import BackgroundTasks, TaskResult
from tui.screens.pipeline import StepTable
from tui.screens.transcripts.session import ReviewSession
from tui.screens.transcripts.table import rows as transcript_rows
from tui.screens.transcripts.table.index import View
from tui.screens.transcripts.table.rows import TranscriptRows
from tui.screens.transcripts.table.search import Search
from tui.widgets import cells


class TranscriptTable(StepTable):
    class Selected(Message):
        """The rows that were asked for are shown, or the first of them."""

    class Hides(Message):
        """The row to go to is not among those shown: all rows are wanted."""

    class Refused(Message):
        """They could not be found; what was shown stays."""

        def __init__(self, error: UserError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, session: ReviewSession) -> None:
        super().__init__(transcript_rows.columns(True, False), TranscriptRows())
        self._session = session
        self._wide = True
        self._several = False
        self._names: dict[str, str] = {}
        """What recordings are called here, by id."""
        self._tasks = BackgroundTasks(self.post_message)
        self._left_at: str | None = None
        """The row where the cursor was before no row was shown."""
        self._begins_at: str | None = None
        """A row to go to once it has been read, unless the cursor has moved by then."""
        self._destination: tuple[str, str | None] | None = None
        """(a row to go to, where the cursor was when that was asked for)"""

    def fit(self, wide: bool) -> None:
        """wide: room for words beside the signs."""
        self._wide = wide
        self._set_columns()
        self.show_rows()

    def _set_columns(self) -> None:
        self._several = self._session.index.has_several_recordings
        self.set_columns(transcript_rows.columns(self._wide, self._several))

    def name_recordings(self, titles: Mapping[str, str]) -> None:
        """titles: of recordings, by id."""
        self._names = transcript_rows.recording_names(titles)

    @property
    def is_whole(self) -> bool:
        """Whether all rows of the view are here; False while some are still read, or searched for."""
        return self._session.is_whole

    def begin_at(self, id: str) -> None:
        """Go to this row as soon as it is there; to the one after it where it is not shown any more."""
        self._left_at = self._begins_at = id

    def select(self, view: View) -> None:
        """Find the rows of a view, in a thread, and show them; `Selected` says when. In another order than before, the
        first row is gone to; else the cursor stays by its row."""
        to_top = view.order != self._session.view.order
        self._left_at = self.cursor_key or self._left_at
        search = self._session.begin_search(view, None if to_top else self._left_at)

        def run() -> None:
            search.run(lambda rows: self.post_message(TaskResult(partial(self._show_first, search, rows, to_top))))

        def refused(error: UserError) -> None:
            self._session.fail_search(search)
            self.post_message(self.Refused(error))

        self._tasks.run(run, lambda _: self._show_all(search, to_top), refused, "select")

    def _show_first(self, search: Search, rows: list[TranscriptRow], to_top: bool) -> None:
        if self._session.show_first(search, rows):
            self._show_found(search, to_top)

    def _show_all(self, search: Search, to_top: bool) -> None:
        # What is shown of the same view already has gone to its top.
        to_top = to_top and self._session.result.view != search.result.view
        if self._session.end_search(search):
            self._show_found(search, to_top)
            self.travel()

    def _show_found(self, search: Search, to_top: bool) -> None:
        before = None if to_top else self._row_to_stay_by()
        self.show_rows(keep_key=not to_top)
        if before is not None and before.id != self.cursor_key:
            # It is not shown any more, or again: to it, or to the one that comes next.
            self.cursor = self._session.result.place(before)
        self.post_message(self.Selected())

    def _row_to_stay_by(self) -> TranscriptRow | None:
        index, begins_at = self._session.index, self._begins_at
        row = index.get(begins_at) if begins_at is not None and self.cursor == 0 else None
        if row is not None or self.cursor:
            self._begins_at = None
        return row or index.get(self.cursor_key or self._left_at or "")

    def on_task_result(self, result: TaskResult) -> None:
        result.stop()
        result.deliver()

    def show_rows(self, *, keep_key: bool = True) -> None:
        """Rows came, went or stand elsewhere; the cursor stays on its own."""
        session = self._session
        if session.index.has_several_recordings != self._several:
            self._set_columns()
        if len(session.index):
            asked = session.result.view.query.text.strip()
            self.empty_text = f"\nNo rows for {asked!r}.\nf chooses others, / asks for something else, esc shows all."
        else:
            self.empty_text = "\nThere are no segments yet.\n3 Segments cuts recordings; i imports a data set."
        ascii = cells.is_ascii(self.app)
        how = (ascii, self._wide, self._several)
        self.set_source(TranscriptRows(session.index, session.result, session.unsaved, self._names, *how), keep_key)

    def redraw(self, *ids: str) -> None:
        """The cells of these rows are others now."""
        for id in ids:
            row = self._session.index.get(id)
            place = None if row is None else self._session.result.find(row)
            if place is not None:
                self.refresh_row(place)

    def rows(self) -> Iterator[TranscriptRow]:
        """Those that are shown, in order; see `is_whole`."""
        found = (self._session.index.get(row.id) for row in self._session.result.rows)
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
        elif self._session.view.query:
            self.post_message(self.Hides())
