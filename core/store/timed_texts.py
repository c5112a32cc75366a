"""Timed text of recordings by its source, window by window: what is stored is never made again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from core.clock import now_ms
from core.spans import Span
from core.store.database import Database
from core.store.records import TimedTextRow
from core.timed_text import TimedText, Word

_FINISHED = "finished"
"""The holder of what a run has done with."""

_EARLIER = "\nearlier"
"""Behind the source of what was heard before it was begun anew with other settings; no source has two lines."""

_COLUMNS = "id, video, source, settings, begun, done"

_OF_THIS_SOUND = (
    "id > COALESCE((SELECT json_extract(COALESCE(cut, cutting), '$.replaced.texts') FROM videos v "
    "WHERE v.id = timed_texts.video), 0)"
)
"""Of a recording that lay there before another was put in its place nothing is told."""


class TimedTexts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, video: str, source: str, settings: Mapping[str, Any], *, anew: bool = False) -> TimedTextRow:
        """The timed text of a recording by a source: the one that is here, if it was made with these settings.

        What was made with others is kept until the new one is whole: who tries other settings on a part of a recording
        loses nothing by it. One such is kept, and what is whole goes for no part. anew: with no window that was there
        before. What is of other sound goes.
        """
        with self._database.write() as db:
            now, earlier = (None, None) if anew else (self.get(video, source), self.get(video, source + _EARLIER))
            if now is not None and now.settings == dict(settings):
                return now
            if earlier is not None and earlier.settings == dict(settings):
                self._put_in_place(earlier.id, video, source)
                return earlier
            if now is None:
                self._remove(video, source + _EARLIER)
            elif now.done is not None or earlier is None or earlier.done is None:
                self._put_in_place(now.id, video, source + _EARLIER)
            self._remove(video, source)
            values = (video, source, json.dumps(settings, ensure_ascii=False, sort_keys=True), now_ms())
            db.execute("INSERT INTO timed_texts (video, source, settings, begun) VALUES (?, ?, ?, ?)", values)
            found = self.get(video, source)
            assert found is not None
            return found

    def _put_in_place(self, id: int, video: str, source: str) -> None:
        """One is that of this source from now on; what was so goes."""
        with self._database.write() as db:
            self._remove(video, source)
            db.execute("UPDATE timed_texts SET source = ?, holder = NULL WHERE id = ?", (source, id))

    def _remove(self, video: str, source: str) -> None:
        with self._database.write() as db:
            db.execute("DELETE FROM timed_texts WHERE video = ? AND source = ?", (video, source))

    def newest(self) -> int:
        """The number of the newest; those that begin from now on have greater ones. 0 where there is none."""
        return int(self._database.connection.execute("SELECT COALESCE(MAX(id), 0) FROM timed_texts").fetchone()[0])

    # -- leases: several processes share the recordings of one run

    def lease(self, id: int, holder: str, seconds: float) -> bool:
        """Let one process alone work on a timed text for so long; it may ask again for more. False if another does, or
        has finished."""
        now = now_ms()
        with self._database.write() as db:
            taken = db.execute(
                "UPDATE timed_texts SET holder = ?, held_until = ? WHERE id = ? AND holder IS NOT ? "
                "AND (holder IS NULL OR holder = ? OR held_until < ?)",
                (holder, now + round(seconds * 1000), id, _FINISHED, holder, now),
            )
            return taken.rowcount == 1

    def finish_lease(self, id: int) -> None:
        """Nothing is left to do with it in this run, whole or not."""
        self._set_holder("id = ?", id, _FINISHED)

    def is_lease_finished(self, id: int) -> bool:
        row = self._database.connection.execute("SELECT holder FROM timed_texts WHERE id = ?", (id,)).fetchone()
        return row is not None and row["holder"] == _FINISHED

    def release(self, holder: str) -> None:
        """A process has ended: what it was at work on is free for others."""
        self._set_holder("holder = ?", holder, None)

    def release_all(self, source: str) -> None:
        """A run begins, or ends."""
        self._set_holder("source = ? AND holder IS NOT NULL", source, None)

    def _set_holder(self, which: str, value: object, holder: str | None) -> None:
        with self._database.write() as db:
            db.execute(f"UPDATE timed_texts SET holder = ?, held_until = NULL WHERE {which}", (holder, value))

    # -- windows

    def add(self, id: int, windows: Sequence[TimedText]) -> None:
        """Store windows, all or none; one that is there is replaced. Without effect where somebody has begun anew."""
        with self._database.write() as db:
            if db.execute("SELECT 1 FROM timed_texts WHERE id = ?", (id,)).fetchone() is None:
                return
            db.executemany(
                "INSERT OR REPLACE INTO timed_windows (timed_text, start_ms, end_ms, text, words, avg_logprob, "
                "no_speech_prob, flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(id, *_packed(window)) for window in windows],
            )

    def finish(self, id: int) -> None:
        """Nothing of the recording is missing."""
        with self._database.write() as db:
            db.execute("UPDATE timed_texts SET done = ? WHERE id = ?", (now_ms(), id))
            query = "SELECT video, source || ? FROM timed_texts WHERE id = ?"
            db.execute(f"DELETE FROM timed_texts WHERE (video, source) IN ({query})", (_EARLIER, id))

    def put(self, video: str, source: str, settings: Mapping[str, Any], windows: Sequence[TimedText]) -> None:
        """Store what a source says of a recording, whole, in place of what it said before."""
        with self._database.write():
            row = self.begin(video, source, settings, anew=True)
            self.add(row.id, windows)
            self.finish(row.id)

    def get(self, video: str, source: str) -> TimedTextRow | None:
        query = f"SELECT {_COLUMNS} FROM timed_texts WHERE video = ? AND source = ? AND {_OF_THIS_SOUND}"
        row = self._database.connection.execute(query, (video, source)).fetchone()
        return _from_row(row) if row else None

    def of_source(self, video: str, source: str) -> list[TimedTextRow]:
        """What is here of one source: what is made now, and what was there before that with other settings."""
        rows = (self.get(video, source), self.get(video, source + _EARLIER))
        return [row for row in rows if row is not None]

    def of(self, video: str) -> list[TimedTextRow]:
        """Every source's of one recording, the newest first; of one that has begun anew what is whole comes second."""
        query = f"SELECT {_COLUMNS} FROM timed_texts WHERE video = ? AND {_OF_THIS_SOUND} ORDER BY begun DESC, id DESC"
        return [_from_row(row) for row in self._database.connection.execute(query, (video,))]

    def spans(self, id: int) -> list[Span]:
        """The windows that are here, in order, without what they say."""
        query = "SELECT start_ms, end_ms FROM timed_windows WHERE timed_text = ? ORDER BY start_ms, end_ms"
        return [Span(row["start_ms"], row["end_ms"]) for row in self._database.connection.execute(query, (id,))]

    def windows(self, id: int, start_ms: int = 0, end_ms: int | None = None) -> list[TimedText]:
        """The windows that are here, in order; those that have time between start_ms and end_ms (None: all)."""
        query = "SELECT * FROM timed_windows WHERE timed_text = ? AND end_ms > ?"
        values = [id, start_ms]
        if end_ms is not None:
            query += " AND start_ms < ?"
            values.append(end_ms)
        return [
            TimedText(
                row["start_ms"],
                row["end_ms"],
                row["text"],
                row["avg_logprob"],
                row["no_speech_prob"],
                tuple(Word._make(word) for word in json.loads(row["words"])),
                tuple(json.loads(row["flags"])),
            )
            for row in self._database.connection.execute(f"{query} ORDER BY start_ms, end_ms", values)
        ]

    def words(self, video: str, start_ms: int, end_ms: int, source: str = "") -> list[Word]:
        """The words of a recording whose middle lies between start_ms and end_ms, in order; of the newest timed text
        that has words with times there, or that of `source` where it has. [] where nobody has told any."""
        for row in sorted(self.of(video), key=lambda row: row.source != source):
            words = [word for window in self.windows(row.id, start_ms, end_ms) for word in window.words]
            if found := [word for word in words if start_ms <= (word.start_ms + word.end_ms) / 2 < end_ms]:
                return found
        return []


def _packed(window: TimedText) -> tuple[Any, ...]:
    words = [(word.start_ms, word.end_ms, word.text, round(word.logprob, 4)) for word in window.words]
    return (
        window.start_ms,
        window.end_ms,
        window.text,
        json.dumps(words, ensure_ascii=False, separators=(",", ":")),
        window.avg_logprob,
        window.no_speech_prob,
        json.dumps(window.flags),
    )


def _from_row(row: sqlite3.Row) -> TimedTextRow:
    source = row["source"].removesuffix(_EARLIER)
    return TimedTextRow(row["id"], row["video"], source, json.loads(row["settings"]), row["begun"], row["done"])
