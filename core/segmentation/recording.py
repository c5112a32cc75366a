"""One recording on its way into segments: one ffmpeg, one pass, flat memory."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.clock import duration, now_ms
from core.errors import UserError
from core.events import ItemState
from core.jobs import Job
from core.media import MediaInfo, probe, segment_id, stream_pcm
from core.media.speech import listen
from core.media.stream import BadMedia, read_ahead
from core.media.windows import SAMPLES_PER_MS, Cutter
from core.segmentation.forecast import Recording, is_cut_by
from core.segmentation.leftovers import remove_segments, remove_stray_files
from core.segmentation.media_file import is_same, media_digest
from core.segmentation.progress import SegmentationProgress
from core.segmentation.texts import Texts, can_move, move_texts, stays
from core.segmentation.writer import SegmentWriter
from core.spans import Span
from core.store import Segment, Store, Video
from core.text import plural
from core.workspace import Workspace


class RecordingSegmenter:
    """Cuts one video. What is there and whole is not done again."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        job: Job,
        cutter: Cutter,
        texts: Texts,
        progress: SegmentationProgress,
        video: Video,
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._job = job
        self._cutter = cutter
        self._texts: Texts = texts
        self._progress = progress
        self._video = video
        self._writer = SegmentWriter(workspace, store, video.id, progress.add)
        self._kept: list[Span] = []
        self._decoded_ms = 0
        self._ffmpeg_said = ""

    def run(self) -> None:
        """Leave the recording cut, with its length in the store.

        BadMedia if the file is at fault, with what can be read of it cut. After any other error it is due again.
        """
        media, size, digest = self._media_file()
        if self._is_whole(size, digest):
            self._progress.advance(self._video.duration_ms or 0, self._video.id)
            self._finish(ItemState.WHOLE)
            return
        info = probe(media, cancelled=self._job.check)
        if info.tracks > 1:
            self._job.log(
                f"{self._video.id} has {info.tracks} sound tracks: number {info.track}, the default one, is cut"
            )
        cutting = self._begin(size, digest, info.duration_ms)
        self._writer.folder.mkdir(parents=True, exist_ok=True)
        self._write_segments(media)
        fault = self._shortage(info)
        self._writer.ids |= self._planned_before()
        self._move_texts(cutting)
        self._remove_earlier()
        rows = self._store.segments.all(video=self._video.id)
        remove_stray_files(self._writer.folder, self._video.id, {row.id for row in rows})
        self._store.cuts.finish(self._video.id, self._result(cutting, rows), self._writer.ids)
        self._finish(ItemState.CUT)
        if fault is not None:
            raise fault

    def _result(self, cutting: dict[str, Any], rows: Sequence[Segment]) -> dict[str, Any]:
        """What the store keeps of a cut that has come to its end. rows: all segments of the recording."""
        own = [row for row in rows if row.id in self._writer.ids]
        counts = {"segments": len(own), "sound_ms": sum(row.end_ms - row.start_ms for row in own)}
        kept = {name: cutting[name] for name in ("bytes", "media", "replaced") if cutting.get(name) is not None}
        return self._cutter.settings() | {"duration_ms": self._decoded_ms} | kept | counts

    def _finish(self, state: ItemState) -> None:
        self._writer.measure_earlier(self._job.check)
        self._progress.add(videos=1, segments=len(self._writer.ids))
        self._job.item(self._video.id, state)

    def _media_file(self) -> tuple[Path, int, str]:
        """Where it is, its bytes, and what it is known by."""
        video = self._video
        if not video.path:
            raise UserError(
                f"{video.id} has not been fetched", "there is no media file", f"whispersmith fetch {video.id}"
            )
        path = self._workspace.absolute(video.path)
        try:
            return path, path.stat().st_size, media_digest(path)
        except FileNotFoundError as error:
            fix = f"put it back, or whispersmith fetch {video.id}"
            raise BadMedia(f"the media file of {video.id} is gone", f"{video.path} is not there", fix) from error

    # -- what is there already

    def _is_whole(self, size: int, digest: str) -> bool:
        """Cut with these settings from this very file, every row and every wav in place, and no text is to move."""
        cut = self._video.cut
        if cut is None or not is_cut_by(self._video, self._cutter) or self._has_to_move():
            return False
        if cut.get("bytes") is None or not is_same(cut, size, digest):
            return False
        if "segments" in cut:
            spans = [Span(row.start_ms, row.end_ms) for row in self._writer.rows.values() if not row.kept]
            complete = len(spans) == cut["segments"]
        else:  # as cuts were noted before any was made around what stays
            spans = self._cutter.plan(int(cut.get("duration_ms") or 0))
            complete = True
        if not complete or not all(self._writer.is_whole(span) for span in spans):
            return False
        self._writer.ids = {segment_id(self._video.id, *span) for span in spans}
        self._progress.add(found=len(spans))
        if "media" not in cut:  # as cuts were noted before: from now on another file of this length is noticed
            self._store.videos.update(self._video.id, cut=cut | {"media": digest})
        return True

    def _has_to_move(self) -> bool:
        return self._texts == "moves" and any(row.kept and can_move(row) for row in self._writer.rows.values())

    # -- from an earlier cut to this one

    def _begin(self, size: int, digest: str, duration_ms: int) -> dict[str, Any]:
        """Note in the store that this cut has begun, so that a killed run is taken up where it was; what was noted."""
        video = self._video
        before = video.cut or video.cutting or {}
        # None of the pieces of another recording may be taken for this one's, and what a person wrote for them, and
        # what was heard in them, belongs to their sound.
        is_new = not is_same(before, size, digest)
        is_other = is_new or bool(before.get("other"))
        texts = "stays" if is_other else self._texts
        wanted = self._cutter.settings() | {"bytes": size, "text": texts, "other": is_other}
        taken_up = video.cut is None and not is_new and {name: before.get(name) for name in wanted} == wanted
        mended = not is_other and is_cut_by(video, self._cutter) and not self._has_to_move()
        if is_other and not taken_up:
            self._remove_files_of_other_recording()
        more = {name: before.get(name) for name in ("since", "around", "replaced")} | {"media": digest}
        if is_new:
            more["replaced"] = {"texts": self._store.timed_texts.newest(), "at": now_ms()}
            self._job.log(
                f"{video.id}: another recording lies where the one was that was cut; what was heard in that, and "
                "captions that were here, are not taken for this one",
                "warning",
            )
        if not taken_up:
            # Before cuts were made around what stays, it stood beside a whole one.
            more |= {"since": self._store.cuts.last_edit(), "around": not mended or "segments" in before}
        self._store.cuts.begin(video.id, wanted | more, anew=not (taken_up or mended))
        replaced = more["replaced"] is not None
        rows = [row for row in self._store.cuts.segments([video.id]).get(video.id, []) if row.kept]
        staying = [row for row in rows if stays(row, texts, replaced=replaced)]
        self._kept = [Span(row.start_ms, row.end_ms) for row in staying] if more["around"] else []
        if not (taken_up or mended):
            begun = replace(video, cut=None, cutting=wanted | more, duration_ms=duration_ms)
            found = Recording(begun, rows).forecast(self._cutter, texts)
            for change in found.changes:
                self._job.log(f"{video.id}: {change}")
        return wanted | more

    def _remove_files_of_other_recording(self) -> None:
        self._writer.folder.mkdir(parents=True, exist_ok=True)
        kept = {row.id for row in self._writer.rows.values() if row.is_reviewed or row.is_changed}
        remove_stray_files(self._writer.folder, self._video.id, kept)

    # -- the cut

    def _write_segments(self, media: Path) -> None:
        """Decoding, the speech detector and writing go on side by side."""
        with closing(self._writer), closing(read_ahead(listen(read_ahead(self._blocks(media))))) as blocks:
            for piece in self._cutter.cut(blocks, self._kept):
                self._job.check()
                self._writer.put(piece)
            self._writer.flush()
        if not self._decoded_ms:
            raise BadMedia(
                f"{self._video.id} has no sound",
                self._ffmpeg_said or "its audio stream is empty",
                "give another file in its place",
            )

    def _blocks(self, media: Path) -> Generator[np.ndarray, None, None]:
        """The samples as they are decoded, counted."""
        samples = 0
        try:
            for block in stream_pcm(media, cancelled=self._job.check, on_warning=self._keep_warning):
                yield block
                samples += len(block)
                self._progress.advance(len(block) // SAMPLES_PER_MS, self._video.id)
        except BadMedia as error:  # what came before is good
            self._keep_warning(error.why)
        self._decoded_ms = samples // SAMPLES_PER_MS

    def _keep_warning(self, line: str) -> None:
        self._ffmpeg_said = line

    def _shortage(self, info: MediaInfo) -> BadMedia | None:
        """The fault of a file that holds less than it promises. What ffmpeg bore with otherwise is logged."""
        id, missing = self._video.id, info.duration_ms - self._decoded_ms
        found = f"sound for {duration(self._decoded_ms)} of {duration(info.duration_ms)}"
        if missing <= max(2000, info.duration_ms // 100):
            if self._ffmpeg_said:
                self._job.log(f"{id}: ffmpeg found a fault in it and went on: {self._ffmpeg_said}", "warning")
            return None
        if not self._ffmpeg_said and info.has_video:  # the sound track is shorter than the film
            self._job.log(f"{id}: {found}; the rest of the recording is silent", "warning")
            return None
        fix = f"put the whole file in the place of {self._video.path}, then whispersmith segment {id}"
        why = self._ffmpeg_said or "there is less in the file than its head promises"
        return BadMedia(f"{id} ends early: {found}, {duration(missing)} missing", why, fix)

    # -- what is left of earlier cuts

    def _planned_before(self) -> set[str]:
        """Segments that have stayed where this cut would have put them: where all of it is as planned, they are its."""
        plan = {segment_id(self._video.id, *span) for span in self._cutter.plan(self._decoded_ms)}
        stayed = {segment_id(self._video.id, *span) for span in self._kept} & plan
        return stayed if self._writer.ids | stayed == plan else set()

    def _move_texts(self, cutting: dict[str, Any]) -> None:
        gone = move_texts(
            self._store,
            self._video.id,
            self._writer.ids,
            int(cutting["since"]),
            cutting["text"],
            replaced=cutting["replaced"] is not None,
        )
        for id in gone:
            (self._writer.folder / f"{id}.wav").unlink(missing_ok=True)
        self._progress.add(moved=len(gone))

    def _remove_earlier(self) -> None:
        old = [row for row in self._store.segments.all(video=self._video.id) if row.id not in self._writer.ids]
        removed = remove_segments(self._workspace, self._store, old)
        kept = len(old) - removed
        self._progress.add(removed=removed, kept_human=kept)
        if removed:
            line = f"{self._video.id}: cut anew, {plural(removed, 'earlier segment')} removed"
            self._job.log(line + (f", {kept} kept with what a person gave them" if kept else ""))
