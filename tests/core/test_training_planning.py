"""The plan is computed anew when something it depends on has changed, and only then."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.config import set_value
from core.dataset import lineage
from core.events import Evaluated, Metric, RunStarted
from core.gpu import Gpu, TorchBuild
from core.jobs.event_log import EventWriter
from core.jobs.spec import EVENTS, create
from core.models import listing
from core.store import Store
from core.training import planning, runs
from core.training.plan import GB
from core.training.plan_rows import plan_rows
from core.training.planning import PlanReader, PlanReading, read_plan
from core.training.runs import RunRecord
from core.workspace import Workspace
from tests.core.whisper_kit import make_workspace, toy_copy
from tui.screens.training.plan import problem_of

CARD = Gpu(0, "GPU-1", "Some GPU", (8, 6), 8 * GB, 1 * GB, 7 * GB, 0, 40, 10.0)


@pytest.fixture
def made(tmp_path: Path) -> Workspace:
    model = toy_copy(tmp_path / "toy")
    made = make_workspace(tmp_path / "w", model, train=36, test=3)
    with Store(made.db_path) as store:
        store.transcripts.review("train_0_10", "pending")
    return made


def change_text(made: Workspace) -> None:
    with Store(made.db_path) as store:
        store.transcripts.save("train_8_18", "商")


def accept(made: Workspace) -> None:
    with Store(made.db_path) as store:
        store.transcripts.review("train_0_10", "accepted")


def split(made: Workspace) -> None:
    """As many as before, but others."""
    with Store(made.db_path) as store:
        parts = {row.id: row.part for row in store.segments.all()}
        parts["train_16_26"], parts["test_0_10"] = "test", "train"
        store.segments.set_parts(parts)


def change_setting(made: Workspace) -> None:
    set_value(made.config_path, "train", "batch", 4)


def tune_the_base(made: Workspace) -> None:
    """It is another model now, and has been trained on what is here."""
    folder = Path(made.config().model.base)
    lineage.write(folder, lineage.Lineage(()))


def give_it_other_weights(made: Workspace) -> None:
    weights = Path(made.config().model.base) / "model.safetensors"
    os.utime(weights, ns=(1, 1))


@pytest.mark.parametrize(
    ("change", "selected", "planned"),
    [
        (change_text, 0, 0),
        (accept, 1, 1),
        (split, 1, 1),
        (change_setting, 1, 1),
        (tune_the_base, 1, 1),
        (give_it_other_weights, 0, 1),
    ],
)
def test_once_a_change_and_never_for_a_text(
    made: Workspace, change: Callable[[Workspace], None], selected: int, planned: int
) -> None:
    reader = PlanReader(made)
    first = reader.read(list)
    assert (reader.selected, reader.planned) == (1, 1)
    assert first.plan is not None
    change(made)
    for _ in range(3):
        now = reader.read(list)
    assert (reader.selected - 1, reader.planned - 1) == (selected, planned)
    assert (now is first) == (planned == 0)
    with Store(made.db_path) as store:
        assert now.plan == read_plan(made, made.config(), store)[0]


def test_the_card_changes_the_plan_where_the_change_can_be_seen(
    made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "installed_torch", lambda: TorchBuild("2.13.0+cu126", (12, 6)))
    reader = PlanReader(made)
    frees = [7 * GB, 7 * GB + 2**20, 6 * GB]
    plans = [reader.read(lambda free=free: [replace(CARD, memory_free=free)]).plan for free in frees]
    assert [plan.memory_free_bytes for plan in plans if plan] == [7 * GB, 7 * GB, 6 * GB]
    assert (reader.selected, reader.planned) == (1, 2)


def test_a_model_that_is_yet_to_be_fetched_leaves_the_plan_standing(
    made: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    set_value(made.config_path, "model", "base", "openai/whisper-small")
    reader = PlanReader(made)
    found = reader.read(list)
    assert found.plan is not None
    assert found.error is not None
    assert found.plan.segments > 0
    assert found.error.what == "the model openai/whisper-small is not here"
    with Store(made.db_path) as store:
        plan = read_plan(made, made.config(), store)[0]
    assert plan == found.plan
    assert "whispersmith model openai/whisper-small" in plan.reasons[-1]
    base = next(row for row in listing.listing(made) if "base" in row.roles)
    assert base.memory_train_bytes == plan.memory_needed_bytes
    problem = problem_of(found)
    assert problem is not None
    assert problem.fix.startswith("1 Setup, then d downloads it")
    assert reader.read(list) is found


def test_time_is_that_of_the_last_run_of_the_same_kind(made: Workspace) -> None:
    reader = PlanReader(made)
    before = reader.read(list).plan
    assert before is not None
    assert before.seconds is None
    assert "no run of this kind" in next(row.reason for row in plan_rows(before) if row.key == "time")
    for name, method, rate in (("run-01", before.method, 0.5), ("run-02", "another", 50.0)):
        folder = create(made, "train", {})
        log = EventWriter(folder / EVENTS)
        log.emit(RunStarted(name, 4, 6))
        log.emit(Evaluated(0, 0.9, "test", 1, 2.0, 3.0))
        for step, figure in enumerate((0.01, rate, rate), 1):  # what is only done once is in the first
            log.emit(Metric(step, samples_per_second=figure))
        record = replace(RunRecord.of(made.config()), plan=replace(before, method=method))
        runs.write_record(runs.hidden(made.models, name), record)
    (made.models / ".run-01" / "checkpoint-2").mkdir()
    plan = reader.read(list).plan
    assert plan is not None
    # Four steps of 4 segments at one every two seconds, and evaluations at 0, 2 and 4 of two segments of 3 s each.
    assert (plan.steps, plan.effective_batch, plan.measured_segments) == (4, 4, 2)
    assert (plan.seconds, plan.pace_of) == (4 * 4 / 0.5 + 3 * 2 * 3, "run-01")
    row = next(row for row in plan_rows(plan) if row.key == "time")
    assert (row.value, row.reason.split(";")[0]) == ("about 0:50", "at the pace of run-01")


def test_what_cannot_be_read_is_told_once_and_mended_as_soon_as_it_is(made: Workspace) -> None:
    reader = PlanReader(made)
    reader.read(list)
    text = made.config_path.read_text()
    set_value(made.config_path, "model", "base", "no/such")
    missing = reader.read(list)
    assert missing.error is not None
    assert (missing.plan, missing.error.what) == (None, "the model no/such is not here")
    assert reader.read(list) is missing
    made.config_path.write_text("[train]\nbatch = 0\n")
    broken = reader.read(list)
    assert broken.config is None
    assert broken.error is not None
    assert "train.batch" in broken.error.what
    made.config_path.write_text(text)
    assert reader.read(list).plan is not None


def test_a_plan_without_anything_to_train_on_stands(made: Workspace) -> None:
    with Store(made.db_path) as store:
        store.segments.set_parts({})
    found: PlanReading = PlanReader(made).read(list)
    assert found.plan is not None
    assert found.plan.segments == 0
    assert "whispersmith split" in " ".join(found.plan.reasons)
    assert json.dumps(found.plan.as_json())


def test_the_list_of_models_shows_the_plans_own_memory(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.models import listing

    seen = []
    for free in (None, 7 * GB, 1 * GB):
        card = replace(CARD, memory_free=free)
        for module in (planning, listing):
            monkeypatch.setattr(module, "training_card", lambda wish, card=card: card)
        base = next(row for row in listing.listing(made) if "base" in row.roles)
        with Store(made.db_path) as store:
            plan = read_plan(made, made.config(), store)[0]
        assert base.memory_train_bytes == plan.memory_needed_bytes
        seen.append(plan.recompute)
    assert seen == [False, False, True]
