"""What the status bar tells: the workspace, the GPU, the running job, the counts of the six steps. Pure functions
and the two slow questions (`Counter`, `gpu_reading`) that the app asks in threads."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from core.errors import UserError
from core.gpu import Gpu, read_gpus
from core.jobs import JobView
from core.status import Step as Count
from core.status import Summary, summary
from core.store import Store
from core.workspace import Workspace
from tui.bridge import JobBatch
from tui.widgets.status_bar import Job, Step

STEPS: tuple[tuple[str, str, str], ...] = (
    ("setup", "Setup", "Set"),
    ("playlist", "Playlist", "List"),
    ("segments", "Segments", "Segm"),
    ("transcripts", "Transcripts", "Text"),
    ("training", "Training", "Train"),
    ("results", "Results", "Res"),
)
"""name, title and short title, in the order of their keys 1-6."""

SCREEN_OF: dict[str, str] = {
    "model": "setup",
    "add": "playlist",
    "demo": "playlist",
    "fetch": "playlist",
    "segment": "segments",
    "label": "transcripts",
    "review": "transcripts",
    "import": "transcripts",
    "split": "training",
    "train": "training",
    "evaluate": "results",
    "transcribe": "results",
    "export": "results",
    "done": "results",
}
"""Where each stage is seen."""

GIB = 2**30


@dataclass(frozen=True)
class Status:
    """What every screen's status bar shows now."""

    place: str = ""
    gpu: str = ""
    job: Job | None = None
    steps: Mapping[str, Count] = field(default_factory=dict)


def bar_steps(counts: Mapping[str, Count], active: str) -> list[Step]:
    return [
        Step(str(place), title, counts[name].text if name in counts else "", name == active, short)
        for place, (name, title, short) in enumerate(STEPS, start=1)
    ]


@dataclass(frozen=True)
class Reading:
    """The counts, and the store's version they were counted at."""

    version: int
    summary: Summary


class Counter:
    """Counts the workspace; only when the store has changed, or after `LONG_S`, since folders change too."""

    LONG_S = 10.0

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self._store, self._workspace = store, workspace
        self._last: Reading | None = None
        self._due = 0.0
        self.stale = False

    def __call__(self) -> Reading | None:
        """The newest reading. UserError if settings or store cannot be read. Called in one thread only."""
        try:
            version = self._store.version()
            fresh = self._last is not None and self._last.version == version and not self.stale
            if not fresh or time.monotonic() > self._due:
                self.stale = False
                self._last = Reading(version, summary(self._store, self._workspace))
                self._due = time.monotonic() + self.LONG_S
        except (sqlite3.Error, OSError) as error:
            raise UserError("the workspace cannot be read", str(error), "look at the disk, then start again") from error
        return self._last


def gpu_reading() -> tuple[Gpu, ...]:
    return tuple(read_gpus())


def gpu_text(gpus: Iterable[Gpu], uses: Iterable[int | None], bars: str) -> str:
    """The first GPU in one line; `uses` are its last readings in percent. "" without a GPU."""
    found = list(gpus)
    if not found:
        return ""
    gpu = found[0]
    parts = [gpu.name.removeprefix("NVIDIA ").removeprefix("GeForce ").removesuffix(" GPU")]
    if gpu.memory_used is not None and gpu.memory_total:
        parts.append(f"{gpu.memory_used / GIB:.1f}/{gpu.memory_total / GIB:.1f} GB")
    if gpu.utilization is not None:
        line = "".join(bars[min(len(bars) - 1, (use or 0) * len(bars) // 101)] for use in uses)
        parts.append(f"{gpu.utilization}% {line}".rstrip())
    if gpu.temperature is not None:
        parts.append(f"{gpu.temperature}°C")
    if len(found) > 1:
        parts.append(f"+{len(found) - 1}")
    return "  ".join(parts)


def clock(seconds: float) -> str:
    """`02:14`, or `2 h 14 m` from an hour on."""
    whole = max(0, round(seconds))
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 60:02d}:{whole % 60:02d}"


def bar_job(live: Iterable[JobBatch]) -> Job | None:
    """The job to show: a running one before a waiting one; how many more there are stands behind its name."""
    order = {"running": 0, "stuck": 1, "waiting": 2}
    found = sorted(live, key=lambda batch: order.get(batch.view.state, 3))
    if not found:
        return None
    first, more = found[0], len(found) - 1
    view = first.view
    name = view.stage if view.state == "running" else f"{view.stage} {view.state}"
    percent = None if view.progress is None else view.progress * 100
    left = f"{clock(first.left_s)} left" if first.left_s is not None else ""
    return Job(f"{name} +{more}" if more else name, percent, left)


def end_of(view: JobView) -> tuple[str, Literal["information", "warning", "error"]]:
    """What a toast says of a job that has ended, and how loudly."""
    if view.state == "done":
        failed = f", {view.failed} failed: see there" if view.failed else ""
        return f"{view.stage} done{failed}", "warning" if view.failed else "information"
    if view.state == "cancelled":
        return f"{view.stage} stopped; starting it again goes on where it was", "information"
    lines = UserError.from_dict(view.error or {}).lines()
    return "\n".join(line for line in lines if line) or f"{view.stage} {view.state}", "error"


class Gauge:
    """The GPU's line; it remembers the last readings for its little bars."""

    READINGS = 8

    def __init__(self) -> None:
        self._uses: deque[int | None] = deque(maxlen=self.READINGS)

    def text(self, gpus: tuple[Gpu, ...], bars: str) -> str:
        self._uses.append(gpus[0].utilization if gpus else None)
        return gpu_text(gpus, self._uses, bars)
