"""Reading the store for the transcripts screen: every row once, then only what has changed since."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.clock import now_ms
from core.errors import UserError
from core.store import Store
from core.store.records import Changes
from tui.many_rows import read_many
from tui.screens.transcripts.table.index import TranscriptIndex
from tui.screens.transcripts.table.progress import ReviewRate

WINDOW_MS = 30 * 60_000
"""The pace is that of the last half hour, or of this session where it is shorter."""
MOST = 300
"""Changes are applied one by one, on the UI thread; with more than so many all rows are read in a thread."""
FIRST = 2000
"""Of more rows so many are shown before all of them are read."""
REST = 5
"""A reading of all rows that took a second is not repeated for five: 100 000 rows leave room for the keys."""


@dataclass(frozen=True)
class Reading:
    """What was read. index: all rows anew, or None; changes: since the last reading, or None. titles: of recordings, by
    id. is_whole: False where these are the first rows, and all follow."""

    index: TranscriptIndex | None
    changes: Changes | None
    titles: dict[str, str]
    counts: dict[str, int]
    rate: ReviewRate
    is_whole: bool = True


def read(
    path: Path, revision: int | None, rate_from: int, *, all_rows: bool = True, first_only: bool = False
) -> Reading | None:
    """What has changed since `revision`; all rows where that is None or too much has changed, or None if that may not
    be done now. first_only: of very many the first rows are enough."""
    # A store of its own, closed at once: the shared one keeps a connection for every thread that ever asked.
    with Store(path) as store:
        changes = None if revision is None else store.segments.changed_since(revision, MOST)
        index = None
        if changes is None:
            if not all_rows:
                return None
            first_only = first_only and store.segments.counts()["segments"] > FIRST
            index = TranscriptIndex(store.segments.first_rows(FIRST)) if first_only else read_many(lambda: _all(store))
        since = max(rate_from, now_ms() - WINDOW_MS)
        rate = ReviewRate.of(store.transcripts.reviewed_since(since), (now_ms() - since) / 1000)
        is_whole = index is None or not first_only
        return Reading(index, changes, store.videos.titles(), store.segments.counts(), rate, is_whole)


def _all(store: Store) -> TranscriptIndex:
    found = store.segments.rows()
    return TranscriptIndex(found.rows, found.revision)


class RunInThread(Protocol):
    """`PipelineScreen.in_thread`."""

    def __call__(
        self,
        work: Callable[[], Reading | None],
        done: Callable[[Reading | None], object],
        group: str = "",
        failed: Callable[[UserError], object] | None = None,
    ) -> None: ...


class TranscriptLoader:
    """`ask()` reads what is new, one reading at a time; `loaded(reading)` and `failed(error)` come on the UI thread."""

    def __init__(
        self,
        path: Path,
        in_thread: RunInThread,
        later: Callable[[float, Callable[[], None]], object],
        loaded: Callable[[Reading], object],
        failed: Callable[[UserError], object],
    ) -> None:
        """later(seconds, call): a timer of the UI thread."""
        self._path, self._in_thread, self._later = path, in_thread, later
        self._loaded, self._failed = loaded, failed
        self._revision: int | None = None
        self._rate_from = now_ms()
        self._busy = False
        self._again = False
        self._has_begun = False
        self.has_read = False
        """Something was read, or could not be."""
        self._rest_until = 0.0

    def ask(self) -> None:
        """Something may have changed."""
        if self._busy:
            self._again = True
            return
        self._busy, self._again = True, False
        began, revision, rate_from = time.monotonic(), self._revision, self._rate_from
        may_read_all, first_only = began >= self._rest_until, not self._has_begun
        self._has_begun = True
        self._in_thread(
            lambda: read(self._path, revision, rate_from, all_rows=may_read_all, first_only=first_only),
            lambda reading: self._done(reading, time.monotonic() - began),
            "load",
            self._broken,
        )

    def read_in_bulk(self) -> None:
        """Many rows were accepted unread: what was done until now says nothing about the pace."""
        self._rate_from = now_ms()
        self.ask()

    def _done(self, reading: Reading | None, took: float) -> None:
        if reading is None:
            # Nothing but all rows would do, and they were read a moment ago.
            self._later(max(0.0, self._rest_until - time.monotonic()), self.ask)
        elif not reading.is_whole:
            self._again = True
        elif reading.index is not None:
            self._revision = reading.index.revision
            self._rest_until = time.monotonic() + (REST * took if took > 0.2 else 0)
        elif reading.changes is not None:
            self._revision = reading.changes.revision
        if reading is not None:
            self._loaded(reading)
        self._over()

    def _broken(self, error: UserError) -> None:
        self._failed(error)
        self._over()

    def _over(self) -> None:
        self._busy, self.has_read = False, True
        if self._again:
            self.ask()
