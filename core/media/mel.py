"""Log-mel as Whisper takes it, from samples, with numpy alone."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from core.media.stream import RATE

_AT_ONCE = 200
"""Frames whose spectra are computed in one go: they stay in the processor's cache."""


@dataclass(frozen=True)
class MelSettings:
    """How a model's feature extractor makes log-mel. window, fft, hop: in samples; window: what is heard at once."""

    bins: int = 80
    window: int = 30 * RATE
    fft: int = 400
    hop: int = 160


def log_mel(samples: np.ndarray, settings: MelSettings = MelSettings()) -> np.ndarray:
    """Whisper's input for 16 kHz samples (int16, or float in -1…1): float32 (bins, frames), a frame for each hop that
    begins in the samples.

    The sound is padded with zeros to the window, what lies behind the window is not heard; of the picture the frames of
    the padding are left out. Frames of `fft` samples, periodic Hann window, edges mirrored, power spectrum without its
    last frame, Slaney mel filters, log10 clamped to 8 below the clip's maximum, then (x + 4) / 4; after Radford et al.
    2022, "Robust Speech Recognition via Large-Scale Weak Supervision", section 2.2, and its published feature code.
    """
    signal = samples[: settings.window].astype(np.float32)
    if np.issubdtype(samples.dtype, np.integer):
        signal /= 32768.0
    seen, hop, half = -(-len(signal) // settings.hop), settings.hop, settings.fft // 2
    if seen == 0:
        return np.zeros((settings.bins, 0), np.float32)
    # So much of the padding as a frame can reach that holds sound: the loudest of them sets the scale.
    silence = min(settings.window - len(signal), settings.fft)
    padded = np.pad(np.pad(signal, (0, silence)), half, mode="reflect")
    frames = (len(signal) + silence) // hop
    # In double precision, in which numpy's transform is several times as quick.
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(settings.fft) / settings.fft)
    windows = np.lib.stride_tricks.sliding_window_view(padded, settings.fft)[::hop][:frames]
    power = np.empty((frames, settings.fft // 2 + 1))
    for begin in range(0, frames, _AT_ONCE):
        spectrum = np.fft.rfft(windows[begin : begin + _AT_ONCE] * hann, axis=1)
        power[begin : begin + _AT_ONCE] = spectrum.real**2 + spectrum.imag**2
    found = np.empty((settings.bins, frames), np.float32)
    # Band by band, as each filter is a few bins wide: the product of whole matrices would wake a thread on each core.
    for number, (first, weights) in enumerate(_bands(settings.bins, settings.fft)):
        energy = power[:, first : first + len(weights)] @ weights
        found[number] = np.log10(np.maximum(energy, 1e-10))
    np.maximum(found, found.max() - 8.0, out=found)
    return (found[:, :seen] + 4.0) / 4.0


@functools.lru_cache(maxsize=4)
def _bands(bins: int, fft: int) -> list[tuple[int, np.ndarray]]:
    """Of each filter the first bin that is not 0, and its weights from there on."""
    inside = [np.flatnonzero(row) for row in mel_filters(bins, fft=fft)]
    return [
        (int(places[0]), row[places[0] : places[-1] + 1]) if len(places) else (0, np.zeros(1))
        for places, row in zip(inside, mel_filters(bins, fft=fft), strict=True)
    ]


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
