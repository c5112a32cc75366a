"""How far the hearing of recordings is: windows, the time that is left to hear, and the speed."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from core.errors import UserError
from core.jobs import Job


class Tally(Protocol):
    """What is told of the windows of recordings as they are heard."""

    def skip(self, ms: int) -> None:
        """So much need not be heard: it was heard before, or it cannot be."""
        ...

    def add(self, windows: int, heard_ms: int, done_ms: int) -> None:
        """A batch of windows was heard. done_ms: how much of its time was asked for."""
        ...


class HearingJob(Protocol):
    """What the hearing of recordings needs of its job."""

    def check(self) -> None: ...

    def item_failed(self, id: str, error: UserError) -> None: ...


class HearingProgress:
    """Seconds of recordings that were to be heard, and are; added to from several threads. total_ms: of all of them."""

    def __init__(self, job: Job, total_ms: int, doing: str = "") -> None:
        """doing: what the windows are heard for, where a screen should tell."""
        self._job = job
        self._doing = doing
        self._total_ms = total_ms
        self._done_ms = 0
        self._heard_ms = 0
        self._began = time.monotonic()
        self._guard = threading.Lock()
        self.windows = 0

    def start(self) -> None:
        """The model is loaded: from here on the speed counts."""
        self._began = time.monotonic()
        self._report()

    def skip(self, ms: int) -> None:
        self.add(0, 0, ms)

    def add(self, windows: int, heard_ms: int, done_ms: int) -> None:
        with self._guard:
            self.windows += windows
            self._heard_ms += heard_ms
            self._done_ms += done_ms
        self._report()

    @property
    def heard_s(self) -> float:
        """Seconds of sound."""
        return self._heard_ms / 1000

    @property
    def speed(self) -> float | None:
        """Seconds of sound a second."""
        elapsed = time.monotonic() - self._began
        return self._heard_ms / 1000 / elapsed if self._heard_ms and elapsed > 0 else None

    def _report(self) -> None:
        speed = self.speed
        said = (self._doing, f"{self.windows} windows", "" if speed is None else f"{speed:.1f} s of sound a second")
        done, total = self._done_ms / 1000, max(self._done_ms, self._total_ms) / 1000
        self._job.progress(round(done, 1), round(total, 1), "s", ", ".join(filter(None, said)))
