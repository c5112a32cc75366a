"""train: fine-tune the base model on the accepted training segments."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.config import Config
from core.errors import UserError
from core.jobs import Job
from core.stages.split import leak, same_audio
from core.store import Segment, Store
from core.text import normalise
from core.workspace import Workspace

CHECKPOINT_BYTES_PER_WEIGHT = 12  # weights and two Adam moments in float32


@dataclass(frozen=True)
class Run:
    """Which run this is. resume: go on from its last whole checkpoint, if there is one."""

    name: str
    resume: bool


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Train, and write models/<name>/ whole at the end.

    params: name, resume, steps (all optional). A stopped or killed run goes on with resume, with its name, or by
    itself when the settings are still the same. Returns {"name", "path", "steps", "best_step", "cer", "base_cer",
    "loss", "seconds", "train_segments", "eval_segments", "leak", "resumed_from"}.
    """
    from core.whisper import dataset, runs, training
    from core.whisper.loading import describe, load
    from core.whisper.plan import schedule

    train, test, split = _segments(workspace, config)
    measurable = [segment for segment in test if normalise(segment.text)]
    info = describe(config.model.base, workspace.root)
    settings = {"base": config.model.base, "language": config.project.language, "train": _settings(config)}
    chosen = choose(workspace, job.params, settings)
    folder = runs.hidden(workspace.models, chosen.name).absolute()
    resume = _open(folder, chosen, settings)
    _check_disk(workspace, info.parameters)
    job.progress(0, None, "step", "loading the base model")
    loaded = load(config.model.base, root=workspace.root)
    job.check()

    data, rejected = dataset.examples(loaded, _rows(workspace, train), config.project.language)
    for segment, error in rejected:
        job.item_failed(segment, error)
    if not data:
        raise UserError(
            "no training segment can be used", "every text is too long for the model", "whispersmith segments"
        )
    held, _ = dataset.examples(
        loaded, _rows(workspace, evenly(measurable, config.train.eval_segments)), config.project.language
    )
    plan = schedule(config.train, len(data), job.params.get("steps"))
    job.log(
        f"{chosen.name}: {plan.steps} steps on {len(data)} segments, {loaded.device}"
        + (f", going on from step {resume.step}" if resume else "")
    )
    if resume and resume.step >= plan.steps:
        outcome = _already_there(folder, resume, loaded)
    else:
        outcome = training.train(
            loaded,
            data,
            held,
            config.train,
            plan,
            folder=folder,
            language=config.project.language,
            job=job,
            resume=resume.path if resume else None,
            relative=workspace.relative,
        )
    job.progress(plan.steps, plan.steps, "step", "saving the model")
    rows = [*train, *test]
    facts = {
        "name": chosen.name,
        "base": config.model.base,
        "language": config.project.language,
        "train_segments": len(data),
        "train_seconds": sum(s.end_ms - s.start_ms for s in train) / 1000,
        "test_segments": len(test),
        "eval_segments": len(held),
        "split": split,
        "leak": leak(rows, digests=same_audio({row.id: workspace.absolute(row.path) for row in rows})),
        "steps": outcome.steps,
        "best_step": outcome.best_step,
        "cer": outcome.cer,
        "base_cer": outcome.base_cer,
    }

    def save(place: Path) -> None:
        loaded.model.save_pretrained(place)
        loaded.processor.save_pretrained(place)
        loaded.extractor.save_pretrained(place)

    path = runs.publish(workspace.models, chosen.name, loaded.info.path, runs.card(facts), save)
    runs.keep_last(folder)
    job.emit("saved", step=outcome.best_step, path=workspace.relative(path))
    job.log(f"the model is in {workspace.relative(path)}")
    return {
        "name": chosen.name,
        "path": workspace.relative(path),
        "steps": outcome.steps,
        "best_step": outcome.best_step,
        "cer": outcome.cer,
        "base_cer": outcome.base_cer,
        "loss": outcome.loss,
        "seconds": outcome.seconds,
        "train_segments": len(data),
        "eval_segments": len(held),
        "leak": facts["leak"],
        "resumed_from": resume.step if resume else None,
    }


def choose(workspace: Workspace, params: dict[str, Any], settings: dict[str, Any]) -> Run:
    """Which run to start or go on with: by name; the newest that can go on, with resume; else one that was
    interrupted under the very same settings; else the next free name."""
    from core.whisper import runs

    models, name = workspace.models, params.get("name")
    open_runs = runs.interrupted(models)
    if name:
        runs.check_name(name)
        if params.get("resume") or name in open_runs:
            return Run(name, True)
        if (models / name).exists():
            raise UserError(
                f"there is a model {name} already",
                "a finished model is not trained over",
                "choose another --name, or go on with it: --resume --steps N",
            )
        return Run(name, False)
    if params.get("resume"):
        done = [path.name for path in runs.finished(models) if runs.last_checkpoint(runs.hidden(models, path.name))]
        if not open_runs and not done:
            raise UserError("there is no run to go on with", "no checkpoint has been saved yet", "whispersmith train")
        return Run((open_runs or done)[0], True)
    same = [run for run in open_runs if runs.read_run(runs.hidden(models, run)) == settings]
    return Run(same[0], True) if same else Run(runs.next_name(models), False)


def evenly(segments: list[Segment], count: int) -> list[Segment]:
    """At most `count` of the segments, spread evenly; the same ones each time."""
    if len(segments) <= count:
        return list(segments)
    return [segments[index * len(segments) // count] for index in range(count)]


def _segments(workspace: Workspace, config: Config) -> tuple[list[Segment], list[Segment], str]:
    """(train, test, split): usable segments of each part, and how they were parted. UserError with the next command
    if there is none to train on."""
    with Store(workspace.db_path) as store:
        train = [segment for segment in store.segments.all(part="train") if segment.usable]
        test = [segment for segment in store.segments.all(part="test") if segment.usable]
        counts = store.segments.counts()
        split = (store.note("split") or {}).get("by", config.split.by)
    if train:
        return train, test, str(split)
    if not counts["segments"]:
        why, fix = "there are no segments", "whispersmith add URL, fetch, segment, label; then accept transcripts"
    elif not counts["labelled"]:
        why, fix = "no segment has a transcript", "whispersmith label, then accept transcripts: whispersmith"
    elif not counts["accepted"]:
        why, fix = (
            "no transcript has been accepted",
            "whispersmith transcript SEGMENT --accept, then whispersmith split",
        )
    else:
        why, fix = f"{counts['accepted']} segments are accepted, none is in the train part", "whispersmith split"
    raise UserError("there is nothing to train on", why, fix)


def _rows(workspace: Workspace, segments: list[Segment]) -> list[Any]:
    from core.whisper.dataset import Row

    return [Row(segment.id, workspace.absolute(segment.path), segment.text.strip()) for segment in segments]


def _settings(config: Config) -> dict[str, Any]:
    """What makes a run the same run; how long it goes on does not."""
    return config.train.model_dump(exclude={"epochs", "steps"})


def _open(folder: Path, chosen: Run, settings: dict[str, Any]) -> Any:
    """The checkpoint to go on from, or None; what a dead run left half-written is removed."""
    from core.whisper import runs

    if chosen.resume:
        runs.mend(folder)
        before = runs.read_run(folder)
        if before and before.get("base") != settings["base"]:
            raise UserError(
                f"{chosen.name} was started from another base model",
                f"it grew from {before.get('base')}, the settings now say {settings['base']}",
                "set model.base back, or start anew: whispersmith train --name another",
            )
        last = runs.last_checkpoint(folder)
        if last is not None:
            return last
        if (model := folder.parent / chosen.name).exists():
            raise UserError(
                f"{chosen.name} cannot be gone on with",
                f"{model} is finished, and its last checkpoint is gone",
                "train another: whispersmith train --name another",
            )
    shutil.rmtree(folder, ignore_errors=True)
    runs.write_run(folder, settings)
    return None


def _check_disk(workspace: Workspace, parameters: int) -> None:
    """Two checkpoints, the one being written, and the model must fit before the first step is made."""
    need = 3 * CHECKPOINT_BYTES_PER_WEIGHT * parameters + 4 * parameters
    workspace.models.mkdir(exist_ok=True)
    free = shutil.disk_usage(workspace.models).free
    if free < need:
        raise UserError(
            "the disk is too full to train",
            f"checkpoints need {need / 1e9:.1f} GB, {free / 1e9:.1f} GB are free at {workspace.models}",
            "free some space, or move the workspace",
        )


def _already_there(folder: Path, resume: Any, loaded: Any) -> Any:
    """The run had made all its steps when it was stopped: only the best weights have to be taken up."""
    from transformers import WhisperForConditionalGeneration

    from core.whisper import runs
    from core.whisper.training import Outcome, Voice

    best = runs.best_checkpoint(folder) or resume
    weights = WhisperForConditionalGeneration.from_pretrained(best.path, local_files_only=True, use_safetensors=True)
    loaded.model.load_state_dict(weights.state_dict())
    state = runs.read_state(resume.path) or {}
    history = state.get("log_history", [])
    losses = [entry["loss"] for entry in history if "loss" in entry]
    return Outcome(
        steps=resume.step,
        best_step=best.step,
        cer=state.get("best_metric"),
        base_cer=Voice.base_cer(history),
        loss=losses[-1] if losses else None,
        seconds=0.0,
    )
