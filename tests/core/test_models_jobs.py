"""The model stage in its real process: killed, cancelled, twice at once, and from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.events import LogLine
from core.jobs import find_job, list_jobs, spawn, stop
from core.jobs.attach import view
from core.jobs.event_log import EventReader
from core.whisper.info import describe
from core.workspace import Workspace, create
from tests.core.model_kit import ID, WEIGHTS, Place, place
from tests.fakes.hub import PIECE
from tests.fakes.stage import wait_until
from tests.jobs.conftest import process_of

__all__ = ["place"]

HELD = 200 * PIECE
"""Where a held transfer stops; the toy's weights are twice as long."""


@pytest.fixture(autouse=True)
def _no_job_outlives_its_test(place: Place) -> Iterator[None]:
    yield
    for workspace in place.workspace.root.parent.glob("ws*"):
        for job in list_jobs(Workspace(workspace)):
            if job.live:
                os.killpg(process_of(job.folder), signal.SIGKILL)


def state(folder: Path) -> str:
    seen = view(folder)
    return seen.state if seen else ""


def says(folder: Path, text: str) -> bool:
    entries = EventReader(folder / "events.jsonl").all()
    return any(isinstance(entry.event, LogLine) and text in entry.event.text for entry in entries)


def held_job(place: Place, workspace: Workspace | None = None) -> Path:
    """A job whose download has come to HELD and waits there, the line open."""
    place.repository.hold_at = HELD
    folder = spawn(workspace or place.workspace, "model", {"id": ID, "role": "base"})
    wait_until(lambda: place.partial.is_file() and place.partial.stat().st_size == HELD)
    return folder


def let_go(place: Place) -> None:
    place.repository.hold_at = None
    place.repository.held.set()


def test_killed_in_the_middle_it_goes_on_where_it_was(place: Place) -> None:
    folder = held_job(place)
    os.killpg(process_of(folder), signal.SIGKILL)
    wait_until(lambda: state(folder) == "crashed")
    let_go(place)
    assert place.unchanged()
    assert place.partial.stat().st_size == HELD
    wait_until(lambda: len(place.sent()) == 1)  # the hub has noticed that nobody listens
    again = spawn(place.workspace, "model", {"id": ID, "role": "base"})
    wait_until(lambda: state(again) == "done")
    assert place.sent()[1:] == [(HELD, place.size - HELD)]
    assert describe(ID).path.is_dir()
    assert place.workspace.config().model.base == ID
    assert says(again, "goes on at")


def test_a_cancel_ends_it_though_the_line_is_silent(place: Place) -> None:
    folder = held_job(place)
    stop(folder)
    wait_until(lambda: state(folder) == "cancelled")
    assert place.unchanged()
    assert place.partial.stat().st_size == HELD


def test_two_workspaces_fetch_it_once(place: Place) -> None:
    other = create(place.workspace.root.with_name("ws2"))
    first = held_job(place)
    second = spawn(other, "model", {"id": ID})
    wait_until(lambda: says(second, "another program"))
    let_go(place)
    wait_until(lambda: state(first) == state(second) == "done")
    assert place.sent() == [(0, place.size)]
    assert other.config().model.labeller == ID


def whispersmith(place: Place, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = "import sys; from tui.launch import main; sys.exit(main())"
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", code, "-w", str(place.workspace.root), "model", *words]
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, timeout=120)


def test_from_the_command_line(place: Place) -> None:
    done = whispersmith(place, ID, "--role", "labeller")
    assert done.returncode == 0, done.stderr
    assert f"{ID} is ready in " in done.stdout
    assert "%|" not in done.stdout + done.stderr
    (job,) = list_jobs(place.workspace)
    assert "%|" not in (find_job(place.workspace, job.id).folder / "output.log").read_text()
    listed = json.loads(whispersmith(place, "--json").stdout)
    (row,) = [row for row in listed if row["id"] == ID]
    assert (row["roles"], row["here"], row["error"]) == (["labeller"], True, None)
    text = whispersmith(place).stdout
    assert f"labeller\t{ID}\t2 MB" in text
    assert "suggested\topenai/whisper-tiny\t~155 MB" in text


def test_a_folder_is_meant_from_where_the_person_stands(place: Place, tmp_path: Path) -> None:
    done = whispersmith(place, "toy", "--role", "base", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert place.workspace.config().model.base == str(tmp_path / "toy")
    assert place.hub.asked() == 0
    (tmp_path / "toy" / WEIGHTS).unlink()
    done = whispersmith(place, "./toy", cwd=tmp_path)
    assert done.returncode == 3
    assert "is not whole" in done.stderr
    assert "why  " in done.stderr
    assert "fix  " in done.stderr
