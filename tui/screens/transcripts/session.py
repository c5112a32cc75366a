"""One review: the rows, which of them are shown, and what a person has done that is not on the disk yet. No app.

The screen asks it for rows and gives it what was typed; what has been read (`Reading`) and what has been written
(`Written`) comes back in here, and every method says what of the table has to be drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import UserError
from core.query.grammar import QueryLanguage
from core.query.segments import language
from core.store import Segment, TranscriptRow
from core.store.edits import WrittenMeanwhile
from core.store.records import HUMAN, Changes, SeenText, TextChange
from core.store.transcripts import SegmentGone
from tui.screens.transcripts.editor.displaced import DisplacedTexts
from tui.screens.transcripts.saving import (
    AcceptAll,
    ChangeTexts,
    Edit,
    MoveWord,
    RejectAll,
    SaveText,
    SetReview,
    TakeBack,
    TranscriptWriter,
    Undo,
    UnsavedTexts,
    Written,
    rows_of,
)
from tui.screens.transcripts.table.index import QueryResult, TranscriptIndex, View
from tui.screens.transcripts.table.loader import Reading
from tui.screens.transcripts.table.search import Search


@dataclass(frozen=True)
class Applied:
    """What a reading did, or what was kept back of one. all: every row was read; moved: rows came, went, or stand
    elsewhere.

    changed: ids of rows whose cells are others now. gone: the row that is being edited, if it was cut away.
    """

    all: bool = False
    moved: bool = False
    changed: list[str] = field(default_factory=list)
    gone: TranscriptRow | None = None


class ReviewSession:
    def __init__(self, path: Path, written: Callable[[Written], object], log: Callable[[str], object]) -> None:
        """written: called in the writer's thread; its argument is to be given to `take_written` in the UI thread."""
        self.index = TranscriptIndex()
        self._has_all_rows = True
        """False while only the first of very many were read."""
        self.titles: dict[str, str] = {}
        """Of the recordings, by id."""
        self.problems: dict[str, frozenset[str]] = {}
        """What was wrong with the data set when somebody looked, by name, with the ids of its rows."""
        self._known: tuple[dict[str, str], frozenset[str], dict[str, frozenset[str]]] = ({}, frozenset(), {})
        self._language = language({})
        self.result = QueryResult()
        self.unsaved = UnsavedTexts()
        self.displaced = DisplacedTexts(log)
        self.held: dict[str, TranscriptRow] = {}
        """Rows that a labeller has written while somebody looked at them, as they are now: shown as they were."""
        self._own_revision = 0
        """Of the store, after a change of this person's that may be of any row; 0 once it has been read."""
        self._written_at: dict[str, int] = {}
        """Revisions of the store after what this person has done to single rows, by id, until they have been read."""
        self.corrected: TextChange | None = None
        """What a person has typed last in place of a text, until they have asked where else that was written."""
        self.edits = 0
        """How many this person has made."""
        self._refused: UserError | None = None
        """Why the last edit that is no text (a verdict, an undo) could not be written."""
        self._writer = TranscriptWriter(path, written)
        self._log = log
        self._touched: dict[str, TranscriptRow | None] = {}
        """Rows that have changed since the newest search was begun, as they were then."""
        self._search: Search | None = None
        """What is searched for now: what is pinned meanwhile is pinned there too."""

    # -- what is shown

    def begin_search(self, view: View, near: str | None) -> Search:
        """What finds the rows of a view, to be run in a thread, and given to `end_search` then. near: the row by which
        they are wanted first."""
        if self._search is not None:
            self._search.give_up()
        pinned = self._newest.pinned if view.is_like(self._newest.view) else {}
        row = None if near is None else self.index.get(near)
        self._search = Search(QueryResult(view, dict(pinned)), list(self.index.rows), row)
        self._touched = {}
        return self._search

    def begin(self, query: str, order: str) -> None:
        """Show these rows as soon as there are any."""
        self.result = QueryResult(View(self._language.parse(query), order))

    @property
    def view(self) -> View:
        """What is shown, or will be in a moment."""
        return self._newest.view

    @property
    def is_whole(self) -> bool:
        """Whether all rows of the view are in `result`; False while some are still read, or searched for."""
        return self._has_all_rows and self._search is None

    @property
    def language(self) -> QueryLanguage[TranscriptRow]:
        """In which rows are asked for: it knows the recordings, flags and problems that there are."""
        known = (self.titles, frozenset(self.index.flags), self.problems)
        if known != self._known:
            self._known, self._language = known, language(*known)
        return self._language

    @property
    def _newest(self) -> QueryResult:
        return self.result if self._search is None else self._search.result

    def show_first(self, search: Search, rows: list[TranscriptRow]) -> bool:
        """Show what was found so far; False if it is another view of what is shown, or no longer wanted."""
        coming = search.result
        if search is not self._search or coming.view.is_like(self.result.view):
            return False
        self.result = QueryResult(coming.view, coming.pinned, rows)
        self._catch_up()
        return True

    def end_search(self, search: Search) -> bool:
        """Show what was found, with what has changed meanwhile; False if something else has been asked for since."""
        if search is not self._search:
            return False
        self.result, self._search = search.result, None
        self._catch_up()
        return True

    def fail_search(self, search: Search) -> None:
        """It could not be done: what is shown stays."""
        if search is self._search:
            self._search = None

    def _catch_up(self) -> None:
        for id, before in self._touched.items():
            self.result.change(before, self.index.get(id))

    def pin(self, id: str) -> None:
        """Let a row stay where it is shown."""
        row = self.index.get(id)
        if row is not None:
            self.result.pin(row)
            self._newest.pin(row)

    def _put(self, row: TranscriptRow) -> bool:
        before = self.index.put(row)
        self._touched.setdefault(row.id, before)
        return self.result.change(before, row)

    # -- what others have written

    def apply(self, reading: Reading, cursor: str | None, editing: str | None) -> Applied:
        """Take in what was read. The row under the cursor stays where it is, unless it is gone; it, and the one that is
        edited, also as it is, whatever a labeller writes."""
        edited = None if editing is None else self.index.get(editing)
        self.titles, self._has_all_rows = reading.titles, reading.is_whole
        watched = {id: row for id in (cursor, editing) if id is not None and (row := self.index.get(id)) is not None}
        revision = 0
        if reading.index is not None:
            self.pin(cursor or "")
            newer = [self.index.get(id) for id in self._written_at if self._is_newer(id, reading.index.revision)]
            self.index, revision = reading.index, reading.index.revision
            for row in [*newer, *(unsaved.row for unsaved in self.unsaved)]:
                if row is not None and self.index.get(row.id) is not None:
                    self.index.put(row)
            for id, before in watched.items():
                after = self.index.get(id)
                if after is not None and self._holds(before, after):
                    self.index.put(before)
            applied = Applied(all=True, moved=True)
        elif reading.changes is not None:
            revision = reading.changes.revision
            applied = self._apply_changes(reading.changes, watched)
        else:
            applied = Applied()
        if revision >= self._own_revision:
            self._own_revision = 0
        self._written_at = {id: at for id, at in self._written_at.items() if at > revision}
        is_gone = edited is not None and self.index.get(edited.id) is None
        return replace(applied, gone=edited if is_gone else None)

    def _apply_changes(self, changes: Changes, watched: Mapping[str, TranscriptRow]) -> Applied:
        moved, changed = False, []
        for id in changes.removed:
            row = self.index.remove(id)
            self.held.pop(id, None)
            if row is not None:
                self._touched.setdefault(id, row)
                moved = self.result.change(row, None) or moved
        for row in changes.rows:
            if self.unsaved.get(row.id) is not None or self._is_newer(row.id, changes.revision):
                continue
            if row.id in watched:
                self.pin(row.id)
                if self._holds(watched[row.id], row):
                    continue
            if row == self.index.get(row.id):
                continue
            moved = self._put(row) or moved
            changed.append(row.id)
        return Applied(moved=moved, changed=changed)

    def _is_newer(self, id: str, revision: int) -> bool:
        """Whether a row is shown as this person has left it since a reading, which comes in only now, after it was
        written. The next reading has it."""
        return self._written_at.get(id, 0) > revision

    def _holds(self, before: TranscriptRow, after: TranscriptRow) -> bool:
        """Whether a labeller has changed a text, or how far it is to be trusted: then that is kept back."""
        held = (
            not self._own_revision
            and bool(before.text)
            and before != after
            and {before.review, after.review} == {"pending"}
            and before.origin not in HUMAN
            and after.origin not in HUMAN
        )
        if held:
            self.held[after.id] = after
        else:
            self.held.pop(after.id, None)
        return held

    def release(self, *looked_at: str | None) -> Applied:
        """Show rows that were kept back as they are now, but for those that are still looked at."""
        freed, moved = [id for id in self.held if id not in looked_at], False
        for id in freed:
            row = self.held.pop(id)
            if self.index.get(id) is not None and self.unsaved.get(id) is None:
                moved = self._put(row) or moved
        return Applied(moved=moved, changed=freed)

    # -- what a person does

    def person_text(self, segment: Segment) -> Segment:
        """A segment of the store as the person has left it, where that is not on the disk yet, or still sees it."""
        unsaved = self.unsaved.get(segment.id)
        row = self.index.get(segment.id) if segment.id in self.held else None
        if unsaved is not None:
            row = unsaved.row
        if row is None:
            return segment
        return replace(
            segment, text=row.text, origin=row.origin, review=row.review, flags=row.flags, suspicion=row.suspicion
        )

    def save(self, row: TranscriptRow, text: str, seen: SeenText) -> bool:
        """A person's text for a row. False if it was cut away: then the text is stranded. seen: what stood there for
        them; where another person's text or verdict does, theirs is disputed."""
        now = self.index.get(row.id)
        if now is None:
            self.strand(row._replace(text=text))
            return False
        if now.text.strip() and now.text != text:
            # What was wrong at first, in however many steps it has been corrected.
            known = self.corrected
            before = known.before if known is not None and known.segment == row.id else now.text
            self.corrected = TextChange(row.id, before, text)
        will_be = now._replace(text=text, origin="human", review="accepted", flags=(), suspicion=0.0)
        self._write(SaveText(row.id, text, self._will_be(will_be, seen)))
        return True

    def set_review(self, id: str, review: str, seen: SeenText) -> bool:
        """A person's verdict on what they have seen; False if there is no such row."""
        row = self.index.get(id)
        if row is None:
            return False
        if self.unsaved.failed(id):
            # Its text first: a verdict is on what is seen.
            self._write(SaveText(id, row.text, self.unsaved.put(row, seen)))
        will_be = row._replace(review=review, origin=row.origin or "human")
        self._write(SetReview(id, review, self._will_be(will_be, seen)))
        return True

    def _write(self, edit: Edit) -> None:
        self.edits += 1
        self._writer.put(edit)

    def accept_all(self, ids: Iterable[str]) -> None:
        self._write(AcceptAll(tuple(ids)))

    def reject_all(self, ids: Iterable[str]) -> None:
        self._write(RejectAll(tuple(ids)))

    def change_texts(
        self, changes: Iterable[TextChange], what: str, *, as_human: bool = False, file: Path | None = None
    ) -> None:
        """Change many texts as one; what: is done, in words. file: is removed once all of them are on the disk."""
        self._write(ChangeTexts(tuple(changes), what, as_human, file))

    def move_word(self, changes: Sequence[TextChange], what: str) -> None:
        """Change these texts together, and show them so at once."""
        for change in changes:
            row = self.index.get(change.segment)
            if row is not None:
                self._will_be(row._replace(text=change.after), SeenText(change.before, row.review))
        self._write(MoveWord(tuple(changes), what))

    def take_back(self, id: str, edit: int) -> None:
        """Bring back what an edit of this row has changed."""
        self.pin(id)
        self._write(TakeBack(id, edit))

    def undo(self) -> None:
        self._write(Undo())

    def _will_be(self, row: TranscriptRow, seen: SeenText) -> frozenset[SeenText]:
        """A row as it will be once it is written; what may stand there until then."""
        self.held.pop(row.id, None)
        self.pin(row.id)
        self._put(row)
        return self.unsaved.put(row, seen)

    def take_written(self, written: Written) -> None:
        """An edit is on the disk, or could not be written."""
        edit, error = written.edit, written.error
        unsaved = self.unsaved.get(edit.segment) if isinstance(edit, SaveText) else None
        if not isinstance(edit, SaveText | SetReview):
            self._own_revision = max(self._own_revision, written.revision)
        if isinstance(edit, SaveText) and unsaved is not None and isinstance(error, SegmentGone | WrittenMeanwhile):
            self.unsaved.drop(edit.segment)
            row = unsaved.row._replace(text=edit.text)
            self.strand(row) if isinstance(error, SegmentGone) else self.dispute(row)
            return
        if isinstance(edit, SaveText) and error is not None:
            self._log(f"{edit.segment} is not saved ({error.what}); its text: {edit.text}")
        elif isinstance(edit, ChangeTexts) and error is not None and edit.file is not None:
            self._refused = UserError(error.what, error.why, f"{error.fix}; what you wrote is kept in {edit.file}")
        else:
            self._refused = error
        if error is None:
            self._written_at |= dict.fromkeys(rows_of(edit), written.revision)
        self.unsaved.written(written)

    def restore(self, segment: Segment) -> bool:
        """Show a row as it is in the store: a verdict could not be written. True if others moved for it."""
        row = self.index.get(segment.id)
        if row is None or self.unsaved.get(segment.id) is not None:
            return False
        return self._put(
            row._replace(
                text=segment.text,
                origin=segment.origin,
                review=segment.review,
                flags=segment.flags,
                suspicion=segment.suspicion,
                avg_logprob=segment.avg_logprob,
            )
        )

    def strand(self, row: TranscriptRow) -> None:
        """A text has lost its segment: it is kept, and no longer waits."""
        self._writer.forget(row.id)
        self.displaced.strand(row)

    def dispute(self, row: TranscriptRow) -> None:
        """Another person's text or verdict stands in the place of a text: it is kept, and no longer waits."""
        self._writer.forget(row.id)
        self.displaced.dispute(row)

    def place(self, gone: TranscriptRow, there: TranscriptRow | None) -> None:
        """A text has found its place: it is saved as that of `there`, or let go where that is None."""
        if there is None or self.save(there, gone.text, SeenText(there.text, there.review)):
            self.displaced.drop(gone.id)

    def unsaved_error(self, key: str) -> UserError | None:
        """Why something is not on the disk, besides that it waits; a text first. key: of what places a text."""
        displaced = self.displaced.error(key)
        if displaced is not None:
            return displaced
        failed = [unsaved.error for unsaved in self.unsaved if unsaved.error is not None]
        if not failed:
            return self._refused
        what = "a text is not saved" if len(failed) == 1 else f"{len(failed)} texts are not saved"
        why = " - ".join(part for part in (failed[0].what, failed[0].why) if part)
        fix = f"{failed[0].fix}; enter in its row saves it again. It is kept here, and logged where that can be"
        return UserError(what, why, fix)

    def close(self) -> None:
        """Wait until all is on the disk; what cannot be written is put in the log."""
        self._writer.close(self._log)
