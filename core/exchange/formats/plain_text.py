"""Text without times, one line for each cue that says something."""

from __future__ import annotations

from collections.abc import Sequence

from core.timed_text import Cue


def render(cues: Sequence[Cue]) -> str:
    return "".join(f"{cue.text}\n" for cue in cues if cue.text)
