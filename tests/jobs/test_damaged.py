"""Job folders that a crash, another version or a stranger has damaged, or taken away: rows that say so, and no more."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.cli.follow import follow
from core.errors import UserError
from core.events import JobState, Progress, Started
from core.jobs import attach, find_job, list_jobs, lock, pause, resume, send, spawn, stop
from core.jobs.attach import view
from core.jobs.event_log import EventWriter
from core.jobs.lock import mark_of
from core.jobs.spawn import wait_until_started
from core.jobs.spec import EVENTS, LOCK, SPEC, create
from core.jobs.status import JobStatus, read_status
from core.workspace import Workspace
from tests.core.cli_kit import Run, caller
from tests.fakes.damaged_jobs import (
    LAST_LINES,
    RESULT,
    SPECS,
    STATUSES,
    all_of_them,
    damaged_log,
    damaged_spec,
    damaged_status,
    ended,
)
from tests.jobs.conftest import process_of, wait_for


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(capsys)


@pytest.mark.parametrize("line", LAST_LINES.values(), ids=LAST_LINES.keys())
def test_a_log_that_ends_in_no_event_is_a_failed_job_that_says_so(workspace: Workspace, line: bytes) -> None:
    folder = damaged_log(workspace, line)
    (job,) = list_jobs(workspace)
    assert (job.stage, job.state, job.folder) == ("label", JobState.FAILED, folder)
    assert job.error is not None
    assert job.error.what == "this job's folder is damaged"
    assert job.error.why.startswith("events.jsonl: ")
    assert f"rm -r logs/jobs/{folder.name}" in job.error.fix


@pytest.mark.parametrize("content", SPECS.values(), ids=SPECS.keys())
def test_a_spec_that_is_none_is_a_failed_job_known_by_its_folder(workspace: Workspace, content: bytes) -> None:
    folder = damaged_spec(workspace, content)
    (job,) = list_jobs(workspace)
    assert (job.id, job.stage, job.state) == (folder.name.rpartition("-")[2], "label", JobState.FAILED)
    assert abs(job.created - time.time() * 1000) < 120_000
    assert job.error is not None
    assert job.error.why.startswith("spec.json: ")
    assert find_job(workspace, job.id) == job


@pytest.mark.parametrize("content", STATUSES.values(), ids=STATUSES.keys())
def test_a_damaged_status_is_none(workspace: Workspace, content: bytes) -> None:
    folder = damaged_status(workspace, content)
    assert read_status(folder) == JobStatus()
    (job,) = list_jobs(workspace)
    assert (job.state, job.error) == (JobState.DONE, None)


def test_a_folder_that_may_not_be_read_is_a_row_too(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: Path) -> JobStatus:
        raise PermissionError(13, "Permission denied", str(folder))

    ended(workspace, "label")
    monkeypatch.setattr(attach, "read_status", refused)
    (job,) = list_jobs(workspace)
    assert (job.stage, job.state, job.error and job.error.why) == ("label", JobState.FAILED, "Permission denied")


def test_a_live_job_with_a_damaged_spec_can_be_stopped(workspace: Workspace) -> None:
    folder = spawn(workspace, "nap", {"steps": 1000, "each": 0.05})
    (folder / SPEC).write_bytes(b"[]")
    (job,) = list_jobs(workspace)
    assert (job.stage, job.state) == ("nap", JobState.RUNNING)
    stop(folder)
    wait_for(lambda: not list_jobs(workspace)[0].live)


def test_damaged_lines_before_the_end_do_not_matter(workspace: Workspace) -> None:
    folder = ended(workspace, "label")
    log = (folder / EVENTS).read_bytes().splitlines(keepends=True)
    (folder / EVENTS).write_bytes(b"\n".join([b"[]", *LAST_LINES.values(), b""]) + log[-1])
    (job,) = list_jobs(workspace)
    assert job.state == JobState.DONE


def test_a_result_of_other_types_reads_as_none(workspace: Workspace) -> None:
    folder = ended(workspace, "fetch", RESULT)
    job = view(folder)
    assert job is not None
    assert (job.state, job.stopped) == (JobState.DONE, "")


def test_progress_in_the_log_of_an_earlier_version_is_shown(workspace: Workspace) -> None:
    folder = create(workspace, "segment", {})
    log = EventWriter(folder / EVENTS)
    for event in (Started("segment"), Progress(1, 4, "s", "a"), Progress(3, 4, "s", "talk"), Started("segment")):
        log.emit(event)
    job = view(folder)
    assert job is not None
    assert (job.state, job.share, job.note) == (JobState.CRASHED, 0.75, "talk")


def test_jobs_lists_every_damaged_folder(workspace: Workspace, run: Run) -> None:
    folders = all_of_them(workspace)
    code, out, error = run("-w", workspace.root, "jobs")
    assert (code, error) == (0, "")
    lines = out.splitlines()
    for folder in folders:
        assert any(folder.name.rpartition("-")[2] in line for line in lines)
    assert sum("this job's folder is damaged" in line for line in lines) > len(LAST_LINES) + len(SPECS)
    code, out, _ = run("-w", workspace.root, "jobs", "--json")
    assert code == 0
    rows = json.loads(out)
    assert {row["state"] for row in rows} <= {"waiting", "running", "stuck", "done", "failed", "cancelled", "crashed"}
    assert len(rows) == len(lines) - ("state" in lines[0])


# -- taken away


def test_following_a_job_whose_folder_is_removed_ends_and_says_so(workspace: Workspace) -> None:
    folder = spawn(workspace, "nap", {"steps": 1000, "each": 0.05})
    process = process_of(folder)
    command = [sys.executable, "-m", "tui.launch", "-w", str(workspace.root), "jobs", "--follow", folder.name]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: follows(program.pid) or program.poll() is not None)
    while folder.exists():
        # The job may write its status into it meanwhile.
        shutil.rmtree(folder, ignore_errors=True)
    _, error = program.communicate(timeout=30)
    assert program.returncode == 3
    assert "nap is gone" in error
    assert f"somebody has removed {folder.name}" in error
    assert list_jobs(workspace) == []
    # The job itself sees it, and ends with all its children.
    wait_for(lambda: mark_of(process) is None)


def test_a_job_whose_folder_is_removed_while_it_starts_is_told(workspace: Workspace) -> None:
    folder = create(workspace, "split", {})
    with subprocess.Popen(["sleep", "30"]) as process:
        try:
            shutil.rmtree(folder)
            with pytest.raises(UserError, match="folder is gone"):
                wait_until_started(folder, process)
        finally:
            process.kill()


def follows(pid: int) -> bool:
    """Whether a process has a handler for SIGTERM: `follow` has begun."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def test_following_a_job_that_was_killed_or_is_damaged_ends(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = create(workspace, "label", {})
    held = lock.acquire(folder / LOCK)
    assert held is not None
    EventWriter(folder / EVENTS).emit(Started("label"))
    held.release()
    end = follow(folder, quiet=True)
    assert end.state == JobState.CRASHED
    assert end.error is not None
    assert "label crashed" in end.error.what
    assert capsys.readouterr().err == ""
    assert follow(damaged_log(workspace, b"[]"), quiet=True).state == JobState.FAILED
    assert capsys.readouterr().err == "1 line of its log is damaged and not shown\n"


@pytest.mark.parametrize("ask", [stop, pause, resume, lambda folder: send(folder, "rows", [])])
def test_a_job_whose_folder_is_gone_cannot_be_asked_for_anything(workspace: Workspace, ask) -> None:
    folder = create(workspace, "label", {})
    shutil.rmtree(folder)
    with pytest.raises(UserError, match="the job cannot be reached"):
        ask(folder)
