"""All that a run needs, made where ffmpeg, the speech detector and OpenCC are, and read where they are not."""

from __future__ import annotations

import csv
import importlib
import json
import shutil
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.engines import PcmWindow
from core.media.speech import FRAME
from core.spans import parse_segment_name
from core.training.windows import Row

RATE = 16_000
PLACES_S = (0.0, 7.0, 14.0, 21.0)
"""Where the windows over the recording begin: what lies before is a window of its own."""

WINDOW_S = 30.0
HAN = range(0x4E00, 0xA000)


@dataclass(frozen=True)
class Bundle:
    """model: a folder of whisper-base. samples: the recording, int16. rows: what a person wrote, as training takes it.
    windows: of each place. script: characters as Traditional writes them."""

    model: Path
    samples: np.ndarray
    rows: list[Row]
    windows: list[list[PcmWindow]]
    script: dict[int, str]

    def clip(self, row: Row) -> np.ndarray:
        return self.samples[row.start_ms * RATE // 1000 : row.end_ms * RATE // 1000]


def prepare(model: Path, speech: Path, folder: Path) -> None:
    """Write a bundle. model: whisper-base; speech: a folder with human.csv and its recording."""
    from safetensors.numpy import load_file, save_file

    from core.engines.windows import speech_windows
    from core.media import stream_pcm

    (folder / "model").mkdir(parents=True, exist_ok=True)
    for file in model.iterdir():
        if file.suffix in (".json", ".txt"):
            shutil.copy(file, folder / "model" / file.name)
    weights = {name: one.astype(np.float16) for name, one in load_file(model / "model.safetensors").items()}
    save_file(weights, folder / "model" / "model.safetensors", {"format": "pt"})

    with (speech / "human.csv").open(encoding="utf-8-sig", newline="") as file:
        named = [
            (parse_segment_name(row["file_name"].strip()), row["transcription"].strip()) for row in csv.DictReader(file)
        ]
    texts = {(name[1], name[2]): text for name, text in named if name}
    video = next(name[0] for name, _ in named if name)
    rows = [{"start_ms": start, "end_ms": end, "text": text} for (start, end), text in sorted(texts.items())]
    samples = np.concatenate(list(stream_pcm(next(path for path in speech.iterdir() if path.stem == video))))
    np.save(folder / "recording.npy", samples)

    places = []
    for place in PLACES_S:
        at, found = round(place * RATE), []
        for begin, part in ((0, samples[:at]), (at, samples[at:])):
            blocks = (part[first : first + RATE] for first in range(0, len(part), RATE))
            found += [_described(window, begin) for window in speech_windows(blocks, round(WINDOW_S * RATE))]
        places.append(found)
    convert = importlib.import_module("opencc").OpenCC("s2twp").convert
    script = {chr(code): convert(chr(code)) for code in HAN if convert(chr(code)) != chr(code)}
    content = {"video": video, "rows": rows, "windows": places, "script": script}
    (folder / "content.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _described(window: PcmWindow, begin: int) -> dict[str, Any]:
    return {
        "start": window.start + begin,
        "samples": len(window.samples),
        "left_out": window.left_out,
        "speech": np.round(window.speech, 3).tolist(),
    }


def read(folder: Path, work: Path) -> Bundle:
    """work: a folder for the rows' wavs, which training reads as it always does."""
    content = json.loads((folder / "content.json").read_text(encoding="utf-8"))
    samples = np.load(folder / "recording.npy")
    rows = []
    work.mkdir(parents=True, exist_ok=True)
    for one in content["rows"]:
        path = work / f"{one['start_ms']}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples[one["start_ms"] * RATE // 1000 : one["end_ms"] * RATE // 1000].tobytes())
        rows.append(Row(path.stem, path, one["text"], content["video"], one["start_ms"], one["end_ms"]))
    windows = [[_window(samples, one) for one in place] for place in content["windows"]]
    script = {ord(simplified): traditional for simplified, traditional in content["script"].items()}
    return Bundle(folder / "model", samples, rows, windows, script)


def _window(samples: np.ndarray, one: dict[str, Any]) -> PcmWindow:
    """The window again, its samples taken out of the recording."""
    parts, at, taken = [], one["start"], 0
    for behind, left_out in one["left_out"]:
        parts.append(samples[at : at + behind - taken])
        at, taken = at + behind - taken + left_out, behind
    parts.append(samples[at : at + one["samples"] - taken])
    speech = np.array(one["speech"], np.float32)
    found = PcmWindow(
        one["start"], np.concatenate(parts), tuple((behind, out) for behind, out in one["left_out"]), speech
    )
    assert len(found.samples) == one["samples"]
    assert len(speech) == -(-one["samples"] // FRAME)
    return found
