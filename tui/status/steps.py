"""The six steps: their names, their tabs in the status bar, and what is to be done next."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from core.stage import lookup
from core.status import Step
from tui import keymap
from tui.widgets import marks
from tui.widgets.status_bar import StepTab

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


def next_step(due: str, live: Collection[str] = ()) -> str:
    """What is to be done next, where, and with which key: `5 Training: start the training (enter)`.

    live: the stages at work; what is being done already is only said.
    """
    if due == "done":
        return "every stage is done"
    stage = lookup(due)
    place = next((f"{n} {title}" for n, (name, title, _) in enumerate(STEPS, start=1) if name == stage.screen), "")
    if due in live:
        return f"{place}: {stage.activity} is at work"
    key = next((action.key for action in keymap.ACTIONS if action.id == stage.action), "")
    return f"{place}: {stage.advice}{f' ({key})' if key else ''}"


def bar_steps(counts: Mapping[str, Step], active: str, ascii_only: bool = False) -> list[StepTab]:
    texts = {name: count.text for name, count in counts.items()}
    if ascii_only:
        texts = {name: text.replace(marks.mark("unknown"), marks.mark("unknown", True)) for name, text in texts.items()}
    return [
        StepTab(str(place), title, texts.get(name, ""), name == active, short)
        for place, (name, title, short) in enumerate(STEPS, start=1)
    ]
