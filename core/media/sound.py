"""How loud samples are, and reading them. numpy only."""

from __future__ import annotations

import math
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.errors import UserError
from core.media.speech import speech_share

SILENCE_DBFS = -100.0
"""What a segment without any sound is given instead of minus infinity, which neither SQLite nor JSON can hold."""


def dbfs(samples: np.ndarray) -> float:
    """Root-mean-square level of int16 samples against full scale, in dB; SILENCE_DBFS for silence or nothing."""
    if samples.size == 0:
        return SILENCE_DBFS
    power = float(np.mean(np.square(samples, dtype=np.float64))) / 32768.0**2
    return max(SILENCE_DBFS, 10 * math.log10(power)) if power > 0 else SILENCE_DBFS


def peak_dbfs(samples: np.ndarray) -> float:
    """The greatest of int16 samples against full scale, in dB; SILENCE_DBFS for silence or nothing."""
    peak = max(-int(samples.min()), int(samples.max())) if samples.size else 0
    return 20 * math.log10(peak / 32768) if peak else SILENCE_DBFS


def clipped_share(samples: np.ndarray) -> float:
    """Share (0–1) of int16 samples at full scale: of a sound that was too loud for its recording they are many."""
    if samples.size == 0:
        return 0.0
    return (int(np.count_nonzero(samples == 32767)) + int(np.count_nonzero(samples <= -32767))) / samples.size


class Measures(NamedTuple):
    """Of a segment, rounded as they are stored. dbfs, peak: dB against full scale. speech, clipped: shares (0–1)."""

    dbfs: float
    speech: float
    peak: float
    clipped: float


def measure(samples: np.ndarray, probabilities: np.ndarray) -> Measures:
    """samples: int16 (samples,). probabilities: float32 (frames,), of speech in the frames of them."""
    return Measures(
        round(dbfs(samples), 1),
        round(speech_share(probabilities), 3),
        round(peak_dbfs(samples), 1),
        round(clipped_share(samples), 5),
    )


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
