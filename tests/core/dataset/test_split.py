"""Splits that cannot leak: whole recordings, or stretches of time with a guard."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from core.dataset.columns import SegmentColumns
from core.dataset.split import LEFT_OUT, TEST, TRAIN, By, Split, leak, split_segments
from core.errors import UserError
from core.store import Segment
from tests.core.dataset.rows import parts_of, segment, windows


def split_rows(rows: list[Segment], by: By, share: float, *, guard_ms: int = 10_000, seed: int = 0) -> Split:
    return split_segments(SegmentColumns.of(rows), by, share, guard_ms, seed)


def leaked(rows: list[Segment], split: Split) -> int:
    return leak(SegmentColumns.of(rows), split.parts)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("count", "share"), [(100, 0.1), (201, 0.3), (12, 0.1), (900, 0.15), (8, 0.1)])
def test_by_time_nothing_is_shared_and_a_guard_lies_between(seed: int, count: int, share: float) -> None:
    rows = windows("talk", count)
    found = split_rows(rows, "auto", share, seed=seed)
    assert found.by == "time"
    assert leaked(rows, found) == 0
    assert found.count(TEST) == pytest.approx(share * count, abs=max(1, share * count * 0.1))
    assert found.count(TRAIN) + found.count(TEST) + found.count(LEFT_OUT) == count
    assert found.count(LEFT_OUT) <= 16
    columns = SegmentColumns.of(rows)
    test, train = columns.where(found.parts == TEST), columns.where(found.parts == TRAIN)
    before = train.end_ms[:, None] + 10_000 <= test.start_ms
    after = test.end_ms + 10_000 <= train.start_ms[:, None]
    assert (before | after).all()


def test_the_same_seed_gives_the_same_split_and_another_one_another() -> None:
    rows = windows("talk", 200)
    first = split_rows(rows, "time", 0.1, seed=1)
    again = list(reversed(rows))
    assert parts_of(again, split_rows(again, "time", 0.1, seed=1)) == parts_of(rows, first)
    assert any((split_rows(rows, "time", 0.1, seed=seed).parts != first.parts).any() for seed in range(2, 6))


def test_a_seed_chooses_what_it_has_always_chosen() -> None:
    """A workspace that is split anew with its old settings keeps its test set."""
    rows = [row for number in range(12) for row in windows(f"v{number:02}", 5)]
    for seed, wanted in enumerate(("v01 v08 v09", "v00 v07 v11", "v03 v09 v11", "v01 v07 v10")):
        parts = parts_of(rows, split_rows(rows, "auto", 0.25, seed=seed))
        assert {row.video for row in rows if parts[row.id] == "test"} == set(wanted.split())
    by_time = split_rows(windows("talk", 75), "time", 0.15, seed=7).parts
    assert np.flatnonzero(by_time == TEST).tolist() == list(range(41, 52))
    assert np.flatnonzero(by_time == LEFT_OUT).tolist() == [39, 40, 52, 53]


def test_a_long_test_is_taken_from_several_places() -> None:
    found = split_rows(windows("talk", 900), "time", 0.15)
    tested = np.flatnonzero(np.diff(found.parts == TEST, prepend=False))
    assert len(tested) > 2


@pytest.mark.parametrize(
    ("sizes", "share", "wanted"),
    [
        ((50, 30, 12, 9), 0.1, 12),  # the smallest overshoot over 10
        ((90, 10), 0.1, 10),
        ((90, 10), 0.2, 10),  # 90 would be a test larger than the training
        ((50, 50), 0.1, 50),
        ((40, 3, 3, 4), 0.2, 10),  # several small ones together: 3 + 3 + 4
        ((5, 5, 5), 0.9, 10),  # never all of one side
        ((5, 5, 4), 0.7, 9),  # 10 of 14 is reached, but leaves less than half to train on: the largest sum below it
        ((1, 1), 0.5, 1),
    ],
)
def test_by_video_whole_videos_with_the_smallest_overshoot(sizes: tuple[int, ...], share: float, wanted: int) -> None:
    rows = [row for number, size in enumerate(sizes) for row in windows(f"v{number}", size)]
    for seed in range(5):
        found = split_rows(rows, "auto", share, seed=seed)
        assert found.by == "video"
        assert found.count(TEST) == wanted
        assert found.count(TRAIN) == len(rows) - wanted
        parts = parts_of(rows, found)
        assert all(len({parts[row.id] for row in rows if row.video == video}) == 1 for video in ("v0", "v1"))
        assert leaked(rows, found) == 0


@pytest.mark.parametrize("seed", range(30))
def test_by_video_no_choice_of_videos_comes_nearer(seed: int) -> None:
    rng = random.Random(seed)
    sizes = [rng.randrange(1, 30) for _ in range(rng.randrange(2, 9))]
    share = rng.choice((0.05, 0.1, 0.3, 0.6, 0.9))
    rows = [row for number, size in enumerate(sizes) for row in windows(f"v{number}", size)]
    choices = (some for count in range(1, len(sizes)) for some in itertools.combinations(sizes, count))
    sums = sorted({sum(some) for some in choices})
    target = max(1, round(share * len(rows)))
    above, below = [n for n in sums if n >= target], [n for n in sums if n < target]
    wanted = above[0] if above and (2 * above[0] <= len(rows) or not below) else below[-1]
    assert split_rows(rows, "video", share, seed=seed).count(TEST) == wanted


def test_by_time_works_in_each_of_several_videos() -> None:
    rows = windows("a", 60) + windows("b", 60) + windows("tiny", 1)
    found = split_rows(rows, "time", 0.1)
    parts = parts_of(rows, found)
    assert {row.video for row in rows if parts[row.id] == "test"} == {"a", "b"}
    assert leaked(rows, found) == 0


def test_too_little_is_told() -> None:
    for rows in ([], windows("talk", 1), windows("talk", 3)):
        with pytest.raises(UserError, match="too little accepted text"):
            split_rows(rows, "auto", 0.1)
    with pytest.raises(UserError, match="needs two videos"):
        split_rows(windows("talk", 100), "video", 0.1)


def test_pieces_of_an_earlier_cut_cannot_leak() -> None:
    odd = segment("talk", 3_000, 790_000)
    rows = [*windows("talk", 100), odd]
    found = split_rows(rows, "time", 0.1)
    assert parts_of(rows, found)[odd.id] is None
    assert leaked(rows, found) == 0


def test_the_same_recording_published_twice_is_kept_on_one_side() -> None:
    again = [segment("b", row.start_ms, row.end_ms, of=("a", row.start_ms)) for row in windows("a", 8)]
    rows = [*windows("a", 40), *again]
    found = split_rows(rows, "video", 0.1)
    assert leaked(rows, found) == 0
    assert (found.count(TEST), found.count(LEFT_OUT)) == (8, 8)
