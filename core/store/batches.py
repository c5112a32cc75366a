"""Changes to many transcripts that are one to a person: accepted in slices, taken back in slices, as one.

A batch's edits carry its number. What an edit of a batch remembers is what it has changed, the review state or the
text: 100 000 of them stay small, and undo cannot bring back an older text by mistake.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.clock import now_ms
from core.errors import UserError
from core.store import edits
from core.store.connection import Connection
from core.store.database import Database
from core.store.edits import IMPORT, PERSON
from core.store.records import HUMAN, ChangedTexts, TextChange, Undone

T = TypeVar("T")

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
    """id: its number; made: of its last edit, by which batches and single edits stand in one order (`edits.MADE`)."""

    id: int
    made: float


def last_in_force(db: Connection) -> Batch | None:
    """The batch that the next undo would take back, or go on taking back."""
    query = "SELECT id, COALESCE(made, last) AS made FROM batches WHERE undone <> ? ORDER BY 2 DESC LIMIT 1"
    row = db.execute(query, (_UNDONE,)).fetchone()
    return Batch(*row) if row else None


def accept(database: Database, segments: Iterable[str]) -> int:
    """Accept those of the segments that are pending and have text, as one batch; returns how many."""
    which = "t.review = 'pending' AND TRIM(t.text) <> ''"
    return _review(database, segments, "accept all", which, "pending", "accepted")


def reject(database: Database, segments: Iterable[str]) -> int:
    """Reject those of the segments that are accepted, as one batch; returns how many."""
    return _review(database, segments, "leave out", "t.review = 'accepted'", "accepted", "rejected")


def _review(database: Database, segments: Iterable[str], what: str, which: str, before: str, after: str) -> int:
    """which: SQL for the transcripts `t` that are open to it, all of them with the verdict `before`."""
    # In the order of the table's pages, however they were shown.
    wanted = sorted(set(segments))
    done = 0

    def review_some(db: Connection, number: int, some: Sequence[str]) -> int:
        nonlocal done
        _note_rows(db, some, which)
        count = db.execute(
            "INSERT INTO edits (segment, at, who, before, after, batch) SELECT t.segment, ?, ?, ?, ?, ? "
            "FROM temp.slice JOIN transcripts t ON t.rowid = slice.transcript",
            (now_ms(), PERSON, json.dumps({"review": before}), json.dumps({"review": after}), number),
        ).rowcount
        if count:
            db.execute(
                "UPDATE transcripts SET review = ?, updated = ? WHERE rowid IN (SELECT transcript FROM temp.slice)",
                (after, now_ms()),
            )
        done += count
        return count

    _make_slice(database.connection)
    _in_batch(database, what, wanted, review_some)
    return done


def change_texts(
    database: Database, changes: Iterable[TextChange], what: str, *, as_human: bool, all_or_none: bool = False
) -> ChangedTexts:
    """Change texts as one batch, each if it is still what the person saw. what: is done, in words.

    as_human: they are a person's own text from now on, and accepted, as one that was typed. Else origin and review
    stay, and what was rejected is left alone. all_or_none: WrittenMeanwhile if one was left; to be called in a `write`
    block, so that the others are as they were, too.
    """
    wanted = sorted(changes)
    count = left = 0

    def change_some(db: Connection, number: int, some: Sequence[TextChange]) -> int:
        nonlocal count, left
        written = [_change_text(db, number, change, as_human) for change in some]
        if all_or_none:
            for change, is_written in zip(some, written, strict=True):
                if not is_written:
                    edits.refuse_unseen(change.segment, _text_of(db, change.segment), "pending", ())
        count, left = count + sum(written), left + len(written) - sum(written)
        return sum(written)

    _in_batch(database, what, wanted, change_some)
    return ChangedTexts(count, left)


def import_texts(
    database: Database, texts: Mapping[str, str], what: str, told: Callable[[Mapping[str, str]], object]
) -> dict[str, str]:
    """Store what persons have written elsewhere, by segment, as one batch; see `Transcripts.import_human`."""
    outcome: dict[str, str] = {}
    last: dict[str, str] = {}

    def import_some(db: Connection, number: int, some: Sequence[tuple[str, str]]) -> int:
        nonlocal last
        if last:
            told(last)
        last = {segment: _import_text(db, number, segment, text) for segment, text in some}
        outcome.update(last)
        return sum(result == "imported" for result in last.values())

    _in_batch(database, what, list(texts.items()), import_some, IMPORT)
    told(last)
    if len(outcome) < len(texts):
        raise UserError(
            "the import was taken back while it was written",
            f"{len(texts) - len(outcome)} of {len(texts)} texts were not looked at",
            "import them again",
        )
    return outcome


def _import_text(db: Connection, number: int, segment: str, text: str) -> str:
    before = edits.snapshot(db, segment)
    if before is None and not edits.is_here(db, segment):
        return "gone"
    if before is not None:
        if before["origin"] in HUMAN and before["text"] == text:
            return "unchanged"
        judged = before["review"] == "rejected" or (before["review"] == "accepted" and before["text"] != text)
        if judged or before["origin"] in HUMAN or (before["text"] != text and edits.is_changed(db, segment)):
            return "kept"
    after = edits.human(text)
    edits.write(db, segment, after)
    edits.record(db, segment, IMPORT, before, after, batch=number)
    return "imported"


def _text_of(db: Connection, segment: str) -> str:
    found = edits.snapshot(db, segment)
    return "" if found is None else found["text"]


def _change_text(db: Connection, number: int, change: TextChange, as_human: bool) -> bool:
    current = edits.snapshot(db, change.segment)
    if ("" if current is None else current["text"]) != change.before:
        return False
    if change.review is not None and current is not None and current["review"] not in ("pending", change.review):
        return False
    if as_human:
        wanted = edits.human(change.after)
        if current is None and not edits.is_here(db, change.segment):
            return False
    elif current is None or current["review"] == "rejected":
        return False
    else:
        wanted = {"text": change.after}
    after = (current or {}) | wanted
    edits.write(db, change.segment, after)
    changed = [name for name in after if current is None or after[name] != current[name]]
    before = None if current is None else {name: current[name] for name in changed}
    edits.record(db, change.segment, PERSON, before, {name: after[name] for name in changed}, batch=number)
    return True


def _in_batch(
    database: Database,
    what: str,
    items: Sequence[T],
    write: Callable[[Connection, int, Sequence[T]], int],
    who: str = PERSON,
) -> None:
    """Write items in slices as one batch. write: some of them, with the number of the batch; how many edits that was.

    Another window may take it back already while it is written: then it ends there.
    """
    place = 0
    number: int | None = None

    def step(db: Connection, size: int) -> bool:
        nonlocal place, number
        some, place = items[place : place + size], place + size
        if number is None:
            statement = "INSERT INTO batches (at, who, what) VALUES (?, ?, ?)"
            number = int(db.execute(statement, (now_ms(), who, what)).lastrowid or 0)
        elif db.execute("SELECT undone FROM batches WHERE id = ?", (number,)).fetchone()[0] != _IN_FORCE:
            return False
        if count := write(db, number, some):
            last = db.execute("SELECT MAX(id) FROM edits").fetchone()[0]
            db.execute(
                "UPDATE batches SET last = ?, first = CASE first WHEN 0 THEN ? ELSE first END WHERE id = ?",
                (last, last - count + 1, number),
            )
        return place < len(items)

    database.in_slices(step)


def _note_rows(db: Connection, segments: Sequence[str], which: str) -> None:
    """Fill the slice with the transcripts of these segments for which it holds."""
    db.execute("DELETE FROM temp.slice")
    db.execute(
        "INSERT INTO temp.slice (transcript) SELECT t.rowid FROM json_each(?) wanted "
        f"JOIN transcripts t ON t.segment = wanted.value WHERE {which}",
        (json.dumps(list(segments)),),
    )


def undo(database: Database, number: int) -> Undone:
    """Take a batch back, but for segments that were changed since: those stay as they are."""
    with database.write(may_shorten=False) as db:
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
    _undo_texts(db)
    count = db.execute(
        "INSERT INTO edits (segment, at, who, before, after, undoes) SELECT e.segment, ?, 'person', e.after, "
        "e.before, e.id FROM temp.slice CROSS JOIN edits e ON e.id = slice.edit",
        (now_ms(),),
    ).rowcount
    db.execute("UPDATE edits SET undone = 1 WHERE id IN (SELECT edit FROM temp.slice)")
    for (review,) in db.execute("SELECT DISTINCT review FROM temp.slice WHERE review IS NOT NULL").fetchall():
        db.execute(
            "UPDATE transcripts SET review = ?, updated = ? "
            "WHERE rowid IN (SELECT transcript FROM temp.slice WHERE review = ?)",
            (review, now_ms(), review),
        )
    row = db.execute("SELECT segment FROM edits WHERE id = (SELECT MIN(edit) FROM temp.slice)").fetchone()
    return Undone(row[0] if row else None, count, changed)


def _undo_texts(db: Connection) -> None:
    """Give the rows of the slice their texts back, where those were changed. The review is set for all of them at
    once, by the caller."""
    # CROSS JOIN: the slice first. All edits would be read for each slice otherwise.
    query = (
        "SELECT e.segment, e.before FROM temp.slice CROSS JOIN edits e ON e.id = slice.edit "
        "WHERE e.before IS NULL OR json_type(e.before, '$.text') IS NOT NULL"
    )
    for segment, before in db.execute(query).fetchall():
        if before is None:
            db.execute("DELETE FROM transcripts WHERE segment = ?", (segment,))
        else:
            edits.write(db, segment, (edits.snapshot(db, segment) or {}) | json.loads(before))


def _make_slice(db: Connection) -> None:
    """The rows of the slice at hand: in a temporary table, which takes no lock that others wait for."""
    db.execute(
        "CREATE TEMP TABLE IF NOT EXISTS slice "
        "(transcript INTEGER, edit INTEGER PRIMARY KEY, review TEXT, changed INTEGER)"
    )
