"""The sound of a segment as it is sent to a listener: Opus or WAV bytes, and what stands beside it on the page."""

from __future__ import annotations

import io
import threading
import wave
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from core.media import RATE

OPUS_BITS = 24_000
"""A second: 30 kB for 10 s, and nothing of one voice is lost."""

OPUS_COMPLEXITY = 3
"""Of 0 to 10. On speech, 10 takes four times as long as 3 and writes 3 % more bytes at the same `OPUS_BITS`."""

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
    """Ogg Opus, mono, from int16 samples at 16 kHz; a moment of silence where there are none."""
    import av

    samples = samples if len(samples) else np.zeros(RATE // 50, np.int16)
    out = io.BytesIO()
    options = {"application": "voip", "compression_level": str(OPUS_COMPLEXITY)}
    with av.open(out, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE, options=options, layout="mono", bit_rate=OPUS_BITS)
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis].astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
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
    """Encodes clips when they are first asked for, in whatever thread asks; the newest few stay in memory.

    Whoever asks for one that another thread is encoding waits for that.
    """

    def __init__(self, load: Callable[[str, bool], SegmentClip]) -> None:
        """load(id, around): the clip of a segment, with a moment before and after it if `around`. UserError if the
        segment or its sound is not here."""
        self._load = load
        self._kept: OrderedDict[tuple[str, bool, str], Future[bytes]] = OrderedDict()
        self._guard = threading.Lock()

    def clip(self, id: str, around: bool) -> SegmentClip:
        return self._load(id, around)

    def encoded(self, id: str, around: bool, form: str) -> bytes:
        key = (id, around, form)
        with self._guard:
            found = self._kept.get(key)
            data = self._kept.setdefault(key, Future())
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        if found is None:
            try:
                data.set_result(ENCODERS[form][1](self._load(id, around).samples))
            except Exception as error:  # noqa: BLE001 - raised again for everybody who waits for it
                data.set_exception(error)
                with self._guard:
                    if self._kept.get(key) is data:
                        del self._kept[key]
        return data.result()
