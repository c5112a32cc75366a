"""Axes: round values at their places, and no spike that makes all else flat."""

import math

import pytest

from tui.raster.ticks import interval, log_ticks, rounded_out, ticks, top_without_spikes, x_axis
from tui.widgets.line_chart import number_of_steps


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 100, 5, [0, 20, 40, 60, 80, 100]),
        (0.83, 90.8, 5, [20, 40, 60, 80]),
        (11.9, 20.2, 4, [15, 20]),
        (-1, 1, 4, [-1, -0.5, 0, 0.5, 1]),
        (3, 360, 8, [50, 100, 150, 200, 250, 300, 350]),
        (2, 2, 5, [2]),
        (-1e308, 1e308, 5, [-1e308]),  # no way that can be told
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, most: int, expected: list[float]) -> None:
    assert ticks(low, high, most) == pytest.approx(expected)


def test_edges_lie_outside_on_ticks() -> None:
    assert rounded_out(0.83, 90.8, 5) == (0, 100)
    assert rounded_out(0.4, 0.91, 3) == pytest.approx((0.4, 1.0))
    assert rounded_out(20, 80, 3) == (20, 80)  # they stand there already
    assert rounded_out(5, 5, 3) == (5, 5)


def test_ticks_of_multiples() -> None:
    assert log_ticks(1, 10_000, 5) == [1, 10, 100, 1000, 10_000]
    assert log_ticks(0.4, 3, 5) == pytest.approx([0.5, 1, 2])
    assert len(log_ticks(1e-9, 1e9, 4)) <= 5


@pytest.mark.parametrize("ascii", [False, True])
def test_steps_stand_under_their_ticks_and_none_runs_into_another(ascii: bool) -> None:
    for width in (30, 48, 84, 136):
        line, under = x_axis(3, 360, width, number_of_steps, "step", ascii)
        assert (len(line), len(under)) == (width, width)
        assert line.isascii() == ascii
        places = [place for place, sign in enumerate(line) if sign in "┬+"]
        told = [word for word in under.split() if word != "step"]
        assert 1 <= len(told) <= len(places)
        for word in told:
            at = under.index(word) + len(word) // 2
            assert any(abs(at - place) <= 1 for place in places)
            assert abs(at / (width - 1) - (int(word) - 3) / 357) < 0.05
    # There is no step between 3 and 4, however wide the chart is.
    assert x_axis(3, 7, 136, number_of_steps, "step", ascii, least=1.0)[1].split() == ["3", "4", "5", "6", "7"]


def test_a_range_with_its_middle() -> None:
    assert interval(20, 50, 80, 100, 11) == "  ├──╂──┤  "
    assert interval(20, 50, 80, 100, 11, ascii=True) == "  |--O--|  "
    assert interval(0, 0, 0, 100, 5) == "╂    "


def test_a_spike_is_cut_off_and_a_falling_curve_is_not() -> None:
    usual = [1.0] * 40
    assert top_without_spikes([9.0, *usual]) == 1.5
    assert top_without_spikes([2.0, *usual]) is None
    assert top_without_spikes([math.nan, *usual]) is None
    assert top_without_spikes([9.0, *usual[:10]]) is None  # too few to tell
    assert top_without_spikes([7 * 0.9**step for step in range(100)]) is None
