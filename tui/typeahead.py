"""Keys that come faster than what they act on: each one is handled whole before the next is given out.

Textual forwards a key to the widget that has the focus at that moment, and looks for its binding later, when it has
bubbled up to the app: by then an earlier key may have brought another screen, of which nothing is mounted yet, or
moved the focus. `4` and `o` in one read of the terminal (a slow line, a quick hand) then met the wrong widget or none.

So while a key is on its way the next ones wait, and two markers follow it: the first through every widget that may
take the key, the second, once that is over, through whatever has the focus by then. A screen that is coming answers
the second one only when it is mounted and has given the focus to its table.
"""

from __future__ import annotations

from collections import deque

from textual.events import Event
from textual.message import Message


class KeyMarker(Message):
    """Sent behind a key to where it went; it bubbles up to the app behind it. after: what the key did is done too."""

    def __init__(self, key: Event, *, after: bool) -> None:
        super().__init__()
        self.key, self.after = key, after


class TypeAhead:
    """Which key (or paste) is on its way, and which wait for it."""

    LOST_S = 1.0
    """A widget that is removed takes its marker with it: nothing waits longer than this."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()
        self._current: Event | None = None

    @property
    def current(self) -> Event | None:
        return self._current

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def admit(self, key: Event) -> bool:
        """A key was pressed: True if it may go out now, else it waits."""
        if self._current is not None:
            self._waiting.append(key)
            return False
        self._current = key
        return True

    def release(self, key: Event) -> Event | None:
        """`key` has done what it does: the next one to go out. None if there is none, or `key` is over already."""
        if self._current is not key:
            return None
        self._current = self._waiting.popleft() if self._waiting else None
        return self._current
