"""transcribe: any recording through a model, with times."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.config import Config
from core.engines import EngineOptions, open_engine
from core.engines.windows import windows_of
from core.errors import UserError
from core.events import TranscribedWindow
from core.exchange.formats.json_document import document
from core.exchange.formats.table import TRANSCRIPTION, transcription_format, transcription_formats
from core.jobs import Job
from core.media import RATE, probe, stream_pcm
from core.timed_text import Cue
from core.whisper.tuned import check_model, tuned_folders, tuned_or_named
from core.workspace import Workspace


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--model", metavar="M", help="default: the newest tuned model, else the labeller")
    parser.add_argument("--format", choices=transcription_formats(), default=TRANSCRIPTION)


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"file": str(arguments.file.expanduser().resolve()), "model": arguments.model, "format": arguments.format}


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
    tuned yet). Each text is said as it comes, in a `window` event with start_ms, end_ms and text.
    format: how `report` writes it. Returns {"text", "segments": [{"start_ms", "end_ms", "text"}], "model", "file",
    "format"}.
    """
    path = _file(workspace, job.params)
    duration_ms = probe(path, cancelled=job.check).duration_ms
    model = _model(workspace, config, job.params.get("model"))
    name = model.name if isinstance(model, Path) else model
    job.progress(0, duration_ms, "ms", f"loading {name}")
    options = EngineOptions.for_job(job, config.project.language, config.evaluate.batch)
    engine = open_engine(str(model), options, workspace.root)
    job.check()
    cues: list[Cue] = []
    for batch in engine.hear(windows_of(stream_pcm(path, RATE, cancelled=job.check), engine.info)):
        for _, piece in batch:
            cues.append(Cue(piece.start_ms, piece.end_ms, piece.text))
            job.emit(TranscribedWindow(piece.start_ms, piece.end_ms, piece.text))
            job.progress(piece.end_ms, duration_ms, "ms")
    if not cues:
        raise UserError(
            f"{path.name} holds no sound", "its audio stream is empty", "play it to see whether it is whole"
        )
    job.log(f"transcribed {path.name} with {name}: {cues[-1].end_ms / 1000:.0f} s")
    shown = {"model": name, "file": str(path), "format": job.params.get("format") or TRANSCRIPTION}
    return {**document(cues), **shown}


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
