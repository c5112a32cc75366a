"""What training windows are worth: `python -m benchmarks.training` from the checkout.

    python -m benchmarks.training [--model DIR] [--segments 24] [--batch 2] [--accumulation 2] [--runs 3] [--json]

Steps of full tuning on the processor, fp32, over neighbouring segments of 10 s that overlap by 2 s, with the same
number of windows a step; what counts is how long a second of the segments takes. The model is a real Whisper (or
$WHISPERSMITH_WHISPER), else whisper-tiny's shape with random weights. One way after the other in every run; medians.

default   as `whispersmith train` learns: windows and times by default, their log-mel computed on the way
packed    the same from full windows of segments that share no sound
single    the same from each segment by itself
course    Hugging Face's audio course, chapter 5, as published: log-mels of 30 s for each clip computed before (not part
          of the time), activations recomputed, the mean of the batches' mean losses

Then the table of `benchmarks.window_trials`, as an H200 came to it. Exit 1 if a bound does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu import build
from benchmarks.report import Figure, report
from core.config import TrainConfig
from core.media import RATE
from core.models.suggested import TINY
from core.training.plan import mix_of
from core.training.windows import Row, TrainingWindow, WindowMix, WindowTokens, windows_of_epoch

LENGTH_S, HOP_S, WINDOW_S = 10, 8, 30.0
SPOKEN = "我們今天要講的是怎麼把一段錄音變成文字再請人看過改好之後拿來訓練模型"
TRIALS = Path(__file__).with_name("window_trials") / "h200.json"
DEFAULT, PACKED, OF_LIMIT = 2.0, 2.5, 0.8
"""How many times as fast as the course at least; and packed of what padding costs single."""

MULTILINGUAL = WindowTokens(50258, (50260, 50359), 50363, 50257, lambda text: [ord(one) % 50_000 for one in text])
"""Of the published multilingual models, with a token for every character in place of their vocabulary."""


def make_rows(folder: Path, count: int) -> list[Row]:
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


def learnt(
    fresh: Callable[[], Any], windows: Sequence[TrainingWindow], batch: int, accumulation: int, *, as_course: bool
) -> float:
    """Seconds that steps over these windows take."""
    import torch
    from transformers import WhisperFeatureExtractor

    from core.training.dataset import Collator, SegmentDataset, examples_of
    from core.training.loss import batch_loss, tokens_of
    from core.whisper.features import heard_mel

    model = fresh().train()
    model.config.use_cache = False
    if as_course:
        (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()
    extractor = WhisperFeatureExtractor(feature_size=model.config.num_mel_bins)
    data = SegmentDataset(
        examples_of(MULTILINGUAL, windows, model.config.max_target_positions)[0],
        "input_features",
        lambda samples, name: heard_mel(extractor, [samples], [name], "cpu")[0],
        keep=as_course,
    )
    collate = Collator(model.config.pad_token_id)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=not as_course)
    if as_course:
        for place in range(len(data)):
            data[place]
    begun = time.perf_counter()
    for first in range(0, len(data), batch * accumulation):
        places = range(first, min(first + batch * accumulation, len(data)))
        parts = [collate([data[place] for place in places[at : at + batch]]) for at in range(0, len(places), batch)]
        tokens = sum(tokens_of(part["labels"]) for part in parts)
        for part in parts:
            if as_course:
                loss = model(input_features=part["input_features"], labels=part["labels"]).loss / len(parts)
            else:
                loss = batch_loss(model, part)[0] / tokens
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - begun


def figures(options: argparse.Namespace, fresh: Callable[[], Any], rows: Sequence[Row]) -> list[Figure]:
    def of(mix: WindowMix) -> list[TrainingWindow]:
        return windows_of_epoch(rows, mix, WINDOW_S, seed=0, epoch=0)

    ways = {
        "default": of(mix_of(TrainConfig())),
        "packed": of(WindowMix.of("packed", 0.5)),
        "single": of(WindowMix()),
        "course": of(WindowMix()),
    }
    took: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(options.runs):
        for way, windows in ways.items():
            seconds = learnt(fresh, windows, options.batch, options.accumulation, as_course=way == "course")
            took[way].append(1000 * seconds / (len(rows) * LENGTH_S))
    default, packed, single, course = (statistics.median(took[way]) for way in ways)
    limit = len(ways["single"]) / len(ways["packed"])
    name = "a second of speech, {} against {}".format
    return [
        Figure(name("default", "course"), "ms", default, course, course / DEFAULT),
        Figure(name("packed", "course"), "ms", packed, course, course / PACKED),
        Figure(name("default", "single"), "ms", default, single),
        Figure(name("packed", "single"), "ms", packed, single, single / (OF_LIMIT * limit)),
        Figure(name("single", "course"), "ms", single, course),
    ]


def print_trials() -> None:
    """What every mix comes to in equal time on real weights: CER in percent of rows held out."""
    names = ("whole_beam", "whole_greedy", "clips", "test_whole_beam", "test_clips")
    print("\nwhisper-base on an H200, 480 windows a model, α chosen beside the part held out; means over four parts")
    print(f"{'':50}{'n':>3}{'beam 5':>9}{'greedy':>9}{'clips':>9}{'beam 5':>9}{'clips':>9}   (last two: the test part)")
    for one in json.loads(TRIALS.read_text(encoding="utf-8"))["recipes"]:
        shown = "".join(f"{one[name]:9.2f}" for name in names)
        print(f"{one['recipe']:50}{one['trials']:3}{shown}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=os.environ.get("WHISPERSMITH_WHISPER"))
    parser.add_argument("--segments", type=int, default=24)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--accumulation", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    def fresh() -> Any:
        if not options.model:
            return build(TINY, "cpu")
        from core.whisper.loading import load

        return load(options.model, device="cpu", dtype="float32").model

    with tempfile.TemporaryDirectory() as folder:
        found = figures(options, fresh, make_rows(Path(folder), options.segments))
    code = report("Training", "against", found, as_json=options.json)
    if not options.json:
        print_trials()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
