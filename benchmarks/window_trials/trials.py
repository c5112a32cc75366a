"""The trials of a run, the most telling first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.window_trials.split import PARTS
from core.training.windows import Augmentation, WindowMix

ALPHAS = (0.3, 0.5, 0.7, 1.0)

MIXES = {
    "single": WindowMix(),
    "single t50": WindowMix(timestamps=0.5),
    "stretch": WindowMix(single=0, stretch=1),
    "stretch t50": WindowMix(single=0, stretch=1, timestamps=0.5),
    "stretch t100": WindowMix(single=0, stretch=1, timestamps=1),
    "packed t80": WindowMix(single=0, packed=1, timestamps=0.8),
    "single+stretch": WindowMix(single=0.5, stretch=0.5),
    "single+stretch t50": WindowMix(single=0.5, stretch=0.5, timestamps=0.5),
    "thirds t50": WindowMix(single=1 / 3, stretch=1 / 3, packed=1 / 3, timestamps=0.5),
}

AUGMENTED = {
    "masks": Augmentation(masks=True),
    "speed": Augmentation(speed=0.1),
    "gain+noise": Augmentation(gain_db=6, noise_db=(10, 30)),
}


@dataclass(frozen=True)
class MixTrial:
    """windows: how many are heard in all, so that every mix costs the same. augmented: of AUGMENTED, "" for none."""

    mix: str
    part: int
    seed: int = 0
    learning_rate: float = 2.5e-5
    windows: int = 480
    batch: int = 16
    augmented: str = ""

    @property
    def recipe(self) -> str:
        """What it tries, whatever is held out and drawn."""
        extra = f" {self.augmented}" if self.augmented else ""
        return f"{self.mix}{extra}, rate {self.learning_rate:g}, {self.windows} windows by {self.batch}"

    @property
    def name(self) -> str:
        return f"{self.recipe}, part {self.part}, seed {self.seed}"


BASE = "base"


def trials() -> Iterator[MixTrial]:
    """Every one once."""
    seen = set()
    for one in _wanted():
        if one not in seen:
            seen.add(one)
            yield one


def _wanted() -> Iterator[MixTrial]:
    parts = (*range(PARTS - 1, PARTS), *range(PARTS - 1))
    for part in parts:
        yield MixTrial(BASE, part)
    for mix in MIXES:
        yield from (MixTrial(mix, part) for part in parts)
    core = ("single+stretch t50", "single", "stretch t50", "single+stretch")
    for rate in (5e-5, 1.25e-5):
        for mix in core:
            yield from (MixTrial(mix, part, learning_rate=rate) for part in parts)
    for seed in (1, 2):
        for mix in core:
            yield from (MixTrial(mix, part, seed=seed) for part in parts)
    for augmented in AUGMENTED:
        yield from (MixTrial("single+stretch t50", part, augmented=augmented) for part in parts)
    for windows in (240, 960):
        for mix in core:
            yield from (MixTrial(mix, part, windows=windows) for part in parts)
    for mix in core:
        yield from (MixTrial(mix, part, batch=8) for part in parts)
    for seed in (1, 2):
        for mix in MIXES:
            yield from (MixTrial(mix, part, seed=seed) for part in parts)
