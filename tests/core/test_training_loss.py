"""One effective batch has one loss and one gradient, however it is parted."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import WhisperForConditionalGeneration

from core import workspace
from core.config import Config, TrainConfig
from core.events import Metric
from core.training.dataset import examples
from core.training.loss import summed_loss
from core.training.plan import DataCounts, make_plan
from core.training.reporter import Reporter
from core.training.trainer import train
from core.training.windows import Row
from core.whisper.features import heard_mel, read_segment
from core.whisper.info import describe
from core.whisper.loading import load
from tests.core.whisper_kit import Listened, noise, toy, toy_copy, write_wav

TEXTS = ("宮", "宮商角徵羽零一二三四五六七八九十百千萬", "角徵", "羽" * 11)  # as unequal as lines are


def rows_in(folder: Path, weights: Sequence[float] = (1, 1, 1, 1)) -> list[Row]:
    rows = [
        Row(str(index), folder / f"{index}.wav", text, "talk", 2000 * index, 2000 * index + 2000, weight)
        for index, (text, weight) in enumerate(zip(TEXTS, weights, strict=True))
    ]
    for index, row in enumerate(rows):
        write_wav(row.path, noise(2, index))
    return rows


def one_step(
    folder: Path, model: Path, batch: int, made: Listened, weights: Sequence[float] = (1, 1, 1, 1), **fields: Any
) -> tuple[Metric, Any]:
    """Train one step on the four rows, `batch` at a time; what it said, and the tuned model."""
    loaded = load(str(model))
    fields = {"windows": "single", "timestamps": 0, "learning_rate": 1e-6, "warmup": 0, **fields}
    settings = TrainConfig(steps=1, batch=batch, accumulation=4 // batch, **fields)
    plan = make_plan(Config(train=settings), DataCounts(4), describe(str(model)), None)
    data, _ = examples(loaded, rows_in(folder, weights), "zh", plan.label_tokens)
    tuned, _ = train(loaded, plan, data, [], folder=folder / f"run{batch}", job=made.job)
    return made.of(Metric)[-1], tuned


@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (1, 0.3, 1, 0.3)])
def test_how_a_batch_is_parted_changes_neither_loss_nor_gradient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Sequence[float]
) -> None:
    gradients: list[torch.Tensor] = []

    def keep(self: Reporter, *_: Any, model: Any, **__: Any) -> None:
        gradients.append(torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None]))

    monkeypatch.setattr(Reporter, "on_pre_optimizer_step", keep)
    made = Listened(workspace.create(tmp_path / "w"), "train", {})
    losses = [one_step(tmp_path, toy(2.0), batch, made, weights)[0].loss for batch in (4, 2, 1)]
    # By transformers' own forward: the mean over all labels of the four rows, as they weigh; not that of their means.
    loaded = load(str(toy(2.0)))
    data, _ = examples(loaded, rows_in(tmp_path), "zh", 448)
    own = []
    for example in data:
        features = torch.from_numpy(
            heard_mel(loaded.extractor, [read_segment(tmp_path / f"{example.window.name}.wav")])
        )
        with torch.no_grad():
            own.append(float(loaded.model(features, labels=torch.tensor([example.labels])).loss))
    sizes = [len(example.labels) * weight for example, weight in zip(data, weights, strict=True)]
    whole = sum(loss * size for loss, size in zip(own, sizes, strict=True)) / sum(sizes)
    assert abs(sum(own) / 4 - whole) > 0.01  # else this test could not tell them apart
    assert losses == pytest.approx([whole] * 3, rel=1e-5)
    for gradient in gradients[1:]:
        assert (gradient - gradients[0]).norm() < 1e-4 * gradients[0].norm()


def loaded_id(folder: Path, token: str) -> int:
    return json.loads((folder / "added_tokens.json").read_text())[token]


def test_labels_that_do_not_count_cost_nothing() -> None:
    logits = torch.zeros(2, 3, 8)
    labels = torch.tensor([[1, 2, -100], [3, -100, -100]])
    weights = torch.tensor([[1.0, 1.0, 0.0], [0.25, 0.0, 0.0]])
    assert float(summed_loss(logits, labels, weights)) == pytest.approx(2.25 * math.log(8))
    assert float(summed_loss(logits, torch.full((2, 3), -100), torch.zeros(2, 3))) == 0.0


def test_half_precision_weights_are_trained_in_full_the_start_token_stands_once_and_the_language_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """large-v3 and turbo are stored in fp16, in which a step of 1e-6 changes no weight; and the course's collator
    leaves the start token in the labels, so that the decoder reads it twice. Where a base brings no generation settings
    a set language is lost without a word."""
    folder = toy_copy(tmp_path / "half", 2.0)
    WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float16).save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float16"
    (folder / "generation_config.json").unlink()
    seen: list[torch.Tensor] = []
    forward = WhisperForConditionalGeneration.forward

    def spied(self: Any, *args: Any, **inputs: Any) -> Any:
        seen.append(inputs["decoder_input_ids"])
        return forward(self, *args, **inputs)

    monkeypatch.setattr(WhisperForConditionalGeneration, "forward", spied)
    made = Listened(workspace.create(tmp_path / "w"), "train", {})
    before = load(str(folder)).model.state_dict()
    _, tuned = one_step(tmp_path, folder, 2, made)
    after = tuned.state_dict()
    assert {weight.dtype for weight in after.values()} == {torch.float32}
    moved = (after["model.decoder.layers.0.fc1.weight"] - before["model.decoder.layers.0.fc1.weight"]).abs()
    assert 0 < moved.max() < 1e-5
    settings = tuned.generation_config
    assert (settings.language, settings.task, settings.forced_decoder_ids) == ("zh", "transcribe", None)
    assert settings.lang_to_id["<|zh|>"] == loaded_id(folder, "<|zh|>")
    start = tuned.config.decoder_start_token_id
    assert len(seen) == 2
    for begun in seen:
        assert (begun[:, 0] == start).all()
        assert not (begun[:, 1:] == start).any()
