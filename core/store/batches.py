"""Changes to many transcripts that are one to a person: accepted in slices, taken back in slices, as one.

A batch's edits carry its number. What an edit of a batch remembers is what it has changed, the review state, and not
the text: 100 000 of them stay small, and undo cannot bring back an older text by mistake.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from core.clock import now_ms
from core.store.connection import Connection
from core.store.database import Database
from core.store.records import Undone

_IN_FORCE, _GOES, _UNDONE = 0, 1, 2
"""States of a batch: batches.undone."""

_OPEN = """
    SELECT e.id, t.rowid, json_extract(e.before, '$.review'),
           t.segment IS NULL OR EXISTS (
               SELECT 1 FROM edits later WHERE later.segment = e.segment AND later.id > e.id AND later.undoes IS NULL
               AND NOT EXISTS (SELECT 1 FROM edits u WHERE u.undoes = later.id)
           )
    FROM edits e LEFT JOIN transcripts t ON t.segment = e.segment
    WHERE e.batch = ? AND e.id > ? AND e.id <= ? AND NOT EXISTS (SELECT 1 FROM edits u WHERE u.undoes = e.id)
"""
"""The edits of a batch that nobody has taken back: the review before, and whether the segment was changed since, or is
gone."""


@dataclass(frozen=True)
class Batch:
    """id: its number; last: that of its last edit, by which batches and single edits stand in one order."""

    id: int
    last: int


def last_in_force(db: Connection) -> Batch | None:
    """The batch that the next undo would take back, or go on taking back."""
    row = db.execute("SELECT id, last FROM batches WHERE undone <> ? ORDER BY last DESC LIMIT 1", (_UNDONE,)).fetchone()
    return Batch(*row) if row else None


def accept(database: Database, segments: Iterable[str]) -> int:
    """Accept those of the segments that are pending and have text, as one batch; returns how many."""
    # In the order of the table's pages, however they were shown.
    wanted = sorted(set(segments))
    done = place = 0
    number: int | None = None

    def step(db: Connection, size: int) -> bool:
        nonlocal done, place, number
        some, place = wanted[place : place + size], place + size
        if number is None:
            number = db.execute("INSERT INTO batches (at, who) VALUES (?, 'person')", (now_ms(),)).lastrowid
        elif db.execute("SELECT undone FROM batches WHERE id = ?", (number,)).fetchone()[0] != _IN_FORCE:
            # Another window takes it back already.
            return False
        _note_rows(db, some)
        count = db.execute(
            "INSERT INTO edits (segment, at, who, before, after, batch) "
            """SELECT t.segment, ?, 'person', '{"review": "pending"}', '{"review": "accepted"}', ? """
            "FROM temp.slice JOIN transcripts t ON t.rowid = slice.transcript",
            (now_ms(), number),
        ).rowcount
        if count:
            db.execute(
                "UPDATE transcripts SET review = 'accepted', updated = ? "
                "WHERE rowid IN (SELECT transcript FROM temp.slice)",
                (now_ms(),),
            )
            last = db.execute("SELECT MAX(id) FROM edits").fetchone()[0]
            db.execute(
                "UPDATE batches SET last = ?, first = CASE first WHEN 0 THEN ? ELSE first END WHERE id = ?",
                (last, last - count + 1, number),
            )
        done += count
        return place < len(wanted)

    _make_slice(database.connection)
    database.in_slices(step)
    return done


def _note_rows(db: Connection, segments: list[str]) -> None:
    """Fill the slice with the transcripts of these segments that can be accepted."""
    db.execute("DELETE FROM temp.slice")
    db.execute(
        "INSERT INTO temp.slice (transcript) SELECT t.rowid FROM json_each(?) wanted "
        "JOIN transcripts t ON t.segment = wanted.value WHERE t.review = 'pending' AND TRIM(t.text) <> ''",
        (json.dumps(segments),),
    )


def undo(database: Database, number: int) -> Undone:
    """Take a batch back, but for segments that were changed since: those stay as they are."""
    with database.write() as db:
        first, place = db.execute("SELECT first, last FROM batches WHERE id = ?", (number,)).fetchone()
        db.execute("UPDATE batches SET undone = ? WHERE id = ?", (_GOES, number))
    undone = Undone(None, 0)

    def step(db: Connection, size: int) -> bool:
        nonlocal undone, place
        found = _undo_between(db, number, place - size, place)
        undone = Undone(found.segment or undone.segment, undone.count + found.count, undone.changed + found.changed)
        place -= size
        if place >= first:
            return True
        db.execute("UPDATE batches SET undone = ? WHERE id = ?", (_UNDONE, number))
        return False

    _make_slice(database.connection)
    database.in_slices(step)
    return undone


def _undo_between(db: Connection, number: int, after: int, last: int) -> Undone:
    """Take back the edits of a batch with ids in (after, last]. segment: that of the first of them."""
    db.execute("DELETE FROM temp.slice")
    db.execute(f"INSERT INTO temp.slice (edit, transcript, review, changed) {_OPEN}", (number, after, last))
    changed = db.execute("DELETE FROM temp.slice WHERE changed").rowcount
    count = db.execute(
        "INSERT INTO edits (segment, at, who, before, after, undoes) SELECT e.segment, ?, 'person', e.after, "
        "e.before, e.id FROM temp.slice JOIN edits e ON e.id = slice.edit",
        (now_ms(),),
    ).rowcount
    for (review,) in db.execute("SELECT DISTINCT review FROM temp.slice").fetchall():
        db.execute(
            "UPDATE transcripts SET review = ?, updated = ? "
            "WHERE rowid IN (SELECT transcript FROM temp.slice WHERE review = ?)",
            (review, now_ms(), review),
        )
    row = db.execute("SELECT segment FROM edits WHERE id = (SELECT MIN(edit) FROM temp.slice)").fetchone()
    return Undone(row[0] if row else None, count, changed)


def _make_slice(db: Connection) -> None:
    """The rows of the slice at hand: in a temporary table, which takes no lock that others wait for."""
    db.execute(
        "CREATE TEMP TABLE IF NOT EXISTS slice "
        "(transcript INTEGER, edit INTEGER PRIMARY KEY, review TEXT, changed INTEGER)"
    )
