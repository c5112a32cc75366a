"""The GPU that a run computes on, beside its charts."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from core.gpu import Gpu
from tui.raster.bars import share
from tui.status.gpu import GIB, GpuReading, heat_text, memory_text, use_text
from tui.widgets import cells, marks

NAMED = 3
"""Programs of other people that are named; of more, how many."""
BAR = 12
"""Cells of the bar of its memory."""


class GpuPanel(Static, can_focus=True):
    """Memory, use, temperature and power of the GPU, and who else is on it; in plain words where there is none."""

    DEFAULT_CSS = "GpuPanel { text-overflow: ellipsis; }"

    def __init__(self) -> None:
        super().__init__("", id="gpu", markup=False)

    def show(self, reading: GpuReading, *, in_one_line: bool) -> None:
        bars = cells.glyphs(self.app).bars
        parts = ["no GPU: training on the CPU"] if reading.gpu is None else parts_of(reading, reading.gpu, bars)
        name, *rest = (cells.harmless(part) for part in parts)
        text = Text(name, "bold")
        gap = "  " if in_one_line else "\n"
        for part in rest:
            text.append(gap + part, "not bold")
        self.styles.text_wrap = "nowrap" if in_one_line else "wrap"
        self.update(text)


def parts_of(reading: GpuReading, gpu: Gpu, bars: str) -> list[str]:
    """`RTX 3070 Laptop`, `memory 6.8/8.0 GB ▄▄▄▄▄▄`, `use 97% ▅▆▇`, `71°C  82 W of 115 W`, and who else is on it, if
    anybody."""
    used = gpu.memory_used / gpu.memory_total if gpu.memory_used is not None and gpu.memory_total else None
    memory = f" {share(used, BAR, bars.isascii())}" if used is not None else ""
    parts = [
        gpu.short,
        f"memory {memory_text(gpu, bars)}{memory}",
        f"use {use_text(gpu, reading.uses, bars)}",
        f"{heat_text(gpu, bars)}  {power_text(gpu, bars)}",
        others_text(gpu, bars, NAMED),
    ]
    return [part for part in parts if part]


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
