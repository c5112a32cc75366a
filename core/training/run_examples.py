"""All that a run learns from, in order, made as it is asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, overload

from core.training.dataset import Example, examples_of, window_tokens
from core.training.methods import METHODS
from core.training.plan import Plan
from core.training.windows import Row, WindowMix, WindowTokens, windows_of_epoch
from core.whisper.loading import LoadedModel

KEPT = 2
"""Epochs whose windows are held at once: the one that is learnt from, and the one the loader reads ahead in."""


class RunExamples(Sequence[Example]):
    """The windows of a run, epoch after epoch: the same at the same place however often the run was stopped.

    tokens: of the model. count: how many windows the run learns from in all. regroup: as in `windows_of_epoch`. Every
    row has at most `limit` labels.
    """

    def __init__(
        self,
        tokens: WindowTokens,
        rows: Sequence[Row],
        mix: WindowMix,
        *,
        window_s: float,
        limit: int,
        seed: int,
        count: int,
        regroup: bool = True,
    ) -> None:
        self.tokens = tokens
        self._rows, self._mix = rows, mix
        self._window_s, self._limit, self._seed, self._regroup = window_s, limit, seed, regroup
        self._count = count
        self._begins = [0]  # of every epoch that was made, and of the next
        self._made: dict[int, list[Example]] = {}

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        while self._begins[-1] <= index:
            self._begins.append(self._begins[-1] + len(self.epoch(len(self._begins) - 1)))
        epoch = bisect_right(self._begins, index) - 1
        return self.epoch(epoch)[index - self._begins[epoch]]

    def epoch(self, number: int) -> list[Example]:
        """The windows of one epoch."""
        if number not in self._made:
            windows = windows_of_epoch(
                self._rows, self._mix, self._window_s, seed=self._seed, epoch=number, regroup=self._regroup
            )
            while len(self._made) >= KEPT:
                del self._made[min(self._made)]
            self._made[number] = examples_of(self.tokens, windows, self._limit)[0]
        return self._made[number]


def heard_in_run(loaded: LoadedModel, plan: Plan, data: Sequence[Example]) -> Sequence[Example]:
    """What a run learns from in its order; `data` itself for one from before windows could be chosen.

    data: every segment by itself, none with too long a text.
    """
    if plan.windows is None:
        return data
    return RunExamples(
        window_tokens(loaded, plan.language),
        [row for example in data for row in example.window.rows],
        plan.windows,
        window_s=plan.window_s,
        limit=plan.label_tokens,
        seed=plan.seed,
        count=plan.steps * plan.effective_batch,
        regroup=not METHODS[plan.method].leaves_encoder,
    )
