"""A stage run in this process, with a real job folder, store and event log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.jobs import spec
from core.jobs.events import Event, EventReader, EventWriter
from core.jobs.handle import Job
from core.workspace import Workspace


@dataclass
class Run:
    """A job that no process carries: `job` is handed to a stage's `run`, `events()` is what it wrote so far."""

    workspace: Workspace
    job: Job

    def events(self, kind: str | None = None) -> list[Event]:
        return [e for e in EventReader(self.job.dir / spec.EVENTS).all() if kind in (None, e.kind)]

    def items(self, state: str) -> list[str]:
        """Ids of the item events with this state, in order."""
        return [str(e.data["id"]) for e in self.events("item") if e.data["state"] == state]


def start(workspace: Workspace, stage: str, params: dict[str, Any] | None = None) -> Run:
    folder = spec.create(workspace, stage, params or {})
    return Run(workspace, Job(spec.read(folder), folder, workspace, EventWriter(folder / spec.EVENTS)))


def wait_until(predicate: Callable[[], object], timeout: float = 30.0) -> None:
    """Return as soon as it holds; fail the test if it does not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come true within {timeout:g} s")
        time.sleep(0.01)
