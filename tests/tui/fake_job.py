"""A job as its process leaves it, written by hand: folder, lock, event log."""

from __future__ import annotations

import json
import os

from core.jobs import lock
from core.jobs.events import EventWriter
from core.jobs.spec import CONTROL, EVENTS, LOCK, STATUS, create
from core.workspace import Workspace


class FakeJob:
    """Live until `finish` or `die`; the lock is held by this process."""

    def __init__(self, workspace: Workspace, stage: str = "label", params: dict[str, object] | None = None) -> None:
        self.folder = create(workspace, stage, params or {})
        held = lock.acquire(self.folder / LOCK)
        assert held is not None
        self._held = held
        # Without start time and boot id nobody can take this process for the job's and signal it.
        (self.folder / STATUS).write_text(json.dumps({"phase": "running", "pid": os.getpid()}))
        self.writer = EventWriter(self.folder / EVENTS)
        self.emit("started", stage=stage)

    def emit(self, kind: str, **data: object) -> None:
        self.writer.emit(kind, dict(data))

    def finish(self, outcome: str = "done", error: dict[str, str] | None = None) -> None:
        self.emit("finished", outcome=outcome, result={}, failed=0, error=error)
        self.die()

    def die(self) -> None:
        """Let go of the lock, as the kernel does for a process that was killed."""
        self._held.release()

    @property
    def asked_to_stop(self) -> bool:
        return (self.folder / CONTROL / "cancel").exists()
