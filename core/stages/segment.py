"""Cut recordings into overlapping 16 kHz wav files: one ffmpeg each, one pass, flat memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.config import Config, SegmentConfig
from core.errors import UserError
from core.media import RATE, Span, load_pydub, plan_spans, probe, segment_id, speech_share, stream_pcm
from core.media.sound import SILENCE_DBFS
from core.spans import parse_segment_name
from core.store import Segment, Store, Video
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs import Job

HEADER = 44
"""Bytes before the samples in the wav files written here."""

SAMPLES_A_MS = RATE // 1000
_BATCH = 16
"""Rows in one transaction: each commit is forced to the disk, and what is not committed is measured again."""


@dataclass
class _SharedState:
    """What the threads of one run share. Counts are of segments, `failed` of videos."""

    workspace: Workspace
    store: Store
    job: Job
    length_ms: int
    overlap_ms: int
    total_ms: int = 0
    done_ms: int = 0
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("videos", "segments", "written", "found", "removed", "kept_human", "failed"), 0
        )
    )
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def settings(self) -> dict[str, int]:
        return {"length_ms": self.length_ms, "overlap_ms": self.overlap_ms}

    def add(self, **more: int) -> None:
        with self.lock:
            for name, value in more.items():
                self.counts[name] += value

    def heard(self, ms: int, note: str) -> None:
        with self.lock:
            self.done_ms += ms
            done, total = self.done_ms / 1000, max(self.done_ms, self.total_ms) / 1000
        self.job.progress(round(done, 1), round(total, 1), unit="s", note=note)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Cut `params["ids"]` (default: every video with a media file) with `params["settings"]` (default: the config's).

    What is there and whole is not done again. A video that cannot be cut fails alone. Returns counts.
    """
    settings = _settings(config.segment, job.params.get("settings") or {})
    length_ms, overlap_ms = round(settings.length_s * 1000), round(settings.overlap_s * 1000)
    plan_spans(1, length_ms, overlap_ms)  # refuses settings that never advance, before anything is touched
    load_pydub()
    with Store(workspace.db_path) as store:
        videos = _chosen(store, job)
        state = _SharedState(workspace, store, job, length_ms, overlap_ms)
        state.total_ms = sum(video.duration_ms or 0 for video in videos)
        workers = min(2, os.cpu_count() or 1, len(videos))
        with ThreadPoolExecutor(workers, thread_name_prefix="cut") as pool:
            tasks = [pool.submit(_cut_or_say, state, video) for video in videos]
        for task in tasks:
            task.result()
        job.check()
    return state.counts | {"new": state.counts["written"], "cut": state.settings}


def _settings(base: SegmentConfig, override: dict[str, Any]) -> SegmentConfig:
    from pydantic import ValidationError

    try:
        return SegmentConfig.model_validate(base.model_dump() | override)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"segment {'.'.join(map(str, first['loc']))} is not valid",
            f"{first['msg']}, but it is {first['input']!r}",
            "for example --length 10 --overlap 2",
        ) from error


def _chosen(store: Store, job: Job) -> list[Video]:
    ids = job.params.get("ids")
    if ids:
        found = [(id, store.videos.get(id)) for id in dict.fromkeys(ids)]
        unknown = [id for id, video in found if video is None]
        if unknown:
            raise UserError(
                f"there is no video {', '.join(unknown)}", "its id is not in this workspace", "whispersmith videos"
            )
        return [video for _, video in found if video is not None]
    videos = [video for video in store.videos.all() if video.path]
    if not videos:
        raise UserError("there is nothing to cut", "no video has been fetched yet", "whispersmith fetch --first 1")
    return videos


def _cut_or_say(run: _SharedState, video: Video) -> None:
    try:
        run.job.check()
        _Cutter(run, video).cut()
    except UserError as error:
        run.add(failed=1)
        run.job.item_failed(video.id, error)
    except OSError as error:
        run.add(failed=1)
        run.job.item_failed(
            video.id,
            UserError(
                f"{video.id} could not be written",
                error.strerror or str(error),
                "make room on the disk, then try again",
            ),
        )


class _Cutter:
    """One video on its way into segments."""

    def __init__(self, run: _SharedState, video: Video) -> None:
        self.run = run
        self.video = video
        self.folder = run.workspace.segments / video.id
        self.rows = {row.id: row for row in run.store.segments.all(video=video.id)}
        self.pending: list[Segment] = []
        self.planned: set[str] = set()
        self.complaint = ""

    def cut(self) -> None:
        media = self._media()
        size = media.stat().st_size
        if self._is_whole(size):
            self.run.add(videos=1, segments=len(self.planned), found=len(self.planned))
            self.run.heard(self.video.duration_ms or 0, self.video.id)
            self.run.job.item(self.video.id, "whole", segments=len(self.planned))
            return
        info = probe(media, cancelled=self.run.job.check)
        cut = self.video.cut
        same = cut is not None and self._settings_of_cut() == self.run.settings
        if cut is not None and cut.get("bytes") not in (None, size):
            # A media file of another size is another recording: none of its pieces may be taken for this one's.
            same = False
            self._drop_files(info.duration_ms)
        # Until the end is reached the video counts as not cut, so that a killed run is taken up again.
        self.run.store.videos.update(self.video.id, cut=None)
        self.folder.mkdir(parents=True, exist_ok=True)
        duration = self._stream(media, info.duration_ms)
        if not same:
            self._make_way()
        self._tidy()
        done = self.run.settings | {"duration_ms": duration, "bytes": size}
        self.run.store.videos.update(self.video.id, cut=done, duration_ms=duration)
        self.run.add(videos=1, segments=len(self.planned))
        self.run.job.item(self.video.id, "cut", segments=len(self.planned))

    def _media(self) -> Path:
        if not self.video.path:
            raise UserError(
                f"{self.video.id} has not been fetched", "there is no media file", f"whispersmith fetch {self.video.id}"
            )
        path = self.run.workspace.absolute(self.video.path)
        if not path.is_file():
            raise UserError(
                f"the media file of {self.video.id} is gone",
                f"{self.video.path} is not there",
                f"whispersmith fetch {self.video.id}",
            )
        return path

    def _settings_of_cut(self) -> dict[str, Any]:
        cut = self.video.cut or {}
        return {name: cut.get(name) for name in self.run.settings}

    def _is_whole(self, size: int) -> bool:
        """Cut with these settings from this very file, every row and every wav in place."""
        cut = self.video.cut
        if cut is None or self._settings_of_cut() != self.run.settings or cut.get("bytes") != size:
            return False
        spans = plan_spans(int(cut.get("duration_ms") or 0), self.run.length_ms, self.run.overlap_ms)
        self.planned = {segment_id(self.video.id, *span) for span in spans}
        return all(self._row_is_whole(span) for span in spans)

    def _row_is_whole(self, span: Span) -> bool:
        row = self.rows.get(segment_id(self.video.id, *span))
        return row is not None and row.dbfs is not None and _is_whole(self._path(span), span)

    def _path(self, span: Span) -> Path:
        return self.folder / f"{segment_id(self.video.id, *span)}.wav"

    def _drop_files(self, duration_ms: int) -> None:
        for span in plan_spans(duration_ms, self.run.length_ms, self.run.overlap_ms):
            self._path(span).unlink(missing_ok=True)

    def _make_way(self) -> None:
        """Remove pieces of an earlier cut that this one did not make; those a person worked on stay (law 2)."""
        old = [row for id, row in self.rows.items() if id not in self.planned]
        if not old:
            return
        removed = self.run.store.segments.remove([row.id for row in old])
        there = {row.id for row in self.run.store.segments.all(video=self.video.id)}
        for row in old:
            if row.id not in there:
                self.run.workspace.absolute(row.path).unlink(missing_ok=True)
        kept = len(old) - removed
        self.run.add(removed=removed, kept_human=kept)
        said = f"{self.video.id}: cut anew, {removed} earlier segments removed"
        self.run.job.log(said + (f", {kept} kept with the text a person gave them" if kept else ""))

    def _stream(self, media: Path, container_ms: int) -> int:
        """Cut while the samples come in; returns the length that was really decoded, in ms."""
        pieces = _Windows(self.run.length_ms, self.run.overlap_ms)
        stream = stream_pcm(media, cancelled=self.run.job.check, complained=self._complained)
        for block in stream:
            for span, samples in pieces.feed(block):
                self.run.job.check()
                self._keep(span, samples)
            self.run.heard(len(block) // SAMPLES_A_MS, self.video.id)
        duration = pieces.total // SAMPLES_A_MS
        if duration == 0:
            raise UserError(f"{self.video.id} has no sound", "its audio stream is empty", "fetch it again")
        short = container_ms - duration
        if short > max(2000, container_ms // 100):
            self._flush()
            self._tell_short(duration, container_ms)
        for span, samples in pieces.rest():
            self._keep(span, samples)
        self._flush()
        return duration

    def _complained(self, line: str) -> None:
        self.complaint = line

    def _tell_short(self, duration: int, container_ms: int) -> None:
        """Fewer samples than promised: a file cut off if ffmpeg complains, else a sound track shorter than the film."""
        said = f"sound for {duration / 1000:.0f} s of {container_ms / 1000:.0f} s"
        if self.complaint:
            raise UserError(
                f"{self.video.id} ends early: {said}", self.complaint, f"whispersmith fetch {self.video.id}"
            )
        self.run.job.log(f"{self.video.id}: {said}; the rest of the recording is silent", "warning")

    def _keep(self, span: Span, samples: np.ndarray) -> None:
        id = segment_id(self.video.id, *span)
        self.planned.add(id)
        path = self._path(span)
        audio = load_pydub().AudioSegment(
            data=samples.astype("<i2").tobytes(), sample_width=2, frame_rate=RATE, channels=1
        )
        written = not _is_whole(path, span)
        if written:
            _write(audio, path)
        self.run.add(**{"written" if written else "found": 1})
        row = self.rows.get(id)
        if row is None or row.dbfs is None or written:
            level = max(SILENCE_DBFS, float(audio.dBFS))
            stored = self.run.workspace.relative(path)
            share = round(speech_share(samples), 3)
            self.pending.append(Segment(id, self.video.id, *span, stored, round(level, 1), share))
        if len(self.pending) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        """Rows to the store, only ever after their files are whole."""
        if self.pending:
            self.run.store.segments.add(self.pending)
            self.pending = []

    def _tidy(self) -> None:
        """Remove what a killed run left in the folder: half-written files, and wav files that no row names."""
        named = {row.id for row in self.run.store.segments.all(video=self.video.id)}
        for path in self.folder.iterdir():
            parsed = parse_segment_name(path.name)
            mine = parsed is not None and parsed[0] == self.video.id and path.suffix == ".wav"
            if (mine and path.stem not in named) or (path.name.startswith(".") and path.name.endswith(".tmp")):
                path.unlink(missing_ok=True)


class _Windows:
    """Overlapping pieces out of a stream of blocks; holds one piece and one block at most."""

    def __init__(self, length_ms: int, overlap_ms: int) -> None:
        self.length = length_ms * SAMPLES_A_MS
        self.hop = (length_ms - overlap_ms) * SAMPLES_A_MS
        self.start = 0
        self.made = 0
        self.total = 0
        self.buffer = np.zeros(0, np.int16)

    def feed(self, block: np.ndarray) -> Iterator[tuple[Span, np.ndarray]]:
        """The pieces that this block completes."""
        self.total += len(block)
        self.buffer = np.concatenate([self.buffer, block])
        while len(self.buffer) >= self.length:
            yield self._span(self.length), self.buffer[: self.length]
            self.made += 1
            self.start += self.hop
            self.buffer = self.buffer[self.hop :]

    def rest(self) -> Iterator[tuple[Span, np.ndarray]]:
        """The last, shorter piece, if it holds a whole millisecond that no earlier piece holds."""
        overlap = self.length - self.hop if self.made else 0
        whole = len(self.buffer) // SAMPLES_A_MS * SAMPLES_A_MS
        if whole > overlap:
            yield self._span(whole), self.buffer[:whole]

    def _span(self, length: int) -> Span:
        start = self.start // SAMPLES_A_MS
        return Span(start, start + length // SAMPLES_A_MS)


def _is_whole(path: Path, span: Span) -> bool:
    try:
        return path.stat().st_size == HEADER + 2 * SAMPLES_A_MS * (span.end_ms - span.start_ms)
    except OSError:
        return False


def _write(audio: Any, path: Path) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with beside.open("w+b") as file:
        audio.export(file, format="wav")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
