"""The terminal may go at any time: a closed laptop, a dropped line. Then the app leaves, cleanly and soon."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable

LEAVE_S = 3.0
"""A terminal that is gone must not keep the process: after this long it is left without ceremony."""


def handle(hang_up: Callable[[], None]) -> None:
    """Call `hang_up` on SIGHUP, also where nohup had it ignored, and on SIGTERM. Needs the running event loop.

    Textual handles neither: SIGHUP would kill it in the middle of a write, and where it is ignored the input
    thread would read the end of a closed terminal for ever, at 100 % CPU.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGHUP, signal.SIGTERM):
        loop.add_signal_handler(number, hang_up)


def has_terminal() -> bool:
    """Whether standard input is still a terminal. It can go without a signal, where the app is in no foreground
    group of it."""
    try:
        termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError):
        return False
    return True


def leave_anyway() -> None:
    """End the process, with code 0, in LEAVE_S seconds, whatever still hangs on writing to a dead terminal by then."""
    timer = threading.Timer(LEAVE_S, os._exit, (0,))
    timer.daemon = True
    timer.start()
