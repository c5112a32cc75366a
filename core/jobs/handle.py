"""The `Job` a stage is given: its parameters, its voice (events, log lines) and its cancel token."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.jobs.events import EventWriter
from core.jobs.spec import JobSpec
from core.workspace import Workspace

PROGRESS_S = 0.1
"""Progress is written at most this often; the last value before a pause is never lost for good, since 100 % is."""


class Cancelled(Exception):
    """Raised inside a stage when it was asked to stop. It passes through to the runner, which says so."""


class Job:
    def __init__(self, spec: JobSpec, folder: Path, workspace: Workspace, writer: EventWriter) -> None:
        self.id = spec.id
        self.stage = spec.stage
        self.params: dict[str, Any] = spec.params
        self.dir = folder
        self.failures: list[tuple[str, UserError]] = []
        self._workspace = workspace
        self._writer = writer
        self._cancel = threading.Event()
        self._last_progress = 0.0

    def emit(self, kind: str, **data: Any) -> None:
        """Append one event. data must be JSON-able; `saved` and `finished` are forced to the disk."""
        self._writer.emit(kind, data, durable=kind in ("saved", "finished"))

    def progress(self, done: float, total: float | None = None, unit: str = "", note: str = "", **more: Any) -> None:
        """How far the stage is. Cheap to call often: written at most ten times a second, the end always."""
        now = time.monotonic()
        if now - self._last_progress < PROGRESS_S and not (total is not None and done >= total):
            return
        self._last_progress = now
        self.emit("progress", done=done, total=total, unit=unit, note=note, **more)

    def log(self, text: str, level: str = "info") -> None:
        """A line for people, in the event log and in logs/log.txt."""
        self.emit("log", text=text, level=level)
        self._workspace.log(text, self.stage)

    def item(self, id: str, state: str, **data: Any) -> None:
        """One row (a video, a segment) has changed: whoever shows it reads it anew."""
        self.emit("item", id=id, state=state, **data)

    def item_failed(self, id: str, error: UserError) -> None:
        """One item failed, the rest goes on; the job then ends with outcome done but exit code 1."""
        self.failures.append((id, error))
        self.emit("item", id=id, state="failed", error=error.as_dict())
        why = f" - {error.why}" if error.why else ""
        fix = f" - {error.fix}" if error.fix else ""
        self._workspace.log(f"{id}: {error.what}{why}{fix}", self.stage)

    @property
    def cancelled(self) -> bool:
        return self._cancel.is_set()

    def cancel(self) -> None:
        self._cancel.set()

    def check(self) -> None:
        """Raise Cancelled if the job was asked to stop. Call it at least every 200 ms."""
        if self._cancel.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> None:
        """Sleep that a cancel ends at once, by raising Cancelled."""
        if self._cancel.wait(seconds):
            raise Cancelled
