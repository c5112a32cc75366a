"""The six steps: their names, their tabs in the status bar, and what is to be done next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.stage import STAGES, Stage, lookup
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


@dataclass(frozen=True)
class NextStep:
    """What is to be done next. long: with its place and its key, `5 Training: start the training (enter)`. short: the
    key to be pressed now and what it does, `p split`; or the one of its place, `5 train`."""

    long: str
    short: str


_COMMAND = re.compile(r"\bwhispersmith ([a-z-]++)(?! --)")
"""A command that a fix names. One with options is another thing than its stage's key does."""

OVER = {"models": "models.close", "training.run": "training.run.plan"}
"""Panes that lie over the one of their step, and what leads back to that."""


def next_step(due: str, live: Mapping[str, bool] | None = None, pane: str = "") -> NextStep:
    """What is to be done next: `due` as `core.status` names it.

    live: the stages at work, and whether a person holds them: what is being done already is only waited for. pane: the
    one that is seen; on its own screen a step needs no place.
    """
    live = live or {}
    filling = next((name for name, stage in STAGES.items() if stage.fills_workspace and name in live), due)
    if filling == "done":
        return NextStep("nothing, every stage is done", "nothing")
    stage = lookup(filling)
    number, title = _step(stage)
    here = _is_here(stage, pane)
    place = "" if here else f"{number} {title}: "
    if filling in live:
        state = "is on hold" if live[filling] else "is at work"
        return NextStep(f"{place}{stage.activity} {state}", f"wait, {stage.title}")
    key = keymap.key(stage.action) if stage.action else ""
    back = OVER.get(pane, "") if here else ""
    keys = ", then ".join(filter(None, (keymap.key(back) if back else "", key)))
    # Where its key can be pressed at once, it is called as in the line of keys.
    press = back or stage.action if here else ""
    short = f"{keymap.key(press)} {keymap.label(press)}" if press else f"{number} {stage.name}"
    return NextStep(f"{place}{stage.advice}{f' ({keys})' if keys else ''}", short)


def key_for(fix: str, pane: str = "") -> str:
    """Where the app does what a fix tells a shell to do: `5 Training, enter`, on its own screen `enter`; "" where no
    key is the same."""
    stages = [STAGES[name] for name in _COMMAND.findall(fix) if name in STAGES]
    stage = next((stage for stage in stages if stage.action), None)
    if stage is None:
        return ""
    key = keymap.key(stage.action)
    return key if _is_here(stage, pane) else f"{' '.join(_step(stage))}, {key}"


def _step(stage: Stage) -> tuple[str, str]:
    """The number and the title of the screen where a stage is worked on."""
    return next((str(n), title) for n, (name, title, _) in enumerate(STEPS, 1) if name == stage.screen)


def _is_here(stage: Stage, pane: str) -> bool:
    return stage.screen == ("setup" if pane == "models" else pane.partition(".")[0])


def bar_steps(counts: Mapping[str, Step], active: str, ascii_only: bool = False) -> list[StepTab]:
    texts = {name: count.text for name, count in counts.items()}
    if ascii_only:
        texts = {name: marks.in_ascii(text) for name, text in texts.items()}
    return [
        StepTab(str(place), title, texts.get(name, ""), name == active, short)
        for place, (name, title, short) in enumerate(STEPS, start=1)
    ]
