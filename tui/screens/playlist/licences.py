"""When the licences are looked up in the background: begun by a listing or by a key, never by looking at the screen."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.events import Item, ItemState, JobState
from core.links import is_youtube
from tui.bridge import JobBatch
from tui.effects import Effect, SendToJob, StartJob, Toast
from tui.screens.playlist.rows import VideoIndex, number, videos
from tui.widgets import cells, marks

STARTING_S = 10.0
"""A look-up that was asked for and has said nothing for so long may be asked for again."""


def _live(stage: str, live: Iterable[JobBatch]) -> JobBatch | None:
    return next((batch for batch in live if batch.stage == stage), None)


class LicenceLookUp:
    """Never two at a time; once while a list is read, and once more after it for the rows that came late.

    live: the live jobs of this screen.
    """

    def __init__(self) -> None:
        self._listing: Path | None = None
        """The listing that was last seen to bring rows."""
        self._expected = False
        self._tries = 2
        """Look-ups begun for this listing."""
        self._started = 0.0
        self._sent: list[str] = []

    def expect(self) -> None:
        """A listing is about to begin, by a key."""
        self._expected = True

    def handle(self, batch: JobBatch) -> None:
        if batch.stage == "add":
            new = any(item.state == ItemState.LISTED for item in batch.of(Item))
            if new and (self._expected or not batch.history) and batch.folder != self._listing:
                self._listing, self._tries = batch.folder, 0
            self._expected = self._expected and not batch.ended
        if batch.stage == "details":
            self._started = 0.0
            if batch.ended and (batch.view.state != JobState.DONE or batch.view.stopped):
                # Somebody stopped it: only the next listing, or a key, begins another.
                self._tries = 2

    def due(self, unasked: int, live: Sequence[JobBatch]) -> list[Effect]:
        """Begin a look-up if a listing has brought rows that need one. unasked: how many do."""
        listing = _live("add", live) is not None
        due = self._tries == 0 or (self._tries == 1 and not listing)
        if not due or not unasked or self._is_begun(live):
            return []
        self._tries = 1 if listing else 2
        return [self._start({})]

    def _is_begun(self, live: Sequence[JobBatch]) -> bool:
        return _live("details", live) is not None or time.monotonic() < self._started + STARTING_S

    def _start(self, params: dict[str, object]) -> StartJob:
        self._started = time.monotonic()
        self._sent = []
        return StartJob("details", params)

    def by_key(self, index: VideoIndex, live: Sequence[JobBatch]) -> list[Effect]:
        """What is not asked yet; where nothing is left of that, what the site has not told."""
        if self._is_begun(live):
            return [Toast("Licences are being asked already; x cancels")]
        if unasked := index.totals.unasked:
            return [self._start({}), Toast(f"Asking the licences of {videos(unasked)}, the rows on screen first")]
        again = [v.id for v in index.all() if v.licence == "unknown" and v.state != "failed" and is_youtube(v.url)]
        if not again:
            return [Toast("Every licence that a site tells is known" if len(index) else "There are no recordings yet")]
        params: dict[str, object] = {"ids": again, "again": True}
        return [self._start(params), Toast(f"Asking once more for the licences of {videos(len(again))}")]

    def in_sight(self, ids: Sequence[str], live: Sequence[JobBatch]) -> list[Effect]:
        """These rows are on the screen now: sent to the look-up, which asks for them first, when that is news."""
        running = _live("details", live)
        if running is None or ids == self._sent:
            return []
        self._sent = list(ids)
        return [SendToJob(running.folder, "rows", self._sent)]

    def text(self, unasked: int, live: Sequence[JobBatch], *, held: bool, plain: bool) -> str:
        """For the line under the source: how many are to go, or the key that asks for them.

        held: the look-up is paused; plain: `--ascii`.
        """
        dot = (cells.ASCII if plain else cells.UNICODE).dot
        running = _live("details", live)
        if running is not None:
            # x stops what a person waits for before it stops this.
            cancel = f" {dot} x cancels" if all(batch.stage == "details" for batch in live) else ""
            if held:
                return f"{marks.mark('waiting', plain)} licences paused {dot} p goes on{cancel}"
            note = running.view.note or "licences"
            return f"{marks.mark('running', plain)} {note}, {number(unasked)} to go{cancel}"
        # While it is about to begin, a key that begins it would be a riddle.
        if not unasked or self._is_begun(live) or _live("add", live):
            return ""
        return f"licence of {number(unasked)} not asked yet {dot} i asks"
