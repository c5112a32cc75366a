"""transcribe: any recording through a model, with times."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.config import Config
from core.engines import ENGINES, EngineOptions, open_engine
from core.engines.choice import choose_engine
from core.engines.windows import windows_of
from core.errors import UserError
from core.events import TranscribedWindow
from core.exchange.formats.json_document import document
from core.exchange.formats.table import TRANSCRIPTION, transcription_format, transcription_formats
from core.jobs import Job
from core.labelling.labeller import known_engine
from core.media import RATE, probe, stream_pcm
from core.store import Store
from core.text import join_texts
from core.timed_text import Cue, TimedText, Word
from core.whisper.tuned import check_model, tuned_folders, tuned_or_named
from core.workspace import Workspace

PAUSE_MS = 500
LONGEST_MS = 6000
"""Of a caption, as broadcasters have it: two lines that can be read."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--model", metavar="M", help="default: the newest tuned model, else the labeller")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="the library that decodes")
    parser.add_argument("--format", choices=transcription_formats(), default=TRANSCRIPTION)


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "file": str(arguments.file.expanduser().resolve()),
        "model": arguments.model,
        "engine": arguments.engine,
        "format": arguments.format,
    }


def report(result: dict[str, Any]) -> str:
    """The result as a file's text, in the format that was asked for."""
    render = transcription_format(result["format"]).write_transcription
    assert render is not None
    return render([Cue(**cue) for cue in result["segments"]])


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """UserError if there is no such file, no sound in it, no such format, or no such model."""
    transcription_format(params.get("format") or TRANSCRIPTION)
    probe(_file(workspace, params), need_length=False)
    if asked := params.get("model"):
        check_model(workspace, asked)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Transcribe one media file.

    params: file (absolute, or relative to the workspace), model (as for evaluate; the labeller where nothing is
    tuned yet), engine (as for label). Each text is said as it comes, in a `window` event with start_ms, end_ms and
    text; where words have times it is parted at pauses, and the pauses of the recording are no part of it.
    format: how `report` writes it. Returns {"text", "segments": [{"start_ms", "end_ms", "text"}], "model", "file",
    "format"}.
    """
    path = _file(workspace, job.params)
    duration_ms = probe(path, cancelled=job.check).duration_ms
    model = _model(workspace, config, job.params.get("model"))
    name = model.name if isinstance(model, Path) else model
    job.progress(0, duration_ms, "ms", f"loading {name}")
    options = EngineOptions.for_job(job, config.project.language, config.evaluate.batch)
    engine = open_engine(str(model), options, workspace.root, _engine(workspace, job, str(model)))
    job.check()
    cues: list[Cue] = []
    for batch in engine.hear(windows_of(stream_pcm(path, RATE, cancelled=job.check), engine.info)):
        for _, piece in batch:
            for cue in _cues(piece):
                cues.append(cue)
                job.emit(TranscribedWindow(cue.start_ms, cue.end_ms, cue.text))
            job.progress(piece.end_ms, duration_ms, "ms")
    if not cues and not duration_ms:
        raise UserError(
            f"{path.name} holds no sound", "its audio stream is empty", "play it to see whether it is whole"
        )
    if not cues:
        job.log(f"nobody is heard to speak in {path.name}", "warning")
    job.log(f"transcribed {path.name} with {name} on {engine.info.name}: {(duration_ms or 0) / 1000:.0f} s")
    shown = {"model": name, "file": str(path), "format": job.params.get("format") or TRANSCRIPTION}
    return {**document(cues), **shown}


def _engine(workspace: Workspace, job: Job, model: str) -> str:
    asked = job.params.get("engine") or "auto"
    if asked != "auto":
        return asked
    with Store(workspace.db_path) as store:
        choice = known_engine(store, model) or choose_engine(model, workspace.root)
    job.log(f"{model} is run by {choice.name}: {choice.why}")
    return choice.name


def _cues(piece: TimedText) -> list[Cue]:
    """A stretch of text as captions: parted where nobody speaks for a while, and where one has become long."""
    if not piece.words:
        return [Cue(piece.start_ms, piece.end_ms, piece.text)]
    groups: list[list[Word]] = []
    for word in piece.words:
        group = groups[-1] if groups else []
        if group and word.start_ms - group[-1].end_ms < PAUSE_MS and word.end_ms - group[0].start_ms <= LONGEST_MS:
            group.append(word)
        else:
            groups.append([word])
    return [Cue(group[0].start_ms, group[-1].end_ms, join_texts([one.text for one in group])) for group in groups]


def _file(workspace: Workspace, params: dict[str, Any]) -> Path:
    path = workspace.root / Path(params["file"]).expanduser()
    if not path.is_file():
        raise UserError(f"{path} is not a file", "there is nothing of that name to transcribe", "check the path")
    return path


def _model(workspace: Workspace, config: Config, asked: str | None) -> Path | str:
    """What was asked for, else the newest tuned model, else the labeller."""
    if asked:
        return tuned_or_named(workspace, asked)
    return next(iter(tuned_folders(workspace.models)), config.model.labeller)
