"""A training of hours on a simulated clock, told by a job's own event log, and what an app that watches it holds."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass

import pytest
from textual.widget import Widget

from core.events import Evaluated, LogLine, Metric, RunStarted, Sample, Saved
from core.jobs import event_log
from core.workspace import Workspace
from tests.tui.fake_job import FakeJob
from tui.app import WhispersmithApp

LOG_S, EVALUATED_S, SAVED_S = 60, 300, 1800
SEGMENTS = 12
"""So many are transcribed at each evaluation."""


class LongTraining:
    """A step a second, of which each is told; a line a minute, an evaluation every five, a checkpoint every thirty."""

    def __init__(self, workspace: Workspace, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.step = 0
        self._steps = steps
        self._began_ms = round(time.time() * 1000)
        monkeypatch.setattr(event_log, "now_ms", lambda: self._began_ms + 1000 * self.step)
        self.job = FakeJob(workspace, "train")
        self.job.emit(RunStarted("run-01", steps, 145))

    def advance(self, seconds: int) -> None:
        """What it says in so many seconds, at once."""
        for _ in range(seconds):
            self.step += 1
            step = self.step
            self.job.emit(Metric(step, self._steps, step / 100, 1 / step, 1e-5, 1.0, 5.0))
            if step % LOG_S == 0:
                self.job.emit(LogLine(f"a minute more: {step}"))
            if step % EVALUATED_S == 0:
                self.job.emit(Evaluated(step, 0.2, "validation", SEGMENTS, 0.5, 9.0))
                for number in range(SEGMENTS):
                    self.job.emit(Sample(step, f"talk_{number * 8}_{number * 8 + 10}", "對的", f"聽到的 {step}"))
            if step % SAVED_S == 0:
                self.job.emit(Saved(step, f"models/run-01/checkpoint-{step}"))
        self.job.progress(self.step, self._steps, "step")


@dataclass(frozen=True)
class Held:
    """What a process holds. objects: of classes of this program, by name."""

    widgets: int
    threads: int
    files: int
    objects: Counter[str]

    @classmethod
    def by(cls, app: WhispersmithApp) -> Held:
        gc.collect()
        everything = gc.get_objects()
        ours = (type(one) for one in everything if str(type(one).__module__).startswith(("core.", "tui.")))
        # Also those of screens that are not shown, and what nobody has taken down.
        widgets = sum(isinstance(one, Widget) for one in everything)
        names = Counter(f"{kind.__module__}.{kind.__qualname__}" for kind in ours)
        return cls(widgets, threading.active_count(), _open_files(), names)


def _open_files() -> int:
    """The fewest within a tenth of a second: a thread that looks at a folder or at the store holds it for a moment."""
    counts = []
    for _ in range(10):
        counts.append(len(os.listdir("/proc/self/fd")))
        time.sleep(0.01)
    return min(counts)
