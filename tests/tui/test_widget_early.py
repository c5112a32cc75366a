"""A screen may fill its widgets before they are shown: nothing is lost and nothing breaks."""

from __future__ import annotations

import numpy as np
from textual.app import App, ComposeResult

from tests.tui.wait import screen_text, wait_until, wrong_widths
from tui.raster.time_axis import Stretch
from tui.widgets.diff_text import DiffText
from tui.widgets.line_chart import LineChart
from tui.widgets.log_tail import LogTail
from tui.widgets.mel import MelPicture
from tui.widgets.segment_table import Column, Rows, RowTable
from tui.widgets.status_bar import JobProgress, KeyFooter, StatusBar, StepTab
from tui.widgets.waveform import Waveform


class EarlyApp(App[None]):
    ENABLE_COMMAND_PALETTE = False
    CSS = "LineChart, Waveform, MelPicture, LogTail, RowTable { height: 5; }"

    def __init__(self) -> None:
        super().__init__()
        self.table = RowTable([Column("a", "a")])
        self.table.set_source(Rows([(str(i), [f"row {i}"]) for i in range(50)]))
        self.table.refresh_row(3)
        self.table.go_to_key("40")
        self.chart = LineChart("loss")
        self.chart.append("train", 0, 1.0)
        self.chart.append("train", 9, 2.0)
        self.chart.mark(3)
        self.wave = Waveform()
        self.wave.show([[-1, 1]], (8000, 18_000), stretches=[Stretch(0, 0.2, "7")])
        self.mel = MelPicture()
        self.mel.show(np.eye(9))
        self.tail = LogTail()
        self.tail.append_lines(f"line {i}." for i in range(50))
        self.bar = StatusBar()
        self.bar.update_place("here")
        self.bar.update_job(JobProgress("train"))
        self.bar.update_steps([StepTab("1", "Setup", active=True)])
        self.keys = KeyFooter()
        self.keys.set_keys([("a", "accept")])
        self.diff = DiffText()
        self.diff.show("甲乙", "甲丙")

    def compose(self) -> ComposeResult:
        yield from (self.bar, self.table, self.chart, self.wave, self.mel, self.tail, self.diff, self.keys)


async def test_what_was_given_before_the_first_paint_is_shown() -> None:
    app = EarlyApp()
    async with app.run_test(size=(100, 45)) as pilot:
        await wait_until(pilot, lambda: "▸ row 40" in screen_text(app))
        text = screen_text(app)
        for part in ("here", "train", "▸1 Setup", "step 9", "╱ with 7", "log-mel", "line 49.", "甲[乙]"):
            assert part in text, part
        assert "a accept" in text
        assert "line 0." not in text
        assert wrong_widths(app) == []
