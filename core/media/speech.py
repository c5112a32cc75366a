"""Where somebody speaks: a probability for every 32 ms, and what follows from a row of them.

The detector is Silero VAD (core/media/silero.py); where it cannot be run, loudness stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from core.media.silero import CONTEXT, SileroScorer, detector_problem
from core.media.stream import RATE
from core.spans import Span

FRAME = 512
"""Samples that one probability is of."""

FRAME_MS = FRAME * 1000 // RATE

SPEECH = 0.5
"""A frame of this probability or more is speech: the threshold that Silero's own code begins a region with."""

SPEECH_ENDS = 0.35
"""A region of speech ends at a frame below this (Silero's threshold less 0.15): between the two it goes on."""


def speech_share(probabilities: np.ndarray) -> float:
    """Share (0–1) of frames, float32 (frames,), that are speech; 0 of none."""
    return float(np.mean(probabilities >= SPEECH)) if len(probabilities) else 0.0


def speech_regions(probabilities: np.ndarray, *, min_speech_ms: int = 250, min_silence_ms: int = 100) -> list[Span]:
    """The stretches in which somebody speaks, in order. probabilities: (frames,), from 0 ms on.

    A region begins at a frame of SPEECH and ends where the probability stays below SPEECH_ENDS, and nowhere reaches
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
        elif begin >= 0 and probability < SPEECH_ENDS and quiet < 0:
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


_AT_ONCE = 128
"""Frames (4 s) that are scored in one go, at least: with 32 the network takes a tenth more time for each."""


class ScoredBlock(NamedTuple):
    """Samples with what the detector says of them.

    samples: 16 kHz mono int16 (n,); n is a multiple of FRAME in all blocks but the last. speech: float32
    (ceil(n / FRAME),), the probability (0-1) that somebody speaks in each frame.
    """

    samples: np.ndarray
    speech: np.ndarray


Scorer = Callable[[np.ndarray], np.ndarray]
"""Gives the frames of one recording, in order, their probabilities: float32 (frames, 576) in -1…1, each with the 64
samples before it, to float32 (frames,)."""


def listen(blocks: Iterable[np.ndarray], scorer: Scorer | None = None) -> Generator[ScoredBlock, None, None]:
    """A recording's samples, 16 kHz mono int16 in blocks of any size, with what the detector says of them.

    The probabilities do not depend on how the samples are parted into blocks; the last frame is filled up with silence.
    scorer: default a `SileroScorer`, or an `EnergyScorer` where `detector_problem` has something to say.
    """
    score = scorer or (EnergyScorer() if detector_problem() else SileroScorer())
    context = np.zeros(CONTEXT, np.float32)
    waiting: list[np.ndarray] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= _AT_ONCE * FRAME:
            samples = np.concatenate(waiting)
            whole = len(samples) // FRAME * FRAME
            speech, context = _scored(samples[:whole], context, score)
            yield ScoredBlock(samples[:whole], speech)
            waiting = [samples[whole:]]
    last = np.concatenate([np.zeros(0, np.int16), *waiting])
    if len(last):
        yield ScoredBlock(last, _scored(np.pad(last, (0, -len(last) % FRAME)), context, score)[0])


def _scored(samples: np.ndarray, context: np.ndarray, score: Scorer) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities of whole frames, and the context of the next."""
    heard = np.empty(CONTEXT + len(samples), np.float32)
    heard[:CONTEXT] = context
    np.multiply(samples, np.float32(1 / 32768), out=heard[CONTEXT:])
    return score(np.lib.stride_tricks.sliding_window_view(heard, CONTEXT + FRAME)[::FRAME]), heard[-CONTEXT:]


def speech_probabilities(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """float32 (frames,): of all frames of 16 kHz mono int16 blocks, the last filled up with silence."""
    return np.concatenate([np.zeros(0, np.float32), *(block.speech for block in listen(blocks))])


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
        power = np.mean(np.square(frames[:, CONTEXT:]), axis=1)
        levels = np.concatenate([self._levels, 10 * np.log10(np.maximum(power, 1e-10))])
        self._levels = levels[len(frames) :]
        last_seconds = np.lib.stride_tricks.sliding_window_view(levels, self.FLOOR_FRAMES)
        gate = np.nanpercentile(last_seconds, 10, axis=1) + self.OVER_FLOOR_DB
        return (last_seconds[:, -1] > np.clip(gate, self.LOWEST_DBFS, self.HIGHEST_DBFS)).astype(np.float32)
