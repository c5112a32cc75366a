"""What becomes of a person's texts where a recording is cut anew: kept by time, and offered where new segments lie."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Literal, Self

from core.review.flags import PARTLY
from core.review.suspicion import CUT_EDITS, EditEstimate, EditFeatures, expected_edits, letters
from core.spans import Span, merged
from core.store import Segment, Store
from core.store.cuts import CutSegment, LeavingText, MovedText
from core.timed_text import Cue, Share, Timed, said_once_by_place, shares

Texts = Literal["stays", "moves"]
"""Reviewed segments stay as they are and are cut around; or what a person wrote for them goes to the new ones."""

_COVERED = 0.8
"""Share of a segment's time that moved texts are of, below which they are of a part of it."""


def can_move(row: Segment | CutSegment) -> bool:
    """Whether what a person gave a segment is words. One that is rejected or says nothing is a verdict on its sound."""
    has_text = row.has_text if isinstance(row, CutSegment) else bool(row.text.strip())
    return (row.is_reviewed or row.is_changed) and row.review != "rejected" and has_text


def leaves(row: Segment | CutSegment, texts: Texts, *, replaced: bool) -> bool:
    """Whether the text of a segment of an earlier cut goes to the new ones.

    A machine's text in which a person has changed something, and which they have not accepted, is no verdict on its
    segment: it goes in any case. replaced: another recording lies here than once did, for whose sound it may have been
    written; it goes only if that is asked for.
    """
    return can_move(row) and (texts == "moves" or (row.is_changed and not replaced))


def stays(row: Segment | CutSegment, texts: Texts, *, replaced: bool) -> bool:
    """Whether a new cut leaves a segment of an earlier one as it is, for what a person gave it."""
    return (row.is_reviewed or row.is_changed) and not leaves(row, texts, replaced=replaced)


def move_texts(
    store: Store, video: str, ids: Collection[str], since: int, texts: Texts, *, replaced: bool
) -> list[str]:
    """Move what a person gave earlier segments of a recording to those of a new cut; the ids of those that went.

    ids: the new segments, which are all in the store. since: the last edit before the cut began. texts, replaced: see
    `leaves`.

    All new texts are written before the first earlier segment goes, and each goes only if its text is still the one
    that was moved. So whenever this ends, what a person gave stands in one of the two places, or in both, and calling
    it again goes on. A segment that shares no time with a new one has nowhere to go, and stays; so does one whose words
    would fall where somebody was at work meanwhile, who has not seen them.
    """
    gone: list[str] = []
    while True:
        found = _Move.read(store, video, ids, since, texts, replaced=replaced)
        # What went before has been offered: nothing goes sooner.
        if not found.leaving:
            return gone
        # All of them at once: nobody is to wait for the store while they are found.
        offers = list(found.offers())
        unseen = store.cuts.offer(offers, since)
        taken = found.leaving_but_for(unseen)
        removed = store.cuts.retire(taken)
        gone += removed
        if len(removed) == len(taken):
            return gone


@dataclass(frozen=True)
class _Move:
    """What stands in a recording while its texts move.

    new: the segments of the new cut; room: their time. leaving: the texts that go; before: those that went since the
    cut began. given: what stays in segments of the new cut, and says something new to their neighbours. others: the
    rest of what was said, so that a text that was only changed is not alone in a longer segment.
    """

    new: Sequence[Segment]
    room: Sequence[Span]
    leaving: Sequence[LeavingText]
    before: Sequence[LeavingText]
    given: Sequence[LeavingText]
    others: Sequence[LeavingText]

    @classmethod
    def read(cls, store: Store, video: str, ids: Collection[str], since: int, texts: Texts, *, replaced: bool) -> Self:
        rows, untouched = store.segments.all(video=video), store.cuts.untouched(video)
        # A text of this very move says nothing new; one that was there before it does.
        moved, overwritten = store.cuts.untouched(video, since), store.cuts.overwritten(video, since)
        new = [row for row in rows if row.id in ids]
        room = list(merged(Span(row.start_ms, row.end_ms) for row in new if row.review != "rejected"))
        leaving, given, others = [], [], []
        for row in rows:
            text = overwritten.get(row.id, "") if row.id in moved else row.text
            if not text.strip() or row.review == "rejected":
                continue
            here = LeavingText(
                row.id, row.start_ms, row.end_ms, text, row.id in untouched, row.origin, row.review, row.model
            )
            if row.id not in ids and leaves(row, texts, replaced=replaced) and _parts(here, room):
                leaving.append(here)
            elif texts == "moves" and can_move(row) and row.id in ids and row.id not in moved:
                given.append(here)
            else:
                others.append(here)
        return cls(new, room, leaving, store.cuts.retired(video, since), given, others)

    def leaving_but_for(self, segments: Collection[str]) -> list[LeavingText]:
        """The texts that go, share no time with these of the new segments, and whose words have a place in others."""
        shut = [Span(row.start_ms, row.end_ms) for row in self.new if row.id in segments]
        nowhere = self._without_room()
        return [text for text in self.leaving if text.segment not in nowhere and not _parts(text, shut)]

    def _without_room(self) -> set[str]:
        """Segments of whose text more is said than by their neighbours, but where no new segment is."""
        said = chain(self._own_cues, self._all_cues)
        return {text.segment for text, cue in said if not _parts(cue, self.room)}

    @cached_property
    def _own(self) -> list[LeavingText]:
        """What people gave."""
        return [*self.leaving, *self.before, *self.given]

    @cached_property
    def _own_cues(self) -> list[tuple[LeavingText, Cue]]:
        return _said(self._own)

    @cached_property
    def _all_cues(self) -> list[tuple[LeavingText, Cue]]:
        return _said([*self._own, *self.others])

    def offers(self) -> Iterator[MovedText]:
        """What each new segment is to say."""
        own = self._own
        due = self._coverage([*self.leaving, *self.given])
        given, changed = [text for text in own if text.is_given], [text for text in own if not text.is_given]
        touched = self._coverage([text for text in own if not text.untouched])
        by_given = self._coverage(given)
        said, covered = self._shares(self._own_cues), self._coverage(own)
        all_said, all_covered = self._shares(self._all_cues), self._coverage([*own, *self.others])
        changed.sort(key=lambda text: text.start_ms)
        for number, row in enumerate(self.new):
            if not due[number]:
                continue
            if by_given[number]:
                found = _offer_given(row, said[number], covered[number])
            else:
                last = bisect_left(changed, row.end_ms, key=lambda text: text.start_ms) - 1
                found = _offer_changed(row, all_said[number], all_covered[number], changed[last])
            if found.text:
                yield replace(found, may_return=not touched[number])

    def _coverage(self, texts: Iterable[LeavingText]) -> list[int]:
        return _covered(texts, self.new)

    def _shares(self, said: Iterable[tuple[LeavingText, Cue]]) -> list[Share]:
        return shares([part for _, cue in said for part in _fitted(cue, self.room)], self.new)


def _said(texts: Iterable[LeavingText]) -> list[tuple[LeavingText, Cue]]:
    """Each text with what it says that none before it does; without those of which nothing is left."""
    ordered = sorted(texts, key=lambda text: (text.start_ms, text.end_ms))
    cues = (Cue(text.start_ms, text.end_ms, text.text) for text in ordered)
    return [(ordered[place], cue) for place, cue in said_once_by_place(cues)]


def _offer_given(row: Segment, share: Share, covered_ms: int) -> MovedText:
    """A person's words: what they need is at their edges, and what was said where they do not reach."""
    missing = letters(share.text) * (row.end_ms - row.start_ms - covered_ms) / max(covered_ms, 1)
    flags = (*(("cut",) if share.cut else ()), *_partly(row, covered_ms))
    estimate = EditEstimate(CUT_EDITS * share.cut + missing, flags)
    return MovedText(row.id, share.text, flags, estimate.suspicion, may_return=False)


def _offer_changed(row: Segment, share: Share, covered_ms: int, changed: LeavingText) -> MovedText:
    """A machine's words, some of which a person has changed. changed: one of the texts that those are from."""
    cut = ("cut",) if share.cut else ()
    estimate = expected_edits(EditFeatures(share.text, (row.end_ms - row.start_ms) / 1000, flags=cut))
    flags = (*estimate.flags, *_partly(row, covered_ms))
    origin, model = "caption" if changed.origin == "caption" else "machine", changed.model
    return MovedText(row.id, share.text, flags, estimate.suspicion, may_return=False, origin=origin, model=model)


def _partly(row: Segment, covered_ms: int) -> tuple[str, ...]:
    return (PARTLY,) if covered_ms < _COVERED * (row.end_ms - row.start_ms) else ()


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
