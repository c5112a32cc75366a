"""The `Job` a stage is given: its parameters, its reports (events, log lines, progress) and its cancel token."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, Literal

from pydantic_core import from_json

from core.errors import UserError
from core.events import (
    Blocked,
    Event,
    Item,
    ItemFailed,
    ItemState,
    LogLine,
    Paused,
    Progress,
    Resumed,
    TransferProgress,
    Unblocked,
)
from core.jobs.event_log import EventWriter
from core.jobs.lock import ProcessMark
from core.jobs.spec import CONTROL, EVENTS, JobSpec
from core.jobs.status import StatusWriter
from core.workspace import Workspace


class Cancelled(Exception):
    """Raised inside a stage when it was asked to stop. It passes through to the runner, which reports it."""


class Job:
    """Made in the job's process, which is the only writer of the folder's log and status."""

    def __init__(
        self,
        spec: JobSpec,
        folder: Path,
        workspace: Workspace,
        process: ProcessMark | None = None,
        *,
        speaks: bool = True,
    ) -> None:
        """process: the one to be signalled when the job is to stop; None: it only looks for a file that says so.
        speaks: False in further processes of the same job, whose reports would be the same: nothing is written."""
        self.id = spec.id
        self.stage = spec.stage
        self.params: dict[str, Any] = workspace.vault.reveal(spec.params)
        self.dir = folder
        self.failures: list[tuple[str, UserError]] = []
        self.status = StatusWriter(folder, spec.stage, process)
        self._log = EventWriter(folder / EVENTS) if speaks else None
        self._workspace = workspace
        self._cancel = threading.Event()
        self._wake = threading.Condition()
        self._paused = False
        self._resumes = 0

    # -- what a stage reports

    def emit(self, event: Event) -> None:
        """Append one event to the log; Saved and Finished are forced to the disk."""
        if self._log is None:
            return
        self._log.emit(event)
        if isinstance(event, Unblocked):
            self.status.set_block(None)
        elif isinstance(event, Blocked) and event.waits:
            self.status.set_block(event)

    def progress(
        self,
        done: float,
        total: float | None = None,
        unit: str = "",
        note: str = "",
        transfer: TransferProgress | None = None,
    ) -> None:
        """How far the stage is (see core.events.Progress). Cheap to call often: the last value is what counts."""
        if self._log is not None:
            self.status.set_progress(Progress(done, total, unit, note, transfer))

    def log(self, text: str, level: Literal["info", "warning", "error"] = "info") -> None:
        """A line for people, in the event log and in logs/log.txt."""
        if self._log is not None:
            self.emit(LogLine(text, level))
            self._workspace.log(text, self.stage)

    def item(self, id: str, state: ItemState, at: int | None = None) -> None:
        """One row (a video, a segment) has changed: whoever shows it reads it anew. at: when it is tried again, ms."""
        self.emit(Item(id, state, at))

    def item_failed(self, id: str, error: UserError) -> None:
        """One item failed, the rest goes on; the job then ends with outcome done but exit code 1."""
        self.failures.append((id, error))
        if self._log is None:
            return
        self.emit(ItemFailed(id, error))
        why = f" - {error.why}" if error.why else ""
        fix = f" - {error.fix}" if error.fix else ""
        self._workspace.log(f"{id}: {error.what}{why}{fix}", self.stage)

    # -- what is asked of it

    @property
    def cancelled(self) -> bool:
        return self._cancel.is_set()

    def cancel(self) -> None:
        self._cancel.set()
        with self._wake:
            self._wake.notify_all()

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self, wanted: bool = True) -> None:
        """Hold the stage, or let it go on; a stage that can be held calls `hold` where it may."""
        with self._wake:
            if self._paused == wanted:
                return
            self._paused = wanted
            self._wake.notify_all()
        self.emit(Paused() if wanted else Resumed())

    def end_wait(self) -> None:
        """End the present `wait_for_resume` now."""
        with self._wake:
            self._resumes += 1
            self._wake.notify_all()

    def hold(self) -> bool:
        """Return when the job is not paused (True if it was); raises Cancelled if it is stopped meanwhile."""
        held = False
        with self._wake:
            while self._paused and not self.cancelled:
                held = True
                self._wake.wait(1.0)
        self.check()
        return held

    @property
    def resumes(self) -> int:
        """How often somebody has ended a wait, up to now."""
        return self._resumes

    def wait_for_resume(self, seconds: float, since: int | None = None) -> bool:
        """Sleep until the time is up (False) or somebody resumes the job (True); a cancel ends it with Cancelled.

        since: `resumes` as it was before the wait was announced, so that an answer quicker than this call counts.
        """
        end = time.monotonic() + seconds
        with self._wake:
            before = self._resumes if since is None else since
            while self._resumes == before and not self.cancelled and (left := end - time.monotonic()) > 0:
                self._wake.wait(min(left, 60.0))
            resumed = self._resumes != before
        self.check()
        return resumed

    def received(self, name: str) -> Any:
        """What somebody wrote for this job with `core.jobs.send`, now; None if nothing (whole) is there."""
        try:
            return from_json((self.dir / CONTROL / f"{name}.json").read_bytes())
        except (OSError, ValueError):
            return None

    def check(self) -> None:
        """Raise Cancelled if the job was asked to stop. Call it at least every 200 ms."""
        if self._cancel.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> None:
        """Sleep that a cancel ends at once, by raising Cancelled."""
        if self._cancel.wait(seconds):
            raise Cancelled
