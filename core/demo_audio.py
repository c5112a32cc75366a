"""The demo's synthetic language: melodies whose notes are named 宮 商 角 徵 羽, one Han character for each second.

Notes lie on a grid of whole seconds, so a cut at a whole second never halves one, and what is heard in any segment
can be written down without doubt. A toy Whisper learns it in a minute; see `core.whisper.toy`.
"""

from __future__ import annotations

import functools
import os
import random
import warnings
import wave
from pathlib import Path

import numpy as np

from core.temporaries import temporary_file
from core.timed_text import Cue

# The major pentatonic scale on C, in Hz (equal temperament, A4 = 440).
NOTES = {"宮": 523.25, "商": 587.33, "角": 659.26, "徵": 783.99, "羽": 880.0}
NOTE_S = 1
RATE = 22_050  # not Whisper's 16 kHz, so that the demo resamples as real recordings must
REST_SHARE = 0.1
PASSAGE_S = 7  # the noise changes this often, so that one recording holds quiet and noisy passages


def make_recording(path_wav: Path, *, seconds: int, seed: int) -> list[Cue]:
    """Write a mono 16-bit melody of `seconds` seconds and return its cues.

    Cues are 2-4 s of whole notes and hold one character for each note; a second of rest is in no cue. The same
    seed makes the same file. Written beside and renamed.
    """
    dice = random.Random(seed)
    noise = np.random.default_rng(seed)
    names = [None if dice.random() < REST_SHARE else dice.choice(list(NOTES)) for _ in range(seconds)]
    hiss = 0.0
    with temporary_file(path_wav) as file:
        with wave.open(file, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            for second, name in enumerate(names):
                if second % PASSAGE_S == 0:
                    hiss = 10 ** (dice.uniform(-60, -42) / 20)
                sound = noise.normal(0.0, hiss, RATE * NOTE_S)
                if name is not None:
                    loudness = 10 ** (dice.uniform(-12, 0) / 20)
                    sound += loudness * _tone(name, dice.randrange(3))
                out.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
        file.flush()
        os.replace(file.name, path_wav)
    return cues(names, dice)


def cues(names: list[str | None], dice: random.Random) -> list[Cue]:
    """Runs of 2-4 s; a rest ends a run."""
    found: list[Cue] = []
    start, text, length = 0, "", dice.randint(2, 4)
    for second, name in enumerate([*names, None]):
        if text and (name is None or len(text) == length):
            found.append(Cue(start * 1000, second * 1000, text))
            text, length = "", dice.randint(2, 4)
        if name is not None:
            start = start if text else second
            text += name
    return found


@functools.cache
def _tone(name: str, timbre: int) -> np.ndarray:
    """One second of a note with its overtones, float -1..1; the timbre sets how strong the overtones are."""
    with warnings.catch_warnings():
        # pydub looks for an ffmpeg on the PATH at import; no ffmpeg is needed to make tones.
        warnings.simplefilter("ignore")
        from pydub.generators import Sine

    duration = NOTE_S * 1000
    whole = None
    for overtone in range(1, 4):
        gain = -8.0 - (overtone - 1) * (6.0 + 4.0 * timbre)
        tone = Sine(NOTES[name] * overtone, sample_rate=RATE).to_audio_segment(duration=duration, volume=gain)
        whole = tone if whole is None else whole.overlay(tone)
    assert whole is not None
    whole = whole.fade_in(30).fade_out(120)
    return np.array(whole.get_array_of_samples(), dtype=np.float64)[: RATE * NOTE_S] / 32768
