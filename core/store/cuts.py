"""What a new cut does to the segments of an earlier one. What a person gave is always kept somewhere."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from core.review.flags import MOVED
from core.store import edits
from core.store.connection import Connection
from core.store.database import Database
from core.store.edits import CUT
from core.store.records import HUMAN

_UNTOUCHED = f"""
    t.review = 'pending' AND EXISTS (
        SELECT 1 FROM edits e WHERE e.id = (SELECT MAX(id) FROM edits WHERE segment = s.id) AND e.who = '{CUT}'
        AND e.id > ?
    )
"""


class CutSegment(NamedTuple):
    """What decides over a segment in a new cut."""

    video: str
    start_ms: int
    end_ms: int
    kept: bool
    origin: str | None
    review: str
    has_text: bool
    is_changed: bool

    @property
    def is_reviewed(self) -> bool:
        return self.origin in HUMAN or self.review != "pending"


class LeavingText(NamedTuple):
    """What stands in a segment that goes: a person's, or a machine's in which they have changed something.

    untouched: a cut has put it there, and nobody has looked at it.
    """

    segment: str
    start_ms: int
    end_ms: int
    text: str
    untouched: bool
    origin: str | None = "human"
    review: str = "accepted"
    model: str = ""

    @property
    def is_given(self) -> bool:
        """A person wrote or judged it."""
        return self.origin in HUMAN or self.review != "pending"


@dataclass(frozen=True)
class MovedText:
    """What a person wrote, or changed, for other segments of this time. flags: beside MOVED.

    may_return: all of it is untouched; so what stood here before it was moved away is right. origin, model: of a
    machine's text that was only changed.
    """

    segment: str
    text: str
    flags: tuple[str, ...]
    suspicion: float
    may_return: bool
    origin: str = "human"
    model: str = ""


class Cuts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def segments(self, videos: Iterable[str]) -> dict[str, list[CutSegment]]:
        """By recording, in playing order, of those of these that have any."""
        found: dict[str, list[CutSegment]] = {}
        wanted = set(videos)
        query = (
            "SELECT s.video, s.start_ms, s.end_ms, s.kept, t.origin, COALESCE(t.review, 'pending'), "
            f"TRIM(COALESCE(t.text, '')) <> '', {edits.IS_CHANGED} FROM segments s "
            "LEFT JOIN transcripts t ON t.segment = s.id ORDER BY s.video, s.start_ms, s.end_ms"
        )
        cursor = self._database.connection.cursor()
        cursor.row_factory = None
        for video, start, end, kept, origin, review, has_text, is_changed in cursor.execute(query):
            if video in wanted:
                row = CutSegment(video, start, end, bool(kept), origin, review, bool(has_text), bool(is_changed))
                found.setdefault(video, []).append(row)
        return found

    # -- from the beginning of a cut to its end

    def begin(self, video: str, cutting: Mapping[str, Any], *, anew: bool) -> None:
        """Until `finish` the recording counts as not cut. anew: all its segments are of an earlier cut from here on."""
        with self._database.write() as db:
            if anew:
                db.execute("UPDATE segments SET kept = 1 WHERE video = ?", (video,))
            db.execute("UPDATE videos SET cut = NULL, cutting = ? WHERE id = ?", (_packed(cutting), video))

    def finish(self, video: str, cut: Mapping[str, Any], ids: Collection[str]) -> None:
        """The recording is cut into these segments, and its file is in order; what else is here of it was kept."""
        with self._database.write() as db:
            own = "SELECT value FROM json_each(?)"
            db.execute(
                f"UPDATE segments SET kept = id NOT IN ({own}) WHERE video = ? AND kept <> (id NOT IN ({own}))",
                (packed := json.dumps(list(ids)), video, packed),
            )
            db.execute(
                "UPDATE videos SET cut = ?, cutting = NULL, media_fault = NULL, duration_ms = ? WHERE id = ?",
                (_packed(cut), cut["duration_ms"], video),
            )

    # -- texts that move

    def last_edit(self) -> int:
        """The number of the newest edit; greater ones come later."""
        return int(self._database.connection.execute("SELECT COALESCE(MAX(id), 0) FROM edits").fetchone()[0])

    def untouched(self, video: str, since: int = 0) -> set[str]:
        """Segments with a text that a cut has moved there after the edit `since`, and nobody has changed or judged."""
        rows = self._database.connection.execute(
            f"SELECT s.id FROM segments s JOIN transcripts t ON t.segment = s.id WHERE s.video = ? AND {_UNTOUCHED}",
            (video, since),
        )
        return {str(row["id"]) for row in rows}

    def overwritten(self, video: str, since: int) -> dict[str, str]:
        """By segment, the texts that stood where a cut has moved others after the edit `since`."""
        rows = self._database.connection.execute(
            "SELECT e.segment, json_extract(e.before, '$.text') AS text, MIN(e.id) FROM edits e "
            "JOIN segments s ON s.id = e.segment WHERE e.id > ? AND e.who = ? AND e.after IS NOT NULL AND s.video = ? "
            "GROUP BY e.segment",
            (since, CUT, video),
        )
        return {str(row["segment"]): str(row["text"]) for row in rows if row["text"]}

    def offer(self, texts: Iterable[MovedText], since: int) -> set[str]:
        """Write texts where a new cut has put them: pending, with the flag MOVED.

        Left alone: what a person has written, judged or changed. What was moved there after the edit `since`, in an
        earlier try of the same move, is written anew. A text that was moved away from this very segment once may return
        as it was, verdict and all. Returns the segments in which a person was at work after `since` and before any text
        was offered there: they have not seen it.
        """
        left, unseen = iter(texts), set[str]()

        def step(db: Connection, size: int) -> bool:
            some = list(islice(left, size))
            unseen.update(item.segment for item in some if not _offer(db, item, since))
            return len(some) == size

        self._database.in_slices(step)
        return unseen

    def retire(self, texts: Iterable[LeavingText]) -> list[str]:
        """Remove segments whose text has been offered elsewhere; in `edits` it stays for good. Returns what went.

        One whose text is another by now, or that has another verdict, stays.
        """
        left, removed = iter(texts), []

        def step(db: Connection, size: int) -> bool:
            some = list(islice(left, size))
            removed.extend(item.segment for item in some if _retire(db, item))
            return len(some) == size

        self._database.in_slices(step)
        return removed

    def retired(self, video: str, since: int) -> list[LeavingText]:
        """Those of a recording that went after the edit `since`, and are not back."""
        rows = self._database.connection.execute(
            "SELECT segment, before FROM edits e WHERE id > ? AND who = ? AND after IS NULL "
            "AND json_extract(before, '$.video') = ? AND NOT EXISTS (SELECT 1 FROM segments WHERE id = e.segment)",
            (since, CUT, video),
        )
        befores = ((row["segment"], json.loads(row["before"])) for row in rows)
        named = LeavingText._fields[1:]
        return [LeavingText(id, **{name: before[name] for name in named if name in before}) for id, before in befores]


def _offer(db: Connection, item: MovedText, since: int) -> bool:
    """False where a person stands in the way who has not seen it."""
    before = edits.snapshot(db, item.segment)
    is_reviewed = before is not None and (before["origin"] in HUMAN or before["review"] != "pending")
    is_theirs = is_reviewed or edits.is_changed(db, item.segment)
    if not edits.is_here(db, item.segment):
        return False
    if is_theirs and not _is_untouched(db, item.segment, since):
        return _is_seen(db, item.segment, since)
    stood = _stood_before(db, item.segment) if item.may_return and not is_theirs else None
    after = stood or {
        "text": item.text,
        "origin": item.origin,
        "review": "pending",
        "flags": [MOVED, *item.flags],
        "suspicion": item.suspicion,
        "model": item.model,
    }
    model = after.pop("model")
    edits.write(db, item.segment, after)
    # What a machine has said of the text that stood here is not of this one. Also where nothing else is new: an offer
    # that only the journal had has no model.
    db.execute(
        "UPDATE transcripts SET raw = '', model = ?, avg_logprob = NULL, logprob = NULL, no_speech_prob = NULL, "
        "compression_ratio = NULL WHERE segment = ?",
        (model, item.segment),
    )
    if after != before:
        edits.record(db, item.segment, CUT, before, after)
    return True


def _is_seen(db: Connection, segment: str, since: int) -> bool:
    """Whether all that stands in a segment is from before the cut, or from after a text was offered there."""
    first = db.execute("SELECT who FROM edits WHERE segment = ? AND id > ? ORDER BY id LIMIT 1", (segment, since))
    return (row := first.fetchone()) is None or row["who"] == CUT


def _stood_before(db: Connection, segment: str) -> dict[str, Any] | None:
    """The transcript that was moved away from this segment, with its model, if that is the last that happened to
    it."""
    query = "SELECT who, before, after FROM edits WHERE segment = ? ORDER BY id DESC LIMIT 1"
    last = db.execute(query, (segment,)).fetchone()
    if last is None or last["who"] != CUT or last["after"] is not None:
        return None
    before = json.loads(last["before"])
    return {name: before[name] for name in edits.KEPT} | {"model": before.get("model", "")}


def _is_untouched(db: Connection, segment: str, since: int = 0) -> bool:
    query = f"SELECT 1 FROM segments s JOIN transcripts t ON t.segment = s.id WHERE s.id = ? AND {_UNTOUCHED}"
    return db.execute(query, (segment, since)).fetchone() is not None


def _retire(db: Connection, item: LeavingText) -> bool:
    before = edits.snapshot(db, item.segment)
    if before is None or before["text"] != item.text or before["review"] == "rejected":
        return False
    if item.is_given != (before["origin"] in HUMAN or before["review"] != "pending"):
        return False
    edits.retire(db, item.segment, before, untouched=item.untouched)
    return True


def _packed(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)
