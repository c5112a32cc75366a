"""Writing transcripts. Every change goes through `edits`: that is undo, history and audit at once."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from core.clock import now_ms
from core.errors import UserError
from core.store.database import Database
from core.store.records import HUMAN

PERSON = "person"
_KEPT = ("text", "origin", "review", "flags", "suspicion")
"""What an edit remembers of a transcript, before and after."""


@dataclass(frozen=True)
class MachineText:
    """What a labeller wrote for one segment."""

    segment: str
    text: str
    raw: str
    model: str
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None
    flags: tuple[str, ...] = ()
    suspicion: float | None = None
    origin: str = "machine"


class Transcripts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def write_machine(self, texts: list[MachineText], who: str = "label") -> list[str]:
        """Store machine or caption text in one transaction. A segment that has human text, or that a person
        reviewed, is left alone. Returns the ids that were written."""
        written = []
        with self._database.write() as db:
            for item in texts:
                before = _snapshot(db, item.segment)
                if before and (before["origin"] in HUMAN or before["review"] != "pending"):
                    continue
                after = {
                    "text": item.text,
                    "origin": item.origin,
                    "review": "pending",
                    "flags": list(item.flags),
                    "suspicion": item.suspicion,
                }
                _write(db, item.segment, after)
                db.execute(
                    "UPDATE transcripts SET raw = ?, model = ?, avg_logprob = ?, no_speech_prob = ?, "
                    "compression_ratio = ? WHERE segment = ?",
                    (
                        item.raw,
                        item.model,
                        item.avg_logprob,
                        item.no_speech_prob,
                        item.compression_ratio,
                        item.segment,
                    ),
                )
                _record(db, item.segment, who, before, after)
                written.append(item.segment)
        return written

    def save(self, segment: str, text: str, who: str = PERSON) -> None:
        """A person's text for a segment: human and accepted. Durable on return."""
        with self._database.write() as db:
            before = _require(db, segment)
            after = {"text": text, "origin": "human", "review": "accepted", "flags": [], "suspicion": 0.0}
            if before == after:
                return
            _write(db, segment, after)
            _record(db, segment, who, before, after)

    def import_human(self, texts: dict[str, str], who: str = "import") -> dict[str, str]:
        """Text a person corrected elsewhere. Human text that is here already is never overwritten.

        Returns for each segment: "imported", "unchanged" (the same text is here) or "kept" (other human text is here).
        """
        outcome: dict[str, str] = {}
        with self._database.write() as db:
            for segment, text in texts.items():
                before = _require(db, segment)
                if before and before["origin"] in HUMAN:
                    outcome[segment] = "unchanged" if before["text"] == text else "kept"
                    continue
                after = {"text": text, "origin": "human", "review": "accepted", "flags": [], "suspicion": 0.0}
                _write(db, segment, after)
                _record(db, segment, who, before, after)
                outcome[segment] = "imported"
        return outcome

    def review(self, segment: str, review: str, who: str = PERSON) -> None:
        """Accept, reject or put back a segment; its text and origin stay. Accepting nothing is refused."""
        with self._database.write() as db:
            before = _require(db, segment)
            if before is None:
                if review == "accepted":
                    raise UserError(
                        f"{segment} has no text to accept",
                        "no stage has labelled it",
                        "type its text, or run `whispersmith label`",
                    )
                after: dict[str, Any] = {
                    "text": "",
                    "origin": "human",
                    "review": review,
                    "flags": [],
                    "suspicion": 0.0,
                }
            else:
                after = before | {"review": review}
            if after != before:
                _write(db, segment, after)
                _record(db, segment, who, before, after)

    def undo(self, segment: str | None = None) -> str | None:
        """Take back the last change a person made (to this segment, or to any), also a day later.

        Undoing is an edit itself. Returns the segment, or None if there is nothing to take back.
        """
        with self._database.write() as db:
            row = db.execute(
                "SELECT id, segment, before, after FROM edits e WHERE who = ? AND undoes IS NULL "
                "AND (? IS NULL OR segment = ?) AND NOT EXISTS (SELECT 1 FROM edits u WHERE u.undoes = e.id) "
                "AND EXISTS (SELECT 1 FROM segments s WHERE s.id = e.segment) ORDER BY id DESC LIMIT 1",
                (PERSON, segment, segment),
            ).fetchone()
            if row is None:
                return None
            current = _snapshot(db, row["segment"])
            before = json.loads(row["before"]) if row["before"] else None
            if before is None:
                db.execute("DELETE FROM transcripts WHERE segment = ?", (row["segment"],))
            else:
                _write(db, row["segment"], before)
            _record(db, row["segment"], PERSON, current, before, undoes=row["id"])
            return str(row["segment"])

    def history(self, segment: str) -> list[dict[str, Any]]:
        """Every change of one segment, oldest first: id, at (ms), who, before, after, undoes."""
        rows = self._database.connection.execute(
            "SELECT id, at, who, before, after, undoes FROM edits WHERE segment = ? ORDER BY id", (segment,)
        )
        return [
            dict(row) | {name: json.loads(row[name]) if row[name] else None for name in ("before", "after")}
            for row in rows
        ]

    def reviewed_since(self, at_ms: int) -> int:
        """How many segments a person has saved, accepted or rejected since then: the pace of the review."""
        row = self._database.connection.execute(
            "SELECT COUNT(DISTINCT segment) FROM edits WHERE who = ? AND at >= ? AND undoes IS NULL",
            (PERSON, at_ms),
        ).fetchone()
        return int(row[0])


def _snapshot(db: sqlite3.Connection, segment: str) -> dict[str, Any] | None:
    row = db.execute(f"SELECT {', '.join(_KEPT)} FROM transcripts WHERE segment = ?", (segment,)).fetchone()
    if row is None:
        return None
    values = dict(row)
    values["flags"] = json.loads(values["flags"])
    return values


def _require(db: sqlite3.Connection, segment: str) -> dict[str, Any] | None:
    if db.execute("SELECT 1 FROM segments WHERE id = ?", (segment,)).fetchone() is None:
        raise UserError(f"there is no segment {segment}", "its name is not in the store", "whispersmith segments")
    return _snapshot(db, segment)


def _write(db: sqlite3.Connection, segment: str, after: dict[str, Any]) -> None:
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


def _record(
    db: sqlite3.Connection,
    segment: str,
    who: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    undoes: int | None = None,
) -> None:
    def packed(values: dict[str, Any] | None) -> str | None:
        return None if values is None else json.dumps(values, ensure_ascii=False)

    db.execute(
        "INSERT INTO edits (segment, at, who, before, after, undoes) VALUES (?, ?, ?, ?, ?, ?)",
        (segment, now_ms(), who, packed(before), packed(after), undoes),
    )
