"""What to read of the store, and when: all of it seldom, the rows that changed as often as they change.

`all` and `some` give what is to be called with the store in a thread, `take_all` and `take_some` lay what it found
into the rows on the UI thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.store import Source, Store, Video
from tui.screens.playlist.rows import VideoIndex, VideoRows

WHOLE_S = 10.0
"""While a job tells which rows changed, the whole store is read at most this often."""

Captions = dict[str, dict[str, str] | None]
"""By video: why there are no captions of it, None where they are here."""


@dataclass(frozen=True)
class Everything:
    index: VideoIndex
    sources: list[Source]
    captions: Captions


@dataclass(frozen=True)
class Some:
    videos: list[Video]
    sources: list[Source] | None
    """None where they are what they were."""
    captions: Captions


class PlaylistLoader:
    def __init__(self, rows: VideoRows) -> None:
        self.sources: list[Source] = []
        self._rows = rows
        self._due: set[str] = set()
        self._busy = False
        self._meanwhile: set[str] = set()
        """Rows that were read or written while the whole store was being read: what that says of them may be older."""
        self._next = 0.0

    def is_all_due(self, *, jobs_run: bool) -> bool:
        """Somebody wrote to the store; a job that runs says itself which rows it has changed."""
        return not jobs_run or time.monotonic() >= self._next

    def all(self) -> Callable[[Store], Everything]:
        """Read everything. Several wishes for it at once are one."""
        self._next = time.monotonic() + WHOLE_S
        self._meanwhile.clear()
        return lambda store: Everything(VideoIndex(store.videos.all()), store.videos.sources(), store.captions.asked())

    def take_all(self, found: Everything) -> set[str]:
        """Ids that are to be read once more: what was found of them may be older than what is known."""
        self._rows.index, self.sources, self._rows.captions = found.index, found.sources, found.captions
        return self._meanwhile - self._due

    def written(self, ids: Iterable[str]) -> None:
        """These rows were just written: what is being read of them at this moment may be older."""
        self._meanwhile.update(ids)

    def some(self, ids: Iterable[str] = ()) -> Callable[[Store], Some] | None:
        """Read these rows and no others. None while others are being read: these are read after them."""
        self._due.update(ids)
        if self._busy or not self._due:
            return None
        due, self._due, self._busy = list(self._due), set(), True
        known = {source.id for source in self.sources}

        def read(store: Store) -> Some:
            found = store.videos.some(due)
            new = any(video.source is not None and video.source not in known for video in found)
            return Some(found, store.videos.sources() if new else None, store.captions.asked())

        return read

    def take_some(self, found: Some) -> bool:
        """Lay the rows in; `some` gives those that have become due meanwhile. True if one of them is new."""
        self._busy = False
        self.sources = self.sources if found.sources is None else found.sources
        self._rows.captions = found.captions
        self._meanwhile.update(video.id for video in found.videos)
        new = [video.id for video in found.videos if self._rows.index.put(video)]
        return bool(new)

    def failed(self) -> None:
        self._busy = False
