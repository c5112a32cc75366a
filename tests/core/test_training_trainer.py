"""The trainer's set-up: honest loss, sane schedules, events of finite numbers."""

import math
from pathlib import Path

import numpy as np
import pytest

from core.config import Config, TrainConfig
from core.gpu import Gpu
from core.training.dataset import Row, examples
from core.training.plan import DataCounts, Plan, make_plan
from core.training.reporter import finite
from core.training.trainer import train
from core.whisper.features import read_segment
from core.whisper.info import describe
from core.whisper.loading import load
from tests.core.whisper_kit import RATE, Listened, noise, toy, write_wav


def planned(settings: TrainConfig, rows: int, measured: int = 0, *, card: Gpu | None = None) -> Plan:
    counts = DataCounts(rows, measured, 0, measured, "validation" if measured else None)
    return make_plan(Config(train=settings), counts, describe(str(toy(2.0))), card)


def test_numbers_for_json_are_finite() -> None:
    assert finite(1) == 1.0
    assert finite(None) is None
    assert finite(float("nan")) is None
    assert finite(math.inf) is None


def first_loss(folder: Path, accumulation: int, made: Listened) -> float:
    loaded = load(str(toy(2.0)))
    rows = []
    for index in range(4):
        write_wav(folder / f"{index}.wav", noise(2, index))
        rows.append(Row(str(index), folder / f"{index}.wav", "宮商角徵"))
    settings = TrainConfig(steps=1, batch=4 // accumulation, accumulation=accumulation, learning_rate=1e-6, warmup=0)
    plan = planned(settings, 4)
    data, _ = examples(loaded, rows, "zh", plan.label_tokens)
    train(loaded, plan, data, [], folder=folder / f"run{accumulation}", job=made.job)
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
    settings = TrainConfig(steps=40, batch=8, accumulation=1, learning_rate=3e-3, eval_every=20, schedule="cosine")
    made = Listened(workspace.create(tmp_path / "w"), "train", {})
    plan = planned(settings, 24, 8)
    data, _ = examples(loaded, rows[:24], "zh", plan.label_tokens)
    tuned, outcome = train(loaded, plan, data, rows[24:], folder=tmp_path / "run", job=made.job)
    assert tuned is loaded.model
    losses = [event["loss"] for event in made.of("metric")]
    assert losses[-1] < losses[0] / 4
    assert outcome.base_cer is not None
    assert outcome.base_cer > 0.8
    heard = decode(loaded, [read_segment(tmp_path / "30.wav"), read_segment(tmp_path / "31.wav")], language="zh")
    assert [one.text[:1] for one in heard] == ["宮", "羽"]
