"""A job that crashed: shown once, on the next start, with the way to go on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from core.errors import UserError
from core.events import JobState, RunStarted
from core.jobs import JobView, attach
from core.jobs.event_log import first_event
from core.jobs.spec import CONTROL, EVENTS, of_name
from core.stage import lookup
from core.workspace import Workspace
from tui.widgets.dialog import Choice

SEEN = "seen"
"""A file in the job's control folder: a person has seen that it crashed."""


def newest(workspace: Workspace) -> JobView | None:
    """The job that was started last, those aside that start by themselves."""
    if not workspace.jobs.is_dir():
        return None
    folders = (path for path in workspace.jobs.iterdir() if path.is_dir() and not path.name.startswith("."))
    loud = (path for path in folders if not lookup(of_name(path).stage).quiet)
    last = max(loud, key=lambda path: path.name, default=None)
    return attach.view(last) if last else None


def is_news(view: JobView) -> bool:
    return view.state == JobState.CRASHED and not (view.folder / CONTROL / SEEN).exists()


def question(view: JobView) -> Choice:
    """The dialog; it answers "g" to go on."""
    error = view.error or UserError(f"{view.stage} crashed")
    choices = [("g", f"go on with {view.stage} where it was"), ("l", "leave it")]
    return Choice(error.what, "\n".join(filter(None, (error.why, error.fix))), choices)


def answered(view: JobView, go_on: Callable[[], object], answer: str | None) -> None:
    # Where nothing can be written it is shown again on the next start, no more.
    with contextlib.suppress(OSError):
        (view.folder / CONTROL).mkdir(exist_ok=True)
        (view.folder / CONTROL / SEEN).touch()
    if answer == "g":
        go_on()


def params_to_go_on(view: JobView) -> dict[str, Any]:
    """Those of the crashed job, with what makes a new job go on where this one was, if the stage needs that."""
    name = lookup(view.stage).resume_param
    if not name:
        return view.params
    # A training says its run's name at its beginning. One that did not get there has nothing to go on from.
    run = first_event(view.folder / EVENTS, RunStarted)
    return view.params | ({name: True, "name": run.name} if run is not None else {})
