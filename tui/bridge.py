"""From the jobs' event logs to the screens: one thread reads, merges what can be merged, and posts at most four
batches a second.

Bridge(workspace, post, queued)   the thread; `post` is called with a tuple of JobBatch, in that thread
JobBatch                          what happened to one job since the last batch
history(folder)                   a job's log from its beginning, as batches of at most 50 ms of reading each
Inbox                             what one screen has received: notices gaps, so a late screen asks for the history

Nothing here needs an app: the tests drive it with logs written by hand.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from textual.message import Message

from core.events import Cancelling, Event, Finished, Item, ItemFailed, LogLine, Progress, Running, Started, Waiting
from core.jobs import EventReader, JobView, attach
from core.jobs.event_line import LogEntry
from core.jobs.spec import EVENTS
from core.jobs.status import StatusReader, read_status
from core.workspace import Workspace

TICK_S = 0.05
POST_S = 0.25
SCAN_S = 0.5
VIEW_S = 1.0
FULL, DRAINED = 10, 2
"""With more messages than FULL waiting in the app nothing is posted until there are no more than DRAINED."""
LOG_LINES = 2000
"""Log lines kept in one batch; more than that nobody reads, and output.log has them all."""

CHANGES_STATE = (Started, Waiting, Running, Cancelling, Finished)
"""After one of these the job's state is read at once."""

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class JobBatch:
    """What happened to one job.

    view: its state now, with how far it is. entries: of its log, merged, in order: the last item per id, every metric.
    after, seq: the numbers of the last entry before the batch and of the last one in it, merged ones included.
    left_s: seconds to go at the present pace; None while unknown. history: True if this is the past being read.
    """

    view: JobView
    entries: tuple[LogEntry, ...] = ()
    after: int = 0
    seq: int = 0
    left_s: float | None = None
    history: bool = False

    @property
    def folder(self) -> Path:
        return self.view.folder

    @property
    def stage(self) -> str:
        return self.view.stage

    @property
    def progress(self) -> Progress | None:
        """How far the job is, for a live one now."""
        return self.view.progress

    def of(self, *kinds: type[E]) -> list[E]:
        """The events of these classes."""
        return [entry.event for entry in self.entries if isinstance(entry.event, kinds)]

    @property
    def ended(self) -> bool:
        return not self.view.live


class JobEvents(Message):
    """Batches for the app, which hands them to its screens."""

    def __init__(self, batches: tuple[JobBatch, ...]) -> None:
        super().__init__()
        self.batches = batches


def coalesce(entries: Iterable[LogEntry]) -> tuple[LogEntry, ...]:
    """Only the last item of each id, and its last failure; no progress; all the rest; at the place of the last one."""
    kept: dict[object, LogEntry] = {}
    lines = 0
    for entry in entries:
        event = entry.event
        if isinstance(event, Progress):
            continue
        key: object = (type(event), event.id) if isinstance(event, (Item, ItemFailed)) else entry.seq
        lines += isinstance(event, LogLine)
        kept.pop(key, None)
        kept[key] = entry
    found = list(kept.values())
    if lines > LOG_LINES:
        spare = iter(range(lines - LOG_LINES))
        found = [entry for entry in found if not isinstance(entry.event, LogLine) or next(spare, None) is None]
    return tuple(found)


class TimeLeft:
    """How long a job still takes, from what it did in the last minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, float]] = deque()
        self._estimate: float | None = None
        """The job's own, which knows its pauses and sizes."""

    def handle(self, progress: Progress, at: int) -> None:
        """at: ms since 1970."""
        self._estimate = progress.transfer.all_eta if progress.transfer else None
        share = progress.share
        if share is None:
            self._seen.clear()
            return
        if self._seen and share < self._seen[-1][1]:
            # Another part of the stage began, counted anew.
            self._seen.clear()
        self._seen.append((at, share))
        while self._seen[-1][0] - self._seen[0][0] > 60_000:
            self._seen.popleft()

    @property
    def left_s(self) -> float | None:
        if self._estimate is not None:
            return self._estimate
        if len(self._seen) < 2:
            return None
        (first, before), (last, now) = self._seen[0], self._seen[-1]
        if now <= before or last - first < 1000:
            return None
        return (1 - now) / (now - before) * (last - first) / 1000


class Tail:
    """One job's log and status, read from where they stopped, and what has been read but not posted."""

    def __init__(self, folder: Path, *, from_end: bool = False) -> None:
        self.folder = folder
        self._reader = EventReader(folder / EVENTS)
        self._status = StatusReader(folder)
        self._pending: tuple[LogEntry, ...] = ()
        self._time_left = TimeLeft()
        self.after = self.seq = 0
        self.dirty = True
        """Something about the job's state has not been posted yet."""
        self.view: JobView | None = None
        self._next_view = 0.0
        if from_end:
            # Screens that want what is there read the history.
            self.after = self.seq = self._reader.skip_to_last()

    def read(self) -> None:
        """Read for at most a slice; what is left comes with the next one."""
        entries, _ = self._reader.read(TICK_S)
        if entries:
            self._pending = coalesce((*self._pending, *entries))
            self.seq = max(self.seq, entries[-1].seq)
            self.dirty = True
            if any(isinstance(entry.event, CHANGES_STATE) for entry in entries):
                self._next_view = 0.0
        self._read_view()
        status = self._status.changed()
        if status is not None and status.progress is not None:
            self._show_progress(status.progress, status.progress_at or status.heartbeat or 0)
        for entry in entries:
            # A job that was started by an earlier version has its progress in the log.
            if isinstance(entry.event, Progress):
                self._show_progress(entry.event, entry.t)

    def _show_progress(self, progress: Progress, at: int) -> None:
        self._time_left.handle(progress, at)
        if self.view is not None and self.view.live and progress != self.view.progress:
            self.view, self.dirty = replace(self.view, progress=progress), True

    def _read_view(self) -> None:
        now = time.monotonic()
        if now < self._next_view:
            return
        self._next_view = now + VIEW_S
        found = attach.view(self.folder)
        if found is None and self.view is not None and self.view.live:
            found = replace(attach.gone(self.folder), params=self.view.params)
        if found is not None and found != self.view:
            self.dirty = True
            self.view = found

    def take(self) -> JobBatch | None:
        """What is new, for posting; None if nothing is."""
        if not self.dirty or self.view is None:
            return None
        left_s = self._time_left.left_s if self.view.live else None
        batch = JobBatch(self.view, self._pending, self.after, self.seq, left_s)
        self._pending, self.after, self.dirty = (), self.seq, False
        return batch

    @property
    def ended(self) -> bool:
        """Nothing more will come: the job's end was read, or it is gone without one."""
        return self.view is not None and not self.view.live and not self._pending and not self.dirty


class Bridge:
    """The thread that tails every live job of a workspace."""

    def __init__(
        self,
        workspace: Workspace,
        post: Callable[[tuple[JobBatch, ...]], object],
        queued: Callable[[], int] = lambda: 0,
    ) -> None:
        self._workspace = workspace
        self._post = post
        self._queued = queued
        self._tails: dict[Path, Tail] = {}
        self._known: set[str] = set()
        self._stop = threading.Event()
        self._held = False
        self._thread = threading.Thread(target=self._run, name="bridge", daemon=True)
        self.looked = False
        """The first look is over: from now on, what appears is new."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=2)

    def _run(self) -> None:
        next_scan = next_post = 0.0
        first = True
        while not self._stop.wait(TICK_S):
            try:
                now = time.monotonic()
                if now >= next_scan:
                    self.scan(first=first)
                    first, self.looked, next_scan = False, True, now + SCAN_S
                for tail in list(self._tails.values()):
                    tail.read()
                if time.monotonic() >= next_post and self.flush():
                    next_post = time.monotonic() + POST_S
            except OSError:
                # A network file system that stumbles, a folder that is being deleted: look again later.
                self._stop.wait(SCAN_S)

    def scan(self, *, first: bool = False) -> None:
        """Find jobs that are new. On the first look only live ones, and those from their end: their past is history."""
        folder = self._workspace.jobs
        if not folder.is_dir():
            return
        for path in sorted(folder.iterdir()):
            if path.name in self._known or path.name.startswith(".") or not path.is_dir():
                continue
            self._known.add(path.name)
            if first and not self._is_live(path):
                continue
            self._tails[path] = Tail(path, from_end=first)

    @staticmethod
    def _is_live(folder: Path) -> bool:
        # Years of jobs lie there: the phase in the status file of an ended one is enough, its log is not read.
        phase = read_status(folder).phase
        if phase is not None and phase.ended and not attach.is_alive(folder):
            return False
        found = attach.view(folder)
        return found is not None and found.live

    def flush(self) -> bool:
        """Post what is new, unless the app has not caught up. True if something was posted."""
        waiting = self._queued()
        self._held = waiting > (DRAINED if self._held else FULL)
        if self._held:
            return False
        batches = tuple(batch for tail in self._tails.values() if (batch := tail.take()) is not None)
        for path in [path for path, tail in self._tails.items() if tail.ended]:
            del self._tails[path]
        if batches:
            self._post(batches)
        return bool(batches)


def history(folder: Path) -> Iterator[JobBatch]:
    """A job's log so far, oldest first; each batch is what 50 ms of reading found. Call it in a thread."""
    reader = EventReader(folder / EVENTS)
    after, more = 0, True
    while more:
        entries, more = reader.read(TICK_S)
        view = attach.view(folder)
        if view is None:
            return
        seq = entries[-1].seq if entries else after
        yield JobBatch(view, coalesce(entries), after, seq, history=True)
        after = seq


class Inbox:
    """What one screen has received of one job: nothing twice, nothing out of order, no gap unnoticed.

    `handle` gives the batches to show now, and sets `missing` when the past must be read first; batches that come
    meanwhile are held, and given out by `caught_up` when the history is through.
    """

    def __init__(self) -> None:
        self._seq = 0
        self._held: list[JobBatch] = []
        self.missing = False

    def handle(self, batch: JobBatch) -> list[JobBatch]:
        if batch.history:
            return self._fresh(batch)
        if self.missing or batch.after > self._seq:
            self.missing = True
            self._held.append(batch)
            return []
        return self._fresh(batch)

    def caught_up(self) -> list[JobBatch]:
        """The history is through: what was held, less what the history has brought."""
        self.missing = False
        held, self._held = self._held, []
        return [fresh for batch in held for fresh in self._fresh(batch)]

    def _fresh(self, batch: JobBatch) -> list[JobBatch]:
        entries = tuple(entry for entry in batch.entries if entry.seq > self._seq)
        self._seq = max(self._seq, batch.seq)
        return [replace(batch, entries=entries)]
