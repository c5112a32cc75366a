"""The same sound slower or faster, its pitch kept."""

from __future__ import annotations

import subprocess

import numpy as np

from core.errors import UserError
from core.media import RATE, find_ffmpeg


def stretched(samples: np.ndarray, rate: float) -> np.ndarray:
    """At `rate` times the speed (ffmpeg's atempo). samples: int16 mono at 16 kHz (n,). UserError if ffmpeg fails."""
    if rate == 1.0 or not len(samples):
        return samples
    raw = ["-f", "s16le", "-ar", str(RATE), "-ac", "1"]
    command = [str(find_ffmpeg().path), "-v", "error", *raw, "-i", "-", "-af", f"atempo={rate:g}", *raw, "-"]
    done = subprocess.run(command, input=samples.astype("<i2").tobytes(), capture_output=True, check=False)
    if done.returncode:
        raise UserError("the sound could not be slowed down", done.stderr.decode(errors="replace").strip()[:200], "")
    return np.frombuffer(done.stdout, "<i2").astype(np.int16)
