"""The look-up of licences in the background: begun by a listing or by a key, never by looking at the screen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from core.links import is_youtube
from tui.bridge import JobBatch
from tui.screens.playlist.rows import number, videos
from tui.widgets import marks

if TYPE_CHECKING:
    from tui.screens.playlist.screen import PlaylistScreen

STARTING_S = 10.0
"""A look-up that was asked for and is not heard of for so long may be asked for again."""


class Licences:
    """Never two at a time; once while a list is read, and once more after it for the rows that came late."""

    def __init__(self, screen: PlaylistScreen) -> None:
        self._screen = screen
        self._listing: Path | None = None
        """The listing that was last seen to bring rows."""
        self._expected = False
        self._tries = 2
        """Look-ups begun for this listing."""
        self._started = 0.0
        self._told: list[str] = []

    def expect(self) -> None:
        """A listing is about to begin, by a key."""
        self._expected = True

    def give_up(self) -> None:
        """Somebody stopped it: only the next listing, or a key, begins another."""
        self._tries = 2

    def handle(self, batch: JobBatch) -> None:
        if batch.stage == "add":
            new = any(event.data.get("state") == "listed" for event in batch.of("item"))
            if new and (self._expected or not batch.history) and batch.folder != self._listing:
                self._listing, self._tries = batch.folder, 0
            self._expected = self._expected and not batch.ended
        if batch.stage == "details":
            self._started = 0.0
            if batch.ended and (batch.view.state != "done" or batch.view.result.get("stopped")):
                self.give_up()

    def look_after(self) -> None:
        """Begin a look-up if a listing has brought rows that need one."""
        listing = bool(self._screen.live_jobs("add"))
        due = self._tries == 0 or (self._tries == 1 and not listing)
        if due and self._screen.rows.index.totals.unasked and not self._runs():
            self._tries = 1 if listing else 2
            self._start({})

    def _runs(self) -> bool:
        return bool(self._screen.live_jobs("details")) or time.monotonic() < self._started + STARTING_S

    def _start(self, params: dict[str, object]) -> None:
        self._started = time.monotonic()
        self._told = []
        self._screen.start_job("details", params)

    def ask(self) -> str:
        """By key; what a toast says of it."""
        book = self._screen.rows.index
        if self._runs():
            return "Licences are being asked already; x cancels"
        if book.totals.unasked:
            self._start({})
            return f"Asking the licences of {videos(book.totals.unasked)}, the rows on screen first"
        again = [v.id for v in book.all() if v.licence == "unknown" and v.state != "failed" and is_youtube(v.url)]
        if not again:
            return "Every licence that a site tells is known" if len(book) else "There are no recordings yet"
        self._start({"ids": again, "again": True})
        return f"Asking once more for the licences of {videos(len(again))}"

    def tell(self) -> None:
        """Which rows are on the screen now; called every half second, passed on when it is news."""
        live = self._screen.live_jobs("details")
        if not live:
            return
        table, ids = self._screen.table, self._screen.rows.ids
        top = table.scroll_offset.y
        seen = ids[top : top + max(1, table.size.height)]
        if seen != self._told:
            self._told = seen
            self._screen.send_to_job(live[0].folder, "rows", seen)

    def text(self, dot: str) -> str:
        """For the line under the source: how many are to go, or the key that asks for them."""
        unasked = self._screen.rows.index.totals.unasked
        for batch in self._screen.live_jobs("details"):
            ascii_only = self._screen.host.ascii
            others = self._screen.live_jobs("add", "fetch", "captions", "demo")
            cancel = "" if others else f" {dot} x cancels"
            if self._screen.queue.is_held(batch.folder):
                return f"{marks.mark('waiting', ascii_only)} licences paused {dot} p goes on{cancel}"
            note = batch.view.note or "licences"
            return f"{marks.mark('running', ascii_only)} {note}, {number(unasked)} to go{cancel}"
        # While it is about to begin, a key that begins it would be a riddle.
        if not unasked or self._runs() or self._screen.live_jobs("add"):
            return ""
        return f"licence of {number(unasked)} not asked yet {dot} i asks"
