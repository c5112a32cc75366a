"""The order by errors a minute: the seconds that a row takes are those of this person, as far as they are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.review.correction_time import CorrectionTime, fit
from core.store import Store
from tui.screens.transcripts.session import ReviewSession
from tui.screens.transcripts.table.index import GAIN, View

REFIT = 20
"""Rows that were dealt with, after which the seconds are fitted again."""


class GainOrder:
    """in_thread: as `PipelineScreen.in_thread` is. select: shows the rows of a view."""

    def __init__(
        self,
        session: ReviewSession,
        store: Store,
        in_thread: Callable[..., Any],
        select: Callable[[View], object],
    ) -> None:
        self._session, self._store = session, store
        self._in_thread, self._select = in_thread, select
        self._dealt_with = 0

    def choose(self, view: View) -> None:
        """Show the rows of a view in this order."""
        self._fit(lambda time: self._select(replace(view, time=time)))

    def dealt_with_one(self) -> None:
        """The person has gone on to another row: where the rows are in this order, it follows their pace."""
        self._dealt_with += 1
        if self._dealt_with % REFIT == 0 and self._session.view.order == GAIN:
            self._fit(self._follow)

    def _follow(self, time: CorrectionTime) -> None:
        view = self._session.view
        if view.order == GAIN and time != view.time:
            self._select(replace(view, time=time))

    def _fit(self, done: Callable[[CorrectionTime], object]) -> None:
        self._in_thread(lambda: fit(self._store.transcripts.corrections()), done, group="order")
