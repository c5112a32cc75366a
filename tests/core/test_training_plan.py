"""The plan: one estimate, one decision, and nothing that shapes a run outside it."""

import dataclasses
import json
from pathlib import Path

import pytest

from core.config import Config, TrainConfig
from core.dataset.lineage import MeasuredOn
from core.gpu import Gpu
from core.gpu.wheels import precision
from core.models.suggested import BASE, LARGE, MEDIUM, SMALL, TINY
from core.store import Store
from core.training import planning
from core.training.memory import largest_batch, memory_need
from core.training.methods import METHODS
from core.training.methods.activations import counted_by_torch
from core.training.plan import GB, DataCounts, Plan, make_plan, resumed_plan, schedule, smaller_plan
from core.training.plan_rows import plan_lines, plan_rows
from core.training.planning import read_plan
from core.training.resume import changes_since
from core.whisper.info import describe
from tests.core.whisper_kit import make_workspace, toy

CARD = Gpu(0, "GPU-1", "Some GPU", (8, 6), 8 * GB, 1 * GB, 7 * GB, 0, 40, 10.0)
MODEL = dataclasses.replace(describe(str(toy(2.0))), shape=SMALL, window_s=30.0)


def planned(card: Gpu | None = None, on: MeasuredOn | None = "validation", rows: int = 145, **train: object) -> Plan:
    config = Config(train=TrainConfig(**train))  # type: ignore[arg-type]
    return make_plan(config, DataCounts(rows, 12, 31, 12, on), MODEL, card)


def test_schedule_counts_epochs_in_optimizer_steps() -> None:
    plan = schedule(TrainConfig(epochs=6, batch=8, accumulation=2, warmup=0.1), 139)
    assert (plan.per_epoch, plan.steps, plan.warmup) == (9, 52, 6)
    assert plan.eval_every == 4
    assert schedule(TrainConfig(steps=7), 139).steps == 7
    assert schedule(TrainConfig(steps=7), 139, 500).steps == 500
    assert schedule(TrainConfig(epochs=0.1), 3).steps == 1
    few = schedule(TrainConfig(epochs=12), 14)
    assert (few.steps, few.per_epoch, few.eval_every) == (10, 1, 3)
    assert schedule(TrainConfig(steps=2), 14).eval_every == 2, "what was learnt is measured"
    assert schedule(TrainConfig(epochs=100, batch=8, accumulation=1), 80).eval_every == 83  # not 200 evaluations


def test_processes_that_do_not_divide_a_batch_do_not_make_more_epochs() -> None:
    """Three processes learn from 18 windows a step where 16 are set."""
    plan = planned(processes=3, epochs=6, windows="single")
    assert (plan.effective_batch, plan.steps) == (18, round(6 * 145 / 18))
    assert plan.epochs == pytest.approx(6, rel=0.02)
    assert changes_since(plan, plan, TrainConfig(processes=3, epochs=6)) == []


def test_the_memory_of_a_step_is_what_torch_reserved_on_an_h200_within_a_tenth() -> None:
    """(shape, batch, recomputed) -> bytes: torch.cuda.max_memory_reserved of a later step, 96 labels, bf16, H200."""
    reserved = {
        (TINY, 16, False): 4_578_082_816,
        (BASE, 4, False): 3_156_213_760,
        (BASE, 16, False): 7_272_923_136,
        (BASE, 16, True): 3_852_468_224,
        (SMALL, 8, False): 10_880_024_576,
        (SMALL, 16, True): 6_991_904_768,
        (MEDIUM, 8, True): 14_453_571_584,
        (LARGE, 4, False): 38_912_000_000,  # with 40 labels
    }
    for (shape, batch, recompute), measured in reserved.items():
        estimate = counted_by_torch(METHODS["full"].memory(shape, batch, recompute=recompute))
        assert abs(estimate / measured - 1) < 0.1, (shape, batch, recompute, estimate / measured)


def test_precision_by_capability() -> None:
    cards = [(None, "fp32"), ((6, 1), "fp32"), ((7, 5), "fp16"), ((8, 6), "bf16"), ((12, 0), "bf16")]
    assert [precision(card)[0] for card, _ in cards] == [name for _, name in cards]
    assert planned(dataclasses.replace(CARD, capability=(7, 5))).precision == "fp16"
    assert (planned(None).device, planned(None).precision) == ("cpu", "fp32")


def test_activations_are_recomputed_where_the_step_would_not_fit_and_only_there() -> None:
    plain, recomputed = (METHODS["full"].memory(SMALL, 8, recompute=slim) for slim in (False, True))
    assert recomputed < plain
    cases = [(None, False, plain, True), (plain, False, plain, True), (plain - 1, True, recomputed, True)]
    cases += [(recomputed - 1, True, recomputed, False)]
    for free, recompute, needed, fits in cases:
        plan = planned(dataclasses.replace(CARD, memory_free=free))
        assert (plan.recompute, plan.memory_needed_bytes, plan.fits) == (recompute, needed, fits)
        need = memory_need("full", SMALL, 8, free)  # what the list of models and the checks show
        assert (need.recompute, need.needed, need.fits) == (recompute, needed, fits)
    below = largest_batch("full", SMALL, recomputed - 1, below=8)
    assert below == 7
    assert largest_batch("full", SMALL, 1 * GB, below=8) is None


def test_features_are_kept_while_they_fit_and_loaders_work_only_where_they_help() -> None:
    few, many = planned(CARD), planned(CARD, rows=5000)
    assert (few.keep_features, few.loader_workers) == (True, 0)
    assert (many.keep_features, many.loader_workers) == (False, 2)
    assert planned(None, rows=5000).loader_workers == 0


def test_the_plan_survives_its_file_whole() -> None:
    plan = planned(CARD)
    assert Plan.from_json(json.loads(json.dumps(plan.as_json()))) == plan
    for damaged in (None, [], {"steps": 3}, "plan"):
        assert Plan.from_json(damaged) is None


def test_a_resumed_plan_is_the_stored_one_with_the_steps_asked_anew() -> None:
    stored = planned(
        CARD, windows="single", batch=4, accumulation=4, learning_rate=3e-5, schedule="cosine", eval_every=7
    )
    counts = DataCounts(145, 12, 31, 12, "validation")
    assert resumed_plan(stored, counts, MODEL, CARD, None) == stored
    longer = resumed_plan(stored, counts, MODEL, CARD, 500)
    assert longer == dataclasses.replace(stored, steps=500, epochs=500 * 16 / 145, fixed_steps=True)
    # Windows that differ from epoch to epoch are all kept or none.
    assert not resumed_plan(planned(CARD), counts, MODEL, CARD, 500).keep_features
    # Another machine: what follows from the card follows this card, what is learnt stays.
    moved = resumed_plan(stored, counts, MODEL, None, None)
    assert (moved.device, moved.precision, moved.batch, moved.warmup) == ("cpu", "fp32", 4, stored.warmup)
    tight = dataclasses.replace(stored, recompute=True)
    assert resumed_plan(tight, counts, MODEL, CARD, None).recompute


def test_when_memory_runs_out_all_the_same_the_effective_batch_stays() -> None:
    first = smaller_plan(planned(dataclasses.replace(CARD, memory_free=70 * GB)))
    assert first is not None
    assert (first.recompute, first.batch) == (True, 8)
    second = smaller_plan(first)
    assert second is not None
    assert (second.batch, second.accumulation) == (4, 4)
    odd = smaller_plan(dataclasses.replace(first, batch=5, accumulation=2))
    assert odd is not None
    assert (odd.batch, odd.accumulation) == (2, 5)
    odder = smaller_plan(dataclasses.replace(first, batch=5, accumulation=3))
    assert odder is not None
    assert (odder.batch, odder.accumulation) == (1, 15)  # 2 does not divide 15
    assert smaller_plan(dataclasses.replace(first, batch=1)) is None


def test_plan_says_what_a_run_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=6, test=1)
    card = dataclasses.replace(CARD, capability=(7, 5))
    with Store(made.db_path) as store:
        monkeypatch.setattr(planning, "training_card", lambda wish: None)
        plan = read_plan(made, made.config(), store)[0]
        assert (plan.steps, plan.segments, plan.precision, plan.memory_free_bytes) == (4, 6, "fp32", None)
        keys = "model method batch accumulation precision learning_rate steps reasons"
        assert {*keys.split(), "memory_needed_bytes", "memory_free_bytes"} <= set(plan.as_json())
        assert plan.fits
        monkeypatch.setattr(planning, "training_card", lambda wish: card)
        assert read_plan(made, made.config(), store)[0].precision == "fp16"
        small = dataclasses.replace(card, memory_free=1 << 20)
        monkeypatch.setattr(planning, "training_card", lambda wish: small)
        tight = read_plan(made, made.config(), store)[0]
    assert not tight.fits
    assert any("does not fit" in line for line in plan_lines(tight))
    rows = {row.key: row for row in plan_rows(tight)}
    assert rows["precision"].value == "fp16, activations recomputed"
    assert all(row.reason for row in rows.values())
    assert rows["rhythm"].reason.startswith("the error rate of 1 test segment: which are only shown")


def test_a_card_that_torch_cannot_use_is_no_card_for_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.gpu import TorchBuild

    monkeypatch.setattr(planning, "choose_for_job", lambda wish, read: CARD)
    builds = [(TorchBuild("2.13.0+cu126", (12, 6)), CARD), (TorchBuild("2.13.0+cpu", None), None), (None, None)]
    for build, card in builds:
        monkeypatch.setattr(planning, "installed_torch", lambda build=build: build)
        assert planning.training_card("auto") == card
