"""One figure for a download of many files (bytes, speed, time left), reported as the job's progress, no bar drawn."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from core.events import TransferProgress
from core.jobs import Job

WINDOW_S = 5.0
"""Speed is that of the last seconds: a line that slows down is seen at once."""


STEP_S = 0.05


class DownloadProgress:
    """done and total: bytes of all files together, what was here before included. Safe to use from many threads."""

    def __init__(self, job: Job, total: int, done: int = 0) -> None:
        self._job = job
        self._total = total
        self._lock = threading.Lock()
        self._samples: deque[tuple[float, int]] = deque()
        self.done = done
        self.restart_rate()

    def add(self, count: int) -> None:
        """count bytes have come. Raises Cancelled if the job was asked to stop."""
        self._job.check()
        with self._lock:
            self.done += count
            self._report()

    def advance_to(self, done: int) -> None:
        """As `add`, for a counter that tells its state; what is behind is nothing new."""
        self._job.check()
        with self._lock:
            if done > self.done:
                self.done = done
                self._report()

    def take_back(self, count: int) -> None:
        """count bytes were thrown away and have to come again."""
        with self._lock:
            self.done -= count
            self.restart_rate()

    def restart_rate(self) -> None:
        """Forget the speed: nothing was fetched for a while, or bytes were counted that did not come now."""
        self._samples.clear()
        self._samples.append((time.monotonic(), self.done))

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._samples[-1][0] < STEP_S and self.done < self._total:
            return
        self._samples.append((now, self.done))
        while len(self._samples) > 2 and now - self._samples[0][0] > WINDOW_S:
            self._samples.popleft()
        since, before = self._samples[0]
        rate = (self.done - before) / (now - since) if now - since > 0.2 else None
        left = (self._total - self.done) / rate if rate else None
        self._job.progress(self.done, self._total, "B", self._note(rate), TransferProgress(all_eta=left))

    def _note(self, rate: float | None) -> str:
        speed = f", {_amount(rate)}/s" if rate else ""
        return f"{_amount(self.done)} of {_amount(self._total)}{speed}"

    def tqdm_class(self) -> type:
        """A tqdm_class for huggingface_hub: it draws nothing, reports here, and ends on a cancel.

        The hub makes two bars of bytes that count the same files (received, and written) and one of files: the
        furthest one of bytes counts.
        """
        from tqdm import tqdm

        progress, base = self, self.done

        class SilentTqdm(tqdm):
            monitor_interval = 0

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                kwargs.pop("name", None)
                self.counts_bytes = kwargs.get("unit") == "B"
                super().__init__(*args, **(kwargs | {"disable": False, "file": _NullFile()}))

            def display(self, *args: Any, **kwargs: Any) -> None:
                return None

            def update(self, n: float | None = 1) -> bool | None:
                shown = super().update(n)
                if self.counts_bytes:
                    progress.advance_to(base + int(self.n))
                return shown

        return SilentTqdm


class _NullFile:
    def write(self, _: str) -> int:
        return 0

    def flush(self) -> None:
        return None


def _amount(count: float) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
