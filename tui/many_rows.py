"""So many rows that looking at all of them would keep everybody waiting: how threads read them, and go through them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import TypeVar

MANY = 10_000
"""So many rows are kept out of the collector's way: there are no cycles in them."""

AT_ONCE = 100
"""Rows that are looked at without asking for the time."""

TURN_S = 0.002
"""A thread that is at work takes the others' turns for so long: a key would wait for several of them."""

REST_S = 0.0005

Found = TypeVar("Found", bound=Sized)
Row = TypeVar("Row")


def read_many(read: Callable[[], Found]) -> Found:
    """`read()` while nothing is collected, which is not looked at later either."""
    with uncollected():
        rows = read()
        if len(rows) >= MANY:
            gc.freeze()
    return rows


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is collected meanwhile: the collector would look at all of many new rows again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def in_turns(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """All rows in pieces, for a thread: it rests between them, so that the thread of the screen has its turns."""
    begun = time.perf_counter()
    for at in range(0, len(rows), AT_ONCE):
        yield rows[at : at + AT_ONCE]
        if time.perf_counter() - begun > TURN_S:
            time.sleep(REST_S)
            begun = time.perf_counter()
