"""The trainer's set-up: honest loss, sane schedules, events of finite numbers."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

from core.config import Config, TrainConfig
from core.engines import Clip, EngineOptions
from core.engines.transformers import TransformersEngine
from core.events import Metric
from core.gpu import Gpu
from core.models.suggested import SMALL
from core.training.dataset import Row, examples
from core.training.plan import DataCounts, Plan, make_plan
from core.training.reporter import finite
from core.training.trainer import train
from core.training.trainer_arguments import CHECKPOINTING, trainer_arguments
from core.whisper.features import read_segment
from core.whisper.info import describe
from core.whisper.loading import load
from tests.core.whisper_kit import RATE, Listened, noise, toy, write_wav


def planned(settings: TrainConfig, rows: int, measured: int = 0, *, card: Gpu | None = None) -> Plan:
    counts = DataCounts(rows, measured, 0, measured, "validation" if measured else None)
    return make_plan(Config(train=settings), counts, describe(str(toy(2.0))), card)


def obeyed(arguments: Any, plan: Plan) -> dict[str, tuple[Any, Any]]:
    """What of the arguments that run is not as the plan says, by name: (found, planned)."""
    planned = {
        "max_steps": plan.steps,
        "per_device_train_batch_size": plan.batch,
        "gradient_accumulation_steps": plan.accumulation,
        "learning_rate": plan.learning_rate,
        "lr_scheduler_type": plan.schedule,
        "warmup_steps": plan.warmup,
        "weight_decay": plan.weight_decay,
        "seed": plan.seed,
        "data_seed": plan.seed,
        "bf16": plan.precision == "bf16",
        "fp16": plan.precision == "fp16",
        "use_cpu": plan.device == "cpu",
        CHECKPOINTING: plan.recompute,
        "logging_steps": plan.log_every,
        "eval_steps": plan.eval_every,
        "save_steps": plan.eval_every,
        "eval_strategy": "steps" if plan.measured_segments else "no",
        "load_best_model_at_end": plan.measured_on == "validation",
        "dataloader_num_workers": plan.loader_workers,
    }
    found = {name: getattr(arguments, name) for name in planned}
    return {name: (found[name], value) for name, value in planned.items() if found[name] != value}


GIB = 2**30
AMPERE = Gpu(0, "GPU-1", "RTX 3070", (8, 6), 8 * GIB, GIB, 7 * GIB, 0, 40, 10.0)
TURING = dataclasses.replace(AMPERE, capability=(7, 5), memory_total=80 * GIB, memory_free=79 * GIB)


@pytest.mark.parametrize(
    ("card", "precision", "recompute", "rows", "workers"),
    [(None, "fp32", False, 145, 0), (AMPERE, "bf16", True, 145, 0), (TURING, "fp16", False, 9000, 2)],
)
def test_the_arguments_that_run_are_the_plan(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    card: Gpu | None,
    precision: str,
    recompute: bool,
    rows: int,
    workers: int,
) -> None:
    # transformers refuses bf16 where no GPU answers; what it would do with one is looked at.
    monkeypatch.setattr(transformers.training_args, "is_torch_bf16_gpu_available", lambda: True)
    model = dataclasses.replace(describe(str(toy(2.0))), shape=SMALL, window_s=30.0)
    settings = TrainConfig(batch=8, accumulation=3, schedule="cosine", weight_decay=0.01, eval_every=5, seed=7)
    plan = make_plan(Config(train=settings), DataCounts(rows, 12, 31, 12, "validation"), model, card)
    assert (plan.precision, plan.recompute, plan.loader_workers) == (precision, recompute, workers)
    arguments = transformers.Seq2SeqTrainingArguments(**trainer_arguments(plan, tmp_path))
    assert obeyed(arguments, plan) == {}
    assert arguments.eval_on_start
    assert not transformers.Seq2SeqTrainingArguments(
        **trainer_arguments(plan, tmp_path, measure_first=False)
    ).eval_on_start


def test_recomputed_activations_reach_the_model_and_are_not_saved_with_it(tmp_path: Path) -> None:
    from core import workspace

    loaded = load(str(toy(2.0)))
    rows = [Row("0", tmp_path / "0.wav", "宮商", "talk", 0, 2000)]
    write_wav(rows[0].path, noise(2, 0))
    plan = dataclasses.replace(planned(TrainConfig(steps=1, batch=1, accumulation=1), 1), recompute=True)
    made = Listened(workspace.create(tmp_path / "w"), "train", {})
    data, _ = examples(loaded, rows, "zh", plan.label_tokens)
    tuned, _ = train(loaded, plan, data, [], folder=tmp_path / "run", job=made.job)
    assert tuned.model.encoder.gradient_checkpointing
    assert tuned.config.use_cache


def test_numbers_for_json_are_finite() -> None:
    assert finite(1) == 1.0
    assert finite(None) is None
    assert finite(float("nan")) is None
    assert finite(math.inf) is None


def test_a_toy_learns_two_notes_and_keeps_the_best(tmp_path: Path) -> None:
    """Sounds to text, from nothing: the whole set-up is right if a random model can name the notes it hears."""
    from core import workspace

    loaded = load(str(toy(2.0)))
    rows = []
    for index in range(32):
        note, text = ((440, "宮"), (880, "羽"))[index % 2]
        tone = 8000 * np.sin(2 * np.pi * note * np.arange(32_000) / RATE) + noise(2, index) / 10
        write_wav(tmp_path / f"{index}.wav", tone)
        rows.append(
            Row(
                f"s{index}",
                tmp_path / f"{index}.wav",
                text * (1 + index % 3),
                "talk",
                2000 * index,
                2000 * index + 2000,
            )
        )
    settings = TrainConfig(steps=40, batch=8, accumulation=1, learning_rate=3e-3, eval_every=20, schedule="cosine")
    made = Listened(workspace.create(tmp_path / "w"), "train", {})
    plan = planned(settings, 24, 8)
    data, _ = examples(loaded, rows[:24], "zh", plan.label_tokens)
    tuned, outcome = train(loaded, plan, data, rows[24:], folder=tmp_path / "run", job=made.job)
    assert tuned is loaded.model
    losses = [event.loss for event in made.of(Metric) if event.loss is not None]
    assert losses[-1] < losses[0] / 4
    rates = [event.learning_rate or 0.0 for event in made.of(Metric)]
    assert rates[:4] == pytest.approx([3e-3 / 4, 3e-3 / 2, 3e-3 * 3 / 4, 3e-3]), "not even the first step is lost"
    assert 0 < rates[-1] < 3e-3 / 100
    assert outcome.base_cer is not None
    assert outcome.base_cer > 0.8
    clips = [Clip(name, read_segment(tmp_path / f"{name}.wav")) for name in ("30", "31")]
    (batch,) = TransformersEngine(loaded, EngineOptions("zh", 2)).hypotheses(clips)
    assert [hypothesis.text[:1] for _, hypothesis in batch] == ["宮", "羽"]
