"""What a segment, or its text, can be flagged with: the word that a list shows, and what it means."""

from __future__ import annotations

from core.suspicion import FLAGS

MEANINGS = {
    **FLAGS,
}
"""By flag, as it is stored and as lists show it."""


def meaning(flag: str) -> str:
    """`loop: it repeats itself without end`; a flag that this program does not know is its own word."""
    return f"{flag}: {MEANINGS[flag]}" if flag in MEANINGS else flag
