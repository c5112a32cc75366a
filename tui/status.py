"""What the status bar tells: the workspace, the GPU, the running job, the counts of the six steps. Pure functions,
the two slow questions (`CountsReader`, `sample_gpus`) that the app asks in threads, which GPU to show (`GpuMeter`)."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.errors import UserError
from core.gpu import Gpu, choose, read_gpus
from core.jobs import EventReader, JobView
from core.jobs.spec import EVENTS
from core.stage import lookup
from core.status import Step, Summary, summary
from core.store import Store
from core.workspace import Workspace
from tui import keymap
from tui.bridge import JobBatch
from tui.widgets import marks
from tui.widgets.status_bar import JobProgress, StepTab

STEPS: tuple[tuple[str, str, str], ...] = (
    ("setup", "Setup", "Set"),
    ("playlist", "Playlist", "List"),
    ("segments", "Segments", "Segm"),
    ("transcripts", "Transcripts", "Text"),
    ("training", "Training", "Train"),
    ("results", "Results", "Res"),
)
"""name, title and short title, in the order of their keys 1-6."""

GIB = 2**30


def screen_due(due: str) -> str:
    """The screen to open on: where `next` of `core.status` is worked on; Setup where nothing has begun."""
    return {"add": "setup", "done": "results"}.get(due) or lookup(due).screen


def next_step(due: str) -> str:
    """What is to be done next, where, and with which key: `5 Training: start the training (enter)`."""
    if due == "done":
        return "every stage is done"
    stage = lookup(due)
    place = next((f"{n} {title}" for n, (name, title, _) in enumerate(STEPS, start=1) if name == stage.screen), "")
    key = next((action.key for action in keymap.ACTIONS if action.id == stage.action), "")
    return f"{place}: {stage.advice}{f' ({key})' if key else ''}"


@dataclass(frozen=True)
class Status:
    """What every screen's status bar shows now."""

    place: str = ""
    gpu: str = ""
    job: JobProgress | None = None
    steps: Mapping[str, Step] = field(default_factory=dict)


def bar_steps(counts: Mapping[str, Step], active: str, ascii_only: bool = False) -> list[StepTab]:
    texts = {name: count.text for name, count in counts.items()}
    if ascii_only:
        texts = {name: text.replace(marks.mark("unknown"), marks.mark("unknown", True)) for name, text in texts.items()}
    return [
        StepTab(str(place), title, texts.get(name, ""), name == active, short)
        for place, (name, title, short) in enumerate(STEPS, start=1)
    ]


@dataclass(frozen=True)
class CountsSnapshot:
    """The counts, and the store's version they were counted at."""

    version: int
    summary: Summary


class CountsReader:
    """Counts the workspace; only when the store has changed, or after `LONG_S`, since folders change too."""

    LONG_S = 10.0

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self._store, self._workspace = store, workspace
        self._last: CountsSnapshot | None = None
        self._due = 0.0
        self.stale = False

    def __call__(self) -> CountsSnapshot | None:
        """The newest reading. UserError if settings or store cannot be read. Called in one thread only."""
        try:
            version = self._store.version()
            fresh = self._last is not None and self._last.version == version and not self.stale
            if not fresh or time.monotonic() > self._due:
                self.stale = False
                self._last = CountsSnapshot(version, summary(self._store, self._workspace))
                self._due = time.monotonic() + self.LONG_S
        except (sqlite3.Error, OSError) as error:
            raise UserError("the workspace cannot be read", str(error), "look at the disk, then start again") from error
        return self._last


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
        folders = [b.folder for b in live if b.view.state in ("running", "stuck") and lookup(b.stage).resource == "gpu"]
        for gone in self._logs.keys() - set(folders):
            self._logs.pop(gone)
            self._found.pop(gone, None)
        for folder in folders:
            log = self._logs.setdefault(folder, EventReader(folder / EVENTS))
            if folder not in self._found:
                # Near the beginning; what a long log holds after it is never read.
                for event in log.read(0.005)[0]:
                    if event.kind == "gpu" and event.data.get("uuid"):
                        self._found[folder] = str(event.data["uuid"])
        return next((self._found[folder] for folder in folders if folder in self._found), None)


def gpu_line(gpu: Gpu, uses: Iterable[int | None], bars: str, more: int = 0) -> str:
    """A GPU in one line; `uses` are its last readings in percent, more: how many others there are."""
    parts = [gpu.short, memory_text(gpu, bars), use_text(gpu, uses, bars), heat_text(gpu, bars)]
    return "  ".join([*parts, *([f"+{more}"] if more else [])])


def memory_text(gpu: Gpu, bars: str) -> str:
    return f"{_told(gpu.memory_used, bars, GIB)}/{_told(gpu.memory_total, bars, GIB)} GB"


def use_text(gpu: Gpu, uses: Iterable[int | None], bars: str) -> str:
    """`63% ▂▃▅`; a sample that was not told leaves its place empty."""
    line = "".join(" " if use is None else bars[min(len(bars) - 1, use * len(bars) // 101)] for use in uses)
    return f"{_told(gpu.utilization, bars)}% {line}".rstrip()


def heat_text(gpu: Gpu, bars: str) -> str:
    return f"{_told(gpu.temperature, bars)}{' C' if bars.isascii() else '°C'}"


def _told(value: float | None, bars: str, unit: int | None = None) -> str:
    if value is None:
        return marks.mark("unknown", bars.isascii())
    return f"{value / unit:.1f}" if unit else f"{value:.0f}"


def clock(seconds: float) -> str:
    """`02:14`, or `2 h 14 m` from an hour on."""
    whole = max(0, round(seconds))
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 60:02d}:{whole % 60:02d}"


def bar_job(live: Iterable[JobBatch]) -> JobProgress | None:
    """The job to show: a running one before a waiting one, the quiet look-ups last; how many more there are stands
    behind its name."""
    order = {"running": 0, "stuck": 1, "waiting": 2}
    found = sorted(live, key=lambda batch: (lookup(batch.stage).quiet, order.get(batch.view.state, 3)))
    if not found:
        return None
    first, more = found[0], len(found) - 1
    view = first.view
    state = "paused" if view.paused else view.state
    word = lookup(view.stage).title
    name = word if state == "running" else f"{word} {state}"
    percent = None if view.progress is None else view.progress * 100
    left = f"{clock(first.left_s)} left" if first.left_s is not None and not view.paused else ""
    if view.stage == "fetch" and "goes on" in view.note and not view.paused:
        # The site has blocked it: no time left can be told but when it tries again.
        left = view.note[:48]
    if view.stage == "model" and view.state == "running":
        # A download is told by its bytes and its speed.
        left = "  ".join(part for part in (view.note[:40], left) if part)
    return JobProgress(f"{name} +{more}" if more else name, percent, left)


def end_of(view: JobView) -> tuple[str, Literal["information", "warning", "error"]]:
    """What a toast says of a job that has ended, and how loudly; "" for no toast."""
    stage = lookup(view.stage)
    if stage.quiet and view.state in ("done", "cancelled"):
        return "", "information"
    word = stage.title
    if view.result.get("stopped"):
        return f"{word} stopped: {view.result['stopped']}", "warning"
    if view.state == "done":
        failed = f", {view.failed} failed: see there" if view.failed else ""
        return f"{word} done{brought(view)}{failed}", "warning" if view.failed else "information"
    if view.state == "cancelled":
        return f"{word} stopped; starting it again goes on where it was", "information"
    lines = UserError.from_dict(view.error or {}).lines()
    return "\n".join(line for line in lines if line) or f"{word} {view.state}", "error"


def brought(view: JobView) -> str:
    """`: 12 new, 40 known before`; "" where nothing came."""
    counts = [(view.result.get(name), word) for name, word in lookup(view.stage).result_counts]
    told = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f": {told}" if told else ""


class GpuMeter:
    """Which GPU is shown, and its last readings for the little bars."""

    READINGS = 8
    CLEARLY = 2**29
    """Another idle card is shown when it has this many bytes more free: the line shall not flicker between equals."""

    def __init__(self, readings: int = READINGS) -> None:
        self._uses: deque[int | None] = deque(maxlen=readings)
        self._shown = ""
        self._job = JobGpu()
        self._job_uuid: str | None = None

    def follow(self, live: Iterable[JobBatch]) -> None:
        """The live jobs: while one computes on a GPU, that one is shown."""
        self._job_uuid = self._job.of(live)

    def take(self, gpus: Iterable[Gpu]) -> Gpu | None:
        """One more reading: the GPU to show, the job's own, else the one with the most free memory; None if none."""
        found = pieces(gpus)
        gpu = self._pick(found)
        if gpu is None:
            self._uses.clear()
            return None
        if gpu.uuid != self._shown:
            self._uses.clear()
        self._shown = gpu.uuid
        self._uses.append(gpu.utilization)
        return gpu

    def _pick(self, found: list[Gpu]) -> Gpu | None:
        own = next((gpu for gpu in found if gpu.uuid == self._job_uuid), None)
        best = choose(found, None, os.environ.get("CUDA_VISIBLE_DEVICES")) or next(iter(found), None)
        before = next((gpu for gpu in found if gpu.uuid == self._shown), None)
        if own is None and before is not None and best is not None:
            gain = (best.memory_free or 0) - (before.memory_free or 0)
            return best if gain > self.CLEARLY else before
        return own or best

    @property
    def uses(self) -> tuple[int | None, ...]:
        return tuple(self._uses)

    def text(self, gpus: Iterable[Gpu], bars: str) -> str:
        """One more reading, as the status line shows it; "" without a GPU."""
        found = list(gpus)
        gpu = self.take(found)
        return gpu_line(gpu, self._uses, bars, len(found) - 1) if gpu else ""
