"""Taking lines of a journal into the database: as edits, so that nothing that stood there is lost by it."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate, islice
from typing import Any, NamedTuple, Self

from core.clock import now_ms
from core.ids import is_safe
from core.spans import parse_segment_name, segment_id
from core.store import edits
from core.store.connection import Connection
from core.store.journal import JournalLine
from core.store.records import HUMAN

_Key = tuple[str, int, int]
"""See `JournalLine.key`."""


class Replay:
    """What lines of a journal say last of each segment, on its way into the database.

    is_newer: all of the lines were written after what the database holds. Else a line yields to what was written later,
    by the clock, unless an earlier line tells just that: clocks are set back. edit: the last one that counts as what
    the database holds; what people do after it, while lines are taken in, is later than all of these. None if nobody
    does anything then. has_holes: rows of the database may be lost. Making one reads, and needs no lock.
    """

    def __init__(
        self,
        db: Connection,
        lines: Iterable[JournalLine],
        *,
        is_newer: bool = False,
        edit: int | None = None,
        has_holes: bool = False,
    ) -> None:
        self._is_newer, self._edit, self._has_holes = is_newer, edit, has_holes
        self._held = _Held.read(db, edit, most=1 if is_newer else None)
        self._count = 0
        self._earlier: dict[_Key, dict[int, _Made]] = {}
        """Of lines that are not the last, by what they say (`_hash`); not the lines, which are many and long."""
        last: dict[_Key, _Placed] = {}
        for self._count, line in enumerate(lines, 1):
            if (before := last.get(line.key)) is not None:
                self._earlier.setdefault(line.key, {})[_hash(before.line.values)] = before.made
            last[line.key] = self._placed(line)
        self._last = dict(sorted(last.items(), key=lambda item: item[1].made.number))

    def _placed(self, line: JournalLine) -> _Placed:
        if not line.undo:
            return _Placed(_Made(self._count, line.at_ms, line.batch, line.what), line)
        back = self._earlier.get(line.key, {}).get(_hash(line.values))
        if back is None:
            return _Placed(_Made(0, 0, None, ""), line)  # it stood there before all that these lines tell
        # It stands where it was made, and undo goes on from there.
        return _Placed(back, replace(line, batch=back.batch, what=back.what))

    def __bool__(self) -> bool:
        """Whether something is left to be taken in."""
        return bool(self._last)

    def take_in(self, db: Connection, most: int | None = None) -> int:
        """Write what the lines say of the next `most` segments (None: of all), where it is not so already; how many
        that was. A segment that is not here is made, as one of an earlier cut, and its recording with it."""
        keys = list(islice(self._last, most))
        return sum(self._take_in(db, self._last.pop(key)) for key in keys)

    def _take_in(self, db: Connection, placed: _Placed) -> bool:
        line = placed.line
        after = line.values
        row = db.execute("SELECT id FROM segments WHERE video = ? AND start_ms = ? AND end_ms = ?", line.key).fetchone()
        segment = segment_id(*line.key) if row is None else str(row["id"])
        if self._edit is not None and _has_come_later(db, segment, self._edit):
            return False
        if row is None:
            if after is None:
                return False
            _make_segment(db, *line.key)
        before = edits.snapshot(db, segment)
        is_retired = after is None and line.who == edits.CUT and before is not None
        if before == after or (after is None and not is_retired and not is_given(before)):
            return False
        last_ms, stood = _last_edit(db, segment, self._edit)
        is_lost = self._has_holes and stood and before is None and after is not None
        # Of the same millisecond: what stands here is no earlier line, so it was written after this one.
        is_earlier = self._is_newer or is_lost or _hash(before) in self._earlier.get(line.key, ())
        if not is_earlier and last_ms >= line.at_ms:
            return False
        if is_retired and before is not None:
            edits.retire(db, segment, before, untouched=False, at=line.at_ms)
            return True
        if after is None:
            db.execute("DELETE FROM transcripts WHERE segment = ?", (segment,))
        else:
            edits.write(db, segment, after)
        # Of what is lost the edit may still be here.
        if not is_lost or last_ms != line.at_ms:
            self._record(db, segment, placed, before)
        return True

    def _record(self, db: Connection, segment: str, placed: _Placed, before: dict[str, Any] | None) -> None:
        """Note in the edits what a line has changed in a segment, and in its batch, so that undo knows of it."""
        (number, made_ms, _, _), line = placed
        made = self._held.behind(None if self._is_newer else made_ms, number / (self._count + 1))
        if line.undo and (taken_back := _taken_back(db, segment, before, line.values)):
            for edit, left in taken_back:
                edits.record(db, segment, line.who, before, left, undoes=edit, at=line.at_ms, made=made)
                before = left
            return
        batch = _batch(db, line, made_ms)
        edits.record(db, segment, line.who, before, line.values, batch=batch, at=line.at_ms, made=made)
        if batch is not None:
            last = int(db.execute("SELECT MAX(id) FROM edits").fetchone()[0])
            db.execute(
                "UPDATE batches SET last = ?, first = CASE first WHEN 0 THEN ? ELSE first END, made = ? WHERE id = ?",
                (last, last, made, batch),
            )


class _Made(NamedTuple):
    """The number of a line among the lines, its time, and the change of many that it is of, see `JournalLine`; of what
    an undo has brought back, those of when it was made."""

    number: int
    at_ms: int
    batch: int | None
    what: str


class _Placed(NamedTuple):
    made: _Made
    line: JournalLine


class _Held(NamedTuple):
    """The edits that a database holds, in the order in which people made them: where each stands in it (`edits.MADE`),
    and the time of it or of a later one, whichever is earlier."""

    made: list[float]
    earliest: list[int]

    @classmethod
    def read(cls, db: Connection, upto: int | None, most: int | None) -> Self:
        """Those with numbers up to `upto`, of which the last `most`; None: all."""
        query = f"SELECT {edits.MADE}, at FROM edits WHERE id <= COALESCE(?, id) ORDER BY 1 DESC LIMIT ?"
        limit = -1 if most is None else most
        rows = [(float(made), int(at)) for made, at in db.execute(query, (upto, limit)).fetchall()]
        earliest = list(accumulate((at for _, at in rows), min))
        return cls([made for made, _ in reversed(rows)], earliest[::-1])

    def behind(self, at_ms: int | None, share: float) -> float:
        """A place between the last one (that was made at `at_ms` or before) and the next; share: how far on its way."""
        index = len(self.made) if at_ms is None else bisect_right(self.earliest, at_ms)
        last = self.made[index - 1] if index else 0.0
        after = self.made[index] if index < len(self.made) else math.floor(last) + 1
        return last + (after - last) * share


def _taken_back(
    db: Connection, segment: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> list[tuple[int, dict[str, Any] | None]]:
    """The edits in force, the last first, without which `after` stands where `before` did, each with what it left: an
    undo has taken back these. Empty where they are not here."""
    query = (
        f"SELECT id, before FROM edits WHERE segment = ? AND undoes IS NULL AND undone = 0 ORDER BY {edits.MADE} DESC"
    )
    found, left = [], before
    for edit, earlier in db.execute(query, (segment,)).fetchall():
        left = None if earlier is None else (left or {}) | json.loads(earlier)
        found.append((int(edit), left))
        if left == after:
            return found
    return []


def _batch(db: Connection, line: JournalLine, made_ms: int) -> int | None:
    """The batch that an edit belongs to, made where a kill has kept its own commit from it: one undo takes all of it
    back. None for one by itself, and where that number is another's by now (which began later), or was taken back."""
    if line.batch is None:
        return None
    found = db.execute("SELECT at, who, what, undone FROM batches WHERE id = ?", (line.batch,)).fetchone()
    if found is None:
        statement = "INSERT INTO batches (id, at, who, what) VALUES (?, ?, ?, ?)"
        db.execute(statement, (line.batch, made_ms, line.who, line.what))
    elif tuple(found)[1:] != (line.who, line.what, 0) or found["at"] > made_ms:
        return None
    return line.batch


def is_given(values: dict[str, Any] | None) -> bool:
    """By a person; what a machine has written since is no concern of the journal."""
    return values is not None and (values["origin"] in HUMAN or values["review"] != "pending")


def _has_come_later(db: Connection, segment: str, edit: int) -> bool:
    """Whether after this edit something was done here that the journal is told of; what was taken in is, too."""
    query = (
        f"SELECT 1 FROM edits WHERE segment = ? AND id > ? AND (who IN ('{edits.PERSON}', '{edits.CUT}') "
        f"OR json_extract(after, '$.origin') IN ({', '.join('?' * len(HUMAN))})) LIMIT 1"
    )
    return db.execute(query, (segment, edit, *HUMAN)).fetchone() is not None


def _last_edit(db: Connection, segment: str, upto: int | None) -> tuple[int, bool]:
    """Of those with numbers up to `upto` the latest time, and whether the last one has left a text."""
    query = "SELECT at, after IS NOT NULL FROM edits WHERE segment = ? AND id <= COALESCE(?, id) ORDER BY id DESC"
    found = db.execute(query, (segment, upto)).fetchall()
    return max((int(at) for at, _ in found), default=0), bool(found and found[0][1])


def _hash(values: dict[str, Any] | None) -> int:
    return hash(None if values is None else (values["text"], values["origin"], values["review"]))


def _make_segment(db: Connection, recording: str, start_ms: int, end_ms: int) -> str:
    id = segment_id(recording, start_ms, end_ms)
    make_video(db, recording)
    db.execute(
        "INSERT INTO segments (id, video, start_ms, end_ms, path, kept) VALUES (?, ?, ?, ?, ?, 1)",
        (id, recording, start_ms, end_ms, f"segments/{recording}/{id}.wav"),
    )
    return id


def make_segment_of_name(db: Connection, id: str) -> None:
    """A row for a segment of which only the name is known; without effect for a name that is none."""
    if (found := parse_segment_name(id)) is not None and is_safe(found[0]):
        _make_segment(db, *found)


def make_video(db: Connection, id: str) -> None:
    """A row for a recording of which only the id is known, unless it has one."""
    db.execute("INSERT OR IGNORE INTO videos (id, title, added) VALUES (?, ?, ?)", (id, id, now_ms()))
