"""Segments, read together with their transcripts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from sys import intern
from typing import Any

from core.clock import now_ms
from core.errors import UserError
from core.review import sound_flags
from core.review.sound_flags import sound_flags_of
from core.store.connection import Connection
from core.store.database import Database
from core.store.edits import IS_CHANGED
from core.store.records import HUMAN, Changes, DatasetRow, Segment, SegmentRow, TranscriptRow

_SPEECH = "CASE WHEN s.peak IS NOT NULL THEN s.speech END"
"""What the detector has heard: before there was one, the column held something else."""

_SELECT = f"""
    SELECT s.id, s.video, s.start_ms, s.end_ms, s.path, s.dbfs, {_SPEECH} AS speech, s.peak, s.clipped, s.digest,
           s.kept, p.part, COALESCE(t.text, ''), COALESCE(t.raw, ''), t.origin, COALESCE(t.model, ''), t.avg_logprob,
           t.logprob, t.no_speech_prob, t.compression_ratio, COALESCE(t.flags, '[]'), t.suspicion,
           COALESCE(t.review, 'pending'), {IS_CHANGED}
    FROM segments s LEFT JOIN transcripts t ON t.segment = s.id
    LEFT JOIN parts p ON p.segment = s.id AND p.split = (SELECT split FROM counts)
"""
"""The fields of `Segment`, in their order."""
_ORDER = " ORDER BY (SELECT rowid FROM videos v WHERE v.id = s.video), s.start_ms, s.end_ms"

_CUT = ("id", "video", "start_ms", "end_ms", "path", "dbfs", "speech", "peak", "clipped", "digest", "kept")
"""The columns that cutting fills, the first four for good."""

_ROWS = f"""
    SELECT v.rowid, s.start_ms, s.end_ms, s.id, s.video, COALESCE(t.text, ''), t.origin,
           COALESCE(t.review, 'pending'), COALESCE(t.flags, '[]'), t.suspicion, t.avg_logprob, COALESCE(t.model, ''),
           {_SPEECH}, s.dbfs, s.clipped, COALESCE(json_array_length(r.places), 0)
    FROM segments s JOIN videos v ON v.id = s.video LEFT JOIN transcripts t ON t.segment = s.id
    LEFT JOIN second_readings r ON r.segment = s.id AND r.text = t.text
"""
_RECORDING = f"""
    SELECT s.start_ms, s.end_ms, s.id, s.dbfs, {_SPEECH}, s.clipped, t.origin, COALESCE(t.review, 'pending'),
           COALESCE(t.flags, '[]'), s.kept
    FROM segments s LEFT JOIN transcripts t ON t.segment = s.id WHERE s.video = ? ORDER BY s.start_ms, s.end_ms
"""
_DATASET = """
    SELECT s.id, s.video, s.start_ms, s.end_ms, s.path, s.digest, p.part, COALESCE(t.text, ''),
           COALESCE(t.review, 'pending')
    FROM segments s JOIN videos v ON v.id = s.video LEFT JOIN transcripts t ON t.segment = s.id
    LEFT JOIN parts p ON p.segment = s.id AND p.split = (SELECT split FROM counts)
    ORDER BY v.rowid, s.start_ms, s.end_ms
"""
_KEPT, _FLAGS, _CHANGED = (
    tuple(field.name for field in fields(Segment)).index(name) for name in ("kept", "flags", "is_changed")
)
_AT_ONCE = 1000
"""Rows read in one go: a thread that reads many leaves the others their turns."""

_COUNTED = """
    SELECT COUNT(*) AS segments, COUNT(t.segment) AS labelled,
           COALESCE(SUM(t.review = 'accepted'), 0) AS accepted, COALESCE(SUM(t.review = 'rejected'), 0) AS rejected,
           COALESCE(SUM(t.review = 'accepted' AND TRIM(t.text) <> ''), 0) AS usable,
           COALESCE(SUM(CASE WHEN t.review = 'accepted' THEN s.end_ms - s.start_ms END), 0) AS accepted_ms
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
        self._database.write_many(
            f"INSERT INTO segments ({', '.join(_CUT)}) VALUES ({', '.join('?' * len(_CUT))}) "
            f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _CUT[4:])}",
            map(attrgetter(*_CUT), rows),
        )

    def remove(self, ids: Iterable[str]) -> int:
        """Remove segments and their machine transcripts. Those that a person reviewed, or in whose text they changed
        something, stay; counts what went."""
        marks = ", ".join("?" * len(HUMAN))
        statement = (
            "DELETE FROM segments WHERE id = ? AND NOT EXISTS (SELECT 1 FROM transcripts t "
            f"WHERE t.segment = segments.id AND (t.origin IN ({marks}) OR t.review <> 'pending' OR {IS_CHANGED}))"
        )
        left, removed = iter(ids), 0

        def step(db: Connection, size: int) -> bool:
            nonlocal removed
            some = list(islice(left, size))
            removed += sum(db.execute(statement, (id, *HUMAN)).rowcount for id in some)
            return len(some) == size

        self._database.in_slices(step)
        return removed

    def get(self, id: str) -> Segment | None:
        return next(_segments(self._database.connection, _SELECT + " WHERE s.id = ?", (id,)), None)

    def all(
        self,
        *,
        video: str | None = None,
        flag: str | None = None,
        review: str | None = None,
        part: str | None = None,
    ) -> list[Segment]:
        """Segments in playing order, narrowed by every argument that is given. flag: of the text or of the sound."""
        wheres: list[str] = []
        values: list[Any] = []
        for clause, value in (("s.video = ?", video), ("p.part = ?", part)):
            if value is not None:
                wheres.append(clause)
                values.append(value)
        if review is not None:
            wheres.append("COALESCE(t.review, 'pending') = ?")
            values.append(review)
        of_sound = flag in sound_flags.FLAGS
        if flag is not None and not of_sound:
            wheres.append("EXISTS (SELECT 1 FROM json_each(t.flags) WHERE value = ?)")
            values.append(flag)
        where = f" WHERE {' AND '.join(wheres)}" if wheres else ""
        found = _segments(self._database.connection, _SELECT + where + _ORDER, values)
        return [segment for segment in found if not of_sound or flag in segment.sound_flags]

    # -- light rows, for lists of all of them

    def rows(self) -> Changes:
        """Every segment as a light row, in playing order, and the revision that this is."""
        with self._database.read() as db:
            revision = _revision(db)
            found = list(_transcript_rows(db, f"{_ROWS} ORDER BY v.rowid, s.start_ms, s.end_ms"))
        return Changes(revision, found, [])

    def rows_of(self, video: str) -> list[TranscriptRow]:
        """Those of `rows` that are of one recording."""
        db = self._database.connection
        return list(_transcript_rows(db, f"{_ROWS} WHERE s.video = ? ORDER BY s.start_ms, s.end_ms", (video,)))

    def first_rows(self, count: int) -> list[TranscriptRow]:
        """The first of `rows`, `count` or somewhat more: those of the first recordings."""
        found: list[TranscriptRow] = []
        with self._database.read() as db:
            cut = "SELECT id FROM videos v WHERE EXISTS (SELECT 1 FROM segments WHERE video = v.id) ORDER BY rowid"
            for (video,) in db.execute(cut):
                found += self.rows_of(video)
                if len(found) >= count:
                    break
        return found

    def of_recording(self, video: str) -> list[SegmentRow]:
        """The segments of one recording as light rows, in playing order."""
        with self._database.read() as db:
            return list(_segment_rows(db, video))

    def revision(self) -> int:
        """Up to which `changed_since` would tell of everything now."""
        return _revision(self._database.connection)

    def changed_since(self, revision: int, most: int = _AT_ONCE) -> Changes | None:
        """What was added, changed or removed since `revision`, by whomever; None if it is more than `most` segments, or
        more than the store remembers."""
        with self._database.read() as db:
            first, now = db.execute(
                "SELECT COALESCE(MIN(revision), 1), COALESCE(MAX(revision), 0) FROM changes"
            ).fetchone()
            query = "SELECT DISTINCT segment FROM changes WHERE revision > ? LIMIT ?"
            ids = [str(row["segment"]) for row in db.execute(query, (revision, most + 1))]
            if revision < first - 1 or len(ids) > most:
                return None
            found = [row for id in ids for row in _transcript_rows(db, f"{_ROWS} WHERE s.id = ?", (id,))]
        here = {row.id for row in found}
        return Changes(now, found, [id for id in ids if id not in here])

    def dataset_rows(self) -> Iterator[DatasetRow]:
        """Every segment in playing order, a thousand read at a time; what is written meanwhile may be in it or not."""
        cursor = self._database.connection.cursor()
        cursor.row_factory = None
        cursor.execute(_DATASET)
        while some := cursor.fetchmany(_AT_ONCE):
            yield from map(DatasetRow._make, some)

    # -- digests of the wavs

    def without_digest(self) -> list[tuple[str, str]]:
        """(id, path) of segments whose wav was written before digests were kept: accepted ones, and those in a part."""
        found = self._database.connection.execute(
            "SELECT s.id, s.path FROM segments s LEFT JOIN transcripts t ON t.segment = s.id "
            "LEFT JOIN parts p ON p.segment = s.id AND p.split = (SELECT split FROM counts) "
            "WHERE s.digest IS NULL AND (p.part IS NOT NULL OR t.review = 'accepted')"
        )
        return [(row["id"], row["path"]) for row in found]

    def set_digests(self, digests: Mapping[str, str]) -> None:
        """Store the SHA-256 of wavs, by segment; one that has been written anew meanwhile keeps its own."""
        rows = ((found, id) for id, found in digests.items())
        self._database.write_many("UPDATE segments SET digest = ? WHERE id = ? AND digest IS NULL", rows)

    # -- the split

    def usable_spans(self) -> Iterator[UsableSpans]:
        """The usable segments of one recording after the other, by its id; those of one in order of start and end."""
        db = self._database.connection
        cut = "SELECT id FROM videos WHERE EXISTS (SELECT 1 FROM segments WHERE video = videos.id) ORDER BY id"
        for (video,) in db.execute(cut).fetchall():
            row = db.execute(_SPANS, (video,)).fetchone()
            if row["starts"] is not None:
                yield UsableSpans(video, row["starts"], row["ends"], row["digests"])

    def usable_digest(self) -> str:
        """Another one wherever other segments are usable, or their sound is another: 16 hex digits."""
        found = hashlib.sha256()
        for spans in self.usable_spans():
            found.update(f"{spans.video} {spans.starts} {spans.ends} {spans.digests}\n".encode())
        return found.hexdigest()[:16]

    def set_parts(
        self,
        parts: Mapping[str, str | None] | Iterable[tuple[str, str | None]],
        report: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a split: train, test or None (left out) for each segment named, None for all others.

        parts: by segment, or as pairs, which a million of had better come as. In the order of ids it goes quickest.
        It is written beside the one in force, in slices, and takes its place whole, together with `report` as the
        note "split". A segment that is gone by then has no part.
        """
        with self._database.write() as db:
            number = int(db.execute("INSERT INTO splits (at) VALUES (?)", (now_ms(),)).lastrowid or 0)
        pairs = sorted(parts.items()) if isinstance(parts, Mapping) else parts
        self._database.write_many(
            "INSERT INTO parts (segment, split, part) SELECT id, ?, ? FROM segments WHERE id = ?",
            ((number, part, id) for id, part in pairs if part is not None),
        )
        with self._database.write() as db:
            if db.execute("SELECT 1 FROM splits WHERE id = ?", (number,)).fetchone() is None:
                raise UserError(
                    "this split was not kept", "another one was made meanwhile", "look at it, or split again"
                )
            db.execute("UPDATE counts SET split = ?", (number,))
            if report is not None:
                self._database.set_note("split", dict(report))
        self._clear_splits(number)

    def split_number(self) -> int:
        """Which split is in force: another number after each; 0 before the first."""
        return int(self._database.connection.execute("SELECT COALESCE(split, 0) FROM counts").fetchone()[0])

    def _clear_splits(self, before: int) -> None:
        """Remove the splits that were in force once, and what a killed process has left."""
        done = ""

        def step(db: Connection, size: int) -> bool:
            nonlocal done
            query = "SELECT MAX(segment) FROM (SELECT segment FROM parts WHERE segment > ? ORDER BY segment LIMIT ?)"
            last = db.execute(query, (done, size)).fetchone()[0]
            if last is None:
                db.execute("DELETE FROM splits WHERE id < ?", (before,))
                return False
            db.execute("DELETE FROM parts WHERE segment > ? AND segment <= ? AND split < ?", (done, last, before))
            done = last
            return True

        self._database.in_slices(step)

    # -- counts

    def counts(self) -> dict[str, int]:
        """Counts for the screens and `status`, kept by the store itself: one row is read.

        usable: accepted ones that say something. train, test: of the split in force.
        """
        row = self._database.connection.execute(
            "SELECT c.segments, c.labelled, c.accepted, c.rejected, c.usable, COALESCE(s.train, 0) AS train, "
            "COALESCE(s.test, 0) AS test, c.accepted_ms FROM counts c LEFT JOIN splits s ON s.id = c.split"
        ).fetchone()
        return dict(row)

    def recount(self) -> None:
        """Count all segments anew, in place of the counts that are kept; for a store that somebody else has mended."""
        with self._database.write() as db:
            found = dict(db.execute(_COUNTED).fetchone())
            db.execute(f"UPDATE counts SET {', '.join(f'{name} = :{name}' for name in found)}", found)
            for part in ("train", "test"):
                query = f"UPDATE splits SET {part} = (SELECT COUNT(*) FROM parts WHERE split = splits.id AND part = ?)"
                db.execute(query, (part,))


def _revision(db: Connection) -> int:
    return int(db.execute("SELECT COALESCE(MAX(revision), 0) FROM changes").fetchone()[0])


def _transcript_rows(db: Connection, query: str, values: tuple[str, ...] = ()) -> Iterator[TranscriptRow]:
    """Rows of _ROWS. What many of them share is one object: 100 000 take half the memory."""
    for row in _light(db, query, values):
        place, start, end, id, video, text, origin, review, flags, suspicion, logprob, model, speech, *sound = row
        dbfs, clipped, differs = sound
        who = None if origin is None else intern(origin)
        heard = sound_flags_of(dbfs, speech, clipped)
        yield TranscriptRow(
            place, start, end, id, intern(video), text, who, intern(review), _flags(flags), suspicion, logprob,
            intern(model), speech, heard, differs,
        )  # fmt: skip


def _segment_rows(db: Connection, video: str) -> Iterator[SegmentRow]:
    at = SegmentRow._fields.index("flags")
    return (SegmentRow._make((*row[:at], _flags(row[at]), *row[at + 1 :])) for row in _light(db, _RECORDING, (video,)))


def _segments(db: Connection, query: str, values: Sequence[Any]) -> Iterator[Segment]:
    """Rows of _SELECT."""
    for row in _light(db, query, values):
        values = list(row)
        values[_KEPT], values[_FLAGS], values[_CHANGED] = bool(row[_KEPT]), _flags(row[_FLAGS]), bool(row[_CHANGED])
        yield Segment(*values)


def _light(db: Connection, query: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    cursor = db.cursor()
    cursor.row_factory = None
    cursor.execute(query, values)
    while some := cursor.fetchmany(_AT_ONCE):
        yield from some


@lru_cache(maxsize=256)
def _flags(packed: str) -> tuple[str, ...]:
    return tuple(json.loads(packed))
