"""Cues as strangers' files give them, within what a recording can hold."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from core.errors import UserError
from core.timed_text import Cue

LATEST_MS = 100_000 * 3_600_000
"""Of a time in a file of captions, whose hours have at most five digits."""

MOST_AT_ONCE = 100
"""Cues at one moment. Karaoke shows a line as some thirty; every window is dealt all that stand at its time."""


def in_order(cues: Iterable[Cue], name: str) -> list[Cue]:
    """Those with a text and a length, by their times. name: of the file, for the UserError about cues that no
    recording can have: too late, or too many of them at one moment."""
    kept = sorted(cue for cue in cues if cue.text and cue.end_ms > cue.start_ms)
    if kept and (kept[0].start_ms < 0 or max(cue.end_ms for cue in kept) > LATEST_MS):
        hours = LATEST_MS // 3_600_000
        raise UserError(f"{name} has times that no recording has", f"below 0, or above {hours} hours", "mend the times")
    ends: list[int] = []
    for cue in kept:
        while ends and ends[0] <= cue.start_ms:
            heapq.heappop(ends)
        heapq.heappush(ends, cue.end_ms)
        if len(ends) > MOST_AT_ONCE:
            raise UserError(
                f"{name} has more than {MOST_AT_ONCE} captions at one moment",
                f"{cue.start_ms / 1000:g} s after the beginning; nobody could read them",
                "check that its times are those of one recording",
            )
    return kept
