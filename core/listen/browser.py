"""The player behind a browser tab: what the terminal asks for becomes events of the page, what it says is the state."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.files import write_private
from core.listen.clips import EncodedClips
from core.listen.player import Changed, Playback, PlayerState
from core.listen.server import PORT, ListenServer, Report

_STATES = {
    "ready": PlayerState.LOCKED,
    "idle": PlayerState.IDLE,
    "ended": PlayerState.IDLE,
    "playing": PlayerState.PLAYING,
    "paused": PlayerState.PAUSED,
    "failed": PlayerState.FAILED,
}


class BrowserPlayer:
    """Starts the server at once; plays as soon as a page is open and has had its click.

    remembered: a file that keeps port and token (0600), so that a tab that was left open finds the next app again.
    """

    name = "browser"

    def __init__(self, clips: EncodedClips, changed: Changed = lambda _: None, remembered: Path | None = None) -> None:
        self._clips = clips
        self._changed = changed
        self._playback = Playback(PlayerState.ABSENT)
        port, token = _read(remembered)
        self.server = ListenServer(clips, self._reported, port=port, token=token)
        self.server.start()
        if remembered is not None:
            remembered.parent.mkdir(parents=True, exist_ok=True)
            write_private(remembered, json.dumps({"port": self.server.port, "token": self.server.token}))

    @property
    def playback(self) -> Playback:
        return self._playback

    def play(self, id: str, *, around: bool = False) -> None:
        self._set(replace(self._playback, clip=id, at_s=0.0, state=self._but(PlayerState.LOADING)))
        self.server.send({"do": "play", "clip": id, "around": around, "rate": self._playback.rate})

    def pause(self) -> None:
        self.server.send({"do": "pause"})

    def resume(self) -> None:
        self.server.send({"do": "resume"})

    def seek(self, by_s: float) -> None:
        self.server.send({"do": "seek", "by_s": by_s})

    def set_rate(self, rate: float) -> None:
        self._set(replace(self._playback, rate=rate))
        self.server.send({"do": "rate", "rate": rate})

    def prepare(self, ids: Sequence[str]) -> None:
        self.server.send({"do": "ahead", "clips": list(ids)})

    def forget(self, id: str) -> None:
        self._clips.forget(id)
        self.server.send({"do": "forget", "clip": id})

    def close(self) -> None:
        self.server.close()

    def _but(self, state: PlayerState) -> PlayerState:
        """That state, unless nobody could hear it."""
        return state if self._playback.can_play else self._playback.state

    def _reported(self, report: Report | None) -> None:
        if report is not None:
            state = _STATES.get(report.state, self._playback.state)
            self._set(replace(self._playback, state=state, clip=report.clip or self._playback.clip, at_s=report.at_s))
        elif not self.server.connected:
            self._set(replace(self._playback, state=PlayerState.ABSENT))

    def _set(self, playback: Playback) -> None:
        if playback != self._playback:
            self._playback = playback
            self._changed(playback)


def _read(remembered: Path | None) -> tuple[int, str]:
    """(port, token) of the last time; the usual port and no token where nothing useful is kept."""
    try:
        data: Any = json.loads(remembered.read_text(encoding="utf-8")) if remembered is not None else {}
        port, token = int(data["port"]), str(data["token"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return PORT, ""
    usable = (
        1024 <= port < 65536
        and len(token) >= 16
        and token.isascii()
        and token.replace("-", "").replace("_", "").isalnum()
    )
    return (port, token) if usable else (PORT, "")
