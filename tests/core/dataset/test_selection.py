"""What a run learns from, what chooses its checkpoint, and what a later split leaves it."""

from __future__ import annotations

import dataclasses

import pytest

from core.config import Config
from core.dataset.leak import sharing_audio
from core.dataset.lineage import Lineage, SegmentRef, refs_of
from core.dataset.selection import UsableSegments, cut_validation, select_for_resume, select_for_run
from core.errors import UserError
from core.store import Segment
from tests.core.dataset.rows import segment, windows


def usable(train: list[Segment], test: list[Segment]) -> UsableSegments:
    return UsableSegments({row.id: row for row in (*train, *test)}, train, test, "video")


def names(refs: tuple[SegmentRef, ...]) -> list[str]:
    return [one.id for one in refs]


def test_the_block_is_small_far_from_the_rest_and_the_same_each_time() -> None:
    config = Config()
    config.train.eval_segments = 100
    one = windows("a", 200)
    learn, block = cut_validation(one, config)
    assert len(block) == 20
    assert cut_validation(one, config) == (learn, block)
    assert 160 <= len(learn) < 180
    for far in learn:
        for near in block:
            assert far.start_ms >= near.end_ms + 10_000 or far.end_ms <= near.start_ms - 10_000
    config.train.eval_segments = 5
    learn, block = cut_validation(one, config)
    assert (len(block), len(learn) > 185) == (5, True)
    config.train.eval_segments = 100
    many = [row for number in range(40) for row in windows(f"v{number}", 5)]
    learn, block = cut_validation(many, config)  # whole videos: a guard in each would cost half of it
    assert (len(learn), len(block)) == (180, 20)
    assert not {row.video for row in learn} & {row.video for row in block}
    assert cut_validation(one[:99], config) == (one[:99], [])
    assert cut_validation(one[:100], config)[1]
    config.split.guard_s = 120.0  # of a quarter of an hour, that leaves too little to train on
    assert cut_validation(one[:100], config) == (one[:100], [])


def test_a_block_shares_no_audio_with_what_is_learnt_from_even_as_a_twin() -> None:
    again = [segment("b", row.start_ms, row.end_ms, of=("a", row.start_ms)) for row in windows("a", 12)]
    rows = [*windows("a", 120), *again]
    learn, block = cut_validation(rows, Config())
    assert block
    assert not sharing_audio(learn, block)


def test_a_new_run_is_given_nothing_that_shares_audio_with_the_test_part() -> None:
    test = windows("t", 3)
    train = [*windows("a", 5), segment("a", 100_000, 110_000, of=("t", 8000)), segment("t", 20_000, 30_000)]
    found = select_for_run(usable(train, test), Config(), Lineage((), refs_of(windows("old", 2)))).lineage
    assert names(found.trained) == [row.id for row in train[:5]]
    assert names(found.inherited) == ["old_0_10", "old_8_18"]
    assert (found.on, found.measured) == ("test", tuple(row.id for row in test))
    with pytest.raises(UserError, match="nothing to train on"):
        select_for_run(usable(train[5:], test), Config())


def test_a_resumed_run_keeps_its_own_and_leaves_out_what_is_for_testing_now() -> None:
    trained, judges = windows("a", 6), windows("b", 4)
    before = Lineage(refs_of(trained), refs_of(judges), "validation", tuple(row.id for row in judges))
    now = usable([*trained[1:], *judges, *windows("new", 5)], [trained[0], judges[0]])
    found, learn = select_for_resume(before, now, Config())
    assert (found.trained, found.validated) == (before.trained, before.validated)  # it has heard them
    assert learn == trained[2:]  # the first is for testing, the second overlaps it
    assert found.measured == tuple(row.id for row in judges[2:])
    gone = dataclasses.replace(now, by_id={row.id: row for row in windows("new", 5)})
    with pytest.raises(UserError, match="nothing is left"):
        select_for_resume(before, gone, Config())


def test_only_test_segments_that_the_model_has_not_heard_are_shown() -> None:
    test = [*windows("t", 2), *windows("s", 2)]
    found = select_for_run(usable(windows("a", 5), test), Config(), Lineage(refs_of(windows("t", 1)))).lineage
    assert (found.on, found.measured) == ("test", ("s_0_10", "s_8_18"))
    silent = [dataclasses.replace(row, text="。") for row in test]
    assert select_for_run(usable(windows("a", 5), silent), Config()).lineage.on is None
