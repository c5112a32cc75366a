"""Every transcript in playing order, and those that are shown: both change row by row, and nothing is read anew.

TranscriptIndex    all rows, sorted, and by id
View               what is shown, in which order
QueryResult        the rows that a view shows, in its order; `change` moves one row and leaves the rest

100 000 rows are searched in a thread (search.py); a row that changes costs microseconds.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from core.errors import UserError
from core.query.grammar import Query
from core.review.correction_time import USUAL, CorrectionTime
from core.review.suspicion import edits_of
from core.store import TranscriptRow

GAIN = "errors a minute"
ORDERS = {
    "time": "in playing order",
    "suspicion": "most suspicious first",
    GAIN: "most errors a minute first",
}
"""Each order, and how it is told."""

Key = tuple[float, int, int, int, str]
"""Where a row stands among others: rank (0 in playing order), then place, start_ms, end_ms; and its id."""


@dataclass(frozen=True)
class View:
    """What is shown. query: which rows. time: of corrections, for the errors a minute."""

    query: Query[TranscriptRow] = field(default_factory=Query)
    order: str = "time"
    time: CorrectionTime = USUAL

    def next_order(self) -> View:
        names = list(ORDERS)
        return replace(self, order=names[(names.index(self.order) + 1) % len(names)])

    def is_like(self, other: View) -> bool:
        """Whether the two differ in the time of corrections at most."""
        return replace(self, time=other.time) == other

    def shows(self, row: TranscriptRow) -> bool:
        try:
            return self.query.matches(row)
        except UserError:
            # A text that came after the search, on which its pattern takes too long: it is not waited for.
            return False

    def rank(self, row: TranscriptRow) -> float:
        """The first are those of the least rank; what nobody has measured comes last."""
        if self.order == "time":
            return 0.0
        if row.suspicion is None:
            return 1.0
        if self.order == "suspicion":
            return -row.suspicion
        edits = edits_of(row.suspicion)
        return -edits / self.time.seconds((row.end_ms - row.start_ms) / 1000, edits)

    def key(self, row: TranscriptRow) -> Key:
        return (self.rank(row), row.place, row.start_ms, row.end_ms, row.id)


class TranscriptIndex:
    """All rows, in playing order. revision: of the store, up to which its changes are in here."""

    def __init__(self, rows: Sequence[TranscriptRow] = (), revision: int = 0) -> None:
        self.rows = list(rows)
        self.revision = revision
        self._by_id = {row.id: row for row in self.rows}
        self.flags = {flag for flags in {row.flags + row.sound_flags for row in self.rows} for flag in flags}
        """All that any row has, or has had."""
        self._longest_ms = max((row.end_ms - row.start_ms for row in self.rows), default=0)
        self.accepted_ms = accepted_time(self.rows)

    @property
    def has_several_recordings(self) -> bool:
        return bool(self.rows) and self.rows[0].place != self.rows[-1].place

    def __len__(self) -> int:
        return len(self.rows)

    def get(self, id: str) -> TranscriptRow | None:
        return self._by_id.get(id)

    def number(self, row: TranscriptRow) -> int:
        """How many rows stand before it."""
        return bisect_left(self.rows, row[:3])

    def put(self, row: TranscriptRow) -> TranscriptRow | None:
        """Add a row or replace the one of its id; returns what was there."""
        before = self._by_id.get(row.id)
        self._by_id[row.id] = row
        self.flags.update(row.flags, row.sound_flags)
        self._longest_ms = max(self._longest_ms, row.end_ms - row.start_ms)
        if (before is not None and before.review == "accepted") != (row.review == "accepted"):
            self.accepted_ms += self._alone_ms(row) * (1 if row.review == "accepted" else -1)
        place = self.number(row)
        if before is None:
            self.rows.insert(place, row)
        else:
            self.rows[place] = row
        return before

    def remove(self, id: str) -> TranscriptRow | None:
        """Take a row out; returns it, None if it was not here."""
        row = self._by_id.pop(id, None)
        if row is not None:
            if row.review == "accepted":
                self.accepted_ms -= self._alone_ms(row)
            del self.rows[self.number(row)]
        return row

    def _alone_ms(self, row: TranscriptRow) -> int:
        """How much of its time no other accepted row has."""
        first = bisect_left(self.rows, (row.place, row.start_ms - self._longest_ms))
        last = bisect_left(self.rows, (row.place, row.end_ms))
        others = [
            other._replace(start_ms=max(other.start_ms, row.start_ms), end_ms=min(other.end_ms, row.end_ms))
            for other in self.rows[first:last]
            if other.id != row.id and other.end_ms > row.start_ms
        ]
        return row.end_ms - row.start_ms - accepted_time(sorted(others))

    def neighbours(self, row: TranscriptRow) -> tuple[TranscriptRow | None, TranscriptRow | None]:
        """The rows before and after it in the same recording."""
        number = self.number(row)
        around = (self.rows[i] if 0 <= i < len(self.rows) else None for i in (number - 1, number + 1))
        before, after = (found if found is not None and found.video == row.video else None for found in around)
        return before, after

    def lying_at(self, gone: TranscriptRow) -> TranscriptRow | None:
        """The row of the same recording that has most of the time of one that is gone; None if none has any."""
        first = bisect_left(self.rows, (gone.place,))
        last = bisect_left(self.rows, (gone.place, gone.end_ms))
        found = [row for row in self.rows[first:last] if row.end_ms > gone.start_ms]
        return max(found, key=lambda row: min(row.end_ms, gone.end_ms) - max(row.start_ms, gone.start_ms), default=None)


def accepted_time(rows: Iterable[TranscriptRow]) -> int:
    """Milliseconds of the accepted ones, which come in playing order; what several share counts once."""
    total, place, until = 0, None, 0
    for row in rows:
        if row.review != "accepted":
            continue
        if row.place != place:
            place, until = row.place, 0
        total += max(0, row.end_ms - max(row.start_ms, until))
        until = max(until, row.end_ms)
    return total


@dataclass
class QueryResult:
    """The rows that a view shows, in its order.

    pinned: rows that were dealt with since the view was chosen, as they were before: these are filtered and ordered as
    if nothing had happened to them, so that a row does not run away from under the cursor. rows: those shown, as they
    were when they were put in their place.
    """

    view: View = field(default_factory=View)
    pinned: dict[str, TranscriptRow] = field(default_factory=dict)
    rows: list[TranscriptRow] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def id(self, number: int) -> str:
        return self.rows[number].id

    def place(self, row: TranscriptRow) -> int:
        """Where a row is shown; where it would stand, if it is not."""
        view = self.view
        return bisect_left(self.rows, view.key(self.pinned.get(row.id, row)), key=view.key)

    def find(self, row: TranscriptRow) -> int | None:
        """Where a row is shown; None where it is not."""
        number = self.place(row)
        return number if number < len(self.rows) and self.rows[number].id == row.id else None

    def pin(self, row: TranscriptRow) -> None:
        """Let a row stay where it is, whatever becomes of it."""
        self.pinned.setdefault(row.id, row)

    def change(self, before: TranscriptRow | None, after: TranscriptRow | None) -> bool:
        """A row was added (before is None), removed (after is None) or replaced. True if others moved for it."""
        if after is not None and after.id in self.pinned:
            return False
        number = None if before is None else self.find(before)
        if after is None and before is not None:
            self.pinned.pop(before.id, None)
        shown = after if after is not None and self.view.shows(after) else None
        if number is not None and shown is not None and self.view.key(shown) == self.view.key(self.rows[number]):
            self.rows[number] = shown
            return False
        if number is not None:
            del self.rows[number]
        if shown is not None:
            insort(self.rows, shown, key=self.view.key)
        return number is not None or shown is not None
