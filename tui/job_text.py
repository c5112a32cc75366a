"""What a job is doing, and how it ended: words for lines and toasts. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rich.text import Text

from core.events import JobState
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
        # The site has blocked it: no time left is known but when it tries again.
        left = view.note[:48]
    if view.stage == "model" and view.state == JobState.RUNNING:
        # A download is known by its bytes and its speed.
        left = "  ".join(part for part in (view.note[:40], left) if part)
    return JobProgress(f"{name} +{more}" if more else name, percent, left)


def end_of(view: JobView) -> tuple[str, Literal["information", "warning", "error"]]:
    """What a toast says of a job that has ended, and how loudly; "" for no toast."""
    stage = lookup(view.stage)
    if stage.quiet and view.state in (JobState.DONE, JobState.CANCELLED):
        return "", "information"
    word = stage.title
    if view.stopped:
        return f"{word} stopped: {view.stopped}", "warning"
    if view.state == JobState.DONE:
        failed = f", {plural(view.failed, *stage.items)} failed: see there" if view.failed else ""
        return f"{word} done{brought(view)}{failed}", "warning" if view.failed else "information"
    if view.state == JobState.CANCELLED:
        return f"{word} stopped; starting it again goes on where it was", "information"
    return str(view.error or f"{word} {view.state}"), "error"


def brought(view: JobView) -> str:
    """`: 12 new, 40 known before`; "" where nothing came."""
    counts = [(view.result.get(name), word) for name, word in lookup(view.stage).result_counts]
    text = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f": {text}" if text else ""


def progress_text(batch: JobBatch) -> str:
    """`labelling  63%  02:14 left  loading the labeller`."""
    view = batch.view
    share = f"{view.share:.0%}" if view.share is not None and view.state == JobState.RUNNING else view.state
    left = f"{clock(batch.left_s)} left" if batch.left_s is not None else ""
    return "  ".join(part for part in (lookup(view.stage).activity, share, left, view.note) if part)


def progress_line(batch: JobBatch, ascii: bool) -> Text:
    name = {JobState.WAITING: "waiting", JobState.STUCK: "look"}.get(batch.view.state, "running")
    return Text(f"{marks.mark(name, ascii)} {progress_text(batch)}", marks.style(name))
