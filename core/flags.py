"""What a segment, or its text, can be flagged with: the word that a list shows, and what it means."""

from __future__ import annotations

MEANINGS = {
    "loop": "the same words again and again",
    "empty": "no words were heard in it",
    "fast": "more words than anybody says in that time",
    "cut": "the captions do not fit its edges: a word may be halved or missing",
}
"""By flag, as it is stored and as lists show it."""


def meaning(flag: str) -> str:
    """`loop: the same words again and again`; a flag that this program does not know is its own word."""
    return f"{flag}: {MEANINGS[flag]}" if flag in MEANINGS else flag
