"""`python -m core.jobs.run <job folder>`: the process a stage lives in.

The main thread takes the locks, handles signals, writes the heartbeat and watches for a cancel; the stage
runs in a worker thread. Whatever ends the stage is reported in one `finished` event; if that is missing when
the lock is free, the process was killed, and readers show a crash.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.config import ModelConfig
from core.errors import UserError, of_os_error
from core.events import Cancelling, Finished, GpuChosen, Outcome, Running, Started, Waiting
from core.jobs import lock
from core.jobs.handle import Cancelled, Job
from core.jobs.output import redact_output
from core.jobs.spec import (
    CANCEL,
    CONTROL,
    LOCK,
    PAUSE,
    RESUME,
    JobSpec,
    read,
    workspace_of,
)
from core.jobs.status import Phase, read_status
from core.stage import lookup
from core.workspace import Workspace

POLL_S = 0.1
GRACE_S = 0.6
"""How long a cancelled stage may take to end by itself. Every stage can be killed at any instant (law 3)."""

EXIT_DONE, EXIT_ITEMS_FAILED, EXIT_STOPPED = 0, 1, 3


def main(folder: Path) -> int:
    spec = read(folder)
    workspace = workspace_of(folder)
    if int(os.environ.get("RANK", "0")):
        return join_in(spec, folder, workspace)
    life = acquire_job_lock(folder)
    if life is None:
        return EXIT_STOPPED
    job = Job(spec, folder, workspace, lock.mark_of(os.getpid()))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: job.cancel())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    job.status.set_phase(Phase.STARTING)
    job.emit(Started(spec.stage, os.getpid(), spec.params))
    work = StageThread(spec, workspace, job)
    if not work.check():
        return finish(job, work.outcome, error=work.error)
    try:
        resource = wait_for_resource(workspace, lookup(spec.stage).resource, job)
    except Cancelled:
        return finish(job, Outcome.CANCELLED)
    thread = threading.Thread(target=work.run, name=spec.stage, daemon=True)
    thread.start()
    code = watch(thread, work, job)
    resource.release()
    return code


def join_in(spec: JobSpec, folder: Path, workspace: Workspace) -> int:
    """A further process of a stage that several do together: the first one has the locks, speaks and is stopped."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while not (phase := read_status(folder).phase) or phase in (Phase.STARTING, Phase.WAITING):
        time.sleep(POLL_S)
    if phase.ended:
        return EXIT_STOPPED
    job = Job(spec, folder, workspace, speaks=False)
    try:
        lookup(spec.stage).load().run(workspace, workspace.config(), job)
    except (Cancelled, UserError):
        return EXIT_STOPPED
    return EXIT_DONE


def acquire_job_lock(folder: Path) -> lock.FileLock | None:
    """The lock that says this job is alive. Tried for a moment, since a reader's probe holds it for an instant."""
    deadline = time.monotonic() + 2.0
    while True:
        life = lock.acquire(folder / LOCK)
        if life is not None or time.monotonic() > deadline:
            return life
        time.sleep(0.01)


def wait_for_resource(workspace: Workspace, resource: str, job: Job) -> lock.FileLock:
    """Queue for the resource. Raises Cancelled if the job is stopped while it waits."""
    path = workspace.jobs / f".{resource}.lock"
    waiting = False
    while True:
        found = lock.acquire(path)
        if found is not None:
            job.status.set_phase(Phase.RUNNING)
            if waiting:
                job.emit(Running(resource))
            return found
        if not waiting:
            waiting = True
            job.emit(Waiting(resource))
            job.status.set_phase(Phase.WAITING)
        job.status.tick()
        apply_control(job)
        job.wait(POLL_S)


class StageThread:
    """The stage in its worker thread, and what came of it."""

    def __init__(self, spec: JobSpec, workspace: Workspace, job: Job) -> None:
        self._spec = spec
        self._workspace = workspace
        self._job = job
        self.outcome = Outcome.FAILED
        self.result: dict[str, Any] = {}
        self.error: UserError | None = None

    def check(self) -> bool:
        """Whether settings and arguments will do, as far as that can be seen before the job queues."""
        return self._attempt(self._check)

    def run(self) -> None:
        if self._attempt(self._run):
            self.outcome = Outcome.DONE

    def _check(self) -> None:
        lookup(self._spec.stage).check(self._workspace, self._workspace.config(), self._spec.params)

    def _run(self) -> None:
        config = self._workspace.config()
        stage = lookup(self._spec.stage)
        if stage.resource == "gpu" and int(os.environ.get("WORLD_SIZE", "1")) == 1:
            choose_gpu(config.model, self._job)
        self.result = stage.load().run(self._workspace, config, self._job) or {}

    def _attempt(self, work: Callable[[], None]) -> bool:
        """Do it and return True; what went wrong becomes `outcome` and `error`."""
        try:
            work()
            return True
        except Cancelled:
            self.outcome = Outcome.CANCELLED
        except UserError as error:
            self.error = error
            if error.__cause__ is not None:
                traceback.print_exception(error)
        except MemoryError:
            traceback.print_exc()
            self.error = UserError(
                "the machine's memory is used up", "MemoryError", "close other programs, or lower the batch"
            )
        except OSError as error:
            traceback.print_exc()
            self.error = of_os_error(
                error, f"{self._spec.stage} had to stop", "start it again: it goes on where it was"
            )
        except Exception as error:  # noqa: BLE001 - the edge of the process: whatever it was, a person must see it in words
            traceback.print_exc()
            self.error = UserError(
                f"{self._spec.stage} stopped unexpectedly",
                f"{type(error).__name__}: {error}"[:500],
                f"the whole story is in {self._workspace.relative(self._job.dir)}/output.log; start it again to go on",
            )
        return False


def choose_gpu(settings: ModelConfig, job: Job) -> None:
    """Settle on one GPU before torch is loaded, and report which. On a machine without one nothing happens."""
    from core import gpu

    def show_wait(card: gpu.Gpu) -> None:
        job.progress(0, None, "", f"waiting for {settings.wait_for_gb:g} GB on {card.name}")

    if settings.wait_for_gb:
        card = gpu.wait_until_free(int(settings.wait_for_gb * 2**30), job.wait, wish=settings.gpu, on_wait=show_wait)
    else:
        card = gpu.choose_for_job(settings.gpu)
    if card is not None:
        gpu.settle_on(card)
        job.emit(GpuChosen(card.uuid, card.name))


def watch(thread: threading.Thread, work: StageThread, job: Job) -> int:
    """Wait for the stage; on a cancel, give it its grace and then end without it."""
    cancelled_at: float | None = None
    while thread.is_alive():
        thread.join(POLL_S)
        job.status.tick()
        apply_control(job)
        if job.cancelled and cancelled_at is None:
            cancelled_at = time.monotonic()
            job.emit(Cancelling())
            job.status.set_phase(Phase.CANCELLING)
        grace_over = cancelled_at is not None and time.monotonic() - cancelled_at > GRACE_S
        if grace_over and not lookup(job.stage).saves_on_cancel and thread.is_alive():
            finish(job, Outcome.CANCELLED)
            exit_process(EXIT_STOPPED)
    if work.outcome == Outcome.DONE and job.failures:
        finish(job, Outcome.DONE, result=work.result, failed=len(job.failures))
        return EXIT_ITEMS_FAILED
    return finish(job, work.outcome, result=work.result, error=work.error)


def apply_control(job: Job) -> None:
    """What the files in the control folder ask for. A folder that somebody has removed asks to stop."""
    control = job.dir / CONTROL
    if not job.cancelled and ((control / CANCEL).exists() or not job.dir.exists()):
        job.cancel()
    job.pause((control / PAUSE).exists())
    if (control / RESUME).exists():
        (control / RESUME).unlink(missing_ok=True)
        job.end_wait()


def finish(
    job: Job,
    outcome: Outcome,
    *,
    result: dict[str, Any] | None = None,
    error: UserError | None = None,
    failed: int = 0,
) -> int:
    with contextlib.suppress(OSError):  # the disk may be full; for the last event there is room
        if error is not None:
            job.log(" - ".join(line for line in error.lines() if line), level="error")
    # Whoever sees the end in the log finds the last progress in the status.
    job.status.set_phase(Phase(outcome))
    job.emit(Finished(outcome, result or {}, failed, error))
    return EXIT_DONE if outcome == Outcome.DONE else EXIT_STOPPED


def exit_process(code: int) -> None:
    """End at once, with every child: a download or an ffmpeg must not outlive its cancelled job."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.getpgid(0) == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
    os._exit(code)


if __name__ == "__main__":
    redact_output()
    code = main(Path(sys.argv[1]))
    # Worker threads of torch or yt-dlp may still be winding down; nothing of theirs is needed any more.
    exit_process(code)
