"""evaluate: base and tuned model on the same test segments, nothing of which was trained on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.config import Config
from core.dataset import lineage
from core.dataset.digests import fill_digests
from core.dataset.held_out import HeldOut, held_out_segments
from core.engines import Clip, EngineOptions, open_engine
from core.engines.hypothesis_cache import HypothesisCache
from core.error_rates import error_rates
from core.errors import UserError
from core.jobs import Job, list_jobs
from core.segmentation.sound_check import with_whole_sound
from core.store import EvaluationRow, Segment, Store
from core.text import character_errors, normalise, percent, plural
from core.whisper.features import read_segment
from core.whisper.folders import find
from core.whisper.info import describe
from core.whisper.tuned import check_model, tuned_folders, tuned_or_named
from core.workspace import Workspace

_MAKERS = ("train", "round")
"""Stages of which a tuned model comes."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="M", help="default: the newest tuned model")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"model": arguments.model}


def report(result: dict[str, Any]) -> str:
    """Base beside tuned, and what they were measured on."""
    excluded = f", {result['excluded']} left out as the model knows them" if result["excluded"] else ""
    measured_on = f"{plural(result['segments'], 'test segment')}, {plural(result['characters'], 'character')}"
    lines = [f"on {measured_on}, leak {result['leak']}{excluded}"]
    for role, figures in result["models"].items():
        bounds = f"{percent(figures['cer_low'])} to {percent(figures['cer_high'])}"
        lines.append(f"{role:<6} CER {percent(figures['cer'])} (95 %: {bounds})  {figures['name']}")
    return "\n".join(lines)


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """UserError if there is no such model; where none is asked for, if there is none, and none is being made."""
    if asked := params.get("model"):
        check_model(workspace, asked)
    elif not any(job.live and job.stage in _MAKERS for job in list_jobs(workspace)):
        _model(workspace, None)


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
        test = _test_segments(store)
        tuned = _model(workspace, job.params.get("model"))
        name = tuned.name if isinstance(tuned, Path) else tuned
        held_out = _held_out(workspace, config, job, store, tuned, test)
        measured = [segment for segment in held_out.segments if normalise(segment.text)]
        measured = with_whole_sound(workspace, store, job, measured)
        if not measured:
            raise UserError(
                "there is nothing to measure with", "the sound of every test segment is broken", "whispersmith segment"
            )
        describe(config.model.base, workspace.root)
        total = 2 * len(measured)
        base_texts = _hypotheses(workspace, config, job, config.model.base, measured, 0, total)
        tuned_texts = _hypotheses(workspace, config, job, str(tuned), measured, len(measured), total)
        rows = [_row(segment, base_texts[segment.id], tuned_texts[segment.id]) for segment in measured]
        result = {
            "segments": len(rows),
            "characters": sum(row.characters for row in rows),
            "leak": held_out.leak,
            "leak_against": held_out.leak_against,
            "excluded": held_out.excluded,
            "empty_references": sum(not normalise(segment.text) for segment in held_out.segments),
            "models": {
                "base": error_rates(config.model.base, [(row.reference, row.base) for row in rows]),
                "tuned": error_rates(name, [(row.reference, row.tuned) for row in rows]),
            },
        }
        job.check()
        store.evaluations.add(name, result, rows)
    both = result["models"]
    job.log(
        f"CER on {plural(len(rows), 'test segment')}: base {100 * both['base']['cer']:.1f} %, "
        f"{name} {100 * both['tuned']['cer']:.1f} %"
    )
    return result


def _test_segments(store: Store) -> list[Segment]:
    test = [segment for segment in store.segments.all(part="test") if segment.usable]
    if not any(normalise(segment.text) for segment in test):
        raise UserError(
            "there is nothing to measure with",
            "no test segment has an accepted text",
            "whispersmith split, after accepting some transcripts",
        )
    return test


def _held_out(
    workspace: Workspace, config: Config, job: Job, store: Store, tuned: Path | str, test: list[Segment]
) -> HeldOut:
    """The test segments that both models are new to; the log says how many they are not."""
    listed = lineage.read(find(str(tuned), workspace.root))
    base = lineage.read(find(config.model.base, workspace.root))
    found = held_out_segments(test, store.segments.all(part="train") if listed is None else [], listed, base)
    name = Path(tuned).name
    if found.excluded:
        count = f"{found.excluded} of {plural(len(test), 'test segment')}"
        job.log(f"{count} are left out: a model was trained on or chosen by their audio")
    if listed is None:
        job.log(f"{name} has no list of what it was trained on: leak is counted against the current train part")
    if not any(normalise(segment.text) for segment in found.segments):
        raise UserError(
            f"there is nothing left to measure {name} with",
            f"it was trained on {found.excluded} of {plural(len(test), 'test segment')}, and the others have no text",
            "whispersmith train",
        )
    return found


def _model(workspace: Workspace, asked: str | None) -> Path | str:
    """The model to measure: what was asked for, else the newest finished one."""
    if asked:
        return tuned_or_named(workspace, asked)
    tuned = tuned_folders(workspace.models)
    if not tuned:
        raise UserError("there is no tuned model yet", f"{workspace.models} holds none", "whispersmith train")
    return tuned[0]


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
    # One decoding for all figures, those of a training included, so that they can be laid beside each other.
    engine = open_engine(model, options, workspace.root, "transformers")
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
