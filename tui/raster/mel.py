"""A log-mel as colours, two pixels a cell, or as characters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tui.raster.canvas import Floats, resample, scale

Colour = tuple[int, int, int]
"""Red, green, blue, 0-255."""

SHADES = " .:-=+*#%@"
_ANCHORS = ((8, 10, 32), (66, 22, 108), (172, 48, 96), (240, 134, 44), (252, 240, 158))


def palette(steps: int = 16) -> list[Colour]:
    """Dark blue to light yellow, growing in brightness all the way, so it reads in grey and to the colour-blind."""
    places = np.linspace(0, len(_ANCHORS) - 1, steps)
    channels = [np.interp(places, range(len(_ANCHORS)), [a[c] for a in _ANCHORS]) for c in range(3)]
    return [(int(r), int(g), int(b)) for r, g, b in zip(*channels, strict=True)]


def mel_image(mel: npt.ArrayLike, width: int, height: int) -> list[list[tuple[Colour, Colour]]]:
    """A log-mel [bins, frames] as `height` rows of `width` cells, each (upper colour, lower colour) for `▀`.

    Few colours on purpose: equal neighbours share one escape sequence, which matters over SSH.
    """
    colours = palette()
    steps = np.rint(_squeeze(mel, width, height * 2) * (len(colours) - 1)).astype(int)
    return [
        [(colours[a], colours[b]) for a, b in zip(upper, lower, strict=True)]
        for upper, lower in zip(steps[0::2], steps[1::2], strict=True)
    ]


def mel_text(mel: npt.ArrayLike, width: int, height: int) -> list[str]:
    """A log-mel [bins, frames] without colours: denser characters for louder."""
    steps = np.rint(_squeeze(mel, width, height) * (len(SHADES) - 1)).astype(int)
    return ["".join(SHADES[s] for s in row) for row in steps]


def _squeeze(mel: npt.ArrayLike, width: int, rows: int) -> Floats:
    """A log-mel [bins, frames] as [rows, width] in 0..1, low tones at the bottom."""
    picture = np.asarray(mel, dtype=np.float64)
    if picture.ndim != 2 or not picture.size or width <= 0 or rows <= 0:
        return np.zeros((max(0, rows), max(0, width)))
    known = picture[np.isfinite(picture)]
    if not len(known):
        return np.zeros((rows, width))
    low, high = float(known.min()), float(known.max())
    picture = np.where(np.isfinite(picture), picture, low)
    # The greatest of each stretch: a mean would wash out consonants that last two frames.
    small = resample(resample(picture, width, np.maximum, axis=1), rows, np.maximum, axis=0)
    return np.clip(scale(small, low, high, flat=0.0), 0, 1)[::-1]
