"""What the keys do that move a word across the cut between two rows."""

from __future__ import annotations

from core.review.word_moving import MovedWord, move_back, move_on
from core.store import Store, TranscriptRow
from core.store.records import TextChange
from tui.screens.transcripts.panes import ReviewPanes
from tui.screens.transcripts.session import ReviewSession


def move_word(store: Store, session: ReviewSession, panes: ReviewPanes, *, on: bool) -> None:
    """The last word of the row under the cursor goes on to the row after it in the recording (on), or its first word
    goes back to the row before. What becomes of it is told beside the row."""
    panes.flush()
    row = session.index.get(panes.table.cursor_key or "")
    neighbour = None if row is None else session.index.neighbours(row)[on]
    if row is None or neighbour is None:
        panes.notify_here(f"no row is {'after' if on else 'before'} it in this recording")
        return
    refusal = _refusal(session, row, neighbour)
    moved = None if refusal else _moved(store, row, neighbour, on=on)
    if moved is None:
        panes.notify_here(refusal or "it has no word to move")
        return
    here, there = (moved.left, moved.right) if on else (moved.right, moved.left)
    changes = [TextChange(row.id, row.text, here)]
    if not moved.was_there and neighbour.review != "rejected":
        changes.append(TextChange(neighbour.id, neighbour.text, there))
    session.move_word(changes, f"{moved.word} moved")
    panes.show_edited(*(change.segment for change in changes))
    panes.notify_here(_told(moved, neighbour, panes.time_of(neighbour.id)), saving=row.id, undo=True)


def _refusal(session: ReviewSession, row: TranscriptRow, neighbour: TranscriptRow) -> str | None:
    if session.unsaved.failed(row.id) or session.unsaved.failed(neighbour.id):
        return "a text is not saved yet: a word can be moved once it is"
    if row.review == "rejected":
        return "a text that is rejected is left as it is"
    return "the other row has no text yet" if neighbour.origin is None else None


def _moved(store: Store, row: TranscriptRow, neighbour: TranscriptRow, *, on: bool) -> MovedWord | None:
    segment = store.segments.get(row.id)
    words = store.timed_texts.words(row.video, row.start_ms, row.end_ms, "" if segment is None else segment.model)
    texts = [word.text for word in words]
    shares_time = row.start_ms < neighbour.end_ms and neighbour.start_ms < row.end_ms
    if on:
        return move_on(row.text, neighbour.text, texts, shares_time=shares_time)
    return move_back(neighbour.text, row.text, texts, shares_time=shares_time)


def _told(moved: MovedWord, neighbour: TranscriptRow, time: str) -> str:
    """What was done, and what it means for the other row."""
    if neighbour.review == "rejected":
        return f"{moved.word} is out; {time} is rejected and stays as it is"
    if moved.was_there:
        return f"{moved.word} is out; {time} has it already"
    return f"{moved.word} is in {time} now" + (", which stays accepted" if neighbour.review == "accepted" else "")
