"""One `whispersmith round` after sixty corrected rows: how long it takes, and what the rows nobody has touched gain.

The base labels the whole recording; a person's texts of its first sixty segments are accepted; the round trains and
writes the others anew. These are heard by both models, in whole recordings and as clips. Clips are asked in two ways:
before silence, as when the bound was set, which base models are bad at; and as labelling asks now.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.report import Figure
from benchmarks.training.hearing import Heard, by_clips
from benchmarks.training.real import RealSpeech, keep, kept
from core.spans import Span, segment_name
from core.stages.round import NOTE
from core.text import normalise

PART = "round"
ACCEPTED = 60
CLIPS, WHOLE = 0.75, 0.9
"""Of the CER before, at most."""


def measure(options: argparse.Namespace, folder: Path) -> None:
    speech = RealSpeech.at(folder, options)
    texts = speech.recording.texts
    accepted, untouched = parted(list(texts), ACCEPTED)
    speech.run("label")
    human = folder / "human.csv"
    with human.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "transcription"])
        table.writerows([segment_name(speech.video, *span), texts[span]] for span in accepted)
    speech.run("import", str(human))
    begun = time.perf_counter()
    speech.run("round")
    found = {"accepted": len(accepted), "wall_s": round(time.perf_counter() - begun)}
    spans = [span for span in untouched if normalise(texts[span])]
    models = {"before": speech.base, "after": speech.model(speech.note(NOTE)["name"])}
    for when, model in models.items():
        silent = round(by_clips(model, speech.recording, spans, silence=True), 2)
        heard = asdict(Heard.of(model, speech.recording, spans)) | {"clips_silent": silent}
        found |= {"rows": len(spans), when: heard}
        keep(PART, found)
        print(when, found[when], file=sys.stderr)


def parted(spans: list[Span], accepted: int) -> tuple[list[Span], list[Span]]:
    """The first ones, and those that share no sound with them."""
    first = sorted(spans)[:accepted]
    return first, [span for span in sorted(spans)[accepted:] if span.start_ms >= first[-1].end_ms]


def figures(options: argparse.Namespace) -> list[Figure]:
    found = kept(PART)
    if "after" not in found:
        print("no round was ever measured: --anew, with a real Whisper and real speech", file=sys.stderr)
        return []
    before, after, rows = found["before"], found["after"], found["rows"]
    return [
        Figure(f"one round with {found['accepted']} accepted rows", "s", found["wall_s"]),
        _cer(f"CER of {rows} others after it, clips before silence", before, after, "clips_silent", CLIPS),
        _cer("the same, clips as they are heard now", before, after, "clips"),
        _cer("the same, whole recordings, beam 5", before, after, "beam", WHOLE),
        _cer("the same, whole recordings, greedy", before, after, "greedy"),
    ]


def _cer(name: str, before: dict[str, float], after: dict[str, float], key: str, bound: float | None = None) -> Figure:
    return Figure(name, "%", after[key], before[key], None if bound is None else bound * before[key])
