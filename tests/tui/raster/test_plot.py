"""Line charts as text, against what they must look like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tui.raster.plot import Bounds, Series, bounds_of, cell_of, plot


def line_chart(series: Sequence[Series], width: int, height: int, **how: Any) -> list[str]:
    return plot(series, width, height, **how).lines


def test_a_rising_line() -> None:
    assert line_chart([([0, 1], [0, 1])], 6, 3) == ["    ⡠⠊", "  ⡠⠊  ", "⡠⠊    "]
    assert line_chart([([0, 1], [0, 1])], 4, 4, ascii=True) == ["   *", "  * ", " *  ", "*   "]


def test_a_flat_line_and_a_single_point_are_seen() -> None:
    assert line_chart([([0, 9], [5, 5])], 4, 1) == ["⠤⠤⠤⠤"]
    assert line_chart([([3], [5])], 3, 1, ascii=True) == ["*  "]


def test_nan_and_infinity_are_gaps() -> None:
    xs = list(range(9))
    whole = line_chart([(xs, [1] * 9)], 9, 1, ascii=True)
    assert whole == ["*********"]
    for hole in (np.nan, np.inf, -np.inf):
        ys = [1, 1, 1, hole, hole, hole, 1, 1, 1]
        assert line_chart([(xs, ys)], 9, 1, ascii=True) == ["***   ***"]


def test_a_gap_within_one_column_is_a_gap_too() -> None:
    rows = line_chart([([0, 0.1, 0.2, 10], [0, np.nan, 4, 4])], 3, 5, ascii=True)
    assert rows == ["***", "   ", "   ", "   ", "*  "]


def test_a_step_back_begins_a_new_line() -> None:
    # Resumed at step 2 after step 4: no line runs back through the picture.
    lines = line_chart([([0, 4, 2, 4], [0, 0, 4, 4])], 5, 5, ascii=True)
    assert lines == ["  ***", "     ", "     ", "     ", "*****"]


def test_a_spike_among_many_points_is_not_lost() -> None:
    ys = np.zeros(20_000)
    ys[12_345] = 1
    rows = line_chart([(np.arange(20_000), ys)], 40, 5, ascii=True)
    assert rows[0].count("*") == 1
    assert rows[-1] == "*" * 40


def test_log_scale_leaves_out_what_has_no_logarithm() -> None:
    xs = [0, 1, 2, 3, 4]
    assert bounds_of(xs, [0, -1, 1, 10, 100], log_y=True) == Bounds(2, 4, 1, 100)
    rows = line_chart([(xs, [1, 10, 100, 1000, 10000])], 5, 5, log_y=True, ascii=True)
    assert rows == ["    *", "   * ", "  *  ", " *   ", "*    "]
    assert line_chart([(xs, [0, 0, 0, 0, 0])], 5, 1, log_y=True) == ["     "]


def test_a_later_series_hides_an_earlier_one_in_the_same_cell() -> None:
    picture = plot([([0, 3], [0, 0]), ([0, 3], [0, 3])], 4, 4, ascii=True)
    assert picture.lines == ["   +", "  + ", " +  ", "+***"]
    assert picture.owner.tolist() == [[-1, -1, -1, 1], [-1, -1, 1, -1], [-1, 1, -1, -1], [1, 0, 0, 0]]


@pytest.mark.filterwarnings("error")
def test_bounds_from_outside_cut_the_picture() -> None:
    rows = line_chart([([0, 10], [0, 10])], 4, 4, bounds=Bounds(0, 5, 0, 5), ascii=True)
    assert rows == ["   *", "  * ", " *  ", "*   "]
    far = line_chart([([0, 1], [0, 1e300])], 3, 2, bounds=Bounds(0, 1, 0, 1e-300), ascii=True)
    assert far[1].startswith("*")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "series",
    [
        [],
        [([], [])],
        [([np.nan], [1])],
        [([0, 1], [-1e308, 1e308])],
        [([0, 1e300], [5e-324, 1])],
        [([1, 1, 1], [1, 2, 3])],
    ],
)
@pytest.mark.parametrize("size", [(0, 0), (1, 1), (7, 3)])
def test_odd_input_gives_a_picture_of_the_right_size(series: list, size: tuple[int, int]) -> None:
    for log_y in (False, True):
        rows = line_chart(series, *size, log_y=log_y)
        assert [len(row) for row in rows] == [size[0]] * size[1]


def test_cell_of_agrees_with_plot() -> None:
    bounds = Bounds(0, 50, -3, 8)
    for x, y in ((0, -3), (50, 8), (25, 2.5), (13, 7), (49, -2.9)):
        for ascii in (False, True):
            rows = line_chart([([x], [y])], 20, 7, bounds=bounds, ascii=ascii)
            drawn = [(r, c) for r, row in enumerate(rows) for c, sign in enumerate(row) if sign != " "]
            assert drawn == [cell_of(x, y, 20, 7, bounds, ascii=ascii)]
    assert cell_of(0, float("nan"), 20, 7, bounds) is None
    assert cell_of(0, 99, 20, 7, bounds) is None


@pytest.mark.parametrize("ascii", [False, True])
def test_two_curves_look_as_they_did(golden: Callable[[str, Sequence[str]], None], ascii: bool) -> None:
    steps = np.arange(400)
    loss = 3 * np.exp(-steps / 80) + 0.2 * np.sin(steps / 3)
    loss[200:220] = np.nan
    evaluated = ([0, 100, 200, 300, 399], [2.5, 1.5, 1.1, 1.0, 1.2])
    golden(f"curves{'-ascii' * ascii}", line_chart([(steps, loss), evaluated], 60, 10, ascii=ascii))
