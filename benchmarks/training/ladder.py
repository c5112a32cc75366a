"""What each way of tuning brings on speech that no run has heard or chosen by.

Of a recording a quarter, one stretch of time, is tested on; the rest teaches. Every run is one of `whispersmith train`
with its defaults, which keeps weights between the base's and the tuned ones; beside it stands all that was tuned.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks.report import Figure
from benchmarks.training.hearing import Heard
from benchmarks.training.real import RealSpeech, keep, kept
from core.training.weight_trials import MEAN, TUNED, read_weights

PART = "ladder"
METHODS = ("quick", "light", "full")
TEST = 0.25
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
        share = 1.0 if weights is None or weights.kept in (TUNED, MEAN) else float(weights.kept)
        hear(method, lambda method=method: speech.model(method), share=share, train_s=round(seconds))
        if share != 1.0:
            hear(f"{method}, all of it", lambda method=method, share=share: _tuned(speech, method, share))


def _tuned(speech: RealSpeech, method: str, share: float) -> Path:
    """What was tuned, of a model that holds a share of it."""
    return blend(speech.base, speech.model(method), 1 / share, speech.folder / "blended" / method)


def blend(base: Path, model: Path, share: float, target: Path) -> Path:
    """A model with base + share · (model - base) as its weights; share may be over 1."""
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
