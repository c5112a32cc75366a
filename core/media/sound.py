"""Loudness and speech share of samples, and reading them. numpy only."""

from __future__ import annotations

import math
import wave
from pathlib import Path

import numpy as np

from core.errors import UserError
from core.media.stream import RATE

SILENCE_DBFS = -100.0
"""What a segment without any sound is given instead of minus infinity, which neither SQLite nor JSON can hold."""

_FRAME_MS = 30
_GATE_OVER_FLOOR_DB = 10.0
_GATE_LOWEST_DB = -50.0
_GATE_HIGHEST_DB = -25.0


def dbfs(samples: np.ndarray) -> float:
    """Root-mean-square level of int16 samples against full scale, in dB; SILENCE_DBFS for silence or nothing."""
    if samples.size == 0:
        return SILENCE_DBFS
    power = float(np.mean(np.square(samples, dtype=np.float64))) / 32768.0**2
    return max(SILENCE_DBFS, 10 * math.log10(power)) if power > 0 else SILENCE_DBFS


def speech_share(samples: np.ndarray, rate: int = RATE) -> float:
    """Share (0–1) of 30 ms frames that are loud enough to be speech: an energy gate, not a recogniser.

    The gate lies 10 dB above the segment's own floor (its quietest tenth of frames), yet never below -50 dBFS, so
    that hiss is no speech, and never above -25 dBFS, so that talk without a pause is not taken for its own floor.
    Steady loud noise or music therefore counts as speech: the figure finds silence and near-silence, no more.
    """
    size = rate * _FRAME_MS // 1000
    frames = len(samples) // size
    if frames == 0:
        return 0.0
    block = samples[: frames * size].reshape(frames, size)
    power = np.mean(np.square(block, dtype=np.float64), axis=1) / 32768.0**2
    level = 10 * np.log10(np.maximum(power, 1e-10))
    floor = float(np.percentile(level, 10))
    gate = min(max(floor + _GATE_OVER_FLOOR_DB, _GATE_LOWEST_DB), _GATE_HIGHEST_DB)
    return float(np.mean(level > gate))


def read_wav(path: Path | str) -> tuple[np.ndarray, int]:
    """(samples, Hz) of a 16-bit PCM wav, channels averaged: int16 of shape (samples,). UserError if it is none."""
    path = Path(path)
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:
                raise wave.Error(f"{file.getsampwidth() * 8} bits a sample")
            channels, rate = file.getnchannels(), file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    except FileNotFoundError as error:
        raise UserError(f"{path.name} is not there", "no such file", "whispersmith segment") from error
    except (wave.Error, EOFError, OSError) as error:
        raise UserError(
            f"{path.name} is not a 16-bit wav", str(error) or "it ends early", "whispersmith segment"
        ) from error
    if channels > 1:
        samples = samples[: len(samples) // channels * channels].reshape(-1, channels)
        samples = samples.mean(axis=1).astype(np.int16)
    return samples, rate
