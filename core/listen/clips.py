"""The sound of a segment as it is sent to a listener: Opus or WAV bytes, and what stands beside it on the page."""

from __future__ import annotations

import io
import threading
import wave
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.media import RATE

OPUS_LEVEL = 0.92
"""libsndfile's compression level for Opus: about 26 kbit/s for one voice, 33 kB for 10 s."""

KEPT = 64
"""Encoded clips that are kept: the rows around the cursor, and those one comes back to."""

PEAKS = 400


@dataclass(frozen=True)
class SegmentClip:
    """A segment's sound. samples: int16 mono at 16 kHz (n,). lead_ms: how much of it lies before the segment begins.

    length_ms: of the segment itself; what is left behind that is what comes after it.
    """

    id: str
    samples: np.ndarray
    title: str = ""
    text: str = ""
    lead_ms: int = 0
    length_ms: int = 0


def opus(samples: np.ndarray) -> bytes:
    """Ogg Opus, mono, from int16 samples at 16 kHz."""
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, samples, RATE, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL)
    return out.getvalue()


def wav(samples: np.ndarray) -> bytes:
    """PCM wav, 16 bit, from int16 samples at 16 kHz."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, RATE, len(samples), "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return out.getvalue()


ENCODERS: dict[str, tuple[str, Callable[[np.ndarray], bytes]]] = {
    "opus": ("audio/ogg", opus),
    "wav": ("audio/wav", wav),
}
"""By the form a page asks for: content type and encoder."""


class EncodedClips:
    """Encodes clips when they are first asked for, in whatever thread asks; the newest few stay in memory."""

    def __init__(self, load: Callable[[str, bool], SegmentClip]) -> None:
        """load(id, around): the clip of a segment, with a moment before and after it if `around`. UserError if the
        segment or its sound is not here."""
        self._load = load
        self._kept: OrderedDict[tuple[str, bool, str], bytes] = OrderedDict()
        self._guard = threading.Lock()

    def clip(self, id: str, around: bool) -> SegmentClip:
        return self._load(id, around)

    def encoded(self, id: str, around: bool, form: str) -> bytes:
        key = (id, around, form)
        with self._guard:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        data = ENCODERS[form][1](self._load(id, around).samples)
        with self._guard:
            self._kept[key] = data
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return data

    def forget(self, id: str) -> None:
        """The segment's sound is another one now."""
        with self._guard:
            for key in [key for key in self._kept if key[0] == id]:
                del self._kept[key]
