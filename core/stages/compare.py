"""compare: which base to begin with. Models on the same accepted rows, before anything is trained."""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from core.config import Config
from core.dataset.selection import evenly
from core.engines import Clip, EngineOptions, open_engine
from core.error_rates import error_rates
from core.errors import UserError
from core.jobs import Job
from core.labelling.recordings import asked_ms
from core.models.listing import listing
from core.segmentation.sound_check import with_whole_sound
from core.store import Segment, Store
from core.text import normalise, percent, plural
from core.training.memory import memory_need
from core.training.planning import training_card
from core.whisper.features import read_segment
from core.whisper.info import describe
from core.whisper.model_files import weights_digest
from core.workspace import Workspace

ROWS = 30
NOTE = "compared"
"""The note that holds what was measured: a comparison that was killed goes on, and nothing is measured twice."""
LARGE = 700_000_000
"""Weights: from a medium on."""
LITTLE_MS = 2 * 3_600_000
"""With less accepted speech large models have been seen to hear worse after tuning than before."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: every model that is here")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"models": arguments.models or None}


def report(result: dict[str, Any]) -> str:
    """A line a model, the fewest errors first."""
    rows = f"{plural(result['segments'], 'accepted row')}, {plural(result['characters'], 'character')}"
    lines = [f"on {rows}; {result['speech_s'] / 3600:.1f} h of speech are accepted"]
    wide = max((len(model["id"]) for model in result["models"]), default=0)
    for model in result["models"]:
        bounds = f"(95 %: {percent(model['cer_low'])} to {percent(model['cer_high'])})"
        memory = f"{model['memory_train_bytes'] / 2**30:.1f} GB to train" + ("" if model["fits"] else ", too much here")
        speed = f"{model['speed']:.1f} s of sound a second"
        lines.append(f"{model['id']:<{wide}}  CER {percent(model['cer'])} {bounds}  {speed}  {memory}")
        if model["warning"]:
            lines.append(f"{'':<{wide}}  ! {model['warning']}")
    return "\n".join(lines)


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """Refuse models that are not here, and a workspace in which nothing is accepted."""
    for name in params.get("models") or ():
        describe(name, workspace.root)
    with Store(workspace.db_path) as store:
        _rows(store)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Decode the rows with each model, one after the other.

    params: models (ids or folders; by default those that are here and were not tuned in this workspace). A model that
    cannot be loaded is a failed item. Returns {"segments", "characters", "speech_s" (accepted, what overlaps once),
    "models": [{"id", "parameters", "cer", "cer_low", "cer_high" (95 %), "loops", "speed" (seconds of sound a second),
    "memory_train_bytes" (by the method and batch of the settings), "fits", "warning"}]}, the fewest errors first.
    """
    card = training_card(config.model.gpu)
    with Store(workspace.db_path) as store:
        rows, speech_ms = _rows(store)
        rows = with_whole_sound(workspace, store, job, rows)
        if not rows:
            raise UserError(
                "there is nothing to compare with", "the sound of every row is broken", "whispersmith segment"
            )
        known = _known(store, rows)
        names = _candidates(workspace, config, job)
        total, found = len(names) * len(rows), []
        for number, name in enumerate(names):
            job.check()
            try:
                info = describe(name, workspace.root)
                key = f"{name} {weights_digest(info.path, name)} {config.project.language}"
                if key not in known["models"]:
                    known["models"][key] = _measure(workspace, config, job, name, rows, number * len(rows), total)
                    store.set_note(NOTE, known)
            except UserError as error:
                job.item_failed(name, error)
                continue
            need = memory_need(config.train.method, info.shape, config.train.batch, card.memory_free if card else None)
            found.append(
                {
                    "id": name,
                    "parameters": info.parameters,
                    **known["models"][key],
                    "memory_train_bytes": need.needed,
                    "fits": need.fits,
                    "warning": warning(info.parameters, speech_ms),
                }
            )
        job.progress(total, total, "rows")
    if not found:
        raise UserError("no model could be compared", "none of them could be used", "whispersmith model")
    return {
        "segments": len(rows),
        "characters": sum(len(normalise(row.text).replace(" ", "")) for row in rows),
        "speech_s": round(speech_ms / 1000, 1),
        "models": sorted(found, key=lambda model: model["cer"]),
    }


def warning(parameters: int, speech_ms: int) -> str:
    """Why tuning a model of that size on so much speech may make it worse; "" where that is not to be feared."""
    if parameters < LARGE or speech_ms >= LITTLE_MS:
        return ""
    return (
        f"tuning {parameters / 1e6:.0f} M weights on {speech_ms / 3_600_000:.1f} h is likely to hurt: "
        "accept two hours first, or tune it light"
    )


def _rows(store: Store) -> tuple[list[Segment], int]:
    """The rows that are heard, and how many milliseconds of speech are accepted in all."""
    usable = [row for row in store.segments.all() if row.usable and normalise(row.text)]
    if not usable:
        raise UserError(
            "there is nothing to compare with",
            "no text has been accepted yet",
            "correct and accept about thirty rows: whispersmith",
        )
    return evenly(usable, ROWS), asked_ms(usable)


def _known(store: Store, rows: Sequence[Segment]) -> dict[str, Any]:
    """What was measured on these very rows."""
    mark = hashlib.sha256("\n".join(f"{row.id} {row.text}" for row in rows).encode()).hexdigest()[:20]
    note = store.note(NOTE) or {}
    return note if note.get("rows") == mark else {"rows": mark, "models": {}}


def _candidates(workspace: Workspace, config: Config, job: Job) -> list[str]:
    asked = job.params.get("models")
    here = [row.id for row in listing(workspace, config) if row.here and "tuned" not in row.roles]
    return list(dict.fromkeys(asked or here))


def _measure(
    workspace: Workspace, config: Config, job: Job, name: str, rows: Sequence[Segment], done: int, total: int
) -> dict[str, Any]:
    """Errors and speed, with the decoding that all figures have."""
    job.progress(done, total, "rows", f"loading {name}")
    engine = open_engine(
        name, EngineOptions.for_job(job, config.project.language, config.evaluate.batch), workspace.root
    )
    clips = [Clip(row.id, read_segment(workspace.absolute(row.path))) for row in rows]
    # The first second that a library hears is the time in which it gets ready.
    list(engine.hypotheses(_head(clips)))
    begun, pairs = time.monotonic(), []
    for batch in engine.hypotheses(clips):
        pairs += [hypothesis.text for _, hypothesis in batch]
        job.progress(done + len(pairs), total, "rows", name)
    took = time.monotonic() - begun
    rates = error_rates(name, [(row.text, text) for row, text in zip(rows, pairs, strict=True)])
    figures = {key: rates[key] for key in ("cer", "cer_low", "cer_high", "loops")}
    return figures | {"speed": round(sum(clip.seconds for clip in clips) / max(took, 1e-6), 2)}


def _head(clips: Sequence[Clip]) -> Iterator[Clip]:
    for clip in clips[:1]:
        yield Clip(clip.id, clip.samples[:16_000])
