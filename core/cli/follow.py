"""Following a job's events on a terminal until it has ended."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from core.cli import show
from core.errors import UserError
from core.jobs import Event, EventReader, stop
from core.jobs.attach import is_alive, view
from core.text import clean

POLL_S = 0.1
BAR, FIGURES = 16, 52
"""Cells of the bar, and of all that stands behind the name of what is done: the name is cut, never the figures."""

ALIKE = 10
"""So many items that failed for the same reason are shown; the rest is counted."""

METRIC_S = 2.0
"""A loss is printed at most this often: the curve is in the app, a log is for reading."""


def follow(folder: Path, *, quiet: bool = False) -> dict[str, Any]:
    """Show a job until it ends, and return its last word: outcome, result, failed, error.

    Ctrl+C (and SIGTERM) ask the job to stop, and its end is still awaited. quiet: only errors, on stderr.
    """
    reader = EventReader(folder / "events.jsonl")
    with asking_to_stop(folder), Screen(quiet, folder.name.rpartition("-")[2]) as screen:
        while True:
            events, more = reader.read()
            for event in events:
                if event.kind == "finished":
                    return event.data
                screen.show(event)
            if not events and not more:
                # A dead job is silent: only then is its lock looked at, and its log once more after that.
                if not is_alive(folder):
                    seen = view(folder)
                    if seen is not None and seen.state == "crashed" and reader.at_end():
                        return {"outcome": "crashed", "result": {}, "failed": 0, "error": seen.error}
                time.sleep(POLL_S)


@contextlib.contextmanager
def asking_to_stop(folder: Path) -> Iterator[None]:
    """While inside, Ctrl+C stops the job instead of this program."""

    def ask(*_: object) -> None:
        stop(folder)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Left(TimeRemainingColumn):
    """What the stage itself says of bytes, speed and time; rich's estimate where it says nothing."""

    def render(self, task: Task) -> Text:
        more = task.fields.get("more")
        return Text(more) if more else super().render(task)


class Screen:
    """A progress bar under the log lines; without a terminal just the lines."""

    def __init__(self, quiet: bool, id: str = "ID") -> None:
        """id: the job's, for the commands that are named to the person."""
        self._quiet = quiet
        self._id = id
        self._live = sys.stderr.isatty() and not quiet
        console = show.console() if not self._live else None
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(BAR),
            TextColumn("{task.percentage:>3.0f}%"),
            Left(),
            console=console,
            disable=not self._live,
            transient=True,
        )
        self._task: TaskID | None = None
        self._stage = ""
        self._last_metric = 0.0
        self._failures: Counter[str] = Counter()

    def __enter__(self) -> Screen:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        for what, count in self._failures.items():
            if count > ALIKE:
                self._print(f"{count - ALIKE} more: {clean(what, 300)}", error=True)
        self._progress.stop()

    def show(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case "started":
                self._stage = str(data.get("stage", ""))
            case "waiting":
                self._say(f"waiting: another job has the {data.get('resource')}")
            case "progress":
                self._bar(data)
            case "blocked":
                self._blocked(data)
            case "unblocked":
                self._say("the site lets this through again; going on")
            case "paused":
                self._say(f"paused; `whispersmith jobs --resume {self._id}` lets it go on")
            case "resumed":
                self._say("going on")
            case "log":
                self._say(str(data.get("text", "")))
            case "item" if data.get("error"):
                self._item_failed(data)
            case "metric":
                self._metric(data)
            case "evaluated":
                self._say(f"step {data.get('step')}: CER {show.percent(data.get('cer'))}")

    def _bar(self, data: dict[str, Any]) -> None:
        if not self._live:
            return
        total = data.get("total")
        note = show.steady(clean(str(data.get("note") or "")))
        room = max(8, self._progress.console.width - BAR - FIGURES - len(self._stage))
        if self._task is None:
            self._task = self._progress.add_task(self._stage, total=total)
        self._progress.update(
            self._task,
            completed=data.get("done") or 0,
            total=total,
            description=f"{self._stage} {set_cell_size(note, min(room, cell_len(note)))}".strip(),
            more=transfer(data),
        )

    def _blocked(self, data: dict[str, Any]) -> None:
        for line in block_lines(data, self._id):
            self._say(line)

    def _metric(self, data: dict[str, Any]) -> None:
        loss = data.get("loss")
        last = data.get("step") == data.get("total")
        if loss is not None and (last or time.monotonic() - self._last_metric >= METRIC_S):
            self._last_metric = time.monotonic()
            self._say(f"step {data.get('step')}/{data.get('total')}  loss {loss:.4f}")

    def _item_failed(self, data: dict[str, Any]) -> None:
        problem = UserError.from_dict(data["error"])
        self._failures[problem.what] += 1
        if self._failures[problem.what] > ALIKE:
            return
        text = " - ".join(line for line in (f"{data.get('id')}: {problem.what}", *problem.lines()[1:]) if line)
        self._print(clean(text, 2000), error=True)

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._print(clean(text, 2000))

    def _print(self, text: str, error: bool = False) -> None:
        if self._live:
            self._progress.console.print(Text(text))
        else:
            print(text, file=sys.stderr if error else sys.stdout, flush=True)


def transfer(data: dict[str, Any]) -> str:
    """Bytes, speed and time left of a queue, as far as a progress event tells them: 12 MB of 45 MB, 2 MB/s, 0:17 left.

    The figures of the whole queue come before those of the present file.
    """
    done, total = _first(data, "all_bytes", "bytes"), _first(data, "all_bytes_total", "bytes_total")
    left, speed = _first(data, "all_eta", "eta"), data.get("speed")
    parts = []
    if done is not None:
        parts.append(f"{show.size(done)} of {show.size(total)}" if total else show.size(done))
    if speed:
        parts.append(f"{show.size(speed)}/s")
    if left is not None:
        parts.append(f"{show.clock(round(left * 1000))} left")
    return ", ".join(parts)


def _first(data: dict[str, Any], *names: str) -> float | None:
    return next((data[name] for name in names if isinstance(data.get(name), (int, float))), None)


def block_lines(data: dict[str, Any], id: str) -> list[str]:
    """What stopped a queue, what to do in which order, and when it goes on by itself."""
    left = data.get("left")
    head = f"stopped: {data.get('what', '')}" + (f"; {left} not fetched yet" if left else "")
    why = [f"why: {data['why']}"] if data.get("why") else []
    steps = [str(step) for step in data.get("steps") or [data.get("fix")] if step]
    on = f"whispersmith jobs --resume {id}"
    if data.get("waits"):
        # A second fetch would only queue behind this one.
        steps = [step.replace("whispersmith fetch", on) for step in steps]
    numbered = [f"{number}. {step}" for number, step in enumerate(steps, start=1)]
    lines = [head, *why, *numbered]
    if until := data.get("until"):
        then = time.localtime(until / 1000)
        today = time.strftime("%x", then) == time.strftime("%x")
        at = time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", then)
        lines.append(f"it goes on by itself at {at}; `{on}` goes on now")
    elif data.get("waits"):
        lines.append(f"it waits until it is told to go on: `{on}`")
    return lines
