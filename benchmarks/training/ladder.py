"""What each way of tuning brings on speech that no run has heard or chosen by.

Of a recording a quarter, one stretch of time, is tested on; the rest teaches, and its validation block chooses the
checkpoint and the weights between base and tuned. Every run is one of `whispersmith train` with its defaults. A run
chooses weights by clips; beside what it keeps stands what whole recordings would have chosen.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks.report import Figure
from benchmarks.training.hearing import Heard, by_recordings
from benchmarks.training.real import RealSpeech, keep, kept
from core.dataset.lineage import read as read_lineage
from core.spans import Span, parse_segment_name
from core.training.weight_trials import MEAN, TUNED, read_weights

PART = "ladder"
METHODS = ("full", "quick", "light")
TEST = 0.25
SHARES = (0.3, 0.5, 0.7, 1.0)
HEARD = {field.name for field in fields(Heard)}
BEST = 0.85
"""Of the base's CER at most: the best, whole recordings, beam 5."""


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Train with each method, hear each model; what is there already is neither trained nor heard anew."""
    speech = RealSpeech.at(folder, options)
    speech.run("import", str(Path(options.speech) / "human.csv"))
    speech.run("split", "--by", "time", "--test", str(TEST))
    spans, found = speech.test_spans(), kept(PART)
    found |= {"rows": len(spans), "characters": sum(len(speech.recording.texts[span]) for span in spans)}

    def hear(name: str, model: Callable[[], Path], **told: Any) -> None:
        if not found.setdefault("models", {}).get(name, {}).keys() >= HEARD:
            found["models"][name] = {**told, **asdict(Heard.of(model(), speech.recording, spans))}
            keep(PART, found)
            print(name, found["models"][name], file=sys.stderr)

    hear("base", lambda: speech.base)
    for method in METHODS:
        seconds = 0.0
        if not speech.model(method).is_dir():
            seconds = speech.run("train", "--name", method, "--method", method)
        weights = read_weights(speech.model(method))
        kept_share = 1.0 if weights is None or weights.kept in (TUNED, MEAN) else float(weights.kept)
        hear(method, lambda method=method: speech.model(method), share=kept_share, train_s=round(seconds))
        between = f"{method}, weights chosen by whole recordings"
        if not found["models"].get(between, {}).keys() >= HEARD:
            share, model = _between(speech, method, kept_share)
            hear(between, lambda model=model: model, share=share)


def _between(speech: RealSpeech, method: str, kept_share: float) -> tuple[float, Path]:
    """Of the shares of the tuned weights the one that the validation block is heard best with, in whole recordings,
    greedily; a run chooses by clips."""
    lineage = read_lineage(speech.model(method))
    assert lineage is not None
    spans = [Span(*name[1:]) for one in lineage.measured if (name := parse_segment_name(f"{one}.wav"))]
    cers: dict[float, float] = {}
    for share in SHARES:
        model = blend(speech.base, speech.model(method), share / kept_share, _blended(speech, method, share))
        cers[share] = statistics.mean(by_recordings(model, speech.recording, sorted(spans), 1))
        print(method, share, cers[share], file=sys.stderr)
    best = min(cers, key=lambda share: cers[share])
    return best, _blended(speech, method, best)


def _blended(speech: RealSpeech, method: str, share: float) -> Path:
    return speech.folder / "blended" / f"{method}-{share}"


def blend(base: Path, model: Path, share: float, target: Path) -> Path:
    """A model with base + share · (model - base) as its weights. share: over 1 where the model is itself a share of
    what was tuned."""
    weights = "model.safetensors"
    shutil.copytree(model, target, dirs_exist_ok=True)
    before, after = load_file(base / weights), load_file(model / weights)
    blended = {name: before[name] + np.float32(share) * (one - before[name]) for name, one in after.items()}
    save_file(blended, target / weights, {"format": "pt"})
    return target


def figures(options: argparse.Namespace) -> list[Figure]:
    models = kept(PART).get("models", {})
    if "base" not in models:
        print("the ladder was never measured: --anew, with a real Whisper and real speech", file=sys.stderr)
        return []
    base, rows = models["base"], []
    for name, one in models.items():
        share = one.get("share", 1.0)
        said = name if share == 1.0 else f"{name}: {1 - share:.1f} base + {share:g} tuned"
        for key, how in (("beam", "whole recordings, beam 5"), ("greedy", "greedy"), ("clips", "clips")):
            if key not in one:  # that run was broken off
                continue
            rows.append(Figure(f"{said}: CER, {how}", "%", one[key], base[key]))
    best = min(one["beam"] for one in models.values() if "beam" in one)
    return [*rows, Figure("the best: CER, whole recordings, beam 5", "%", best, base["beam"], BEST * base["beam"])]
