"""What a segment, or its text, can be flagged with: the word that a list shows, and what it means."""

from __future__ import annotations

from core.review import sound_flags, suspicion

MOVED, PARTLY = "moved", "partly"

MEANINGS = {
    **suspicion.FLAGS,
    **sound_flags.FLAGS,
    MOVED: "written for segments of an earlier cut, and put here by its time",
    PARTLY: "it says what is heard in a part of the segment only",
}
"""By flag, as it is stored and as lists show it."""


def meaning(flag: str) -> str:
    """`loop: it repeats itself without end`; a flag that this program does not know is its own word."""
    return f"{flag}: {MEANINGS[flag]}" if flag in MEANINGS else flag
