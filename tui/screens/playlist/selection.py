"""What is chosen on the playlist screen: presses on their way to the disk, and the range that `v` begins."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from core.store import Store
from tui.screens.playlist.rows import VideoIndex, VideoRows


class Selection:
    """Presses count at once and are saved behind: whatever is due by then in one write, the last press wins."""

    def __init__(self) -> None:
        self._unsaved: dict[str, bool] = {}
        self._saving = threading.Lock()
        self.anchor: str | None = None
        """The row a range begins at; None for no range."""

    def mark(self, index: VideoIndex, chosen: Mapping[str, bool]) -> None:
        self._unsaved.update(chosen)
        self.lay_over(index)

    def lay_over(self, index: VideoIndex) -> None:
        """What was just read is older than presses that are not saved yet."""
        for id, value in self._unsaved.items():
            index.select(id, value)

    def save(self, store: Store) -> dict[str, bool]:
        """Write what is due; give it to `saved`. Called in a thread."""
        with self._saving:
            due = dict(self._unsaved)
            for value in (True, False):
                store.videos.select([id for id, wanted in due.items() if wanted is value], value)
        return due

    def saved(self, due: Mapping[str, bool]) -> None:
        for id, value in due.items():
            if self._unsaved.get(id) is value:
                del self._unsaved[id]

    # -- ranges

    def range(self, rows: VideoRows, cursor: int) -> tuple[int, int] | None:
        """First and last row of the range, as the rows stand now; None where its beginning is no longer shown."""
        start = None if self.anchor is None else rows.index_of(self.anchor)
        if start is None or not len(rows):
            return None
        return min(start, cursor), max(start, cursor)
