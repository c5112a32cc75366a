"""What each way of tuning brings on speech that no run has heard or chosen by.

Of a recording a quarter, one stretch of time, is tested on; the rest teaches, and its validation block chooses the
checkpoint and the weights between base and tuned. Every run is one of `whispersmith train` with its defaults. What a
run keeps is heard, and, where that is a share of the tuned weights, those themselves as well.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks.report import Figure
from benchmarks.training.hearing import Heard
from benchmarks.training.real import RealSpeech, keep, kept
from core.training.weight_trials import MEAN, TUNED, read_weights

PART = "ladder"
METHODS = ("full", "quick", "light")
TEST = 0.25
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
        if name not in found.setdefault("models", {}):
            found["models"][name] = {**told, **asdict(Heard.of(model(), speech.recording, spans))}
            keep(PART, found)
            print(name, found["models"][name], file=sys.stderr)

    hear("base", lambda: speech.base)
    for method in METHODS:
        seconds = 0.0
        if not speech.model(method).is_dir():
            seconds = speech.run("train", "--name", method, "--method", method)
        weights = read_weights(speech.model(method))
        told = {"weights": weights.kept if weights else TUNED, "train_s": round(seconds)}
        hear(method, lambda method=method: speech.model(method), **told)
        if weights and weights.kept not in (TUNED, MEAN):
            share = float(weights.kept)
            tuned = folder / f"{method}-alone"
            hear(
                f"{method}, tuned alone",
                lambda method=method, share=share, tuned=tuned: tuned_alone(
                    speech.base, speech.model(method), share, tuned
                ),
            )


def tuned_alone(base: Path, kept_model: Path, share: float, target: Path) -> Path:
    """The tuned weights that (1 - share) · base + share · tuned was made of, which a run does not keep."""
    weights = "model.safetensors"
    shutil.copytree(kept_model, target, dirs_exist_ok=True)
    before, between = load_file(base / weights), load_file(kept_model / weights)
    tuned = {name: before[name] + (one - before[name]) / np.float32(share) for name, one in between.items()}
    save_file(tuned, target / weights, {"format": "pt"})
    return target


def figures(options: argparse.Namespace) -> list[Figure]:
    models = kept(PART).get("models", {})
    if "base" not in models:
        print("the ladder was never measured: --anew, with a real Whisper and real speech", file=sys.stderr)
        return []
    base, rows = models["base"], []
    for name, one in models.items():
        share = one.get("weights", TUNED)
        said = name if share in (TUNED, MEAN) else f"{name}, {1 - float(share):.1f} base + {share} tuned"
        for key, how in (("beam", "whole recordings, beam 5"), ("greedy", "greedy"), ("clips", "clips")):
            rows.append(Figure(f"{said}: CER, {how}", "%", one[key], base[key]))
        rows.append(Figure(f"{said}: CER, clips before silence", "%", one["clips_silent"], base["clips_silent"]))
    best = min(one["beam"] for one in models.values())
    return [*rows, Figure("the best: CER, whole recordings, beam 5", "%", best, base["beam"], BEST * base["beam"])]
