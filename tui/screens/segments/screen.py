"""3 Segments: the pieces of a recording, and what Whisper sees of the one under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from rich.text import Text
from textual import on
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widget import Widget

from core.config import SegmentConfig, set_value
from core.errors import UserError
from core.events import Item, ItemFailed
from core.listen.player import Playback
from core.media import log_mel, plan_spans, read_wav
from core.media.sound import peaks_of
from core.stage import lookup
from core.store import Segment, Video
from core.text import plural
from core.workspace import Workspace
from tui import keymap
from tui.bridge import JobBatch
from tui.listening import playhead
from tui.screens.job_line import JobLine, foremost
from tui.screens.pipeline import ErrorBanner, PipelineScreen, StepTable
from tui.screens.segments.settings_dialog import CutSettings
from tui.status.jobs import error_of
from tui.widgets import dialog, marks
from tui.widgets.columns import Column
from tui.widgets.mel import MelPicture
from tui.widgets.segment_table import RowTable
from tui.widgets.text_line import TextLine
from tui.widgets.waveform import Waveform

WAV_BYTES_A_MS = 32
"""16 kHz, 16 bit, mono."""
PEAKS = 400

COLUMNS = (
    Column("number", "#", 4, "right"),
    Column("start", "start", 8, "right"),
    Column("length", "len", 5, "right", drop=3),
    Column("level", "dB", 5, "right"),
    Column("speech", "speech", 6, "right"),
    Column("flags", "flags", None, least=6),
)


class SegmentRows:
    """The table's rows: the segments of one recording."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = segments
        self._places = {segment.id: place for place, segment in enumerate(segments)}

    def __len__(self) -> int:
        return len(self.segments)

    def key(self, index: int, /) -> str:
        return self.segments[index].id

    def index_of(self, key: str, /) -> int | None:
        return self._places.get(key)

    def cells(self, index: int, /) -> list[str]:
        segment = self.segments[index]
        return [
            str(index),
            marks.length(segment.start_ms),
            f"{(segment.end_ms - segment.start_ms) / 1000:.1f}",
            "" if segment.dbfs is None else f"{segment.dbfs:.0f}",
            "" if segment.speech is None else f"{segment.speech:.0%}",
            " ".join(segment.flags),
        ]


@dataclass(frozen=True)
class Preview:
    """What is drawn of a segment: peaks [n, 2] in -1…1, log-mel [bins, frames]; error: why there is none."""

    id: str
    peaks: np.ndarray
    mel: np.ndarray
    error: str = ""


def preview(workspace: Workspace, segment: Segment) -> Preview:
    """Read and measure a segment's sound: about 10 ms, so in a thread."""
    try:
        samples, _ = read_wav(workspace.absolute(segment.path))
    except UserError as error:
        return Preview(segment.id, np.zeros((0, 2)), np.zeros((0, 0)), f"{error.what}: {error.fix}")
    return Preview(segment.id, peaks_of(samples, PEAKS), log_mel(samples))


def shared(segment: Segment, neighbour: Segment | None) -> float:
    """The part (0–1) of a segment that its neighbour holds too."""
    if neighbour is None:
        return 0.0
    both = min(segment.end_ms, neighbour.end_ms) - max(segment.start_ms, neighbour.start_ms)
    return max(0, both) / (segment.end_ms - segment.start_ms)


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
            with Vertical(id="preview"):
                yield Waveform()
                yield MelPicture()
                yield TextLine(id="text")
                yield TextLine(id="playhead")
        yield ErrorBanner()
        yield JobLine()

    def on_mount(self) -> None:
        self.query_one("#preview").display = False

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

    def _plan(self, video: Video) -> int:
        length_ms, overlap_ms = round(self._settings.length_s * 1000), round(self._settings.overlap_s * 1000)
        return len(plan_spans(video.duration_ms or 0, length_ms, overlap_ms))

    def _is_cut(self, video: Video) -> bool:
        """Cut with the settings as they are now."""
        cut = video.cut or {}
        wanted = (round(self._settings.length_s * 1000), round(self._settings.overlap_s * 1000))
        return (cut.get("length_ms"), cut.get("overlap_ms")) == wanted

    # -- showing

    def _show_heading(self) -> None:
        line, video = self.query_one("#recording", TextLine), self.video
        if video is None:
            line.show("No recording is here yet")
            self.table.empty_text = "\nNo recording is here yet.\n2 Playlist brings some."
            return
        place = f"[{self._videos.index(video) + 1}/{len(self._videos)}]  " if len(self._videos) > 1 else ""
        title = Text(place).append(video.title or video.id, "bold").append(f"  {marks.length(video.duration_ms)}")
        count, settings = self._plan(video), self._settings
        whole = marks.megabytes(count * settings.length_s * 1000 * WAV_BYTES_A_MS)
        arrow = "->" if self.host.ascii else "→"
        state = "" if self._is_cut(video) else ("  not cut yet" if video.cut is None else "  cut otherwise")
        plan = f"{settings.length_s:g} s / {settings.overlap_s:g} s {arrow} {plural(count, 'segment')}, {whole}{state}"
        line.show(title, plan)
        self.table.empty_text = f"\nNot cut yet.\nenter cuts it into {plural(count, 'segment')}, s changes how."

    @on(RowTable.Highlighted)
    def _show_preview(self) -> None:
        source, place = self.table.source, self.table.cursor
        if not isinstance(source, SegmentRows) or place >= len(source):
            self.query_one("#preview").display = False
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
        segment = source.segments[place]
        self.query_one("#preview").display = True
        wave, mel, text = self.query_one(Waveform), self.query_one(MelPicture), self.query_one("#text", TextLine)
        text.show(segment.text or "no transcript yet", ", ".join(filter(None, (segment.origin, segment.part))))
        if found.error:
            wave.clear(found.error)
            mel.clear()
            return
        before = source.segments[place - 1] if place else None
        after = source.segments[place + 1] if place + 1 < len(source) else None
        wave.show(
            found.peaks,
            shared_left=shared(segment, before),
            shared_right=shared(segment, after),
            left=str(place - 1),
            right=str(place + 1),
            title=f"{place}   {marks.length(segment.start_ms)}–{marks.length(segment.end_ms)}",
        )
        mel.show(found.mel)

    def show_playback(self, playback: Playback) -> None:
        self.query_one("#playhead", TextLine).show(playhead(playback, self.table.cursor_key, self.host.ascii))

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

    def action_settings(self) -> None:
        durations = [video.duration_ms or 0 for video in self._videos]
        self.open_dialog(CutSettings(self._settings, durations), self._change)

    def _change(self, answer: str) -> None:
        """Write the settings, in the order that never leaves an overlap as long as the length in the file."""
        length_s, overlap_s = (float(part) for part in answer.split())
        path, old = self.workspace.config_path, self._settings
        changes = [("overlap_s", overlap_s), ("length_s", length_s)]
        if overlap_s >= old.length_s:
            changes.reverse()

        def write() -> None:
            for key, value in changes:
                set_value(path, "segment", key, value)

        self.in_thread(write, lambda _: self._load(), group="settings")

    @on(RowTable.Chosen)
    def action_cut(self) -> None:
        due = [video for video in self._videos if not self._is_cut(video)]
        if self.live_jobs():
            self.toast("Recordings are being cut already; x cancels")
        elif not self._videos:
            self.toast("There is no recording here yet; 2 Playlist brings some")
        elif not due:
            self.toast("Every recording is cut this way; s changes length and overlap")
        else:
            self._ask_before_loss(due)

    def _ask_before_loss(self, due: list[Video]) -> None:
        """Cutting anew drops the machine's transcripts of the old pieces; a person's text stays."""
        store, ids = self.store, [video.id for video in due if video.cut is not None]

        def count() -> int:
            rows = (row for id in ids for row in store.segments.all(video=id))
            return sum(row.origin is not None and not row.is_human and row.review != "accepted" for row in rows)

        def counted(lost: int) -> None:
            if not lost:
                self._cut(due)
                return
            text = f"{lost} transcripts by a machine go with the old segments. What a person wrote or accepted stays."
            choices = [("y", f"cut {plural(len(ids), 'recording')} anew"), ("n", "leave them as they are")]
            question = dialog.Choice("Cut anew?", text, choices)
            self.open_dialog(question, lambda answer: self._cut(due) if answer == "y" else None)

        self.in_thread(count, counted, group="loss")

    def _cut(self, due: list[Video]) -> None:
        self.query_one(ErrorBanner).show(None)
        settings = {"length_s": self._settings.length_s, "overlap_s": self._settings.overlap_s}
        self.start_job("segment", {"ids": [video.id for video in due], "settings": settings})

    def action_stop(self) -> None:
        job = foremost(self.live_jobs())
        if job is None:
            self.toast("Nothing is being cut")
        else:
            self.stop_job(job.folder)
            self.toast(lookup(job.stage).stopping)
