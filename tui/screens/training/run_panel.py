"""A run on the screen: where it is, its figures, charts, samples, GPU and log. Given a TrainingRun, it gives nothing
back."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.widgets import Static

from tui.screens.training.gpu_panel import GpuPanel
from tui.screens.training.pace import LEAST_TO_SMOOTH, pace_of, smoothed
from tui.screens.training.run import TrainingRun, nan_for
from tui.screens.training.samples import Samples
from tui.status.gpu import GpuReading
from tui.status.jobs import clock
from tui.widgets import cells, marks
from tui.widgets.line_chart import LineChart
from tui.widgets.log_tail import LogTail
from tui.widgets.text_line import Headline, TextLine

BESIDE_CELLS = 130
"""Of a window in which GPU and pace stand beside the charts, not below them."""

PANES = ("loss", "cer", "samples", "log", "gpu")
"""In the order of tab; the last one is a pane only where the window is narrow."""


class RunLog(LogTail):
    """The run's log; `l` makes it large and small here too (the right arrow looks further along a line)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("l", "screen.log_big", "log", show=False)]


class RunPanel(Vertical):
    """`show` a run again whenever something has happened to it; of its log only what is new is written."""

    def __init__(self) -> None:
        super().__init__(id="run")
        self._shown: Path | None = None
        """The job whose log and curves are on the panel."""
        self._lines = 0
        self._pane = "loss"
        self._run: TrainingRun | None = None
        self._gpu: GpuReading | None = None

    def compose(self) -> ComposeResult:
        yield Headline(id="state")
        yield TextLine(id="figures")
        with Container(id="charts"):
            yield LineChart("loss", cuts_spikes=True, id="loss")
            yield LineChart("CER %", id="cer")
            with Vertical(id="side"):
                yield GpuPanel()
                yield Static("", id="pace", markup=False)
        yield Samples(id="samples")
        yield RunLog(id="log")

    def on_mount(self) -> None:
        if cells.is_ascii(self.app):  # Textual's own sign for more is not
            for widget in (self.query_one(GpuPanel), self.query_one("#pace")):
                widget.styles.text_overflow = "clip"

    def clear(self) -> None:
        """Nothing of any run: what is shown next has not said anything yet."""
        self._shown, self._lines, self._run = None, 0, None
        self.query_one(RunLog).clear()
        for chart in self.query(LineChart):
            chart.clear()
        self.query_one(Headline).show("starting")
        self.query_one("#figures", TextLine).show("")
        self.query_one("#pace", Static).update("")
        self.query_one(Samples).show([])

    def show(self, run: TrainingRun) -> None:
        if run.view.folder != self._shown:
            self.clear()
            self._shown = run.view.folder
        new = min(run.logged - self._lines, len(run.log))
        self.query_one(RunLog).append_lines(islice(run.log, len(run.log) - new, None))
        self._lines, self._run = run.logged, run
        sign, word = run.state
        state = f"{run.title}  {marks.mark(sign, cells.is_ascii(self.app))} {word}  {run.where()}"
        left = f"{clock(run.left_s)} left" if run.left_s is not None and run.view.live else ""
        self.query_one(Headline).show(state, left)
        wide = self.app.size.width >= cells.WIDE  # what the steps tell besides stands near the charts then
        self.query_one("#figures", TextLine).show(run.figures(wide), "" if wide else run.speed())
        points = run.curve.points
        losses, steps = [nan_for(metric.loss) for metric in points], [metric.step for metric in points]
        chart = self.query_one("#loss", LineChart)
        chart.set_series("loss", steps, losses)
        if len(losses) >= LEAST_TO_SMOOTH:
            chart.set_series("smooth", steps, smoothed(losses))
        self._show_pace(run)
        self._show_rates(run)
        self.query_one(Samples).show(list(run.samples.values()))

    def _show_pace(self, run: TrainingRun) -> None:
        parts = pace_of(run.curve.with_newest(), cells.glyphs(self.app).bars)
        text = ("\n" if self._is_beside else "   ").join(parts)
        self.query_one("#pace", Static).update(text)

    def _show_rates(self, run: TrainingRun) -> None:
        chart, steps = self.query_one("#cer", LineChart), [step for step, _ in run.measured]
        chart.set_series("CER", steps, [100 * cer for _, cer in run.measured])
        if run.base_cer is not None:
            chart.set_series("base", [0, max([run.step, 1, *steps])], [100 * run.base_cer] * 2)
        if (best := run.best) is not None:
            chart.set_series("best", [best[0]], [100 * best[1]])

    def show_gpu(self, reading: GpuReading) -> None:
        self._gpu = reading
        if self.display:
            in_one_line = cells.WIDE <= self.app.size.width < BESIDE_CELLS
            self.query_one(GpuPanel).show(reading, in_one_line=in_one_line)

    @property
    def _is_beside(self) -> bool:
        return self.app.size.width >= BESIDE_CELLS

    @on(events.Resize)
    @on(events.Show)
    def _fit(self) -> None:
        self.set_class(self._is_beside, "-beside")
        if self._gpu is not None:
            self.show_gpu(self._gpu)
        if self._run is not None:
            self._show_pace(self._run)

    @property
    def samples(self) -> Samples:
        return self.query_one(Samples)

    # -- panes

    def show_pane(self, name: str) -> None:
        """Give a pane the focus; in a narrow window it is the one below the charts, if it is none of them."""
        self._pane = name
        # Below the charts: samples, unless one of the others has been asked for.
        below = name if name in ("log", "gpu") else "samples"
        for other in ("samples", "log", "gpu"):
            self.set_class(other == below, f"-below-{other}")
        pane = self.query_one(f"#{name}")
        if pane.focusable:
            pane.focus()
        else:
            # Hidden until the styles have been worked out.
            self.call_after_refresh(pane.focus)

    def next_pane(self, step: int) -> None:
        panes = [name for name in PANES if name != "gpu" or self.size.width < cells.WIDE]
        focused = next((name for name in panes if self.query_one(f"#{name}").has_focus), self._pane)
        self.show_pane(panes[(panes.index(focused) + step) % len(panes)] if focused in panes else panes[0])

    @property
    def log_is_big(self) -> bool:
        return self.has_class("-log-big")

    def toggle_log(self) -> None:
        """The whole log, and back."""
        self.toggle_class("-log-big")
        self.call_after_refresh(self.query_one("#log" if self.log_is_big else "#loss").focus)

    def toggle_log_scale(self) -> None:
        charts = list(self.query(LineChart))
        logarithmic = not charts[0].log_y
        for chart in charts:
            chart.log_y = logarithmic
