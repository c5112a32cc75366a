"""Which run a training is: a new one, or one that goes on, with the plan it goes on with. Loads no torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.config import Config, TrainConfig
from core.dataset import lineage
from core.dataset.lineage import Lineage
from core.errors import UserError, of_os_error
from core.gpu import Gpu
from core.text import plural
from core.training import runs
from core.training.checkpoint_state import CheckpointState, read_state
from core.training.checkpoints import Checkpoint, last_checkpoint, mend
from core.training.plan import DataCounts, Plan, make_plan, resumed_plan, smaller_plan
from core.training.runs import RunRecord
from core.whisper.info import ModelInfo
from core.whisper.tuned import tuned_folders


@dataclass(frozen=True)
class ChosenRun:
    """Which run this is. resume: go on from its last whole checkpoint, if there is one."""

    name: str
    resume: bool


def choose(models: Path, params: dict[str, Any], record: RunRecord, fresh: Lineage) -> ChosenRun:
    """Which run to start or go on with: by name; the newest that can go on, with resume; else one that was
    interrupted with the very same settings and segments; else the next free name."""
    if asked := asked_for(models, params):
        return asked
    hidden = {name: runs.hidden(models, name) for name in runs.interrupted(models)}
    same = [
        name
        for name, folder in hidden.items()
        if (kept := runs.read_record(folder)) and kept.same_settings(record) and _given(folder) == fresh.given
    ]
    return ChosenRun(same[0], True) if same else ChosenRun(runs.next_name(models), False)


@dataclass(frozen=True)
class StoppedRun:
    """A run that was interrupted. step: of its last checkpoint; steps: of its plan, None where that is not known.
    differs: why a training that asks for no run begins a new one; "" where it goes on with this one."""

    name: str
    step: int
    steps: int | None
    differs: str = ""

    @property
    def reached(self) -> str:
        """`step 40 of 120`."""
        return f"step {self.step}" + (f" of {self.steps}" if self.steps else "")

    @property
    def told(self) -> str:
        """What becomes of it, in a line."""
        stopped = f"{self.name} was stopped at {self.reached}"
        if not self.differs:
            return f"{stopped}: whispersmith train goes on with it; another: whispersmith train --name NAME"
        return f"{stopped}, and a new run begins, since {self.differs}; go on: whispersmith train --name {self.name}"


def stopped_run(models: Path, record: RunRecord, fresh: Lineage) -> StoppedRun | None:
    """The interrupted run that a training goes on with which is started now and asks for none; else the newest, which
    is to be asked for. None where none was interrupted. record, fresh: the settings and segments of a new run."""
    chosen = choose(models, {}, record, fresh)
    for name in [chosen.name] if chosen.resume else runs.interrupted(models):
        folder = runs.hidden(models, name)
        last, kept = last_checkpoint(folder), runs.read_record(folder)
        if last is None or kept is None or (kept.of_round and not chosen.resume):
            continue  # a round that was stopped goes on as one
        state = None if kept.plan is not None else read_state(last.path)
        steps = kept.plan.steps if kept.plan is not None else state and state.max_steps
        return StoppedRun(name, last.step, steps, "" if chosen.resume else _difference(folder, kept, record, fresh))
    return None


def _difference(folder: Path, kept: RunRecord, record: RunRecord, fresh: Lineage) -> str:
    """Why a run with this record is none that `record` and `fresh` go on with."""
    if changed := kept.differing(record):
        return f"settings have changed, it has {', '.join(changed)}"
    before = lineage.read(folder)
    if before is None:
        return f"its list of what it was trained on ({lineage.FILE}) is gone"
    if before.validated and not fresh.validated:
        chooses = plural(len(before.validated), "segment")
        return f"it has {chooses} to choose its best step by, where a new run learns from all"
    return "it learns from other segments than a new run would"


def asked_for(models: Path, params: dict[str, Any]) -> ChosenRun | None:
    """The run that was asked for by name or to be resumed, None if neither was. UserError if it cannot be."""
    name, resume = params.get("name"), bool(params.get("resume"))
    if name:
        runs.check_name(name)
        known = last_checkpoint(runs.hidden(models, name)) is not None
        if resume and not known:
            _check_begun(models, name)
            return ChosenRun(name, True)
        if resume or (known and not (models / name).exists()):
            return ChosenRun(name, True)
        if (models / name).exists():
            raise UserError(
                f"there is a model {name} already",
                "a finished model is not trained over",
                "choose another --name, or go on with it: --resume --steps N",
            )
        return ChosenRun(name, False)
    if not resume:
        return None
    done = [path.name for path in tuned_folders(models) if last_checkpoint(runs.hidden(models, path.name))]
    names = [*runs.interrupted(models), *done, *runs.begun(models)]
    if not names:
        raise UserError("there is no run to go on with", "none has been begun", "whispersmith train")
    return ChosenRun(names[0], True)


def _check_begun(models: Path, name: str) -> None:
    """A run that was killed before its first checkpoint begins anew; one that never began cannot go on."""
    if (models / name).exists():
        raise UserError(
            f"{name} cannot be gone on with",
            f"{models / name} is finished, and its last checkpoint is gone",
            "train another: whispersmith train --name another",
        )
    if not (runs.hidden(models, name) / runs.RECORD).is_file():
        raise UserError(
            f"there is no run {name} to go on with",
            "nothing of that name was begun",
            f"whispersmith train --name {name}",
        )


def _given(folder: Path) -> Any:
    kept = lineage.read(folder)
    return kept.given if kept else None


def open_run(
    folder: Path, chosen: ChosenRun, record: RunRecord, fresh: Lineage, log: Callable[[str], object]
) -> Checkpoint | None:
    """The checkpoint to go on from, None for a run that begins; what a dead run left half-written is removed.

    folder: the run's hidden folder. log: told of checkpoints that are broken. A run that begins has its lineage and
    record there on return: new ones, or those it was begun with if it ended before its first checkpoint.
    """
    if chosen.resume:
        mend_checkpoints(folder, log)
        before = runs.read_record(folder)
        if before and before.base != record.base:
            raise UserError(
                f"{chosen.name} was started from another base model",
                f"it grew from {before.base}, the settings now say {record.base}",
                "set model.base back, or start anew: whispersmith train --name another",
            )
        last = last_checkpoint(folder)
        if last is not None and lineage.read(folder) is None:
            raise UserError(
                f"{chosen.name} cannot be gone on with",
                f"its list of what it was trained on ({lineage.FILE}) is gone, so it could not be measured honestly",
                "train anew: whispersmith train --name another",
            )
        if last is not None or (before and before.plan and lineage.read(folder)):
            return last
    shutil.rmtree(folder, ignore_errors=True)
    lineage.write(folder, fresh)
    runs.write_record(folder, record)
    return None


def mend_checkpoints(folder: Path, log: Callable[[str], object]) -> None:
    """As `core.training.checkpoints.mend`, each file loaded by torch. UserError where the disk does not give one."""
    from core.training.checkpoint_loading import fault_in_loading

    try:
        mend(folder, log, fault_in_loading)
    except OSError as error:
        what = f"the checkpoints of {folder.name.removeprefix('.')} cannot be read, and are left as they are"
        raise of_os_error(error, what, "whispersmith train --resume") from error


def has_ended(plan: Plan, last: Checkpoint | None) -> bool:
    """Whether nothing is left to learn: all steps are made, or early stopping ended the run at its last checkpoint and
    it has not been given another number of steps since."""
    if last is None or last.step >= plan.steps:
        return last is not None
    state = read_state(last.path)
    if state is None or plan.measured_on != "validation" or not plan.patience or state.without_gain < plan.patience:
        return False
    return state.max_steps == plan.steps


def plan_of(
    folder: Path,
    last: Checkpoint | None,
    config: Config,
    counts: DataCounts,
    model: ModelInfo,
    card: Gpu | None,
    steps: int | None,
    processes: int,
) -> Plan:
    """The plan of a run: the one it was started with, with the patience that the settings have now, or made from the
    settings where it begins.

    steps: how many the person asks for now; None: what settings or the run say. processes: how many there are now.
    """
    record = runs.read_record(folder)
    if record is not None and record.plan is not None:
        plan = resumed_plan(record.plan, counts, model, card, steps, processes)
        return replace(plan, patience=config.train.patience)
    if last is None:
        return make_plan(config, counts, model, card, steps=steps, processes=processes)
    before = _plan_before_plans(record, read_state(last.path), config, counts, model, card)
    return resumed_plan(before, counts, model, card, steps, processes)


def changes_since(kept: Plan, plan: Plan, settings: TrainConfig) -> list[str]:
    """What became of changed settings of how long a run goes on, in sentences: they make it no other run.

    kept: its plan as it was; plan: the one it goes on with, for which no number of steps was asked.
    """
    found = []
    if kept.patience != plan.patience:
        found.append(f"patience is {plan.patience} now, in place of {kept.patience}, as the settings say")
    windows = max(plan.epoch_windows or plan.segments, 1)
    wanted = settings.steps or round(settings.epochs * windows / plan.effective_batch)
    if wanted and wanted != plan.steps:
        said = (
            f"steps = {settings.steps}" if settings.steps else f"epochs = {settings.epochs:g}, which is {wanted} steps"
        )
        found.append(f"it keeps its {plan.steps} steps, though the settings say {said}: --resume --steps {wanted}")
    return found


def _plan_before_plans(
    record: RunRecord | None,
    state: CheckpointState | None,
    config: Config,
    counts: DataCounts,
    model: ModelInfo,
    card: Gpu | None,
) -> Plan:
    """The plan of a run that was started before plans were kept: from its settings, and from what its last checkpoint
    says of steps and intervals (state: its trainer_state.json)."""
    try:
        train = TrainConfig.model_validate(record.train) if record else config.train
    except ValidationError:
        train = config.train
    train = train.model_copy(update={"windows": "single", "timestamps": 0.0, "augment": []})
    counts = replace(counts, windows=0)
    plan = make_plan(config.model_copy(update={"train": train}), counts, model, card, steps=state and state.max_steps)
    plan = replace(plan, windows=None)
    if state is None:
        return plan
    return replace(
        plan, eval_every=state.eval_steps or plan.eval_every, log_every=state.logging_steps or plan.log_every
    )


def with_less_memory(folder: Path, plan: Plan, detail: str) -> Plan:
    """The plan that a run goes on with after the GPU's memory ran out; it is kept. UserError if none needs less.

    detail: what torch said.
    """
    smaller = smaller_plan(plan)
    if smaller is None:
        raise UserError(
            "the GPU's memory ran out",
            "not even one segment at a time fits beside the model's training state",
            "choose a smaller base model: whispersmith model",
            detail,
        )
    keep_plan(folder, smaller)
    return smaller


def keep_plan(folder: Path, plan: Plan) -> None:
    """Make it the plan that a resume obeys."""
    record = runs.read_record(folder)
    if record is not None:
        runs.write_record(folder, replace(record, plan=plan))
