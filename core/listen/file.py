"""A file for other players: each clip is written over the last one, where a player here or a synced folder finds it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.files import write_bytes
from core.listen.clips import EncodedClips, wav
from core.listen.player import Changed, Playback, PlayerState, SharedPlayback
from core.listen.stretch import stretched


class FilePlayer:
    """A wav at one path, always whole. What plays it, and how far it is, cannot be known or steered from here."""

    name = "file"
    steers = False

    def __init__(self, clips: EncodedClips, path: Path, changed: Changed = lambda _: None) -> None:
        self.path = path
        self._clips = clips
        self._request = 0
        self._around = False
        self._shared = SharedPlayback(PlayerState.IDLE, changed)

    @property
    def playback(self) -> Playback:
        return self._shared.now

    def play(self, id: str, *, around: bool = False, ahead: Sequence[str] = ()) -> None:
        with self._shared.guard:
            self._request += 1
            self._around = around
            self._shared.change(state=PlayerState.LOADING, clip=id, at_s=0.0, why="")
            work = (self._request, id, around, self._shared.now.rate)
        threading.Thread(target=self._write, args=work, name="listen file", daemon=True).start()

    def follow(self, id: str, ahead: Sequence[str]) -> None:
        """Nothing to do: a wav on this disk is there at once."""

    def _write(self, request: int, id: str, around: bool, rate: float) -> None:
        changes: dict[str, Any] = {"state": PlayerState.WRITTEN}
        try:
            data = wav(stretched(self._clips.clip(id, around).samples, rate))
            with self._shared.guard:
                if request == self._request:
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    write_bytes(self.path, data)
        except (UserError, OSError) as error:
            changes = {"state": PlayerState.FAILED, "why": str(error).partition("\n")[0]}
        with self._shared.guard:
            if request == self._request:
                self._shared.change(**changes)

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def seek(self, by_s: float) -> None: ...

    def set_rate(self, rate: float) -> None:
        """The clip is written again at that speed."""
        with self._shared.guard:
            self._shared.change(rate=rate)
            if self._shared.now.clip:
                self.play(self._shared.now.clip, around=self._around)

    def close(self) -> None:
        """The last clip stays where it is."""
        with self._shared.guard:
            self._request += 1
