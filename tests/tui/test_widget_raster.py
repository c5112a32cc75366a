"""Pictures as text, against what they must look like."""

from __future__ import annotations

import numpy as np
import pytest

from tui.widgets.raster import (
    Bounds,
    bars,
    bounds_of,
    cell_of,
    line_chart,
    mel_image,
    mel_text,
    palette,
    plot,
    waveform,
)


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


def test_waveform_of_a_swell() -> None:
    loud = np.array([0.0, 0.25, 0.5, 1.0, 0.5, 0.25, 0.0, 0.0])
    peaks = np.stack([-loud, loud], axis=1)
    assert waveform(peaks, 4, 2) == ["⢀⣼⣄ ", "⠉⢻⠋⠉"]
    assert waveform(peaks, 8, 5, ascii=True) == [
        "   #    ",
        "  ###   ",
        "########",
        "  ###   ",
        "   #    ",
    ]


def test_waveform_keeps_a_click_and_shows_unknown_as_a_gap() -> None:
    peaks = np.zeros((100_000, 2))
    peaks[50_000] = (-1, 1)
    rows = waveform(peaks, 11, 3, ascii=True)
    assert rows == ["     #     ", "###########", "     #     "]
    assert waveform([[np.nan, np.nan], [0, 0]], 2, 1, ascii=True) == [" #"]
    assert waveform([], 3, 2) == ["   ", "   "]
    assert waveform([[-9, 9]], 1, 1) == ["⣿"]


def test_bars() -> None:
    assert bars(range(8)) == "▁▂▃▄▅▆▇█"
    assert bars(range(8), ascii=True) == "_.-:=+*#"
    assert bars([0, 50, 100, float("nan")], low=0, high=100) == "▁▅█ "
    assert bars([0, 9, 0, 0], width=2) == "█▁"
    assert bars([1], width=3, low=0, high=1) == "███"
    assert bars([]) == ""
    assert bars([], width=2) == bars([float("nan")] * 2) == "  "


def test_mel_low_tones_lie_at_the_bottom() -> None:
    mel = np.zeros((4, 4))
    mel[0, 1] = 1.0
    assert mel_text(mel, 4, 2) == ["    ", " @  "]
    dark, light = palette()[0], palette()[-1]
    assert mel_image(mel, 4, 1) == [[(dark, dark), (dark, light), (dark, dark), (dark, dark)]]


def test_mel_of_nothing_and_of_silence() -> None:
    assert mel_text(np.zeros((0, 0)), 3, 1) == mel_text(np.full((80, 9), np.nan), 3, 1) == ["   "]
    assert len(mel_image(np.zeros((80, 1000)), 30, 4)) == 4
    assert len(mel_image(np.zeros((80, 1000)), 30, 4)[0]) == 30


def test_the_palette_grows_brighter() -> None:
    bright = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in palette()]
    assert bright == sorted(bright)
    assert len(set(bright)) == len(bright)
