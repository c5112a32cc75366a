"""The trainer's set-up: honest loss, sane schedules, events of finite numbers."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from core.config import TrainConfig
from core.gpu import Gpu
from core.gpu.wheels import precision
from core.store import Store
from core.training import plan as plans
from core.training.dataset import Row, examples
from core.training.plan import make_plan, memory_needed, schedule
from core.training.trainer import number, train
from core.whisper.features import read_segment
from core.whisper.loading import load
from tests.core.whisper_kit import RATE, Listened, make_workspace, noise, toy, write_wav


def test_schedule_counts_epochs_in_optimizer_steps() -> None:
    plan = schedule(TrainConfig(epochs=6, batch=8, accumulation=2, warmup=0.1), 139)
    assert (plan.per_epoch, plan.steps, plan.warmup) == (9, 54, 6)
    assert plan.eval_every == 4
    assert schedule(TrainConfig(steps=7), 139).steps == 7
    assert schedule(TrainConfig(steps=7), 139, 500).steps == 500
    assert schedule(TrainConfig(epochs=0.1), 3).steps == 1
    assert schedule(TrainConfig(epochs=100, batch=8, accumulation=1), 80).eval_every == 83  # not 200 evaluations


def test_memory_estimate_is_near_the_traced_shapes() -> None:
    # Traced activation sizes of the published shapes, MiB for a 30 s segment (bf16, no checkpointing).
    for parameters, traced in ((38e6, 193), (73e6, 313), (242e6, 789), (764e6, 1971), (1543e6, 3231)):
        per_segment = (memory_needed(int(parameters), 2, 30) - memory_needed(int(parameters), 1, 30)) / 2**20 / 1.07
        assert per_segment == pytest.approx(traced, rel=0.1)


def test_precision_by_capability() -> None:
    cards = [(None, "fp32"), ((6, 1), "fp32"), ((7, 5), "fp16"), ((8, 6), "bf16"), ((12, 0), "bf16")]
    assert [precision(card)[0] for card, _ in cards] == [name for _, name in cards]


def test_plan_says_what_a_run_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=6, test=1)
    card = Gpu(0, "GPU-1", "Tiny GPU", (7, 5), 8 << 30, 6 << 30, 2 << 30, 0, 40, 10.0)
    with Store(made.db_path) as store:
        monkeypatch.setattr(plans, "for_job", lambda wish: None)
        plan = make_plan(made, made.config(), store)
        assert (plan.steps, plan.segments, plan.precision, plan.memory_free_bytes) == (4, 6, "fp32", None)
        keys = "model method batch accumulation precision learning_rate steps reasons"
        assert {*keys.split(), "memory_needed_bytes", "memory_free_bytes"} <= set(plan.as_json())
        assert plan.fits
        monkeypatch.setattr(plans, "for_job", lambda wish: card)
        assert make_plan(made, made.config(), store).precision == "fp16"
        small = dataclasses.replace(card, memory_free=1 << 20)
        monkeypatch.setattr(plans, "for_job", lambda wish: small)
        tight = make_plan(made, made.config(), store)
    assert not tight.fits
    assert any("does not fit" in line for line in tight.lines())


def test_numbers_for_json_are_finite() -> None:
    assert number(1) == 1.0
    assert number(None) is None
    assert number(float("nan")) is None
    assert number(math.inf) is None


def first_loss(folder: Path, accumulation: int, made: Listened) -> float:
    loaded = load(str(toy(2.0)))
    rows = []
    for index in range(4):
        write_wav(folder / f"{index}.wav", noise(2, index))
        rows.append(Row(str(index), folder / f"{index}.wav", "宮商角徵"))
    data, _ = examples(loaded, rows, "zh")
    settings = TrainConfig(steps=1, batch=4 // accumulation, accumulation=accumulation, learning_rate=1e-6, warmup=0)
    plan = schedule(settings, 4)
    train(loaded, data, [], settings, plan, folder=folder / f"run{accumulation}", language="zh", job=made.job)
    return made.of("metric")[-1]["loss"]


def test_accumulation_does_not_multiply_the_loss(tmp_path: Path) -> None:
    from core import workspace

    made = workspace.create(tmp_path / "w")
    listened = Listened(made, "train", {})
    whole = first_loss(tmp_path, 1, listened)
    parts = first_loss(tmp_path, 4, listened)
    assert parts == pytest.approx(whole, rel=0.02)


def test_a_toy_learns_two_notes_and_keeps_the_best(tmp_path: Path) -> None:
    """Sounds to text, from nothing: the whole set-up is right if a random model can name the notes it hears."""
    from core import workspace
    from core.engines.decoding import decode

    loaded = load(str(toy(2.0)))
    rows = []
    for index in range(32):
        note, text = ((440, "宮"), (880, "羽"))[index % 2]
        tone = 8000 * np.sin(2 * np.pi * note * np.arange(32_000) / RATE) + noise(2, index) / 10
        write_wav(tmp_path / f"{index}.wav", tone)
        rows.append(Row(f"s{index}", tmp_path / f"{index}.wav", text * (1 + index % 3)))
    data, _ = examples(loaded, rows, "zh")
    settings = TrainConfig(steps=40, batch=8, accumulation=1, learning_rate=3e-3, eval_every=20, schedule="cosine")
    made = Listened(workspace.create(tmp_path / "w"), "train", {})
    plan = schedule(settings, 24)
    outcome = train(loaded, data[:24], data[24:], settings, plan, folder=tmp_path / "run", language="zh", job=made.job)
    losses = [event["loss"] for event in made.of("metric")]
    assert losses[-1] < losses[0] / 4
    assert outcome.base_cer is not None
    assert outcome.base_cer > 0.8
    heard = decode(loaded, [read_segment(tmp_path / "30.wav"), read_segment(tmp_path / "31.wav")], language="zh")
    assert [one.text[:1] for one in heard] == ["宮", "羽"]
