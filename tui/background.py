"""Slow work off the UI thread: one thread per kind of work, only the newest that waits, results on the UI thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from textual.message import Message

from core.errors import UserError

T = TypeVar("T")


class TaskResult(Message):
    """What a thread found, on its way to the UI thread. deliver: what to do with it there."""

    def __init__(self, deliver: Callable[[], object]) -> None:
        super().__init__()
        self.deliver = deliver


class BackgroundTasks:
    """The threads of one screen; its handler of `TaskResult` calls `deliver`.

    They are daemons, where Textual's own thread workers would hold up leaving until the last one returns.
    """

    def __init__(self, post: Callable[[Message], object]) -> None:
        self._post = post
        self._next: dict[str, Callable[[], None] | None] = {}
        self._guard = threading.Lock()

    def run(
        self, work: Callable[[], T], done: Callable[[T], object], failed: Callable[[UserError], object], group: str
    ) -> None:
        """`work()` in a thread, then `done(result)` or `failed(error)` through a TaskResult.

        One at a time per group, and only the newest that waits: moving quickly over rows computes the last one only,
        and the result of an older one is thrown away.
        """

        def task() -> None:
            try:
                result = work()
            except UserError as error:
                message = TaskResult(lambda error=error: failed(error))
            except OSError as error:
                # A full disk, a folder that went away: a person's to mend.
                unreadable = UserError(
                    "the workspace cannot be read or written", str(error), "look at the disk and the folder's rights"
                )
                message = TaskResult(lambda error=unreadable: failed(error))
            except Exception as error:  # noqa: BLE001 - a fault of ours: raised again on the UI thread, for a crash file
                message = TaskResult(lambda error=error: _raise(error))
            else:
                message = TaskResult(lambda: done(result))
            with self._guard:
                stale = self._next.get(group) is not None
            if not stale:
                self._post(message)

        with self._guard:
            busy = group in self._next
            self._next[group] = task if busy else None
        if not busy:
            threading.Thread(target=self._work, args=(group, task), name=f"task {group}", daemon=True).start()

    def _work(self, group: str, task: Callable[[], None]) -> None:
        following: Callable[[], None] | None = task
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
