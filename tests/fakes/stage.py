"""A stage run in this process, with a real job folder, store and event log."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from core.events import Event, Item, ItemFailed, ItemState, LogLine, Progress
from core.jobs import spec
from core.jobs.event_line import LogEntry
from core.jobs.event_log import EventReader
from core.jobs.handle import Job
from core.workspace import Workspace

E = TypeVar("E", bound=Event)


@dataclass
class Run:
    """A job that no process carries: `job` is handed to a stage's `run`, the rest is what it said so far."""

    workspace: Workspace
    job: Job
    progress: list[Progress]
    """Every one, also those that came too quickly for status.json."""

    def entries(self, *kinds: type[Event]) -> list[LogEntry]:
        found = EventReader(self.job.dir / spec.EVENTS).all()
        return [entry for entry in found if isinstance(entry.event, kinds)] if kinds else found

    def events(self, *kinds: type[E]) -> list[E]:
        return [entry.event for entry in self.entries(*kinds) if isinstance(entry.event, kinds)]

    def items(self, state: ItemState) -> list[str]:
        """Ids of the item events with this state, in order."""
        return [item.id for item in self.events(Item, ItemFailed) if item.state == state]

    def log(self, *levels: str) -> list[str]:
        """Its lines for people, of these levels."""
        return [line.text for line in self.events(LogLine) if not levels or line.level in levels]


def recorded_progress(job: Job) -> list[Progress]:
    """A list that every progress of this job is added to from now on."""
    set_progress, found = job.status.set_progress, []

    def recording(progress: Progress) -> None:
        found.append(progress)
        set_progress(progress)

    job.status.set_progress = recording  # type: ignore[method-assign]
    return found


def start(workspace: Workspace, stage: str, params: dict[str, Any] | None = None) -> Run:
    folder = spec.create(workspace, stage, params or {})
    job = Job(spec.read(folder), folder, workspace)
    return Run(workspace, job, recorded_progress(job))


def wait_until(predicate: Callable[[], object], timeout: float = 30.0) -> None:
    """Return as soon as it holds; fail the test if it does not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come true within {timeout:g} s")
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether any thread of a process is left: its files and locks are free only then, though it be a zombie before."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" or len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False
