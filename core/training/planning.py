"""The plan of a run that would start now: what the store, the model's files and the card say. Loads no torch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.config import Config
from core.dataset import lineage
from core.dataset.inclusion import is_silent, is_unreviewed
from core.dataset.lineage import Lineage
from core.dataset.selection import UsableSegments, select_for_run
from core.errors import UserError
from core.gpu import Gpu, choose_for_job, installed_torch, read_gpus, read_host_info
from core.gpu.wheels import code_for
from core.models.suggested import WINDOW_S, suggestion
from core.store import Store
from core.training.pace import measured_pace, with_time
from core.training.plan import GB, DataCounts, Plan, make_plan
from core.training.resume import StoppedRun, stopped_run
from core.training.runs import RunRecord
from core.whisper.folders import ModelMissing
from core.whisper.info import ModelInfo, describe
from core.whisper.tuned import tuned_folders
from core.workspace import Workspace


def read_plan(workspace: Workspace, config: Config, store: Store) -> tuple[Plan, StoppedRun | None]:
    """The plan of a run that would start now; also for a base model that is yet to be fetched, if its sizes are known.
    And the run that was interrupted, see `core.training.resume.stopped_run`. UserError if the sizes are not known, or
    all that could be trained on is barred."""
    model, missing = base_model(config, workspace)
    data = select(read_usable(store, config), config, model.window_s, lineage.read(model.path))
    plan = _plan(workspace, config, data.counts, model, missing, training_card(config.model.gpu))
    return plan, _stopped(workspace, config, data)


def _stopped(workspace: Workspace, config: Config, data: RunData) -> StoppedRun | None:
    if data.lineage is None:
        return None
    return stopped_run(workspace.models, RunRecord.of(config), data.lineage)


def _plan(
    workspace: Workspace,
    config: Config,
    counts: DataCounts,
    model: ModelInfo,
    missing: ModelMissing | None,
    card: Gpu | None,
) -> Plan:
    plan = make_plan(config, counts, model, card)
    plan = with_time(plan, measured_pace(workspace, plan))
    return replace(plan, reasons=(*plan.reasons, f"{missing.what}: {missing.fix}")) if missing else plan


def base_model(config: Config, workspace: Workspace) -> tuple[ModelInfo, ModelMissing | None]:
    """What the base model's files say, or, where they are yet to be fetched, what is known of it, and that they are.

    UserError if it is broken, or missing and none of the suggested ones.
    """
    name = config.model.base
    try:
        return describe(name, workspace.root), None
    except ModelMissing as missing:
        known = suggestion(name)
        if known is None:
            raise
        info = ModelInfo(name, workspace.models / ".missing", known.shape, WINDOW_S, known.languages, (), True, 0)
        return info, missing


def read_usable(store: Store, config: Config) -> UsableSegments:
    """The segments that may be learnt from or measured with, as they are parted now."""
    rows = store.segments.all()
    usable = [row for row in rows if row.usable]
    others = [row for row in rows if is_silent(row) or is_unreviewed(row)]
    train, test = ([row for row in usable if row.part == part] for part in ("train", "test"))
    by = str((store.note("split") or {}).get("by", config.split.by))
    return UsableSegments({row.id: row for row in (*usable, *others)}, train, test, by, others)


@dataclass(frozen=True)
class RunData:
    """What a new run would be given, counted, and which segments that are; None where there is nothing to train on."""

    counts: DataCounts
    lineage: Lineage | None


def select(usable: UsableSegments, config: Config, window_s: float, base: Lineage | None) -> RunData:
    """window_s: what the base model hears at once; base: what it has heard, if it was tuned itself."""
    if not usable.train:
        return RunData(DataCounts(0, test=len(usable.test)), None)
    chosen = select_for_run(usable, config, base)
    counts = DataCounts.of(
        chosen.lineage,
        chosen.learn,
        test=len(usable.test),
        settings=config.train,
        window_s=window_s,
        choices=chosen.choices,
    )
    return RunData(counts, chosen.lineage)


def training_card(wish: str, read: Callable[[], list[Gpu]] = read_gpus) -> Gpu | None:
    """The GPU a run starts on, None for the processor: where there is no GPU, or the installed torch cannot use it.

    wish: `model.gpu` of the settings.
    """
    card, build = choose_for_job(wish, read=read), installed_torch()
    if card is None or build is None or build.cuda is None:
        return None
    return None if code_for(build, card.capability, read_host_info().arch) is False else card


@dataclass(frozen=True)
class PlanReading:
    """The plan as it is now. config, plan: None where they cannot be had, and `error` says why; beside a plan it says
    what is missing for it. split: the report of the split in force, {} before the first. stopped: the interrupted run,
    see `core.training.resume.stopped_run`."""

    config: Config | None
    plan: Plan | None
    error: UserError | None
    split: Mapping[str, Any]
    stopped: StoppedRun | None = None


SELECTED_BY = ("labelled", "accepted", "rejected", "usable", "train", "test")
"""The store's counts that tell that what a run is given may be another."""


class PlanReader:
    """Reads the plan again and again, and computes it anew only when something it depends on has changed: the settings,
    the split, how many segments are labelled and judged, the base model's files, the card. Used by one thread at a
    time."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._selection: tuple[Hashable, RunData | UserError] | None = None
        self._last: tuple[Hashable, PlanReading] | None = None
        self.selected = 0
        """How often the segments of a run were selected."""
        self.planned = 0
        """How often a plan was made."""

    def read(self, gpus: Callable[[], list[Gpu]] = read_gpus) -> PlanReading:
        """The plan now; the same object while nothing has changed. gpus: how the cards are asked."""
        settings = _stamp(self._workspace.config_path)
        with Store(self._workspace.db_path) as store:
            counts = store.segments.counts()
            data = (settings, *(counts[name] for name in SELECTED_BY), store.segments.split_number())
            config: Config | None = None
            try:
                config = self._workspace.config()
                if config.train.include != "reviewed":  # then texts that were written anew make others of the rows
                    data = (*data, store.segments.revision())
                card = training_card(config.model.gpu, gpus)
                folder = base_model(config, self._workspace)[0].path
            except UserError as error:
                unreadable = PlanReading(config, None, error, store.note("split") or {})
                return self._keep((data, str(error)), lambda: unreadable)
            data = (*data, _stamp(folder / lineage.FILE))
            files = [_stamp(path) for path in sorted([*folder.glob("*.json"), *folder.glob("*.safetensors")])]
            # A pace was measured, or a run has been interrupted, or is finished. A checkpoint counts once it is whole,
            # which is the last that changes in its folder.
            files += [(str(path), _stamp(path)) for path in sorted(self._workspace.models.glob(".*/checkpoint-*"))]
            files += [path.name for path in tuned_folders(self._workspace.models)]
            return self._keep((data, *files, _figures(card)), lambda: self._reading(config, store, data, card))

    def _keep(self, inputs: Hashable, make: Callable[[], PlanReading]) -> PlanReading:
        if self._last is None or self._last[0] != inputs:
            self._last = (inputs, make())
        return self._last[1]

    def _reading(self, config: Config, store: Store, data: Hashable, card: Gpu | None) -> PlanReading:
        self.planned += 1
        split = store.note("split") or {}
        try:
            model, missing = base_model(config, self._workspace)
            given = self._data(data, store, config, model)
            plan = _plan(self._workspace, config, given.counts, model, missing, card)
        except UserError as error:
            return PlanReading(config, None, error, split)
        return PlanReading(config, plan, missing, split, _stopped(self._workspace, config, given))

    def _data(self, inputs: Hashable, store: Store, config: Config, model: ModelInfo) -> RunData:
        if self._selection is None or self._selection[0] != inputs:
            self.selected += 1
            found: RunData | UserError
            try:
                found = select(read_usable(store, config), config, model.window_s, lineage.read(model.path))
            except UserError as error:
                found = error
            self._selection = (inputs, found)
        found = self._selection[1]
        if isinstance(found, UserError):
            raise found
        return found


def _figures(card: Gpu | None) -> Hashable:
    """What of a card a plan depends on; free memory as it is shown, in tenths of a GB."""
    if card is None:
        return None
    free = None if card.memory_free is None else round(10 * card.memory_free / GB)
    return card.uuid, card.capability, free


def _stamp(path: Path) -> Hashable:
    """What tells one state of a file from another; None if it is not there."""
    try:
        state = path.stat()
    except OSError:
        return None
    return path.name, state.st_ino, state.st_size, state.st_mtime_ns
