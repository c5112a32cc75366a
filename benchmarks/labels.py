"""What hearing whole recordings is worth: `python -m benchmarks.labels` from the checkout.

    python -m benchmarks.labels [--model DIR] [--speech DIR] [--beam 5] [--runs 3] [--engines ctranslate2 transformers]
                                [--json]

The model is a real Whisper with a window of 30 s (or $WHISPERSMITH_WHISPER), the speech a folder with human.csv and the
recording it is of (or $WHISPERSMITH_SPEECH); without either nothing is measured.

whole            the recording in windows of speech, its words dealt to the segments of human.csv by their times
clips            each segment by itself, the same engine and beam
filled           the same, each filled up to the window with perfect silence, as transformers' own feature extractor
                 fills it and we did when the bounds were set; now the middle of the scale stands behind a clip
                 (`core.whisper.features.heard_mel`), which alone is worth a quarter of its errors
faster-whisper   its own `transcribe` of the recording, the same converted weights and beam, int8
batched          its own batched pipeline

CER is in percent, over the segments, text to Traditional by OpenCC (s2twp) where that can be imported. Every run is a
process of its own, one of each kind in turn. Where windows begin alone moves a CER by points, so each run begins some
seconds further into the recording, is judged on the segments that all of them hear, and the mean counts; of times the
median, loading and converting left out. Exit 1 if a bound does not hold.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from benchmarks.report import Figure, report
from core.engines import Clip, Engine, EngineOptions, PcmWindow, open_engine
from core.engines.windows import windows_of
from core.error_rates import error_rates
from core.media import RATE, stream_pcm
from core.spans import Span, parse_segment_name
from core.text import join_texts
from core.timed_text import shares

BATCH = 8
FURTHER_S = 7.0
"""A run begins so much further into the recording than the one before."""
CER, WALL = 0.83, 0.45
"""Whole recordings against clips that are filled up with silence, at most."""
CLIPS_CER, CLIPS_WALL = 1.0, 0.7
"""Whole recordings against our own clips: points more, since chance moves either by one, and times as long."""
BESIDE_CER, BESIDE_WALL = 0.5, 1.1
"""Against faster-whisper's own: points more, and times as long."""
ENGINE_CER = 1.0
"""transformers against ctranslate2: points more."""

Texts = Mapping[Span, str]


def human_texts(speech: Path) -> tuple[Path, dict[Span, str]]:
    """(the recording, what a person wrote for each of its segments)."""
    with (speech / "human.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [(parse_segment_name(row["file_name"].strip()), row["transcription"]) for row in csv.DictReader(file)]
    texts = {Span(name[1], name[2]): text for name, text in rows if name}
    video = next(name[0] for name, _ in rows if name)
    return next(path for path in speech.iterdir() if path.stem == video), dict(sorted(texts.items()))


def whole(engine: Engine, samples: np.ndarray, spans: list[Span]) -> Texts:
    blocks = (samples[at : at + RATE] for at in range(0, len(samples), RATE))
    heard = [text for batch in engine.hear(windows_of(blocks, engine.info)) for _, text in batch]
    return {span: share.text for span, share in zip(spans, shares(heard, spans), strict=True)}


def clips(engine: Engine, samples: np.ndarray, spans: list[Span]) -> Texts:
    """transformers decodes clips greedily: with a beam it hears them as windows."""
    pieces = [samples[span.start_ms * RATE // 1000 : span.end_ms * RATE // 1000] for span in spans]
    if engine.info.name == "ctranslate2":
        named = (Clip(str(number), piece) for number, piece in enumerate(pieces))
        return {spans[int(clip.id)]: one.text for batch in engine.hypotheses(named) for clip, one in batch}
    windows = (PcmWindow(number, piece) for number, piece in enumerate(pieces))
    return {spans[window.start]: text.text for batch in engine.hear(windows) for window, text in batch}


def filled(engine: Engine, samples: np.ndarray, spans: list[Span]) -> Texts:
    """Clips with silence behind them, up to the window, that belongs to them."""
    window = round(engine.info.window_s * RATE)
    alone = np.zeros(len(spans) * window, samples.dtype)
    places = [Span(1000 * at // RATE, 1000 * (at + window) // RATE) for at in range(0, len(alone), window)]
    for number, span in enumerate(spans):
        piece = samples[span.start_ms * RATE // 1000 : span.end_ms * RATE // 1000]
        alone[number * window :][: len(piece)] = piece
    texts = clips(engine, alone, places)
    return {span: texts[place] for span, place in zip(spans, places, strict=True)}


def faster_whisper(name: str, folder: Path, beam: int) -> Callable[[np.ndarray, list[Span]], Texts]:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    from core.whisper.conversion import converted
    from core.whisper.info import describe

    model = WhisperModel(str(converted(describe(str(folder)))), device="cpu", compute_type="int8")

    def texts(samples: np.ndarray, spans: list[Span]) -> Texts:
        audio = samples.astype(np.float32) / 32768
        if name == "batched":
            found, _ = BatchedInferencePipeline(model).transcribe(
                audio, language="zh", beam_size=beam, word_timestamps=True, batch_size=BATCH
            )
        else:
            found, _ = model.transcribe(audio, language="zh", beam_size=beam, word_timestamps=True)
        words = [word for segment in found for word in segment.words or []]
        middles = [1000 * (word.start + word.end) / 2 for word in words]
        return {
            span: join_texts(
                [w.word for w, at in zip(words, middles, strict=True) if span.start_ms <= at < span.end_ms]
            )
            for span in spans
        }

    return texts


def traditional() -> Callable[[str], str]:
    if importlib.util.find_spec("opencc") is None:
        return str
    return importlib.import_module("opencc").OpenCC("s2twp").convert


def measure(name: str, model: Path, speech: Path, beam: int, skip: float, judged_from: float) -> dict[str, float]:
    """name: `faster-whisper`, `batched`, or kind:engine. The CER in percent, and seconds.

    skip: seconds of the recording before which nothing is heard; judged_from: the first at which a segment may begin.
    """
    path, human = human_texts(speech)
    samples, left_out = np.concatenate(list(stream_pcm(path)))[round(skip * RATE) :], round(1000 * skip)
    human = {
        Span(span.start_ms - left_out, span.end_ms - left_out): text
        for span, text in human.items()
        if span.start_ms >= 1000 * judged_from
    }
    spans = list(human)
    kind, _, library = name.partition(":")
    if library:
        engine = open_engine(str(model), EngineOptions("zh", BATCH, beam=beam), engine=library)
        work = {"whole": whole, "clips": clips, "filled": filled}[kind]
        begun = time.perf_counter()
        texts = work(engine, samples, spans)
    else:
        listen = faster_whisper(name, model, beam)
        begun = time.perf_counter()
        texts = listen(samples, spans)
    took = time.perf_counter() - begun
    convert = traditional()
    rates = error_rates(name, [(text, convert(texts[span])) for span, text in human.items()])
    return {"cer": 100 * rates["cer"], "wall": took}


def measured(options: argparse.Namespace, names: list[str]) -> dict[str, dict[str, float]]:
    """The mean CER and the median time of each, from processes that take turns."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    last = FURTHER_S * (options.runs - 1)
    for number in range(options.runs):
        for name in names:
            command = [sys.executable, "-m", "benchmarks.labels", "--measure", name, "--beam", str(options.beam)]
            command += ["--model", str(options.model), "--speech", str(options.speech)]
            command += ["--skip", str(FURTHER_S * number), "--judged-from", str(last)]
            output = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
            runs[name].append(json.loads(output))
    return {
        name: {
            "cer": statistics.mean(one["cer"] for one in found),
            "wall": statistics.median(one["wall"] for one in found),
        }
        for name, found in runs.items()
    }


def figures(options: argparse.Namespace) -> list[Figure]:
    engines: list[str] = options.engines
    names = [f"{kind}:{engine}" for engine in engines for kind in ("whole", "clips", "filled")]
    found = measured(options, [*names, *(["faster-whisper", "batched"] if "ctranslate2" in engines else [])])
    rows = []
    for engine in engines:
        ours = found[f"whole:{engine}"]
        alone, silent = found[f"clips:{engine}"], found[f"filled:{engine}"]
        for name, other, cer, wall in (
            ("clips", alone, alone["cer"] + CLIPS_CER, CLIPS_WALL),
            ("filled clips", silent, CER * silent["cer"], WALL),
        ):
            rows.append(Figure(f"{engine}, against {name}: CER", "%", ours["cer"], other["cer"], cer))
            most = wall * other["wall"]
            rows.append(Figure(f"{engine}, against {name}: wall", "s", ours["wall"], other["wall"], most))
    for name in [name for name in ("faster-whisper", "batched") if name in found]:
        ours, theirs = found["whole:ctranslate2"], found[name]
        rows.append(Figure(f"against {name}: CER", "%", ours["cer"], theirs["cer"], theirs["cer"] + BESIDE_CER))
        rows.append(Figure(f"against {name}: wall", "s", ours["wall"], theirs["wall"], BESIDE_WALL * theirs["wall"]))
    if len(engines) == 2:
        ours, theirs = found["whole:transformers"]["cer"], found["whole:ctranslate2"]["cer"]
        rows.append(Figure("transformers against ctranslate2: CER", "%", ours, theirs, theirs + ENGINE_CER))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=os.environ.get("WHISPERSMITH_WHISPER"))
    parser.add_argument("--speech", type=Path, default=os.environ.get("WHISPERSMITH_SPEECH"))
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--engines", nargs="+", choices=("ctranslate2", "transformers"), default=["ctranslate2"])
    parser.add_argument("--json", action="store_true")
    for name, kind in (("--measure", str), ("--skip", float), ("--judged-from", float)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.model is None or options.speech is None:
        print("no real Whisper or no real speech here: nothing is measured", file=sys.stderr)
        return 0
    if options.measure:
        where = options.skip or 0.0, options.judged_from or 0.0
        print(json.dumps(measure(options.measure, Path(options.model), Path(options.speech), options.beam, *where)))
        return 0
    title = f"whisper labels, beam {options.beam}, {options.runs} runs"
    return report(title, "against", figures(options), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
