"""Segments by column: what the split and the leak rule compute on, 32 bytes a segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from core.store import Store


class AudioSpan(Protocol):
    """What tells which audio a segment holds: a stretch of a recording in ms, and the SHA-256 of its wav in hex."""

    @property
    def id(self) -> str: ...
    @property
    def video(self) -> str: ...
    @property
    def start_ms(self) -> int: ...
    @property
    def end_ms(self) -> int: ...
    @property
    def digest(self) -> str | None: ...


@dataclass(frozen=True)
class SegmentColumns:
    """n segments, ordered by recording, start and end; every array is of shape (n,).

    videos: ids of the recordings, sorted. video: int32, index into `videos`. start_ms, end_ms: int64.
    digest: uint64, the first 64 bits of the wav's SHA-256, 0 where it is not known; that two different ones among ten
    million agree in these has a chance of 3 in a million. place: int32, where each stands in what it was made from.
    """

    videos: tuple[str, ...]
    video: np.ndarray
    start_ms: np.ndarray
    end_ms: np.ndarray
    digest: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, segments: Sequence[AudioSpan]) -> SegmentColumns:
        """The columns of some segments, in whatever order they come."""
        videos = tuple(sorted({row.video for row in segments}))
        number = {name: index for index, name in enumerate(videos)}
        count = len(segments)
        video = np.fromiter((number[row.video] for row in segments), np.int32, count)
        start = np.fromiter((row.start_ms for row in segments), np.int64, count)
        end = np.fromiter((row.end_ms for row in segments), np.int64, count)
        digest = np.fromiter((_first_bits(row.digest) for row in segments), np.uint64, count)
        order = np.lexsort((end, start, video)).astype(np.int32)
        return cls(videos, video[order], start[order], end[order], digest[order], order)

    @classmethod
    def usable(cls, store: Store, check: Callable[[], object]) -> SegmentColumns:
        """The columns of all usable segments. check: called between two recordings; it may raise to stop."""
        videos: list[str] = []
        starts, ends, digests = [], [], []
        for found in store.segments.usable_spans():
            check()
            videos.append(found.video)
            starts.append(np.fromstring(found.starts, np.int64, sep=","))
            ends.append(np.fromstring(found.ends, np.int64, sep=","))
            digests.append(np.frombuffer(bytes.fromhex(found.digests), ">u8").astype(np.uint64))
        if not videos:
            return cls.of([])
        video = np.repeat(np.arange(len(videos), dtype=np.int32), [len(one) for one in starts])
        joined = np.concatenate(starts), np.concatenate(ends), np.concatenate(digests)
        return cls(tuple(videos), video, *joined, np.arange(len(video), dtype=np.int32))

    def __len__(self) -> int:
        return len(self.video)

    def where(self, chosen: np.ndarray | slice) -> SegmentColumns:
        """Those that a mask of shape (n,) or a slice of the order chooses."""
        return SegmentColumns(
            self.videos,
            self.video[chosen],
            self.start_ms[chosen],
            self.end_ms[chosen],
            self.digest[chosen],
            self.place[chosen],
        )

    def bounds(self) -> np.ndarray:
        """int64 (recordings + 1,): recording i is the rows from bounds[i] to bounds[i + 1]."""
        return np.searchsorted(self.video, np.arange(len(self.videos) + 1))


def _first_bits(digest: str | None) -> int:
    return int(digest[:16], 16) if digest else 0
