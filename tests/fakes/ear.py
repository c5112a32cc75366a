"""An engine that hears the demo's melodies note by note, with the time of each: whole recordings, without a model.

What it writes depends on nothing but the sound of a window, so that any two ways to the same windows can be compared.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from core.demo_audio import NOTES
from core.engines import Clip, EngineInfo, EngineOptions, Hypothesis, PcmWindow
from core.engines.batches import HalvingBatches
from core.engines.windows import consecutive
from core.media import RATE
from core.timed_text import TimedText, Word

WINDOW_S = 4.0
LOUD = 300.0
"""Root mean square of a second in which a note sounds; hiss has less."""


class Ear:
    """`core.engines.engine.Engine`. journal: a file that gets a line for each window that is decoded."""

    def __init__(self, model: str, options: EngineOptions, journal: Path | None = None, pause_s: float = 0.0) -> None:
        self._options = options
        self.prompt = options.prompt
        self._journal = journal
        self._pause_s = pause_s
        self._batches = HalvingBatches(max(1, options.batch), model, options.warn)  # 0 asks the engine
        self.info = EngineInfo("ear", model, "cpu", "fp32", WINDOW_S)
        self.heard: list[int] = []
        """Where the windows began that were decoded, in ms."""

    def hypotheses(self, clips: Iterable[Clip]) -> Iterator[list[tuple[Clip, Hypothesis]]]:
        return self._batches.run(clips, lambda batch: [self._hypothesis(clip.samples) for clip in batch])

    def hear(self, windows: Iterable[PcmWindow]) -> Iterator[list[tuple[PcmWindow, TimedText]]]:
        return self._batches.run(windows, self._decode)

    def _decode(self, windows: list[PcmWindow]) -> list[TimedText]:
        found = []
        for window in windows:
            self._options.check()
            self.heard.append(window.start_ms)
            if self._journal is not None:
                # Noted before the work, so that also the window is known in which a kill falls.
                line = json.dumps([os.getpid(), digest_of(window.samples)]) + "\n"
                with self._journal.open("a") as file:
                    file.write(line)
            time.sleep(self._pause_s)
            words = notes_in(window.samples, window.start_ms)
            text = "".join(word.text for word in words)
            found.append(TimedText(window.start_ms, window.end_ms, text, -0.25, 0.0, tuple(words)))
        return found

    def _hypothesis(self, samples: np.ndarray) -> Hypothesis:
        text = "".join(word.text for word in notes_in(samples, 0))
        return Hypothesis(text, tuple(range(len(text))), -0.25, 0.0, 1.0)


def windows_of(blocks: Iterable[np.ndarray], info: EngineInfo) -> Iterator[PcmWindow]:
    """A recording in windows of equal length, whatever sounds in them."""
    return consecutive(blocks, round(info.window_s * RATE))


def loud_windows_of(blocks: Iterable[np.ndarray], info: EngineInfo) -> Iterator[PcmWindow]:
    """The same without the seconds at either end in which nothing sounds, as windows of speech are."""
    for window in windows_of(blocks, info):
        seconds = window.samples[: len(window.samples) // RATE * RATE].astype(np.float64).reshape(-1, RATE)
        loud = np.flatnonzero(np.sqrt(np.mean(seconds**2, axis=1)) >= LOUD)
        if len(loud):
            begin, end = int(loud[0]) * RATE, (int(loud[-1]) + 1) * RATE
            yield PcmWindow(window.start + begin, window.samples[begin:end])


def digest_of(samples: np.ndarray) -> int:
    """A number for a window's sound, the same in every process."""
    return int(np.abs(samples.astype(np.int64) * np.arange(1, len(samples) + 1)).sum() % (1 << 40))


def notes_in(samples: np.ndarray, start_ms: int) -> list[Word]:
    """A word for each second of the grid whose note can be heard, of at least half of it."""
    found = []
    first = -start_ms % 1000
    for at in [*([-(1000 - first)] if first >= 500 else []), *range(first, len(samples) * 1000 // RATE, 1000)]:
        piece = samples[max(0, at) * RATE // 1000 : (at + 1000) * RATE // 1000].astype(np.float64)
        if len(piece) < RATE // 2 or np.sqrt(np.mean(piece**2)) < LOUD:
            continue
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece))))
        bins = np.fft.rfftfreq(len(piece), 1 / RATE)
        powers = {name: spectrum[np.abs(bins - hertz) < 8].max() for name, hertz in NOTES.items()}
        name = max(powers, key=lambda one: powers[one])
        begin = start_ms + max(0, at)
        found.append(Word(begin, start_ms + at + 1000, name, -0.25))
    return found
