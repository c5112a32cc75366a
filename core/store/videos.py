"""Sources and videos."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from core.clock import now_ms
from core.errors import UserError
from core.store.database import Database
from core.store.records import Source, Video
from core.text import clean

_COLUMNS = tuple(field.name for field in fields(Video))
_CAPTIONS, _SELECTED = _COLUMNS.index("captions"), _COLUMNS.index("selected")
_NAMES = ", ".join(_COLUMNS)
_JSON = ("error", "cut", "cutting", "media_fault")
_INSERT = f"INSERT OR IGNORE INTO videos ({_NAMES}, added) VALUES (:{', :'.join(_COLUMNS)}, :added)"
_AT_ONCE = 500
"""Values in one statement; SQLite's own limit was 999 for long."""


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

    def rename_source(self, before: str, url: str) -> None:
        """Nothing happens where there is none of the old URL, or one of the new."""
        with self._database.write() as db:
            db.execute("UPDATE OR IGNORE sources SET url = ? WHERE url = ?", (url, before))

    def listed_to_end(self, source: int) -> None:
        """The list of this source has just been read to its end."""
        with self._database.write() as db:
            db.execute("UPDATE sources SET listed = ? WHERE id = ?", (now_ms(), source))

    def sources(self) -> list[Source]:
        rows = self._database.connection.execute("SELECT id, url, kind, title, added, listed FROM sources ORDER BY id")
        return [Source(**dict(row)) for row in rows]

    def add(self, video: Video) -> bool:
        """Add a video. False, and nothing is changed, if its id is there already."""
        return bool(self.add_many([video]))

    def add_many(self, videos: Sequence[Video]) -> set[str]:
        """Add the rows of a list in one transaction. Returns the ids that were new.

        A row that is there already keeps all it has, save its position where it came from the same source.
        """
        if not videos:
            return set()
        now = now_ms()
        with self._database.write() as db:
            fresh = {v.id for v in videos if db.execute(_INSERT, {**_to_row(v.__dict__), "added": now}).rowcount == 1}
            moved = [(v.position, v.id, v.source, v.position) for v in videos if v.id not in fresh]
            db.executemany("UPDATE videos SET position = ? WHERE id = ? AND source = ? AND position <> ?", moved)
        return fresh

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
        found = self._read(f"SELECT {_NAMES} FROM videos WHERE id = ?", [id])
        return found[0] if found else None

    def all(self) -> list[Video]:
        """Every video, in the order of the sources and of the lists they came from."""
        return self._read(f"SELECT {_NAMES} FROM videos ORDER BY source, position, added, id")

    def some(self, ids: Sequence[str]) -> list[Video]:
        """The videos of these ids, in this order; an id that is not there is passed over."""
        found: dict[str, Video] = {}
        for start in range(0, len(ids), _AT_ONCE):
            part = list(ids[start : start + _AT_ONCE])
            marks = ", ".join("?" * len(part))
            found |= {v.id: v for v in self._read(f"SELECT {_NAMES} FROM videos WHERE id IN ({marks})", part)}
        return [found[id] for id in ids if id in found]

    def captioned(self) -> dict[str, str]:
        """Language of the captions that are stored here, by video; reads no cues, which may be megabytes."""
        query = "SELECT video, language FROM captions WHERE error IS NULL AND cues <> '[]'"
        return {str(row["video"]): str(row["language"]) for row in self._database.connection.execute(query)}

    def titles(self) -> dict[str, str]:
        """Of the recordings that have segments, by id, in the order in which lists of segments have them."""
        query = "SELECT id, title FROM videos v WHERE EXISTS (SELECT 1 FROM segments WHERE video = v.id) ORDER BY rowid"
        return {row["id"]: row["title"] for row in self._database.connection.execute(query)}

    def _read(self, query: str, values: Sequence[str] = ()) -> list[Video]:
        cursor = self._database.connection.cursor()
        cursor.row_factory = None
        return [_from_row(row) for row in cursor.execute(query, values)]

    def named(self, ids: list[str]) -> list[Video]:
        """These videos in this order, each once. UserError for an id that is not here."""
        wanted = list(dict.fromkeys(ids))
        known = {video.id: video for video in self.some(wanted)}
        for id in wanted:
            if id not in known:
                raise UserError(
                    f"there is no video {clean(id, 100)}",
                    "no source that was added lists it",
                    "whispersmith videos shows the ids; whispersmith add URL lists a new source",
                )
        return [known[id] for id in wanted]

    def select(self, ids: list[str], selected: bool = True) -> None:
        self._database.write_many("UPDATE videos SET selected = ? WHERE id = ?", ((int(selected), id) for id in ids))


def _to_row(values: dict[str, Any]) -> dict[str, Any]:
    row = dict(values)
    if "captions" in row:
        row["captions"] = json.dumps(list(row["captions"]))
    if "selected" in row:
        row["selected"] = int(row["selected"])
    for name in _JSON:
        if row.get(name) is not None:
            row[name] = json.dumps(row[name], ensure_ascii=False)
    return row


def _from_row(row: tuple[Any, ...]) -> Video:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["captions"] = () if row[_CAPTIONS] == "[]" else tuple(json.loads(row[_CAPTIONS]))
    values["selected"] = row[_SELECTED] != 0
    for name in _JSON:
        if values[name] is not None:
            values[name] = json.loads(values[name]) if values[name] else None
    # Every field has its value, so the constructor of a frozen class, which sets them one by one at thrice the cost,
    # has nothing to add: a screen reads thousands of rows at once.
    video = object.__new__(Video)
    video.__dict__.update(values)
    return video
