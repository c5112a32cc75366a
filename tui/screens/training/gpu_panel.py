"""The GPU that a run computes on, beside its charts."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from core.gpu import Gpu
from tui.status.gpu import GIB, GpuReading, heat_text, memory_text, use_text
from tui.widgets import cells, marks

NAMED = 3
"""Programs of other people that are named; of more, how many."""


class GpuPanel(Static, can_focus=True):
    """Memory, use, temperature and power of the GPU, and who else is on it; in plain words where there is none."""

    def __init__(self) -> None:
        super().__init__("", id="gpu", markup=False)

    def show(self, reading: GpuReading) -> None:
        gpu, bars = reading.gpu, cells.glyphs(self.app).bars
        if gpu is None:
            self.update("GPU\nno GPU: training on the CPU")
            return
        lines = [
            gpu.name,
            f"{memory_text(gpu, bars)}   {use_text(gpu, reading.uses, bars)}",
            f"{heat_text(gpu, bars)}   {power_text(gpu, bars)}",
            others_text(gpu, bars, NAMED),
        ]
        self.update(Text("\n".join(cells.harmless(line) for line in lines if line), overflow="ellipsis", no_wrap=True))


def power_text(gpu: Gpu, bars: str) -> str:
    """`82 W of 115 W`"""
    dash = marks.mark("unknown", bars.isascii())
    now = f"{gpu.power_w:.0f} W" if gpu.power_w is not None else f"{dash} W"
    return f"{now} of {gpu.power_limit_w:.0f} W" if gpu.power_limit_w is not None else now


def others_text(gpu: Gpu, bars: str, named: int) -> str:
    """Other people's programs on this GPU, the largest first; "" if there are none, or the driver names none."""
    found = sorted(gpu.others, key=lambda process: -(process.memory or 0))
    dash = marks.mark("unknown", bars.isascii())
    largest = [
        f"{process.user or process.pid} {process.name.rpartition('/')[2] or dash} "
        + (f"{process.memory / GIB:.1f} GB" if process.memory is not None else f"{dash} GB")
        for process in found[:named]
    ]
    more = [f"{len(found) - named} more"] if len(found) > named else []
    return f"others: {', '.join([*largest, *more])}" if found else ""
