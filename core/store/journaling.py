"""The journal and the database: every edit of a person is in the journal before it is in the database, and what only
the journal has is taken into the database before anything else is written.

What belongs into the journal is read from `edits`, in which every change of a text stands, at the end of each
transaction: no code that changes texts can forget it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from core.store import replay
from core.store.connection import Connection
from core.store.edits import CUT, IS_CHANGED, PERSON
from core.store.journal import JOURNAL, Journal, JournalLine, JournalState, packed, read, utc

LONG_BYTES = 8_000_000
"""A journal of more, that is also LONG_TIMES as long as it would be if it were begun anew, is begun anew."""
LONG_TIMES = 3
_TYPICAL_LINE_BYTES = 260
_NULL = "null"

_GIVEN = "({origin} IN ('human', 'imported') OR {review} IN ('accepted', 'rejected'))"
_WRITTEN = f"""
    SELECT e.segment, e.who, e.at, MAX(e.id), COALESCE(s.video, json_extract(e.before, '$.video')),
           COALESCE(s.start_ms, json_extract(e.before, '$.start_ms')),
           COALESCE(s.end_ms, json_extract(e.before, '$.end_ms')), t.text, t.origin, t.review, t.flags, t.suspicion,
           e.batch, b.what
    FROM edits e NOT INDEXED LEFT JOIN segments s ON s.id = e.segment LEFT JOIN transcripts t ON t.segment = e.segment
    LEFT JOIN batches b ON b.id = e.batch
    WHERE e.id > ? AND (e.who IN ('{PERSON}', '{CUT}') OR {_GIVEN.format(origin="t.origin", review="t.review")} OR
        {_GIVEN.format(origin="json_extract(e.before, '$.origin')", review="json_extract(e.before, '$.review')")})
    GROUP BY e.segment ORDER BY MAX(e.id)
"""
"""What stands in segments in which a person has changed something after an edit, or whose text of a person went. By the
number of the edits alone: an index that has them by segment would be read to its end."""

_STANDING = f"""
    SELECT s.id, COALESCE(e.who, '{PERSON}'), COALESCE(e.at, t.updated), e.id, s.video, s.start_ms, s.end_ms,
           t.text, t.origin, t.review, t.flags, t.suspicion, NULL, ''
    FROM transcripts t JOIN segments s ON s.id = t.segment
    LEFT JOIN edits e ON e.id = (SELECT MAX(id) FROM edits WHERE segment = t.segment)
    WHERE {_GIVEN.format(origin="t.origin", review="t.review")} OR EXISTS (
        SELECT 1 FROM edits WHERE segment = t.segment AND who = '{PERSON}' AND undoes IS NULL AND undone = 0
    ) OR {IS_CHANGED} ORDER BY s.video, s.start_ms, s.end_ms
"""
"""All that people have given, or have changed in a machine's texts, as it stands."""


@dataclass(frozen=True)
class _Place:
    """Up to where the database knows which journal; base: the size that it was begun with."""

    state: JournalState
    base: int


class Journaling:
    def __init__(self, database: Path) -> None:
        self._journal = Journal(database.with_name(JOURNAL))
        self._is_due = False
        """Something was noted that is not on the disk for certain yet."""

    def is_behind(self, db: Connection) -> bool:
        """Whether one of the two has what the other does not. Cheap: a row and the first line of a file."""
        place = _place(db)
        return place is None or place.state != self._journal.state()

    def catch_up(self, db: Connection, *, may_shorten: bool = True) -> int:
        """Bring both together, in a transaction that may write; the number of the last edit then.

        may_shorten: whether a long journal may be begun anew, for which all that stands is read and written.

        What stands in the journal behind the place that the database knows was written by a process that was killed
        before its commit, or the database is an older copy, or its -wal is gone.
        """
        place, state = _place(db), self._journal.state()
        if place is None or state is None or place.state != state:
            self._bring_together(db, place, state)
        elif may_shorten and state.size > LONG_BYTES and state.size > LONG_TIMES * _shortest(db, place):
            self._begin(db)
        return int(db.execute("SELECT COALESCE(MAX(id), 0) FROM edits").fetchone()[0])

    def _bring_together(self, db: Connection, place: _Place | None, state: JournalState | None) -> None:
        if state is not None:
            is_same = place is not None and place.state.id == state.id
            if place is not None and is_same and place.state.size < state.size:
                tail = list(read(self._journal.path, place.state.size))
                replay.take_in(db, (line for line in tail if line is not None), is_newer=True)
                self._end_line(tail)
                _set_place(db, self._journal.state() or state, place.base)
                return
            if not is_same:
                self._take_in_all(db, place)
        # It is not there, is another's, or has lost its end.
        self._begin(db)

    def _take_in_all(self, db: Connection, place: _Place | None) -> None:
        """What the whole journal says. Where the database is a copy from before it was begun anew, the end of the file
        before it comes first: of a text that was taken back meanwhile nothing stands in the one that was begun."""
        known, before = None if place is None else place.state, self._journal.state_before()
        is_newer = bool(known and before and known.id == before.id and known.size <= before.size)
        lines = read(self._journal.path)
        if known is not None and is_newer:
            lines = chain(read(self._journal.before, known.size), lines)
        replay.take_in(db, (line for line in lines if line is not None), is_newer=is_newer)

    def _end_line(self, tail: list[JournalLine | None]) -> None:
        """Where the last line was cut short, the next one is not to be a part of it."""
        if tail and tail[-1] is None:
            self._journal.append(b"\n")

    def _begin(self, db: Connection) -> None:
        state = self._journal.begin(_lines(db.execute(_STANDING).fetchall()))
        _set_place(db, state, state.size)

    def note(self, db: Connection, edit: int, *, durable: bool) -> int | None:
        """Write what people have changed after this edit, before it is committed; the size of the journal before it,
        for `take_back`, or None where there was nothing to write. durable: on the disk on return, else after `sync`."""
        place = _place(db)
        # All at once: the way from row to row through `Connection` costs more than the row.
        data = packed(_lines(db.execute(_WRITTEN, (edit,)).fetchall()))
        if not data or place is None:
            return None
        # In this order: what fails here leaves nothing in the journal.
        _set_place(db, place.state._replace(size=place.state.size + len(data)), place.base)
        self._journal.append(data, durable=durable)
        self._is_due |= not durable
        return place.state.size

    def sync(self) -> None:
        """What was noted is on the disk."""
        if self._is_due:
            self._journal.sync()
            self._is_due = False

    def take_back(self, size: int) -> None:
        """What was noted is not committed."""
        self._journal.cut_back(size)


def _shortest(db: Connection, place: _Place) -> int:
    """About how many bytes a journal of what stands now has: what many have accepted since it was begun, stands."""
    row = db.execute("SELECT accepted + rejected FROM counts").fetchone()
    return max(place.base, _TYPICAL_LINE_BYTES * int(row[0]))


def _place(db: Connection) -> _Place | None:
    row = db.execute("SELECT id, position, base FROM journal").fetchone()
    return None if row is None else _Place(JournalState(row["id"], row["position"]), row["base"])


def _set_place(db: Connection, state: JournalState, base: int) -> None:
    values = (state.id, state.size, base)
    db.execute("INSERT OR REPLACE INTO journal (one, id, position, base) VALUES (1, ?, ?, ?)", values)


def _lines(rows: Iterable[Any]) -> list[str]:
    """One of each row of _WRITTEN or _STANDING: the fields of `JournalLine` as JSON. A segment that is gone, and of
    which nobody noted where it was, has none: its text is elsewhere, or was no person's."""
    # Put together here: to make a dictionary of each, and JSON of that, takes five times as long, while others wait for
    # the store.
    quoted = json.JSONEncoder(ensure_ascii=False).encode
    lines = []
    for segment, who, at, _, video, start, end, text, origin, review, flags, suspicion, batch, what in rows:
        if video is None:
            continue
        line = (
            f'{{"at": "{utc(at)}", "who": {quoted(who)}, "segment": {quoted(segment)}, "recording": {quoted(video)}, '
            f'"start_ms": {start}, "end_ms": {end}, "text": {_NULL if text is None else quoted(text)}'
        )
        if text is not None:
            doubt = _NULL if suspicion is None else repr(suspicion)
            line += f', "origin": "{origin}", "review": "{review}", "flags": {_flags(flags)}, "suspicion": {doubt}'
        if batch is not None:
            line += f', "batch": {batch}, "what": {quoted(what)}'
        lines.append(line + "}")
    return lines


@lru_cache(maxsize=256)
def _flags(kept: str) -> str:
    """As a line has them: no file of old that somebody has mended by hand breaks one."""
    return json.dumps(json.loads(kept), ensure_ascii=False)
