"""Wall-clock time: as the store and the event logs write it, and as people read it."""

from __future__ import annotations

import time


def time_of_day(at_ms: float) -> str:
    """14:20, with the date where it is another day's: 11-23 02:20, in the time of this machine."""
    at, today = time.localtime(at_ms / 1000), time.localtime()
    same = (at.tm_year, at.tm_yday) == (today.tm_year, today.tm_yday)
    return time.strftime("%H:%M" if same else "%m-%d %H:%M", at)


def now_ms() -> int:
    """Milliseconds since 1970, an integer."""
    return int(time.time() * 1000)


def duration(milliseconds: int | None) -> str:
    """mm:ss, or h:mm:ss from an hour on; – where it is not known."""
    if milliseconds is None:
        return "–"
    seconds = round(milliseconds / 1000)
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
