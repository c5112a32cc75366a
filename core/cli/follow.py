"""Following a job's events on a terminal until it has ended."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import progress as bars
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from core.cli import show
from core.clock import duration
from core.errors import UserError
from core.events import (
    Blocked,
    Evaluated,
    Event,
    Finished,
    ItemFailed,
    JobState,
    LogLine,
    Metric,
    Paused,
    Progress,
    Resumed,
    Started,
    TransferProgress,
    Unblocked,
    Waiting,
)
from core.jobs import EventReader, attach, stop
from core.jobs.spec import EVENTS, of_name
from core.jobs.status import StatusReader
from core.text import clean, file_size, percent

POLL_S = 0.1
BAR, FIGURES = 16, 52
"""Cells of the bar, and of all that stands behind the name of what is done: the name is cut, never the figures."""

ALIKE = 10
"""So many items that failed for the same reason are shown; the rest is counted."""

METRIC_S = 2.0
"""A loss is printed at most this often: the curve is in the app, a log is for reading."""


@dataclass(frozen=True)
class JobEnd:
    """How a job ended: one of the states that are not live, what it returned, how many of its items failed."""

    state: JobState
    result: dict[str, Any] = field(default_factory=dict)
    failed: int = 0
    error: UserError | None = None


def follow(folder: Path, *, quiet: bool = False) -> JobEnd:
    """Show a job until it ends, and return how.

    Ctrl+C (and SIGTERM) ask the job to stop, and its end is still awaited. quiet: only errors, on stderr.
    """
    reader = EventReader(folder / EVENTS)
    with stop_on_interrupt(folder), FollowDisplay(quiet, of_name(folder).id) as display:
        end = _show_until_end(folder, reader, display)
        if reader.unreadable:
            display.unreadable(reader.unreadable)
    return end


def _show_until_end(folder: Path, reader: EventReader, display: FollowDisplay) -> JobEnd:
    status = StatusReader(folder)
    while True:
        entries, more = reader.read()
        for entry in entries:
            if isinstance(entry.event, Finished):
                end = entry.event
                return JobEnd(JobState(end.outcome), end.result, end.failed, end.error)
            display.show(entry.event)
        if (changed := status.changed()) is not None and changed.progress is not None:
            display.show(changed.progress)
        if not entries and not more:
            # A silent job may be dead: only then is its lock looked at, and its log once more after that.
            if (end := _end_unreported(folder, reader)) is not None:
                return end
            time.sleep(POLL_S)


def _end_unreported(folder: Path, reader: EventReader) -> JobEnd | None:
    """How a job ended that will report no more: it was killed, its log is damaged, or its folder is gone."""
    if attach.is_alive(folder):
        return None
    seen = attach.view(folder) or attach.gone(folder)
    if seen.live or not reader.at_end():
        return None
    # Somebody may be removing the folder file by file: what is left of it a moment later counts.
    time.sleep(POLL_S)
    seen = attach.view(folder) or attach.gone(folder)
    return JobEnd(seen.state, seen.result, seen.failed, seen.error)


@contextlib.contextmanager
def stop_on_interrupt(folder: Path) -> Iterator[None]:
    """While inside, Ctrl+C stops the job instead of this program."""

    def handler(*_: object) -> None:
        # A job that cannot be asked has lost its folder: the loop sees it.
        with contextlib.suppress(UserError):
            stop(folder)

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


class TransferColumn(bars.TimeRemainingColumn):
    """The stage's own figures of bytes, speed and time; rich's estimate where there are none."""

    def render(self, task: bars.Task) -> Text:
        transfer = task.fields.get("transfer")
        return Text(transfer) if transfer else super().render(task)


class FollowDisplay:
    """A progress bar under the log lines; without a terminal just the lines."""

    def __init__(self, quiet: bool, id: str = "ID") -> None:
        """id: the job's, for the commands that are named to the person."""
        self._quiet = quiet
        self._id = id
        self._live = sys.stderr.isatty() and not quiet
        console = show.console() if not self._live else None
        self._bars = bars.Progress(
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(BAR),
            bars.TextColumn("{task.percentage:>3.0f}%"),
            TransferColumn(),
            console=console,
            disable=not self._live,
            transient=True,
        )
        self._task: bars.TaskID | None = None
        self._stage = ""
        self._last_metric = 0.0
        self._failures: Counter[str] = Counter()

    def __enter__(self) -> FollowDisplay:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        for what, count in self._failures.items():
            if count > ALIKE:
                self._print(f"{count - ALIKE} more: {clean(what, 300)}", error=True)
        self._bars.stop()

    def show(self, event: Event) -> None:
        match event:
            case Started(stage=stage):
                self._stage = stage
            case Waiting(resource=resource):
                self._line(f"waiting: another job has the {resource}")
            case Progress():
                self._bar(event)
            case Blocked():
                for line in block_lines(event, self._id):
                    self._line(line)
            case Unblocked():
                self._line("the site lets this through again; going on")
            case Paused():
                self._line(f"paused; `whispersmith jobs --resume {self._id}` lets it go on")
            case Resumed():
                self._line("going on")
            # The error of the whole job is shown at its end, in three lines.
            case LogLine(text=text, level=level) if level != "error":
                self._line(text)
            case ItemFailed():
                self._item_failed(event)
            case Metric():
                self._metric(event)
            case Evaluated():
                self._line(f"step {event.step}: CER {percent(event.cer)}")
            case _:
                pass

    def unreadable(self, lines: int) -> None:
        """So many lines of the log were no events."""
        text = "1 line of its log is" if lines == 1 else f"{lines} lines of its log are"
        self._print(f"{text} damaged and not shown", error=True)

    def _bar(self, progress: Progress) -> None:
        if not self._live:
            return
        note = show.steady(clean(progress.note))
        room = max(8, self._bars.console.width - BAR - FIGURES - len(self._stage))
        if self._task is None:
            self._task = self._bars.add_task(self._stage, total=progress.total)
        self._bars.update(
            self._task,
            completed=progress.done,
            total=progress.total,
            description=f"{self._stage} {set_cell_size(note, min(room, cell_len(note)))}".strip(),
            transfer=transfer_text(progress.transfer),
        )

    def _metric(self, metric: Metric) -> None:
        last = metric.step == metric.total
        if metric.loss is not None and (last or time.monotonic() - self._last_metric >= METRIC_S):
            self._last_metric = time.monotonic()
            self._line(f"step {metric.step}/{metric.total}  loss {metric.loss:.4f}")

    def _item_failed(self, item: ItemFailed) -> None:
        problem = item.error
        self._failures[problem.what] += 1
        if self._failures[problem.what] > ALIKE:
            return
        text = " - ".join(line for line in (f"{item.id}: {problem.what}", *problem.lines()[1:]) if line)
        self._print(clean(text, 2000), error=True)

    def _line(self, text: str) -> None:
        if not self._quiet:
            self._print(clean(text, 2000))

    def _print(self, text: str, error: bool = False) -> None:
        if self._live:
            self._bars.console.print(Text(text))
        else:
            show.say(text, sys.stderr if error else sys.stdout)


def transfer_text(transfer: TransferProgress | None) -> str:
    """Bytes, speed and time left of a queue, as far as they are known: 12 MB of 45 MB, 2 MB/s, 0:17 left.

    The figures of the whole queue come before those of the present file.
    """
    if transfer is None:
        return ""
    done = transfer.bytes if transfer.all_bytes is None else transfer.all_bytes
    total = transfer.bytes_total if transfer.all_bytes_total is None else transfer.all_bytes_total
    left = transfer.eta if transfer.all_eta is None else transfer.all_eta
    parts = []
    if done is not None:
        parts.append(f"{file_size(done)} of {file_size(total)}" if total else file_size(done))
    if transfer.speed:
        parts.append(f"{file_size(transfer.speed)}/s")
    if left is not None:
        parts.append(f"{duration(round(left * 1000))} left")
    return ", ".join(parts)


def block_lines(block: Blocked, id: str) -> list[str]:
    """What stopped a queue, what to do in which order, and when it goes on by itself."""
    head = f"stopped: {block.what}" + (f"; {block.left} not fetched yet" if block.left else "")
    why = [f"why: {block.why}"] if block.why else []
    steps = [step for step in block.steps or (block.fix,) if step]
    resume = f"whispersmith jobs --resume {id}"
    if block.waits:
        # A second fetch would only queue behind this one.
        steps = [step.replace("whispersmith fetch", resume) for step in steps]
    numbered = [f"{number}. {step}" for number, step in enumerate(steps, start=1)]
    lines = [head, *why, *numbered]
    if block.until is not None:
        then = time.localtime(block.until / 1000)
        today = time.strftime("%x", then) == time.strftime("%x")
        at = time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", then)
        lines.append(f"it goes on by itself at {at}; `{resume}` goes on now")
    elif block.waits:
        lines.append(f"it waits until it is told to go on: `{resume}`")
    return lines
