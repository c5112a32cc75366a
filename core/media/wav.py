"""Wav files as Whisper takes them: 16 kHz, mono, 16 bit."""

from __future__ import annotations

import hashlib
import io
import wave
from pathlib import Path

import numpy as np

from core.media.ffmpeg import load_pydub
from core.media.stream import RATE

HEADER_BYTES = 44
"""Before the samples, in the files that `encode_wav` makes."""


MOST_BYTES = 64_000_000
"""More is read of no segment: one of 30 s has a million."""


def encode_wav(samples: np.ndarray) -> bytes:
    """The file of int16 samples at 16 kHz, shape (samples,)."""
    packed = io.BytesIO()
    audio = load_pydub().AudioSegment(data=samples.astype("<i2").tobytes(), sample_width=2, frame_rate=RATE, channels=1)
    audio.export(packed, format="wav")
    return packed.getvalue()


def digest_of_wav(data: bytes) -> str:
    """By which a segment's sound is known: SHA-256 of all of its file, in hex."""
    return hashlib.sha256(data).hexdigest()


def fault_of_wav(data: bytes) -> str:
    """Why a file is no whole 16 kHz mono 16-bit wav; "" for one that is."""
    try:
        with wave.open(io.BytesIO(data), "rb") as file:
            found, promised = file.getparams(), file.getnframes()
            samples = len(file.readframes(promised)) // 2
    except (wave.Error, EOFError):
        return "its header is not that of a wav"
    if (found.framerate, found.nchannels, found.sampwidth) != (RATE, 1, 2):
        return f"it has {found.framerate} Hz, {found.nchannels} channels and {8 * found.sampwidth} bits a sample"
    if samples != promised or not promised:
        return f"it holds {samples} of {promised} samples"
    return ""


def is_whole_wav(path: Path, duration_ms: int) -> bool:
    """True for a file as large as `encode_wav` makes one of this length."""
    try:
        return path.stat().st_size == HEADER_BYTES + 2 * RATE * duration_ms // 1000
    except OSError:
        return False


def is_whisper_wav(path: Path) -> bool:
    """True for PCM wav, 16 kHz, mono, 16 bit: what needs no conversion."""
    try:
        with wave.open(str(path), "rb") as file:
            return (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
    except (wave.Error, EOFError, OSError):
        return False
