"""`python -m core.jobs.run <job folder>`: the process a stage lives in.

The main thread takes the locks, handles signals, writes the heartbeat and watches for a cancel; the stage
runs in a worker thread. Whatever ends the stage is said in one `finished` event; if that is missing when
the lock is free, the process was killed, and readers show a crash.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.clock import now_ms
from core.config import ModelConfig
from core.errors import UserError
from core.files import write_text
from core.jobs import lock
from core.jobs.events import EventWriter
from core.jobs.handle import Cancelled, Job
from core.jobs.spec import (
    CANCEL,
    CONTROL,
    EVENTS,
    GO,
    LOCK,
    PAUSE,
    STATUS,
    JobSpec,
    read,
    workspace_of,
)
from core.stage import lookup
from core.workspace import Workspace

HEARTBEAT_S = 2.0
POLL_S = 0.1
GRACE_S = 0.6
"""How long a cancelled stage may take to end by itself. Every stage can be killed at any instant (law 3)."""

EXIT_DONE, EXIT_ITEMS_FAILED, EXIT_STOPPED = 0, 1, 3


def main(folder: Path) -> int:
    spec = read(folder)
    workspace = workspace_of(folder)
    life = acquire_job_lock(folder)
    if life is None:
        return EXIT_STOPPED
    writer = EventWriter(folder / EVENTS)
    job = Job(spec, folder, workspace, writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: job.cancel())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    mark = lock.mark_of(os.getpid())
    status = {"stage": spec.stage, "phase": "starting", **(mark.as_dict() if mark else {"pid": os.getpid()})}
    beat = Heartbeat(folder / STATUS, status)
    beat.write("starting")
    job.emit("started", stage=spec.stage, pid=os.getpid(), params=spec.params)
    work = StageThread(spec, workspace, job)
    if not work.check():
        return finish(job, beat, work.outcome, error=work.error)
    try:
        resource = wait_for_resource(workspace, lookup(spec.stage).resource, job, beat)
    except Cancelled:
        return finish(job, beat, "cancelled")
    thread = threading.Thread(target=work.run, name=spec.stage, daemon=True)
    thread.start()
    code = watch(thread, work, job, beat, folder)
    resource.release()
    return code


def acquire_job_lock(folder: Path) -> lock.FileLock | None:
    """The lock that says this job is alive. Tried for a moment, since a reader's probe holds it for an instant."""
    deadline = time.monotonic() + 2.0
    while True:
        life = lock.acquire(folder / LOCK)
        if life is not None or time.monotonic() > deadline:
            return life
        time.sleep(0.01)


class Heartbeat:
    """status.json, replaced atomically: who the process is, its phase, and when it was last well."""

    def __init__(self, path: Path, fixed: dict[str, Any]) -> None:
        self._path = path
        self._fixed = fixed
        self._next = 0.0

    def write(self, phase: str) -> None:
        self._next = time.monotonic() + HEARTBEAT_S
        write_text(self._path, json.dumps(self._fixed | {"phase": phase, "heartbeat": now_ms()}))

    def due(self, phase: str) -> None:
        if time.monotonic() >= self._next:
            self.write(phase)


def wait_for_resource(workspace: Workspace, resource: str, job: Job, beat: Heartbeat) -> lock.FileLock:
    """Queue for the resource. Raises Cancelled if the job is stopped while it waits."""
    path = workspace.jobs / f".{resource}.lock"
    said = False
    while True:
        found = lock.acquire(path)
        if found is not None:
            beat.write("running")
            if said:
                job.emit("running", resource=resource)
            return found
        if not said:
            said = True
            job.emit("waiting", resource=resource)
            beat.write("waiting")
        beat.due("waiting")
        apply_control(job)
        job.wait(POLL_S)


class StageThread:
    """The stage in its worker thread, and what came of it."""

    def __init__(self, spec: JobSpec, workspace: Workspace, job: Job) -> None:
        self._spec = spec
        self._workspace = workspace
        self._job = job
        self.outcome = "failed"
        self.result: dict[str, Any] = {}
        self.error: UserError | None = None

    def check(self) -> bool:
        """Whether settings and arguments will do, as far as that can be seen before the job queues."""
        return self._attempt(self._check)

    def run(self) -> None:
        if self._attempt(self._run):
            self.outcome = "done"

    def _check(self) -> None:
        lookup(self._spec.stage).check(self._workspace, self._workspace.config(), self._spec.params)

    def _run(self) -> None:
        config = self._workspace.config()
        stage = lookup(self._spec.stage)
        if stage.resource == "gpu":
            take_gpu(config.model, self._job)
        self.result = stage.load().run(self._workspace, config, self._job) or {}

    def _attempt(self, work: Callable[[], None]) -> bool:
        """Do it and return True; what went wrong becomes `outcome` and `error`."""
        try:
            work()
            return True
        except Cancelled:
            self.outcome = "cancelled"
        except UserError as error:
            self.error = error
            if error.__cause__ is not None:
                traceback.print_exception(error)
        except MemoryError:
            traceback.print_exc()
            self.error = UserError(
                "the machine's memory is used up", "MemoryError", "close other programs, or lower the batch"
            )
        except Exception as error:  # noqa: BLE001 - the edge of the process: whatever it was, a person must see it in words
            traceback.print_exc()
            self.error = UserError(
                f"{self._spec.stage} stopped unexpectedly",
                f"{type(error).__name__}: {error}"[:500],
                f"the whole story is in {self._workspace.relative(self._job.dir)}/output.log; start it again to go on",
            )
        return False


def take_gpu(settings: ModelConfig, job: Job) -> None:
    """Settle on one GPU before torch is loaded, and say which. On a machine without one nothing happens."""
    from core import gpu

    def tell(card: gpu.Gpu) -> None:
        job.progress(0, None, "", f"waiting for {settings.wait_for_gb:g} GB on {card.name}")

    if settings.wait_for_gb:
        card = gpu.wait_until_free(int(settings.wait_for_gb * 2**30), job.wait, wish=settings.gpu, tell=tell)
    else:
        card = gpu.for_job(settings.gpu)
    if card is not None:
        os.environ.update(gpu.environment_for(card))
        job.emit("gpu", uuid=card.uuid, name=card.name)


def watch(thread: threading.Thread, work: StageThread, job: Job, beat: Heartbeat, folder: Path) -> int:
    """Wait for the stage; on a cancel, give it its grace and then leave without it."""
    asked: float | None = None
    while thread.is_alive():
        thread.join(POLL_S)
        beat.due("running")
        apply_control(job)
        if job.cancelled and asked is None:
            asked = time.monotonic()
            job.emit("cancelling")
            beat.write("cancelling")
        patient = lookup(job.stage).saves_on_cancel
        if asked is not None and not patient and time.monotonic() - asked > GRACE_S and thread.is_alive():
            finish(job, beat, "cancelled")
            leave(EXIT_STOPPED)
    if work.outcome == "done" and job.failures:
        finish(job, beat, "done", result=work.result, failed=len(job.failures))
        return EXIT_ITEMS_FAILED
    return finish(job, beat, work.outcome, result=work.result, error=work.error)


def apply_control(job: Job) -> None:
    """What the files in the control folder ask for."""
    control = job.dir / CONTROL
    if not job.cancelled and (control / CANCEL).exists():
        job.cancel()
    job.pause((control / PAUSE).exists())
    if (control / GO).exists():
        (control / GO).unlink(missing_ok=True)
        job.go()


def finish(
    job: Job,
    beat: Heartbeat,
    outcome: str,
    *,
    result: dict[str, Any] | None = None,
    error: UserError | None = None,
    failed: int = 0,
) -> int:
    if error is not None:
        job.log(" - ".join(line for line in error.lines() if line), level="error")
    job.emit("finished", outcome=outcome, result=result or {}, failed=failed, error=error.as_dict() if error else None)
    beat.write(outcome)
    return EXIT_DONE if outcome == "done" else EXIT_STOPPED


def leave(code: int) -> None:
    """End at once, with every child: a download or an ffmpeg must not outlive its cancelled job."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.getpgid(0) == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
    os._exit(code)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    # Worker threads of torch or yt-dlp may still be winding down; nothing of theirs is needed any more.
    leave(code)
