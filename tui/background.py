"""Slow work off the UI thread: one thread per kind of work, only the newest that waits, answers on the UI thread."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import TypeVar

from textual.message import Message

from core.errors import UserError

T = TypeVar("T")


class Answer(Message):
    """What a thread found, on its way to the UI thread. tell: what to do with it there."""

    def __init__(self, tell: Callable[[], object]) -> None:
        super().__init__()
        self.tell = tell


class BackgroundTasks:
    """The threads of one screen; its handler of `Answer` calls `tell`.

    They are daemons, where Textual's own thread workers would hold up leaving until the last one returns.
    """

    def __init__(self, post: Callable[[Message], object]) -> None:
        self._post = post
        self._next: dict[str, Callable[[], None] | None] = {}
        self._guard = threading.Lock()

    def run(
        self, work: Callable[[], T], done: Callable[[T], object], failed: Callable[[UserError], object], group: str
    ) -> None:
        """`work()` in a thread, then `done(result)` or `failed(error)` through an Answer.

        One at a time per group, and only the newest that waits: moving quickly over rows computes the last one only,
        and the answer to an older question is thrown away.
        """

        def errand() -> None:
            try:
                result = work()
            except UserError as error:
                answer = Answer(lambda error=error: failed(error))
            except (OSError, sqlite3.Error) as error:
                # A full disk, a folder that went away, a store that somebody holds: a person's to mend.
                told = UserError(
                    "the workspace cannot be read or written", str(error), "look at the disk and the folder's rights"
                )
                answer = Answer(lambda error=told: failed(error))
            except Exception as error:  # noqa: BLE001 - a fault of ours: raised again on the UI thread, for a crash file
                answer = Answer(lambda error=error: _raise(error))
            else:
                answer = Answer(lambda: done(result))
            with self._guard:
                stale = self._next.get(group) is not None
            if not stale:
                self._post(answer)

        with self._guard:
            busy = group in self._next
            self._next[group] = errand if busy else None
        if not busy:
            threading.Thread(target=self._work, args=(group, errand), name=f"errand {group}", daemon=True).start()

    def _work(self, group: str, errand: Callable[[], None]) -> None:
        following: Callable[[], None] | None = errand
        while following is not None:
            following()
            with self._guard:
                following = self._next.get(group)
                if following is None:
                    del self._next[group]
                else:
                    self._next[group] = None


def _raise(error: Exception) -> None:
    raise error
