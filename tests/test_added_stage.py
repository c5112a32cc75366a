"""A stage that is added, by a row of the table and a file of its own, works on the command line, in status and app."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.cli import AppOptions, parser
from core.jobs import list_jobs, lock, spawn
from core.stage import STAGES
from core.workspace import Workspace, create
from tests.core.cli_kit import Run, caller
from tests.tui.wait import screen_lines, screen_text, wait_until
from tui.app import WhispersmithApp
from tui.status.steps import next_step

ADDED = Path(__file__).parent / "fakes" / "added"
CODE = Path(__file__).resolve().parents[1]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("PYTHONPATH", f"{ADDED}{os.pathsep}{CODE}")
    monkeypatch.syspath_prepend(str(ADDED))
    import tally

    monkeypatch.setitem(STAGES, "tally", tally.ROW)
    # Made of the table as it is when the command line starts, which in this process it has done.
    monkeypatch.setattr(parser, "COMMANDS", {command.name: command for command in parser._commands()})
    return create(tmp_path / "ws")


@pytest.fixture
def run(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(workspace.root)
    return caller(capsys)


def test_on_the_command_line(workspace: Workspace, run: Run) -> None:
    assert json.loads(run("status", "--json")[1])["tally"] == {"done": 0, "due": 1}
    assert "tally" in run("--help")[1]

    command = [sys.executable, "-m", "tui.launch", "tally", "one two three", "--at-most", "2"]
    ran = subprocess.run(command, cwd=workspace.root, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "2 words were counted\n"), ran.stderr
    (job,) = json.loads(run("jobs", "--json")[1])
    assert (job["stage"], job["state"], job["result"]) == ("tally", "done", {"words": 2})

    assert "tally\t2\t0 words" in run("status")[1].splitlines()
    assert json.loads(run("tally", "one", "--json")[1]) == {"words": 1}
    assert run("tally", "one", "--at-most", "x")[0] == 2


def test_its_arguments_are_refused_at_once(workspace: Workspace, run: Run) -> None:
    taken = lock.acquire(workspace.jobs / ".store.lock")
    assert taken is not None
    code, _, error = run("tally", " ")
    assert (code, error.splitlines()[0]) == (3, "there is nothing to count")
    assert list_jobs(workspace) == []
    taken.release()


async def test_in_the_app(workspace: Workspace) -> None:
    hold = workspace.root / "hold"
    hold.touch()
    app = WhispersmithApp(workspace, AppOptions(), start="playlist")
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        spawn(workspace, "tally", {"text": "one two", "at_most": 5})
        await wait_until(pilot, lambda: "word count" in screen_lines(app)[0])
        await pilot.press("4")
        await wait_until(pilot, lambda: "counting words" in screen_text(app))
        await pilot.press("q")
        await wait_until(pilot, lambda: "word count goes on without the window" in screen_text(app))
        await pilot.press("escape")
        hold.unlink()
        await wait_until(pilot, lambda: "Counting words is done: 2 counted" in screen_text(app))
        await wait_until(pilot, lambda: "counting words" not in screen_text(app))
    assert next_step("tally").long == "4 Transcripts: count words"
