"""The GPU in the status bar and beside a training: which one is shown, and its last readings.

`sample_gpus` asks the driver, in a thread; all else is pure.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.events import GpuChosen, JobState
from core.gpu import Gpu, choose, read_gpus
from core.jobs import EventReader
from core.jobs.spec import EVENTS
from core.stage import lookup
from tui.bridge import JobBatch
from tui.widgets import marks

GIB = 2**30


@dataclass(frozen=True, eq=False)
class GpuSample:
    """Every GPU at one moment. No two are equal: a card that does what it did before is one more sample of its use."""

    gpus: tuple[Gpu, ...]

    def __iter__(self) -> Iterator[Gpu]:
        return iter(self.gpus)


def sample_gpus() -> GpuSample:
    """Through the one NVML handle that `core.gpu` keeps open. Called in a thread: a driver may take its time."""
    return GpuSample(tuple(read_gpus()))


def pieces(gpus: Iterable[Gpu]) -> list[Gpu]:
    """What can be computed on: the slices in place of a card that is in MIG mode."""
    return [piece for gpu in gpus for piece in (gpu.slices or (gpu,))]


class JobGpu:
    """The UUID of the GPU that the running GPU job has settled on: jobs say it in a `gpu` event before they load
    torch. Read from the log, since a job may have said so long before this window was opened."""

    def __init__(self) -> None:
        self._logs: dict[Path, EventReader] = {}
        self._found: dict[Path, str] = {}

    def of(self, live: Iterable[JobBatch]) -> str | None:
        """None where no such job runs, or has not settled on one."""
        at_work = [batch for batch in live if batch.view.state in (JobState.RUNNING, JobState.STUCK)]
        folders = [batch.folder for batch in at_work if lookup(batch.stage).resource == "gpu"]
        for gone in self._logs.keys() - set(folders):
            self._logs.pop(gone)
            self._found.pop(gone, None)
        for folder in folders:
            log = self._logs.setdefault(folder, EventReader(folder / EVENTS))
            if folder not in self._found:
                # Near the beginning; what a long log holds after it is never read.
                for entry in log.read(0.005)[0]:
                    if isinstance(entry.event, GpuChosen):
                        self._found[folder] = entry.event.uuid
        return next((self._found[folder] for folder in folders if folder in self._found), None)


@dataclass(frozen=True)
class GpuReading:
    """What there is to show at one moment. gpu: the one that is shown, None without any; uses: its last readings in
    percent, the newest last; gpus: all, as the driver counts them."""

    gpu: Gpu | None = None
    uses: tuple[int | None, ...] = ()
    gpus: tuple[Gpu, ...] = ()


class GpuMeter:
    """Which GPU is shown, and its last readings for the little bars: one for the status bar and all panels."""

    READINGS = 16
    CLEARLY = 2**29
    """Another idle card is shown when it has this many bytes more free: the line shall not flicker between equals."""

    def __init__(self) -> None:
        self._uses: deque[int | None] = deque(maxlen=self.READINGS)
        self._shown = ""
        self._job = JobGpu()
        self._live: tuple[JobBatch, ...] = ()

    def follow(self, live: Iterable[JobBatch]) -> None:
        """The live jobs: while one computes on a GPU, that one is shown."""
        self._live = tuple(live)

    def read(self, gpus: Iterable[Gpu]) -> GpuReading:
        """One more reading. The GPU to show is the job's own, else the one with the most free memory."""
        cards = tuple(gpus)
        gpu = self._pick(pieces(cards))
        if gpu is None:
            self._uses.clear()
            return GpuReading(gpus=cards)
        if gpu.uuid != self._shown:
            self._uses.clear()
        self._shown = gpu.uuid
        self._uses.append(gpu.utilization)
        return GpuReading(gpu, tuple(self._uses), cards)

    def _pick(self, found: list[Gpu]) -> Gpu | None:
        # Asked at each reading: what one slice of a log's beginning did not hold comes with the next.
        uuid = self._job.of(self._live)
        own = next((gpu for gpu in found if gpu.uuid == uuid), None)
        best = choose(found, None, os.environ.get("CUDA_VISIBLE_DEVICES")) or next(iter(found), None)
        before = next((gpu for gpu in found if gpu.uuid == self._shown), None)
        if own is None and before is not None and best is not None:
            gain = (best.memory_free or 0) - (before.memory_free or 0)
            return best if gain > self.CLEARLY else before
        return own or best


LINE_READINGS = 8


def gpu_line(reading: GpuReading | None, bars: str) -> str:
    """A reading in one line, with how many other cards there are; "" without a GPU, or before the first reading."""
    if reading is None or reading.gpu is None:
        return ""
    gpu = reading.gpu
    uses = reading.uses[-LINE_READINGS:]
    parts = [gpu.short, memory_text(gpu, bars), use_text(gpu, uses, bars), heat_text(gpu, bars)]
    more = len(reading.gpus) - 1
    return "  ".join([*parts, *([f"+{more}"] if more > 0 else [])])


def memory_text(gpu: Gpu, bars: str) -> str:
    return f"{_figure(gpu.memory_used, bars, GIB)}/{_figure(gpu.memory_total, bars, GIB)} GB"


def use_text(gpu: Gpu, uses: Iterable[int | None], bars: str) -> str:
    """`63% ▂▃▅`; a reading that is not known leaves its place empty."""
    line = "".join(" " if use is None else bars[min(len(bars) - 1, use * len(bars) // 101)] for use in uses)
    return f"{_figure(gpu.utilization, bars)}% {line}".rstrip()


def heat_text(gpu: Gpu, bars: str) -> str:
    return f"{_figure(gpu.temperature, bars)}{' C' if bars.isascii() else '°C'}"


def _figure(value: float | None, bars: str, unit: int | None = None) -> str:
    if value is None:
        return marks.mark("unknown", bars.isascii())
    return f"{value / unit:.1f}" if unit else f"{value:.0f}"
