"""Every transcript in playing order, and those that a query finds: both change row by row, and nothing is read anew.

TranscriptIndex    all rows, sorted, and by id
Query              what is shown, in which order
QueryResult        the rows that a query finds, in its order; `change` moves one row and leaves the rest

100 000 rows are selected in a thread (`Query.select` over a copy of the rows); a row that changes costs microseconds.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from core.review.correction_time import USUAL, CorrectionTime
from core.review.suspicion import edits_of
from core.store import TranscriptRow

FILTERS = ("all", "pending", "accepted", "rejected", "flagged")
GAIN = "errors a minute"
ORDERS = ("time", "suspicion", GAIN)

Key = tuple[float, int, int, int, str]
"""Where a row stands among others: rank (0 in playing order), then place, start_ms, end_ms; and its id."""


@dataclass(frozen=True)
class Query:
    """What is shown. words: each must occur in a row's text or name. time: of corrections, for the errors a minute."""

    filter: str = "all"
    order: str = "time"
    words: tuple[str, ...] = ()
    time: CorrectionTime = USUAL

    def next_filter(self) -> Query:
        return replace(self, filter=_after(FILTERS, self.filter))

    def next_order(self) -> Query:
        return replace(self, order=_after(ORDERS, self.order))

    def matches(self, row: TranscriptRow) -> bool:
        if self.filter == "flagged":
            if not row.flags:
                return False
        elif self.filter != "all" and row.review != self.filter:
            return False
        if not self.words:
            return True
        text = f"{row.id} {row.text}".casefold()
        return all(word in text for word in self.words)

    def key(self, row: TranscriptRow) -> Key:
        rank = 0.0
        if self.order == "suspicion":
            # What nobody has measured comes last.
            rank = 1.0 if row.suspicion is None else -row.suspicion
        elif self.order == GAIN:
            edits = edits_of(row.suspicion or 0.0)
            rank = (
                1.0 if row.suspicion is None else -edits / self.time.seconds((row.end_ms - row.start_ms) / 1000, edits)
            )
        return (rank, row.place, row.start_ms, row.end_ms, row.id)

    def select(self, rows: Iterable[TranscriptRow], pinned: Mapping[str, TranscriptRow]) -> list[Key]:
        """Keys of the rows to show, in order; `rows` come in playing order. For `pinned`, see QueryResult."""
        seen = (pinned.get(row.id, row) for row in rows) if pinned else rows
        keys = [self.key(row) for row in seen if self.matches(row)]
        if self.order != "time":
            # By the rank alone: equals stay in playing order.
            keys.sort(key=itemgetter(0))
        return keys


def _after(names: tuple[str, ...], name: str) -> str:
    return names[(names.index(name) + 1) % len(names)]


class TranscriptIndex:
    """All rows, in playing order. revision: of the store, up to which its changes are in here."""

    def __init__(self, rows: Sequence[TranscriptRow] = (), revision: int = 0) -> None:
        self.rows = list(rows)
        self.revision = revision
        self._by_id = {row.id: row for row in self.rows}

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
            del self.rows[self.number(row)]
        return row

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


@dataclass
class QueryResult:
    """The rows that a query finds, in its order.

    pinned: rows that were dealt with since the query was chosen, as they were before: these are filtered and ordered as
    if nothing had happened to them, so that a row does not run away from under the cursor.
    """

    query: Query = field(default_factory=Query)
    pinned: dict[str, TranscriptRow] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.keys)

    def id(self, number: int) -> str:
        return self.keys[number][-1]

    def find(self, row: TranscriptRow) -> int | None:
        """Where a row is shown; None where it is not."""
        key = self.query.key(self.pinned.get(row.id, row))
        number = bisect_left(self.keys, key)
        return number if number < len(self.keys) and self.keys[number] == key else None

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
        key = self.query.key(after) if after is not None and self.query.matches(after) else None
        if number is not None and self.keys[number] == key:
            return False
        if number is not None:
            del self.keys[number]
        if key is not None:
            insort(self.keys, key)
        return number is not None or key is not None
