"""Writing what a person has done, off the UI thread and in order; what is not on the disk yet is known and kept.

TranscriptWriter   one thread and a queue: a save never waits for another program that holds the store
Unsaved            what of a segment is not on the disk: it waits, or could not be written
UnsavedTexts       all of them
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.errors import UserError
from core.store import Store, TranscriptRow
from core.store.connection import BUSY_S
from core.store.edits import WrittenMeanwhile
from core.store.records import ChangedTexts, SeenText, TextChange, Undone
from core.store.transcripts import SegmentGone


class Edit(Protocol):
    """One thing a person did, to be written by `apply` in the writer's thread."""

    def apply(self, store: Store) -> Undone | ChangedTexts | int | None: ...


@dataclass(frozen=True)
class SaveText:
    """seen: what this person knows to have stood there: no other person's text or verdict is written over."""

    segment: str
    text: str
    seen: frozenset[SeenText]

    def apply(self, store: Store) -> None:
        store.transcripts.save(self.segment, self.text, seen=self.seen)


@dataclass(frozen=True)
class SetReview:
    """seen: what the verdict may be on."""

    segment: str
    review: str
    seen: frozenset[SeenText]

    def apply(self, store: Store) -> None:
        store.transcripts.review(self.segment, self.review, seen=self.seen)


@dataclass(frozen=True)
class AcceptAll:
    segments: tuple[str, ...]

    def apply(self, store: Store) -> int:
        return store.transcripts.accept_all(self.segments)


@dataclass(frozen=True)
class RejectAll:
    segments: tuple[str, ...]

    def apply(self, store: Store) -> int:
        return store.transcripts.reject_all(self.segments)


@dataclass(frozen=True)
class ChangeTexts:
    """what: is done, in words. as_human: the texts are a person's own from now on, and accepted.

    file: holds what the person wrote, and is removed once all of it is on the disk; None where there is none, or where
    it stays in any case.
    """

    changes: tuple[TextChange, ...]
    what: str
    as_human: bool = False
    file: Path | None = None

    def apply(self, store: Store) -> ChangedTexts:
        result = store.transcripts.change_texts(self.changes, self.what, as_human=self.as_human)
        if self.file is not None and not result.left:
            self.file.unlink(missing_ok=True)
        return result


@dataclass(frozen=True)
class MoveWord:
    """A word that goes from one text to another: both change, or neither does. what: is done, in words."""

    changes: tuple[TextChange, ...]
    what: str

    @property
    def segments(self) -> list[str]:
        return [change.segment for change in self.changes]

    def apply(self, store: Store) -> ChangedTexts:
        return store.transcripts.change_texts(self.changes, self.what, all_or_none=True)


@dataclass(frozen=True)
class TakeBack:
    """One edit of a segment's history."""

    segment: str
    edit: int

    def apply(self, store: Store) -> Undone:
        return Undone(self.segment, int(store.transcripts.take_back(self.segment, self.edit)))


@dataclass(frozen=True)
class Undo:
    def apply(self, store: Store) -> Undone | None:
        return store.transcripts.undo()


@dataclass(frozen=True)
class Written:
    """An edit is on the disk, or could not be written. result: what it gave; counts, revision: of the store,
    after it.

    fault: an error of ours, to be raised where it is seen.
    """

    edit: Edit
    result: Undone | ChangedTexts | int | None = None
    error: UserError | None = None
    counts: dict[str, int] | None = None
    revision: int = 0
    fault: Exception | None = None


def rows_of(edit: Edit) -> list[str]:
    """The segments whose row is shown at once as it will be when this is written; none for what may be of any row."""
    if isinstance(edit, MoveWord):
        return edit.segments
    return [edit.segment] if isinstance(edit, SaveText | SetReview) else []


class TranscriptWriter:
    """Edits are written one after the other, in a thread that is started with the first one.

    written: called in that thread after each.
    """

    SOON_S = 1.5
    """A text that is not on the disk so long after the end is put in the log: a terminal that is gone takes the process
    along (`terminal.LEAVE_S`)."""
    LONGEST_S = BUSY_S + 5

    def __init__(self, path: Path, written: Callable[[Written], object]) -> None:
        self._path, self._written = path, written
        self._queue: queue.SimpleQueue[Edit | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._texts: dict[str, SaveText] = {}
        """The last text of each segment that is not on the disk, whether it waits or could not be written."""
        self._failed: dict[str, list[Edit]] = {}
        """By segment, a text that could not be written and the verdicts behind it, to be written in this order."""
        self._guard = threading.Lock()

    def put(self, edit: Edit) -> None:
        if isinstance(edit, SaveText):
            with self._guard:
                self._texts[edit.segment] = edit
        self._queue.put(edit)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="transcripts", daemon=True)
            self._thread.start()

    def forget(self, segment: str) -> None:
        """The text of a segment that is gone has been taken care of."""
        with self._guard:
            self._texts.pop(segment, None)

    def close(self, log: Callable[[str], object]) -> None:
        """Write all that waits, and once more what has failed; what cannot be written is put in the log."""
        with self._guard:
            again = [edit for edits in self._failed.values() for edit in edits]
        for edit in again:
            self._queue.put(edit)
        if self._finish(self.SOON_S):
            logged: list[SaveText] = []
        else:
            logged = self._left()
            for edit in logged:
                log(f"{edit.segment} is not saved yet; its text: {edit.text}")
            self._finish(self.LONGEST_S)
        left = self._left()
        for edit in left:
            if edit not in logged:
                log(f"{edit.segment} could not be saved; its text: {edit.text}")
        if saved := [edit.segment for edit in logged if edit not in left]:
            log(f"saved after all: {' '.join(saved)}")

    def _left(self) -> list[SaveText]:
        with self._guard:
            return list(self._texts.values())

    def _finish(self, timeout: float) -> bool:
        if self._thread is None:
            return True
        self._queue.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        store: Store | None = None
        while (edit := self._queue.get()) is not None:
            try:
                self._must_wait(edit)
                store = store or Store(self._path)
                written = Written(edit, edit.apply(store), None, store.segments.counts(), store.segments.revision())
            except UserError as error:
                written = Written(edit, error=error)
            except Exception as error:  # noqa: BLE001 - a fault of ours, for the UI thread to raise
                written = Written(edit, fault=error)
            self._note(written)
            self._written(written)
        if store is not None:
            store.close()

    def _must_wait(self, edit: Edit) -> None:
        """Nothing overtakes the text that it is on: UserError while that could not be written."""
        if isinstance(edit, SetReview) and edit.segment in self._failed:
            raise UserError("the text of this segment is not saved", "its verdict waits for it", "save the text again")
        if isinstance(edit, MoveWord) and not self._failed.keys().isdisjoint(edit.segments):
            raise UserError("no word was moved", "a text that it would change is not saved", "save that text again")

    def _note(self, written: Written) -> None:
        edit = written.edit
        if not isinstance(edit, SaveText | SetReview):
            return
        with self._guard:
            if isinstance(edit, SetReview):
                if written.error is not None and edit.segment in self._failed:
                    self._failed[edit.segment].append(edit)
                return
            self._failed.pop(edit.segment, None)
            if written.error is not None and not isinstance(written.error, SegmentGone | WrittenMeanwhile):
                self._failed[edit.segment] = [edit]
            elif written.fault is None and self._texts.get(edit.segment) is edit:
                del self._texts[edit.segment]


@dataclass
class Unsaved:
    """What of one segment is not on the disk. row: as the person has left it; edits: how many wait to be written.

    seen: what stood there when the first of them was made, and what they write. error: why the text of
    `row` could not be written; None while it waits, or if only a verdict is to be written.
    """

    row: TranscriptRow
    edits: int = 0
    seen: frozenset[SeenText] = frozenset()
    error: UserError | None = None


class UnsavedTexts:
    """By segment, what is not on the disk."""

    def __init__(self) -> None:
        self._unsaved: dict[str, Unsaved] = {}

    def __len__(self) -> int:
        return len(self._unsaved)

    def __iter__(self) -> Iterator[Unsaved]:
        return iter(list(self._unsaved.values()))

    def get(self, id: str) -> Unsaved | None:
        return self._unsaved.get(id)

    def failed(self, id: str) -> bool:
        """Whether a text of this segment could not be written."""
        found = self._unsaved.get(id)
        return found is not None and found.error is not None

    def put(self, row: TranscriptRow, seen: SeenText) -> frozenset[SeenText]:
        """One more edit of this segment waits; `row` is what it will be. seen: what stood there before.

        Returns what may stand there when it is written.
        """
        found = self._unsaved.setdefault(row.id, Unsaved(row))
        known = found.seen | {seen}
        found.row, found.edits, found.seen = row, found.edits + 1, known | {SeenText(row.text, row.review)}
        return known

    def written(self, written: Written) -> None:
        """An edit has been written, or has failed: then a text is kept, and a verdict is forgotten."""
        for id in rows_of(written.edit):
            self._is_written(id, written)

    def _is_written(self, id: str, written: Written) -> None:
        found = self._unsaved.get(id)
        if found is None:
            return
        found.edits -= 1
        if isinstance(written.edit, SaveText):
            found.error = written.error
        if not found.edits and found.error is None:
            del self._unsaved[id]

    def drop(self, id: str) -> None:
        self._unsaved.pop(id, None)
