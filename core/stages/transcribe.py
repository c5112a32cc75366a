"""transcribe: any recording through a model, window by window, with times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.config import Config
from core.errors import UserError
from core.exchange.formats.json_document import document
from core.exchange.formats.table import transcription_format
from core.jobs import Cancelled, Job
from core.stages.evaluate import choose
from core.timed_text import Cue
from core.whisper.folders import tuned_folders
from core.workspace import Workspace


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Transcribe one media file.

    params: file (absolute, or relative to the workspace), model (as for evaluate; the labeller where nothing is
    tuned yet). Each window is said as it comes, in a `window` event with start_ms, end_ms and text.
    Returns {"text", "segments": [{"start_ms", "end_ms", "text"}], "model", "file"}.
    """
    from core.media import probe
    from core.whisper.loading import load

    path = workspace.root / Path(job.params["file"]).expanduser()
    if not path.is_file():
        raise UserError(f"{path} is not a file", "there is nothing of that name to transcribe", "check the path")
    tuned = tuned_folders(workspace.models)
    asked = job.params.get("model")
    model = str(choose(workspace, asked, tuned)) if asked or tuned else config.model.labeller
    duration = probe(path).duration_ms
    job.progress(0, duration, "ms", f"loading {Path(model).name}")
    loaded = load(model, dtype="auto", root=workspace.root)
    job.check()
    rate = loaded.extractor.sampling_rate
    cues: list[Cue] = []
    for batch in batched(windows(_stream(path, rate, job), loaded.extractor.n_samples), config.evaluate.batch):
        for (start, samples), text in zip(batch, _decode(config, job, loaded, [s for _, s in batch]), strict=True):
            cue = Cue(start * 1000 // rate, (start + len(samples)) * 1000 // rate, text)
            cues.append(cue)
            job.emit("window", start_ms=cue.start_ms, end_ms=cue.end_ms, text=cue.text)
        job.progress(cues[-1].end_ms, duration, "ms")
    if not cues:
        raise UserError(
            f"{path.name} holds no sound", "its audio stream is empty", "play it to see whether it is whole"
        )
    job.log(f"transcribed {path.name} with {Path(model).name}: {cues[-1].end_ms / 1000:.0f} s")
    return {**document(cues), "model": Path(model).name if tuned else model, "file": str(path)}


def write(result: dict[str, Any], form: str) -> str:
    """The result as a file's text; form: one of `core.exchange.formats.table.transcription_formats`."""
    render = transcription_format(form).write_transcription
    assert render is not None
    return render([Cue(**cue) for cue in result["segments"]])


def windows(blocks: Iterable[np.ndarray], size: int) -> Iterator[tuple[int, np.ndarray]]:
    """(first sample, samples) of consecutive windows of `size` samples from blocks of any length; the last is short."""
    start, kept, have = 0, [], 0
    for block in blocks:
        kept.append(block)
        have += len(block)
        while have >= size:
            whole = np.concatenate(kept)
            yield start, whole[:size]
            start, kept, have = start + size, [whole[size:]], have - size
    if have:
        yield start, np.concatenate(kept)


def batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of `size` items, the last one shorter."""
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _stream(path: Path, rate: int, job: Job) -> Iterator[np.ndarray]:
    from core.media import StreamStopped, stream_pcm

    try:
        yield from stream_pcm(path, rate, cancelled=lambda: job.cancelled)
    except StreamStopped as stop:
        raise Cancelled from stop


def _decode(config: Config, job: Job, loaded: Any, samples: list[np.ndarray]) -> list[str]:
    """One text for each window; a batch that does not fit in the GPU's memory is halved."""
    import torch

    from core.engines.decoding import DecodingCancelled, decode

    language = None if config.project.language == "auto" else config.project.language
    try:
        heard = decode(loaded, samples, language=language, cancelled=lambda: job.cancelled)
    except DecodingCancelled as stop:
        raise Cancelled from stop
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        if len(samples) == 1:
            raise UserError(
                "the GPU's memory ran out", "one window beside the model does not fit", "free GPU memory", str(error)
            ) from error
        half = len(samples) // 2
        return _decode(config, job, loaded, samples[:half]) + _decode(config, job, loaded, samples[half:])
    return [" ".join(one.text.split()) for one in heard]
