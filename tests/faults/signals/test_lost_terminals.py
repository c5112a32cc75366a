"""The terminal goes away under a command that shows a job, or the command is killed: the job goes on, and is found
again. Only who asks a job to stop stops it: Ctrl+C, or SIGTERM, to the command that shows it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from core.cli.follow import follow
from core.events import JobState
from core.jobs import list_jobs, stop
from core.workspace import Workspace
from tests.faults.signals.conftest import counted, goes_on, seen
from tests.jobs.conftest import wait_for
from tests.tui.test_app_terminal import Terminal

COMMAND = """
import os, runpy, signal, sys
from pathlib import Path
os.environ["PYTHONPATH"] = sys.argv[2]
runpy.run_path(sys.argv[2].split(os.pathsep)[0] + "/sitecustomize.py")
if "nohup" in sys.argv:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
from core.cli import stages
from core.stage import STAGES
from core.workspace import Workspace
stages.run_stage(Workspace(Path(sys.argv[1])), STAGES["nap"], {"steps": 1000, "each": 0.05})
"""
"""What every command of a stage does: it starts a job and shows it until its end."""


def hang_up(terminal: Terminal) -> None:
    terminal.close()


def interrupt(terminal: Terminal) -> None:
    terminal.type("\x03")


def terminate(terminal: Terminal) -> None:
    os.kill(terminal.pid, signal.SIGTERM)


def kill(terminal: Terminal) -> None:
    os.kill(terminal.pid, signal.SIGKILL)


Terminals = Callable[..., Terminal]


@pytest.mark.parametrize(
    ("how", "nohup"), [(hang_up, ""), (hang_up, "nohup"), (kill, "")], ids=["hung up", "hung up under nohup", "killed"]
)
def test_a_job_goes_on_without_the_command_that_started_it(
    workspace: Workspace, terminals: Terminals, how: Callable[[Terminal], None], nohup: str
) -> None:
    command = terminals(workspace.root, os.environ["PYTHONPATH"], nohup, code=COMMAND)
    wait_for(lambda: counted(workspace))
    how(command)
    if not nohup:
        wait_for(command.ended)
    goes_on(workspace)
    (job,) = list_jobs(workspace)
    assert job.state == JobState.RUNNING
    # Whoever looks for it finds it, and sees its end.
    stop(job.folder)
    assert follow(job.folder, quiet=True).state == JobState.CANCELLED
    assert not list(workspace.logs.glob("crash-*"))


@pytest.mark.parametrize("how", [interrupt, terminate])
def test_who_asks_a_command_to_end_stops_its_job(
    workspace: Workspace, terminals: Terminals, how: Callable[[Terminal], None]
) -> None:
    command = terminals(workspace.root, os.environ["PYTHONPATH"], code=COMMAND)
    wait_for(lambda: counted(workspace))
    # It shows the job, and so has its handlers.
    command.shows("nap")
    how(command)
    wait_for(command.ended)
    (job,) = list_jobs(workspace)
    assert seen(job.folder).state == JobState.CANCELLED
