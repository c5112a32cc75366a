"""Sources and videos."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields
from typing import Any

from core.clock import now_ms
from core.store.database import Database
from core.store.records import Source, Video

_COLUMNS = tuple(field.name for field in fields(Video))


class Videos:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add_source(self, url: str, kind: str, title: str = "") -> int:
        """The source's number; the same URL or path is one source. A title, once known, is kept up to date."""
        with self._database.write() as db:
            db.execute(
                "INSERT INTO sources (url, kind, title, added) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (url) DO UPDATE "
                "SET title = CASE excluded.title WHEN '' THEN title ELSE excluded.title END",
                (url, kind, title, now_ms()),
            )
            return int(db.execute("SELECT id FROM sources WHERE url = ?", (url,)).fetchone()[0])

    def listed_to_end(self, source: int) -> None:
        """The list of this source has just been read to its end."""
        with self._database.write() as db:
            db.execute("UPDATE sources SET listed = ? WHERE id = ?", (now_ms(), source))

    def sources(self) -> list[Source]:
        rows = self._database.connection.execute("SELECT id, url, kind, title, added, listed FROM sources ORDER BY id")
        return [Source(**dict(row)) for row in rows]

    def add(self, video: Video) -> bool:
        """Add a video. False, and nothing is changed, if its id is there already."""
        values = _to_row(video.__dict__) | {"added": now_ms()}
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        with self._database.write() as db:
            cursor = db.execute(f"INSERT OR IGNORE INTO videos ({names}) VALUES ({marks})", values)
            return cursor.rowcount == 1

    def update(self, id: str, **changes: Any) -> None:
        """Change columns of one video; the names are those of `Video`."""
        unknown = set(changes) - set(_COLUMNS)
        if unknown or "id" in changes:
            raise ValueError(f"no such column: {', '.join(sorted(unknown)) or 'id'}")
        if not changes:
            return
        sets = ", ".join(f"{name} = :{name}" for name in changes)
        with self._database.write() as db:
            db.execute(f"UPDATE videos SET {sets} WHERE id = :id", _to_row(changes) | {"id": id})

    def get(self, id: str) -> Video | None:
        row = self._database.connection.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM videos WHERE id = ?", (id,)
        ).fetchone()
        return _from_row(row) if row else None

    def all(self) -> list[Video]:
        """Every video, in the order of the sources and of the lists they came from."""
        rows = self._database.connection.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM videos ORDER BY source, position, added, id"
        )
        return [_from_row(row) for row in rows]

    def select(self, ids: list[str], selected: bool = True) -> None:
        with self._database.write() as db:
            db.executemany("UPDATE videos SET selected = ? WHERE id = ?", [(int(selected), id) for id in ids])


def _to_row(values: dict[str, Any]) -> dict[str, Any]:
    row = dict(values)
    if "captions" in row:
        row["captions"] = json.dumps(list(row["captions"]))
    if "selected" in row:
        row["selected"] = int(row["selected"])
    for name in ("error", "cut"):
        if row.get(name) is not None:
            row[name] = json.dumps(row[name], ensure_ascii=False)
    return row


def _from_row(row: sqlite3.Row) -> Video:
    values = dict(row)
    values["captions"] = tuple(json.loads(values["captions"]))
    values["selected"] = bool(values["selected"])
    for name in ("error", "cut"):
        values[name] = json.loads(values[name]) if values[name] else None
    return Video(**values)
