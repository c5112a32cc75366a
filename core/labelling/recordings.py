"""A labeller hears recordings window by window into the store; what is stored is not heard again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from core.config import Config
from core.engines import Engine, PcmWindow
from core.engines.windows import CUT_BY, windows_of
from core.errors import UserError
from core.exchange.glossary import read_glossary
from core.labelling.progress import HearingJob, Tally
from core.media import RATE, stream_pcm
from core.segmentation.media_file import check_same
from core.spans import Span, merged
from core.store import Segment, Store, Video
from core.store.records import TimedTextRow
from core.timed_text import Timed, TimedText
from core.whisper.info import describe
from core.whisper.model_files import weights_digest
from core.workspace import Workspace

PROMPT = "prompt"
"""The setting of a timed text that says which words of a glossary its labeller was told."""

LEASE_S = 600.0
"""For so long a process has a recording for itself after its last batch; one that is seen to have ended gives it back
at once."""


def hearing_settings(workspace: Workspace, config: Config, engine: Engine) -> dict[str, Any]:
    """What a recording's timed text depends on, besides its sound: where any of it is another, it is heard anew."""
    info, words = engine.info, list(read_glossary(workspace.glossary))
    return ({PROMPT: words} if words else {}) | {
        "weights": weights_digest(describe(info.model, workspace.root).path, info.model),
        "engine": info.name,
        "precision": info.precision,
        "beam": config.label.beam,
        "language": config.project.language,
        "windows": CUT_BY,
    }


def by_video(store: Store, segments: Sequence[Segment]) -> list[tuple[Video, list[Segment]]]:
    """The segments of each recording in order of their start, the recordings in the order of the segments."""
    groups: dict[str, list[Segment]] = {}
    for segment in segments:
        groups.setdefault(segment.video, []).append(segment)
    videos = {video.id: video for video in store.videos.some(list(groups))}
    return [
        (videos[id], sorted(rows, key=lambda row: (row.start_ms, row.end_ms)))
        for id, rows in groups.items()
        if id in videos
    ]


def asked_ms(segments: Sequence[Segment]) -> int:
    """How much time of recordings segments are of; what several share counts once."""
    groups: dict[str, list[Span]] = {}
    for segment in segments:
        groups.setdefault(segment.video, []).append(Span(segment.start_ms, segment.end_ms))
    return sum(span.end_ms - span.start_ms for spans in groups.values() for span in merged(spans))


class RecordingListener:
    """Lets one engine hear recordings. Windows are stored batch by batch, so that a killed job goes on behind the last
    batch, with the batches it would have had."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        job: HearingJob,
        engine: Engine,
        settings: dict[str, Any],
        progress: Tally,
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._job = job
        self._engine = engine
        self._settings = settings
        self._progress = progress
        self._lease: tuple[int, str] | None = None

    def leased(
        self, groups: Sequence[tuple[Video, list[Segment]]], holder: str, waiting: Callable[[], object]
    ) -> Iterator[tuple[Video, list[Segment]]]:
        """Those of the recordings that this process gets, one after the other, until all are done with by somebody.

        holder: what it calls itself. waiting: called while others are at work on all that is left; it sleeps, and may
        free what they held.
        """
        texts, left = self._store.timed_texts, list(groups)
        while left:
            for video, rows in list(left):
                self._job.check()
                id = texts.begin(video.id, self._engine.info.model, self._settings).id
                if texts.lease(id, holder, LEASE_S):
                    self._lease = (id, holder)
                    yield video, rows
                    self._lease = None
                    texts.finish_lease(id)
                elif not texts.is_lease_finished(id):
                    continue
                left.remove((video, rows))
                break
            else:
                waiting()

    def hear_or_fail(
        self,
        video: Video,
        segments: Sequence[Segment],
        heard: Callable[[TimedTextRow, Sequence[Segment]], object] = lambda row, segments: None,
    ) -> bool:
        """As `hear`; a recording that cannot be read is a failed item. False for one of those."""
        try:
            self.hear(video, segments, heard)
        except UserError as error:
            self._job.item_failed(video.id, error)
            return False
        return True

    def hear(
        self,
        video: Video,
        segments: Sequence[Segment],
        heard: Callable[[TimedTextRow, Sequence[Segment]], object] = lambda row, segments: None,
    ) -> None:
        """Hear the windows in which segments of a recording lie. UserError if its sound cannot be read.

        segments: in order of their start. heard: told of the segments whose windows are stored, as soon as they are.
        """
        row = self._store.timed_texts.begin(video.id, self._engine.info.model, self._settings)
        wanted = list(merged(Span(segment.start_ms, segment.end_ms) for segment in segments))
        if row.done:
            self._progress.skip(sum(span.end_ms - span.start_ms for span in wanted))
            heard(row, segments)
            return
        if not video.path:
            raise UserError(f"{video.id} has no recording", "only its segments are here", "label --by clips")
        check_same(self._workspace, video)
        plan = _Plan(wanted, self._store.timed_texts.spans(row.id))
        self._progress.skip(plan.stored_ms)
        sound = plan.counted(stream_pcm(self._workspace.absolute(video.path), cancelled=self._job.check))
        left = list(segments)
        for batch in self._engine.hear(plan.missing(windows_of(sound, self._engine.info))):
            texts = [plan.placed(window, text) for window, text in batch]
            self._store.timed_texts.add(row.id, texts)
            if self._lease is not None:
                self._store.timed_texts.lease(*self._lease, LEASE_S)
            self._count(texts, wanted)
            stored_to = plan.store(texts)
            done = [segment for segment in left if segment.end_ms <= stored_to]
            if done:
                heard(row, done)
                left = [segment for segment in left if segment.end_ms > stored_to]
        self._store.timed_texts.add(row.id, plan.behind())
        if plan.is_whole:
            self._store.timed_texts.finish(row.id)
        # Those whose windows were stored before, and those that end a little behind the sound.
        if left := [segment for segment in left if segment.start_ms < plan.length_ms]:
            heard(row, left)

    def _count(self, texts: Sequence[TimedText], wanted: Sequence[Span]) -> None:
        lengths = sum(text.end_ms - text.start_ms for text in texts)
        self._progress.add(len(texts), lengths, sum(_shared_ms(text, wanted) for text in texts))


class _Plan:
    """Which windows of a recording are to be heard: those that are wanted and not stored yet.

    Windows leave out where nobody speaks. What is stored leaves out nothing: to a window belongs what lies between the
    one before and its own end, so that a segment is heard when what is stored covers it.
    """

    def __init__(self, wanted: Sequence[Span], stored: Sequence[Span]) -> None:
        self._wanted = wanted
        self._stored = set(stored)
        self._waiting: dict[int, Span] = {}
        """By the start of a window that is being heard, what belongs to it."""
        self._seen_to = 0
        self._samples = 0
        self.is_whole = True
        """Every window that was seen is stored, or will be: none was left out."""
        self.stored_ms = sum(_shared_ms(span, wanted) for span in stored)

    @property
    def length_ms(self) -> int:
        """Of what was heard of the recording up to now."""
        return self._samples * 1000 // RATE

    def counted(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            self._samples += len(block)
            yield block

    def missing(self, windows: Iterable[PcmWindow]) -> Iterator[PcmWindow]:
        for window in windows:
            span, self._seen_to = Span(self._seen_to, window.end_ms), window.end_ms
            if span in self._stored:
                continue
            if not _shared_ms(span, self._wanted):
                self.is_whole = False
                continue
            self._waiting[window.start_ms] = span
            yield window

    def placed(self, window: PcmWindow, text: TimedText) -> TimedText:
        """The text of a window, with the time that belongs to it."""
        return replace(text, **self._waiting[window.start_ms]._asdict())

    def store(self, texts: Sequence[TimedText]) -> int:
        """These are stored; up to where, in ms, everything that is wanted is."""
        done = {text.end_ms for text in texts}
        self._waiting = {start: span for start, span in self._waiting.items() if span.end_ms not in done}
        return min((span.start_ms for span in self._waiting.values()), default=self._seen_to)

    def behind(self) -> list[TimedText]:
        """What lies behind the last window, where nobody speaks any more; to be stored at the end of the sound."""
        if self.length_ms <= self._seen_to:
            return []
        return [TimedText(self._seen_to, self.length_ms, "", 0.0, 1.0, ())]


def _shared_ms(piece: Timed, spans: Sequence[Span]) -> int:
    """How much time a piece has in common with spans that do not overlap."""
    shared = (min(piece.end_ms, span.end_ms) - max(piece.start_ms, span.start_ms) for span in spans)
    return sum(ms for ms in shared if ms > 0)
