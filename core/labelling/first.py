"""First transcripts: captions, else what a labeller has heard before, else what it hears now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.config import Config
from core.engines import Engine
from core.events import ItemState
from core.jobs import Job
from core.labelling.captions import captions_sources
from core.labelling.clips import hear_clips
from core.labelling.dealing import convert_by_settings, deal, settle, write_hypotheses
from core.labelling.forecast import labelled_alone
from core.labelling.labeller import open_labeller
from core.labelling.processes import SharedHearing
from core.labelling.progress import HearingProgress
from core.labelling.recordings import RecordingListener, asked_ms, by_video
from core.labelling.sources import TextSource, heard_whole
from core.review.script_conversion import Convert
from core.segmentation.sound_check import with_whole_sound
from core.sources.captions import beside, wanted
from core.store import Segment, Store, Video
from core.store.records import TimedTextRow
from core.store.transcripts import MachineText
from core.text import plural
from core.workspace import Workspace


def deal_again(workspace: Workspace, config: Config, store: Store, video: str) -> int:
    """Give new segments of a recording that the labeller has heard whole their texts; returns to how many.

    Captions first, as everywhere. Nothing is done where some of the recording is still to be heard.
    """
    heard = heard_whole(store, video, config.model.labeller)
    due = [row for row in store.segments.all(video=video) if row.origin is None]
    if heard is None or not due:
        return 0
    files = beside(workspace.media, wanted(config))
    captions = captions_sources(store, video, files) if config.label.captions else []
    convert = convert_by_settings(workspace, config)
    count = len(deal(store, due, [*captions, heard], convert))
    settle(store, video, convert)
    return count


def write_recording(
    listener: RecordingListener,
    store: Store,
    video: Video,
    segments: Sequence[Segment],
    convert: Convert,
    note: Callable[[Sequence[MachineText]], object],
) -> list[str]:
    """Hear a recording and give its segments their share as windows end; a recording that cannot be read is a failed
    item. convert: as in `deal`. note: told of what was written. Returns the segments whose estimates have changed at
    the end."""

    def deal_heard(row: TimedTextRow, heard: Sequence[Segment]) -> None:
        first, last = min(one.start_ms for one in heard), max(one.end_ms for one in heard)
        windows = store.timed_texts.windows(row.id, first, last)
        note(deal(store, heard, [TextSource(row.source, windows)], convert))

    listener.hear_or_fail(video, segments, deal_heard)
    return settle(store, video.id, convert)


class FirstTranscripts:
    """One run over the segments that are due, and what it has written. params of the job: see `core.stages.label`."""

    def __init__(self, workspace: Workspace, config: Config, job: Job, store: Store, due: Sequence[Segment]) -> None:
        self.workspace, self.config, self.job, self.store, self.due = workspace, config, job, store, due
        self.model = config.model.labeller
        self.by: str = job.params.get("by") or config.label.by
        self.convert = convert_by_settings(workspace, config)
        self.texts: list[MachineText] = []
        self.dealt = self.failed = 0
        self._failures = len(job.failures)

    def result(self) -> dict[str, Any]:
        written = [text for text in self.texts if text.origin == "machine"]
        captions = [text for text in self.texts if text.origin == "caption"]
        return {
            "labelled": len(written),
            "failed": self.failed,
            "flagged": sum(bool(text.flags) for text in written),
            "skipped": len(self.due) - len(self.texts) - self.failed,
            "loops": sum("loop" in text.flags for text in written),
            "empty": sum("empty" in text.flags for text in written),
            "model": self.model,
            "by": self.by,
            "captions": len(captions),
            "cut": sum("cut" in text.flags for text in captions),
            "dealt": self.dealt,
        }

    # -- what is known without a model

    def write(self) -> None:
        """Captions first, then what was heard before, then the labeller, which is only loaded if something is left."""
        left = self._deal_known(self.due)
        if left:
            self._let_write(left)
        self.job.log(f"labelled {plural(len(self.texts), 'segment')}")

    def _deal_known(self, todo: Sequence[Segment]) -> list[Segment]:
        """Captions, and what the labeller has heard before; returns the segments that are left, in playing order."""
        files = beside(self.workspace.media, wanted(self.config)) if self._takes_captions else {}
        done: set[str] = set()
        for video, rows in by_video(self.store, todo):
            self.job.check()
            sources = self._known_sources(video.id, files)
            written = deal(self.store, rows, sources, self.convert) if sources else []
            self._note(written)
            done |= {text.segment for text in written}
            self.dealt += sum(text.origin == "machine" for text in written)
            if written:
                self.job.progress(len(self.texts), len(self.due), "segments", "what is known")
                self._settle(video.id)
        if count := self.result()["captions"]:
            cut = self.result()["cut"]
            self.job.log(f"{plural(count, 'segment')} with text from captions, {cut} of them cut at an edge")
        if self.dealt:
            what = f"{plural(self.dealt, 'segment')} written from what {self.model} has heard before"
            self.job.log(f"{what}: nothing was heard again")
        return [row for row in todo if row.id not in done]

    @property
    def _takes_captions(self) -> bool:
        return self.config.label.captions and not self.job.params.get("no_captions")

    def _known_sources(self, video: str, files: Mapping[str, Sequence[tuple[str, Path]]]) -> list[TextSource]:
        sources = captions_sources(self.store, video, files, self._warn) if self._takes_captions else []
        # With redo the engine must say whether it would hear the same: it may be another, or set otherwise.
        if self.by == "recordings" and not self.job.params.get("redo"):
            heard = heard_whole(self.store, video, self.model)
            sources += [] if heard is None else [heard]
        return sources

    def _warn(self, text: str) -> None:
        self.job.log(text, "warning")

    # -- the labeller

    def _let_write(self, todo: Sequence[Segment]) -> None:
        todo = with_whole_sound(self.workspace, self.store, self.job, todo)
        if not todo:
            self.failed = len(self.job.failures) - self._failures
            return
        self.job.progress(len(self.texts), len(self.due), "segments", "loading the labeller")
        asked = self.job.params.get("engine")
        engine = open_labeller(self.workspace, self.config, self.job, self.store, self.model, todo, asked)
        self.job.check()
        info = engine.info
        if self.by == "recordings" and info.clips_only:
            self.by = "clips"
            self.job.log(f"{self.model} labels clip by clip: {info.clips_only}")
        alone = list(todo)
        if self.by == "recordings":
            groups = by_video(self.store, todo)
            alone = [row for video, rows in groups if not video.path for row in rows]
            self._by_recordings(engine, [(video, rows) for video, rows in groups if video.path])
        if alone:
            self._by_clips(engine, alone)
        self.failed = len(self.job.failures) - self._failures

    def _by_recordings(self, engine: Engine, groups: Sequence[tuple[Video, list[Segment]]]) -> None:
        segments = [row for _, rows in groups for row in rows]
        if not segments:
            return
        info = engine.info
        what = f"{plural(len(groups), 'recording')} for {plural(len(segments), 'segment')}"
        self.job.log(f"{self.model} hears {what} with {info.name} on {info.device}")
        progress = HearingProgress(self.job, asked_ms(segments))
        hearing = SharedHearing(self.workspace, self.config, self.job, self.store, engine, progress)

        def write(video: Video, rows: Sequence[Segment]) -> None:
            for id in write_recording(hearing.listener, self.store, video, rows, self.convert, self._note):
                self.job.item(id, ItemState.LABELLED)

        def note(texts: Sequence[tuple[str, Sequence[str]]]) -> None:
            self._note([MachineText(id, "", "", self.model, flags=tuple(flags)) for id, flags in texts])

        hearing.run(groups, write, note)

    def _by_clips(self, engine: Engine, segments: Sequence[Segment]) -> None:
        info = engine.info
        self.job.log(f"labelling {plural(len(segments), 'segment')} with {self.model} on {info.device}")
        done, total = len(self.texts), len(self.texts) + len(segments)
        for batch in hear_clips(self.workspace, self.store, self.job, engine, segments):
            self._note(write_hypotheses(self.store, self.model, batch, self.convert))
            done += len(batch)
            self.job.progress(done + len(self.job.failures) - self._failures, total, "segments")
        self.job.progress(total, total, "segments")
        for video in dict.fromkeys(row.video for row in segments):
            self._settle(video)

    def _note(self, texts: Sequence[MachineText]) -> None:
        self.texts += texts
        for text in texts:
            self.job.item(text.segment, ItemState.LABELLED)

    def _settle(self, video: str) -> None:
        for id in settle(self.store, video, self.convert):
            self.job.item(id, ItemState.LABELLED)

    # -- what could be better

    def advise(self, segments: Sequence[Segment]) -> None:
        """Say what labelling anew would change, where that is for the better. segments: all, as they are now."""
        if not self.due and self._takes_captions and (later := self._captioned_since(segments)):
            what = f"captions that came later have text for {plural(later, 'segment')} that a machine wrote"
            self.job.log(f"{what}: whispersmith label --redo takes that")
        asked_for = self.job.params.get("by") == "clips"
        if not asked_for and (alone := labelled_alone(self.workspace, self.config, self.store, segments)):
            what = f"{plural(len(alone), 'segment')} labelled one by one"
            self.job.log(
                f"{what}: heard as whole recordings they have fewer errors, since no word is halved; "
                "whispersmith label --redo writes them so, and what a person has reviewed stays"
            )

    def _captioned_since(self, segments: Sequence[Segment]) -> int:
        """How many texts of machines that nobody has reviewed captions in the store have text for."""
        captioned = self.store.videos.captioned()
        pending = [row for row in segments if row.origin == "machine" and row.may_be_rewritten]
        found = 0
        for video, rows in by_video(self.store, [row for row in pending if row.video in captioned]):
            captions = [one for one in captions_sources(self.store, video.id, {}) if one.origin == "caption"]
            said = [source.shares(rows) for source in captions]
            found += sum(any(share.text for share in shares) for shares in zip(*said, strict=True))
        return found
