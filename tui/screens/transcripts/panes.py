"""What is seen of a review: the line of totals, the search, the table, the row under the cursor, and what went wrong.

The screen tells it what was read, written or done; it takes what was typed for saving as soon as another row is shown.
"""

from __future__ import annotations

from dataclasses import replace

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, TextArea

from core.errors import UserError
from core.query.grammar import Query
from core.review.variants import Variant
from core.store import Segment, Store, TranscriptRow
from tui import keymap
from tui.host import host_of
from tui.listening import playhead
from tui.screens.pipeline import ErrorBanner
from tui.screens.transcripts.editor.editor import Editor, EditorPanel, Notice
from tui.screens.transcripts.editor.variants import variants_of
from tui.screens.transcripts.review_place import ReviewPlace
from tui.screens.transcripts.session import ReviewSession
from tui.screens.transcripts.table.header import EXAMPLE, FilterBar, FilterLine, ProgressLine
from tui.screens.transcripts.table.index import View
from tui.screens.transcripts.table.loader import Reading
from tui.screens.transcripts.table.progress import ReviewRate, shown
from tui.screens.transcripts.table.table import TranscriptTable
from tui.widgets import marks
from tui.widgets.query_line import QueryLine
from tui.widgets.segment_table import RowTable


class ReviewPanes(Vertical):
    """store: what segments are read from, one by one."""

    def __init__(self, session: ReviewSession, store: Store) -> None:
        super().__init__()
        self.table, self.panel = TranscriptTable(session), EditorPanel()
        self.filter = FilterLine(session.language, EXAMPLE)
        self.counts: dict[str, int] = {}
        self.plays = False
        """Each row that is gone on to is played."""
        self._session, self._store = session, store
        self._rate = ReviewRate()
        self._notice = Notice()
        self._wide = True
        self._was_dirty = False

    def compose(self) -> ComposeResult:
        yield ProgressLine()
        yield FilterBar(self.filter)
        yield self.table
        yield self.panel
        yield ErrorBanner(id="unsaved")
        yield ErrorBanner(id="failure")

    @property
    def editor(self) -> Editor:
        return self.panel.editor

    def begin(self, place: ReviewPlace) -> None:
        """Go on where the review was left."""
        self._session.begin(place.query, place.order)
        self.filter.value = place.query
        if place.row:
            self.table.begin_at(place.row)

    @property
    def place(self) -> ReviewPlace | None:
        """Where the review is; None while no row is shown."""
        view, row = self._session.view, self.table.cursor_key
        return None if row is None else ReviewPlace(view.order, view.query.text.strip(), row)

    def fit(self, wide: bool) -> None:
        """wide: room for words beside the signs."""
        self._wide = wide
        self.table.fit(wide)
        self.show_row()
        self.show_progress()

    # -- what was read

    def load(self, reading: Reading) -> None:
        self.counts, self._rate = reading.counts, reading.rate
        is_renamed = reading.titles != self._session.titles
        if is_renamed:
            self.table.name_recordings(reading.titles)
        applied = self._session.apply(reading, self.table.cursor_key, self.editor.segment)
        self.filter.language = self._session.language
        if applied.gone is not None and self.editor.dirty:
            self.panel.gone = True
            self._session.strand(applied.gone._replace(text=self.editor.typed))
            self.show_unsaved()
        if applied.all or (is_renamed and self.filter.value):
            self.table.select(self._view_anew())
            return
        self.table.redraw(*applied.changed)
        if applied.moved:
            self.table.show_rows()
        self.table.travel()
        self.show_row()
        self.show_progress()

    @on(TranscriptTable.Selected)
    def _selected(self) -> None:
        self.show_row()
        self.show_progress()

    @on(TranscriptTable.Refused)
    def _refused(self, event: TranscriptTable.Refused) -> None:
        sign = marks.mark("look", host_of(self).ascii)
        text = "; ".join(filter(None, (event.error.what, event.error.fix)))
        self.query_one(ProgressLine).show_hint(Text(f"{sign} {text}", marks.style("look")))

    @on(TranscriptTable.Hides)
    def _show_all_rows(self) -> None:
        self.write_filter("")

    def write_filter(self, line: str) -> None:
        """Show the rows of another line."""
        self.filter.value = line

    @on(Input.Changed)
    def _filter(self) -> None:
        asked = self.filter.asked
        if not self._is_shown(asked):
            self.table.select(replace(self._session.view, query=asked))

    def _is_shown(self, asked: Query[TranscriptRow]) -> bool:
        return asked.text.strip() == self._session.view.query.text.strip()

    def _view_anew(self) -> View:
        """What is shown, asked for as the line is understood now: `video:` knows the recordings that there are."""
        view, asked = self._session.view, self.filter.asked
        # What was refused stands there, too, but is not what is shown.
        return replace(view, query=asked) if self._is_shown(asked) else view

    @on(Input.Submitted)
    def _to_the_rows(self) -> None:
        self.table.focus()

    @on(QueryLine.Hinted)
    def _hint(self, event: QueryLine.Hinted) -> None:
        self.query_one(ProgressLine).show_hint(event.hint, event.told)

    # -- showing

    def show_progress(self) -> None:
        session = self._session
        self.query_one(ProgressLine).show_review(session, self.counts, self._rate, wide=self._wide)
        total = max(len(session.index), self.counts.get("segments", 0))
        self.query_one(FilterBar).show(shown(session.result, total, is_whole=self.table.is_whole, plays=self.plays))

    @on(RowTable.Highlighted)
    def show_row(self) -> None:
        """Put the row under the cursor into the editor; first take what was typed for another one for saving."""
        id = self.table.cursor_key
        if self.panel.gone and self.editor.has_focus:
            self.panel.show_gone(self._session)
            return
        if self.editor.segment != id:
            self.flush()
        listening, ascii_only = host_of(self).listening, host_of(self).ascii
        heard = "" if listening is None else playhead(listening.playback, id, ascii_only)
        segment = self.segment(id)
        self.panel.show(segment, self._session, self._notice, heard, self._variants(segment))
        released = self._session.release(id, self.editor.segment)
        self.table.redraw(*released.changed)
        if released.moved:
            self.table.show_rows()

    @on(TextArea.Changed)
    def _typed(self) -> None:
        """What undo would do is another thing as soon as something is typed."""
        if self.editor.dirty != self._was_dirty:
            self._was_dirty = self.editor.dirty
            self.show_row()

    def segment(self, id: str | None) -> Segment | None:
        """From the store, not from the rows, which may be a reading behind; with what is not on the disk yet."""
        try:
            segment = None if id is None else self._store.segments.get(id)
        except UserError as error:
            self.show_failure(error)
            return None
        return None if segment is None else self._session.person_text(segment)

    def _variants(self, segment: Segment | None) -> list[Variant]:
        """Other readings of its text."""
        if segment is None or segment.is_reviewed:
            return []
        return variants_of(segment, self._store.second_readings.get(segment.id), self._session.index)

    def show_edited(self, *ids: str) -> None:
        """Rows have been taken for saving."""
        self.table.redraw(*ids)
        self.show_progress()

    def notify_here(self, text: str, *, saving: str | None = None, undo: bool | str = False) -> None:
        """What was done, beside the heading of the row that is now under the cursor. undo: whether undo undoes it, or
        what else it does with it."""
        self._notice = Notice(self.table.cursor_key, text, saving, "undoes" if undo is True else undo or "")
        self.show_row()

    def notify_more(self, saving: str, text: str) -> None:
        """Something more about a row that was saved, as long as its notice stands."""
        if self._notice.saving == saving and self._notice.row == self.table.cursor_key:
            self._notice = replace(self._notice, text=f"{self._notice.text}; {text}")
            self.show_row()

    def withdraw_notice(self, saving: str) -> None:
        """What a notice says was done to this segment could not be written."""
        if self._notice.saving == saving:
            self._notice = Notice()

    def notify_at(self, notice: Notice) -> None:
        """The same for a row that will be under the cursor."""
        self._notice = notice

    def show_unsaved(self) -> None:
        """Which texts are not on the disk, and why; nothing while they only wait."""
        error = self._session.unsaved_error(keymap.key("transcripts.place_text"))
        self.query_one("#unsaved", ErrorBanner).show(error)

    def show_failure(self, error: UserError | None) -> None:
        self.query_one("#failure", ErrorBanner).show(error, f"{keymap.key('transcripts.back')} puts this away")
        if error is not None:  # nobody knows whether there are rows
            self.table.empty_text = ""
            self.table.refresh()

    def back(self) -> None:
        """Put away what went wrong with a job; where nothing did, show all rows again."""
        if self.query_one("#failure", ErrorBanner).display:
            self.show_failure(None)
            self.table.show_rows()  # with what an empty table has to say
        else:
            self.write_filter("")

    def time_of(self, id: str) -> str:
        row = self._session.index.get(id)
        return id if row is None else marks.length(row.start_ms)

    # -- what was typed

    def flush(self) -> None:
        """Take what was typed and not saved yet for saving."""
        id = self.editor.segment
        if id is None or not self.editor.dirty:
            return
        if self.panel.take(self._session):
            self.show_edited(id)
            self._notice = Notice(id, f"{self.time_of(id)} saved as you left it", id, "undoes")
            host_of(self).toast(f"{self.time_of(id)} is kept as you left it")
        self.show_unsaved()
