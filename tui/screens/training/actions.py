"""What the keys of a run have to do: from the run that is shown to the parameters of a job, or a word on why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from core.events import JobState, RunStarted
from core.jobs import JobView
from core.jobs.event_log import first_event
from core.jobs.spec import EVENTS
from core.text import plural
from tui.screens.training.run import TrainingRun, label_of, name_of
from tui.widgets.dialog import Choice, TextPrompt

MOST_RUNS = 15
NO_RUN = "No run is shown: v looks at runs, then r goes on with the one on the screen"


def runs_of(views: Iterable[JobView]) -> list[JobView]:
    """The training jobs, newest first."""
    return [view for view in views if view.stage == "train"]


def named_runs(views: Iterable[JobView]) -> list[tuple[JobView, str]]:
    """The newest of them, each with its run's name, if need be from its log. Call it in a thread."""
    return [(view, name_of(view) or _name_in_log(view)) for view in islice(views, MOST_RUNS)]


def _name_in_log(view: JobView) -> str:
    """As it was said before the first step; "" where it did not get there."""
    run = first_event(view.folder / EVENTS, RunStarted)
    return "" if run is None else run.name


def runs_dialog(runs: Iterable[tuple[JobView, str]], ascii: bool) -> Choice:
    """Which run to look at; it answers the name of the job's folder."""
    return Choice("Runs", "", [(view.folder.name, label_of(view, name, ascii)) for view, name in runs])


def resume(run: TrainingRun | None) -> dict[str, Any] | str:
    """The job that goes on with the run that is shown, and no other; or why there is none."""
    if run is None:
        return NO_RUN
    if run.view.live:
        return "It runs already; s stops it"
    if run.view.state == JobState.DONE:
        return "This run is finished; e goes on for more steps"
    if not run.name or not run.has_checkpoint:
        return "Nothing was saved of this run; esc shows the plan, enter starts anew"
    return {"name": run.name, "resume": True}


def extend(run: TrainingRun | None) -> tuple[TextPrompt, Callable[[str], dict[str, Any]]] | str:
    """The question up to which step, and the job that an answer makes; or why there is none."""
    if run is None:
        return "No run is shown: v looks at runs"
    if run.view.live:
        return "It can be extended when it has ended"
    if not run.name or not run.has_checkpoint:
        return "Nothing was saved of this run; esc shows the plan, enter starts anew"
    name, done = run.name, run.steps_made

    def check(text: str) -> str | None:
        return None if text.strip().isdigit() and int(text) > done else f"a number above {done}"

    question = TextPrompt(f"Extend {name}", str(done * 2), check, text=f"{plural(done, 'step')} made. Up to which?")
    return question, lambda text: {"name": name, "resume": True, "steps": int(text)}
