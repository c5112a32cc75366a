"""Batches that are worked on side by side, or that become smaller when the device's memory runs out. Knows nothing of
models: tested without a GPU."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from core.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


class OutOfMemory(Exception):
    """The device's memory does not hold a batch. Engines raise it in place of their library's own error."""


class HalvingBatches:
    """Works through items in batches; one that does not fit is halved, and the smaller size is kept from then on.

    size: of a batch, at first. model: what memory is filled by, for the error. warn: told of each halving.
    """

    def __init__(self, size: int, model: str, warn: Callable[[str], object] = lambda text: None) -> None:
        self.size = size
        self._model = model
        self._warn = warn

    def run(
        self, items: Iterable[Item], work: Callable[[list[Item]], list[Result]]
    ) -> Iterator[list[tuple[Item, Result]]]:
        """Each batch with its results, in order; items are taken only as they are needed.

        work raises OutOfMemory for a batch that does not fit. UserError if a single item does not.
        """
        source = iter(items)
        waiting: list[Item] = []
        while True:
            waiting += islice(source, max(0, self.size - len(waiting)))
            if not waiting:
                return
            batch = waiting[: self.size]
            try:
                results = work(batch)
            except OutOfMemory as error:
                if len(batch) == 1:
                    raise UserError(
                        "the GPU's memory ran out",
                        f"a single clip beside {self._model} does not fit",
                        "free GPU memory, or choose a smaller model: whispersmith model",
                        str(error),
                    ) from error
                self.size = len(batch) // 2
                self._warn(f"the GPU's memory ran out: going on with a batch of {self.size}")
                continue
            waiting = waiting[len(batch) :]
            yield list(zip(batch, results, strict=True))


def side_by_side(
    items: Iterable[Item], work: Callable[[list[Item]], list[Result]], size: int, workers: int
) -> Iterator[list[tuple[Item, Result]]]:
    """Batches with their results, in order, worked on by so many threads, none of which waits for another.

    What is left at the end, less than a batch for each thread, is parted evenly, so that they end together. items are
    taken by the reader's thread, two batches for each thread more than have been worked on at most. What `work` raises
    comes out at its batch's place; batches that are worked on are ended before this returns, however it is left.
    """
    batches = _batches(items, size, workers)
    waiting: deque[tuple[list[Item], Future[list[Result]]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            while True:
                while len(waiting) <= workers and (batch := next(batches, None)):
                    waiting.append((batch, pool.submit(work, batch)))
                if not waiting:
                    return
                batch, future = waiting.popleft()
                yield list(zip(batch, future.result(), strict=True))
        finally:
            for _, future in waiting:
                future.cancel()


def _batches(items: Iterable[Item], size: int, workers: int) -> Iterator[list[Item]]:
    source = iter(items)
    while part := list(islice(source, size * workers)):
        each = math.ceil(len(part) / workers)
        yield from (part[at : at + each] for at in range(0, len(part), each))
