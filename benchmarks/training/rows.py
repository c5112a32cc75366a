"""Segments that nobody has spoken, and the model that learns from them."""

from __future__ import annotations

import argparse
import wave
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.gpu import build
from core.media import RATE
from core.models.suggested import TINY
from core.training.windows import Row, WindowTokens
from core.whisper.info import ModelInfo
from core.whisper.loading import LoadedModel, load

LENGTH_S, HOP_S, WINDOW_S = 10, 8, 30.0
SPOKEN = "我們今天要講的是怎麼把一段錄音變成文字再請人看過改好之後拿來訓練模型"

MULTILINGUAL = WindowTokens(
    50258, (50260, 50359), 50363, 50257, lambda text: [ord(one) % 50_000 for one in text], lambda text: range(len(text))
)
"""Of the published multilingual models, with a token for every character in place of their vocabulary."""


def make_rows(folder: Path, count: int) -> list[Row]:
    """Neighbouring segments of noise with characters in another order each."""
    chance, found = np.random.default_rng(0), []
    samples = chance.normal(0, 2000, (HOP_S * count + LENGTH_S) * RATE).astype("<i2")
    for place in range(count):
        start = HOP_S * place
        path = folder / f"{start}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples[start * RATE : (start + LENGTH_S) * RATE].tobytes())
        text = "".join(chance.permutation(list(SPOKEN)))
        found.append(Row(path.stem, path, text, "talk", 1000 * start, 1000 * (start + LENGTH_S)))
    return found


def fresh_model(options: argparse.Namespace) -> LoadedModel:
    """The model that was asked for, else whisper-tiny's shape with random weights; its tokens are MULTILINGUAL."""
    if options.model:
        return load(options.model, device="cpu", dtype="float32")
    from transformers import WhisperFeatureExtractor

    extractor: Any = WhisperFeatureExtractor(feature_size=TINY.mel_bins)
    info = ModelInfo("whisper-tiny's shape", Path(), TINY, WINDOW_S, (), (), True, 0)
    return LoadedModel(build(TINY, "cpu"), SimpleNamespace(feature_extractor=extractor), info, "cpu")
