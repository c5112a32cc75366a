"""The most memory that a process holds while it learns, and the plan's estimate of it.

Processes of their own, one after the other: the peak of a process never falls. A batch of ours holds as much speech as
the course's; what as many windows take is shown beside it.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.gpu import SHAPES, train_steps
from benchmarks.report import Figure
from benchmarks.training import course
from benchmarks.training.rows import WINDOW_S, fresh_model, make_rows
from benchmarks.training.speed import ours, theirs
from benchmarks.training.trials import kept_trials
from core.config import TrainConfig
from core.training.methods import METHODS
from core.training.methods.activations import counted_by_torch
from core.training.plan import mix_of
from core.training.windows import windows_of_epoch

MEMORY, ESTIMATE = 0.8, 15.0
"""Of the course's at most; and percent that the estimate is off."""
BATCH = 9
"""Clips that the course learns from at once: three windows of ours."""
GIB = 2**30
WAYS = ("ours", "as many windows", "quick", "course")


def figures(options: argparse.Namespace) -> list[Figure]:
    peaks: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.runs):
        for way, found in peaks.items():
            found.append(_peak(options, way))
    speech, windows, quick, theirs_ = (statistics.median(peaks[way]) for way in WAYS)
    return [
        Figure("full, batches of as much speech: the most held", "GB", speech, theirs_, MEMORY * theirs_),
        Figure("quick, batches of as much speech: the most held", "GB", quick, theirs_, MEMORY * theirs_),
        Figure("full, batches of as many windows: the most held", "GB", windows, theirs_),
    ]


def _peak(options: argparse.Namespace, way: str) -> float:
    command = [sys.executable, "-m", "benchmarks.training.memory", way, "--model", options.model or ""]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(output.splitlines()[-1]) / GIB


def measure(way: str, model: str) -> int:
    """Bytes that this process held at most, after two steps over a batch each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = make_rows(folder, 2 * BATCH if way != "as many windows" else 6 * BATCH)
        options = argparse.Namespace(model=model, batch=BATCH, accumulation=1)
        if way == "course":
            theirs(options, course.feature_pass(rows, fresh_model(options).extractor, folder))
        else:
            windows = windows_of_epoch(rows, mix_of(TrainConfig()), WINDOW_S, seed=0, epoch=0)
            options.batch = BATCH if way == "as many windows" else BATCH // 3
            ours(options, windows, "quick" if way == "quick" else "full")
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def estimates(options: argparse.Namespace) -> list[Figure]:
    """How far the plan's estimate is from what torch reserved for a step: on the GPU that is here, else as it was on an
    H200."""
    import torch

    name_of = "estimate of a step, {} by {}{}: off by".format
    if torch.cuda.is_available():
        found = [
            (name, batch, recompute, train_steps(SHAPES[name], batch, "cuda", "bf16", recompute))
            for name, batch, recompute in (("base", 16, False), ("small", 8, False), ("small", 16, True))
        ]
        told = [(name, batch, on, one["peak_bytes"], one["planned_bytes"]) for name, batch, on, one in found]
    else:
        print("no GPU here: the estimate of memory is not measured, what follows of it was on an H200", file=sys.stderr)
        told = []
        for one in (one for one in kept_trials()["measured"] if one["measured"] == "memory"):
            name, batch, on = one["shape"], one["batch"], one["recompute"]
            planned = counted_by_torch(METHODS["full"].memory(SHAPES[name], batch, recompute=on))
            told.append((name, batch, on, one["reserved"], planned))
    return [
        Figure(
            name_of(name, batch, ", recomputed" if on else ""),
            "%",
            100 * abs(planned / measured - 1),
            bound=ESTIMATE,
        )
        for name, batch, on, measured, planned in told
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--model", default="")
    asked = parser.parse_args()
    print(json.dumps(measure(asked.way, asked.model)))
