"""Something slow that is read again and again, off the UI thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from core.errors import UserError


class Poller:
    """A thread of its own that reads every few seconds, so that a hung driver hangs nothing else.

    changed is called in that thread, and only when what was read, or the UserError in its place, is another one than
    before. `now()` reads at once.
    """

    def __init__(self, seconds: float, read: Callable[[], Any], changed: Callable[[Any], object], name: str) -> None:
        self._seconds = seconds
        self._read = read
        self._changed = changed
        self._wake = threading.Event()
        self._stopped = False
        self.polls = 0
        """How often it has read."""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def now(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def _run(self) -> None:
        last: object = None
        while not self._stopped:
            self._wake.clear()
            try:
                found = self._read()
            except UserError as error:
                # A settings file that is being edited, a file system that stumbles: shown like anything that is read.
                found = error
            self.polls += 1
            if found != last and not self._stopped:
                last = found
                self._changed(found)
            self._wake.wait(self._seconds)
