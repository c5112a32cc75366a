"""Captions of recordings, with their times: at most one set a video."""

from __future__ import annotations

import json
import sqlite3

from core.clock import now_ms
from core.store.database import Database
from core.store.records import Captions
from core.timed_text import Cue

_COLUMNS = "video, language, automatic, cues, error, at"


class CaptionSets:
    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, captions: Captions) -> None:
        """Store a video's captions, or why there are none, in place of what was there; `at` becomes now."""
        values = (
            captions.video,
            captions.language,
            int(captions.automatic),
            json.dumps(captions.cues, ensure_ascii=False),
            json.dumps(captions.error, ensure_ascii=False) if captions.error else None,
            now_ms(),
        )
        with self._database.write() as db:
            db.execute(f"INSERT OR REPLACE INTO captions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", values)

    def get(self, video: str) -> Captions | None:
        """What is known of a video's captions; None if nobody has asked for them."""
        row = self._database.connection.execute(f"SELECT {_COLUMNS} FROM captions WHERE video = ?", (video,)).fetchone()
        return _from_row(row) if row else None

    def all(self) -> dict[str, Captions]:
        """By video, of every video that was asked about."""
        rows = self._database.connection.execute(f"SELECT {_COLUMNS} FROM captions")
        return {str(row["video"]): _from_row(row) for row in rows}

    def asked(self) -> dict[str, dict[str, str] | None]:
        """Why there are none, by video, of every video that was asked about; None for one whose captions are here.

        Reads no cues: those of many recordings are megabytes.
        """
        rows = self._database.connection.execute("SELECT video, error FROM captions")
        return {str(row["video"]): json.loads(row["error"]) if row["error"] else None for row in rows}


def _from_row(row: sqlite3.Row) -> Captions:
    cues = tuple(Cue(int(start), int(end), str(text)) for start, end, text in json.loads(row["cues"]))
    error = json.loads(row["error"]) if row["error"] else None
    return Captions(row["video"], row["language"], bool(row["automatic"]), cues, error, row["at"])
