"""The state of every job, read from outside: lock, heartbeat and event log, never a guess from a pid alone.

A folder that is damaged is a job all the same: its name says which, its log how it ended; else it is shown as failed,
with what is wrong and what to do.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from core import typed_json
from core.clock import now_ms
from core.errors import UserError
from core.events import Blocked, JobState, Progress
from core.files import has_no_room, write_private
from core.jobs import lock
from core.jobs.event_log import last_progress, read_tail
from core.jobs.spec import CANCEL, CONTROL, EVENTS, LOCK, OUTPUT, PAUSE, RESUME, SPEC, STATUS, of_name, read
from core.jobs.status import JobStatus, Phase, read_status
from core.redaction import redact_values
from core.stage import lookup
from core.workspace import Workspace

STUCK_MS = 20_000
"""A live job without a heartbeat for this long is shown as stuck: importing torch may hold a process for seconds."""

STARTING_MS = 15_000
"""A new job may take this long to take its lock; before that its silence is no crash."""

OUTPUT_BYTES = 2**16


T = TypeVar("T")


@dataclass(frozen=True)
class _Stopped:
    stopped: str = ""


@dataclass(frozen=True)
class JobView:
    """A job as it stands. Times in ms since 1970; failed: how many of its items failed."""

    id: str
    stage: str
    folder: Path
    state: JobState
    created: int
    number: int = 0
    """As in `JobSpec`."""
    ended: int | None = None
    progress: Progress | None = None
    error: UserError | None = None
    result: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    failed: int = 0
    paused: bool = False
    block: Blocked | None = None
    """What a live job waits to pass."""

    @property
    def live(self) -> bool:
        return self.state.live

    @property
    def share(self) -> float | None:
        """0 to 1; None while it is not known."""
        if self.state == JobState.DONE:
            return 1.0
        return self.progress.share if self.progress else None

    @property
    def note(self) -> str:
        """What it is at."""
        return self.progress.note if self.progress else ""

    @property
    def stopped(self) -> str:
        """Why a stage ended early without an error, as where a site lets nothing through; "" if it did not."""
        return self.result_as(_Stopped).stopped

    def result_as(self, kind: type[T]) -> T:
        """What the stage returned, as a dataclass whose fields all have defaults: those where it does not fit."""
        return typed_json.build_or_default(kind, self.result)

    def params_as(self, kind: type[T]) -> T:
        """What the stage was asked for, read in the same way."""
        return typed_json.build_or_default(kind, self.params)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "stage": self.stage,
            "state": self.state,
            "progress": self.share,
            "started": self.created,
            "ended": self.ended,
            "error": self.error.as_dict() if self.error else None,
            "result": redact_values(self.result),
            "failed_items": self.failed,
            "paused": self.paused,
            "folder": self.folder.name,
        }


def list_jobs(workspace: Workspace) -> list[JobView]:
    """Every job of the workspace, newest first."""
    if not workspace.jobs.is_dir():
        return []
    folders = [f for f in workspace.jobs.iterdir() if f.is_dir() and not f.name.startswith(".")]
    return newest_first([found for folder in folders if (found := view(folder)) is not None])


def newest_first(jobs: Sequence[JobView]) -> list[JobView]:
    """By the clock; those that are numbered by their number among themselves, since a clock may be set back."""
    by_clock = sorted(jobs, key=lambda job: (job.created, job.folder.name), reverse=True)
    numbered = iter(sorted((job for job in by_clock if job.number), key=lambda job: job.number, reverse=True))
    return [next(numbered) if job.number else job for job in by_clock]


def find_job(workspace: Workspace, id: str) -> JobView:
    for job in list_jobs(workspace):
        if id in (job.id, job.folder.name):
            return job
    raise UserError(f"there is no job {id}", f"none of that name in {workspace.jobs}", "whispersmith jobs")


def view(folder: Path) -> JobView | None:
    """One job's state; None if the folder holds no job."""
    try:
        return _view(folder)
    except OSError as error:
        if not os.path.exists(folder):
            return None
        spec = of_name(folder)
        found = JobView(spec.id, spec.stage, folder, JobState.FAILED, spec.created, spec.created)
        return replace(found, error=damage_error(found, error.strerror or str(error)))


def _view(folder: Path) -> JobView | None:
    damage = ""
    try:
        spec = read(folder)
    except ValueError as error:
        if not any((folder / name).exists() for name in (SPEC, EVENTS, STATUS)):
            return None
        spec, damage = of_name(folder), f"{SPEC}: {error}"
    # The lock first, the log next, the status last: a job that ends in between is then seen with its end, never as a
    # crash, and with its last progress.
    alive = is_alive(folder)
    tail = read_tail(folder / EVENTS)
    status = read_status(folder)
    found = JobView(
        id=spec.id,
        stage=spec.stage,
        folder=folder,
        state=JobState.RUNNING,
        created=spec.created,
        number=spec.number,
        progress=status.progress or last_progress(folder / EVENTS),
        params=spec.params,
    )
    if alive and tail.finished is None:
        paused = (folder / CONTROL / PAUSE).exists()
        return replace(found, state=_live_state(status), paused=paused, block=status.block)
    if damage or (tail.finished is None and tail.damaged):
        return replace(
            found,
            state=JobState.FAILED,
            ended=tail.ended or status.heartbeat or spec.created,
            error=damage_error(found, damage or f"{EVENTS}: {tail.damaged}"),
        )
    if tail.finished is not None:
        end = tail.finished
        state = JobState(end.outcome)
        return replace(found, state=state, ended=tail.ended, error=end.error, result=end.result, failed=end.failed)
    # A clock that was set back since says nothing: a job that never began would be at its start for hours.
    if tail.empty and abs(now_ms() - spec.created) < STARTING_MS:
        return found
    ended = status.heartbeat or spec.created
    return replace(found, state=JobState.CRASHED, ended=ended, error=crash_error(found))


def _live_state(status: JobStatus) -> JobState:
    if status.heartbeat is not None and now_ms() - status.heartbeat > STUCK_MS:
        return JobState.STUCK
    return JobState.WAITING if status.phase == Phase.WAITING else JobState.RUNNING


def is_alive(folder: Path) -> bool:
    locked = lock.is_locked(folder / LOCK)
    if locked is not None:
        return locked
    mark = read_status(folder).process
    return mark is not None and lock.is_alive(mark)


def gone(folder: Path) -> JobView:
    """A job that somebody has seen, and whose folder is not there any more."""
    spec = of_name(folder)
    error = UserError(
        f"{spec.stage} is gone",
        f"somebody has removed {folder.name} from logs/jobs while it ran",
        f"whispersmith {spec.stage} goes on where it was",
    )
    return JobView(spec.id, spec.stage, folder, JobState.CRASHED, spec.created, now_ms(), error=error)


def damage_error(job: JobView, why: str) -> UserError:
    folder = shlex.quote(f"logs/jobs/{job.folder.name}")
    return UserError("this job's folder is damaged", why, f"nothing else needs it: rm -r {folder}")


def crash_error(job: JobView) -> UserError:
    """What is known of a job that ended without reporting how."""
    try:
        with (job.folder / OUTPUT).open("rb") as output:
            output.seek(max(0, output.seek(0, os.SEEK_END) - OUTPUT_BYTES))
            lines = output.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    why = lines[-1][:300] if lines else "it was killed, or the machine went down"
    if has_no_room(job.folder):
        why = "the disk is full: make room first"
    option = lookup(job.stage).resume_param
    resume = f"whispersmith {job.stage} --{option}" if option else f"whispersmith {job.stage}"
    return UserError(f"{job.stage} crashed", why, f"{resume} goes on where it was")


def stop(folder: Path) -> None:
    """Ask a job to stop, from any process: a file in its control folder, and SIGTERM to wake it."""
    with _control(folder) as control:
        (control / CANCEL).touch()
    mark = read_status(folder).process
    if mark is not None and lock.is_alive(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(mark.pid, signal.SIGTERM)


def pause(folder: Path) -> None:
    """Hold a job where it is, from any process, until `resume`. A stage that cannot be held goes on."""
    with _control(folder) as control:
        (control / PAUSE).touch()


def resume(folder: Path) -> None:
    """Let a held job go on, and end the wait of one that waits (for a block of the site to pass) now."""
    with _control(folder) as control:
        (control / PAUSE).unlink(missing_ok=True)
        (control / RESUME).touch()


def send(folder: Path, name: str, data: Any) -> None:
    """Give a running job something, read there as `job.received(name)`. data: JSON-able; the last one counts."""
    with _control(folder) as control:
        write_private(control / f"{name}.json", json.dumps(data, ensure_ascii=False))


@contextlib.contextmanager
def _control(folder: Path) -> Iterator[Path]:
    """The folder of files that a job looks for. UserError if it cannot be written."""
    try:
        (folder / CONTROL).mkdir(exist_ok=True)
        yield folder / CONTROL
    except OSError as error:
        why = f"{folder.name} in logs/jobs: {error.strerror or error}"
        raise UserError("the job cannot be reached", why, "whispersmith jobs shows how it stands") from error
