"""A job that ended without a word: said once, on the next start, with the way to go on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from core.errors import UserError
from core.jobs import JobView, attach
from core.jobs.spec import CONTROL
from core.workspace import Workspace
from tui.status import QUIET
from tui.widgets.dialog import Choice

SEEN = "seen"
"""A file in the job's control folder: a person has been told."""


def newest(workspace: Workspace) -> JobView | None:
    """The job that was started last, those aside that start by themselves; `spec.create` names the folders."""
    if not workspace.jobs.is_dir():
        return None
    found = (path for path in workspace.jobs.iterdir() if path.is_dir() and not path.name.startswith("."))
    last = max(
        (path for path in found if not QUIET & set(path.name.split("-"))), key=lambda path: path.name, default=None
    )
    return attach.view(last) if last else None


def is_news(view: JobView) -> bool:
    return view.state == "crashed" and not (view.folder / CONTROL / SEEN).exists()


def question(view: JobView) -> Choice:
    """The dialog; it answers "g" to go on."""
    error = UserError.from_dict(view.error or {})
    choices = [("g", f"go on with {view.stage} where it was"), ("l", "leave it")]
    return Choice(error.what or f"{view.stage} crashed", "\n".join(filter(None, (error.why, error.fix))), choices)


def answered(view: JobView, go_on: Callable[[], object], answer: str | None) -> None:
    # Where nothing can be written it is told again on the next start, no more.
    with contextlib.suppress(OSError):
        (view.folder / CONTROL).mkdir(exist_ok=True)
        (view.folder / CONTROL / SEEN).touch()
    if answer == "g":
        go_on()


def params_to_go_on(view: JobView) -> dict[str, Any]:
    """Every stage takes up what it finds; training alone must be told to."""
    return view.params | ({"resume": True} if view.stage == "train" else {})
