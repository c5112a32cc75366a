"""What a job is said to be doing, and how it ended: words for lines and toasts. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rich.text import Text

from core.errors import UserError
from core.events import ItemFailed, JobState
from core.jobs import JobView
from core.stage import lookup
from core.text import plural
from tui.bridge import JobBatch
from tui.widgets import marks
from tui.widgets.status_bar import JobProgress


def clock(seconds: float) -> str:
    """`02:14`, or `2 h 14 m` from an hour on."""
    whole = max(0, round(seconds))
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 60:02d}:{whole % 60:02d}"


def bar_job(live: Iterable[JobBatch]) -> JobProgress | None:
    """The job to show: a running one before a waiting one, the quiet look-ups last; how many more there are stands
    behind its name."""
    order = {JobState.RUNNING: 0, JobState.STUCK: 1, JobState.WAITING: 2}
    found = sorted(live, key=lambda batch: (lookup(batch.stage).quiet, order.get(batch.view.state, 3)))
    if not found:
        return None
    first, more = found[0], len(found) - 1
    view = first.view
    state = "paused" if view.paused else view.state
    word = lookup(view.stage).title
    name = word if state == JobState.RUNNING else f"{word} {state}"
    percent = None if view.share is None else view.share * 100
    left = f"{clock(first.left_s)} left" if first.left_s is not None and not view.paused else ""
    if view.block is not None and not view.paused:
        # The site has blocked it: no time left can be told but when it tries again.
        left = view.note[:48]
    if view.stage == "model" and view.state == JobState.RUNNING:
        # A download is told by its bytes and its speed.
        left = "  ".join(part for part in (view.note[:40], left) if part)
    return JobProgress(f"{name} +{more}" if more else name, percent, left)


@dataclass(frozen=True)
class _Place:
    """Where a stage has written what it returns; "" where it says none."""

    path: str = ""


def end_of(view: JobView) -> tuple[str, Literal["information", "warning", "error"]]:
    """What a toast says of a job that has ended, and how loudly; "" for no toast."""
    stage = lookup(view.stage)
    if stage.quiet and view.state in (JobState.DONE, JobState.CANCELLED):
        return "", "information"
    work = f"{stage.activity[0].upper()}{stage.activity[1:]}"
    if view.stopped:
        return f"{work} has stopped: {view.stopped}", "warning"
    if view.state == JobState.DONE:
        failed = f", {plural(view.failed, *stage.items)} failed: see there" if view.failed else ""
        return f"{work} is done{brought(view)}{failed}", "warning" if view.failed else "information"
    if view.state == JobState.CANCELLED:
        return f"{work} has stopped; what it has done is kept", "information"
    return str(view.error or f"{work} has {view.state}"), "error"


def brought(view: JobView) -> str:
    """`: 12 new, 40 known before`; "" where nothing came. A count is a number, or a list of names."""
    found = [(view.result.get(name), word) for name, word in lookup(view.stage).result_counts]
    counts = [(len(value) if isinstance(value, list) else value, word) for value, word in found]
    text = ", ".join(f"{count} {word}" for count, word in counts if isinstance(count, int) and count)
    place = view.result_as(_Place).path
    return f": {text}{f' in {place}' if place else ''}" if text else ""


def error_of(batch: JobBatch) -> UserError | None:
    """What went wrong with a job that has ended: what ended it, else the first thing that failed on the way."""
    if batch.view.state == JobState.CANCELLED:
        return None
    return batch.view.error or next((item.error for item in batch.of(ItemFailed)), None)


def progress_text(batch: JobBatch) -> str:
    """`labelling  63%  02:14 left  loading the labeller`."""
    view = batch.view
    left = f"{clock(batch.left_s)} left" if batch.left_s is not None else ""
    return "  ".join(part for part in (lookup(view.stage).activity, _how_far(view), left, view.note) if part)


def _how_far(view: JobView) -> str:
    if view.state == JobState.WAITING:
        return "waits for another job"
    if view.state == JobState.STUCK:
        return "has said nothing for long"
    return "begins" if view.share is None and not view.note else "" if view.share is None else f"{view.share:.0%}"


def progress_line(batch: JobBatch, ascii: bool) -> Text:
    name = {JobState.WAITING: "waiting", JobState.STUCK: "look"}.get(batch.view.state, "running")
    return Text(f"{marks.mark(name, ascii)} {progress_text(batch)}", marks.style(name))
