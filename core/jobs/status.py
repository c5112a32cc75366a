"""status.json: who a job's process is, its phase, when it was last well, and how far it is. Replaced as a whole.

It has one writer, in the job's process, and is not forced to the disk: what it says is worth nothing after a crash of
the machine. What matters later is in the log.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from core import typed_json
from core.clock import now_ms
from core.events import Blocked, Progress, as_json
from core.files import write_bytes
from core.jobs import lock
from core.jobs.spec import STATUS
from core.redaction import redact_values
from core.typed_json import Count, Millis

HEARTBEAT_S = 2.0
PROGRESS_S = 0.1
"""Progress reaches the file at most this often; the last value always does, by `StatusWriter.tick`."""

STATUS_BYTES = 2**20


class Phase(StrEnum):
    STARTING = "starting"
    WAITING = "waiting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (Phase.DONE, Phase.FAILED, Phase.CANCELLED)


@dataclass(frozen=True)
class JobStatus:
    """heartbeat, progress_at: when it was well, and when the progress was set, ms since 1970. pid, started, boot: the
    process (core/jobs/lock.py). block: what it waits to pass now.
    """

    stage: str = ""
    phase: Phase | None = None
    heartbeat: Millis | None = None
    pid: Count | None = None
    started: Count | None = None
    boot: str | None = None
    progress: Progress | None = None
    progress_at: Millis | None = None
    block: Blocked | None = None

    @property
    def process(self) -> lock.ProcessMark | None:
        if self.pid is None or self.started is None or self.boot is None:
            return None
        return lock.ProcessMark(self.pid, self.started, self.boot)


def read_status(folder: Path) -> JobStatus:
    """An empty one where the file is missing or damaged: lock and log say what a job needs to be found and stopped."""
    try:
        return typed_json.read(JobStatus, folder / STATUS, STATUS_BYTES)
    except ValueError:
        return JobStatus()


class StatusReader:
    """A job's status, read only when the file is another one than before: for who looks many times a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int, int] | None = None

    def changed(self) -> JobStatus | None:
        """The status if it was replaced since the last call; None if not, or if there is none."""
        try:
            found = (self._folder / STATUS).stat()
        except OSError:
            return None
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen == self._seen:
            return None
        self._seen = seen
        return read_status(self._folder)


class StatusWriter:
    """The one writer of a job's status.json: the stage's threads set the progress, the main thread the rest."""

    def __init__(self, folder: Path, stage: str, process: lock.ProcessMark | None) -> None:
        self._path = folder / STATUS
        self._lock = threading.Lock()
        self._status = JobStatus(stage=stage)
        if process is not None:
            self._status = JobStatus(stage, pid=process.pid, started=process.started, boot=process.boot)
        self._written = 0.0
        self._behind = False
        """Something is not in the file yet."""

    @property
    def progress(self) -> Progress | None:
        return self._status.progress

    def set_phase(self, phase: Phase) -> None:
        with self._lock:
            self._status = replace(self._status, phase=phase)
            self._write()

    def set_progress(self, progress: Progress) -> None:
        with self._lock:
            self._status = replace(self._status, progress=progress, progress_at=now_ms())
            self._behind = True
            if time.monotonic() - self._written >= PROGRESS_S:
                self._write()

    def set_block(self, block: Blocked | None) -> None:
        with self._lock:
            self._status = replace(self._status, block=block)
            self._write()

    def tick(self) -> None:
        """Write what is due: a heartbeat, or progress that came too soon after the last. Call it every 100 ms."""
        with self._lock:
            waited = time.monotonic() - self._written
            if waited >= HEARTBEAT_S or (self._behind and waited >= PROGRESS_S):
                self._write()

    def _write(self) -> None:
        """With the lock held. A disk that is full shall not end the job here: the next tick tries again, and until it
        succeeds readers see an old heartbeat."""
        self._written = time.monotonic()
        text = json.dumps(redact_values(as_json(replace(self._status, heartbeat=now_ms()))), ensure_ascii=False)
        try:
            write_bytes(self._path, text.encode("utf-8", "replace"), mode=0o600, durable=False)
            self._behind = False
        except OSError:
            self._behind = True
