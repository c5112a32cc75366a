"""Segments, read together with their transcripts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.store.database import Database
from core.store.records import HUMAN, Segment

_SELECT = """
    SELECT s.id, s.video, s.start_ms, s.end_ms, s.path, s.dbfs, s.speech, s.digest, s.part,
           t.text, t.raw, t.origin, t.model, t.avg_logprob, t.no_speech_prob, t.compression_ratio,
           t.flags, t.suspicion, t.review
    FROM segments s LEFT JOIN transcripts t ON t.segment = s.id
"""
_USABLE = "t.review = 'accepted' AND TRIM(t.text) <> ''"
_SPANS = f"""
    SELECT group_concat(start_ms) AS starts, group_concat(end_ms) AS ends, group_concat(digest, '') AS digests
    FROM (
        SELECT s.start_ms, s.end_ms, COALESCE(SUBSTR(s.digest, 1, 16), '{"0" * 16}') AS digest
        FROM segments s JOIN transcripts t ON t.segment = s.id
        WHERE s.video = ? AND {_USABLE} ORDER BY s.start_ms, s.end_ms
    )
"""
_ORDER = " ORDER BY (SELECT rowid FROM videos v WHERE v.id = s.video), s.start_ms, s.end_ms"


@dataclass(frozen=True)
class UsableSpans:
    """Usable segments of one recording as SQLite packs them: to take up a million as rows costs three times as much.

    starts, ends: ms, with commas between. digests: the first 16 hex digits of each, end to end; 0 where none is kept.
    """

    video: str
    starts: str
    ends: str
    digests: str


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

    def without_digest(self) -> list[tuple[str, str]]:
        """(id, path) of segments whose wav was written before digests were kept: usable ones, and those in a part."""
        found = self._database.connection.execute(
            "SELECT s.id, s.path FROM segments s LEFT JOIN transcripts t ON t.segment = s.id "
            f"WHERE s.digest IS NULL AND (s.part IS NOT NULL OR {_USABLE})"
        )
        return [(row["id"], row["path"]) for row in found]

    def set_digests(self, digests: Mapping[str, str]) -> None:
        """Store the SHA-256 of wavs, by segment; in one transaction, so give it some tens at a time."""
        with self._database.write() as db:
            rows = [(found, id) for id, found in digests.items()]
            db.executemany("UPDATE segments SET digest = ? WHERE id = ?", rows)

    def usable_spans(self) -> Iterator[UsableSpans]:
        """The usable segments of one recording after the other, by its id; those of one in order of start and end."""
        db = self._database.connection
        cut = "SELECT id FROM videos WHERE EXISTS (SELECT 1 FROM segments WHERE video = videos.id) ORDER BY id"
        for (video,) in db.execute(cut).fetchall():
            row = db.execute(_SPANS, (video,)).fetchone()
            if row["starts"] is not None:
                yield UsableSpans(video, row["starts"], row["ends"], row["digests"])

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
