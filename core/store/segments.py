"""Segments, read together with their transcripts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from core.store.database import Database
from core.store.records import HUMAN, Segment

_SELECT = """
    SELECT s.id, s.video, s.start_ms, s.end_ms, s.path, s.dbfs, s.speech, s.digest, s.part,
           t.text, t.raw, t.origin, t.model, t.avg_logprob, t.no_speech_prob, t.compression_ratio,
           t.flags, t.suspicion, t.review
    FROM segments s LEFT JOIN transcripts t ON t.segment = s.id
"""
_ORDER = " ORDER BY (SELECT rowid FROM videos v WHERE v.id = s.video), s.start_ms, s.end_ms"


class Segments:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, rows: Iterable[Segment]) -> None:
        """Add cut segments (their audio is on disk). One that is there keeps its transcript and split."""
        with self._database.write() as db:
            db.executemany(
                "INSERT INTO segments (id, video, start_ms, end_ms, path, dbfs, speech, digest) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET path = excluded.path, "
                "dbfs = excluded.dbfs, speech = excluded.speech, digest = excluded.digest",
                [(s.id, s.video, s.start_ms, s.end_ms, s.path, s.dbfs, s.speech, s.digest) for s in rows],
            )

    def remove(self, ids: Iterable[str]) -> int:
        """Remove segments and their machine transcripts. Segments with human text stay; counts what went."""
        with self._database.write() as db:
            marks = ", ".join("?" * len(HUMAN))
            statement = (
                "DELETE FROM segments WHERE id = ? AND NOT EXISTS (SELECT 1 FROM transcripts t "
                f"WHERE t.segment = segments.id AND (t.origin IN ({marks}) OR t.review = 'accepted'))"
            )
            return sum(db.execute(statement, (id, *HUMAN)).rowcount for id in ids)

    def get(self, id: str) -> Segment | None:
        row = self._database.connection.execute(_SELECT + " WHERE s.id = ?", (id,)).fetchone()
        return _from_row(row) if row else None

    def all(
        self,
        *,
        video: str | None = None,
        flag: str | None = None,
        review: str | None = None,
        part: str | None = None,
    ) -> list[Segment]:
        """Segments in playing order, narrowed by every argument that is given."""
        wheres: list[str] = []
        values: list[Any] = []
        for clause, value in (("s.video = ?", video), ("s.part = ?", part)):
            if value is not None:
                wheres.append(clause)
                values.append(value)
        if review is not None:
            wheres.append("COALESCE(t.review, 'pending') = ?")
            values.append(review)
        if flag is not None:
            wheres.append("EXISTS (SELECT 1 FROM json_each(t.flags) WHERE value = ?)")
            values.append(flag)
        where = f" WHERE {' AND '.join(wheres)}" if wheres else ""
        return [_from_row(row) for row in self._database.connection.execute(_SELECT + where + _ORDER, values)]

    def set_parts(self, parts: dict[str, str | None]) -> None:
        """Write a split: train, test or None (left out) for each segment named, None for all others."""
        with self._database.write() as db:
            db.execute("UPDATE segments SET part = NULL")
            db.executemany("UPDATE segments SET part = ? WHERE id = ?", [(part, id) for id, part in parts.items()])

    def counts(self) -> dict[str, int]:
        """Counts for the screens and `status`; usable segments are accepted ones that say something."""
        row = self._database.connection.execute(
            "SELECT COUNT(*) AS segments, COUNT(t.segment) AS labelled, "
            "COALESCE(SUM(t.review = 'accepted'), 0) AS accepted, COALESCE(SUM(t.review = 'rejected'), 0) AS rejected, "
            "COALESCE(SUM(t.review = 'accepted' AND TRIM(t.text) <> ''), 0) AS usable, "
            "COALESCE(SUM(s.part = 'train'), 0) AS train, COALESCE(SUM(s.part = 'test'), 0) AS test, "
            "COALESCE(SUM(CASE WHEN t.review = 'accepted' THEN s.end_ms - s.start_ms END), 0) AS accepted_ms "
            "FROM segments s LEFT JOIN transcripts t ON t.segment = s.id"
        ).fetchone()
        return {name: int(row[name]) for name in row.keys()}  # noqa: SIM118 - a Row iterates over values


def _from_row(row: sqlite3.Row) -> Segment:
    values = dict(row)
    values["text"] = values["text"] or ""
    values["raw"] = values["raw"] or ""
    values["model"] = values["model"] or ""
    values["flags"] = tuple(json.loads(values["flags"] or "[]"))
    values["review"] = values["review"] or "pending"
    return Segment(**values)
