"""Writing transcripts. Every change goes through `edits`: that is undo, history and audit at once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile
from typing import Any

from core.errors import UserError
from core.review.correction_time import Correction
from core.review.differences import differences, differing
from core.store import batches, edits
from core.store.connection import Connection
from core.store.database import Database
from core.store.edits import MADE, PERSON
from core.store.records import HUMAN, ChangedTexts, SeenText, TextChange, Undone

_LAST = f"""
    SELECT id, segment, before, {MADE} AS made FROM edits e WHERE {{which}} AND undoes IS NULL AND undone = 0
    AND EXISTS (SELECT 1 FROM transcripts t WHERE t.segment = e.segment) ORDER BY {MADE} DESC LIMIT 1
"""
"""Of what was cut away, and is back without its text, no edit is in force."""
_SINGLE = "who = 'person' AND batch IS NULL"
_OF_SEGMENT = "segment = ? AND (who = 'person' OR (who = 'import' AND json_extract(after, '$.origin') = 'human'))"
"""A person's text that was imported is one of their edits; what a machine wrote elsewhere is a labeller's."""


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
    logprob: float | None = None
    """The sum over its words, natural; avg_logprob is the mean."""


class SegmentGone(UserError):
    """Something was to be written of a segment that is not in the store, or not any more."""


class Transcripts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def write_machine(self, texts: Sequence[MachineText], who: str = "label") -> list[str]:
        """Store machine or caption text. Returns the ids that were written.

        Left alone: a segment that has human text, in whose text a person has changed something, that a person reviewed,
        or that is gone (cut anew meanwhile).
        """
        left, written = iter(texts), []

        def step(db: Connection, size: int) -> bool:
            some = list(islice(left, size))
            written.extend(item.segment for item in some if _write_machine(db, item, who))
            return len(some) == size

        self._database.in_slices(step)
        return written

    def set_estimates(self, estimates: Mapping[str, tuple[Sequence[str], float]]) -> None:
        """Flags and suspicion by segment, of machine or caption text that nobody has reviewed; the text stays."""
        marks = ", ".join("?" * len(HUMAN))
        self._database.write_many(
            "UPDATE transcripts SET flags = ?, suspicion = ? "
            f"WHERE segment = ? AND review = 'pending' AND origin NOT IN ({marks})",
            ((json.dumps(list(flags)), suspicion, id, *HUMAN) for id, (flags, suspicion) in estimates.items()),
        )

    def save(self, segment: str, text: str, who: str = PERSON, *, seen: Collection[SeenText] | None = None) -> None:
        """A person's text for a segment: human and accepted. Durable on return.

        seen: what this person knows to have stood there; where another person's text or verdict does, WrittenMeanwhile
        is raised and nothing is written. A machine's is written over: it stays in the history.
        """
        with self._database.write() as db:
            before = _require(db, segment)
            after = edits.human(text)
            if before == after:
                return
            if before is not None and seen is not None:
                is_written = before["origin"] in HUMAN and before["text"] != text
                if is_written or before["review"] != "pending":
                    edits.refuse_unseen(segment, before["text"], before["review"], seen)
            edits.write(db, segment, after)
            edits.record(db, segment, who, before, after)

    def import_human(
        self,
        texts: Mapping[str, str],
        what: str = "",
        told: Callable[[Mapping[str, str]], object] = lambda _: None,
    ) -> dict[str, str]:
        """Text that persons have written elsewhere. What a person wrote or judged here stays; one undo takes all back.

        what: is imported, in words. told: called with the outcome of some after the other, once they are on the disk;
        it may raise, and those stay.
        Returns for each segment: "imported", "unchanged" (the same text of a person is here), "kept" (a person has
        rejected it, has accepted another text, has written or changed one) or "gone" (it was cut anew meanwhile).
        """
        return batches.import_texts(self._database, texts, what, told)

    def review(self, segment: str, review: str, who: str = PERSON, *, seen: Collection[SeenText] | None = None) -> None:
        """Accept, reject or put back a segment; its text and origin stay. Accepting nothing is refused.

        seen: what the verdict may be on; with another text or verdict there, WrittenMeanwhile is raised.
        """
        with self._database.write() as db:
            before = _require(db, segment)
            if before is not None and seen is not None:
                other_verdict = before["review"] if before["review"] != review else "pending"
                edits.refuse_unseen(segment, before["text"], other_verdict, seen)
            if before is None:
                if review == "accepted":
                    raise UserError(
                        f"{segment} has no text to accept",
                        "no stage has labelled it",
                        "type its text, or run `whispersmith label`",
                    )
                after = edits.WITHOUT_TEXT | {"origin": "human", "review": review}
            else:
                after = before | {"review": review}
            if after != before:
                edits.write(db, segment, after)
                edits.record(db, segment, who, before, after)

    def accept_all(self, segments: Iterable[str]) -> int:
        """Accept those of the segments that are pending and have text; returns how many. One undo takes all back.

        In slices: a process that dies halfway has accepted some, and undo takes back those.
        """
        return batches.accept(self._database, segments)

    def reject_all(self, segments: Iterable[str]) -> int:
        """Reject those of the segments that are accepted; returns how many. One undo takes all back."""
        return batches.reject(self._database, segments)

    def change_texts(
        self, changes: Iterable[TextChange], what: str, *, as_human: bool = False, all_or_none: bool = False
    ) -> ChangedTexts:
        """Change texts as one batch, each if it is still what the person saw. what: is done, in words. One undo takes
        all back.

        as_human: they are a person's own from now on, and accepted. Else origin and review stay as they are.
        all_or_none: of a few texts that belong together; WrittenMeanwhile if one of them may not be changed.
        """
        if all_or_none:
            with self._database.write():
                return batches.change_texts(self._database, changes, what, as_human=as_human, all_or_none=True)
        return batches.change_texts(self._database, changes, what, as_human=as_human)

    def undo(self, segment: str | None = None) -> Undone | None:
        """Take back the last change a person made (to this segment, or to any; a batch, and an import, whole), also a
        day later.

        Undoing is an edit itself. None if there is nothing to take back. A batch is taken back in slices; where that
        was interrupted, the next undo goes on with it.
        """
        while True:
            with self._database.write(may_shorten=False) as db:
                if segment is None:
                    row = db.execute(_LAST.format(which=_SINGLE)).fetchone()
                    batch = batches.last_in_force(db)
                else:
                    row, batch = db.execute(_LAST.format(which=_OF_SEGMENT), (segment,)).fetchone(), None
                if batch is None or (row is not None and row["made"] > batch.made):
                    return _take_back(db, row) if row is not None else None
            undone = batches.undo(self._database, batch.id)
            if undone.count or undone.changed:
                return undone

    def take_back(self, segment: str, edit: int) -> bool:
        """Bring back what an edit of this segment has changed as it was before, whatever came after it; as an edit that
        undo takes back. False if it is so already.

        Where nothing stood before it, the text is empty and pending then; what the machine said of it is kept.
        """
        with self._database.write() as db:
            row = db.execute("SELECT before FROM edits WHERE id = ? AND segment = ?", (edit, segment)).fetchone()
            current = _require(db, segment)
            if row is None:
                raise UserError(f"{segment} has no such edit", "its history has others", "look at it again")
            before = json.loads(row["before"]) if row["before"] else edits.WITHOUT_TEXT
            if current is None and row["before"] is None:
                return False
            if current is None and before.keys() != set(edits.KEPT):
                raise UserError(
                    f"{segment} has no text now in which that could be taken back",
                    "that change tells only what it has changed",
                    "take back a change from before it, or type the text",
                )
            before = (current or {}) | before
            if before == current:
                return False
            edits.write(db, segment, before)
            edits.record(db, segment, PERSON, current, before)
            return True

    def history(self, segment: str) -> list[dict[str, Any]]:
        """Every change of one segment, oldest first: id, at (ms), who, before, after, undoes, undone, batch, what.

        before, after: None where there was no transcript; an edit of a batch tells only what it has changed. after has
        the model, too, where one wrote it. undone: it was taken back. what: the batch was done, in words, "" for none.
        """
        rows = self._database.connection.execute(
            "SELECT e.id, e.at, e.who, e.before, e.after, e.undoes, e.batch, COALESCE(b.what, '') AS what, "
            "EXISTS (SELECT 1 FROM edits u WHERE u.undoes = e.id) AS undone "
            "FROM edits e LEFT JOIN batches b ON b.id = e.batch WHERE e.segment = ? ORDER BY e.id",
            (segment,),
        )
        return [
            dict(row) | {name: json.loads(row[name]) if row[name] else None for name in ("before", "after")}
            for row in rows
        ]

    def reviewed_since(self, at_ms: int) -> int:
        """How many segments a person has dealt with one by one since then: the pace of the review."""
        query = (
            "SELECT segment, at FROM edits WHERE who = 'person' AND undoes IS NULL AND undone = 0 AND batch IS NULL "
            f"ORDER BY {MADE} DESC"
        )
        # Backwards from the newest: what is older than `at_ms` is never read.
        newest = self._database.connection.execute(query)
        return len({row["segment"] for row in takewhile(lambda row: row["at"] >= at_ms, newest)})

    def corrections(self, most: int = 300) -> list[Correction]:
        """What a person has dealt with one by one, the newest `most` of them: how long each took, and what it changed.

        seconds: since the edit before, whatever that was of.
        """
        rows = self._database.connection.execute(
            "SELECT e.at, e.before, e.after, s.end_ms - s.start_ms AS length FROM edits e "
            "JOIN segments s ON s.id = e.segment WHERE e.who = ? AND e.batch IS NULL AND e.undoes IS NULL "
            "ORDER BY e.id DESC LIMIT ?",
            (PERSON, most + 1),
        ).fetchall()
        found = []
        for row, earlier in pairwise(rows):
            before, after = (json.loads(row[name])["text"] if row[name] else "" for name in ("before", "after"))
            edits = differing(before, differences(before, after))
            found.append(Correction((row["at"] - earlier["at"]) / 1000, row["length"] / 1000, edits))
        return found


def _write_machine(db: Connection, item: MachineText, who: str) -> bool:
    before = edits.snapshot(db, item.segment)
    if before is None and not edits.is_here(db, item.segment):
        return False
    if before and (before["origin"] in HUMAN or before["review"] != "pending" or edits.is_changed(db, item.segment)):
        return False
    after = {
        "text": item.text,
        "origin": item.origin,
        "review": "pending",
        "flags": list(item.flags),
        "suspicion": item.suspicion,
    }
    is_same = before is not None and _written_by(db, item.segment) == item.model and _said(before) == _said(after)
    edits.write(db, item.segment, after)
    db.execute(
        "UPDATE transcripts SET raw = ?, model = ?, avg_logprob = ?, logprob = ?, no_speech_prob = ?, "
        "compression_ratio = ? WHERE segment = ?",
        (
            item.raw,
            item.model,
            item.avg_logprob,
            item.logprob,
            item.no_speech_prob,
            item.compression_ratio,
            item.segment,
        ),
    )
    # A killed run that is done again has changed nothing; nor has a new estimate of how far a text is to be trusted.
    if not is_same:
        edits.record(db, item.segment, who, before, after | {"model": item.model})
    return True


def _written_by(db: Connection, segment: str) -> str:
    row = db.execute("SELECT model FROM transcripts WHERE segment = ?", (segment,)).fetchone()
    return str(row["model"]) if row else ""


def _said(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return values["text"], values["origin"], values["review"]


def _take_back(db: Connection, edit: sqlite3.Row) -> Undone:
    """Undo one edit: what it remembers of before stands again, what it does not mention stays."""
    segment, current = edit["segment"], edits.snapshot(db, edit["segment"])
    before = json.loads(edit["before"]) if edit["before"] else None
    if before is None:
        db.execute("DELETE FROM transcripts WHERE segment = ?", (segment,))
    else:
        before = (current or {}) | before
        edits.write(db, segment, before)
    edits.record(db, segment, PERSON, current, before, undoes=edit["id"])
    return Undone(segment)


def _require(db: Connection, segment: str) -> dict[str, Any] | None:
    if not edits.is_here(db, segment):
        raise SegmentGone(f"there is no segment {segment}", "its name is not in the store", "whispersmith segments")
    return edits.snapshot(db, segment)
