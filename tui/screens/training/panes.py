"""The panes of a run: its samples, the GPU, its log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from core.gpu import Gpu
from tui.gpu_meter import GIB, GpuMeter, heat_text, memory_text, use_text
from tui.host import host_of
from tui.screens.training.run import SegmentSample
from tui.widgets import cells, marks
from tui.widgets.diff_text import DiffText
from tui.widgets.log_tail import LogTail
from tui.widgets.scrollbar import plain_scrollbar
from tui.widgets.text_line import TextLine

SAMPLES = 3


class Samples(VerticalScroll, can_focus=True):
    """Held segments: what is said, what the model hears now, what it heard at first."""

    DEFAULT_CSS: ClassVar[str] = """
    Samples {
        height: 1fr;
        scrollbar-size-vertical: 1;
        & TextLine { color: $text-muted; }
        & DiffText { padding: 0 1; }
        &:focus TextLine { text-style: underline; }
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
            yield TextLine(id=f"sample-{number}")
            yield DiffText(id=f"diff-{number}")

    def on_mount(self) -> None:
        plain_scrollbar(self)
        self.show([])

    def show(self, samples: Sequence[SegmentSample]) -> None:
        for number in range(SAMPLES):
            line, diff = self.query_one(f"#sample-{number}", TextLine), self.query_one(f"#diff-{number}", DiffText)
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
    """Memory, use, temperature and power of the GPU that the job computes on, and who else is on it; in plain words
    where there is none."""

    READINGS = 16
    NAMED = 3
    """Programs of other people that are named; of more, how many."""

    def __init__(self) -> None:
        super().__init__("", id="gpu", markup=False)
        self._gpu_meter = GpuMeter(self.READINGS)

    def show(self, gpus: Iterable[Gpu]) -> None:
        self._gpu_meter.follow(host_of(self).live.values())
        gpu, bars = self._gpu_meter.take(gpus), cells.glyphs(self.app).bars
        if gpu is None:
            self.update("GPU\nno GPU: training on the CPU")
            return
        used = f"{memory_text(gpu, bars)}   {use_text(gpu, self._gpu_meter.uses, bars)}"
        lines = [
            gpu.name,
            used,
            f"{heat_text(gpu, bars)}   {power_text(gpu, bars)}",
            others_text(gpu, bars, self.NAMED),
        ]
        self.update(Text("\n".join(cells.harmless(line) for line in lines if line), overflow="ellipsis", no_wrap=True))


def power_text(gpu: Gpu, bars: str) -> str:
    """`82 W of 115 W`"""
    dash = marks.mark("unknown", bars.isascii())
    now = f"{gpu.power_w:.0f} W" if gpu.power_w is not None else f"{dash} W"
    return f"{now} of {gpu.power_limit_w:.0f} W" if gpu.power_limit_w is not None else now


def others_text(gpu: Gpu, bars: str, named: int) -> str:
    """Other people's programs on this GPU, the largest first; "" if there are none, or the driver tells of none."""
    found = sorted(gpu.others, key=lambda process: -(process.memory or 0))
    dash = marks.mark("unknown", bars.isascii())
    said = [
        f"{process.user or process.pid} {process.name.rpartition('/')[2] or dash} "
        + (f"{process.memory / GIB:.1f} GB" if process.memory is not None else f"{dash} GB")
        for process in found[:named]
    ]
    more = [f"{len(found) - named} more"] if len(found) > named else []
    return f"others: {', '.join([*said, *more])}" if found else ""


class RunLog(LogTail):
    """The run's log; `l` makes it large and small here too (the right arrow looks further along a line)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("l", "screen.log_big", "log", show=False)]
