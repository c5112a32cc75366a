"""Loudness, speech share, waveform and log-mel of samples. numpy only."""

from __future__ import annotations

import functools
import math
import wave
from collections.abc import Sequence
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


def peaks(path: Path | str, buckets: int) -> np.ndarray:
    """Lowest and highest sample of each of `buckets` equal stretches: float32 (buckets, 2) in -1…1."""
    return peaks_of(read_wav(path)[0], buckets)


def peaks_of(samples: np.ndarray, buckets: int) -> np.ndarray:
    """As `peaks`, for int16 samples. With fewer samples than buckets each bucket shows its nearest sample."""
    if buckets <= 0 or len(samples) == 0:
        return np.zeros((max(buckets, 0), 2), np.float32)
    starts = np.minimum(np.arange(buckets) * len(samples) // buckets, len(samples) - 1)
    low = np.minimum.reduceat(samples, starts)
    high = np.maximum.reduceat(samples, starts)
    return np.stack([low, high], axis=1).astype(np.float32) / 32768.0


def overview(pieces: Sequence[tuple[int, int, Path]], buckets: int) -> np.ndarray:
    """Waveform of a whole recording from its segments (start_ms, end_ms, wav): float32 (buckets, 2).

    The axis goes from 0 to the last end; buckets under no segment stay 0. Reads every file: call it in a thread.
    A segment whose file is missing or broken leaves a gap.
    """
    total = max((end for _, end, _ in pieces), default=0)
    result = np.zeros((max(buckets, 0), 2), np.float32)
    if total <= 0 or buckets <= 0:
        return result
    for start, end, path in pieces:
        first = start * buckets // total
        last = max(first + 1, -(-end * buckets // total))
        try:
            part = peaks(path, last - first)
        except UserError:
            continue
        view = result[first:last]
        part = part[: len(view)]
        view[:, 0] = np.minimum(view[:, 0], part[:, 0])
        view[:, 1] = np.maximum(view[:, 1], part[:, 1])
    return result


def log_mel(samples: np.ndarray, bins: int = 80) -> np.ndarray:
    """Whisper's input for 16 kHz samples (int16, or float in -1…1): float32 (bins, len(samples) // 160).

    Frames of 400 samples every 160, periodic Hann window, edges mirrored, power spectrum without its last frame,
    Slaney mel filters, log10 clamped to 8 below the clip's maximum, then (x + 4) / 4; after Radford et al. 2022,
    "Robust Speech Recognition via Large-Scale Weak Supervision", section 2.2, and its published feature code.
    Nothing is padded to 30 s: append zeros to the samples for that.
    """
    if np.issubdtype(samples.dtype, np.integer):
        signal = samples.astype(np.float32) / 32768.0
    else:
        signal = samples.astype(np.float32)
    frames = len(signal) // 160
    if frames == 0:
        return np.zeros((bins, 0), np.float32)
    padded = np.pad(signal, 200, mode="reflect" if len(signal) > 200 else "constant")
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)).astype(np.float32)
    filters = mel_filters(bins)
    result = np.empty((bins, frames), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160][:frames]
    for begin in range(0, frames, 1000):  # in slices: a spectrum of hours would not fit in memory
        part = np.fft.rfft(windows[begin : begin + 1000] * window, axis=1)
        power = part.real**2 + part.imag**2
        result[:, begin : begin + 1000] = np.log10(np.maximum(filters @ power.T, 1e-10))
    np.maximum(result, result.max() - 8.0, out=result)
    return (result + 4.0) / 4.0


@functools.lru_cache(maxsize=4)
def mel_filters(bins: int = 80, rate: int = RATE, fft: int = 400) -> np.ndarray:
    """Triangular mel filters, float64 (bins, fft // 2 + 1), each of equal area ("Slaney" normalisation).

    The mel scale of M. Slaney's Auditory Toolbox (1998): linear, 200/3 Hz a mel, up to 1 kHz; above that 27 mels for
    each factor of 6.4.
    """
    step, knee = 200.0 / 3, 1000.0
    ratio = math.log(6.4) / 27

    def to_hz(mel: np.ndarray) -> np.ndarray:
        bend = knee / step
        return np.where(mel < bend, mel * step, knee * np.exp(ratio * (mel - bend)))

    highest = knee / step + math.log(rate / 2 / knee) / ratio
    edges = to_hz(np.linspace(0.0, highest, bins + 2))
    bands = np.linspace(0.0, rate / 2, fft // 2 + 1)
    rising = (bands - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bands) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]
