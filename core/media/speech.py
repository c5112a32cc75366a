"""Where somebody speaks: a probability for every 32 ms, and what follows from a row of them.

The detector is Silero VAD as it lies inside faster-whisper, run by onnxruntime: https://github.com/snakers4/silero-vad.
Neither is imported before the first detector is made; where they cannot be, loudness stands in for it.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.media.stream import RATE
from core.spans import Span

FRAME = 512
"""Samples that one probability is of."""

FRAME_MS = FRAME * 1000 // RATE

SPEECH = 0.5
"""A frame of this probability or more is speech: the threshold that Silero's own code begins a region with."""

NO_SPEECH = 0.35
"""A region of speech ends at a frame below this (Silero's threshold less 0.15): between the two it goes on."""

_CONTEXT = 64
"""Samples before each frame that the network hears with it."""


def speech_share(probabilities: np.ndarray, start_ms: int, end_ms: int) -> float:
    """Share (0–1) of a span's time that lies in frames of speech. probabilities: (frames,), from 0 ms on.

    Frames that the span cuts count with the part inside it; time that no frame covers counts as without speech.
    """
    begin, end = start_ms * RATE // 1000, end_ms * RATE // 1000
    if end <= begin:
        return 0.0
    first, last = begin // FRAME, min(-(-end // FRAME), len(probabilities))
    edges = np.arange(first, last) * FRAME
    inside = np.minimum(edges + FRAME, end) - np.maximum(edges, begin)
    return float(inside[probabilities[first:last] >= SPEECH].sum() / (end - begin))


def speech_regions(probabilities: np.ndarray, *, min_speech_ms: int = 250, min_silence_ms: int = 100) -> list[Span]:
    """The stretches in which somebody speaks, in order. probabilities: (frames,), from 0 ms on.

    A region begins at a frame of SPEECH and ends where the probability stays below NO_SPEECH, and nowhere reaches
    SPEECH, for `min_silence_ms`; one shorter than `min_speech_ms` is none. These rules and numbers are those of
    `get_speech_timestamps` in silero-vad, without its padding and its longest region.
    """
    regions = [
        Span(begin * FRAME_MS, end * FRAME_MS)
        for begin, end in _runs(probabilities.tolist(), -(-min_silence_ms // FRAME_MS))
    ]
    return [region for region in regions if region.end_ms - region.start_ms >= min_speech_ms]


def _runs(probabilities: list[float], silence: int) -> Iterator[tuple[int, int]]:
    """(first, past the last) frame of each stretch of speech that `silence` frames without part from the next."""
    begin = quiet = -1  # where the speech began; where it may have ended
    for at, probability in enumerate(probabilities):
        if probability >= SPEECH:
            begin, quiet = (at if begin < 0 else begin), -1
        elif begin >= 0 and probability < NO_SPEECH and quiet < 0:
            quiet = at
        if quiet >= 0 and at - quiet + 1 >= silence:
            yield begin, quiet
            begin = quiet = -1
    if begin >= 0:
        yield begin, len(probabilities) if quiet < 0 else quiet


def pauses(probabilities: np.ndarray, *, min_speech_ms: int = 250, min_silence_ms: int = 100) -> list[Span]:
    """What lies between the `speech_regions`, before the first and after the last, to the end of the frames."""
    regions = speech_regions(probabilities, min_speech_ms=min_speech_ms, min_silence_ms=min_silence_ms)
    starts = [0, *(region.end_ms for region in regions)]
    ends = [*(region.start_ms for region in regions), len(probabilities) * FRAME_MS]
    return [Span(start, end) for start, end in zip(starts, ends, strict=True) if end > start]


class SpeechDetector:
    """Gives one recording's probabilities of speech as its samples come, in blocks of any size.

    The result does not depend on how the samples are parted into blocks.
    """

    def __init__(self, score: Callable[[np.ndarray], np.ndarray] | None = None) -> None:
        """score: gives frames, float32 (frames, 576) in -1…1 with their context, their probabilities (frames,), in
        order; default: a new `SileroScorer`, or an `EnergyScorer` where `detector_problem` has something to say."""
        self._score = score or (EnergyScorer() if detector_problem() else SileroScorer())
        self._waiting = np.zeros(_CONTEXT, np.float32)  # the context of the next frame, then what there is of it

    def push(self, samples: np.ndarray) -> np.ndarray:
        """float32 (frames,): of the frames that these int16 samples, of shape (samples,), have filled."""
        heard = np.concatenate([self._waiting, samples.astype(np.float32) * np.float32(1 / 32768)])
        count = (len(heard) - _CONTEXT) // FRAME
        self._waiting = heard[count * FRAME :]
        if not count:
            return np.zeros(0, np.float32)
        return self._score(np.lib.stride_tricks.sliding_window_view(heard, _CONTEXT + FRAME)[::FRAME][:count])

    def finish(self) -> np.ndarray:
        """float32 (frames,): of the last frame, filled up with silence; none if the samples ended with a frame."""
        missing = -(len(self._waiting) - _CONTEXT) % FRAME
        return self.push(np.zeros(missing, np.int16))


def speech_probabilities(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """float32 (frames,): of all frames of 16 kHz mono int16 blocks, the last filled up with silence."""
    detector = SpeechDetector()
    found = [detector.push(block) for block in blocks]
    return np.concatenate([*found, detector.finish()])


class SileroScorer:
    """Silero VAD over one recording's frames, in order: it remembers what it has heard."""

    def __init__(self) -> None:
        self._session = _silero()
        self._hidden = np.zeros((1, 1, 128), np.float32)
        self._cell = np.zeros((1, 1, 128), np.float32)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        heard = {"input": np.ascontiguousarray(frames), "h": self._hidden, "c": self._cell}
        found, self._hidden, self._cell = self._session.run(None, heard)
        return found


class EnergyScorer:
    """What stands in for the detector: a frame is speech (1) if it is loud enough to be, else not (0).

    The gate lies 10 dB above the floor (the quietest tenth of the last 10 s), yet never below -50 dBFS, so that hiss
    is no speech, and never above -25 dBFS, so that talk without a pause is not taken for its own floor. Steady loud
    noise or music therefore counts as speech: it finds silence and near-silence, no more.
    """

    OVER_FLOOR_DB = 10.0
    LOWEST_DBFS = -50.0
    HIGHEST_DBFS = -25.0
    FLOOR_FRAMES = 10_000 // FRAME_MS

    def __init__(self) -> None:
        self._levels = np.full(self.FLOOR_FRAMES - 1, np.nan, np.float32)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        power = np.mean(np.square(frames[:, _CONTEXT:]), axis=1)
        levels = np.concatenate([self._levels, 10 * np.log10(np.maximum(power, 1e-10))])
        self._levels = levels[len(frames) :]
        last_seconds = np.lib.stride_tricks.sliding_window_view(levels, self.FLOOR_FRAMES)
        gate = np.nanpercentile(last_seconds, 10, axis=1) + self.OVER_FLOOR_DB
        return (last_seconds[:, -1] > np.clip(gate, self.LOWEST_DBFS, self.HIGHEST_DBFS)).astype(np.float32)


@functools.cache
def detector_problem() -> str | None:
    """Why Silero VAD cannot be run here, in words; None if it can."""
    try:
        _silero()
    # onnxruntime has errors of its own, without a common base but Exception; ImportError also for a library it needs.
    except Exception as error:  # noqa: BLE001
        return str(error) or type(error).__name__
    return None


@functools.cache
def _silero() -> Any:
    """The network, shared by all threads: a run keeps nothing in it, and takes one thread, the caller's."""
    found = importlib.util.find_spec("faster_whisper")  # importing it would load ctranslate2, av and more
    if found is None or found.origin is None:
        raise ImportError("faster-whisper is not installed")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it keeps what the largest batch took
    options.log_severity_level = 4
    model = Path(found.origin).parent / "assets" / "silero_vad_v6.onnx"
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
