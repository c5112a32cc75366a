"""How a second labeller reads segments, and where that differs from the first."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from core.review.differences import Difference
from core.store.database import Database
from core.store.records import SecondReading


class SecondReadings:
    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, readings: Iterable[SecondReading]) -> None:
        """Store readings, in place of those of the same segments. A segment that is gone has none."""
        self._database.write_many(
            "INSERT OR REPLACE INTO second_readings (segment, source, text, other, places) "
            "SELECT id, ?, ?, ?, ? FROM segments WHERE id = ?",
            (
                (one.source, one.text, one.other, json.dumps(one.places, ensure_ascii=False), one.segment)
                for one in readings
            ),
        )

    def remove(self, segments: Iterable[str]) -> None:
        self._database.write_many("DELETE FROM second_readings WHERE segment = ?", ((id,) for id in segments))

    def get(self, segment: str) -> SecondReading | None:
        query = "SELECT * FROM second_readings WHERE segment = ?"
        row = self._database.connection.execute(query, (segment,)).fetchone()
        return _from_row(row) if row else None

    def of(self, video: str) -> dict[str, SecondReading]:
        """By segment, of one recording."""
        query = "SELECT r.* FROM second_readings r JOIN segments s ON s.id = r.segment WHERE s.video = ?"
        return {row["segment"]: _from_row(row) for row in self._database.connection.execute(query, (video,))}


def _from_row(row: sqlite3.Row) -> SecondReading:
    places = tuple(Difference._make(place) for place in json.loads(row["places"]))
    return SecondReading(row["segment"], row["source"], row["text"], row["other"], places)
