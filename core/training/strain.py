"""What makes a training crawl without a word: memory that spills out of the GPU, and a GPU that waits for sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SLOWER = 3.0
"""So many times the best pace is no chance: other load on a machine hardly makes more than two."""
LEAST_FREE = 0.03
"""Of a GPU's memory left: an allocator that has taken all the rest is about to spill, or does."""
WAITING = 0.4
"""Of the time spent on the next batch; below that loaders may catch up by themselves."""
IDLE = 60
"""Percent that a GPU is busy: it is the loader that is slow, and not the GPU that is waited for."""


@dataclass(frozen=True)
class StepInterval:
    """Some steps, one after the other.

    seconds: of the wall clock; waited: of those, for batches to be loaded; segments: learnt. reserved: bytes that torch
    holds on the GPU; free, total: bytes as the driver tells them; busy: percent, None where nobody tells it.
    """

    seconds: float
    waited: float
    segments: int
    reserved: int
    free: int
    total: int
    busy: int | None

    @property
    def pace(self) -> float:
        """Segments a second."""
        return self.segments / max(self.seconds, 1e-6)


class Strain:
    """Looks at a run's intervals one by one and warns of each trouble once. warn: told it in a sentence."""

    def __init__(self, loader_workers: int, warn: Callable[[str], object]) -> None:
        self._workers, self._warn = loader_workers, warn
        self._best = 0.0
        self._said: set[str] = set()

    def look(self, now: StepInterval) -> None:
        # A driver that spills counts more as reserved than the GPU has; others refuse.
        spilled = now.reserved > now.total or (now.free < LEAST_FREE * now.total and now.pace < self._best / SLOWER)
        if spilled:
            self._say(
                "memory",
                "the GPU's memory has spilled into the machine's, which makes every step many times slower: stop (a "
                "checkpoint is saved), close other programs on the GPU or lower [train] batch and raise accumulation",
            )
        elif now.waited > WAITING * now.seconds and now.busy is not None and now.busy < IDLE:
            self._say(
                "loader",
                f"the GPU waits for sound {now.waited / now.seconds:.0%} of the time, with {self._workers} loader "
                "processes: other work on this machine's processor or a slow disk holds it up",
            )
        self._best = max(self._best, now.pace)

    def _say(self, trouble: str, text: str) -> None:
        if trouble not in self._said:
            self._said.add(trouble)
            self._warn(text)
