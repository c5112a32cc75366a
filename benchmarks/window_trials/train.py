"""One trial's training: windows, features, labels and loss as in a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.window_trials.bundle import WINDOW_S
from benchmarks.window_trials.trials import AUGMENTED, MIXES, MixTrial
from core.training.dataset import Collator, Example, SegmentDataset, examples_of, window_tokens
from core.training.loss import batch_loss
from core.training.windows import Augmentation, Row, windows_of_epoch
from core.whisper.features import heard_mel
from core.whisper.loading import LoadedModel

LANGUAGE = "zh"
WARMUP = 0.1


@dataclass(frozen=True)
class Learnt:
    """windows, rows: heard in all; epochs: how often each row; seconds: of the steps alone."""

    steps: int
    windows: int
    rows: int
    epochs: float
    first_loss: float
    last_loss: float
    seconds: float


def tune(loaded: LoadedModel, rows: list[Row], trial: MixTrial) -> Learnt:
    """Train the model in place."""
    torch.manual_seed(trial.seed)
    data = windows_heard(loaded, rows, trial)
    dataset = SegmentDataset(
        data,
        "input_features",
        lambda samples, name: heard_mel(loaded.extractor, [samples], [name], loaded.device)[0],
        keep=True,
        tokens=window_tokens(loaded, LANGUAGE),
        augmentation=AUGMENTED.get(trial.augmented, Augmentation()),
        window_s=WINDOW_S,
        seed=trial.seed,
    )
    collate = Collator(loaded.model.config.pad_token_id)
    batches = [
        {name: one.to(loaded.device) for name, one in collate([dataset[place] for place in places]).items()}
        for places in _batches(len(data), trial.batch)
    ]
    begun = time.perf_counter()
    losses = descend(loaded, batches, trial.learning_rate)
    heard = sum(len(example.window.rows) for example in data)
    return Learnt(
        steps=len(batches),
        windows=len(data),
        rows=heard,
        epochs=round(heard / len(rows), 2),
        first_loss=round(losses[0], 4),
        last_loss=round(float(np.mean(losses[-3:])), 4),
        seconds=round(time.perf_counter() - begun, 3),
    )


def windows_heard(loaded: LoadedModel, rows: list[Row], trial: MixTrial) -> list[Example]:
    """So many windows as the trial hears, epoch after epoch."""
    tokens, found, epoch = window_tokens(loaded, LANGUAGE), [], 0
    while len(found) < trial.windows:
        windows = windows_of_epoch(rows, MIXES[trial.mix], WINDOW_S, seed=trial.seed, epoch=epoch)
        found += examples_of(tokens, windows, loaded.model.config.max_target_positions)[0]
        epoch += 1
    return found[: trial.windows]


def _batches(number: int, size: int) -> Iterator[range]:
    return (range(at, min(at + size, number)) for at in range(0, number, size))


def autocast(device: str) -> Any:
    return torch.autocast("cuda", torch.bfloat16) if device == "cuda" else nullcontext()


def descend(loaded: LoadedModel, batches: list[dict[str, Any]], learning_rate: float) -> list[float]:
    """A step for each batch: AdamW, the rate rising over a tenth of them and falling to 0, gradients clipped to 1."""
    model = loaded.model
    model.train()
    model.config.use_cache = False
    optimizer = torch.optim.AdamW(
        [one for one in model.parameters() if one.requires_grad], lr=learning_rate, weight_decay=0.0, fused=True
    )
    rise = max(1, round(WARMUP * len(batches)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rise, (len(batches) - step) / max(1, len(batches) - rise))
    )
    losses = []
    for batch in batches:
        with autocast(loaded.device):
            total, weight, _ = batch_loss(model, batch)
        loss = total / weight
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(loss.detach())
    model.eval()
    return torch.stack(losses).tolist()
