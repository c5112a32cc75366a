"""The player behind a browser tab: what the terminal asks for becomes events of the page, what it says is the state."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from core import typed_json
from core.files import write_private
from core.listen.clips import EncodedClips
from core.listen.player import Changed, Playback, PlayerState, SharedPlayback
from core.listen.server import PORT, ListenServer, Report

_STATES = {
    "ready": PlayerState.LOCKED,
    "idle": PlayerState.IDLE,
    "loading": PlayerState.LOADING,
    "playing": PlayerState.PLAYING,
    "paused": PlayerState.PAUSED,
    "failed": PlayerState.FAILED,
}
"""By what a page says (page.js)."""

STILL_WANTED_S = 30.0
"""What was asked for while the line was broken is played if it comes back within this time; later it would startle."""


_REMEMBERED_BYTES = 10_000


@dataclass(frozen=True)
class _Remembered:
    """Where the last app of a workspace listened. token: URL-safe base64, as the server makes it."""

    port: Annotated[int, Field(ge=1024, lt=65536)]
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,200}$")]


class BrowserPlayer:
    """Starts the server at once; plays as soon as a page is open and has had its click.

    remembered: a file that keeps port and token (0600), so that a tab that was left open finds the next app again.
    """

    name = "browser"
    steers = True

    def __init__(self, clips: EncodedClips, changed: Changed = lambda _: None, remembered: Path | None = None) -> None:
        self._shared = SharedPlayback(PlayerState.ABSENT, changed)
        self._arrived = threading.Event()
        self._unheard: dict[str, Any] | None = None
        """The last request to play, until a page says that it plays it, or cannot."""
        self._asked_at = 0.0
        self._is_new = False
        """A page has come and not said anything yet."""
        kept = _read(remembered)
        self.was_open = kept is not None
        """An earlier app of this workspace was listened to, so a tab of it may be open still."""
        port, token = kept or (PORT, "")
        self.server = ListenServer(clips, self._reported, port=port, token=token)
        self.server.start()
        # Another app may sit on the port that is remembered, with its tab: that one stays the port to remember.
        if remembered is not None and (kept is None or self.server.port == port):
            remembered.parent.mkdir(parents=True, exist_ok=True)
            write_private(remembered, json.dumps({"port": self.server.port, "token": self.server.token}))

    @property
    def playback(self) -> Playback:
        return self._shared.now

    def play(self, id: str, *, around: bool = False, ahead: Sequence[str] = ()) -> None:
        with self._shared.guard:
            playback = self._shared.now
            asked = {"do": "play", "clip": id, "around": around, "rate": playback.rate, "ahead": list(ahead)}
            self._unheard, self._asked_at = asked, time.monotonic()
            state = PlayerState.LOADING if playback.can_play else playback.state
            self._shared.change(state=state, clip=id, at_s=0.0, why="")
        self.server.send(asked)
        self.server.encode(id, around)

    def follow(self, id: str, ahead: Sequence[str]) -> None:
        self.server.send({"do": "follow", "clip": id, "ahead": list(ahead)})

    def pause(self) -> None:
        self.server.send({"do": "pause"})

    def resume(self) -> None:
        self.server.send({"do": "resume"})

    def seek(self, by_s: float) -> None:
        self.server.send({"do": "seek", "by_s": by_s})

    def set_rate(self, rate: float) -> None:
        self._shared.change(rate=rate)
        self.server.send({"do": "rate", "rate": rate})

    def await_page(self, seconds: float) -> bool:
        """Whether a page is open, or comes within so many seconds, and has said what it can do."""
        return self._arrived.wait(seconds)

    def close(self) -> None:
        self.server.close()

    def _reported(self, report: Report | None) -> None:
        """A page has said something, has come, or has gone; in the server's thread."""
        with self._shared.guard:
            if report is not None:
                self._take(report)
                self._arrived.set()
            elif self.server.connected:
                self._is_new = True
            else:
                self._shared.change(state=PlayerState.ABSENT)

    def _take(self, report: Report) -> None:
        state, asked = _STATES.get(report.state), self._unheard
        if state is None:
            return
        is_new, self._is_new = self._is_new, False
        # A page that comes back may have failed for the line.
        is_settled = state is PlayerState.PLAYING or (state is PlayerState.FAILED and not is_new)
        if asked is not None and report.clip == asked["clip"] and is_settled:
            self._unheard = asked = None
        elif asked is not None and report.clip != asked["clip"] and not is_new and state is not PlayerState.LOCKED:
            return  # it was on its way when something else was asked for
        if asked is not None and is_new:
            # A page that waits for its click plays it then, however late that is.
            if state is PlayerState.LOCKED or time.monotonic() - self._asked_at < STILL_WANTED_S:
                self.server.send(asked)
            else:
                self._unheard = None
        self._shared.change(state=state, clip=report.clip or self._shared.now.clip, at_s=report.at_s, why=report.why)


def _read(remembered: Path | None) -> tuple[int, str] | None:
    """(port, token) of the last time; None where nothing useful is kept."""
    if remembered is None:
        return None
    try:
        found = typed_json.read(_Remembered, remembered, _REMEMBERED_BYTES)
    except ValueError:
        return None
    return found.port, found.token
