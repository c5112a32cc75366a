"""4 Transcripts: the review. A table of every segment, the text under the cursor in an editor below it.

What is typed is on the disk before the cursor moves on, whichever way it moves: Enter, another row, another screen,
quitting, a terminal that goes away.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from core.errors import UserError
from core.events import Item, ItemFailed
from core.store import Segment
from tui import keymap
from tui.bridge import JobBatch
from tui.job_text import progress_line
from tui.screens.pipeline import ErrorBanner, PipelineScreen, StepTable
from tui.screens.transcripts import jobs as transcript_jobs
from tui.screens.transcripts import rows as transcript_rows
from tui.screens.transcripts.editor import Editor, EditorPanel, SearchBox
from tui.screens.transcripts.loader import TranscriptLoader
from tui.screens.transcripts.rows import FILTERS, ORDERS, Query, ReviewRate, SegmentIndex, TranscriptRows
from tui.widgets import marks
from tui.widgets.segment_table import RowTable
from tui.widgets.text_line import TextLine


class TranscriptsScreen(PipelineScreen):
    PANE = STEP = "transcripts"
    REPORTS_FAILURES = True
    CSS_PATH = "transcripts.tcss"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("transcripts")

    def __init__(self) -> None:
        super().__init__()
        self._index = SegmentIndex()
        self._query = Query()
        self._kept: dict[str, Segment] = {}
        """Rows dealt with since the filter was chosen, as they were before."""
        self._rate = ReviewRate()
        self._loader = TranscriptLoader(self, self._loaded)
        self._bulk: list[str] = []
        """What the last key accepted in one go, for undo to take back in one go."""
        self._said: tuple[str | None, str] = (None, "")
        """The row at which it stands, and what was done last: in place, as a toast would lie over the next text."""
        self._reverted: tuple[str, str] | None = None
        """What was typed and put back with Escape: undo brings it again."""

    def content(self) -> Iterable[Widget]:
        yield TextLine(id="progress")
        yield SearchBox()
        yield StepTable(transcript_rows.columns(True), TranscriptRows())
        yield EditorPanel()
        yield ErrorBanner()
        yield TextLine(id="job")

    @property
    def editor(self) -> Editor:
        return self._editor

    @property
    def lines(self) -> TranscriptRows:
        source = self.table.source
        assert isinstance(source, TranscriptRows)
        return source

    def on_mount(self) -> None:
        self._editor = self.query_one(Editor)
        self.query_one("#job").display = False
        self.editor.show(None, "")
        self.table.focus()
        self._load()

    def store_changed(self) -> None:
        self._load()

    @on(events.Resize)
    def _fit(self) -> None:
        self.table.set_columns(transcript_rows.columns(self.is_wide))
        self._select()
        self._show_row(again=True)
        self._show_progress()

    # -- reading

    def _load(self) -> None:
        self._loader.ask()

    def _loaded(self, index: SegmentIndex, pace: ReviewRate) -> None:
        self._index, self._rate = index, pace
        self._select()

    def _select(self, keep_key: bool = True) -> None:
        """Find the rows to show, in a thread, and show them."""
        index, query, kept = self._index, self._query, dict(self._kept)
        ascii, wide = self.host.ascii, self.is_wide

        def found(lines: TranscriptRows) -> None:
            if lines.index is not self._index:
                return
            self._name_nothing()
            self.table.set_source(lines, keep_key)
            self._show_row()
            self._show_progress()

        def find() -> TranscriptRows:
            return TranscriptRows(index, transcript_rows.select(index.segments, query, kept), ascii, wide)

        self.in_thread(find, found, group="select")

    def _name_nothing(self) -> None:
        if self._index.segments:
            words = f" with {' '.join(self._query.words)!r}" if self._query.words else ""
            text = f"\nNo {self._query.filter if self._query.filter != 'all' else ''} rows{words}."
            self.table.empty_text = text.replace("No  ", "No ") + "\nf shows others, / searches for something else."
        else:
            self.table.empty_text = "\nThere are no segments yet.\n3 Segments cuts recordings; i imports a data set."

    # -- showing

    def _show_progress(self) -> None:
        query, wide = self._query, self.is_wide
        shown, total = len(self.lines), len(self._index.segments)
        arrow = "->" if self.host.ascii else "→"
        right = f"filter {query.filter}" if wide or query.filter != "all" else ""
        right += f" {total}{arrow}{shown}" if shown != total else ""
        right += f"  order {query.order}" if wide or query.order != "time" else ""
        words = f"  /{' '.join(query.words)}" if query.words and not self.query_one(SearchBox).display else ""
        left = transcript_rows.progress(self._index.counts, self._rate, wide)
        self.query_one("#progress", TextLine).show(left, f"{right}{words}".strip())

    @on(RowTable.Highlighted)
    def _moved(self) -> None:
        self._show_row()

    def _show_row(self, *, again: bool = False) -> None:
        """Put the row under the cursor on the desk; first save what was typed for another one."""
        id = self.table.cursor_key
        if self.editor.segment != id and not self.flush():
            return
        # From the store, not from the rows: they may be a reading behind.
        segment = self.store.segments.get(id) if id is not None else None
        said = self._said[1] if self._said[0] == id else ""
        self.query_one(EditorPanel).show(segment, self._index, said, self.app.size.width - 2, self.host.ascii)

    def _refresh(self, id: str) -> None:
        """A row was written by a person: show it as it is now, where it is."""
        self._loader.written()
        segment = self.store.segments.get(id)
        if segment is not None:
            for index in {self._index, self.lines.index}:
                index.put(segment)
        row = self.lines.index_of(id)
        if row is not None:
            self.table.refresh_row(row)
        self._index.counts = self.store.segments.counts()
        self._rate = self._loader.pace(self.store)
        self._show_progress()
        if self.table.cursor_key == id:
            self._show_row()

    # -- writing

    def _keep(self, id: str) -> None:
        """Remember a row as it is before it is changed, so that it stays where it is."""
        segment = self.store.segments.get(id)
        if segment is not None:
            self._kept.setdefault(id, segment)

    def _write(self, id: str, text: str | None = None, review: str = "") -> bool:
        """Save a person's text, or their verdict. True once it is on the disk; else the reason is shown."""
        self._keep(id)
        try:
            if text is not None:
                self.store.transcripts.save(id, text)
            else:
                self.store.transcripts.review(id, review)
        except UserError as error:
            self.toast("\n".join(line for line in error.lines() if line), error=True)
            return False
        except sqlite3.Error as error:
            why = f"{error}; what you typed is still in the editor"
            self.show_error(UserError(f"{id} could not be saved", why, "look at the disk, then press enter again"))
            return False
        self._bulk, self._reverted = [], None
        return True

    def flush(self) -> bool:
        """Save what was typed and not saved yet. False if that failed: then it must stay in the editor."""
        editor = self.editor
        if editor.segment is None or not editor.dirty:
            return True
        id = editor.segment
        if not self._write(id, editor.typed):
            return False
        editor.kept()
        self._refresh(id)
        self.toast(f"{self._called(id)} saved as you left it; u undoes")
        return True

    def on_screen_suspend(self) -> None:
        self.flush()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget is not self.editor:
            self.flush()

    def on_unmount(self) -> None:
        """The app ends, in whatever way: the last chance for what is in the editor."""
        editor = self.editor
        if editor.segment is None or not editor.dirty:
            return
        try:
            self.store.transcripts.save(editor.segment, editor.typed)
        except (UserError, sqlite3.Error) as error:
            self.workspace.log(f"{editor.segment} could not be saved ({error}); its text: {editor.typed}")
        editor.kept()

    def _called(self, id: str) -> str:
        place = self._index.place(id)
        return id if place is None else marks.length(self._index.segments[place].start_ms)

    def _report(self, text: str) -> None:
        """What was done, and how to undo it, beside the heading of the row that is now under the cursor."""
        self._said = (self.table.cursor_key, text)
        self._show_row()

    def _next(self, done: str = "", undo: str = "u undoes") -> None:
        """To the next row; done: what has happened to the one before."""
        last = self.table.cursor + 1 >= self.table.row_count
        if not last:
            self.table.cursor += 1
        parts = [done, "the last row shown" if last else "", undo if done else ""]
        self._report("; ".join(part for part in parts if part))

    # -- keys of the editor

    @on(RowTable.Chosen)
    def action_edit(self) -> None:
        if self.table.cursor_key is None:
            self.toast("There is no row to edit")
            return
        self._show_row()
        self.editor.focus()

    def action_save_text(self) -> None:
        id = self.editor.segment
        if id is None:
            return
        changed, now = self.editor.dirty, self.store.segments.get(id)
        if not changed and (not self.editor.typed or (now is not None and now.review == "accepted")):
            self._next()
            return
        if not (self._write(id, self.editor.typed) if changed else self._write(id, review="accepted")):
            return
        self.editor.kept()
        self._refresh(id)
        self._next(f"{self._called(id)} {'saved' if changed else 'accepted as it is'}")

    def action_revert(self) -> None:
        editor = self.editor
        if editor.segment is not None and editor.dirty:
            self._reverted = (editor.segment, editor.text)
            editor.show(editor.segment, editor.given)
            self._report("as it was; u brings back what you typed")
        self.table.focus()

    def action_to_table(self) -> None:
        if self.flush():
            self.table.focus()

    # -- keys of the table

    def _judge(self, review: str) -> None:
        id = self.table.cursor_key
        if id is None:
            self.toast("There is no row under the cursor")
        elif self.flush():
            now = self.store.segments.get(id)
            if now is not None and now.review == review:
                # Nothing is written, so undo would take back something else.
                self._next(f"{self._called(id)} was {review} already", undo="")
            elif self._write(id, review=review):
                self._refresh(id)
                self._next(f"{self._called(id)} {review}")

    def action_accept(self) -> None:
        self._judge("accepted")

    def action_reject(self) -> None:
        self._judge("rejected")

    def action_undo(self) -> None:
        if self._reverted is not None:
            (id, text), self._reverted = self._reverted, None
            if self._go_to(id):
                self._show_row()
                self.editor.load_text(text)
                self.editor.move_cursor(self.editor.document.end)
                self.editor.focus()
            return
        if self._bulk:
            self._undo_bulk()
            return
        try:
            undone = self.store.transcripts.undo()
        except UserError as error:
            self.show_error(error)
            return
        if undone is None or undone.segment is None:
            self.toast("There is nothing to take back")
            return
        id = undone.segment
        self._refresh(id)
        self._go_to(id)
        self._report(f"{self._called(id)} is as it was before")

    def _go_to(self, id: str) -> bool:
        """To a row, if need be by showing all rows."""
        if self.table.go_to_key(id):
            return True
        if self._index.place(id) is None:
            return False
        self._ask_for(Query(order=self._query.order))
        # The rows are found here and now, so that the cursor can go there with this key.
        shown = transcript_rows.select(self._index.segments, self._query, self._kept)
        self.table.set_source(TranscriptRows(self._index, shown, self.host.ascii, self.is_wide))
        return self.table.go_to_key(id)

    def action_accept_all(self) -> None:
        if not self.flush():
            return
        segments = [self.lines.segment(row) for row in range(len(self.lines))]

        def accepted(done: list[str]) -> None:
            self._bulk, self._reverted = done, None
            self._kept.clear()
            self._loader.written(in_bulk=True)
            self.toast(f"{len(done)} rows accepted; u takes all of them back")
            self._load()

        transcript_jobs.ask_accept_all(self, segments, accepted)

    def _undo_bulk(self) -> None:
        path, ids = self.workspace.db_path, self._bulk
        self._bulk = []

        def undone(count: int) -> None:
            self._loader.written()
            self.toast(f"{count} rows are as they were before")
            self._load()

        self.in_thread(lambda: transcript_jobs.undo_each(path, ids), undone, group="bulk")

    # -- what is shown

    def _ask_for(self, query: Query) -> None:
        self._query = query
        self._kept.clear()
        self._select()

    def action_filter(self) -> None:
        filter = FILTERS[(FILTERS.index(self._query.filter) + 1) % len(FILTERS)]
        if self.flush():
            self._ask_for(Query(filter, self._query.order, self._query.words))

    def action_order(self) -> None:
        order = ORDERS[(ORDERS.index(self._query.order) + 1) % len(ORDERS)]
        if self.flush():
            self._ask_for(Query(self._query.filter, order, self._query.words))

    def action_search(self) -> None:
        box = self.query_one(SearchBox)
        box.display = True
        box.focus()

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        words = tuple(event.value.casefold().split())
        if words != self._query.words:
            self._ask_for(Query(self._query.filter, self._query.order, words))

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
        counts = self.store.segments.counts()
        transcript_jobs.label_or_stop(self, counts["segments"] - counts["labelled"])

    def action_bring_in(self) -> None:
        transcript_jobs.ask_import(self)

    def action_export(self) -> None:
        transcript_jobs.export(self)

    def job_events(self, batch: JobBatch) -> None:
        line = self.query_one("#job", TextLine)
        if batch.ended:
            line.display = bool(others := [job for job in self.live_jobs() if job.folder != batch.folder])
            if others:
                line.show(progress_line(others[0], self.host.ascii))
            if not batch.history:
                said, error = transcript_jobs.end_of(batch)
                self.query_one(ErrorBanner).show(error)
                if said:
                    self.toast(said)
            self._load()
            return
        line.show(progress_line(batch, self.host.ascii), "b stop" if batch.stage == "label" else "")
        line.display = True
        if batch.of(Item, ItemFailed):
            self._load()
