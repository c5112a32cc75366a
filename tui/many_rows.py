"""Reading so many rows that Python's garbage collector would keep everybody waiting."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sized
from typing import TypeVar

MANY = 10_000
"""So many rows are kept out of the collector's way: there are no cycles in them."""

Found = TypeVar("Found", bound=Sized)


def read_many(read: Callable[[], Found]) -> Found:
    """`read()` while nothing is collected: the collector would look at all of the rows again and again."""
    gc.disable()
    try:
        rows = read()
        if len(rows) >= MANY:
            gc.freeze()
    finally:
        gc.enable()
    return rows
