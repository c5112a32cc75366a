"""One transcript read, written and noted in `edits`, inside a transaction of the caller's."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from core.clock import now_ms
from core.errors import UserError
from core.store.connection import Connection
from core.store.records import SeenText

PERSON, IMPORT, CUT = "person", "import", "segment"
"""Whose an edit is: of somebody at work here, of an import, or of a new cut, which moves what people gave. Of another
stage it is the stage's name."""

KEPT = ("text", "origin", "review", "flags", "suspicion")
"""What an edit remembers of a transcript, before and after."""

IS_CHANGED = f"""
    (t.review = 'pending' AND t.origin IN ('machine', 'caption') AND EXISTS (
        SELECT 1 FROM edits c WHERE c.segment = t.segment AND c.who IN ('{PERSON}', '{CUT}')
        AND c.undoes IS NULL AND c.undone = 0
        AND json_extract(c.after, '$.text') <> COALESCE(json_extract(c.before, '$.text'), '')
    ))
"""
"""SQL, whether a transcript `t` is a machine's text in which a person has changed something, here or in the segment of
an earlier cut from which it came, and which nobody has accepted. No stage writes over it."""

MADE = "COALESCE(made, id)"
"""SQL, the order in which people made edits. Their numbers alone tell in which order the database got them."""

WITHOUT_TEXT: dict[str, Any] = {"text": "", "review": "pending", "flags": [], "suspicion": 0.0}
"""What a transcript is that has no text, besides its origin."""


def human(text: str) -> dict[str, Any]:
    """What a transcript is once a person has written it."""
    return {"text": text, "origin": "human", "review": "accepted", "flags": [], "suspicion": 0.0}


class WrittenMeanwhile(UserError):
    """A text that somebody has not seen stands where theirs, or their verdict, was to go."""


def refuse_unseen(segment: str, text: str, review: str, seen: Collection[SeenText]) -> None:
    """WrittenMeanwhile if a text stands there that somebody does not know of, or a verdict on it."""
    if all(known.text != text for known in seen):
        raise WrittenMeanwhile(
            f"{segment} was written elsewhere meanwhile",
            f"it reads now: {text}",
            "look at it, and say which text stands",
        )
    if review != "pending" and SeenText(text, review) not in seen:
        raise WrittenMeanwhile(
            f"{segment} was {review} elsewhere meanwhile",
            f"its text is still: {text}",
            "look at it, and say which verdict stands",
        )


def is_here(db: Connection, segment: str) -> bool:
    return db.execute("SELECT 1 FROM segments WHERE id = ?", (segment,)).fetchone() is not None


def is_changed(db: Connection, segment: str) -> bool:
    """Whether IS_CHANGED holds of its transcript."""
    query = f"SELECT 1 FROM transcripts t WHERE t.segment = ? AND {IS_CHANGED}"
    return db.execute(query, (segment,)).fetchone() is not None


def snapshot(db: Connection, segment: str) -> dict[str, Any] | None:
    row = db.execute(f"SELECT {', '.join(KEPT)} FROM transcripts WHERE segment = ?", (segment,)).fetchone()
    if row is None:
        return None
    values = dict(row)
    values["flags"] = json.loads(values["flags"])
    return values


def write(db: Connection, segment: str, after: dict[str, Any]) -> None:
    db.execute(
        "INSERT INTO transcripts (segment, text, origin, review, flags, suspicion, updated) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (segment) DO UPDATE SET text = excluded.text, origin = excluded.origin, "
        "review = excluded.review, flags = excluded.flags, suspicion = excluded.suspicion, updated = excluded.updated",
        (
            segment,
            after["text"],
            after["origin"],
            after["review"],
            json.dumps(after["flags"]),
            after["suspicion"],
            now_ms(),
        ),
    )


def retire(db: Connection, segment: str, before: dict[str, Any], *, untouched: bool, at: int | None = None) -> None:
    """Remove a segment whose text a new cut has put elsewhere. The edit tells where it was and what of it no other edit
    remembers. before: its transcript. untouched, at: as in `core.store.cuts.LeavingText`, and in `record`."""
    query = (
        "SELECT s.video, s.start_ms, s.end_ms, t.model FROM segments s JOIN transcripts t ON t.segment = s.id "
        "WHERE s.id = ?"
    )
    place = dict(db.execute(query, (segment,)).fetchone())
    db.execute("DELETE FROM segments WHERE id = ?", (segment,))
    record(db, segment, CUT, place | {"untouched": untouched} | before, None, at=at)


def record(
    db: Connection,
    segment: str,
    who: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    undoes: int | None = None,
    batch: int | None = None,
    at: int | None = None,
    made: float | None = None,
) -> None:
    """undoes: the number of the edit that it takes back. at: when it was made (ms since 1970); None for now. made:
    where it stands by MADE; None for the last one."""

    def packed(values: dict[str, Any] | None) -> str | None:
        return None if values is None else json.dumps(values, ensure_ascii=False)

    db.execute(
        "INSERT INTO edits (segment, at, who, before, after, undoes, batch, made) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (segment, now_ms() if at is None else at, who, packed(before), packed(after), undoes, batch, made),
    )
    if undoes is not None:
        db.execute("UPDATE edits SET undone = 1 WHERE id = ?", (undoes,))
