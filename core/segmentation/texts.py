"""What becomes of a person's texts where a recording is cut anew: kept by time, and offered where new segments lie."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal

from core.review.flags import PARTLY
from core.review.suspicion import CUT_EDITS, EditEstimate, letters
from core.spans import Span, merged
from core.store import Segment, Store
from core.store.cuts import CutSegment, LeavingText, MovedText
from core.timed_text import Cue, Timed, said_once, shares

Texts = Literal["stays", "moves"]
"""Reviewed segments stay as they are and are cut around; or what a person wrote for them goes to the new ones."""

_COVERED = 0.8
"""Share of a segment's time that moved texts are of, below which they are of a part of it."""


def can_move(row: Segment | CutSegment) -> bool:
    """Whether a reviewed segment has words to move. One that is rejected or says nothing is a verdict on its sound."""
    has_text = row.has_text if isinstance(row, CutSegment) else bool(row.text.strip())
    return row.is_reviewed and row.review != "rejected" and has_text


def stays(row: Segment | CutSegment, texts: Texts) -> bool:
    """Whether a new cut leaves a segment of an earlier one as it is."""
    return row.is_reviewed and not (texts == "moves" and can_move(row))


def move_texts(store: Store, video: str, ids: Collection[str], since: int) -> list[str]:
    """Move what a person wrote for earlier segments of a recording to those of a new cut; the ids of those that went.

    ids: the new segments, which are all in the store. since: the last edit before the cut began.

    All new texts are written before the first earlier segment goes, and each goes only if its text is still the one
    that was moved. So whenever this ends, what a person gave stands in one of the two places, or in both, and calling
    it again goes on. A segment that shares no time with a new one has nowhere to go, and stays.
    """
    gone: list[str] = []
    while True:
        rows, untouched = store.segments.all(video=video), store.cuts.untouched(video)
        new = [row for row in rows if row.id in ids]
        room = list(merged(Span(row.start_ms, row.end_ms) for row in new))
        texts = [
            LeavingText(row.id, row.start_ms, row.end_ms, row.text, row.id in untouched)
            for row in rows
            if can_move(row)
        ]
        leaving = [text for text in texts if text.segment not in ids and _parts(text, room)]
        # A text of this very move says nothing new; one that was there before it does, to its neighbours.
        moved = store.cuts.untouched(video, since)
        staying = [text for text in texts if text.segment in ids and text.segment not in moved]
        before = store.cuts.retired(video, since)
        if not leaving and not before:
            return gone
        # All of them at once: nobody is to wait for the store while they are found.
        offers = list(_offers([*leaving, *staying, *before], new, room))
        store.cuts.offer(offers, since)
        removed = store.cuts.retire(leaving)
        gone += removed
        if len(removed) == len(leaving):
            return gone


def _offers(sources: Sequence[LeavingText], new: Sequence[Segment], room: Sequence[Span]) -> Iterator[MovedText]:
    """What each new segment is to say."""
    cues = said_once(Cue(text.start_ms, text.end_ms, text.text) for text in sources)
    found = shares([part for cue in cues for part in _fitted(cue, room)], new)
    covered = _covered(sources, new)
    touched = _covered([text for text in sources if not text.untouched], new)
    for row, share, covered_ms, touched_ms in zip(new, found, covered, touched, strict=True):
        text, length_ms = share.text, row.end_ms - row.start_ms
        if not text:
            continue
        # A person's words: what they need is at their edges, and what was said where they do not reach.
        missing = letters(text) * (length_ms - covered_ms) / max(covered_ms, 1)
        is_partly = covered_ms < _COVERED * length_ms
        flags = (*(("cut",) if share.cut else ()), *((PARTLY,) if is_partly else ()))
        edits = EditEstimate(CUT_EDITS * share.cut + missing, flags)
        yield MovedText(row.id, text, flags, edits.suspicion, may_return=not touched_ms)


def _fitted(cue: Cue, room: Sequence[Span]) -> list[Cue]:
    """A cue as if it had been said where there is room for it, so that no word falls where no segment is."""
    parts = _parts(cue, room)
    if len(parts) < 2:
        return [Cue(*part, cue.text) for part in parts]
    start, windows = 0, []
    for part in parts:
        windows.append(Span(start, start + part.end_ms - part.start_ms))
        start = windows[-1].end_ms
    said = shares([Cue(0, start, cue.text)], windows)
    return [Cue(*part, share.text) for part, share in zip(parts, said, strict=True) if share.text]


def _parts(timed: Timed, spans: Iterable[Span]) -> list[Span]:
    """What is shared with each of these spans."""
    both = (Span(max(timed.start_ms, span.start_ms), min(timed.end_ms, span.end_ms)) for span in spans)
    return [span for span in both if span.end_ms > span.start_ms]


def _covered(pieces: Iterable[Timed], windows: Sequence[Timed]) -> list[int]:
    """How much of each window (in order of start) some of the pieces share, in ms."""
    spans = list(merged(Span(piece.start_ms, piece.end_ms) for piece in pieces))
    result, first = [], 0
    for window in windows:
        while first < len(spans) and spans[first].end_ms <= window.start_ms:
            first += 1
        shared, place = 0, first
        while place < len(spans) and spans[place].start_ms < window.end_ms:
            shared += sum(part.end_ms - part.start_ms for part in _parts(window, [spans[place]]))
            place += 1
        result.append(shared)
    return result
