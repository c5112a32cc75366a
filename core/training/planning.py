"""The plan of a run that would start now: what the store, the model's files and the card say. Loads no torch."""

from __future__ import annotations

from core.config import Config
from core.dataset import lineage
from core.dataset.selection import UsableSegments, select_for_run
from core.gpu import Gpu, for_job, installed_torch, read_host
from core.gpu.wheels import code_for
from core.store import Store
from core.training.plan import DataCounts, Plan, make_plan
from core.whisper.info import describe
from core.workspace import Workspace


def read_plan(workspace: Workspace, config: Config, store: Store) -> Plan:
    """What `train` would do now. UserError if the base model is not here, or all that could be trained on is barred."""
    model = describe(config.model.base, workspace.root)
    counts = read_counts(read_usable(store, config), config, lineage.read(model.path))
    return make_plan(config, counts, model, training_card(config.model.gpu))


def read_usable(store: Store, config: Config) -> UsableSegments:
    """The usable segments as they are parted now."""
    usable = {segment.id: segment for segment in store.segments.all() if segment.usable}
    train, test = ([row for row in usable.values() if row.part == part] for part in ("train", "test"))
    return UsableSegments(usable, train, test, str((store.note("split") or {}).get("by", config.split.by)))


def read_counts(usable: UsableSegments, config: Config, base: lineage.Lineage | None) -> DataCounts:
    """What a new run would be given. base: what the base model has heard, if it was tuned itself."""
    if not usable.train:
        return DataCounts(0, test=len(usable.test))
    chosen = select_for_run(usable, config, base)
    return DataCounts.of(chosen, train=len(chosen.trained), test=len(usable.test))


def training_card(wish: str) -> Gpu | None:
    """The GPU a run starts on, None for the processor: where there is no GPU, or the installed torch cannot use it.

    wish: `model.gpu` of the settings.
    """
    card, build = for_job(wish), installed_torch()
    if card is None or build is None or build.cuda is None:
        return None
    return None if code_for(build, card.capability, read_host().arch) is False else card
