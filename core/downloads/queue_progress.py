"""How much of a queue of downloads has come, in bytes, and how long the rest will take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.events import TransferProgress
from core.store.records import Video

RATE = 16_000
"""Bytes of sound a second (128 kbit/s) until a download of this run has told better."""

LENGTH_S = 600.0
"""A recording of unknown length, where no other one of the queue tells what is usual."""


class QueueProgress:
    """Sizes of a queue. What has come counts as it is, the rest by its length.

    pause_s: the usual pause between two downloads, which is part of the time that is left.
    """

    def __init__(self, videos: Sequence[Video], *, pause_s: float = 0.0) -> None:
        known = [video.duration_ms / 1000 for video in videos if video.duration_ms]
        usual = sum(known) / len(known) if known else LENGTH_S
        self._lengths = {video.id: (video.duration_ms or 0) / 1000 or usual for video in videos}
        self._sizes: dict[str, int] = {}
        self._came: dict[str, int] = {}
        self._left = dict.fromkeys(self._lengths)
        self._pause_s = pause_s
        self._speed: float | None = None

    def transfer(self, id: str, done: int, total: int | None, speed: float | None) -> None:
        """Where the present download is: bytes, bytes (None: not told), bytes a second."""
        self._came[id] = done
        if total:
            self._sizes[id] = max(total, done)
        if speed:
            # yt-dlp's figure is the mean of one connection; half of each keeps a short one from leaping.
            self._speed = speed if self._speed is None else (self._speed + speed) / 2

    def finish(self, id: str, size: int) -> None:
        """It is here, with so many bytes."""
        self._came[id] = self._sizes[id] = size
        self._left.pop(id, None)

    def drop(self, id: str) -> None:
        """It will not come in this run: it counts no more."""
        self._lengths.pop(id, None)
        self._came.pop(id, None)
        self._left.pop(id, None)

    def figures(self, present: TransferProgress) -> TransferProgress:
        """The present download's figures with those of the queue beside them; all_eta None before a speed is known."""
        rate = self._rate()
        total = sum(
            self._sizes.get(id) or max(self._came.get(id, 0), int(length * rate))
            for id, length in self._lengths.items()
        )
        came = min(sum(self._came.values()), total)
        eta = None
        if self._speed:
            eta = (total - came) / self._speed + self._pause_s * max(0, len(self._left) - 1)
        return replace(present, all_bytes=came, all_bytes_total=total, all_eta=eta)

    def _rate(self) -> float:
        """Bytes of sound a second, by the sizes that this run has been told."""
        seconds = sum(self._lengths[id] for id in self._sizes if id in self._lengths)
        told = sum(size for id, size in self._sizes.items() if id in self._lengths)
        return told / seconds if seconds else RATE
