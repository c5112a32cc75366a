"""The cost of a correction: the usual one without evidence, the person's own with some."""

import random

import pytest

from core.review.correction_time import LONGEST_S, USUAL, Correction, CorrectionTime, fit


def worked(person: CorrectionTime, count: int, spread: float = 3.0) -> list[Correction]:
    dice = random.Random(1)
    rows = []
    for _ in range(count):
        length, edits = dice.uniform(4, 12), dice.choice((0, 0, 1, 2, 5, 9, 20))
        rows.append(Correction(max(0.5, person.seconds(length, edits) + dice.gauss(0, spread)), length, edits))
    return rows


def test_without_evidence_it_is_the_usual_one() -> None:
    assert fit([]) == USUAL
    assert fit([Correction(LONGEST_S + 1, 10.0, 3), Correction(0.0, 10.0, 3)]) == USUAL


@pytest.mark.parametrize(
    "person", [CorrectionTime(1.0, 0.3, 0.6), CorrectionTime(5.0, 2.0, 4.0), CorrectionTime(2.0, 1.1, 0.5)]
)
def test_it_becomes_the_persons_own(person: CorrectionTime) -> None:
    few, many = (fit(worked(person, count)) for count in (3, 60))
    for length, edits in ((4, 0), (10, 2), (10, 20)):
        truth, before = person.seconds(length, edits), USUAL.seconds(length, edits)
        # Three rows move it towards the person, sixty bring it there.
        assert abs(few.seconds(length, edits) - truth) <= abs(before - truth) + 1.0
        assert many.seconds(length, edits) == pytest.approx(truth, rel=0.15, abs=1.0)


def test_a_break_is_no_work() -> None:
    rows = worked(CorrectionTime(1.0, 0.3, 0.6), 30)
    assert fit([*rows, Correction(4000.0, 10.0, 1)]) == fit(rows)


def test_no_part_of_the_work_is_free() -> None:
    found = fit([Correction(1.0, 10.0, edits) for edits in (0, 5, 20, 40)] * 20)
    assert min(found.row_s, found.sound_s, found.edit_s) > 0
