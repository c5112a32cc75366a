"""The `Job` a stage is given: its parameters, its voice (events, log lines) and its cancel token."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.jobs.events import EventWriter
from core.jobs.spec import CONTROL, JobSpec
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
        self._wake = threading.Condition()
        self._paused = False
        self._go = 0
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
        self.emit("paused" if wanted else "resumed")

    def go(self) -> None:
        """End the present `wait_or_go` now."""
        with self._wake:
            self._go += 1
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
    def goes(self) -> int:
        """How often somebody has said go on, up to now."""
        return self._go

    def wait_or_go(self, seconds: float, since: int | None = None) -> bool:
        """Sleep until the time is up (False) or somebody says go on now (True); a cancel ends it with Cancelled.

        since: `goes` as it was before the wait was told of, so that an answer quicker than this call counts.
        """
        end = time.monotonic() + seconds
        with self._wake:
            before = self._go if since is None else since
            while self._go == before and not self.cancelled and (left := end - time.monotonic()) > 0:
                self._wake.wait(min(left, 60.0))
            told = self._go != before
        self.check()
        return told

    def received(self, name: str) -> Any:
        """What somebody wrote for this job with `core.jobs.send`, now; None if nothing (whole) is there."""
        try:
            return json.loads((self.dir / CONTROL / f"{name}.json").read_text(encoding="utf-8"))
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
