"""What is done before the first step: how long it takes, and what it leaves on the disk.

The course computes features for every clip. Full tuning parts the rows into windows and labels, and makes its first
batch, whose features it never writes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Figure
from benchmarks.training import course
from benchmarks.training.rows import MULTILINGUAL, WINDOW_S, fresh_model, make_rows
from core.config import TrainConfig
from core.training.methods import METHODS
from core.training.plan import mix_of
from core.training.windows import Row
from core.whisper.loading import LoadedModel

SEGMENTS = 400
"""Not an hour of speech: with more the course's pass takes longer, and ours does not."""
TIME = 0.05


def figures(options: argparse.Namespace) -> list[Figure]:
    loaded = fresh_model(options)
    took: dict[str, list[tuple[float, int]]] = {"ours": [], "course": []}
    with tempfile.TemporaryDirectory() as name:
        rows = make_rows(Path(name), SEGMENTS)
        for _ in range(options.runs):
            took["ours"].append(_ours(loaded, rows, options.batch))
            took["course"].append(_course(loaded, rows))
    (ours, mine), (theirs, bytes_) = (
        (statistics.median(seconds for seconds, _ in found), max(size for _, size in found)) for found in took.values()
    )
    return [
        Figure(f"full, before the first of {SEGMENTS} segments is learnt", "s", ours, theirs, TIME * theirs),
        Figure("the same on disk", "MB", mine / 1e6, bytes_ / 1e6, 0.0),
    ]


def _ours(loaded: LoadedModel, rows: Sequence[Row], batch: int) -> tuple[float, int]:
    """Seconds until the first batch is there, and bytes that were written."""
    from core.training.dataset import Collator, SegmentDataset
    from core.training.run_examples import RunExamples

    with tempfile.TemporaryDirectory() as cache:
        begun = time.perf_counter()
        prepared = METHODS["full"].prepare(loaded, Path(cache))
        heard = RunExamples(
            MULTILINGUAL,
            rows,
            mix_of(TrainConfig()),
            window_s=WINDOW_S,
            limit=loaded.info.max_target_positions,
            seed=0,
            count=len(rows),
        )
        data = SegmentDataset(heard, prepared.input_name, prepared.inputs, keep=True)
        Collator(loaded.model.config.pad_token_id)([data[place] for place in range(batch)])
        return time.perf_counter() - begun, _bytes(Path(cache))


def _course(loaded: LoadedModel, rows: Sequence[Row]) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        course.feature_pass(rows, loaded.extractor, Path(folder))
        return time.perf_counter() - begun, _bytes(Path(folder))


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
