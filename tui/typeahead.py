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
from collections.abc import Awaitable, Callable

from textual.events import Event, Key, Paste
from textual.message import Message
from textual.message_pump import MessagePump

LOOK_S = 0.02
"""How often a screen that is not ready is asked again."""
LOST_S = 1.0
"""A widget that is removed takes its marker with it: nothing waits longer than this."""


class KeyMarker(Message):
    """Sent behind a key to where it went; it bubbles up to the app behind it. after: what the key did is done too."""

    def __init__(self, key: Event, *, after: bool) -> None:
        super().__init__()
        self.key, self.after = key, after


class TypeAhead:
    """Which key (or paste) is on its way, and which wait for it.

    forward: Textual's own handling of a key. focus: what has the focus, else the screen; None while the app is
    leaving. later: calls something after so many seconds. is_ready: whether the screen has what a key would act on.
    """

    def __init__(
        self,
        forward: Callable[[Event], Awaitable[None]],
        focus: Callable[[], MessagePump | None],
        later: Callable[[float, Callable[[], Awaitable[None]]], object],
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._forward, self._focus, self._later, self._is_ready = forward, focus, later, is_ready
        self._waiting: deque[Event] = deque()
        self._current: Event | None = None

    async def handle(self, key: Key | Paste) -> None:
        """A key was pressed, or has bubbled up to the app because no widget took it: then its binding runs."""
        if self._focus() is None:
            return
        if key.is_forwarded:
            await self._forward(key)
            self._follow_up(key)
        elif self._current is None:
            await self._give_out(key)
        else:
            self._waiting.append(key)

    async def handle_marker(self, marker: KeyMarker) -> None:
        if marker.after and marker.key is self._current and not self._is_ready():
            self._later(LOOK_S, lambda: self.handle_marker(marker))
        elif marker.after:
            await self._release(marker.key)
        else:
            self._follow_up(marker.key)

    async def _give_out(self, key: Event) -> None:
        self._current = key
        target = self._focus()
        await self._forward(key)
        if target is not None:
            target.post_message(KeyMarker(key, after=False))
        self._later(LOST_S, lambda: self._release(key))

    def _follow_up(self, key: Event) -> None:
        """A key was taken, or its binding has run: wait for what that set going."""
        target = self._focus()
        if key is self._current and target is not None:
            target.post_message(KeyMarker(key, after=True))

    async def _release(self, key: Event) -> None:
        """`key` has done what it does: on with the next one."""
        if key is not self._current:
            return
        self._current = None
        if self._waiting and self._focus() is not None:
            await self._give_out(self._waiting.popleft())
