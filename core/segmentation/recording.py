"""One recording on its way into segments: one ffmpeg, one pass, flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.errors import UserError
from core.events import ItemState
from core.files import digest_of
from core.jobs import Job
from core.media import probe, segment_id, stream_pcm
from core.media.windows import SAMPLES_PER_MS, OverlappingWindows, without_detector
from core.segmentation.leftovers import remove_segments, remove_stray_files
from core.segmentation.progress import SegmentationProgress
from core.segmentation.writer import SegmentWriter
from core.store import Store, Video
from core.workspace import Workspace


class RecordingSegmenter:
    """Cuts one video. What is there and whole is not done again."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        job: Job,
        windows: OverlappingWindows,
        progress: SegmentationProgress,
        video: Video,
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._job = job
        self._windows = windows
        self._progress = progress
        self._video = video
        self._writer = SegmentWriter(workspace, store, video.id)
        self._decoded_ms = 0
        self._ffmpeg_warning = ""

    def run(self) -> None:
        """Leave the recording cut, with its length in the store. UserError if it cannot be, with what was left of it
        cut; the recording is due again then."""
        media = self._media_file()
        size = media.stat().st_size
        if self._is_whole(size):
            self._progress.advance(self._video.duration_ms or 0, self._video.id)
            self._finish(ItemState.WHOLE)
            return
        info = probe(media, cancelled=self._job.check)
        cut = self._video.cut
        same = cut is not None and self._cut_settings() == self._windows.settings()
        if cut is not None and cut.get("bytes") not in (None, size):
            # A media file of another size is another recording: none of its pieces may be taken for this one's.
            same = False
            for span in self._windows.plan(info.duration_ms):
                self._writer.path(span).unlink(missing_ok=True)
        # Until the end is reached the video counts as not cut, so that a killed run is taken up again.
        self._store.videos.update(self._video.id, cut=None)
        self._writer.folder.mkdir(parents=True, exist_ok=True)
        self._write_segments(media, info.duration_ms)
        if not same:
            self._remove_earlier()
        named = {row.id for row in self._store.segments.all(video=self._video.id)}
        remove_stray_files(self._writer.folder, self._video.id, named)
        done = self._windows.settings() | {"duration_ms": self._decoded_ms, "bytes": size}
        self._store.videos.update(self._video.id, cut=done, duration_ms=self._decoded_ms)
        self._finish(ItemState.CUT)

    def _finish(self, state: ItemState) -> None:
        self._progress.add(videos=1, segments=len(self._writer.ids))
        self._job.item(self._video.id, state)

    def _media_file(self) -> Path:
        video = self._video
        if not video.path:
            raise UserError(
                f"{video.id} has not been fetched", "there is no media file", f"whispersmith fetch {video.id}"
            )
        path = self._workspace.absolute(video.path)
        if not path.is_file():
            raise UserError(
                f"the media file of {video.id} is gone", f"{video.path} is not there", f"whispersmith fetch {video.id}"
            )
        return path

    def _cut_settings(self) -> dict[str, object]:
        cut = self._video.cut or {}
        return {name: cut.get(name) for name in self._windows.settings()}

    def _is_whole(self, size: int) -> bool:
        """Cut with these settings from this very file, every row and every wav in place."""
        cut = self._video.cut
        if cut is None or self._cut_settings() != self._windows.settings() or cut.get("bytes") != size:
            return False
        spans = self._windows.plan(int(cut.get("duration_ms") or 0))
        if not all(self._writer.is_whole(span) for span in spans):
            return False
        self._writer.ids = {segment_id(self._video.id, *span) for span in spans}
        self._progress.add(found=len(spans))
        self._fill_digests()
        return True

    def _fill_digests(self) -> None:
        """For segments that were cut before digests were kept."""
        missing = [row for id, row in self._writer.rows.items() if row.digest is None and id in self._writer.ids]
        found = {}
        for row in missing:
            self._job.check()
            found[row.id] = digest_of(self._workspace.absolute(row.path))
        self._store.segments.set_digests({id: digest for id, digest in found.items() if digest})

    def _write_segments(self, media: Path, container_ms: int) -> None:
        blocks = without_detector(self._blocks(media, container_ms))
        for piece in self._windows.cut(blocks):
            self._job.check()
            written = self._writer.put(piece)
            self._progress.add(**{"written" if written else "found": 1})
        self._writer.flush()

    def _blocks(self, media: Path, container_ms: int) -> Iterator[np.ndarray]:
        """The samples as they are decoded. UserError at their end if that comes too early."""
        samples = 0
        for block in stream_pcm(media, cancelled=self._job.check, on_warning=self._keep_warning):
            yield block
            samples += len(block)
            self._progress.advance(len(block) // SAMPLES_PER_MS, self._video.id)
        self._decoded_ms = samples // SAMPLES_PER_MS
        if not self._decoded_ms:
            raise UserError(f"{self._video.id} has no sound", "its audio stream is empty", "fetch it again")
        if container_ms - self._decoded_ms > max(2000, container_ms // 100):
            self._writer.flush()
            self._report_short(container_ms)

    def _keep_warning(self, line: str) -> None:
        self._ffmpeg_warning = line

    def _report_short(self, container_ms: int) -> None:
        """Fewer samples than promised: a file cut off if ffmpeg warned, else a sound track shorter than the film."""
        found = f"sound for {self._decoded_ms / 1000:.0f} s of {container_ms / 1000:.0f} s"
        if self._ffmpeg_warning:
            raise UserError(
                f"{self._video.id} ends early: {found}", self._ffmpeg_warning, f"whispersmith fetch {self._video.id}"
            )
        self._job.log(f"{self._video.id}: {found}; the rest of the recording is silent", "warning")

    def _remove_earlier(self) -> None:
        old = [row for id, row in self._writer.rows.items() if id not in self._writer.ids]
        if not old:
            return
        removed = remove_segments(self._workspace, self._store, old)
        kept = len(old) - removed
        self._progress.add(removed=removed, kept_human=kept)
        line = f"{self._video.id}: cut anew, {removed} earlier segments removed"
        self._job.log(line + (f", {kept} kept with the text a person gave them" if kept else ""))
