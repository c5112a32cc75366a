"""The windows of a run, epoch by epoch: which rows are heard together differs from one to the next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.store import Segment
from core.training.windows.kinds import neighbours, packed, parted, single, stretch
from core.training.windows.window import Kind, Row, TrainingWindow, WindowMix


def windows_of_epoch(
    rows: Sequence[Row], mix: WindowMix, window_s: float, *, seed: int, epoch: int, regroup: bool = True
) -> list[TrainingWindow]:
    """The windows of one epoch in the order they are learnt from; every row is in one of them, but for windows in which
    nobody speaks: of these there are no more than the mix says, others in every epoch.

    The same rows, mix, seed and epoch give the same windows. Kinds are dealt to groups of neighbouring rows, so many of
    the speech to each as the mix says; from epoch to epoch the groups begin elsewhere, and others are dealt each kind.
    regroup: False where what a model makes of a window is kept, so that only the order differs.
    """
    order_chance = np.random.default_rng([seed, epoch])
    chance = order_chance if regroup else np.random.default_rng([seed, 0])
    window_ms = round(window_s * 1000)
    windows: list[TrainingWindow] = []
    loose: list[Row] = []
    for kind, group in _dealt(_groups(rows, window_ms, chance, epoch if regroup else 0), mix, chance):
        if kind == "stretch":
            windows += stretch(group, window_ms)
        elif kind == "single":
            windows += single(group)
        else:
            loose += group
    windows += packed([loose[place] for place in chance.permutation(len(loose))], window_ms)
    order = _little_silence([windows[place] for place in order_chance.permutation(len(windows))], mix.silence)
    timed = round(mix.timestamps * len(order))
    # Which of them: spread over the epoch, so that every batch has its part.
    return [
        replace(window, timestamps=(place + 1) * timed // len(order) > place * timed // len(order))
        for place, window in enumerate(order)
    ]


def windows_an_epoch(segments: Iterable[Segment], mix: WindowMix, window_s: float, *, seed: int) -> int:
    """How many windows the first epoch of these segments has; later ones have a few more."""
    rows = [Row(one.id, Path(), one.text.strip(), one.video, one.start_ms, one.end_ms) for one in segments]
    if mix.single == 1:
        return len(_little_silence(single(rows), mix.silence))
    return len(windows_of_epoch(rows, mix, window_s, seed=seed, epoch=0))


def _little_silence(windows: list[TrainingWindow], share: float) -> list[TrainingWindow]:
    """The windows with no more silent ones, the first of them, than `share` of those with a text, rounded up."""
    spoken = sum(bool(window.said) for window in windows)
    left = math.ceil(share * spoken) if spoken else len(windows)
    found = []
    for window in windows:
        left -= not window.said
        if window.said or left >= 0:
            found.append(window)
    return found


def _groups(rows: Sequence[Row], window_ms: int, chance: np.random.Generator, epoch: int) -> list[list[Row]]:
    groups: list[list[Row]] = []
    for chain in neighbours(rows):
        most = len(parted(chain, window_ms)[0])
        groups += parted(chain, window_ms, int(chance.integers(1, most + 1)) if epoch else 0)
    return groups


def _dealt(groups: Sequence[list[Row]], mix: WindowMix, chance: np.random.Generator) -> list[tuple[Kind, list[Row]]]:
    """Each group with its kind: by so much of the speech as the mix says."""
    whole = sum(row.length_ms for group in groups for row in group)
    dealt: list[tuple[Kind, list[Row]]] = []
    heard = 0
    for place in chance.permutation(len(groups)):
        group = groups[place]
        length = sum(row.length_ms for row in group)
        middle = (heard + length / 2) / max(whole, 1)
        kind: Kind = "packed"
        if middle < mix.stretch:
            kind = "stretch"
        elif middle < mix.stretch + mix.single:
            kind = "single"
        dealt.append((kind, group))
        heard += length
    return dealt
