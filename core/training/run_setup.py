"""What a run is given before it begins: which run it is, its segments, its plan; all of it kept in the run's folder.
Loads no torch."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from core.config import Config
from core.dataset import lineage
from core.dataset.lineage import Lineage
from core.dataset.selection import UsableSegments, select_for_resume, select_for_run
from core.errors import UserError
from core.gpu import Gpu
from core.jobs import Job
from core.store import Segment
from core.text import plural
from core.training import checkpoints, resume, runs
from core.training.checkpoints import Checkpoint
from core.training.plan import DataCounts, Plan
from core.training.runs import RunRecord
from core.whisper.info import describe
from core.workspace import Workspace


@dataclass(frozen=True)
class RunSetup:
    """folder: the run's hidden one; last: the checkpoint it goes on from;
    learn: the segments it learns from; lineage: what it has heard and is measured on; measures_anew: earlier figures
    are forgotten."""

    name: str
    folder: Path
    last: Checkpoint | None
    plan: Plan
    learn: list[Segment]
    lineage: Lineage
    measures_anew: bool


def set_up(
    workspace: Workspace, config: Config, job: Job, usable: UsableSegments, card: Gpu | None, processes: int = 1
) -> RunSetup:
    """Settle which run this is, what it learns from and its plan, and keep all three in the run's folder.

    job.params: name, resume, steps, as of the stage; a job of the stage round marks the run it begins as its own. card:
    the GPU it computes on, None for the processor. processes: how many train together.
    """
    info = describe(config.model.base, workspace.root)
    selected = select_for_run(usable, config, lineage.read(info.path))
    fresh = selected.lineage
    record = replace(RunRecord.of(config), of_round=job.stage == "round")
    chosen = resume.choose(workspace.models, job.params, record, fresh)
    begins = not chosen.resume and not job.params.get("name")
    if begins and (stopped := resume.stopped_run(workspace.models, record, fresh)) is not None:
        job.log(stopped.told, "warning")
    folder = runs.hidden(workspace.models, chosen.name).absolute()
    last = resume.open_run(folder, chosen, record, fresh, lambda text: job.log(text, "warning"))
    before = lineage.read(folder) or fresh
    kept, measures_anew = runs.read_record(folder) or record, False
    now, learn = select_for_resume(before, usable, config, kept.include)

    def planned(heard: Lineage) -> Plan:
        counts = DataCounts.of(
            heard,
            learn,
            test=len(usable.test),
            settings=config.train,
            window_s=info.window_s,
            choices=selected.choices,
        )
        return resume.plan_of(folder, last, config, counts, info, card, job.params.get("steps"), processes)

    plan = planned(now)
    if resume.has_ended(plan, last):
        now, plan = before, planned(before)  # nothing more is learnt or measured
    else:
        _log_data(job, chosen.name, usable, before, now, fresh, len(learn))
        # Runs from before plans were kept were measured with a decoding of their own.
        if measures_anew := _measured_differ(before, now) or (last is not None and kept.plan is None):
            job.log("the segments it is measured on have changed, or how: earlier figures are forgotten")
            # In this order: a kill between the two forgets once more, and never compares figures of other segments.
            checkpoints.forget_measures(folder)
            lineage.write(folder, now)
    if kept.plan is not None and last is not None and not job.params.get("steps"):
        for said in resume.changes_since(kept.plan, plan, config.train):
            job.log(f"{chosen.name}: {said}")
    if not kept.same_settings(record):
        job.log(f"{chosen.name} keeps the plan it was started with: the settings have changed since")
    _check_disk(workspace, plan, info.parameters)
    runs.write_record(folder, replace(kept, plan=plan))
    return RunSetup(chosen.name, folder, last, plan, learn, now, measures_anew and last is not None)


def _measured_differ(before: Lineage, now: Lineage) -> bool:
    return (before.on, before.measured) != (now.on, now.measured)


def _log_data(
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
    elif left := len({one.id for one in usable.train} - {one.id for one in (*fresh.trained, *fresh.validated)}):
        job.log(f"left out of the train part, since too near to validation or test ones: {plural(left, 'segment')}")
    if now.on == "validation":
        job.log(f"the checkpoint is chosen by {plural(len(now.measured), 'validation segment')} out of the train part")
    else:
        shown = f"; the CER shown is of {plural(len(now.measured), 'test segment')}" if now.on else ""
        job.log(f"no validation block: nothing is chosen, the last checkpoint is kept{shown}")


def _check_disk(workspace: Workspace, plan: Plan, parameters: int) -> None:
    """Two checkpoints, the one being written, and the model must fit before the first step is made."""
    need = checkpoints.AT_ONCE * plan.checkpoint_bytes + 4 * parameters
    workspace.models.mkdir(exist_ok=True)
    free = shutil.disk_usage(workspace.models).free
    if free < need:
        raise UserError(
            "the disk is too full to train",
            f"checkpoints need {need / 1e9:.1f} GB, {free / 1e9:.1f} GB are free at {workspace.models}",
            "free some space, or move the workspace",
        )
