"""label: a first transcript for every segment that has none, from captions where there are any, else by a Whisper."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from core.config import Config
from core.engines import Clip, EngineOptions, Hypothesis, open_engine
from core.errors import UserError
from core.events import ItemState
from core.exchange.formats.table import read_cues
from core.jobs import Job
from core.sources.captions import beside, wanted
from core.store import Segment, Store
from core.store.transcripts import MachineText
from core.suspicion import EditFeatures, expected_edits
from core.text import clean, compression_ratio, plural
from core.timed_text import Cue, Share, shares, speech
from core.whisper.features import read_segment
from core.workspace import Workspace

_CAPTIONS_BATCH = 200
_LONGEST_TEXT = 5000

# Edits a character: people wrote captions for these very words; a site's recognition is a machine's text.
_CAPTION_ERRORS = 0.02
_AUTOMATIC_ERRORS = 0.15


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--redo", action="store_true", help="write machine transcripts anew; human text stays")
    parser.add_argument("--no-captions", action="store_true", help="do not take what people wrote as captions first")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"redo": arguments.redo, "no_captions": arguments.no_captions}


def report(result: dict[str, Any]) -> str:
    written = plural(result["captions"], "segment")
    return f"{written} written from captions, {result['labelled']} by the labeller; {result['flagged']} flagged"


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Label segments, batch by batch; what is stored is done, so a killed run goes on where it was.

    Captions come first: a segment in whose time they say something gets their text (origin "caption", model
    `captions:<language>`, with `:automatic` for a site's recognition). Text that an edge of the segment cuts through
    is flagged "cut": which words of that caption fall on which side is a guess. The labeller is only loaded if
    something is left for it.

    params: ids (only these segments), redo (also those with machine or caption text that is pending; human text is
    never touched), no_captions (the labeller writes all).
    Returns {"labelled", "flagged", "failed", "skipped", "loops", "empty", "model"} of the labeller, and "captions"
    (segments with text from captions), "cut" (how many of those are flagged so).
    """
    with Store(workspace.db_path) as store:
        segments = store.segments.all()
        if not segments:
            raise UserError("there are no segments to label", "no video has been cut yet", "whispersmith segment")
        todo = due(segments, job.params.get("ids"), bool(job.params.get("redo")))
        if not todo:
            job.log("every segment has a transcript already")
            if config.label.captions and (later := _before_captions(segments, store)):
                job.log(f"{later} were written before their captions came: whispersmith label --redo takes those")
            return _result(config.model.labeller, []) | {"captions": 0, "cut": 0}
        captions = _CaptionWriter(workspace, config, job, store, len(todo))
        if config.label.captions and not job.params.get("no_captions"):
            todo = captions.write(todo)
        if not todo:
            return _result(config.model.labeller, []) | captions.result()
        return _label(workspace, config, job, store, todo, captions.done) | captions.result()


def _before_captions(segments: list[Segment], store: Store) -> int:
    """How many segments have a machine's text that nobody has reviewed, though there are captions of their video."""
    here = store.videos.captioned()
    return sum(row.origin == "machine" and row.review == "pending" and row.video in here for row in segments)


class _CaptionWriter:
    """Captions as first transcripts: those in the store, else files beside the recording."""

    def __init__(self, workspace: Workspace, config: Config, job: Job, store: Store, total: int) -> None:
        self.job = job
        self.store = store
        self.total = total
        self.done = self.written = self.cut = 0
        self._files = beside(workspace.media, wanted(config))

    def result(self) -> dict[str, int]:
        return {"captions": self.written, "cut": self.cut}

    def write(self, todo: list[Segment]) -> list[Segment]:
        """Store what captions say; returns the segments they say nothing for, in the same order."""
        videos: dict[str, list[Segment]] = {}
        for segment in todo:
            videos.setdefault(segment.video, []).append(segment)
        written: set[str] = set()
        for video, rows in videos.items():
            self.job.check()
            model, automatic, cues = self._cues(video)
            if cues:
                written |= self._write_video(rows, cues, model, automatic)
        if written:
            segments = plural(self.written, "segment")
            self.job.log(f"{segments} with text from captions, {self.cut} of them cut at an edge")
        return [segment for segment in todo if segment.id not in written]

    def _cues(self, video: str) -> tuple[str, bool, list[Cue]]:
        """(model, were they recognised by a machine, cues with only what is spoken)."""
        stored = self.store.captions.get(video)
        if stored is not None and stored.cues:
            model = f"captions:{stored.language or 'und'}" + (":automatic" if stored.automatic else "")
            return model, stored.automatic, speech(stored.cues)
        for language, path in self._files.get(video, ()):
            try:
                return f"captions:{language}", False, speech(read_cues(path))
            except UserError as error:
                self.job.log(f"{path.name} is not used: {error.what}; {error.why}", "warning")
        return "", False, []

    def _write_video(self, rows: list[Segment], cues: list[Cue], model: str, automatic: bool) -> set[str]:
        """Store the text of one video's segments; returns the ids that the captions say something for."""
        rows = sorted(rows, key=lambda row: row.start_ms)
        found = zip(rows, shares(cues, rows), strict=True)
        texts = [_caption_text(row, share, model, automatic) for row, share in found]
        texts = [text for text in texts if text.text]
        for begin in range(0, len(texts), _CAPTIONS_BATCH):
            self.job.check()
            batch = texts[begin : begin + _CAPTIONS_BATCH]
            stored = set(self.store.transcripts.write_machine(batch))
            for text in batch:
                if text.segment in stored:
                    self.written += 1
                    self.cut += "cut" in text.flags
                    self.job.item(text.segment, ItemState.LABELLED)
            self.done += len(batch)
            self.job.progress(self.done, self.total, "segments", "captions")
        return {text.segment for text in texts}


def _caption_text(row: Segment, share: Share, model: str, automatic: bool) -> MachineText:
    text = clean(share.text, _LONGEST_TEXT)
    estimate = expected_edits(
        EditFeatures(
            text,
            (row.end_ms - row.start_ms) / 1000,
            cut=share.cut,
            prior=_AUTOMATIC_ERRORS if automatic else _CAPTION_ERRORS,
        )
    )
    return MachineText(
        segment=row.id,
        text=text,
        raw=share.text[:_LONGEST_TEXT],
        model=model,
        compression_ratio=round(compression_ratio(text), 3),
        flags=estimate.flags,
        suspicion=estimate.suspicion,
        origin="caption",
    )


def due(segments: list[Segment], ids: list[str] | None, redo: bool) -> list[Segment]:
    """The segments to label, short ones first so that a batch has little padding; equal lengths in playing order."""
    wanted = set(ids) if ids else None
    chosen = [
        segment
        for segment in segments
        if (wanted is None or segment.id in wanted)
        and (segment.origin is None or (redo and not segment.is_human and segment.review == "pending"))
    ]
    return sorted(chosen, key=lambda segment: segment.end_ms - segment.start_ms)


def _label(
    workspace: Workspace, config: Config, job: Job, store: Store, todo: list[Segment], before: int
) -> dict[str, Any]:
    """Let the labeller write. before: how many segments are done already, for the progress that is shown."""
    job.progress(before, before + len(todo), "segments", "loading the labeller")
    model, failures = config.model.labeller, len(job.failures)
    options = EngineOptions.for_job(job, config.project.language, config.label.batch)
    engine = open_engine(model, options, workspace.root)
    job.check()
    job.log(f"labelling {plural(len(todo), 'segment')} with {model} on {engine.info.device}")
    written: list[MachineText] = []
    done = 0
    for batch in engine.hypotheses(_clips(workspace, store, job, todo)):
        texts = [_machine_text(clip, hypothesis, model) for clip, hypothesis in batch]
        stored = set(store.transcripts.write_machine(texts))
        for text in texts:
            if text.segment in stored:
                written.append(text)
                job.item(text.segment, ItemState.LABELLED)
        done += len(batch)
        job.progress(before + done + len(job.failures) - failures, before + len(todo), "segments")
    failed = len(job.failures) - failures
    job.progress(before + len(todo), before + len(todo), "segments")
    job.log(f"labelled {plural(len(written), 'segment')}")
    return _result(model, written, failed, skipped=len(todo) - len(written) - failed)


def _clips(workspace: Workspace, store: Store, job: Job, todo: list[Segment]) -> Iterator[Clip]:
    """The segments' sounds; one whose file cannot be read is a failed item.

    One that is gone, because its recording was cut anew meanwhile, is passed over.
    """
    for segment in todo:
        job.check()
        try:
            yield Clip(segment.id, read_segment(workspace.absolute(segment.path)))
        except UserError as error:
            if store.segments.get(segment.id) is not None:
                job.item_failed(segment.id, error)


def _machine_text(clip: Clip, hypothesis: Hypothesis, model: str) -> MachineText:
    # The tokens and the end, each with what they have in the mean.
    logprobs = (hypothesis.avg_logprob,) * (len(hypothesis.tokens) + 1)
    estimate = expected_edits(EditFeatures(hypothesis.text, clip.seconds, logprobs, flags=hypothesis.flags))
    return MachineText(
        segment=clip.id,
        text=" ".join(hypothesis.text.split()),
        raw=hypothesis.text,
        model=model,
        avg_logprob=hypothesis.avg_logprob,
        no_speech_prob=hypothesis.no_speech_prob,
        compression_ratio=hypothesis.compression_ratio,
        flags=estimate.flags,
        suspicion=estimate.suspicion,
    )


def _result(model: str, written: list[MachineText], failed: int = 0, skipped: int = 0) -> dict[str, Any]:
    return {
        "labelled": len(written),
        "failed": failed,
        "flagged": sum(bool(text.flags) for text in written),
        "skipped": skipped,
        "loops": sum("loop" in text.flags for text in written),
        "empty": sum("empty" in text.flags for text in written),
        "model": model,
    }
