"""Wall-clock time as the store and the event logs write it."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Milliseconds since 1970, an integer."""
    return int(time.time() * 1000)
