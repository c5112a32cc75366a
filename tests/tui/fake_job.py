"""A job as its process leaves it, written by hand: folder, lock, event log, status."""

from __future__ import annotations

from typing import Any

from core.errors import UserError
from core.events import Event, Finished, Outcome, Started, TransferProgress
from core.jobs import lock
from core.jobs.handle import Job
from core.jobs.spec import CONTROL, LOCK, create, read
from core.jobs.status import Phase
from core.workspace import Workspace


class FakeJob:
    """Live until `finish` or `die`; the lock is held by this process."""

    def __init__(self, workspace: Workspace, stage: str = "label", params: dict[str, object] | None = None) -> None:
        self.folder = create(workspace, stage, params or {})
        held = lock.acquire(self.folder / LOCK)
        assert held is not None
        self._held = held
        # Without the mark of its process nobody can take this one for the job's and signal it.
        self.job = Job(read(self.folder), self.folder, workspace)
        self.job.status.set_phase(Phase.RUNNING)
        self.emit(Started(stage))

    def emit(self, event: Event) -> None:
        self.job.emit(event)

    def progress(
        self, done: float, total: float | None = None, unit: str = "", note: str = "", **transfer: Any
    ) -> None:
        """transfer: fields of a TransferProgress. It is in the file when this returns."""
        self.job.progress(done, total, unit, note, TransferProgress(**transfer) if transfer else None)
        self.job.status.set_phase(Phase.RUNNING)

    def finish(
        self,
        outcome: Outcome = Outcome.DONE,
        error: UserError | None = None,
        result: dict[str, Any] | None = None,
        failed: int = 0,
    ) -> None:
        self.emit(Finished(outcome, result or {}, failed, error))
        self.die()

    def die(self) -> None:
        """Let go of the lock, as the kernel does for a process that was killed."""
        self._held.release()

    @property
    def asked_to_stop(self) -> bool:
        return (self.folder / CONTROL / "cancel").exists()
