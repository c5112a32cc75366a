"""Whether a training step fits a GPU: the one estimate that plan, model list and set-up checks show. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

from core.training.methods import METHODS
from core.whisper.shape import Shape


@dataclass(frozen=True)
class MemoryNeed:
    """What a step needs on a GPU. needed: bytes, an estimate; recompute: with activations computed twice, because it
    would not fit otherwise; fits: into the memory that is free (True where none is known to be missing)."""

    needed: int
    recompute: bool
    fits: bool


def memory_need(method: str, shape: Shape, batch: int, free: int | None) -> MemoryNeed:
    """The memory of a step as it will be made. free: bytes free on the card, None without a card that tells it."""
    plain, recomputed = (METHODS[method].memory(shape, batch, recompute=recompute) for recompute in (False, True))
    if free is None or plain <= free:
        return MemoryNeed(plain, recompute=False, fits=True)
    return MemoryNeed(recomputed, recompute=True, fits=recomputed <= free)


def dividing_batch(effective: int, most: int) -> int:
    """The largest batch of at most `most` that an effective batch can be made of without a rest."""
    return next(batch for batch in range(most, 0, -1) if effective % batch == 0)


def largest_batch(method: str, shape: Shape, free: int, below: int) -> int | None:
    """The largest batch under `below` that fits; None if not even one segment does."""
    sizes = range(below - 1, 0, -1)
    return next((size for size in sizes if memory_need(method, shape, size, free).fits), None)
