"""Reading every segment for the transcripts screen: in a thread, one at a time, never over what was just saved."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.clock import now_ms
from core.errors import UserError
from core.store import Store
from tui.screens.pipeline import ErrorBanner, PipelineScreen
from tui.screens.transcripts.rows import ReviewRate, SegmentIndex

WINDOW_MS = 30 * 60_000
"""The pace is that of the last half hour, or of this session where it is shorter."""
REST = 5
"""A reading of all segments that took a second is not repeated for five: 100 000 rows leave room for the keys."""


class TranscriptLoader:
    """`ask()` reads anew, and `loaded(index, pace)` on the UI thread; `written()` after our own changes."""

    def __init__(self, screen: PipelineScreen, loaded: Callable[[SegmentIndex, ReviewRate], object]) -> None:
        self._screen = screen
        self._loaded = loaded
        self._writes = 0
        self._busy = False
        self._again = False
        self._rest_until = 0.0
        self._pace_from = now_ms()

    def written(self, *, in_bulk: bool = False) -> None:
        """Something was saved: a reading that is under way may have missed it, and is repeated."""
        self._writes += 1
        if in_bulk:
            # Nobody reads that quickly: it says nothing about the pace.
            self._pace_from = now_ms()

    def pace(self, store: Store) -> ReviewRate:
        since = max(self._pace_from, now_ms() - WINDOW_MS)
        return ReviewRate.of(store.transcripts.reviewed_since(since), (now_ms() - since) / 1000)

    def ask(self) -> None:
        rest = self._rest_until - time.monotonic()
        if self._busy or rest > 0:
            if not self._busy and not self._again:
                self._screen.set_timer(rest, self._rested)
            self._again = True
            return
        self._busy, self._again = True, False
        writes, began = self._writes, time.monotonic()
        self._screen.in_thread(self._read, lambda found: self._done(found, writes, began), group="load")

    def _read(self) -> tuple[SegmentIndex, ReviewRate] | UserError:
        # A store of its own, closed at once: the shared one keeps a connection for every thread that ever asked.
        try:
            with Store(self._screen.workspace.db_path) as store:
                pace = self.pace(store)
                return SegmentIndex(store.segments.all(), store.segments.counts()), pace
        except UserError as error:
            return error

    def _done(self, found: tuple[SegmentIndex, ReviewRate] | UserError, writes: int, began: float) -> None:
        took = time.monotonic() - began
        self._busy, self._rest_until = False, time.monotonic() + (REST * took if took > 0.2 else 0)
        if isinstance(found, UserError):
            self._screen.query_one(ErrorBanner).show(found)
        elif writes == self._writes:
            self._loaded(*found)
        # What was saved while the reading went on may not be in it: it is read anew.
        if self._again or writes != self._writes:
            self._again = False
            self.ask()

    def _rested(self) -> None:
        self._rest_until, self._again = 0.0, False
        self.ask()
