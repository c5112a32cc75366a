"""A bound for the one thing that yt-dlp waits for without any: a JavaScript runtime that never ends."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

RUNTIMES = frozenset(("deno", "node", "bun", "qjs"))


class Watchdog:
    """Kills the JavaScript runtimes that this process has started once `limit_s` have passed without a sign of life.

    A thread cannot be killed, but the program it waits for can: yt-dlp then goes on with a warning, and `fired` tells
    why. Everything else that yt-dlp waits for has a bound of its own (sockets), or is at work (ffmpeg). Where there
    is no /proc, nothing is done. A context manager.
    """

    def __init__(self, limit_s: float) -> None:
        self.fired = False
        self._limit_s = limit_s
        self._last = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join(5)

    def reset(self) -> None:
        self._last = time.monotonic()

    def _run(self) -> None:
        while not self._end.wait(min(1.0, self._limit_s / 4)):
            if time.monotonic() - self._last < self._limit_s:
                continue
            for pid in runtimes():
                with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
                    os.kill(pid, signal.SIGKILL)
                    self.fired = True
            self.reset()


def runtimes() -> list[int]:
    """Process ids of this process's own children that run JavaScript."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")
        except OSError:  # it has just ended
            continue
        state, parent = rest.split()[:2]
        if int(parent) == os.getpid() and state != "Z" and name.partition("(")[2] in RUNTIMES:
            found.append(int(folder.name))
    return found
