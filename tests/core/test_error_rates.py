"""Error rates over many segments add up, and their interval narrows."""

import pytest

from core.error_rates import bootstrap_interval, difference_interval, error_rates
from core.text import Errors


def test_figures_add_up() -> None:
    found = error_rates("m", [("今天天氣", "今天天气"), ("你好嗎", "你好"), ("謝謝", ""), ("好", "好好" * 40)])
    assert (found["substitutions"], found["deletions"], found["insertions"]) == (1, 3, 79)
    assert found["cer"] == pytest.approx(83 / 10)
    assert (found["loops"], found["empty"]) == (1, 1)
    assert found["cer_low"] <= found["cer"] <= found["cer_high"]


def test_interval_narrows_with_more_segments() -> None:
    few = bootstrap_interval([Errors(1, 0, 0, 10), Errors(0, 0, 0, 10)] * 3)
    many = bootstrap_interval([Errors(1, 0, 0, 10), Errors(0, 0, 0, 10)] * 300)
    assert width(many) < width(few)
    assert many[0] < 0.05 < many[1]  # type: ignore[operator]
    assert bootstrap_interval([]) == (None, None)


def test_a_difference_on_the_same_segments_is_surer_than_their_rates() -> None:
    base, tuned, characters = [5, 9, 1, 7] * 10, [3, 6, 1, 5] * 10, [20] * 40
    found = difference_interval(base, tuned, characters)
    assert found is not None
    assert found[0] < -7 / 80 < found[1] < 0
    assert found[1] - found[0] < width(bootstrap_interval([Errors(errors, 0, 0, 20) for errors in base]))
    same = difference_interval(base, base[::-1], characters)
    assert same is not None
    assert same[0] <= 0 <= same[1]
    assert difference_interval([], [], []) is None


def width(found: tuple[float | None, float | None]) -> float:
    low, high = found
    assert low is not None
    assert high is not None
    return high - low
