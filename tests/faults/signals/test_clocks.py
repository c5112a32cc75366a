"""A wall clock that is set back or forth by hours while jobs run and between them: no crash, no time below zero, and
what is newer is shown as newer."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core import clock
from core.events import JobState
from core.jobs import EventReader, list_jobs, stop
from core.jobs.spec import EVENTS, create
from core.workspace import Workspace
from tests.core.cli_kit import Run, caller
from tests.faults import shims
from tests.faults.signals.conftest import begun, goes_on, seen
from tests.jobs.conftest import process_of, wait_for

HOURS = 3 * 3600


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(capsys)


@pytest.fixture
def off(tmp_path: Path, with_shims: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock of this process and of all jobs, off by so many seconds."""
    file = tmp_path / "clock"
    file.write_text("0")
    monkeypatch.setenv("CLOCK_OFF", str(file))
    with_shims(shims.CLOCK)
    real = time.time
    monkeypatch.setattr(clock.time, "time", lambda: real() + float(file.read_text() or 0))

    def set_off(seconds: float) -> None:
        beside = file.with_suffix(".new")
        beside.write_text(str(seconds))
        os.replace(beside, file)

    return set_off


@pytest.mark.parametrize("hours", [-HOURS, HOURS], ids=["back", "forth"])
def test_a_jump_under_a_job(workspace: Workspace, off: Callable[[float], None], run: Run, hours: int) -> None:
    folder = begun(workspace)
    off(hours)
    goes_on(workspace)
    # A heartbeat later at the latest it is well again, whatever its last one said.
    wait_for(lambda: seen(folder).state == JobState.RUNNING)
    stop(folder)
    wait_for(lambda: seen(folder).state == JobState.CANCELLED)
    entries = EventReader(folder / EVENTS).all()
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    code, out, error = run("-w", workspace.root, "jobs")
    assert (code, error) == (0, "")
    assert "cancelled" in out
    assert "-" not in out.split()[-1]


@pytest.mark.parametrize("hours", [-HOURS, HOURS], ids=["back", "forth"])
def test_jobs_keep_their_order_across_a_jump(workspace: Workspace, off: Callable[[float], None], hours: int) -> None:
    folders = []
    for seconds in (0, hours, 0, -hours):
        off(seconds)
        folders.append(begun(workspace))
        os.kill(process_of(folders[-1]), signal.SIGKILL)
        wait_for(lambda: not seen(folders[-1]).live)
    assert [job.folder for job in list_jobs(workspace)] == folders[::-1]


def test_a_job_that_never_began_is_no_running_one_since_the_clock_was_set_back(
    workspace: Workspace, off: Callable[[float], None]
) -> None:
    folder = create(workspace, "nap", {})
    assert seen(folder).state == JobState.RUNNING
    off(-HOURS)
    assert seen(folder).state == JobState.CRASHED
