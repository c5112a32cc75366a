"""WebVTT: captions as browsers show them."""

from __future__ import annotations

from collections.abc import Sequence

from core.exchange.captions import one_line, timestamp
from core.timed_text import Cue


def render(cues: Sequence[Cue]) -> str:
    """A header, a full stop before the milliseconds; `&` and `<` are escaped as the format asks."""
    blocks = [
        f"{timestamp(cue.start_ms, '.')} --> {timestamp(cue.end_ms, '.')}\n"
        f"{one_line(cue.text).replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}\n"
        for cue in cues
        if cue.text
    ]
    return "\n".join(["WEBVTT\n", *blocks])
