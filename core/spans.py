"""Where a recording is cut, and what the pieces are called. Pure arithmetic in milliseconds."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from core.errors import UserError

_NAME = re.compile(r"(?P<video>.+)_(?P<start>\d{1,12})(?P<ms1>ms)?_(?P<end>\d{1,12})(?P<ms2>ms)?", re.ASCII | re.DOTALL)


class Span(NamedTuple):
    """A piece of a recording, in milliseconds; the end is not part of it."""

    start_ms: int
    end_ms: int


class Gap(NamedTuple):
    """A stretch of a recording that no kept piece fills. Milliseconds, the ends not part of it.

    start_ms, end_ms: the stretch, END where it goes on to the end of the recording. first_ms, last_ms: from where to
    where it may be cut, a little into the kept pieces beside it where pieces overlap.
    """

    start_ms: int
    end_ms: int
    first_ms: int
    last_ms: int


END = sys.maxsize
"""The end of a recording whose length nobody knows yet."""


def gaps(kept: Iterable[Span], reach_ms: int = 0, end_ms: int = END) -> Iterator[Gap]:
    """What lies between kept pieces, in any order, of a recording: all of it where there are none.

    reach_ms: how far a gap may be cut into the kept pieces beside it; yet at most to the middle of what is kept in one
    stretch.
    """
    start = first = 0
    for piece in merged(kept):
        if piece.start_ms >= end_ms:
            break
        reach = min(reach_ms, (piece.end_ms - piece.start_ms) // 2)
        if piece.start_ms > start:
            yield Gap(start, piece.start_ms, first, min(piece.start_ms + reach, end_ms))
        start, first = piece.end_ms, piece.end_ms - reach
    if start < end_ms:
        yield Gap(start, end_ms, first, end_ms)


def merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in order, those that touch or overlap as one."""
    start = end = -1
    for span in sorted(spans):
        if span.start_ms > end:
            if end > start:
                yield Span(start, end)
            start, end = span
        end = max(end, span.end_ms)
    if end > start:
        yield Span(start, end)


def count_windows(duration_ms: int, length_ms: int, overlap_ms: int) -> int:
    """How many pieces `plan_spans` gives. UserError if the overlap leaves no way forward."""
    hop = length_ms - overlap_ms
    if length_ms <= 0 or overlap_ms < 0 or hop <= 0:
        raise UserError(
            "these segments never advance",
            f"length {length_ms / 1000:g} s, overlap {overlap_ms / 1000:g} s",
            "choose an overlap shorter than the length, for example 10 s and 2 s",
        )
    if duration_ms <= 0:
        return 0
    # A piece at k * hop (k >= 1) is new as long as the one before ends earlier than the recording:
    # (k - 1) * hop + length < duration.
    return 1 + max(0, -(-(duration_ms - length_ms) // hop))


def plan_spans(duration_ms: int, length_ms: int, overlap_ms: int) -> list[Span]:
    """Pieces of `length_ms`, each starting `length_ms - overlap_ms` after the one before.

    The last one is as long as what is left; none is made that would lie wholly inside the one before it, so
    every piece but the first holds sound that no earlier one holds. [] for a recording without length.
    UserError if the overlap leaves no way forward.
    """
    hop, count = length_ms - overlap_ms, count_windows(duration_ms, length_ms, overlap_ms)
    return [Span(k * hop, min(k * hop + length_ms, duration_ms)) for k in range(count)]


def segment_id(video: str, start_ms: int, end_ms: int) -> str:
    """`HvugeIKJ9ok_8_18` where both ends are whole seconds, else `HvugeIKJ9ok_8500ms_18500ms`."""
    if start_ms % 1000 == 0 and end_ms % 1000 == 0:
        return f"{video}_{start_ms // 1000}_{end_ms // 1000}"
    return f"{video}_{start_ms}ms_{end_ms}ms"


def segment_name(video: str, start_ms: int, end_ms: int) -> str:
    """The file's name: `segment_id` with `.wav`."""
    return segment_id(video, start_ms, end_ms) + ".wav"


def parse_segment_name(name: str) -> tuple[str, int, int] | None:
    """(video, start_ms, end_ms) of a file name or id made by `segment_name` or `segment_id`; else None.

    The exact inverse: a name that those two would not have written (leading zeros, seconds beside milliseconds,
    an end not after its start) gives None. Video ids may hold `_` and `-`: the last two numbers count.
    """
    stem = name[:-4] if name.lower().endswith(".wav") else name
    match = _NAME.fullmatch(stem)
    if match is None:
        return None
    unit = 1 if match["ms1"] else 1000
    start, end = int(match["start"]) * unit, int(match["end"]) * unit
    if end <= start or segment_id(match["video"], start, end) != stem:
        return None
    return match["video"], start, end
