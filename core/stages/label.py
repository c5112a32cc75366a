"""label: a Whisper writes a first transcript for every segment that has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.config import Config
from core.errors import UserError
from core.jobs import Cancelled, Job
from core.store import Segment, Store
from core.store.transcripts import MachineText
from core.workspace import Workspace


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Label segments, batch by batch; what is stored is done, so a killed run goes on where it was.

    params: ids (only these segments), redo (also those with machine text; human text is never touched).
    Returns {"labelled", "flagged", "failed", "skipped", "loops", "empty", "model"}.
    """
    with Store(workspace.db_path) as store:
        segments = store.segments.all()
        if not segments:
            raise UserError("there are no segments to label", "no video has been cut yet", "whispersmith segment")
        todo = due(segments, job.params.get("ids"), bool(job.params.get("redo")))
        if not todo:
            job.log("every segment has a transcript already")
            return _result(config.model.labeller, [], 0, 0)
        job.progress(0, len(todo), "segments", "loading the labeller")
        from core.whisper.loading import load

        loaded = load(config.model.labeller, dtype="auto", root=workspace.root)
        job.check()
        job.log(f"labelling {len(todo)} segments with {config.model.labeller} on {loaded.device}")
        return _label(workspace, config, job, store, todo, loaded)


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
    workspace: Workspace, config: Config, job: Job, store: Store, todo: list[Segment], loaded: Any
) -> dict[str, Any]:
    written: list[MachineText] = []
    failed = done = 0
    readable = _read(workspace, job, todo)
    size = config.label.batch
    batch: list[tuple[Segment, Any]] = []
    finished = False
    while not finished or batch:
        while not finished and len(batch) < size:
            item = next(readable, None)
            if item is None:
                finished = True
            elif item[1] is None:
                failed, done = failed + 1, done + 1
            else:
                batch.append((item[0], item[1]))
        job.check()
        if not batch:
            break
        try:
            texts = _decode(config, job, loaded, batch[:size])
        except _TooBig:
            size = max(1, size // 2)
            job.log(f"the GPU's memory ran out: going on with a batch of {size}", "warning")
            continue
        kept = set(store.transcripts.write_machine(texts))
        for text in texts:
            if text.segment in kept:
                written.append(text)
                job.item(text.segment, "labelled", text=text.text, flags=list(text.flags), suspicion=text.suspicion)
        done += len(texts)
        batch = batch[size:]
        job.progress(done, len(todo), "segments")
    job.log(f"labelled {len(written)} segments")
    return _result(config.model.labeller, written, failed, len(todo) - len(written) - failed)


def _result(model: str, written: list[MachineText], failed: int, skipped: int) -> dict[str, Any]:
    return {
        "labelled": len(written),
        "failed": failed,
        "flagged": sum(bool(text.flags) for text in written),
        "skipped": skipped,
        "loops": sum("loop" in text.flags for text in written),
        "empty": sum("empty" in text.flags for text in written),
        "model": model,
    }


class _TooBig(Exception):
    """A batch did not fit in the GPU's memory, a smaller one may."""


def _read(workspace: Workspace, job: Job, todo: list[Segment]) -> Iterator[tuple[Segment, Any]]:
    """Each segment with its samples, None for one whose file cannot be read (said as a failed item)."""
    from core.whisper.features import read_wav

    for segment in todo:
        job.check()
        try:
            yield segment, read_wav(workspace.absolute(segment.path))
        except UserError as error:
            job.item_failed(segment.id, error)
            yield segment, None


def _decode(config: Config, job: Job, loaded: Any, batch: list[tuple[Segment, Any]]) -> list[MachineText]:
    import torch

    from core.whisper.decoding import DecodingCancelled, decode, suspicion

    language = None if config.project.language == "auto" else config.project.language
    lengths = [len(samples) / 16_000 for _, samples in batch]
    try:
        heard = decode(
            loaded,
            [samples for _, samples in batch],
            language=language,
            durations_s=lengths,
            cancelled=lambda: job.cancelled,
            names=[segment.id for segment, _ in batch],
        )
    except DecodingCancelled as stop:
        raise Cancelled from stop
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        if len(batch) == 1:
            raise UserError(
                "the GPU's memory is too small for the labeller",
                f"one segment beside {config.model.labeller} does not fit",
                "choose a smaller labeller: whispersmith model openai/whisper-base --role labeller",
                str(error),
            ) from error
        raise _TooBig from error
    return [
        MachineText(
            segment=segment.id,
            text=" ".join(one.text.split()),
            raw=one.text,
            model=config.model.labeller,
            avg_logprob=one.avg_logprob,
            no_speech_prob=one.no_speech_prob,
            compression_ratio=one.compression_ratio,
            flags=one.flags,
            suspicion=suspicion(one, seconds),
        )
        for (segment, _), one, seconds in zip(batch, heard, lengths, strict=True)
    ]
