"""The one rule of what shares audio: the same moment of the same recording, or wavs with the same bytes.

The split, training, evaluation and export all ask here.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from core.dataset.columns import AudioSpan, SegmentColumns


class AudioIndex:
    """Some segments, made ready to be asked which of others share audio with any of them.

    Spans of one recording are sorted by start; beside each stands the latest end up to it. A span shares a moment with
    one of them if, among those that start before its own end, the latest end lies after its own start: two binary
    searches a question. Recordings follow one another on one axis of time, so that one search serves all.
    """

    def __init__(self, segments: SegmentColumns) -> None:
        self._videos = {name: index for index, name in enumerate(segments.videos)}
        self._width = _width_of(segments, len(segments.videos))
        self._starts, self._latest_ends = _on_one_axis(segments, segments.video, self._width)
        np.maximum.accumulate(self._latest_ends, out=self._latest_ends)
        self._digests = known_digests(segments.digest)

    def shares(self, segments: SegmentColumns) -> np.ndarray:
        """bool (n,): which of `segments` share audio with one in the index."""
        return self._overlaps(segments) | is_among(segments.digest, self._digests)

    def _overlaps(self, segments: SegmentColumns) -> np.ndarray:
        if not len(self._starts):
            return np.zeros(len(segments), bool)
        known = np.array([self._videos.get(name, -1) for name in segments.videos], np.int64)
        video = known[segments.video]
        start, end = _on_one_axis(segments, video, self._width)
        before = np.searchsorted(self._starts, end)  # how many start before this one ends
        latest = self._latest_ends[np.maximum(before - 1, 0)]
        # One of an earlier recording ends before this one's axis begins: it never lies after `start`.
        return (video >= 0) & (before > 0) & (latest > start)


def known_digests(digests: np.ndarray) -> np.ndarray:
    """Sorted, without the 0 of those that are not known."""
    known = digests[digests != 0]
    known.sort()
    return known


def is_among(digests: np.ndarray, known: np.ndarray) -> np.ndarray:
    """bool (n,): which digests are among the known ones, which must be sorted."""
    if not len(known):
        return np.zeros(len(digests), bool)
    return known[np.minimum(np.searchsorted(known, digests), len(known) - 1)] == digests


def sharing_audio(rows: Iterable[AudioSpan], others: Iterable[AudioSpan]) -> set[str]:
    """Ids of the rows that share audio with one of `others`."""
    asked = list(rows)
    columns = SegmentColumns.of(asked)
    shared = AudioIndex(SegmentColumns.of(list(others))).shares(columns)
    return {asked[place].id for place in columns.place[shared]}


def random_leak(segments: SegmentColumns, test_count: int) -> int:
    """How many of `test_count` test segments, drawn at random, would share audio with a training one; rounded.

    It is the mean over all draws. A segment with d others that hold some of its audio does not leak only if all of
    them are drawn too: of n segments and t drawn ones (t - 1)/(n - 1) · (t - 2)/(n - 2) · … with d factors
    (hypergeometric distribution).
    """
    count = len(segments)
    if not 0 < test_count < count:
        return 0
    sharing = _count_sharing(segments)
    factors = np.arange(test_count - 1, 0, -1) / np.arange(count - 1, count - test_count, -1)
    all_drawn = np.concatenate(([1.0], np.cumprod(factors), [0.0]))
    return round(test_count / count * float(np.sum(1 - all_drawn[np.minimum(sharing, test_count)])))


def _count_sharing(segments: SegmentColumns) -> np.ndarray:
    """int64 (n,): with how many others each segment shares audio."""
    found = _count_overlapping(segments.video, segments)
    digests = known_digests(segments.digest)
    twin = np.flatnonzero(is_among(segments.digest, digests[1:][digests[1:] == digests[:-1]]))
    if len(twin):
        kind, copies = np.unique(segments.digest[twin], return_inverse=True, return_counts=True)[1:]
        # Those that hold the same bytes and overlap as well, as silence does, count once.
        both = np.unique(kind * len(segments.videos) + segments.video[twin], return_inverse=True)[1]
        found[twin] += copies[kind] - 1 - _count_overlapping(both, segments.where(twin))
    return found


def _count_overlapping(group: np.ndarray, segments: SegmentColumns) -> np.ndarray:
    """int64 (n,): how many others of its group (small numbers, (n,)) overlap each segment in time: those that start
    before its end, without those that end by its start."""
    start, end = _on_one_axis(segments, group, _width_of(segments, int(group.max(initial=0)) + 1))
    started = np.searchsorted(np.sort(start), end)
    ended = np.searchsorted(np.sort(end), start, side="right")
    return started - ended - 1


def _width_of(segments: SegmentColumns, groups: int) -> int:
    """How much of the one axis each group gets, in ms: room for all times, unless some are beyond all sense."""
    return min(int(segments.end_ms.max(initial=0)) + 1, 2**62 // max(groups, 1))


def _on_one_axis(segments: SegmentColumns, group: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends, int64 (n,), with group after group on one axis. What lies past the width comes to its end."""
    offset = group * np.int64(width)
    return offset + np.minimum(segments.start_ms, width - 1), offset + np.minimum(segments.end_ms, width)
