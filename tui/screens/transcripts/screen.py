"""4 Transcripts: the review. A table of every segment, the text under the cursor in an editor below it.

What is typed is taken for saving before the cursor moves on, whichever way it moves: Enter, another row, another
screen, quitting, a terminal that goes away. Until it is on the disk its row says so, and leaving waits for it.
This file takes keys; what is seen is in panes.py, what is being written in session.py and saving.py, what is read in
table/loader.py, what the keys of jobs do in actions.py, those of many rows in bulk/keys.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget

from core.config import Config, set_value
from core.events import Item, ItemFailed
from core.listen.player import Playback
from core.stage import lookup
from core.store.edits import WrittenMeanwhile
from core.store.records import ChangedTexts, Undone
from core.text import plural
from tui import keymap
from tui.background import TaskResult
from tui.bridge import JobBatch
from tui.listening import Listening
from tui.screens.job_line import JobLine, foremost
from tui.screens.listening_screen import REST_S, ListeningScreen
from tui.screens.transcripts import actions
from tui.screens.transcripts.bulk import effects as bulk
from tui.screens.transcripts.bulk.file_editing import not_written
from tui.screens.transcripts.bulk.keys import BulkKeys
from tui.screens.transcripts.editor.editor import Editor, Notice
from tui.screens.transcripts.editor.placing import place_text
from tui.screens.transcripts.editor.word_keys import move_word
from tui.screens.transcripts.panes import ReviewPanes
from tui.screens.transcripts.review_place import keep_place, read_place
from tui.screens.transcripts.saving import AcceptAll, RejectAll, SaveText, TakeBack, Written, rows_of
from tui.screens.transcripts.session import ReviewSession
from tui.screens.transcripts.table import rows as transcript_rows
from tui.screens.transcripts.table.filter_menu import FilterMenu
from tui.screens.transcripts.table.gain_order import GainOrder
from tui.screens.transcripts.table.index import GAIN, View
from tui.screens.transcripts.table.loader import TranscriptLoader
from tui.screens.transcripts.table.table import TranscriptTable
from tui.status.jobs import error_of
from tui.widgets.dialog import HelpScreen
from tui.widgets.segment_table import RowTable

STOPS = {"label": "b stop", "round": "T stop"}
"""The key that stops the job of a stage."""


class TranscriptsScreen(ListeningScreen):
    PANE = STEP = "transcripts"
    REPORTS_FAILURES = True
    CSS_PATH = "transcripts.tcss"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("transcripts")

    def __init__(self) -> None:
        super().__init__()
        self._reverted: tuple[str, str, int] | None = None
        """What was typed and put back with Escape, and after how many edits: until the next, undo brings it again."""
        self._undoing_at: str | None = None
        """Where the cursor was when undo was pressed."""

    def content(self) -> Iterable[Widget]:
        path = self.workspace.db_path
        self._session = ReviewSession(path, self._deliver, self._note)
        self._panes = panes = ReviewPanes(self._session, self.store)
        panes.begin(read_place(self.workspace))
        self._loader = TranscriptLoader(path, self.in_thread, self.set_timer, panes.load, panes.show_failure)
        self._bulk = BulkKeys(self.workspace, self.store, self._session, panes, self.app.suspend)
        self._gain_order = GainOrder(self._session, self.store, self.in_thread, lambda view: self.table.select(view))
        yield panes
        yield JobLine()

    def _note(self, text: str) -> None:
        """A text that is not saved, for the log; where that cannot be written either, for the terminal."""
        if not self.workspace.log(text):
            self.host.print_on_leaving(text)

    def on_mount(self) -> None:
        self.editor.show(None, "")
        self._loader.ask()
        self.in_thread(self.workspace.config, self._show_settings, group="settings")
        if self._session.view.order == GAIN:
            self._order(self._session.view)

    @property
    def table(self) -> TranscriptTable:
        return self._panes.table

    @property
    def editor(self) -> Editor:
        return self._panes.editor

    @property
    def is_ready(self) -> bool:
        if not self.is_mounted:
            return False
        return bool(self.table.row_count) or (self._loader.has_read and self._session.is_whole)

    def store_changed(self) -> None:
        self._loader.ask()

    @on(events.Resize)
    def _fit(self) -> None:
        self._panes.fit(self.is_wide)

    # -- what is written

    def _deliver(self, written: Written) -> None:
        """Called in the writer's thread."""
        self.post_message(TaskResult(partial(self._written, written)))

    def _written(self, written: Written) -> None:
        edit, error, session = written.edit, written.error, self._session
        if written.fault is not None:
            raise written.fault
        session.take_written(written)
        self._panes.counts = written.counts or self._panes.counts
        if ids := rows_of(edit):
            for id in ids if error is not None else []:
                self._panes.withdraw_notice(id)
                # A text that only waits is shown as it was typed.
                if not isinstance(edit, SaveText) or isinstance(error, WrittenMeanwhile):
                    self._restore(id)
            self.table.redraw(*ids)
            self._gain_order.dealt_with_one()
        elif isinstance(edit, AcceptAll | RejectAll) and isinstance(written.result, int):
            self._loader.read_in_bulk()
            verdict = "accepted" if isinstance(edit, AcceptAll) else "left out of training"
            self._panes.notify_here(f"{plural(written.result, 'row')} {verdict}", undo=bool(written.result))
        elif isinstance(written.result, ChangedTexts):
            self._loader.read_in_bulk()
            self.apply(not_written(written))
            self._panes.notify_here(bulk.changed(written.result), undo=bool(written.result.count))
        elif isinstance(edit, TakeBack) and isinstance(written.result, Undone):
            self._loader.ask()
            text = f"{self._panes.time_of(edit.segment)} as it was before that change"
            self._panes.notify_here(
                text if written.result.count else "it is so already", undo=bool(written.result.count)
            )
        elif isinstance(written.result, Undone):
            self._undone(written.result)
        elif error is None:
            self.toast("There is nothing to take back")
        self._panes.show_unsaved()
        self._panes.show_row()
        self._panes.show_progress()

    def _restore(self, id: str) -> None:
        """What was done could not be written: the row is what the store says."""
        stored = self._panes.segment(id)
        if stored is None:
            return
        moved = self._session.restore(stored)
        self.table.redraw(id)
        if moved:
            self.table.show_rows()

    def on_screen_suspend(self) -> None:
        if not isinstance(self.app.screen, HelpScreen):  # whoever reads it comes back to what they were typing
            self._panes.flush()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget is not self.editor:
            self._panes.flush()
        self._panes.show_row()

    def on_unmount(self) -> None:
        """The app ends, in whatever way: nothing that was typed is forgotten. Then the place is kept."""
        self._panes.panel.take(self._session)
        self._session.close()
        if (place := self._panes.place) is not None:
            try:
                keep_place(self.workspace, place)
            except OSError as error:
                self.workspace.log(f"where the review was left is not kept: {error}")

    def _next(self, done: str = "", *, saving: str | None = None, undo: bool = True) -> None:
        """To the next row; done: what has happened to the one before."""
        last = self.table.cursor + 1 >= self.table.row_count
        if not last:
            self.table.cursor += 1
            if self._panes.plays:
                self._hear(Listening.play_on_arrival)
        text = "; ".join(part for part in (done, "the last row shown" if last else "") if part)
        self._panes.notify_here(text, saving=saving, undo=undo and bool(done))

    # -- keys of the editor

    @on(RowTable.Chosen)
    def action_edit(self) -> None:
        if self.table.cursor_key is None:
            self.toast("There is no row to edit")
            return
        self._panes.show_row()
        self.editor.focus()

    def action_save_text(self) -> None:
        id, editor = self.editor.segment, self.editor
        row = self._session.index.get(id or "")
        if id is None:
            return
        if row is None:
            # It was cut away: what is typed is kept, and asked about.
            self._panes.flush()
            self.action_place_text()
            return
        panel, stored = self._panes.panel, self._panes.segment(id)
        changed = editor.dirty or self._session.unsaved.failed(id)
        if stored is not None and panel.is_disputed(stored):
            # Another person's text is there: what is typed is kept, theirs is shown, and it is asked which one stands.
            self._session.dispute(row._replace(text=editor.typed))
            editor.taken()
            self._restore(id)
            self._panes.show_row()
            self._panes.show_unsaved()
            self.action_place_text()
            return
        if changed:
            self._session.save(row, editor.typed, panel.shown)
        elif editor.typed and row.review != "accepted":
            self._session.set_review(id, "accepted", panel.shown)
        else:
            self._next()
            return
        panel.taken()
        self._panes.show_edited(id)
        self._next(f"{self._panes.time_of(id)} {'saved' if changed else 'accepted as it is'}", saving=id)
        # Once the next row is painted.
        self.set_timer(REST_S, lambda: self.apply(self._bulk.tell_more(id)))

    def action_revert(self) -> None:
        editor = self.editor
        if editor.segment is not None and editor.dirty and not self._panes.panel.gone:
            self._reverted = (editor.segment, editor.text, self._session.edits)
            editor.revert()
            self._panes.notify_here("as it was", undo="brings back what you typed")
        self.table.focus()

    def action_to_table(self) -> None:
        self._panes.flush()
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
        self._panes.flush()
        row = self._session.index.get(id or "")
        if id is None or row is None:
            self.toast("There is no row under the cursor")
            return
        time = self._panes.time_of(id)
        if row.review == review:
            # Nothing is written, so undo would take back something else.
            self._next(f"{time} was {review} already", undo=False)
        elif review == "accepted" and row.origin is None:
            self.toast(f"{time} has no text to accept: type it, or b lets the labeller write", error=True)
        else:
            self._session.set_review(id, review, self._panes.panel.shown)
            self._panes.show_edited(id)
            self._next(f"{time} {review}", saving=id)

    def action_accept(self) -> None:
        self._review("accepted")

    def action_reject(self) -> None:
        self._review("rejected")

    def action_undo(self) -> None:
        reverted, self._reverted = self._reverted, None
        if reverted is not None and reverted[2] == self._session.edits:
            id, text, _ = reverted
            if self.table.go_to_key(id):
                self._panes.show_row()
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
        text = transcript_rows.undone(undone, self._panes.time_of(undone.segment))
        self._panes.notify_at(Notice(undone.segment, text))
        if not self.editor.dirty:
            self.table.travel(undone.segment, self._undoing_at)
        self._loader.ask()

    # -- keys of many rows

    def action_word_back(self) -> None:
        move_word(self.store, self._session, self._panes, on=False)

    def action_word_on(self) -> None:
        move_word(self.store, self._session, self._panes, on=True)

    def action_accept_all(self) -> None:
        self.apply(self._bulk.accept_shown())

    def action_bulk(self) -> None:
        self.apply(self._bulk.menu())

    def action_check_dataset(self) -> None:
        self.apply(self._bulk.check_dataset())

    def action_fix_everywhere(self) -> None:
        self.apply(self._bulk.fix_everywhere())

    def action_history(self) -> None:
        self.apply(self._bulk.history())

    def action_edit_file(self) -> None:
        self.apply(self._bulk.edit_file())

    def action_place_text(self) -> None:
        self.apply(place_text(self._session, self._panes))

    # -- what is shown

    def action_filter(self) -> None:
        """A menu of what rows could be chosen by; it writes into the line."""
        self._panes.flush()
        line, rows = self._panes.filter, list(self._session.index.rows)
        self.open_dialog(FilterMenu(line.language, line.value, rows, self._panes.write_filter), lambda _: None)

    def action_order(self) -> None:
        self._panes.flush()
        self._order(self._session.view.next_order())

    def _order(self, view: View) -> None:
        (self._gain_order.choose if view.order == GAIN else self.table.select)(view)

    def action_back(self) -> None:
        self._panes.back()

    def action_search(self) -> None:
        self._panes.filter.open()

    # -- hearing

    def show_playback(self, playback: Playback) -> None:
        self._panes.show_row()

    def _show_settings(self, config: Config) -> None:
        self._panes.plays = config.listen.play_on_arrival
        self._panes.show_progress()

    def action_play_on_arrival(self) -> None:
        """From now on, and the next time too."""
        self._panes.plays = plays = not self._panes.plays
        path = self.workspace.config_path
        self.in_thread(lambda: set_value(path, "listen", "play_on_arrival", plays), lambda _: None, group="arrival")
        self._panes.show_progress()
        self._panes.notify_here("rows are played as you come to them" if plays else "rows are not played by themselves")
        if plays and self.host.listening is not None:
            self.host.listening.prepare()

    # -- jobs

    def start_job(self, stage: str, *rest: Any, **more: Any) -> None:
        self._panes.show_failure(None)  # of the job before
        super().start_job(stage, *rest, **more)

    def action_label(self) -> None:
        self.apply(actions.label(self.workspace, self.store, self.live_jobs("label")))

    def action_round(self) -> None:
        self.apply(actions.begin_round(self.workspace, self.store, self.live_jobs("round")))

    def action_second_opinion(self) -> None:
        self.apply(actions.second_opinion(self.workspace, self.store, self.live_jobs("label")))

    def action_bring_in(self) -> None:
        self.apply(actions.bring_in(self.workspace))

    def action_export(self) -> None:
        self.start_once("export", "The export is at work already")

    def job_events(self, batch: JobBatch) -> None:
        live = self.live_jobs()
        shown = foremost(live)
        self.query_one(JobLine).show_jobs(live, STOPS.get(shown.stage, "") if shown is not None else "")
        # An export that was asked for elsewhere is told of there.
        is_ours = self.is_current or lookup(batch.stage).screen == self.STEP
        if batch.ended and not batch.history and is_ours:
            self._panes.show_failure(error_of(batch) or actions.left_over(batch))
        if batch.ended or batch.of(Item, ItemFailed):
            self._loader.ask()
