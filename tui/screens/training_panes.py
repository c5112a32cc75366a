"""The panes of a run: its samples, the GPU, its log."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from core.gpu import Gpu
from tui.line import Line
from tui.screens.training_run import Sample
from tui.widgets import cells
from tui.widgets.diff_text import DiffText
from tui.widgets.log_tail import LogTail
from tui.widgets.scrollbar import plain_scrollbar

SAMPLES = 3
GIB = 2**30


class Samples(VerticalScroll, can_focus=True):
    """Held segments: what is said, what the model hears now, what it heard at first."""

    DEFAULT_CSS: ClassVar[str] = """
    Samples {
        height: 1fr;
        scrollbar-size-vertical: 1;
        & Line { color: $text-muted; }
        & DiffText { padding: 0 1; }
        &:focus Line { text-style: underline; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "up", show=False),
        Binding("down,j", "scroll_down", "down", show=False),
        Binding("g", "scroll_home", "first", show=False),
        Binding("G", "scroll_end", "last", show=False),
    ]

    def compose(self) -> ComposeResult:
        for number in range(SAMPLES):
            yield Line(id=f"sample-{number}")
            yield DiffText(id=f"diff-{number}")

    def on_mount(self) -> None:
        plain_scrollbar(self)
        self.show([])

    def show(self, samples: Sequence[Sample]) -> None:
        for number in range(SAMPLES):
            line, diff = self.query_one(f"#sample-{number}", Line), self.query_one(f"#diff-{number}", DiffText)
            sample = samples[number] if number < len(samples) else None
            line.display = sample is not None or number == 0
            diff.display = sample is not None
            if sample is None:
                line.show("samples come with the first evaluation" if number == 0 else "")
                continue
            first = f"step {sample.first[0]} heard {sample.first[1] or 'nothing'}"
            line.show(f"{sample.segment}   {first}" if sample.first[0] != sample.last[0] else sample.segment)
            diff.show(sample.truth, sample.last[1], ("truth", f"step {sample.last[0]}"))


class GpuPanel(Static):
    """Memory, use, temperature and power of the first GPU; in plain words where there is none."""

    READINGS = 16

    def __init__(self) -> None:
        super().__init__("", id="gpu", markup=False)
        self._uses: deque[int] = deque(maxlen=self.READINGS)

    def show(self, gpus: Sequence[Gpu]) -> None:
        if not gpus:
            self.update("GPU\nno GPU: training on the CPU")
            return
        gpu, bars = gpus[0], cells.glyphs(self.app).bars
        self._uses.append(gpu.utilization or 0)
        lines = [cells.harmless(gpu.name)]
        if gpu.memory_used is not None and gpu.memory_total:
            lines.append(f"{gpu.memory_used / GIB:.1f}/{gpu.memory_total / GIB:.1f} GB")
        if gpu.utilization is not None:
            history = "".join(bars[min(len(bars) - 1, use * len(bars) // 101)] for use in self._uses)
            lines.append(f"{gpu.utilization}% {history}")
        heat = f"{gpu.temperature}°C" if gpu.temperature is not None else ""
        power = f"{gpu.power_w:.0f} W" if gpu.power_w is not None else ""
        lines.append("  ".join(part for part in (heat, power) if part))
        self.update(Text("\n".join(line for line in lines if line)))


class RunLog(LogTail):
    """The run's log; `l` makes it large and small here too (the right arrow looks further along a line)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("l", "screen.log_big", "log", show=False)]
