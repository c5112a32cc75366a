"""The state of every job, read from outside: lock, heartbeat and event log, never a guess from a pid alone."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.clock import now_ms
from core.errors import UserError
from core.files import write_text
from core.jobs import lock
from core.jobs.events import last_events
from core.jobs.spec import CANCEL, CONTROL, EVENTS, GO, LOCK, OUTPUT, PAUSE, STATUS, JobSpec, read
from core.stage import lookup
from core.workspace import Workspace

STUCK_MS = 20_000
"""A live job without a heartbeat for this long is shown as stuck: importing torch may hold a process for seconds."""

STARTING_MS = 15_000
"""A new job may take this long to take its lock; before that its silence is no crash."""

LIVE = frozenset({"waiting", "running", "stuck"})


@dataclass(frozen=True)
class JobView:
    """A job as it stands. state: waiting, running, stuck, done, failed, cancelled or crashed."""

    id: str
    stage: str
    folder: Path
    state: str
    created: int
    started: int | None
    ended: int | None
    progress: float | None
    note: str
    error: dict[str, str] | None
    result: dict[str, Any]
    params: dict[str, Any]
    failed: int = 0
    paused: bool = False

    @property
    def live(self) -> bool:
        return self.state in LIVE

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "stage": self.stage,
            "state": self.state,
            "progress": self.progress,
            "started": self.started,
            "ended": self.ended,
            "error": self.error,
            "result": self.result,
            "failed_items": self.failed,
            "paused": self.paused,
            "folder": self.folder.name,
        }


def list_jobs(workspace: Workspace) -> list[JobView]:
    """Every job of the workspace, newest first."""
    if not workspace.jobs.is_dir():
        return []
    folders = [f for f in workspace.jobs.iterdir() if f.is_dir() and not f.name.startswith(".")]
    views = [view(folder) for folder in folders]
    return sorted((v for v in views if v is not None), key=lambda v: (v.created, v.folder.name), reverse=True)


def find_job(workspace: Workspace, id: str) -> JobView:
    for job in list_jobs(workspace):
        if id in (job.id, job.folder.name):
            return job
    raise UserError(f"there is no job {id}", f"none of that name in {workspace.jobs}", "whispersmith jobs")


def view(folder: Path) -> JobView | None:
    """One job's state; None if the folder holds no job."""
    try:
        spec = read(folder)
    except (OSError, ValueError, KeyError):
        return None
    # The lock is asked first: a job that ends in between is then seen with its last word, never as a crash.
    alive = is_alive(folder)
    events = last_events(folder / EVENTS, frozenset({"started", "progress", "finished"}))
    finished, progress = events.get("finished"), events.get("progress")
    status = read_status(folder)
    state, ended, error, result = "crashed", None, None, {}
    if finished is not None:
        state, ended = str(finished.data["outcome"]), finished.t
        error, result = finished.data.get("error"), finished.data.get("result") or {}
    elif alive:
        stale = now_ms() - int(status.get("heartbeat", now_ms())) > STUCK_MS
        state = "stuck" if stale else ("waiting" if status.get("phase") == "waiting" else "running")
    elif not events and now_ms() - spec.created < STARTING_MS:
        state = "running"
    else:
        ended = int(status.get("heartbeat", spec.created))
        error = crash_error(folder, spec)
    return JobView(
        id=spec.id,
        stage=spec.stage,
        folder=folder,
        state=state,
        created=spec.created,
        started=spec.created,
        ended=ended,
        progress=1.0 if state == "done" else _share(progress.data if progress else {}),
        note=str(progress.data.get("note", "")) if progress else "",
        error=error,
        result=result,
        params=spec.params,
        failed=int(finished.data.get("failed", 0)) if finished else 0,
        paused=state in LIVE and (folder / CONTROL / PAUSE).exists(),
    )


def is_alive(folder: Path) -> bool:
    locked = lock.is_locked(folder / LOCK)
    if locked is not None:
        return locked
    status = read_status(folder)
    try:
        mark = lock.ProcessMark(int(status["pid"]), int(status["started"]), str(status["boot"]))
    except (KeyError, ValueError):
        return False
    return lock.is_alive(mark)


def read_status(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / STATUS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def crash_error(folder: Path, spec: JobSpec) -> dict[str, str]:
    """What is known of a job that ended without a word."""
    try:
        lines = (folder / OUTPUT).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    why = lines[-1][:300] if lines else "it was killed, or the machine went down"
    option = lookup(spec.stage).resume_param
    resume = f"whispersmith {spec.stage} --{option}" if option else f"whispersmith {spec.stage}"
    return UserError(f"{spec.stage} crashed", why, f"{resume} goes on where it was").as_dict()


def stop(folder: Path) -> None:
    """Ask a job to stop, from any process: a file in its control folder, and SIGTERM to wake it."""
    control = folder / CONTROL
    control.mkdir(exist_ok=True)
    (control / CANCEL).touch()
    status = read_status(folder)
    try:
        mark = lock.ProcessMark(int(status["pid"]), int(status["started"]), str(status["boot"]))
    except (KeyError, ValueError):
        return
    if lock.is_alive(mark):
        try:
            os.kill(mark.pid, signal.SIGTERM)
        except ProcessLookupError:
            return


def pause(folder: Path) -> None:
    """Hold a job where it is, from any process, until `resume`. A stage that cannot be held goes on."""
    (folder / CONTROL).mkdir(exist_ok=True)
    (folder / CONTROL / PAUSE).touch()


def resume(folder: Path) -> None:
    """Let a held job go on, and end the wait of one that waits (for a block of the site to pass) now."""
    (folder / CONTROL).mkdir(exist_ok=True)
    (folder / CONTROL / PAUSE).unlink(missing_ok=True)
    (folder / CONTROL / GO).touch()


def send(folder: Path, name: str, data: Any) -> None:
    """Something for a running job to heed, read there as `job.received(name)`. data: JSON-able; the last one counts."""
    (folder / CONTROL).mkdir(exist_ok=True)
    write_text(folder / CONTROL / f"{name}.json", json.dumps(data, ensure_ascii=False))


def _share(progress: dict[str, Any]) -> float | None:
    done, total = progress.get("done"), progress.get("total")
    return min(1.0, done / total) if total and done is not None else None
