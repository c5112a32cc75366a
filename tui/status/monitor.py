"""One workspace, watched by threads: its live jobs, what is done and due in it, the GPUs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from textual.message import Message

from core.errors import UserError
from core.gpu import Gpu
from core.jobs import JobView
from core.status import Step
from core.store import Store
from core.workspace import Workspace
from tui.background import TaskResult
from tui.bridge import Bridge, JobBatch, JobEvents
from tui.dialogs import crashed_job
from tui.poller import Poller
from tui.status.counts import CountsReader, CountsSnapshot
from tui.status.gpu import GpuMeter, GpuReading, sample_gpus
from tui.status.jobs import bar_job
from tui.widgets.status_bar import JobProgress

COUNTS_S = GPU_S = 2.0
ONCE_S = threading.TIMEOUT_MAX


@dataclass(frozen=True)
class Status:
    """What every screen's status bar shows now."""

    place: str = ""
    player: str = ""
    gpu: GpuReading | None = None
    job: JobProgress | None = None
    steps: Mapping[str, Step] = field(default_factory=dict)
    next: str = ""
    """The stage that comes next, as `core.status` names it; "" while nobody has counted."""


@dataclass(frozen=True)
class Reports:
    """What the app does with what is found; called on the UI thread.

    changed: the status bar shows something else; counted: the store is another, or unreadable; crashed: the newest job,
    once, which may have crashed.
    """

    changed: Callable[[Status], object]
    counted: Callable[[UserError | None], object]
    newest: Callable[[JobView], object]


class Monitor:
    """post: brings messages to the app (JobEvents, TaskResult). queued: how many wait there."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        post: Callable[[Message], object],
        queued: Callable[[], int],
        reports: Reports,
    ) -> None:
        self.live: dict[Path, JobBatch] = {}
        """The last batch of each live job, without its events."""
        self.status = Status(place=workspace.name)
        self._post, self._reports = post, reports
        self._bridge = Bridge(workspace, lambda found: post(JobEvents(found)), queued)
        self._counts = CountsReader(store, workspace)
        self._gpu_meter = GpuMeter()
        self.pollers = {
            "counts": self._poller("counts", COUNTS_S, self._counts, self._counted),
            "gpu": self._poller("gpu", GPU_S, sample_gpus, self._sampled),
            "newest": self._poller("newest", ONCE_S, partial(crashed_job.newest, workspace), self._newest),
        }

    def _poller(self, name: str, seconds: float, read: Callable[[], Any], done: Callable[[Any], object]) -> Poller:
        return Poller(seconds, read, lambda found: self._post(TaskResult(partial(done, found))), name)

    def start(self) -> None:
        self._bridge.start()
        for poller in self.pollers.values():
            poller.start()

    def stop(self) -> None:
        for poller in self.pollers.values():
            poller.stop()
        self._bridge.stop()

    def recount(self) -> None:
        """Something changed that the counts may not see by themselves."""
        self._counts.stale = True
        self.pollers["counts"].now()

    def take(self, batch: JobBatch) -> None:
        """A batch from the bridge."""
        if batch.ended:
            self.live.pop(batch.folder, None)
            self.recount()
        else:
            self.live[batch.folder] = replace(batch, entries=())
        self._gpu_meter.follow(self.live.values())
        self.show(job=bar_job(self.live.values()))

    def show(self, **changes: Any) -> None:
        """Fields of Status that are others now."""
        self.status = replace(self.status, **changes)
        self._reports.changed(self.status)

    def _counted(self, found: CountsSnapshot | UserError | None) -> None:
        if isinstance(found, UserError):
            self._reports.counted(found)
        elif found is not None:
            self.show(steps=found.summary.steps, next=found.summary.next)
            self._reports.counted(None)

    def _sampled(self, gpus: Iterable[Gpu]) -> None:
        self.show(gpu=self._gpu_meter.read(gpus))

    def _newest(self, found: JobView | UserError | None) -> None:
        if isinstance(found, JobView):
            self._reports.newest(found)
