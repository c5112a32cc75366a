"""The journal and the database: every edit of a person is in the journal before it is in the database, and what only
the journal has is taken into the database before anything else is written.

What belongs into the journal is read from `edits`, in which every change of a text stands, at the end of each
transaction: no code that changes texts can forget it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from core.store import replay
from core.store.connection import Connection
from core.store.edits import CUT, IS_CHANGED, MADE, PERSON
from core.store.journal import JOURNAL, Journal, JournalState, packed, read, utc

LONG_BYTES = 8_000_000
"""A journal of more, that is also LONG_TIMES as long as it would be if it were begun anew, is begun anew."""
LONG_TIMES = 3
_TYPICAL_LINE_BYTES = 260
AT_ONCE_BYTES = 50_000
"""So much of a journal, some 200 lines, is taken in in one transaction also where it may be put off."""
_NULL = "null"

_GIVEN = "({origin} IN ('human', 'imported') OR {review} IN ('accepted', 'rejected'))"
_WRITTEN = f"""
    SELECT e.segment, e.who, e.at, MAX(e.id), COALESCE(s.video, json_extract(e.before, '$.video')),
           COALESCE(s.start_ms, json_extract(e.before, '$.start_ms')),
           COALESCE(s.end_ms, json_extract(e.before, '$.end_ms')), t.text, t.origin, t.review, t.flags, t.suspicion,
           e.batch, b.what, e.undoes
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
           t.text, t.origin, t.review, t.flags, t.suspicion, NULL, '', NULL
    FROM transcripts t JOIN segments s ON s.id = t.segment
    LEFT JOIN edits e ON e.id = (SELECT MAX(id) FROM edits WHERE segment = t.segment)
    WHERE {_GIVEN.format(origin="t.origin", review="t.review")} OR EXISTS (
        SELECT 1 FROM edits WHERE segment = t.segment AND who = '{PERSON}' AND undoes IS NULL AND undone = 0
    ) OR {IS_CHANGED} ORDER BY (
        SELECT MAX({MADE}) FROM edits WHERE segment = t.segment AND undoes IS NULL AND undone = 0
    ), s.video, s.start_ms, s.end_ms
"""
"""All that people have given, or have changed in a machine's texts, as it stands, in the order in which they did so: by
that undo takes it back where only the journal is left."""


@dataclass(frozen=True)
class _Backlog:
    """Lines of the journal that the database has not taken in yet, in bytes of the file: start to end, and ahead of
    them what the file before it has from `before` on (None: of that, nothing).

    is_newer: see `Replay`. edit: the last one of the database when it was found behind.
    """

    start: int
    end: int
    before: int | None
    is_newer: bool
    edit: int

    @property
    def is_whole(self) -> bool:
        """Of a journal that was not this database's: behind it, what only the database has is still to be written."""
        return not self.start


@dataclass(frozen=True)
class _Place:
    """Up to where the database knows which journal; base: the size that it was begun with; backlog: what is still to be
    taken in of what lies ahead of that."""

    state: JournalState
    base: int
    backlog: _Backlog | None = None


class Standing(NamedTuple):
    """The lines of a new journal as it was after the edit of that number."""

    edit: int
    lines: list[str]


class CatchingUp:
    """A backlog on its way into the database, the file read and nothing written; `Journaling.take_in` goes on."""

    def __init__(self, db: Connection, journal: Journal, backlog: _Backlog) -> None:
        self.backlog = backlog
        lines = read(journal.path, backlog.start, backlog.end)
        if backlog.before is not None:
            lines = chain(read(journal.before, backlog.before), lines)
        known = (line for line in lines if line is not None)
        self.replay = replay.Replay(db, known, is_newer=backlog.is_newer, edit=backlog.edit)


class Journaling:
    def __init__(self, database: Path) -> None:
        self._journal = Journal(database.with_name(JOURNAL))
        self._is_due = False
        """Something was noted that is not on the disk for certain yet."""

    def is_behind(self, db: Connection) -> bool:
        """Whether one of the two has what the other does not. Cheap: a row and the first line of a file."""
        place = _place(db)
        return place is None or place.backlog is not None or place.state != self._journal.state()

    def catch_up(self, db: Connection, *, standing: Standing | None = None, may_put_off: bool = False) -> int:
        """Bring both together, in a transaction that may write; the number of the last edit then.

        standing: what a long journal is begun anew with; None: it stays as it is. may_put_off: whether much of it may
        be left as a backlog, for `catching_up`.

        What stands in the journal behind the place that the database knows was written by a process that was killed
        before its commit, or the database is an older copy, or its -wal is gone.
        """
        place, state = _place(db), self._journal.state()
        if place is None or state is None or place.state != state:
            self._bring_together(db, place, state, may_put_off)
        elif standing is not None and self.is_long(db):
            self._begin(db, standing)
        return _last_edit(db)

    def _bring_together(
        self, db: Connection, place: _Place | None, state: JournalState | None, may_put_off: bool
    ) -> None:
        is_same = place is not None and state is not None and place.state.id == state.id
        pending = place.backlog if place is not None and is_same else None
        if pending is not None:
            # Nothing of it is left for later once the journal is not what the database takes it for.
            self.take_in(db, CatchingUp(db, self._journal, pending), None)
        if state is None or (place is not None and is_same and state.size < place.state.size):
            self._begin(db)  # it is not there, or has lost its end
            return
        backlog = self._backlog(db, place, state, is_same)
        self._journal.end_line()
        state = self._journal.state() or state
        base = place.base if place is not None and is_same else state.size
        _set_place(db, _Place(state, base, backlog))
        is_much = backlog.before is not None or state.size - backlog.start > AT_ONCE_BYTES
        if pending is None and may_put_off and is_much:
            return
        work = CatchingUp(db, self._journal, backlog)
        self.take_in(db, work, None)
        self.end(db, work, None)
        if pending is not None and pending.is_whole:
            self._begin(db)

    def _backlog(self, db: Connection, place: _Place | None, state: JournalState, is_same: bool) -> _Backlog:
        """What is to be taken in: the end of the database's own journal, or all of another. Where the database is a
        copy from before it was begun anew, the end of the file before it comes first: of a text that was taken back
        meanwhile nothing stands in the one that was begun."""
        if place is not None and is_same:
            return _Backlog(place.state.size, state.size, None, True, _last_edit(db))
        known, before = None if place is None else place.state, self._journal.state_before()
        is_newer = bool(known and before and known.id == before.id and known.size <= before.size)
        return _Backlog(0, state.size, known.size if known is not None and is_newer else None, is_newer, _last_edit(db))

    def catching_up(self, db: Connection) -> CatchingUp | None:
        """What `take_in` is to be called with; None where there is no backlog. Reads the journal, and needs no lock."""
        place = _place(db)
        return None if place is None or place.backlog is None else CatchingUp(db, self._journal, place.backlog)

    def take_in(self, db: Connection, work: CatchingUp, size: int | None) -> bool:
        """Take in a backlog for the next `size` segments (None: for all); whether more are left.

        For a slice: others may write between two, and what they write is later than any of it. Where it ends before all
        of it is in, it is begun again, and what was in changes nothing.
        """
        place = _place(db)
        if place is None or place.backlog != work.backlog:
            return False  # another process was quicker
        work.replay.take_in(db, size)
        return bool(work.replay)

    def end(self, db: Connection, work: CatchingUp, standing: Standing | None) -> None:
        """All of a backlog is in. standing: read since then, or None."""
        place = _place(db)
        if place is None or place.backlog != work.backlog:
            return
        if work.backlog.is_whole:
            self._begin(db, standing)
        else:
            _set_place(db, replace(place, backlog=None))

    def is_long(self, db: Connection) -> bool:
        """Whether the journal is to be begun anew."""
        place = _place(db)
        if place is None or place.backlog is not None or place.state.size <= LONG_BYTES:
            return False
        return place.state.size > LONG_TIMES * _shortest(db, place)

    def standing(self, db: Connection) -> Standing:
        """What a journal that is begun now begins with. In a read transaction; needs no lock."""
        return Standing(_last_edit(db), _lines(db.execute(_STANDING).fetchall()))

    def _begin(self, db: Connection, standing: Standing | None = None) -> None:
        """standing: read some time ago; what is another since then is added."""
        found = standing or self.standing(db)
        state = self._journal.begin([*found.lines, *_lines(db.execute(_WRITTEN, (found.edit,)).fetchall())])
        _set_place(db, _Place(state, state.size))

    def note(self, db: Connection, edit: int, *, durable: bool) -> int | None:
        """Write what people have changed after this edit, before it is committed; the size of the journal before it,
        for `take_back`, or None where there was nothing to write. durable: on the disk on return, else after `sync`."""
        place = _place(db)
        # All at once: the way from row to row through `Connection` costs more than the row.
        data = packed(_lines(db.execute(_WRITTEN, (edit,)).fetchall()))
        if not data or place is None:
            return None
        # In this order: what fails here leaves nothing in the journal.
        _set_place(db, replace(place, state=place.state._replace(size=place.state.size + len(data))))
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


def _last_edit(db: Connection) -> int:
    return int(db.execute("SELECT COALESCE(MAX(id), 0) FROM edits").fetchone()[0])


def _place(db: Connection) -> _Place | None:
    row = db.execute("SELECT id, position, base, backlog FROM journal").fetchone()
    if row is None:
        return None
    backlog = _Backlog(**json.loads(row["backlog"])) if row["backlog"] else None
    return _Place(JournalState(row["id"], row["position"]), row["base"], backlog)


def _set_place(db: Connection, place: _Place) -> None:
    backlog = None if place.backlog is None else json.dumps(asdict(place.backlog))
    values = (place.state.id, place.state.size, place.base, backlog)
    db.execute("INSERT OR REPLACE INTO journal (one, id, position, base, backlog) VALUES (1, ?, ?, ?, ?)", values)


def _lines(rows: Iterable[Any]) -> list[str]:
    """One of each row of _WRITTEN or _STANDING: the fields of `JournalLine` as JSON. A segment that is gone, and of
    which nobody noted where it was, has none: its text is elsewhere, or was no person's."""
    # Put together here: to make a dictionary of each, and JSON of that, takes five times as long, while others wait for
    # the store.
    quoted = json.JSONEncoder(ensure_ascii=False).encode
    lines = []
    for segment, who, at, _, video, start, end, text, origin, review, flags, suspicion, batch, what, undoes in rows:
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
        if undoes is not None:
            line += ', "undo": true'
        lines.append(line + "}")
    return lines


@lru_cache(maxsize=256)
def _flags(kept: str) -> str:
    """As a line has them: no file of old that somebody has mended by hand breaks one."""
    return json.dumps(json.loads(kept), ensure_ascii=False)
