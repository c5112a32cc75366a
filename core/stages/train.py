"""train: fine-tune the base model on the accepted training segments.

The test part is never trained on nor chosen by: the best checkpoint is found with a validation block that is cut out
of the train part. Where there is too little data for a block, nothing is chosen and the last checkpoint is kept.
"""

from __future__ import annotations

import argparse
import math
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.config import Config
from core.dataset import lineage
from core.dataset.digests import fill_digests
from core.dataset.leak import sharing_audio
from core.dataset.lineage import Lineage
from core.dataset.selection import UsableSegments, select_for_resume, select_for_run
from core.errors import UserError
from core.events import RunStarted, Saved
from core.gpu import Gpu
from core.jobs import Job
from core.store import Segment, Store
from core.text import plural
from core.training import checkpoints, resume, runs
from core.training.card import CardFacts, model_card
from core.training.checkpoints import Checkpoint
from core.training.methods import METHODS
from core.training.plan import DataCounts, Plan, smaller_plan
from core.training.planning import read_usable, training_card
from core.training.runs import RunRecord
from core.whisper.info import describe
from core.workspace import Workspace


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", metavar="N", help="default: the next free run-01, run-02, …")
    parser.add_argument("--resume", action="store_true", help="go on from the last whole checkpoint")
    parser.add_argument("--steps", type="positive", metavar="N")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"name": arguments.name, "resume": arguments.resume, "steps": arguments.steps}


def report(result: dict[str, Any]) -> str:
    return f"{result['name']} is tuned: {result['path']}"


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """What needs no GPU to be seen: there are segments, the base model is here and knows the language, and the run can
    be had."""
    with Store(workspace.db_path) as store:
        counts = store.segments.counts()
    if not counts["train"]:
        raise _nothing_to_train_on(counts)
    info, language = describe(config.model.base, workspace.root), config.project.language
    if info.languages and language not in info.languages:
        raise UserError(
            f"{config.model.base} cannot be trained with the language {language!r}",
            f"the model is taught with a language token; it knows {', '.join(info.languages)}"[:300],
            'set language = "zh" under [project] in whispersmith.toml',
        )
    resume.asked_for(workspace.models, params)


@dataclass(frozen=True)
class RunSetup:
    """What a run is given before any of torch is loaded. folder: its hidden one; last: the checkpoint it goes on from;
    learn: the segments it learns from; lineage: what it has heard and is measured on; measures_anew: earlier figures
    are forgotten."""

    name: str
    folder: Path
    last: Checkpoint | None
    plan: Plan
    usable: UsableSegments
    learn: list[Segment]
    lineage: Lineage
    measures_anew: bool


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Train, and write models/<name>/ whole at the end.

    params: name, resume, steps (all optional). A stopped or killed run goes on with resume, with its name, or by
    itself when settings and segments are still the same; it obeys the plan it was started with. Returns {"name",
    "path", "steps", "best_step", "cer", "base_cer", "on", "loss", "seconds", "train_segments", "validation_segments",
    "eval_segments", "leak", "resumed_from"}. on: "validation" (the checkpoint was chosen by this cer), "test" (only
    shown) or None.
    """
    from core.training import trainer
    from core.training.dataset import examples
    from core.whisper.loading import load

    setup = set_up(workspace, config, job)
    plan, usable = setup.plan, setup.usable
    job.progress(0, None, "step", "loading the base model")
    loaded = load(config.model.base, device=plan.device, dtype=METHODS[plan.method].weights, root=workspace.root)
    job.check()
    data, rejected = examples(loaded, _rows(workspace, setup.learn), plan.language, plan.label_tokens)
    for segment, error in rejected:
        job.item_failed(segment, error)
    if not data:
        raise UserError(
            "no training segment can be used", "every text is too long for the model", "whispersmith segments"
        )
    resumed_from = setup.last.step if setup.last else None
    job.log(
        f"{setup.name}: {plural(plan.steps, 'step')} on {plural(len(data), 'segment')}, {loaded.device}"
        + (f", going on from step {resumed_from}" if resumed_from else "")
    )
    job.emit(RunStarted(setup.name, plan.steps, len(data), resumed_from, setup.measures_anew))
    measured = [usable.by_id[id] for id in setup.lineage.measured if id in usable.by_id]
    try:
        tuned, outcome = trainer.train(
            loaded,
            plan,
            data,
            _rows(workspace, measured),
            folder=setup.folder,
            job=job,
            resume=setup.last,
            relative=workspace.relative,
        )
    except trainer.TrainingOutOfMemory as error:
        raise memory_ran_out(setup.folder, plan, str(error)) from error
    job.progress(plan.steps, plan.steps, "step", "saving the model")
    leak = len(sharing_audio(usable.test, setup.lineage.heard))
    facts = CardFacts(
        name=setup.name,
        base=plan.model,
        language=plan.language,
        train_segments=len(data),
        train_seconds=usable.seconds(example.row.segment for example in data),
        validation_segments=plan.validation_segments,
        test_segments=plan.test_segments,
        split=usable.split_by,
        leak=leak,
        steps=outcome.steps,
        best_step=outcome.best_step,
        on=plan.measured_on,
        eval_segments=plan.measured_segments,
        cer=outcome.cer,
        base_cer=outcome.base_cer,
    )

    def save(place: Path) -> None:
        tuned.save_pretrained(place)
        loaded.processor.save_pretrained(place)
        loaded.extractor.save_pretrained(place)
        lineage.write(place, setup.lineage)

    path = runs.publish(workspace.models, setup.name, loaded.info.path, model_card(facts), save)
    checkpoints.keep_last(setup.folder)
    job.emit(Saved(outcome.best_step, workspace.relative(path)))
    job.log(f"the model is in {workspace.relative(path)}")
    return {
        "name": setup.name,
        "path": workspace.relative(path),
        **asdict(outcome),
        "on": plan.measured_on,
        "train_segments": len(data),
        "validation_segments": plan.validation_segments,
        "eval_segments": plan.measured_segments,
        "leak": leak,
        "resumed_from": resumed_from,
    }


def set_up(workspace: Workspace, config: Config, job: Job) -> RunSetup:
    """Settle which run this is, what it learns from and its plan, and keep all three in the run's folder."""
    usable = _usable(workspace, config, job)
    info = describe(config.model.base, workspace.root)
    fresh = select_for_run(usable, config, lineage.read(info.path))
    record = RunRecord.of(config)
    chosen = resume.choose(workspace.models, job.params, record, fresh)
    folder = runs.hidden(workspace.models, chosen.name).absolute()
    last = resume.open_run(folder, chosen, record, fresh)
    before = lineage.read(folder) or fresh
    now, learn = select_for_resume(before, usable, config)
    card, steps = _card(config, job), job.params.get("steps")

    def planned(heard: Lineage) -> Plan:
        counts = DataCounts.of(heard, train=len(learn), test=len(usable.test))
        return resume.plan_of(folder, last, config, counts, info, card, steps)

    plan = planned(now)
    kept, measures_anew = runs.read_record(folder) or record, False
    if last is not None and last.step >= plan.steps:
        now, plan = before, planned(before)  # nothing more is learnt or measured
    else:
        report_data(job, chosen.name, usable, before, now, fresh, len(learn))
        # Runs from before plans were kept were measured with a decoding of their own.
        if measures_anew := _measured_differ(before, now) or (last is not None and kept.plan is None):
            job.log("the segments it is measured on have changed, or how: earlier figures are forgotten")
            # In this order: a kill between the two forgets once more, and never compares figures of other segments.
            checkpoints.forget_measures(folder)
            lineage.write(folder, now)
    if not kept.same_settings(record):
        job.log(f"{chosen.name} keeps the plan it was started with: the settings have changed since")
    _check_disk(workspace, plan, info.parameters)
    runs.write_record(folder, replace(kept, plan=plan))
    return RunSetup(chosen.name, folder, last, plan, usable, learn, now, measures_anew and last is not None)


def _card(config: Config, job: Job) -> Gpu | None:
    """The GPU of the plan; its free memory is read before torch takes some of it."""
    from core.whisper.loading import pick_device

    card = training_card(config.model.gpu)
    if card is not None and pick_device().name == "cpu":
        job.log(
            f"torch cannot use {card.name}, so the processor computes; whispersmith check says why", level="warning"
        )
        return None
    return card


def _measured_differ(before: Lineage, now: Lineage) -> bool:
    return (before.on, before.measured) != (now.on, now.measured)


def report_data(
    job: Job, name: str, usable: UsableSegments, before: Lineage, now: Lineage, fresh: Lineage, learn: int
) -> None:
    """Say in the log what chooses the checkpoint, and what a changed split has done to a run that goes on."""
    if gone := len(before.trained) - learn:
        job.log(
            f"not trained on any more, since for testing now or no longer accepted: {plural(gone, 'segment')} of {name}"
        )
    known = {one.id for one in before.heard}
    if new := sum(one.id not in known for one in (*fresh.trained, *fresh.validated)):
        job.log(f"{name} keeps its own segments; {new} others are for a new run: whispersmith train --name another")
    elif left := len(usable.train) - len(fresh.trained) - len(fresh.validated):
        job.log(f"left out of the train part, since too near to validation or test ones: {plural(left, 'segment')}")
    if now.on == "validation":
        job.log(f"the checkpoint is chosen by {plural(len(now.measured), 'validation segment')} out of the train part")
    else:
        shown = f"; the CER shown is of {plural(len(now.measured), 'test segment')}" if now.on else ""
        job.log(f"no validation block: nothing is chosen, the last checkpoint is kept{shown}")


def _usable(workspace: Workspace, config: Config, job: Job) -> UsableSegments:
    """The usable segments as they are parted now. UserError with the next command if there is none to train on."""
    with Store(workspace.db_path) as store:
        fill_digests(workspace, store, job)
        usable, counts = read_usable(store, config), store.segments.counts()
    if not usable.train:
        raise _nothing_to_train_on(counts)
    return usable


def _nothing_to_train_on(counts: dict[str, int]) -> UserError:
    """What is missing, by the store's counts of segments, and the next command."""
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
        why, fix = (
            f"of {plural(counts['accepted'], 'accepted segment')} none is in the train part",
            "whispersmith split",
        )
    return UserError("there is nothing to train on", why, fix)


def _rows(workspace: Workspace, segments: list[Segment]) -> list[Any]:
    from core.training.dataset import Row

    return [Row(segment.id, workspace.absolute(segment.path), segment.text.strip()) for segment in segments]


def _check_disk(workspace: Workspace, plan: Plan, parameters: int) -> None:
    """Two checkpoints, the one being written, and the model must fit before the first step is made."""
    need = 3 * plan.checkpoint_bytes + 4 * parameters
    workspace.models.mkdir(exist_ok=True)
    free = shutil.disk_usage(workspace.models).free
    if free < need:
        raise UserError(
            "the disk is too full to train",
            f"checkpoints need {need / 1e9:.1f} GB, {free / 1e9:.1f} GB are free at {workspace.models}",
            "free some space, or move the workspace",
        )


def memory_ran_out(folder: Path, plan: Plan, detail: str) -> UserError:
    """What to do now. A run that has a checkpoint is given a plan that needs less, which a resume obeys."""
    smaller = smaller_plan(plan)
    if smaller is not None and checkpoints.last_checkpoint(folder) is not None:
        record = runs.read_record(folder)
        if record is not None:
            runs.write_record(folder, replace(record, plan=smaller))
        fix = f"whispersmith train --resume goes on with {smaller.batch} at once, activations recomputed"
    elif plan.batch > 1:
        half = plan.batch // 2
        fix = (
            f"set batch = {half} and accumulation = {math.ceil(plan.batch * plan.accumulation / half)} "
            "under [train] in whispersmith.toml, then: whispersmith train"
        )
    else:
        fix = "choose a smaller base model: whispersmith model"
    why = f"a batch of {plan.batch} did not fit beside the model's training state"
    return UserError("the GPU's memory ran out", why, fix, detail)
