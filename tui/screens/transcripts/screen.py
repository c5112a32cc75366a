"""4 Transcripts: the review. A table of every segment, the text under the cursor in an editor below it.

What is typed is taken for saving before the cursor moves on, whichever way it moves: Enter, another row, another
screen, quitting, a terminal that goes away. Until it is on the disk its row says so, and leaving waits for it.
This file shows and takes keys; what is being written is in session.py and saving.py, what is read in loader.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from core.errors import UserError
from core.events import Item, ItemFailed
from core.listen.player import Playback
from core.store import Segment
from core.store.records import Undone
from core.text import plural
from tui import keymap
from tui.background import TaskResult
from tui.bridge import JobBatch
from tui.listening import playhead
from tui.screens.job_line import JobLine, foremost
from tui.screens.pipeline import ErrorBanner, PipelineScreen
from tui.screens.transcripts import dialogs
from tui.screens.transcripts import rows as transcript_rows
from tui.screens.transcripts.editor import Editor, EditorPanel, Notice, SearchBox
from tui.screens.transcripts.loader import Reading, TranscriptLoader
from tui.screens.transcripts.rows import ReviewRate
from tui.screens.transcripts.saving import AcceptAll, SaveText, SetReview, Written
from tui.screens.transcripts.session import ReviewSession
from tui.screens.transcripts.table import ProgressLine, TranscriptTable
from tui.status.jobs import error_of, progress_text
from tui.widgets import marks
from tui.widgets.segment_table import RowTable


class TranscriptsScreen(PipelineScreen):
    PANE = STEP = "transcripts"
    REPORTS_FAILURES = True
    CSS_PATH = "transcripts.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("transcripts"), *keymap.bindings("listen")]

    def __init__(self) -> None:
        super().__init__()
        self._notice = Notice()
        self._rate = ReviewRate()
        self._counts: dict[str, int] = {}
        self._reverted: tuple[str, str] | None = None
        """What was typed and put back with Escape: undo brings it again."""
        self._undoing_at: str | None = None
        """Where the cursor was when undo was pressed."""

    def content(self) -> Iterable[Widget]:
        path = self.workspace.db_path
        self._session = ReviewSession(path, self._deliver, self.workspace.log)
        self._loader = TranscriptLoader(path, self.in_thread, self.set_timer, self._loaded, self._show_failure)
        yield ProgressLine()
        yield SearchBox()
        self._table, self._panel = TranscriptTable(self._session), EditorPanel()
        yield self._table
        yield self._panel
        yield ErrorBanner(id="unsaved")
        yield ErrorBanner(id="failure")
        yield JobLine()

    def on_mount(self) -> None:
        self.editor.show(None, "")
        self._loader.ask()

    @property
    def table(self) -> TranscriptTable:
        return self._table

    @property
    def editor(self) -> Editor:
        return self._panel.editor

    def store_changed(self) -> None:
        self._loader.ask()

    @on(events.Resize)
    def _fit(self) -> None:
        self.table.fit(self.is_wide)
        self._show_row()
        self._show_progress()

    # -- what was read

    def _loaded(self, reading: Reading) -> None:
        self._counts, self._rate = reading.counts, reading.rate
        applied = self._session.apply(reading, self.table.cursor_key, self.editor.segment)
        if applied.gone is not None and self.editor.dirty:
            self._panel.gone = True
            self._session.strand(applied.gone._replace(text=self.editor.typed))
            self._show_unsaved()
        if applied.all:
            self.table.select(self._session.query)
            return
        self.table.redraw(*applied.changed)
        if applied.moved:
            self.table.show_rows()
        self.table.travel()
        self._show_row()
        self._show_progress()

    @on(TranscriptTable.Selected)
    def _selected(self) -> None:
        self._show_row()
        self._show_progress()

    def show_playback(self, playback: Playback) -> None:
        self._panel.playhead = playhead(playback, self.table.cursor_key, self.host.ascii)
        self._show_row()

    def _show_failure(self, error: UserError | None) -> None:
        self.query_one("#failure", ErrorBanner).show(error)

    # -- showing

    def _show_progress(self) -> None:
        searching = self.query_one(SearchBox).display
        self.query_one(ProgressLine).show_review(self._session, self._counts, self._rate, self.is_wide, searching)

    @on(RowTable.Highlighted)
    def _moved(self) -> None:
        self._show_row()

    def _show_row(self) -> None:
        """Put the row under the cursor into the editor; first take what was typed for another one for saving."""
        id = self.table.cursor_key
        if self._panel.gone and self.editor.has_focus:
            self._panel.show_gone(self._session)
            return
        if self.editor.segment != id:
            self.flush()
        self._panel.show(self._segment(id), self._session, self._notice)

    def _segment(self, id: str | None) -> Segment | None:
        """From the store, not from the rows, which may be a reading behind; with what is not on the disk yet."""
        try:
            segment = None if id is None else self.store.segments.get(id)
        except UserError as error:
            self._show_failure(error)
            return None
        return None if segment is None else self._session.person_text(segment)

    def _show_edited(self, id: str) -> None:
        """A row has been taken for saving."""
        self.table.redraw(id)
        self._show_progress()

    def _show_notice(self, text: str, *, saving: str | None = None, undo: bool = False) -> None:
        """What was done, beside the heading of the row that is now under the cursor."""
        self._notice = Notice(self.table.cursor_key, text, saving, undo)
        self._show_row()

    def _show_unsaved(self) -> None:
        """Which texts are not on the disk, and why; nothing while they only wait."""
        error = self._session.unsaved_error(keymap.key("transcripts.place_text"))
        self.query_one("#unsaved", ErrorBanner).show(error)

    def _time_of(self, id: str) -> str:
        row = self._session.index.get(id)
        return id if row is None else marks.length(row.start_ms)

    # -- what is written

    def _deliver(self, written: Written) -> None:
        """Called in the writer's thread."""
        self.post_message(TaskResult(partial(self._written, written)))

    def _written(self, written: Written) -> None:
        edit, error, session = written.edit, written.error, self._session
        if written.fault is not None:
            raise written.fault
        session.take_written(written)
        self._counts = written.counts or self._counts
        if isinstance(edit, SaveText | SetReview):
            if error is not None and isinstance(edit, SetReview):
                self._restore(edit.segment)
            self.table.redraw(edit.segment)
        elif isinstance(edit, AcceptAll) and isinstance(written.result, int):
            self._loader.read_in_bulk()
            self._show_notice(f"{plural(written.result, 'row')} accepted", undo=True)
        elif isinstance(written.result, Undone):
            self._undone(written.result)
        elif error is None:
            self.toast("There is nothing to take back")
        self._show_unsaved()
        self._show_row()
        self._show_progress()

    def _restore(self, id: str) -> None:
        """A verdict could not be written: the row is what the store says."""
        stored = self._segment(id)
        if stored is not None and self._session.restore(stored):
            self.table.show_rows()

    def flush(self) -> None:
        """Take what was typed and not saved yet for saving."""
        id = self.editor.segment
        if id is None or not self.editor.dirty:
            return
        if self._panel.take(self._session):
            self._show_edited(id)
            self._notice = Notice(id, f"{self._time_of(id)} saved as you left it", id, True)
            self.toast(f"{self._time_of(id)} is kept as you left it")
        self._show_unsaved()

    def on_screen_suspend(self) -> None:
        self.flush()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget is not self.editor:
            self.flush()
        self._show_row()

    def on_unmount(self) -> None:
        """The app ends, in whatever way: nothing that was typed is forgotten."""
        self._panel.take(self._session)
        self._session.close()

    def _next(self, done: str = "", *, saving: str | None = None, undo: bool = True) -> None:
        """To the next row; done: what has happened to the one before."""
        last = self.table.cursor + 1 >= self.table.row_count
        if not last:
            self.table.cursor += 1
        text = "; ".join(part for part in (done, "the last row shown" if last else "") if part)
        self._show_notice(text, saving=saving, undo=undo and bool(done))

    # -- keys of the editor

    @on(RowTable.Chosen)
    def action_edit(self) -> None:
        if self.table.cursor_key is None:
            self.toast("There is no row to edit")
            return
        self._show_row()
        self.editor.focus()

    def action_save_text(self) -> None:
        id, editor = self.editor.segment, self.editor
        row = self._session.index.get(id or "")
        if id is None:
            return
        if row is None:
            # It was cut away: what is typed is kept, and asked about.
            self.flush()
            self.action_place_text()
            return
        changed = editor.dirty or self._session.unsaved.failed(id)
        if changed:
            self._session.save(row, editor.typed)
        elif editor.typed and row.review != "accepted":
            self._session.set_review(id, "accepted")
        else:
            self._next()
            return
        self._reverted = None
        editor.taken()
        self._show_edited(id)
        self._next(f"{self._time_of(id)} {'saved' if changed else 'accepted as it is'}", saving=id)

    def action_revert(self) -> None:
        editor = self.editor
        if editor.segment is not None and editor.dirty and not self._panel.gone:
            self._reverted = (editor.segment, editor.text)
            editor.show(editor.segment, editor.given)
            self._show_notice(f"as it was; {keymap.key('transcripts.undo')} brings back what you typed")
        self.table.focus()

    def action_to_table(self) -> None:
        self.flush()
        self.table.focus()

    def action_undo_in_editor(self) -> None:
        """What is being typed first; then what was saved."""
        if self.editor.dirty:
            self.editor.undo()
        else:
            self.action_undo()

    # -- keys of the table

    def _review(self, review: str) -> None:
        id = self.table.cursor_key
        self.flush()
        row = self._session.index.get(id or "")
        if id is None or row is None:
            self.toast("There is no row under the cursor")
        elif row.review == review:
            # Nothing is written, so undo would take back something else.
            self._next(f"{self._time_of(id)} was {review} already", undo=False)
        elif review == "accepted" and row.origin is None:
            self.toast(f"{self._time_of(id)} has no text to accept: type it, or b lets the labeller write", error=True)
        else:
            self._session.set_review(id, review)
            self._reverted = None
            self._show_edited(id)
            self._next(f"{self._time_of(id)} {review}", saving=id)

    def action_accept(self) -> None:
        self._review("accepted")

    def action_reject(self) -> None:
        self._review("rejected")

    def action_undo(self) -> None:
        if self._reverted is not None:
            (id, text), self._reverted = self._reverted, None
            if self.table.go_to_key(id):
                self._show_row()
                self.editor.load_text(text)
                self.editor.move_cursor(self.editor.document.end)
                self.editor.focus()
            return
        self._undoing_at = self.table.cursor_key
        self._session.undo()

    def _undone(self, undone: Undone) -> None:
        if undone.segment is None:
            self.toast("All of them were changed since; nothing was taken back")
            return
        text = transcript_rows.undone(undone, self._time_of(undone.segment))
        self._notice = Notice(undone.segment, text)
        if not self.editor.dirty:
            self.table.travel(undone.segment, self._undoing_at)
        self._loader.ask()

    def action_accept_all(self) -> None:
        self.flush()
        ids = [row.id for row in self.table.rows() if row.review == "pending" and row.text.strip()]
        if not ids:
            self.toast("No pending row with text is shown")
            return

        def answered(answer: str) -> None:
            if answer == "y":
                self._reverted = None
                self._show_notice(f"accepting {plural(len(ids), 'row')}")
                self._session.accept_all(ids)

        self.open_dialog(dialogs.accept_all(len(ids)), answered)

    def action_place_text(self) -> None:
        """Ask where the text of a segment that was cut away shall go."""
        gone = next(iter(self._session.stranded.values()), None)
        if gone is None:
            self.toast("No text has lost its segment")
            return
        there = self._session.index.lying_at(gone)

        def answered(answer: str) -> None:
            if answer == "p" and there is not None:
                self._session.place(gone, there)
                self._notice = Notice(there.id, f"{self._time_of(there.id)} saved", there.id, True)
                self._show_edited(there.id)
                self.table.go_to_key(there.id)
            else:
                if answer == "c":
                    self.host.copy_to_clipboard(gone.text)
                self._session.place(gone, None)
            self._show_unsaved()
            self._show_row()

        self.open_dialog(dialogs.place_text(gone, there, self.host.ascii), answered)

    # -- what is shown

    def action_filter(self) -> None:
        self.flush()
        self.table.select(self._session.query.next_filter())

    def action_order(self) -> None:
        self.flush()
        self.table.select(self._session.query.next_order())

    def action_search(self) -> None:
        box = self.query_one(SearchBox)
        box.display = True
        box.focus()

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        words = tuple(event.value.casefold().split())
        if words != self._session.query.words:
            self.table.select(replace(self._session.query, words=words))

    @on(Input.Submitted)
    def action_search_done(self) -> None:
        self.query_one(SearchBox).display = False
        self.table.focus()
        self._show_progress()

    def action_search_clear(self) -> None:
        self.query_one(SearchBox).value = ""
        self.action_search_done()

    # -- jobs

    def action_label(self) -> None:
        live, counts = self.live_jobs("label"), self._counts
        without_text = counts.get("segments", 0) - counts.get("labelled", 0)
        if live:
            folder = live[0].folder
            question = dialogs.stop_labeller(progress_text(live[0]))
            self.open_dialog(question, lambda answer: self.stop_job(folder) if answer == "s" else None)
        elif not without_text:
            self.toast("Every segment has a text already" if counts.get("segments") else "No segments")
        else:
            self._show_failure(None)
            self.start_job(
                "label", {}, lambda _: self.toast(f"The labeller starts on {plural(without_text, 'segment')}")
            )

    def action_bring_in(self) -> None:
        workspace = self.workspace

        def start(answer: str) -> None:
            self._show_failure(None)
            self.start_job("import", {"path": str(workspace.find(answer))})

        self.open_dialog(dialogs.import_from(workspace), start)

    def action_export(self) -> None:
        self.start_once("export", "The export is at work already")

    def job_events(self, batch: JobBatch) -> None:
        live = self.live_jobs()
        shown = foremost(live)
        self.query_one(JobLine).show_jobs(live, "b stop" if shown is not None and shown.stage == "label" else "")
        if batch.ended and not batch.history:
            self._show_failure(error_of(batch))
        if batch.ended or batch.of(Item, ItemFailed):
            self._loader.ask()
