"""3 Segments: the pieces of a recording, and what Whisper sees of the one under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from core.config import SegmentConfig
from core.errors import UserError
from core.events import Item, ItemFailed
from core.listen.player import Playback, PlayerState
from core.store import Video
from tui import keymap
from tui.bridge import JobBatch
from tui.screens.job_line import JobLine
from tui.screens.listening_screen import ListeningScreen
from tui.screens.pipeline import ErrorBanner, StepTable
from tui.screens.segments.cutting import Cutting, plan_text, planned
from tui.screens.segments.loader import Hearing, Loaded, load
from tui.screens.segments.panel import PreviewPanel
from tui.screens.segments.preview import Preview, PreviewReader
from tui.screens.segments.rows import COLUMNS, SegmentRows
from tui.status.jobs import error_of
from tui.widgets import marks
from tui.widgets.recording_strip import RecordingStrip
from tui.widgets.segment_table import RowTable
from tui.widgets.text_line import Headline


class SegmentsScreen(ListeningScreen):
    PANE = STEP = "segments"
    REPORTS_FAILURES = True
    CSS_PATH = "segments.tcss"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("segments")

    def __init__(self) -> None:
        super().__init__()
        self._unread = False
        self._videos: Sequence[Video] = []
        self._video: str | None = None
        """The recording whose rows are shown."""
        self._wanted: str | None = None
        """The one that is asked for."""
        self._settings = SegmentConfig()
        self._hearing = Hearing()

    def content(self) -> Iterable[Widget]:
        yield Headline(id="recording")
        yield RecordingStrip()
        with Container(id="panes"):
            yield StepTable(COLUMNS, SegmentRows([]))
            yield PreviewPanel(id="preview")
        yield ErrorBanner()
        yield JobLine()

    def on_mount(self) -> None:
        self._reader = PreviewReader(self.workspace)
        self._show_parts(False)

    def on_shown(self) -> None:
        self._load()

    def store_changed(self) -> None:
        self._load()

    # -- reading

    def _load(self) -> None:
        workspace, wanted, ascii = self.workspace, self._wanted, self.host.ascii
        known = self.rows.rows if wanted == self._video else None
        self.in_thread(lambda: load(workspace, wanted, known, ascii), self._loaded, "load", self._not_loaded)

    def _not_loaded(self, error: UserError) -> None:
        self._unread = True
        self.query_one(ErrorBanner).show(error)

    def _loaded(self, found: Loaded) -> None:
        if self._unread:
            self._unread = False
            self.query_one(ErrorBanner).show(None)
        same = found.video == self._video
        self._videos, self._settings, self._hearing = found.videos, found.settings, found.hearing
        self._video = self._wanted = found.video
        if found.rows is not None:
            self.table.set_source(found.rows, keep_key=same)
            reviewed = f"{found.rows.reviewed} of {len(found.rows)}"
            self.query_one(RecordingStrip).show(found.rows.spans, reviewed)
        self._show_heading()
        # Also where no row is another: a text may be.
        self._show_preview()

    @property
    def rows(self) -> SegmentRows:
        source = self.table.source
        assert isinstance(source, SegmentRows)
        return source

    @property
    def video(self) -> Video | None:
        return next((video for video in self._videos if video.id == self._video), None)

    # -- showing

    def _show_parts(self, there_are_rows: bool) -> None:
        """Without segments there is nothing to draw: the table has the room."""
        self.query_one(PreviewPanel).display = self.query_one(RecordingStrip).display = there_are_rows
        self.set_class(not there_are_rows, "-empty")

    @on(events.Resize)
    def _show_heading(self) -> None:
        line, video = self.query_one(Headline), self.video
        if video is None:
            line.show("No recording is here yet")
            self.table.empty_text = "\nNo recording is here yet.\n2 Playlist brings some."
            return
        place = f"[{self._videos.index(video) + 1}/{len(self._videos)}]  " if len(self._videos) > 1 else ""
        title = Text(place).append(video.title or video.id, "bold").append(f"  {marks.length(video.duration_ms)}")
        plan = Text()
        if kept := self.rows.kept:
            # Beside the plan: a long title would push it out of sight.
            words = f"{kept} of an earlier cut" if self.is_wide else f"{kept} earlier"
            plan.append(f"{marks.mark('look', self.host.ascii)} {words}", marks.style("look")).append("   ")
        plan.append(plan_text(video, self._settings, self.host.ascii))
        line.show(title, plan)
        count = planned(video, self._settings).count
        self.table.empty_text = f"\nNot cut yet.\nenter cuts it into {count}, s changes how."

    @on(RowTable.Highlighted)
    def _show_preview(self) -> None:
        rows, place, hearing, reader = self.rows, self.table.cursor, self._hearing, self._reader
        self._show_parts(place < len(rows))
        if place >= len(rows):
            return
        row = rows.rows[place]
        self.query_one(RecordingStrip).mark((row.start_ms, row.end_ms))
        self.in_thread(lambda: reader.read(rows, place, hearing), self._drawn, "preview")

    def _drawn(self, found: Preview | None) -> None:
        if found is None or found.segment.id != self.table.cursor_key:
            return
        self.query_one(PreviewPanel).show(found)
        if self.host.listening is not None:
            self.show_playback(self.host.listening.playback)

    def show_playback(self, playback: Playback) -> None:
        panel, place = self.query_one(PreviewPanel), self.rows.index_of(playback.clip)
        at_ms = None
        if place is not None and playback.state in (PlayerState.PLAYING, PlayerState.PAUSED):
            heard = self.rows.rows[place].start_ms + playback.at_s * 1000
            at_ms = heard if panel.holds(playback.clip, heard) else None
        panel.show_playback(playback, at_ms)

    # -- jobs

    def job_events(self, batch: JobBatch) -> None:
        self.query_one(JobLine).show_jobs(self.live_jobs())
        if batch.ended and not batch.history:
            self.query_one(ErrorBanner).show(error_of(batch))
        if batch.ended or batch.of(Item, ItemFailed):
            self._load()

    # -- keys

    def _switch(self, step: int) -> None:
        ids = [video.id for video in self._videos]
        if len(ids) < 2 or self._wanted not in ids:
            self.toast("There is no other recording here" if ids else "There is no recording here yet")
            return
        self._wanted = ids[(ids.index(self._wanted) + step) % len(ids)]
        self._load()

    def action_before(self) -> None:
        self._switch(-1)

    def action_after(self) -> None:
        self._switch(1)

    def action_jump(self, part: float) -> None:
        """Along the recording, by this part of its length."""
        if len(self.rows):
            now = self.rows.rows[self.table.cursor].start_ms
            self._go_to(now + part * self.rows.spans.length_ms)

    @on(RecordingStrip.Sought)
    def _seek(self, event: RecordingStrip.Sought) -> None:
        self._go_to(event.at_ms)

    def _go_to(self, ms: float) -> None:
        self.table.cursor = self.rows.index_at(round(ms))

    @property
    def _cutting(self) -> Cutting:
        return Cutting(self.workspace, self.store)

    def action_settings(self) -> None:
        self.apply(self._cutting.change(self._videos, self._settings))

    @on(RowTable.Chosen)
    def action_cut(self) -> None:
        self.query_one(ErrorBanner).show(None)
        self.apply(self._cutting.cut(self._videos, self._settings, self.live_jobs()))

    def action_stop(self) -> None:
        self.apply(self._cutting.stop(self.live_jobs()))
