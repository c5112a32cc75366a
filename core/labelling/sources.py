"""Timed text that a recording's segments can have their text from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.spans import Span, merged
from core.store import Segment, Store
from core.store.records import TimedTextRow
from core.timed_text import Cue, Share, Timed, TimedText, merge_overlaps, shares

KIND = "kind"
"""The setting of a timed text that says what its windows are, where they are not those that a labeller heard."""

ROWS, CUES = "rows", "cues"
"""Texts that were written for segments, which may overlap; captions of a file."""

ORIGIN = "origin"
"""The setting of what a file tells to be said when: of texts from it. Without it they are captions."""

IS_SECOND = "second"
"""The setting of captions that were brought as a second opinion: no segment has its text from them."""

SECOND = "second"
"""The note that says whose second opinion was asked for last: {"source"}."""

IMPORT = "import:"
"""What the sources begin with that a person has brought."""


@dataclass(frozen=True)
class TextSource:
    """model: what `Segment.model` is where the text is from here. heard: where somebody has listened, so that no text
    means that nothing is said; None: everywhere. by_rows: each piece was written for a segment; they may overlap.
    partial: no text tells nothing, whoever wrote it: a file may have rows of some of what is said."""

    model: str
    pieces: Sequence[Cue | TimedText]
    origin: Literal["machine", "caption"] = "machine"
    heard: tuple[Span, ...] | None = None
    by_rows: bool = False
    partial: bool = False

    def covers(self, segment: Timed) -> bool:
        if self.heard is None:
            return True
        place = bisect_right(self.heard, segment.start_ms, key=lambda span: span.start_ms) - 1
        return place >= 0 and segment.end_ms <= self.heard[place].end_ms

    def shares(self, segments: Sequence[Timed]) -> list[Share]:
        """What each segment has of it. Rows for other segments than these are laid behind each other first."""
        if not self.by_rows:
            return shares(self.pieces, segments)
        written_for = {(piece.start_ms, piece.end_ms) for piece in self.pieces}
        behind = merge_overlaps(Cue(piece.start_ms, piece.end_ms, piece.text) for piece in self.pieces)
        pairs = zip(segments, shares(self.pieces, segments), shares(behind, segments), strict=True)
        return [own if (segment.start_ms, segment.end_ms) in written_for else dealt for segment, own, dealt in pairs]


def stored_source(store: Store, row: TimedTextRow) -> TextSource:
    """What is stored of a timed text, whole or not."""
    windows = store.timed_texts.windows(row.id)
    spans = tuple(merged(Span(window.start_ms, window.end_ms) for window in windows))
    kind = row.settings.get(KIND)
    if kind == CUES:
        cues = [Cue(window.start_ms, window.end_ms, window.text) for window in windows]
        return TextSource(row.source, cues, row.settings.get(ORIGIN, "caption"), partial=True)
    return TextSource(row.source, windows, heard=None if row.done and kind != ROWS else spans, by_rows=kind == ROWS)


def heard_whole(store: Store, video: str, model: str) -> TextSource | None:
    """What a labeller has heard of a recording; None unless it has heard all of it."""
    rows = _heard(store, video, model)
    return next((stored_source(store, row) for row in rows if row.done is not None), None)


def unheard(store: Store, video: str, model: str, segments: Sequence[Segment]) -> list[Segment]:
    """Those of a recording's segments that a labeller has not heard, or not to their ends."""
    left = list(segments)
    for row in _heard(store, video, model):
        heard = TextSource(model, (), heard=None if row.done else tuple(merged(store.timed_texts.spans(row.id))))
        left = [segment for segment in left if not heard.covers(segment)]
    return left


def _heard(store: Store, video: str, model: str) -> list[TimedTextRow]:
    """What it has heard of a recording, and not of its segments."""
    return [row for row in store.timed_texts.of_source(video, model) if KIND not in row.settings]
