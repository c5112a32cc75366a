"""The loop of the real app while it is measured: how late it is, waiting on it, a key and what it has painted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import App

TICK_S = 0.002


class Loop:
    """How late the app's loop is: its longest stall since `begin`."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._task is not None:
            # What it waits for began before, with whatever the benchmark itself has done.
            self._task.cancel()
        self.worst = 0.0
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(TICK_S)
            self.worst = max(self.worst, time.perf_counter() - begun - TICK_S)


async def until(predicate: Callable[[], object]) -> None:
    end = time.perf_counter() + 120
    while not predicate():
        if time.perf_counter() > end:
            raise TimeoutError
        await asyncio.sleep(0.0005)


async def painted_ms(app: App[Any], key: str, shows: Callable[[], object]) -> float:
    """Milliseconds from a key, as the terminal sends it, until `shows()` is true and has been painted."""
    painted = asyncio.Event()
    begun = time.perf_counter()
    app.post_message(events.Key(key, None))
    await until(shows)
    app.screen.call_after_refresh(painted.set)
    await painted.wait()
    return (time.perf_counter() - begun) * 1000
