"""How far the segmentation of several recordings is."""

from __future__ import annotations

import threading

from core.jobs import Job

COUNTS = ("videos", "segments", "written", "found", "removed", "kept_human", "moved", "failed")
"""Of segments; `videos` and `failed` of recordings."""


class SegmentationProgress:
    """Counts and audio time, added to from several threads. total_ms: of all recordings, as far as it is known."""

    def __init__(self, job: Job, total_ms: int) -> None:
        self._job = job
        self._total_ms = total_ms
        self._done_ms = 0
        self._lock = threading.Lock()
        self.counts: dict[str, int] = dict.fromkeys(COUNTS, 0)

    def add(self, **more: int) -> None:
        with self._lock:
            for name, value in more.items():
                self.counts[name] += value

    def advance(self, ms: int, video: str) -> None:
        """So much more audio is done with; `video` is the recording it is of."""
        with self._lock:
            self._done_ms += ms
            done, total = self._done_ms / 1000, max(self._done_ms, self._total_ms) / 1000
        self._job.progress(round(done, 1), round(total, 1), unit="s", note=video)
