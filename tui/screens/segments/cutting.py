"""What the keys that cut have to do: from the recordings and the settings to a job, or a word on why not."""

from __future__ import annotations

from collections.abc import Sequence

from core.config import SegmentConfig, set_value
from core.media import plan_spans
from core.stage import lookup
from core.store import Store, Video
from core.text import plural
from core.workspace import Workspace
from tui.bridge import JobBatch
from tui.effects import Effect, InThread, OpenDialog, Reload, StartJob, StopJob, Toast
from tui.screens.job_line import foremost
from tui.screens.segments.settings_dialog import CutSettings
from tui.widgets import dialog, marks

WAV_BYTES_A_MS = 32
"""16 kHz, 16 bit, mono."""


def planned(video: Video, settings: SegmentConfig) -> int:
    """How many segments the settings give."""
    return len(plan_spans(video.duration_ms or 0, *_in_ms(settings)))


def is_cut(video: Video, settings: SegmentConfig) -> bool:
    """Cut with the settings as they are now."""
    cut = video.cut or {}
    return (cut.get("length_ms"), cut.get("overlap_ms")) == _in_ms(settings)


def _in_ms(settings: SegmentConfig) -> tuple[int, int]:
    return round(settings.length_s * 1000), round(settings.overlap_s * 1000)


def plan_text(video: Video, settings: SegmentConfig, ascii: bool) -> str:
    """`10 s / 2 s → 201 segments, 64 MB`, and whether the recording is cut so."""
    count = planned(video, settings)
    whole = marks.megabytes(count * settings.length_s * 1000 * WAV_BYTES_A_MS)
    arrow = "->" if ascii else "→"
    state = "" if is_cut(video, settings) else ("  not cut yet" if video.cut is None else "  cut otherwise")
    return f"{settings.length_s:g} s / {settings.overlap_s:g} s {arrow} {plural(count, 'segment')}, {whole}{state}"


class Cutting:
    """The keys `s`, `enter` and `x`."""

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self._workspace, self._store = workspace, store

    def change(self, videos: Sequence[Video], settings: SegmentConfig) -> list[Effect]:
        """Ask for other settings, and write them."""
        question = CutSettings(settings, [video.duration_ms or 0 for video in videos])
        return [OpenDialog(question, lambda answer: self._write(answer, settings))]

    def _write(self, answer: str, old: SegmentConfig) -> list[Effect]:
        """In the order that never leaves an overlap as long as the length in the file."""
        length_s, overlap_s = (float(part) for part in answer.split())
        path = self._workspace.config_path
        changes = [("overlap_s", overlap_s), ("length_s", length_s)]
        if overlap_s >= old.length_s:
            changes.reverse()

        def write() -> None:
            for key, value in changes:
                set_value(path, "segment", key, value)

        return [InThread(write, lambda _: [Reload()], "settings")]

    def cut(self, videos: Sequence[Video], settings: SegmentConfig, live: Sequence[JobBatch]) -> list[Effect]:
        """Cut every recording that is not cut this way. live: the jobs of this screen."""
        due = [video for video in videos if not is_cut(video, settings)]
        if live:
            return [Toast("Recordings are being cut already; x cancels")]
        if not videos:
            return [Toast("There is no recording here yet; 2 Playlist brings some")]
        if not due:
            return [Toast("Every recording is cut this way; s changes length and overlap")]
        return self._ask_before_loss(due, settings)

    def _ask_before_loss(self, due: list[Video], settings: SegmentConfig) -> list[Effect]:
        """Cutting anew drops the machine's transcripts of the old pieces; a person's text stays."""
        store, ids = self._store, [video.id for video in due if video.cut is not None]
        start = StartJob(
            "segment",
            {
                "ids": [video.id for video in due],
                "settings": {"length_s": settings.length_s, "overlap_s": settings.overlap_s},
            },
        )

        def count() -> int:
            rows = (row for id in ids for row in store.segments.all(video=id))
            return sum(row.origin is not None and not row.is_human and row.review != "accepted" for row in rows)

        def counted(lost: int) -> list[Effect]:
            if not lost:
                return [start]
            text = f"{lost} transcripts by a machine go with the old segments. What a person wrote or accepted stays."
            choices = [("y", f"cut {plural(len(ids), 'recording')} anew"), ("n", "leave them as they are")]
            question = dialog.Choice("Cut anew?", text, choices)
            return [OpenDialog(question, lambda answer: [start] if answer == "y" else [])]

        return [InThread(count, counted, "loss")]

    def stop(self, live: Sequence[JobBatch]) -> list[Effect]:
        job = foremost(live)
        if job is None:
            return [Toast("Nothing is being cut")]
        return [StopJob(job.folder), Toast(lookup(job.stage).stopping)]
