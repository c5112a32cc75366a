"""3 Segments: the pieces of a recording, and what Whisper sees of the one under the cursor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from core.config import SegmentConfig
from core.errors import UserError
from core.events import Item, ItemFailed
from core.listen.player import Playback
from core.store import Segment, Video
from tui import keymap
from tui.bridge import JobBatch
from tui.screens.job_line import JobLine
from tui.screens.pipeline import ErrorBanner, PipelineScreen, StepTable
from tui.screens.segments.cutting import Cutting, plan_text, planned
from tui.screens.segments.preview import Preview, PreviewPanel, preview
from tui.screens.segments.rows import COLUMNS, SegmentRows
from tui.status.jobs import error_of
from tui.widgets import marks
from tui.widgets.segment_table import RowTable
from tui.widgets.text_line import TextLine


class SegmentsScreen(PipelineScreen):
    PANE = STEP = "segments"
    REPORTS_FAILURES = True
    CSS_PATH = "segments.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("segments"), *keymap.bindings("listen")]

    def __init__(self) -> None:
        super().__init__()
        self._unread = False
        self._videos: list[Video] = []
        self._video: str | None = None
        self._settings = SegmentConfig()

    def content(self) -> Iterable[Widget]:
        yield TextLine(id="recording")
        with Container(id="panes"):
            yield StepTable(COLUMNS, SegmentRows([]))
            yield PreviewPanel(id="preview")
        yield ErrorBanner()
        yield JobLine()

    def on_mount(self) -> None:
        self.query_one(PreviewPanel).display = False

    def on_shown(self) -> None:
        self._load()

    def store_changed(self) -> None:
        self._load()

    # -- reading

    def _load(self) -> None:
        store, workspace, wanted = self.store, self.workspace, self._video

        def read() -> tuple[list[Video], str | None, list[Segment], SegmentConfig]:
            videos = [video for video in store.videos.all() if video.path]
            ids = [video.id for video in videos]
            id = wanted if wanted in ids else (ids[0] if ids else None)
            segments = store.segments.all(video=id) if id else []
            return videos, id, segments, workspace.config().segment

        self.in_thread(read, self._loaded, group="load", failed=self._not_loaded)

    def _not_loaded(self, error: UserError) -> None:
        self._unread = True
        self.query_one(ErrorBanner).show(error)

    def _loaded(self, found: tuple[list[Video], str | None, list[Segment], SegmentConfig]) -> None:
        self._videos, id, segments, self._settings = found
        if self._unread:
            self._unread = False
            self.query_one(ErrorBanner).show(None)
        same = id == self._video
        self._video = id
        source = self.table.source
        if not (same and isinstance(source, SegmentRows) and source.segments == segments):
            self.table.set_source(SegmentRows(segments), keep_key=same)
            self._show_preview()
        self._show_heading()

    @property
    def video(self) -> Video | None:
        return next((video for video in self._videos if video.id == self._video), None)

    # -- showing

    def _show_heading(self) -> None:
        line, video = self.query_one("#recording", TextLine), self.video
        if video is None:
            line.show("No recording is here yet")
            self.table.empty_text = "\nNo recording is here yet.\n2 Playlist brings some."
            return
        place = f"[{self._videos.index(video) + 1}/{len(self._videos)}]  " if len(self._videos) > 1 else ""
        title = Text(place).append(video.title or video.id, "bold").append(f"  {marks.length(video.duration_ms)}")
        count = planned(video, self._settings).count
        line.show(title, plan_text(video, self._settings, self.host.ascii))
        self.table.empty_text = f"\nNot cut yet.\nenter cuts it into {count}, s changes how."

    @on(RowTable.Highlighted)
    def _show_preview(self) -> None:
        source, place = self.table.source, self.table.cursor
        if not isinstance(source, SegmentRows) or place >= len(source):
            self.query_one(PreviewPanel).display = False
            return
        segment, workspace = source.segments[place], self.workspace
        if self.host.listening is not None:
            self.show_playback(self.host.listening.playback)
        self.in_thread(lambda: preview(workspace, segment), self._drawn, group="preview")

    def _drawn(self, found: Preview) -> None:
        source = self.table.source
        place = source.index_of(found.id) if isinstance(source, SegmentRows) else None
        if place is None or found.id != self.table.cursor_key or not isinstance(source, SegmentRows):
            return
        self.query_one(PreviewPanel).show(found, source, place)

    def show_playback(self, playback: Playback) -> None:
        self.query_one(PreviewPanel).show_playback(playback, self.table.cursor_key)

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
        if len(ids) < 2 or self._video not in ids:
            self.toast("There is no other recording here" if ids else "There is no recording here yet")
            return
        self._video = ids[(ids.index(self._video) + step) % len(ids)]
        self._load()

    def action_before(self) -> None:
        self._switch(-1)

    def action_after(self) -> None:
        self._switch(1)

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
