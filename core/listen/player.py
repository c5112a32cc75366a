"""What every player can do, and which one fits here."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

SLOW = 0.75
"""The slower of the two rates; the pitch stays."""

LEAD_MS = 1500
"""What can be heard of the neighbours, before a segment and after it."""


class PlayerState(StrEnum):
    """absent: nobody listens (no page is open). locked: the page waits for the one click that browsers ask for.

    written: the clip lies in a file for another player; whether it is heard, nobody here knows.
    """

    ABSENT = "absent"
    LOCKED = "locked"
    IDLE = "idle"
    LOADING = "loading"
    PLAYING = "playing"
    PAUSED = "paused"
    FAILED = "failed"
    WRITTEN = "written"


@dataclass(frozen=True)
class Playback:
    """What is heard now. at_s: seconds into the segment, below 0 while what lies before it is heard.

    why: what went wrong, where it failed.
    """

    state: PlayerState
    clip: str = ""
    at_s: float = 0.0
    rate: float = 1.0
    why: str = ""

    @property
    def can_play(self) -> bool:
        return self.state not in (PlayerState.ABSENT, PlayerState.LOCKED)


Changed = Callable[[Playback], object]
"""Called in a thread of the player's own."""


class SharedPlayback:
    """The playback of a player, which several threads change. Under `guard` no other changes it, so that a place or a
    request can be kept together with it."""

    def __init__(self, state: PlayerState, changed: Changed) -> None:
        self.guard = threading.RLock()
        self.now = Playback(state)
        self._changed = changed

    def change(self, **changes: Any) -> None:
        """Fields that are others now; told in the order of the changes."""
        with self.guard:
            playback = replace(self.now, **changes)
            if playback != self.now:
                self.now = playback
                self._changed(playback)


class Player(Protocol):
    """Plays one segment at a time; a new request ends the one before. No call waits for the sound."""

    @property
    def name(self) -> str:
        """Where it is heard, for the status line: "here", "browser", "file"."""
        ...

    @property
    def steers(self) -> bool:
        """Whether what is heard can be held and moved in from here (`pause`, `resume`, `seek`)."""
        ...

    @property
    def playback(self) -> Playback: ...

    def play(self, id: str, *, around: bool = False, ahead: Sequence[str] = ()) -> None:
        """From the beginning. around: with `LEAD_MS` of what lies before and after it; ahead: what may come next."""
        ...

    def follow(self, id: str, ahead: Sequence[str]) -> None:
        """The cursor has come to rest on this segment, nothing is asked for yet. ahead: what may come next."""
        ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def seek(self, by_s: float) -> None: ...

    def set_rate(self, rate: float) -> None:
        """Speed of this clip and the next ones, at the same pitch. May take as long as the sound's computing."""
        ...

    def close(self) -> None: ...


def is_remote(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the person sits at another machine: a loudspeaker here would play to nobody."""
    return any(environment.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"))
