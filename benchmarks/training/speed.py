"""How long a second of the segments takes to learn from.

default   as `whispersmith train` learns: windows and times by default, their log-mel computed on the way
packed    the same from full windows of segments that share no sound
single    the same from each segment by itself
quick     default windows for five epochs: their encoder's outputs, computed once within the time, and the decoder alone
course    its steps, the features read from disk; its feature pass is not part of the time
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import Figure
from benchmarks.training import course
from benchmarks.training.rows import LENGTH_S, MULTILINGUAL, WINDOW_S, fresh_model, make_rows
from core.config import TrainConfig
from core.training.methods import METHODS
from core.training.plan import mix_of
from core.training.windows import Row, TrainingWindow, WindowMix, windows_of_epoch

DEFAULT, PACKED, OF_LIMIT, QUICK = 2.0, 2.5, 0.8, 4.0
"""How many times as fast as the course at least; and packed of what padding costs single."""
EPOCHS = 5
"""Over which the caching of quick is spread."""


def figures(options: argparse.Namespace) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = make_rows(folder, options.segments)
        ways = _ways(options, rows, folder)
        took: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(options.runs):
            for way, seconds in ways.items():
                took[way].append(1000 * seconds() / (len(rows) * LENGTH_S))
    default, packed, single, quick, theirs = (statistics.median(took[way]) for way in ways)
    limit = len(_windows(rows, WindowMix())) / len(_windows(rows, PACKED_MIX))
    name_of = "a second of speech, {} against {}".format
    return [
        Figure(name_of("full, default windows", "course"), "ms", default, theirs, theirs / DEFAULT),
        Figure(name_of("full, packed", "course"), "ms", packed, theirs, theirs / PACKED),
        Figure(name_of("quick, caching included,", "course"), "ms", quick, theirs, theirs / QUICK),
        Figure(name_of("full, default windows", "single"), "ms", default, single),
        Figure(name_of("full, packed", "single"), "ms", packed, single, single / (OF_LIMIT * limit)),
        Figure(name_of("full, single", "course"), "ms", single, theirs),
    ]


PACKED_MIX = WindowMix(single=0, packed=1, timestamps=0.5)


def _ways(options: argparse.Namespace, rows: Sequence[Row], folder: Path) -> dict[str, Callable[[], float]]:
    """What takes how many seconds for an epoch, one after the other."""
    default = mix_of(TrainConfig())
    features = course.feature_pass(rows, fresh_model(options).extractor, folder)

    def quick() -> float:
        epochs = [
            one
            for epoch in range(EPOCHS)
            for one in windows_of_epoch(rows, default, WINDOW_S, seed=0, epoch=epoch, regroup=False)
        ]
        return ours(options, epochs, "quick") / EPOCHS

    return {
        "default": lambda: ours(options, _windows(rows, default)),
        "packed": lambda: ours(options, _windows(rows, PACKED_MIX)),
        "single": lambda: ours(options, _windows(rows, WindowMix())),
        "quick": quick,
        "course": lambda: theirs(options, features),
    }


def _windows(rows: Sequence[Row], mix: WindowMix) -> list[TrainingWindow]:
    return windows_of_epoch(rows, mix, WINDOW_S, seed=0, epoch=0)


def ours(options: argparse.Namespace, windows: Sequence[TrainingWindow], method: str = "full") -> float:
    """Seconds that steps over these windows take, as `core.training.trainer` makes them."""
    import torch

    from core.training.dataset import Collator, SegmentDataset, examples_of
    from core.training.loss import batch_loss

    loaded = fresh_model(options)
    with tempfile.TemporaryDirectory() as cache:
        prepared = METHODS[method].prepare(loaded, Path(cache))
        model = prepared.module.train()
        model.config.use_cache = False
        found = examples_of(MULTILINGUAL, windows, model.config.max_target_positions)[0]
        data = SegmentDataset(found, prepared.input_name, prepared.inputs, keep=False)
        collate = Collator(model.config.pad_token_id)
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-6, fused=True)
        begun = time.perf_counter()
        for places in _steps(len(data), options.batch * options.accumulation):
            parts = [collate([data[place] for place in part]) for part in _parts(places, options.batch)]
            weight = sum(part["label_weights"].sum() for part in parts)
            for part in parts:
                (batch_loss(model, part)[0] / weight).backward()
            _step(optimizer, trained)
        return time.perf_counter() - begun


def theirs(options: argparse.Namespace, features: Any) -> float:
    """Seconds that the course's steps over its clips take."""
    import torch

    loaded = fresh_model(options)
    model: Any = loaded.model.train()
    course.recompute_activations(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    begun = time.perf_counter()
    for places in _steps(len(features), options.batch * options.accumulation):
        for part in (parts := _parts(places, options.batch)):
            items = [features[place] for place in part]
            batch = course.batch_of(items, loaded.extractor, model.config.pad_token_id)
            (model(**batch).loss / len(parts)).backward()
        _step(optimizer, model.parameters())
    return time.perf_counter() - begun


def _steps(count: int, size: int) -> list[range]:
    return [range(first, min(first + size, count)) for first in range(0, count, size)]


def _parts(places: range, size: int) -> list[range]:
    return [places[at : at + size] for at in range(0, len(places), size)]


def _step(optimizer: Any, weights: Any) -> None:
    import torch

    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer.step()
    optimizer.zero_grad()
