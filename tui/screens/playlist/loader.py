"""PlaylistLoader the store off the UI thread: all of it seldom, the rows that changed as often as they change."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.errors import UserError
from core.store import Source, Video
from tui.screens.playlist.rows import VideoIndex

if TYPE_CHECKING:
    from tui.screens.playlist.screen import PlaylistScreen

WHOLE_S = 10.0
"""While a job tells which rows changed, the whole store is read at most this often."""


Asked = dict[str, dict[str, str] | None]
"""By video: why there are no captions of it, None where they are here."""


class PlaylistLoader:
    """It fills `rows.index`, `rows.captions` and `sources`, then calls the screen's `rows_read`."""

    def __init__(self, screen: PlaylistScreen) -> None:
        self.sources: list[Source] = []
        self._screen = screen
        self._due: set[str] = set()
        self._busy = False
        self._meanwhile: set[str] = set()
        """Rows that were read or written while the whole store was being read: what that says of them may be older."""
        self._next = 0.0
        self._failing = False

    def something_changed(self) -> None:
        """Somebody wrote to the store. A job that runs says itself which rows it has changed."""
        if not self._screen.live_jobs() or time.monotonic() >= self._next:
            self.whole()

    def whole(self) -> None:
        """Read everything. Several wishes for it at once are one."""
        self._next = time.monotonic() + WHOLE_S
        self._meanwhile.clear()
        store = self._screen.store

        def read() -> tuple[VideoIndex, list[Source], Asked]:
            return VideoIndex(store.videos.all()), store.videos.sources(), store.captions.asked()

        self._screen.in_thread(read, self._read_whole, group="load", failed=self._failed)

    def _read_whole(self, found: tuple[VideoIndex, list[Source], Asked]) -> None:
        rows = self._screen.rows
        if self._failing:
            self._failing = False
            self._screen.show_trouble(None)
        rows.index, self.sources, rows.captions = found
        self._screen.selection.lay_over(rows.index)
        self._screen.rows_read(rows.index.ids, arrived=True)
        self.some(self._meanwhile - self._due)

    def newer(self, ids: Iterable[str]) -> None:
        """These rows were just written: what is being read of them at this moment may be older."""
        self._meanwhile.update(ids)

    def some(self, ids: Iterable[str]) -> None:
        """Read these rows and no others; what becomes due meanwhile is read after them."""
        self._due.update(ids)
        if self._busy or not self._due:
            return
        due, self._due, self._busy = self._due, set(), True
        known = {source.id for source in self.sources}
        store = self._screen.store

        def read() -> tuple[list[Video], list[Source] | None, Asked]:
            found = store.videos.some(list(due))
            new = any(video.source is not None and video.source not in known for video in found)
            return found, store.videos.sources() if new else None, store.captions.asked()

        self._screen.in_thread(read, self._read_some, group="rows", failed=self._failed)

    def _read_some(self, found: tuple[list[Video], list[Source] | None, Asked]) -> None:
        self._busy = False
        videos, sources, captions = found
        rows = self._screen.rows
        self.sources = self.sources if sources is None else sources
        rows.captions = captions
        ids = [video.id for video in videos]
        self._meanwhile.update(ids)
        new = [video.id for video in videos if rows.index.put(video)]
        self._screen.selection.lay_over(rows.index)
        self._screen.rows_read(ids, arrived=bool(new))
        self.some(())

    def _failed(self, error: UserError) -> None:
        self._busy, self._failing = False, True
        self._screen.show_trouble(error)
