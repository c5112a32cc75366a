"""evaluate: base and tuned model on the same test segments, nothing of which was trained on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.config import Config
from core.dataset import lineage
from core.dataset.digests import fill_digests
from core.dataset.leak import sharing_audio
from core.engines import Clip, EngineOptions, open_engine
from core.engines.hypothesis_cache import HypothesisCache
from core.errors import UserError
from core.jobs import Job
from core.store import EvaluationRow, Segment, Store
from core.text import NO_ERRORS, Errors, character_errors, is_loop, normalise, percent, plural
from core.whisper.features import read_segment
from core.whisper.folders import find, tuned_folders
from core.whisper.info import describe
from core.workspace import Workspace

RESAMPLES = 1000


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="M", help="default: the newest tuned model")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"model": arguments.model}


def report(result: dict[str, Any]) -> str:
    """Base beside tuned, and what they were measured on."""
    excluded = f", {result['excluded']} left out as the model knows them" if result["excluded"] else ""
    measured_on = f"{plural(result['segments'], 'held-out segment')}, {plural(result['characters'], 'character')}"
    lines = [f"on {measured_on}, leak {result['leak']}{excluded}"]
    for role, figures in result["models"].items():
        bounds = f"{percent(figures['cer_low'])} to {percent(figures['cer_high'])}"
        lines.append(f"{role:<6} CER {percent(figures['cer'])} (95 %: {bounds})  {figures['name']}")
    return "\n".join(lines)


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """UserError if there is no such model."""
    if asked := params.get("model"):
        check_named(workspace, asked)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Decode the test segments with both models and store what came out, row by row.

    Test segments that share audio with what either model was trained on or chosen by, as its own list says, are left
    out: a later split may have made them test segments.
    params: model (a name in models/, a folder or an id; by default the newest tuned model).
    Returns {"segments", "characters", "leak", "leak_against", "excluded", "empty_references", "models": {"base":
    figures, "tuned": figures}}; leak_against: "model" (the tuned model's own list) or "train" (it has none, the
    current train part is looked at instead); figures are name, cer, cer_low, cer_high (95 %), substitutions,
    deletions, insertions, loops, empty.
    """
    with Store(workspace.db_path) as store:
        fill_digests(workspace, store, job)
        usable = [segment for segment in store.segments.all(part="test") if segment.usable]
        if not any(normalise(segment.text) for segment in usable):
            raise UserError(
                "there is nothing to measure with",
                "no test segment has an accepted text",
                "whispersmith split, after accepting some transcripts",
            )
        tuned = _model(workspace, job.params.get("model"))
        name = tuned.name if isinstance(tuned, Path) else tuned
        new = unheard(workspace, config, job, tuned, usable, store.segments.all(part="train"))
        test = new.segments
        measurable = [segment for segment in test if normalise(segment.text)]
        if not measurable:
            raise UserError(
                f"there is nothing left to measure {name} with",
                f"it has heard {new.excluded} of the {len(usable)} test segments while it was trained, and the others "
                "have no text",
                "whispersmith train",
            )
        describe(config.model.base, workspace.root)
        total = 2 * len(measurable)
        base_texts = _hypotheses(workspace, config, job, config.model.base, measurable, 0, total)
        tuned_texts = _hypotheses(workspace, config, job, str(tuned), measurable, len(measurable), total)
        rows = [_row(segment, base_texts[segment.id], tuned_texts[segment.id]) for segment in measurable]
        result = {
            "segments": len(rows),
            "characters": sum(row.characters for row in rows),
            "leak": new.leak,
            "leak_against": new.against,
            "excluded": new.excluded,
            "empty_references": len(test) - len(measurable),
            "models": {
                "base": figures(config.model.base, [(row.reference, row.base) for row in rows]),
                "tuned": figures(name, [(row.reference, row.tuned) for row in rows]),
            },
        }
        job.check()
        store.evaluations.add(name, result, rows)
    both = result["models"]
    job.log(
        f"CER on {len(rows)} test segments: base {100 * both['base']['cer']:.1f} %, "
        f"{name} {100 * both['tuned']['cer']:.1f} %"
    )
    return result


@dataclass(frozen=True)
class Unheard:
    """Test segments a model may be measured with. excluded: how many it may not; leak: how many of `segments` share
    audio with what it was trained on, by its own list (against "model") or by the train part ("train")."""

    segments: list[Segment]
    excluded: int
    leak: int
    against: Literal["model", "train"]


def unheard(
    workspace: Workspace, config: Config, job: Job, tuned: Path | str, test: list[Segment], train: list[Segment]
) -> Unheard:
    """Leave out the test segments that the tuned or the base model has heard in its training, and say so."""
    listed = lineage.read(find(str(tuned), workspace.root))
    base = lineage.read(find(config.model.base, workspace.root))
    heard = [*(listed.heard if listed else ()), *(base.heard if base else ())]
    barred = sharing_audio(test, heard)
    left = [segment for segment in test if segment.id not in barred]
    if barred:
        job.log(
            f"{len(barred)} of {len(test)} test segments are left out: a model was trained on or chosen by their audio"
        )
    if listed:
        return Unheard(left, len(barred), len(sharing_audio(left, heard)), "model")
    name = Path(tuned).name
    job.log(f"{name} has no list of what it was trained on: leak is counted against the current train part")
    return Unheard(left, len(barred), len(sharing_audio(left, train)), "train")


def named(workspace: Workspace, asked: str) -> Path | str:
    """What `--model` means: the tuned model of that name, else a folder or an id."""
    inside = workspace.models / asked
    return inside if inside.is_dir() else asked


def check_named(workspace: Workspace, asked: str) -> None:
    """UserError if no whole Whisper is meant. A model that is just being trained may be there in time."""
    model = named(workspace, asked)
    if isinstance(model, Path) or not (workspace.models / f".{asked}").is_dir():
        describe(str(model), workspace.root)


def _model(workspace: Workspace, asked: str | None) -> Path | str:
    """The model to measure: what was asked for, else the newest finished one."""
    if asked:
        return named(workspace, asked)
    tuned = tuned_folders(workspace.models)
    if not tuned:
        raise UserError("there is no tuned model yet", f"{workspace.models} holds none", "whispersmith train")
    return tuned[0]


def figures(name: str, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Error counts of (reference, hypothesis) pairs, with a 95 % interval by resampling segments (bootstrap)."""
    counts = [character_errors(reference, hypothesis) for reference, hypothesis in pairs]
    total: Errors = sum(counts, NO_ERRORS)
    low, high = interval(counts)
    return {
        "name": name,
        "cer": total.cer,
        "cer_low": low,
        "cer_high": high,
        "substitutions": total.substitutions,
        "deletions": total.deletions,
        "insertions": total.insertions,
        "loops": sum(is_loop(hypothesis) for _, hypothesis in pairs),
        "empty": sum(not normalise(hypothesis) for _, hypothesis in pairs),
    }


def interval(counts: Sequence[Errors], seed: int = 0) -> tuple[float | None, float | None]:
    """The 2.5 and 97.5 percentiles of the CER over resampled segments; None for no characters."""
    errors = np.array([count.total for count in counts], dtype=float)
    characters = np.array([count.characters for count in counts], dtype=float)
    if not characters.sum():
        return None, None
    picks = np.random.default_rng(seed).integers(0, len(counts), (RESAMPLES, len(counts)))
    rates = errors[picks].sum(axis=1) / np.maximum(characters[picks].sum(axis=1), 1)
    return float(np.percentile(rates, 2.5)), float(np.percentile(rates, 97.5))


def _row(segment: Segment, base: str, tuned: str) -> EvaluationRow:
    before, after = character_errors(segment.text, base), character_errors(segment.text, tuned)
    return EvaluationRow(segment.id, segment.text, base, tuned, before.total, after.total, before.characters)


def _hypotheses(
    workspace: Workspace, config: Config, job: Job, model: str, segments: list[Segment], done: int, total: int
) -> dict[str, str]:
    """Texts by segment id, the same decoding for every model. What was written down before is not decoded anew.

    done, total: for the progress that is shown.
    """
    language = config.project.language
    cache = HypothesisCache(workspace.models, find(model, workspace.root), language)
    wavs = {segment.id: workspace.absolute(segment.path) for segment in segments}
    found = cache.read(wavs)
    todo = [segment for segment in segments if segment.id not in found]
    if not todo:
        return found
    name = Path(model).name
    job.progress(done, total, "segments", f"loading {name}")
    options = EngineOptions.for_job(job, language, config.evaluate.batch)
    engine = open_engine(model, options, workspace.root)
    job.check()
    for batch in engine.hypotheses(_clips(job, {segment.id: wavs[segment.id] for segment in todo})):
        texts = {clip.id: hypothesis.text for clip, hypothesis in batch}
        cache.add(texts, wavs)
        found |= texts
        job.progress(done + len(found), total, "segments", name)
    return found


def _clips(job: Job, wavs: dict[str, Path]) -> Iterator[Clip]:
    for id, wav in wavs.items():
        job.check()
        yield Clip(id, read_segment(wav))
