"""The machine goes down under a job: after it the job is seen as interrupted, and the next one goes on where it was.

Where locks work, the kernel has let go of them. Where they do not, a process of the same number may run again: the boot
is another.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

import pytest

from core.events import JobState
from core.jobs import list_jobs, stop
from core.jobs.lock import mark_of
from core.jobs.spec import STATUS
from core.workspace import Workspace
from tests.faults.shims import NETWORK_DISK, forbid_locks
from tests.faults.signals.conftest import begun, counted, seen
from tests.jobs.conftest import process_of, wait_for


@pytest.fixture(params=["locks", "no locks"])
def disk(request: pytest.FixtureRequest, with_shims: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk that jobs and readers have."""
    if request.param == "locks":
        return
    with_shims(NETWORK_DISK)
    forbid_locks(monkeypatch)


@pytest.mark.usefixtures("disk")
def test_a_job_is_seen_for_what_it_is(workspace: Workspace) -> None:
    folder = begun(workspace)
    assert seen(folder).state == JobState.RUNNING
    stop(folder)
    wait_for(lambda: seen(folder).state == JobState.CANCELLED)


@pytest.mark.usefixtures("disk")
def test_a_job_of_before_the_reboot_is_interrupted_and_goes_on(workspace: Workspace) -> None:
    folder = begun(workspace)
    os.kill(process_of(folder), signal.SIGKILL)
    wait_for(lambda: mark_of(process_of(folder)) is None)
    # Another process has its number now, and started at the same moment after the boot: this one.
    own = mark_of(os.getpid())
    assert own is not None
    status = json.loads((folder / STATUS).read_text())
    status |= {"pid": own.pid, "started": own.started, "boot": "another"}
    (folder / STATUS).write_text(json.dumps(status))

    # Its lock goes with the last of its threads, a moment after the process is a zombie.
    wait_for(lambda: seen(folder).state == JobState.CRASHED)
    job = seen(folder)
    assert job.error is not None
    assert "goes on where it was" in job.error.fix
    # Whoever asks it to stop all the same hits no stranger.
    stop(folder)
    had = len(counted(workspace))
    again = begun(workspace, {"steps": had + 3})
    wait_for(lambda: seen(again).state == JobState.DONE)
    assert counted(workspace) == list(range(had + 3))
    assert [job.state for job in list_jobs(workspace)] == [JobState.DONE, JobState.CRASHED]
