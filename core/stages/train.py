"""train: fine-tune the base model on the accepted training segments.

The test part is never trained on nor chosen by: the best checkpoint is found with a validation block that is cut out
of the train part. Where there is too little data for a block, nothing is chosen and the last checkpoint is kept.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.config import Config
from core.dataset import lineage
from core.dataset.lineage import Lineage
from core.dataset.selection import Parts, follow, select_for_run
from core.errors import UserError
from core.jobs import Job
from core.store import Segment, Store
from core.whisper.folders import tuned_folders
from core.workspace import Workspace

CHECKPOINT_BYTES_PER_WEIGHT = 12  # weights and two Adam moments in float32


@dataclass(frozen=True)
class ChosenRun:
    """Which run this is. resume: go on from its last whole checkpoint, if there is one."""

    name: str
    resume: bool


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Train, and write models/<name>/ whole at the end.

    params: name, resume, steps (all optional). A stopped or killed run goes on with resume, with its name, or by
    itself when settings and segments are still the same. Returns {"name", "path", "steps", "best_step", "cer",
    "base_cer", "on", "loss", "seconds", "train_segments", "validation_segments", "eval_segments", "leak",
    "resumed_from"}. on: "validation" (the checkpoint was chosen by this cer), "test" (only shown) or None.
    """
    from core.training import dataset, runs
    from core.training import trainer as training
    from core.training.plan import schedule
    from core.whisper.info import describe
    from core.whisper.loading import load

    parts = _parts(workspace, config)
    info = describe(config.model.base, workspace.root)
    wavs = {row.id: workspace.absolute(row.path) for row in [*parts.train, *parts.test]}
    digests = lineage.digests_of(wavs, job)
    fresh = select_for_run(parts, config, digests, lineage.read(info.path))
    settings = {"base": config.model.base, "language": config.project.language, "train": _settings(config)}
    chosen = choose(workspace, job.params, settings, fresh)
    folder = runs.hidden(workspace.models, chosen.name).absolute()
    resume = _open(folder, chosen, settings, fresh)
    before = lineage.read(folder) or fresh
    material, learn = follow(before, parts, config, digests)
    _check_disk(workspace, info.parameters)
    job.progress(0, None, "step", "loading the base model")
    loaded = load(config.model.base, root=workspace.root)
    job.check()

    data, rejected = dataset.examples(loaded, _rows(workspace, learn), config.project.language)
    for segment, error in rejected:
        job.item_failed(segment, error)
    if not data:
        raise UserError(
            "no training segment can be used", "every text is too long for the model", "whispersmith segments"
        )
    plan = schedule(config.train, len(data), job.params.get("steps"))
    job.log(
        f"{chosen.name}: {plan.steps} steps on {len(data)} segments, {loaded.device}"
        + (f", going on from step {resume.step}" if resume else "")
    )
    if resume and resume.step >= plan.steps:
        material = before  # nothing more is learnt or measured
        outcome = _already_there(folder, resume, loaded, before)
    else:
        watched = [parts.usable[id] for id in material.measured]
        held, _ = dataset.examples(loaded, _rows(workspace, watched), config.project.language)
        on = material.on if held else None
        material = replace(material, on=on, measured=tuple(example.row.segment for example in held))
        tell(job, chosen.name, parts, before, material, fresh, len(learn))
        if _measures_else(before, material):
            # In this order: a kill between the two forgets once more, and never compares figures of other segments.
            runs.forget_measures(folder)
            lineage.write(folder, material)
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
            on=material.on or "test",
        )
    job.progress(plan.steps, plan.steps, "step", "saving the model")
    result = {
        "name": chosen.name,
        "path": workspace.relative(workspace.models / chosen.name),
        "steps": outcome.steps,
        "best_step": outcome.best_step,
        "cer": outcome.cer,
        "base_cer": outcome.base_cer,
        "on": material.on,
        "loss": outcome.loss,
        "seconds": outcome.seconds,
        "train_segments": len(data),
        "validation_segments": len(material.validated),
        "eval_segments": len(material.measured),
        "leak": len(lineage.sharing(lineage.refs_of(parts.test, digests), material.heard)),
        "resumed_from": resume.step if resume else None,
    }
    facts = result | {
        "base": config.model.base,
        "language": config.project.language,
        "train_seconds": parts.seconds(example.row.segment for example in data),
        "test_segments": len(parts.test),
        "split": parts.by,
    }

    def save(place: Path) -> None:
        loaded.model.save_pretrained(place)
        loaded.processor.save_pretrained(place)
        loaded.extractor.save_pretrained(place)
        lineage.write(place, material)

    path = runs.publish(workspace.models, chosen.name, loaded.info.path, runs.card(facts), save)
    runs.keep_last(folder)
    job.emit("saved", step=outcome.best_step, path=workspace.relative(path))
    job.log(f"the model is in {workspace.relative(path)}")
    return result


def _measures_else(before: Lineage, now: Lineage) -> bool:
    return (before.on, before.measured) != (now.on, now.measured)


def tell(job: Job, name: str, parts: Parts, before: Lineage, now: Lineage, fresh: Lineage, learn: int) -> None:
    """Say in the log what chooses the checkpoint, and what a changed split has done to a run that goes on."""
    if gone := len(before.trained) - learn:
        job.log(f"{gone} segments of {name} are test segments now, or no longer accepted: not trained on any more")
    known = {one.id for one in before.heard}
    if new := sum(one.id not in known for one in (*fresh.trained, *fresh.validated)):
        job.log(f"{name} keeps its own segments; {new} others are for a new run: whispersmith train --name another")
    elif left := len(parts.train) - len(fresh.trained) - len(fresh.validated):
        job.log(f"{left} segments of the train part are left out: they lie too near to validation or test ones")
    if _measures_else(before, now):
        job.log("the segments it is measured on have changed: earlier figures are forgotten")
    if now.on == "validation":
        job.log(f"{len(now.measured)} validation segments out of the train part choose the checkpoint")
    else:
        shown = f"; the CER shown is of {len(now.measured)} test segments" if now.on else ""
        job.log(f"no validation block: nothing is chosen, the last checkpoint is kept{shown}")


def choose(workspace: Workspace, params: dict[str, Any], settings: dict[str, Any], fresh: Lineage) -> ChosenRun:
    """Which run to start or go on with: by name; the newest that can go on, with resume; else one that was
    interrupted with the very same settings and segments; else the next free name."""
    from core.training import runs

    models, name = workspace.models, params.get("name")
    open_runs = runs.interrupted(models)
    if name:
        runs.check_name(name)
        if params.get("resume") or name in open_runs:
            return ChosenRun(name, True)
        if (models / name).exists():
            raise UserError(
                f"there is a model {name} already",
                "a finished model is not trained over",
                "choose another --name, or go on with it: --resume --steps N",
            )
        return ChosenRun(name, False)
    if params.get("resume"):
        done = [path.name for path in tuned_folders(models) if runs.last_checkpoint(runs.hidden(models, path.name))]
        if not open_runs and not done:
            raise UserError("there is no run to go on with", "no checkpoint has been saved yet", "whispersmith train")
        return ChosenRun((open_runs or done)[0], True)
    hidden = {run: runs.hidden(models, run) for run in open_runs}
    same = [run for run, at in hidden.items() if runs.read_run(at) == settings and _given(at) == fresh.given]
    return ChosenRun(same[0], True) if same else ChosenRun(runs.next_name(models), False)


def _given(folder: Path) -> Any:
    kept = lineage.read(folder)
    return kept.given if kept else None


def _parts(workspace: Workspace, config: Config) -> Parts:
    """The usable segments as they are parted now. UserError with the next command if there is none to train on."""
    with Store(workspace.db_path) as store:
        usable = {segment.id: segment for segment in store.segments.all() if segment.usable}
        counts = store.segments.counts()
        by = (store.note("split") or {}).get("by", config.split.by)
    train, test = ([row for row in usable.values() if row.part == part] for part in ("train", "test"))
    if train:
        return Parts(usable, train, test, str(by))
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
    from core.training.dataset import Row

    return [Row(segment.id, workspace.absolute(segment.path), segment.text.strip()) for segment in segments]


def _settings(config: Config) -> dict[str, Any]:
    """What makes a run the same run; how long it goes on does not."""
    return config.train.model_dump(exclude={"epochs", "steps"})


def _open(folder: Path, chosen: ChosenRun, settings: dict[str, Any], fresh: Lineage) -> Any:
    """The checkpoint to go on from, or None; what a dead run left half-written is removed."""
    from core.training import runs

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
        if last is not None and lineage.read(folder) is None:
            raise UserError(
                f"{chosen.name} cannot be gone on with",
                f"its list of what it was trained on ({lineage.FILE}) is gone, so it could not be measured honestly",
                "train anew: whispersmith train --name another",
            )
        if last is not None:
            return last
        if (model := folder.parent / chosen.name).exists():
            raise UserError(
                f"{chosen.name} cannot be gone on with",
                f"{model} is finished, and its last checkpoint is gone",
                "train another: whispersmith train --name another",
            )
    shutil.rmtree(folder, ignore_errors=True)
    lineage.write(folder, fresh)
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


def _already_there(folder: Path, resume: Any, loaded: Any, material: Lineage) -> Any:
    """The run had made all its steps when it was stopped: only the weights it ends with have to be taken up."""
    from transformers import WhisperForConditionalGeneration

    from core.training import runs
    from core.training.trainer import Outcome, Reporter

    choosing = material.on == "validation"
    best = (runs.best_checkpoint(folder) if choosing else None) or resume
    weights = WhisperForConditionalGeneration.from_pretrained(best.path, local_files_only=True, use_safetensors=True)
    loaded.model.load_state_dict(weights.state_dict())
    state = runs.read_state(resume.path) or {}
    history = state.get("log_history", [])
    losses = [entry["loss"] for entry in history if "loss" in entry]
    return Outcome(
        steps=resume.step,
        best_step=best.step,
        cer=state.get("best_metric") if choosing else Reporter.last_cer(history, resume.step),
        base_cer=Reporter.base_cer(history),
        loss=losses[-1] if losses else None,
        seconds=0.0,
    )
