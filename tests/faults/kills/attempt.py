"""One start of a command: a stage as a job, any other as a process of its own; killed at a moment, or let be."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.cli.parser import parse
from core.errors import UserError
from core.events import JobState
from core.jobs import list_jobs, spawn
from core.jobs.attach import JobView, view
from core.jobs.spec import EVENTS
from core.jobs.status import read_status
from core.stage import STAGES
from core.workspace import Workspace
from tests.faults import shims
from tests.jobs.conftest import wait_for

LONGEST_S = 240.0


@dataclass(frozen=True)
class Course:
    """How an undisturbed run went: what a moment is a share of. steps: see shims/steps.py; events: lines of its log;
    seconds: from its first line to its end."""

    steps: int
    events: int
    seconds: float


@dataclass(frozen=True)
class Moment:
    """When to kill. kind: "step" (at the step of this number), "event" (when the log has so many lines), "time" (so
    many seconds after its first line). group: its children with it."""

    kind: str
    at: float
    group: bool

    @classmethod
    def draw(cls, dice: random.Random, course: Course) -> Moment:
        kind = dice.choice(("step", "step", "event", "time"))
        most = {"step": course.steps, "event": course.events, "time": course.seconds}[kind]
        at = dice.uniform(0.0, most) if kind == "time" else dice.randint(1, max(1, round(most)))
        return cls(kind, at, dice.random() < 0.5)


@dataclass
class Attempt:
    """A command that was started. folder: its job's; None for a command that is none."""

    words: tuple[str, ...]
    folder: Path | None
    process: subprocess.Popen[bytes] | None
    began: float = field(default_factory=time.monotonic)

    def alive(self) -> bool:
        if self.process is not None:
            return self.process.poll() is None
        return self.view.live

    @property
    def view(self) -> JobView:
        assert self.folder is not None
        seen = view(self.folder)
        assert seen is not None
        return seen

    def lines(self) -> int:
        """Of its log so far."""
        if self.folder is None:
            return 0
        return (self.folder / EVENTS).read_bytes().count(b"\n")

    def kill(self, group: bool) -> bool:
        """SIGKILL, with or without its children. False if it had ended already."""
        number = self.process.pid if self.process is not None else self._number()
        if number is None or not self.alive():
            return False
        try:
            (os.killpg if group else os.kill)(number, signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.wait()
        return self.was_killed()

    def _number(self) -> int | None:
        folder = self.folder
        assert folder is not None
        wait_for(lambda: read_status(folder).pid is not None or not self.alive())
        return read_status(folder).pid

    def wait(self) -> None:
        wait_for(lambda: not self.alive(), timeout=LONGEST_S)

    def was_killed(self) -> bool:
        if self.process is not None:
            return self.process.returncode == -signal.SIGKILL
        return self.view.state == JobState.CRASHED

    def assert_done(self) -> None:
        """It has come to its end, and nothing of it failed."""
        if self.process is not None:
            assert self.process.returncode == 0, (self.words, self.process.returncode)
            return
        seen = self.view
        assert self.folder is not None
        output = (self.folder / "output.log").read_text(errors="replace")[-2000:]
        ended = (seen.state, seen.failed, seen.error)
        assert ended == (JobState.DONE, 0, None), f"{self.words}: {ended}\n{output}"


def start(workspace: Workspace, words: Sequence[str]) -> Attempt:
    """Begin `whispersmith words…` in the workspace."""
    if words[0] in STAGES:
        arguments = parse(["-w", str(workspace.root), *words])
        params = STAGES[words[0]].load().params(arguments)
        before = {job.folder for job in list_jobs(workspace)}
        try:
            folder = spawn(workspace, words[0], params)
        except UserError:  # killed before its first word
            (folder,) = {job.folder for job in list_jobs(workspace)} - before
        return Attempt(tuple(words), folder, None)
    command = [sys.executable, "-m", "tui.launch", "-w", str(workspace.root), *words]
    none = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=none, stdout=none, stderr=none, start_new_session=True)
    return Attempt(tuple(words), None, process)


@dataclass
class Surroundings:
    """The environment of all processes of a trial, and where their steps are written down."""

    monkeypatch: pytest.MonkeyPatch
    root: Path
    environment: Mapping[str, str]
    shims: Sequence[Path] = ()

    @property
    def journal(self) -> Path:
        return self.root / "steps.journal"

    def arm(self, kill: int = 0, group: bool = False) -> None:
        """From now on processes count their steps, and end at step `kill`."""
        wanted = {"STEPS_ROOT": str(self.root), "STEPS_JOURNAL": str(self.journal)}
        wanted |= {"STEPS_KILL": str(kill), "STEPS_GROUP": "1" if group else "0"}
        for name, value in {**shims.environment([shims.STEPS, *self.shims]), **wanted, **self.environment}.items():
            self.monkeypatch.setenv(name, value)

    def undisturbed(self, workspace: Workspace, words: Sequence[str]) -> Course:
        """Run it to its end, and tell how that went."""
        self.arm()
        self.journal.unlink(missing_ok=True)
        attempt = start(workspace, words)
        begun = time.monotonic()
        attempt.wait()
        attempt.assert_done()
        seconds = time.monotonic() - begun
        steps = self.journal.read_bytes().count(b"\n") if self.journal.exists() else 0
        return Course(steps, attempt.lines(), seconds)

    def killed_at(self, workspace: Workspace, words: Sequence[str], moment: Moment) -> tuple[Attempt, bool]:
        """Start it and kill it at the moment; False if it came to its end before."""
        self.arm(int(moment.at) if moment.kind == "step" else 0, moment.group)
        attempt = start(workspace, words)
        if moment.kind == "step":
            attempt.wait()
            return attempt, attempt.was_killed()
        if moment.kind == "event" and attempt.folder is not None:
            wait_for(lambda: attempt.lines() >= moment.at or not attempt.alive(), timeout=LONGEST_S)
        else:
            # The moment itself, not a wait for something: any will do.
            end = time.monotonic() + moment.at
            while time.monotonic() < end and attempt.alive():
                time.sleep(0.002)
        return attempt, attempt.kill(moment.group)
