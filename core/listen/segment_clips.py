"""The clips of a workspace's segments: their own wavs, and what lies around them out of their neighbours'."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.errors import UserError
from core.listen.clips import SegmentClip
from core.listen.player import LEAD_MS
from core.media import RATE, read_wav
from core.store import Segment, Store
from core.workspace import Workspace

SAMPLES_A_MS = RATE // 1000


def load_clip(workspace: Workspace, store: Store, id: str, around: bool) -> SegmentClip:
    """A segment's clip. UserError if there is no such segment, or its wav cannot be read."""
    segment = store.segments.get(id)
    if segment is None:
        raise UserError(f"there is no segment {id}", "its name is not in the store", "whispersmith segments")
    samples, _ = read_wav(workspace.absolute(segment.path))
    length_ms = len(samples) // SAMPLES_A_MS
    before = after = np.zeros(0, np.int16)
    if around:
        rows = store.segments.all(video=segment.video)
        before = _stretch(workspace, rows, segment.start_ms - LEAD_MS, segment.start_ms, from_end=True)
        after = _stretch(workspace, rows, segment.end_ms, segment.end_ms + LEAD_MS)
    whole = np.concatenate([before, samples, after])
    return SegmentClip(id, whole, id, segment.text, len(before) // SAMPLES_A_MS, length_ms)


def _stretch(
    workspace: Workspace, rows: Sequence[Segment], start_ms: int, end_ms: int, *, from_end: bool = False
) -> np.ndarray:
    """Samples of a stretch of the recording as far as one neighbour holds them without a hole towards the segment."""
    edge = end_ms if from_end else start_ms
    near = [row for row in rows if row.start_ms < edge < row.end_ms or edge in (row.start_ms, row.end_ms)]
    best, size = np.zeros(0, np.int16), 0
    for row in near:
        low, high = max(start_ms, row.start_ms), min(end_ms, row.end_ms)
        touches = high == end_ms if from_end else low == start_ms
        if touches and high - low > size:
            try:
                samples, _ = read_wav(workspace.absolute(row.path))
            except UserError:
                continue  # the segment itself can be heard without its surroundings
            piece = samples[(low - row.start_ms) * SAMPLES_A_MS : (high - row.start_ms) * SAMPLES_A_MS]
            best, size = piece, high - low
    return best
