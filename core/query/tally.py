"""How many segments each choice of a filter would show, beside what else is asked for. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from core.query.grammar import Query
from core.store.records import HUMAN, TranscriptRow

CHOSEN = ("state", "flag", "by", "differs", "video")
"""Attributes of which one chooses values."""


class Tally:
    """counts: by attribute, by value. A row counts for an attribute if all that is asked of the others holds for it:
    so many would be shown if that value were asked for."""

    def __init__(self, query: Query[TranscriptRow]) -> None:
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in CHOSEN}
        self._terms = query.terms

    def add(self, rows: Sequence[TranscriptRow]) -> None:
        """UserError where a pattern takes too long."""
        for name in CHOSEN:
            seen: Iterable[TranscriptRow] = rows
            for term in self._terms:
                if term.attribute != name:
                    seen = filter(term.test, seen)
            self.counts[name].update(value for row in seen for value in _values(name, row))


def _values(attribute: str, row: TranscriptRow) -> tuple[str, ...]:
    if attribute == "state":
        return (row.review,) if row.review == "pending" else (row.review, "reviewed")
    if attribute == "flag":
        flags = row.flags + row.sound_flags
        return (*flags, "any") if flags else ("none",)
    if attribute == "video":
        return (row.video,)
    if attribute == "differs":
        return ("differs",) if row.differs else ()
    return ("person" if row.origin in HUMAN else row.origin or "nobody",)
