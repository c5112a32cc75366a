"""Speech as it might also have sounded: speed, gain and noise of the samples, masks over the log-mel. Pure functions.

Every window draws its own from a generator that its place in the run seeds: a run that goes on draws the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from core.timed_text import Cue

FREQUENCY_MASKS, FREQUENCY_WIDTH = 2, 27
TIME_MASKS, TIME_SHARE = 2, 0.05
"""SpecAugment (Park et al. 2019), policy LD's frequencies; times by the share of the sound that one mask may cover."""


SPEED, GAIN_DB, NOISE_DB = 0.1, 6.0, (10.0, 30.0)


@dataclass(frozen=True)
class Augmentation:
    """masks: SpecAugment. speed: by which share faster or slower at most, 0: never (0.1 as Ko et al. 2015). gain_db:
    louder or softer by at most so much. noise_db: the least and the most that speech is above added white noise, None:
    no noise is added."""

    masks: bool = False
    speed: float = 0.0
    gain_db: float = 0.0
    noise_db: tuple[float, float] | None = None

    @classmethod
    def of(cls, names: Collection[str]) -> Augmentation:
        """What the settings name, by usual amounts."""
        return cls(
            masks="masks" in names,
            speed=SPEED if "speed" in names else 0.0,
            gain_db=GAIN_DB if "gain" in names else 0.0,
            noise_db=NOISE_DB if "noise" in names else None,
        )

    @property
    def changes_sound(self) -> bool:
        return bool(self.speed or self.gain_db or self.noise_db)

    def factor(self, chance: np.random.Generator, samples: int, window: int) -> float:
        """How many times as fast this one is; never so slow that it is longer than the model's window, in samples."""
        if not self.speed or not samples:
            return 1.0
        return max(float(chance.uniform(1 - self.speed, 1 + self.speed)), samples / window)

    def sound(self, samples: np.ndarray, factor: float, chance: np.random.Generator) -> np.ndarray:
        """Samples, int16 or float in -1…1, as float32 in -1…1: faster by `factor`, louder or softer, with noise."""
        heard = samples.astype(np.float32) / (32768 if samples.dtype == np.int16 else 1)
        if factor != 1.0 and len(heard):
            places = np.arange(round(len(heard) / factor)) * factor
            heard = np.interp(places, np.arange(len(heard)), heard).astype(np.float32)
        if self.gain_db:
            heard *= 10 ** (chance.uniform(-self.gain_db, self.gain_db) / 20)
        if self.noise_db is not None and len(heard):
            power = float(np.mean(np.square(heard, dtype=np.float64)))
            level = (power * 10 ** (-chance.uniform(*self.noise_db) / 10)) ** 0.5
            heard += (level * chance.standard_normal(len(heard))).astype(np.float32)
        return np.clip(heard, -1, 1)

    def masked(self, mel: np.ndarray, frames: int, chance: np.random.Generator) -> np.ndarray:
        """A log-mel (bins, frames of the window) with bands and times set to its mean, within the first `frames`, which
        hold sound; the padding stays as it is."""
        if not frames:
            return mel
        found, mean = mel.copy(), mel[:, :frames].mean()
        for _ in range(FREQUENCY_MASKS):
            width = int(chance.integers(0, min(FREQUENCY_WIDTH, len(mel)) + 1))
            begin = int(chance.integers(0, len(mel) - width + 1))
            found[begin : begin + width, :frames] = mean
        for _ in range(TIME_MASKS):
            width = int(chance.integers(0, int(TIME_SHARE * frames) + 1))
            begin = int(chance.integers(0, frames - width + 1))
            found[:, begin : begin + width] = mean
        return found


def sped(said: Sequence[Cue], factor: float) -> tuple[Cue, ...]:
    """Texts with their times in sound that is `factor` times as fast."""
    return tuple(cue._replace(start_ms=round(cue.start_ms / factor), end_ms=round(cue.end_ms / factor)) for cue in said)
