"""What trains beside the train part: silence, and texts that nobody has seen; never near what is held back."""

from dataclasses import replace

import pytest

from core.config import Config
from core.dataset.inclusion import included, included_rows
from core.dataset.selection import UsableSegments, select_for_resume, select_for_run
from core.store import Segment
from tests.core.dataset.rows import segment, windows

SURE, UNSURE = 0.02, 0.9
GUARD = 10_000


def written(rows: list[Segment], suspicion: float | None) -> list[Segment]:
    """As a machine's, seen by nobody."""
    text = "今天我們去吃很好吃的飯"
    return [replace(row, review="pending", origin="machine", text=text, suspicion=suspicion) for row in rows]


def silent(rows: list[Segment]) -> list[Segment]:
    return [replace(row, text=" ") for row in rows]


def names(rows: list[Segment]) -> list[str]:
    return [row.id for row in rows]


def test_each_choice_takes_what_the_one_before_takes_and_more() -> None:
    learn, test = windows("a", 5), windows("t", 5)
    sure, unsure, unknown = (
        written(windows(name, 3), suspicion) for name, suspicion in (("s", SURE), ("u", UNSURE), ("n", None))
    )
    rejected = [replace(row, review="rejected") for row in sure]
    wordless = [replace(row, text="。") for row in sure]
    still = silent(windows("still", 2))
    found = included(learn, test, [*unsure, *sure, *unknown, *still, *rejected, *wordless], GUARD)
    assert names(found["reviewed"]) == names([*learn, *still])
    assert names(found["confident"]) == names([*learn, *still, *sure])
    assert names(found["all"]) == names([*learn, *still, *unsure, *sure, *unknown])
    told = {one.include: (one.rows, one.seconds) for one in included_rows(found)}
    assert told == {"reviewed": (7, 70), "confident": (10, 100), "all": (16, 160)}


@pytest.mark.parametrize("make", [silent, lambda rows: written(rows, SURE)])
def test_nothing_comes_along_that_is_near_to_what_is_held_back(make: object) -> None:
    learn, test = windows("a", 5), [segment("a", 100_000, 110_000, of="held"), *windows("t", 3)]
    others = make(  # type: ignore[operator]
        [
            segment("a", 80_000, 90_001),  # nearer than the guard
            segment("a", 119_999, 130_000),
            segment("a", 80_000, 90_000),  # by the guard away, on either side
            segment("a", 120_000, 130_000),
            segment("a", 102_000, 108_000),  # the same sound
            segment("b", 0, 10_000, of="held"),  # the same bytes
            segment("t", 500_000, 510_000),  # of a recording that is for testing, as a whole
        ]
    )
    found = included(learn, test, others, GUARD)
    assert names(found["all"][len(learn) :]) == ["a_80_90", "a_120_130"]


def test_a_machine_does_not_say_again_what_a_person_has_corrected() -> None:
    learn = [segment("a", 4000, 14_000)]  # of an earlier cut
    others = written([segment("a", 0, 10_000), segment("a", 8000, 18_000), segment("a", 16_000, 26_000)], SURE)
    assert names(included(learn, [], others, GUARD)["all"]) == ["a_4_14", "a_16_26"]


@pytest.mark.usefixtures("small_block")
def test_a_run_learns_from_what_the_settings_say_and_is_measured_on_accepted_rows_alone() -> None:
    train, test = windows("a", 60), windows("t", 5)
    others = [*written(windows("b", 40), SURE), *silent(windows("c", 2)), *written(windows("t", 30), SURE)]
    usable = UsableSegments({row.id: row for row in (*train, *test, *others)}, train, test, "video", others)
    config, sizes = Config(), {}
    for include in ("reviewed", "confident", "all"):
        config.train.include = include
        chosen = select_for_run(usable, config)
        sizes[include] = len(chosen.learn)
        assert [one.id for one in chosen.lineage.trained] == names(chosen.learn)
        assert {row.review for row in map(usable.by_id.__getitem__, chosen.lineage.measured)} == {"accepted"}
        assert {one.video for one in (*chosen.lineage.validated, *chosen.lineage.trained)} == {"a", "b", "c"} - (
            {"b"} if include == "reviewed" else set()
        )
        assert {one.include: one.rows for one in chosen.choices}[include] == len(chosen.learn)
    assert sizes["all"] == sizes["confident"] == sizes["reviewed"] + 40
    lineage = chosen.lineage
    changed = {row.id: replace(row, review="accepted") for row in others[:1]}
    changed |= {row.id: replace(row, review="rejected") for row in others[1:3]}
    changed |= {row.id: replace(row, review="pending") for row in train[:1]}
    now = replace(usable, by_id={id: row for id, row in (usable.by_id | changed).items() if row.review != "rejected"})
    _, learn = select_for_resume(lineage, now, config, "confident")
    assert len(learn) == sizes["all"] - 2
    _, learn = select_for_resume(lineage, now, config, "reviewed")
    assert len(learn) == sizes["all"] - 40 - 1 + 1
