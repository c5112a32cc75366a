"""Starting a job: a detached process that outlives the terminal."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core import gpu
from core.errors import UserError, of_os_error
from core.files import has_no_room, private
from core.jobs import launch
from core.jobs.event_log import EventReader
from core.jobs.spec import EVENTS, OUTPUT, create
from core.stage import lookup
from core.workspace import Workspace

START_S = 30.0
CODE = Path(__file__).resolve().parents[2]
"""Where `core` lies: a job must find the same code whatever folder it is started from."""


def spawn(workspace: Workspace, stage: str, params: dict[str, Any] | None = None) -> Path:
    """Start a stage as a job and return its folder, once the process has reported that it started.

    The process has its own session and process group, no terminal, and its output in output.log. Where several do the
    stage together, they are started by a launcher that is this process. UserError, and nothing of it is left, where
    there is no room for the folder.
    """
    processes, environment = _processes(workspace, stage, params or {})
    try:
        folder = create(workspace, stage, params or {})
        process = _start(folder, launch.command(folder, processes), workspace.root, _environment() | environment)
    except OSError as error:
        raise of_os_error(error, f"{stage} cannot be started", "start it again") from error
    wait_until_started(folder, process)
    return folder


def _start(folder: Path, command: Sequence[str], root: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    try:
        with open(folder / OUTPUT, "ab", opener=private) as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                close_fds=True,
                cwd=root,
                env=environment,
            )
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _processes(workspace: Workspace, stage: str, params: dict[str, Any]) -> tuple[int, dict[str, str]]:
    """How many processes do it together, and what makes each see a GPU of its own."""
    if not lookup(stage).together:
        return 1, {}
    config = workspace.config()
    processes = params.get("processes") or getattr(config, stage).processes
    return processes, launch.environment(gpu.all_for_job() if processes > 1 else [], processes)


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    known = environment.get("PYTHONPATH", "")
    environment["PYTHONPATH"] = f"{CODE}{os.pathsep}{known}" if known else str(CODE)
    environment["PYTHONUNBUFFERED"] = "1"
    environment["TOKENIZERS_PARALLELISM"] = "false"
    return environment


def wait_until_started(folder: Path, process: subprocess.Popen[bytes]) -> None:
    reader = EventReader(folder / EVENTS)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if reader.read()[0]:
            return
        if process.poll() is not None or not folder.exists():
            break
        time.sleep(0.02)
    if not folder.exists():
        why = f"somebody has removed {folder.name} from logs/jobs while it was starting"
        raise UserError("the job's folder is gone", why, "start it again")
    if process.poll() is None:
        return
    what = "the job's process ended before it began"
    if has_no_room(folder):
        shutil.rmtree(folder, ignore_errors=True)
        raise of_os_error(OSError(errno.ENOSPC, "", str(folder.parent)), what, "start it again")
    tail = (folder / OUTPUT).read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    raise UserError(what, tail[0] if tail else "it said nothing", f"see {folder / OUTPUT}")
