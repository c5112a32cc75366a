"""A second opinion: another labeller hears the same, or a file's texts are taken as one. Where it differs is told by
`core.labelling.dealing.settle`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from core.config import Config
from core.engines import Engine
from core.errors import UserError
from core.events import ItemState
from core.exchange.formats.table import readable_suffixes, recognise
from core.jobs import Job
from core.labelling.clips import hear_clips
from core.labelling.dealing import convert_by_settings, settle
from core.labelling.file_texts import FileTexts, FileTextsReader
from core.labelling.labeller import open_labeller
from core.labelling.processes import SharedHearing
from core.labelling.progress import HearingProgress
from core.labelling.recordings import asked_ms, by_video
from core.labelling.sources import CUES, IMPORT, IS_SECOND, KIND, ORIGIN, ROWS, SECOND
from core.review.script_conversion import Convert
from core.segmentation.sound_check import with_whole_sound
from core.spans import Span
from core.store import Segment, Store
from core.store.records import SecondReading
from core.text import plural
from core.timed_text import TimedText
from core.whisper.folders import ModelMissing, find
from core.whisper.info import describe
from core.workspace import Workspace


def is_file(workspace: Workspace, second: str) -> bool:
    """Whether a second opinion is a file with texts, and no model: a folder holds a model."""
    return workspace.find(second).is_file()


def check_second(workspace: Workspace, store: Store, labeller: str, second: str) -> None:
    """Refuse a second labeller that is the first, by whatever name, or is no model that is here; and a file that is not
    there, or holds no text of a segment here."""
    if is_file(workspace, second):
        _read(workspace, store, second, lambda text: None)
        return
    if second.lower().endswith(readable_suffixes()):
        raise UserError(f"{second} is not there", "there is no such file", "check the path")
    if second != labeller:
        describe(second, workspace.root)
    if second == labeller or _is_same_folder(workspace, second, labeller):
        raise UserError(f"{second} is the labeller itself", "a second opinion is another's", "--second MODEL")


def _is_same_folder(workspace: Workspace, model: str, other: str) -> bool:
    try:
        return find(model, workspace.root).samefile(find(other, workspace.root))
    except ModelMissing:
        return False


def _read(workspace: Workspace, store: Store, second: str, log: Callable[[str], object]) -> FileTexts:
    videos = {video.id for video in store.videos.all()}
    return FileTextsReader(store.segments.all(), videos, log).read(recognise(workspace.find(second)))


def store_cues(store: Store, found: FileTexts, source: str, *, by_machine: bool) -> None:
    """Keep what a file tells to be said when: where a recording is cut anew the new segments have their share of it.

    by_machine: what is no captions is a machine's text.
    """
    if found.cues and store.note(SECOND) == {"source": source}:
        store.set_note(SECOND, {})  # it is no second opinion any more, but the texts themselves
    for video in found.cues:
        machine = by_machine and video not in found.captions
        _put_cues(store, found, video, source, {ORIGIN: "machine"} if machine else {})


def _put_cues(store: Store, found: FileTexts, video: str, source: str, settings: dict[str, Any]) -> None:
    said = [TimedText(cue.start_ms, cue.end_ms, cue.text, 0.0, 0.0, ()) for cue in found.cues[video]]
    store.timed_texts.put(video, source, {KIND: CUES} | settings, said)


def take_second(store: Store, found: FileTexts, source: str) -> None:
    """Store the texts of a file as those of a second labeller, whose opinion is asked from now on."""
    for video in found.cues:
        _put_cues(store, found, video, source, {IS_SECOND: True})
    videos: dict[str, list[TimedText]] = {}
    for id, text in found.texts.items():
        segment = store.segments.get(id)
        if segment is not None and segment.video not in found.cues:
            videos.setdefault(segment.video, []).append(_row(segment, text))
    for video, rows in videos.items():
        store.timed_texts.put(video, source, {KIND: ROWS}, rows)
    store.set_note(SECOND, {"source": source})


def compare(store: Store, job: Job, videos: Collection[str], convert: Convert) -> dict[str, SecondReading]:
    """Tell of the open texts of these recordings where the second labeller reads otherwise; returns all readings."""
    readings: dict[str, SecondReading] = {}
    for video in videos:
        job.check()
        for id in settle(store, video, convert):
            job.item(id, ItemState.LABELLED)
        readings |= store.second_readings.of(video)
    return readings


def hear_second(
    workspace: Workspace,
    config: Config,
    job: Job,
    store: Store,
    chosen: Collection[str],
    second: str,
    first: int | None = None,
) -> int:
    """Let `second`, a model or a file with texts, read those of the chosen segments that a machine or captions wrote
    and nobody has reviewed, or the first so many of them; returns how many have a second reading then.

    What is stored of it is not heard again.
    """
    open_to = ("machine", "caption")
    rows = [row for row in store.segments.all(review="pending") if row.id in chosen and row.origin in open_to][:first]
    if not rows:
        job.log("there is no text that a second opinion could be on")
        return 0
    convert = convert_by_settings(workspace, config)
    if is_file(workspace, second):
        found = _read(workspace, store, second, job.log)
        take_second(store, found, f"{IMPORT}{workspace.find(second).name}")
    else:
        _hear(workspace, config, job, store, rows, second)
        store.set_note(SECOND, {"source": second})
    readings = compare(store, job, list(dict.fromkeys(row.video for row in rows)), convert)
    compared = sum(row.id in readings for row in rows)
    job.log(f"second opinion by {second}: {plural(compared, 'segment')} compared")
    return compared


def _hear(
    workspace: Workspace, config: Config, job: Job, store: Store, segments: Sequence[Segment], model: str
) -> None:
    """Whole recordings, where the model can and they are here, else clip by clip."""
    segments = with_whole_sound(workspace, store, job, segments)
    if not segments:
        return
    job.progress(0, None, "", f"loading {model}")
    engine = open_labeller(workspace, config, job, store, model, segments, job.params.get("engine"))
    job.check()
    progress = HearingProgress(job, asked_ms(segments), "second opinion")
    hearing = SharedHearing(workspace, config, job, store, engine, progress)
    alone: list[Segment] = list(segments)
    if engine.info.clips_only:
        job.log(f"{model} hears clip by clip: {engine.info.clips_only}")
    else:
        groups = by_video(store, segments)
        alone = [row for video, rows in groups if not video.path for row in rows]
        hearing.run([(video, rows) for video, rows in groups if video.path], hearing.listener.hear_or_fail)
    if alone:
        _hear_alone(workspace, job, store, engine, alone, hearing.settings | {KIND: ROWS})


def _hear_alone(
    workspace: Workspace,
    job: Job,
    store: Store,
    engine: Engine,
    segments: Sequence[Segment],
    settings: dict[str, Any],
) -> None:
    """Clip by clip; each is stored as the text of its segment."""
    rows = {
        video.id: store.timed_texts.begin(video.id, engine.info.model, settings).id
        for video, _ in by_video(store, segments)
    }
    here = {video: set(store.timed_texts.spans(id)) for video, id in rows.items()}
    left = [row for row in segments if Span(row.start_ms, row.end_ms) not in here[row.video]]
    done = len(segments) - len(left)
    for batch in hear_clips(workspace, store, job, engine, left):
        for segment, hypothesis in batch:
            text = _row(segment, " ".join(hypothesis.text.split()), hypothesis.avg_logprob, hypothesis.no_speech_prob)
            store.timed_texts.add(rows[segment.video], [text])
        done += len(batch)
        job.progress(done, len(segments), "segments", "second opinion")


def _row(segment: Segment, text: str, logprob: float = 0.0, no_speech: float = 0.0) -> TimedText:
    return TimedText(segment.start_ms, segment.end_ms, text, logprob, no_speech, ())
