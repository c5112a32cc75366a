"""What the status bar shows: the place, the counts of the six steps, and what is due next."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.errors import UserError
from core.stage import lookup
from core.status import Step, Summary, summary
from core.store import Store
from core.workspace import Workspace
from tui import keymap
from tui.gpu_meter import GpuReading
from tui.widgets import marks
from tui.widgets.status_bar import JobProgress, StepTab

STEPS: tuple[tuple[str, str, str], ...] = (
    ("setup", "Setup", "Set"),
    ("playlist", "Playlist", "List"),
    ("segments", "Segments", "Segm"),
    ("transcripts", "Transcripts", "Text"),
    ("training", "Training", "Train"),
    ("results", "Results", "Res"),
)
"""name, title and short title, in the order of their keys 1-6."""


def screen_due(due: str) -> str:
    """The screen to open on: where `next` of `core.status` is worked on; Setup where nothing has begun."""
    return {"add": "setup", "done": "results"}.get(due) or lookup(due).screen


def next_step(due: str) -> str:
    """What is to be done next, where, and with which key: `5 Training: start the training (enter)`."""
    if due == "done":
        return "every stage is done"
    stage = lookup(due)
    place = next((f"{n} {title}" for n, (name, title, _) in enumerate(STEPS, start=1) if name == stage.screen), "")
    key = next((action.key for action in keymap.ACTIONS if action.id == stage.action), "")
    return f"{place}: {stage.advice}{f' ({key})' if key else ''}"


@dataclass(frozen=True)
class Status:
    """What every screen's status bar shows now."""

    place: str = ""
    player: str = ""
    gpu: GpuReading | None = None
    job: JobProgress | None = None
    steps: Mapping[str, Step] = field(default_factory=dict)


def bar_steps(counts: Mapping[str, Step], active: str, ascii_only: bool = False) -> list[StepTab]:
    texts = {name: count.text for name, count in counts.items()}
    if ascii_only:
        texts = {name: text.replace(marks.mark("unknown"), marks.mark("unknown", True)) for name, text in texts.items()}
    return [
        StepTab(str(place), title, texts.get(name, ""), name == active, short)
        for place, (name, title, short) in enumerate(STEPS, start=1)
    ]


@dataclass(frozen=True)
class CountsSnapshot:
    """The counts, and the store's version they were counted at."""

    version: int
    summary: Summary


class CountsReader:
    """Counts the workspace; only when the store has changed, or after `LONG_S`, since folders change too."""

    LONG_S = 10.0

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self._store, self._workspace = store, workspace
        self._last: CountsSnapshot | None = None
        self._due = 0.0
        self.stale = False

    def __call__(self) -> CountsSnapshot | None:
        """The newest reading. UserError if settings or store cannot be read. Called in one thread only."""
        try:
            version = self._store.version()
            fresh = self._last is not None and self._last.version == version and not self.stale
            if not fresh or time.monotonic() > self._due:
                self.stale = False
                self._last = CountsSnapshot(version, summary(self._store, self._workspace))
                self._due = time.monotonic() + self.LONG_S
        except (sqlite3.Error, OSError) as error:
            raise UserError("the workspace cannot be read", str(error), "look at the disk, then start again") from error
        return self._last
