"""LineChart, Waveform and MelPicture on a real screen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.widget import Widget

from tests.tui.wait import ambiguous, hidden_characters, screen_lines, screen_text, wait_until, wrong_widths
from tui.raster.plot import Bounds
from tui.raster.time_axis import Stretch
from tui.widgets.line_chart import LineChart, Points
from tui.widgets.mel import MelPicture
from tui.widgets.waveform import Waveform

SIZES = [(80, 24), (140, 45), (24, 6)]


class OneWidget(App[None]):
    def __init__(self, widget: Widget, ascii: bool = False) -> None:
        super().__init__()
        self.ascii = ascii
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


def braille(app: App[Any]) -> int:
    return sum("\u2800" < c <= "\u28ff" for c in screen_text(app))


# -- LineChart


@pytest.mark.parametrize("size", SIZES)
async def test_title_legend_and_axes(size: tuple[int, int]) -> None:
    chart = LineChart("loss")
    app = OneWidget(chart)
    async with app.run_test(size=size) as pilot:
        chart.set_series("train", range(101), [3.0 - i / 50 for i in range(101)])
        chart.set_series("評估", [0, 50, 100], [2.5, 1.5, 1.25])
        chart.mark(50)
        await pilot.pause()
        lines = screen_lines(app)
        assert wrong_widths(app) == []
        # Where the names would not fit, the gaps between them are narrower.
        gap, last = ("   ", "▴ 評估 1.25") if size[0] > 30 else (" ", "▴ 評估 …")
        assert lines[0].rstrip() == gap.join(["loss", "✕ train 1", last])
        assert braille(app) > 10
        if size[1] >= 10:
            assert lines[1].lstrip().startswith("3 ┤")
            assert lines[-3].lstrip().startswith("1 ┤")
            assert lines[-2].lstrip().startswith("└┬")
            steps = [int(word) for word in lines[-1].split() if word.isdigit()]
            assert steps == list(range(0, 101, steps[1]))
            assert "···" in lines[-3]
        else:
            assert lines[1].startswith(("  3 ", "3 "))
            assert lines[-2].lstrip().startswith("1 ")
            assert lines[-1].rstrip().endswith("step 100")
        if size[0] >= 80:
            ends = [run for y in range(1, size[1] - 2) for run in chart.render_line(y) if "▴" in run.text]
            assert len(ends) == 1
            assert ends[0].style == chart.rich_style + chart.get_component_rich_style("line-chart--series-1")
            assert lines[-2].count("▴") == 1


async def test_the_shape_at_a_lines_end_has_its_own_colour_also_on_another_line() -> None:
    chart = LineChart("loss")
    app = OneWidget(chart)
    async with app.run_test(size=(60, 9)) as pilot:
        chart.set_series("short", [0, 50], [1, 1])
        chart.set_series("long", [0, 100], [1, 1])
        await pilot.pause()
        ends = [run for y in range(1, 8) for run in chart.render_line(y) if "✕" in run.text]
        assert [end.text for end in ends] == ["✕"]
        assert ends[0].style == chart.rich_style + chart.get_component_rich_style("line-chart--series-0")


async def test_nothing_and_nothing_finite_are_said() -> None:
    chart = LineChart("loss")
    app = OneWidget(chart)
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.pause()
        assert "no values yet" in screen_text(app)
        chart.append("train", 0, float("nan"))
        await pilot.pause()
        assert "no values yet" in screen_text(app)
        chart.append("train", 1, -2.0)
        chart.append("train", 2, -1.0)
        await pilot.press("y")
        assert "no values above 0" in screen_text(app)
        await pilot.press("y")
        await wait_until(pilot, lambda: braille(app) > 0)


async def test_a_diverged_loss_leaves_a_gap_and_the_last_good_value() -> None:
    chart = LineChart("loss")
    app = OneWidget(chart)
    async with app.run_test(size=(60, 10)) as pilot:
        for step in range(30):
            chart.append("train", step, float("inf") if step > 20 else 2.0 - step / 20)
        await pilot.pause()
        assert "train 1" in screen_lines(app)[0]
        assert "20" in screen_lines(app)[-1]
        assert "25" not in screen_lines(app)[-1]


async def test_a_spike_runs_out_of_the_picture_and_its_height_is_told() -> None:
    chart = LineChart("loss", cuts_spikes=True)
    app = OneWidget(chart)
    async with app.run_test(size=(60, 14)) as pilot:
        chart.set_series("train", range(60), [40.0, *(1.0 + 0.01 * step for step in range(59))])
        await pilot.pause()
        assert screen_lines(app)[0].startswith("loss (up to 40)   ✕ train 1.58")
        drawn = [line for line in screen_lines(app)[1:-2] if any("\u2800" < sign <= "\u28ff" for sign in line)]
        assert len(drawn) > 4  # not one flat line
        await pilot.press("y")
        await pilot.pause()
        assert "up to" not in screen_lines(app)[0]


async def test_log_scale_is_said_and_changes_the_picture() -> None:
    chart = LineChart("rate")
    app = OneWidget(chart)
    async with app.run_test(size=(60, 12)) as pilot:
        chart.set_series("lr", range(5), [1, 10, 100, 1000, 10000])
        await pilot.pause()
        linear = screen_text(app)
        await pilot.press("y")
        await pilot.pause()
        assert chart.log_y
        assert "rate (log)" in screen_text(app)
        assert screen_lines(app)[3:] != linear.splitlines()[3:]


async def test_it_draws_only_when_something_changed_and_is_seen() -> None:
    chart = LineChart("loss")
    app = OneWidget(chart)
    async with app.run_test(size=(80, 24)) as pilot:
        for step in range(500):
            chart.append("train", step, 1.0 / (step + 1))
        await pilot.pause()
        drawn = chart.pictures_drawn
        assert drawn <= 3
        chart.set_series("train", range(500), [1.0 / (step + 1) for step in range(500)])
        chart.refresh()
        await pilot.pause()
        assert chart.pictures_drawn == drawn
        chart.display = False
        await pilot.pause()
        chart.append("train", 500, 0.5)
        await pilot.pause()
        assert chart.pictures_drawn == drawn
        chart.display = True
        await wait_until(pilot, lambda: chart.pictures_drawn == drawn + 1)


async def test_chart_in_ascii_and_with_hostile_names() -> None:
    chart = LineChart("lo\x1b[31mss [red]", x_label="st\nep")
    app = OneWidget(chart, ascii=True)
    async with app.run_test(size=(80, 24)) as pilot:
        chart.set_series("a\u202e[b]", range(50), np.sin(np.arange(50) / 9).tolist())
        chart.set_series("b", range(50), np.cos(np.arange(50) / 9).tolist())
        chart.mark(10)
        await pilot.pause()
        assert ambiguous(app) == ""
        assert hidden_characters(app) == []
        assert wrong_widths(app) == []
        assert braille(app) == 0
        assert "loss [red]   * a[b]" in screen_lines(app)[0]
        assert "+ b" in screen_lines(app)[0]


def test_points_grow_and_keep_their_bounds() -> None:
    points = Points()
    for i in range(1000):
        points.append(i, float("nan") if i % 10 == 0 else i - 500)
    assert len(points.xs) == 1000
    assert points.bounds == Bounds(1, 999, -499, 499)
    assert points.log_bounds == Bounds(501, 999, 1, 499)
    assert points.last == (999, 499)
    with pytest.raises(ValueError, match="same length"):
        Points([1, 2], [1])


# -- Waveform


@pytest.mark.parametrize("size", [(80, 24), (140, 45), (20, 6), (5, 3), (1, 1)])
async def test_waveform_widths_and_ascii(size: tuple[int, int]) -> None:
    wave = Waveform()
    wave.styles.height = "100%"
    app = OneWidget(wave, ascii=True)
    async with app.run_test(size=size) as pilot:
        wave.show([[-1, 1]] * 50, (8000, 18_000), stretches=[Stretch(0, 0.2, "0"), Stretch(0.8, 1, "2")])
        wave.show_playhead(9_000)
        await pilot.pause()
        assert wrong_widths(app) == []
        assert ambiguous(app) == ""
        assert "|" in screen_text(app) or size[0] < 5
        wave.clear("gone \x1b[2J" * 9)
        await pilot.pause()
        assert hidden_characters(app) == []
        assert wrong_widths(app) == []


async def test_the_playhead_moves_along_the_wave_and_costs_two_columns() -> None:
    wave = Waveform()
    app = OneWidget(wave)
    async with app.run_test(size=(100, 12)) as pilot:
        wave.show([[-0.5, 0.5]] * 400, (8000, 18_000))
        await pilot.pause()
        before = screen_lines(app)
        places = [(8_000, 0, "┃"), (13_000, 50, "┃"), (18_000, 99, "┃"), (7_000, 0, "┊"), (19_000, 99, "┊")]
        for at_ms, column, sign in places:
            wave.show_playhead(at_ms)
            await pilot.pause()
            rows = screen_lines(app)[:7]
            assert {row[column] for row in rows} == {sign}
            assert [row[:column] + row[column + 1 :] for row in rows] == [
                row[:column] + row[column + 1 :] for row in before[:7]
            ]
        drawn: list[Region] = []
        refresh = wave.refresh
        wave.refresh = lambda *regions, **more: (drawn.extend(regions), refresh(*regions, **more))[1]  # type: ignore
        wave.show_playhead(10_000)
        assert sorted((region.x, region.width) for region in drawn) == [(20, 1), (99, 1)]
        wave.show_playhead(None)
        await pilot.pause()
        assert screen_lines(app) == before


# -- MelPicture


async def test_mel_is_a_picture_of_colours_or_of_characters() -> None:
    mel = np.zeros((80, 100))
    mel[60:, 50:] = 1
    for ascii in (False, True):
        picture = MelPicture()
        app = OneWidget(picture, ascii)
        async with app.run_test(size=(40, 12)) as pilot:
            picture.show(mel)
            await pilot.pause()
            assert screen_lines(app)[0].startswith("log-mel")
            assert wrong_widths(app) == []
            if ascii:
                assert screen_lines(app)[1] == " " * 20 + "@" * 20
                assert ambiguous(app) == ""
            else:
                runs = list(picture.render_line(1))
                # Two runs, not forty: equal neighbours share their colours.
                assert [run.text for run in runs] == ["▀" * 20, "▀" * 20]
                assert runs[0].style != runs[1].style
            picture.clear()
            await pilot.pause()
            assert "▀" not in screen_text(app)
            assert "@" not in screen_text(app)
