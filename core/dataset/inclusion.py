"""Which segments are learnt from beside the train part of the split: those in which nobody speaks, and, where the
settings say so, those that no person has accepted. None of them is ever measured with, so that they have no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from core.config import Include
from core.dataset.leak import sharing_audio
from core.dataset.lineage import SegmentRef, refs_of
from core.review.suspicion import is_confident, letters
from core.store import Segment

INCLUDES: tuple[Include, ...] = get_args(Include)


@dataclass(frozen=True)
class IncludedRows:
    """What a choice of [train] include comes to: so many segments are learnt from, and how long they are in all,
    overlaps counted twice."""

    include: Include
    rows: int
    seconds: float


def is_silent(segment: Segment) -> bool:
    """A person has accepted that nobody speaks in it."""
    return segment.review == "accepted" and not segment.text.strip()


def is_unreviewed(segment: Segment) -> bool:
    """It has a text, and no person has accepted or rejected it."""
    return segment.review == "pending" and letters(segment.text) > 0


def included(
    learn: Sequence[Segment], held: Sequence[Segment], others: Sequence[Segment], guard_ms: int
) -> Mapping[Include, list[Segment]]:
    """What is learnt from by each choice, what is accepted first.

    learn: of the train part. held: test and validation segments. others: silent and unreviewed segments. Of these none
    comes along that shares audio with a held one or lies nearer to it than the guard, nor any of a recording that is
    held as a whole; and no unreviewed one whose middle a person has reviewed in a segment of another cut.
    """
    near = sharing_audio(others, [*held, *_widened(held, guard_ms)])
    whole = {row.video for row in held} - {row.video for row in learn}
    known = sharing_audio(_middles(others), learn)
    left = [row for row in others if row.id not in near and row.video not in whole]
    silent = [row for row in left if is_silent(row)]
    unreviewed = [row for row in left if is_unreviewed(row) and row.id not in known]
    confident = [row for row in unreviewed if is_confident(row.text, row.suspicion)]
    reviewed = [*learn, *silent]
    return {"reviewed": reviewed, "confident": [*reviewed, *confident], "all": [*reviewed, *unreviewed]}


def included_rows(choices: Mapping[Include, Sequence[Segment]]) -> tuple[IncludedRows, ...]:
    """How much each choice comes to."""
    return tuple(
        IncludedRows(name, len(rows), sum(row.end_ms - row.start_ms for row in rows) / 1000)
        for name, rows in choices.items()
    )


def _widened(rows: Sequence[Segment], guard_ms: int) -> list[SegmentRef]:
    """Their time with the guard before and behind it, without the bytes of their wavs."""
    return [
        replace(ref, start_ms=max(0, ref.start_ms - guard_ms), end_ms=ref.end_ms + guard_ms, digest=None)
        for ref in refs_of(rows)
    ]


def _middles(rows: Sequence[Segment]) -> list[SegmentRef]:
    """The millisecond in the middle of each."""
    middles = ((row, (row.start_ms + row.end_ms) // 2) for row in rows)
    return [SegmentRef(row.id, row.video, middle, middle + 1) for row, middle in middles]
