"""Which segments teach and which test, so that no second of test audio is ever trained on."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.dataset.columns import SegmentColumns
from core.dataset.leak import AudioIndex, is_among, known_digests
from core.errors import UserError
from core.text import plural

By = Literal["auto", "video", "time"]

LEFT_OUT, TRAIN, TEST = 0, 1, 2
PARTS = (None, "train", "test")
"""What the three numbers above are called in the store."""

_STRETCH_MS = 180_000
_MOST_STRETCHES = 4


@dataclass(frozen=True)
class Split:
    """parts: int8 (n,), LEFT_OUT, TRAIN or TEST for each of the segments. by: how they were parted, never "auto"."""

    parts: np.ndarray
    by: str

    def count(self, part: int) -> int:
        return int(np.count_nonzero(self.parts == part))


def split_segments(segments: SegmentColumns, by: By, test_share: float, guard_ms: int, seed: int) -> Split:
    """Part segments, all of which must be usable; the same arguments give the same split.

    video: whole recordings go to test. time: stretches of each recording do, and what lies within `guard_ms` of one
    belongs to neither side. auto: video where there are several, else time. Segments whose wav has the bytes of a test
    segment's are left out of training too. UserError if there is too little for two sides.
    """
    if len(segments) < 2:
        raise _too_little(len(segments))
    if by == "video" and len(segments.videos) < 2:
        raise UserError(
            "a split by video needs two videos with accepted text",
            f"there is accepted text in {len(segments.videos)}",
            "whispersmith split --by time",
        )
    rng = random.Random(seed)
    if by == "video" or (by == "auto" and len(segments.videos) > 1):
        split = Split(_by_video(segments, test_share, rng), "video")
    else:
        split = Split(_by_time(segments, test_share, guard_ms, rng), "time")
    _leave_out_twins(segments.digest, split.parts)
    if not split.count(TRAIN) or not split.count(TEST):
        raise _too_little(len(segments))
    return split


def leak(segments: SegmentColumns, parts: np.ndarray) -> int:
    """How many test segments share audio with a training one."""
    train = AudioIndex(segments.where(parts == TRAIN))
    return int(np.count_nonzero(train.shares(segments.where(parts == TEST))))


def _too_little(count: int) -> UserError:
    return UserError(
        "there is too little accepted text for a split",
        f"{plural(count, 'accepted segment')} cannot be parted into two sides that share no audio",
        "accept more transcripts, then split again",
    )


def _by_video(segments: SegmentColumns, share: float, rng: random.Random) -> np.ndarray:
    """Whole recordings to test, in a random choice among those whose segments sum up to the share."""
    sizes = np.diff(segments.bounds()).tolist()
    order = list(range(len(sizes)))
    rng.shuffle(order)
    chosen = _choose_sizes([sizes[video] for video in order], max(1, round(share * len(segments))))
    is_test = np.zeros(len(sizes), bool)
    is_test[[order[index] for index in chosen]] = True
    return np.where(is_test[segments.video], TEST, TRAIN).astype(np.int8)


def _choose_sizes(sizes: list[int], target: int) -> list[int]:
    """Indices of the sizes whose sum is the smallest that is at least `target`; the largest below it where that one is
    more than half of all. Never all of them.

    Subset sums: `first[n]` is how many of the leading sizes it takes until some of them sum up to n (0: not yet). Once
    the target itself is reached no further size matters. Going back through `first` finds the sizes.
    """
    total = sum(sizes)
    most = max(target - 1, total // 2) if min(sizes) < target else min(sizes)  # no sum beyond it is ever the answer
    first = np.zeros(most + 1, np.int32)
    reached = np.zeros(most + 1, bool)
    reached[0] = True
    for count, size in enumerate(sizes, start=1):
        fresh = np.flatnonzero(reached[: max(0, most + 1 - size)] & ~reached[size:]) + size
        reached[fresh] = True
        first[fresh] = count
        if target * 2 <= total and reached[target]:
            break
    left = _nearest_sum(np.flatnonzero(reached)[1:], target, total)
    chosen = []
    while left:
        index = int(first[left]) - 1
        chosen.append(index)
        left -= sizes[index]
    return chosen


def _nearest_sum(sums: np.ndarray, target: int, total: int) -> int:
    above, below = sums[sums >= target], sums[sums < target]
    if len(above) and (above[0] * 2 <= total or not len(below)):
        return int(above[0])
    return int(below[-1])


def _by_time(segments: SegmentColumns, share: float, guard_ms: int, rng: random.Random) -> np.ndarray:
    parts = np.empty(len(segments), np.int8)
    for begin, end in itertools.pairwise(segments.bounds().tolist()):
        one = slice(begin, end)
        parts[one] = _stretches(segments.start_ms[one], segments.end_ms[one], share, guard_ms, rng)
    return parts


def _stretches(starts: np.ndarray, ends: np.ndarray, share: float, guard_ms: int, rng: random.Random) -> np.ndarray:
    """Stretches of one recording to test, at random places; all to train where no place leaves any for training.

    starts, ends: ms, in order; returns int8 of the same shape.
    """
    wanted = max(1, round(share * len(starts)))
    span = int((ends[:wanted] - starts[:wanted]).sum())
    for count in range(max(1, min(_MOST_STRETCHES, wanted, span // _STRETCH_MS)), 0, -1):
        parts = _around(starts, ends, _places(len(starts), wanted, count, rng), guard_ms)
        if (parts == TRAIN).any():
            return parts
    for first in (0, len(starts) - wanted):  # at an edge only one guard is needed
        parts = _around(starts, ends, [slice(first, first + wanted)], guard_ms)
        if (parts == TRAIN).any():
            return parts
    return np.full(len(starts), TRAIN, np.int8)


def _places(rows: int, wanted: int, count: int, rng: random.Random) -> list[slice]:
    """`count` runs of rows, one at a random place in each equal part of the recording, `wanted` rows in all."""
    places = []
    for number in range(count):
        low, high = number * rows // count, (number + 1) * rows // count
        size = (number + 1) * wanted // count - number * wanted // count
        first = rng.randint(low, max(low, high - size))
        places.append(slice(first, first + size))
    return places


def _around(starts: np.ndarray, ends: np.ndarray, places: list[slice], guard_ms: int) -> np.ndarray:
    """TEST for what lies within the time of one of the places, LEFT_OUT for what reaches nearer than the guard."""
    near, inside = np.zeros(len(starts), bool), np.zeros(len(starts), bool)
    for place in places:
        low, high = starts[place].min(), ends[place].max()
        near |= (starts < high + guard_ms) & (ends > low - guard_ms)
        inside |= (low <= starts) & (ends <= high)
    return np.where(inside, TEST, np.where(near, LEFT_OUT, TRAIN)).astype(np.int8)


def _leave_out_twins(digests: np.ndarray, parts: np.ndarray) -> None:
    """Take out of training what has the very bytes of a test segment: the same recording published twice."""
    parts[(parts == TRAIN) & is_among(digests, known_digests(digests[parts == TEST]))] = LEFT_OUT
