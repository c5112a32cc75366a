"""What the jobs say of recordings: which wait, which is on its way and how far, what a block of the site asks for.

Pure: it is given batches (tui/bridge.py) and gives words. `DownloadTracker.handle` returns which rows to draw anew and
which to read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.clock import time_of_day
from core.jobs import Event
from core.store import Video
from tui.bridge import JobBatch
from tui.widgets import cells, marks


@dataclass(frozen=True)
class Block:
    """The site lets no more through. until: when the job goes on by itself, ms since 1970; None: a person must."""

    what: str
    why: str = ""
    fix: str = ""
    steps: tuple[str, ...] = ()
    until: int | None = None
    left: int | None = None

    @classmethod
    def of(cls, data: dict[str, Any]) -> Block:
        steps = data.get("steps") or ()
        until, left = data.get("until"), data.get("left")
        return cls(
            str(data.get("what") or "the site lets no more through"),
            str(data.get("why") or ""),
            str(data.get("fix") or ""),
            # In this window a key goes on; another fetch would only queue behind the one that waits.
            tuple(str(step).replace("whispersmith fetch", "r") for step in steps),
            int(until) if isinstance(until, (int, float)) else None,
            int(left) if isinstance(left, (int, float)) else None,
        )

    def parts(self) -> list[tuple[str, str]]:
        """(label, text): what happened, why, and what to do, numbered in its order."""
        steps = self.steps or ((self.fix,) if self.fix else ())
        numbered = [(str(place), step) for place, step in enumerate(steps, start=1)]
        return [("", self.what), *([("why", self.why)] if self.why else []), *numbered]

    def goes_on(self) -> str:
        """How it goes on: `goes on by itself at 14:20`."""
        return f"goes on by itself at {time_of_day(self.until)}" if self.until else "waits for you"


@dataclass
class Download:
    """One live job that moves recordings."""

    waiting: set[str] = field(default_factory=set)
    moving: dict[str, dict[str, Any]] = field(default_factory=dict)
    again: dict[str, int | None] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)
    paused: bool = False
    queued: bool = False
    """The job waits for another one."""
    block: Block | None = None

    def ids(self) -> set[str]:
        return {*self.waiting, *self.moving, *self.again}

    def forget(self, id: str) -> None:
        self.waiting.discard(id)
        self.moving.pop(id, None)
        self.again.pop(id, None)


class DownloadTracker:
    """The live downloads of this workspace, as their logs have them."""

    def __init__(self) -> None:
        self.downloads: dict[Path, Download] = {}
        self._held: dict[Path, bool] = {}
        """Whether a live job is paused, of every stage."""
        self._over: set[Path] = set()
        self.last_block: Block | None = None
        """What the site had said when the last download ended."""

    def handle(self, batch: JobBatch) -> tuple[set[str], set[str]]:
        """Ids of the rows to draw anew, and of those that are no longer in the store what they were."""
        self._held.setdefault(batch.folder, batch.view.paused)
        for event in batch.of("paused", "resumed"):
            self._held[batch.folder] = event.kind == "paused"
        if batch.ended:
            self._held.pop(batch.folder)
        if batch.stage != "fetch":
            return set(), {str(e.data.get("id")) for e in batch.of("item") if e.data.get("state") != "known"}
        draw, read = set(), set()
        if batch.folder in self._over:
            # The end of a job can come twice: by its log, then by its lock.
            return draw, read
        download = self.downloads.get(batch.folder)
        if download is None:
            download = self.downloads[batch.folder] = Download()
            download.waiting = {str(id) for id in batch.view.params.get("ids") or ()}
            download.paused = batch.view.paused
            draw |= download.waiting
        queued = batch.view.state == "waiting"
        for event in batch.events:
            if event.kind == "item":
                id = str(event.data.get("id"))
                draw.add(id)
                if self._item(download, id, event):
                    read.add(id)
            elif self._apply(download, event):
                draw |= download.ids()
        if queued != download.queued:
            download.queued = queued
            draw |= download.ids()
        if batch.ended:
            read |= set(download.moving)
            self._over.add(batch.folder)
            self.last_block = download.block
            draw |= self.downloads.pop(batch.folder).ids()
        return draw, read

    @staticmethod
    def _item(download: Download, id: str, event: Event) -> bool:
        """True where the row in the store has changed, too."""
        state = event.data.get("state")
        download.forget(id)
        if state == "fetching":
            download.moving[id] = event.data
            return False
        if state == "queued":
            download.waiting.add(id)
        elif state == "again":
            at = event.data.get("at")
            download.again[id] = int(at) if isinstance(at, (int, float)) else None
        return True

    @staticmethod
    def _apply(download: Download, event: Event) -> bool:
        """True where every row of the job looks different now."""
        if event.kind == "progress":
            download.progress = event.data
            return False
        if event.kind in ("paused", "resumed"):
            download.paused = event.kind == "paused"
        elif event.kind == "blocked":
            download.block = Block.of(event.data)
        elif event.kind == "unblocked":
            download.block = None
        else:
            return False
        return True

    def toggle(self, folder: Path) -> bool:
        """A key pauses a job or lets it go on: shown at once, the job's own word follows. True if it is paused now."""
        paused = self._held[folder] = not self._held.get(folder, False)
        if folder in self.downloads:
            self.downloads[folder].paused = paused
        return paused

    def is_held(self, folder: Path) -> bool:
        return self._held.get(folder, False)

    # -- asked

    @property
    def busy(self) -> set[str]:
        """Ids that a live job has still before it."""
        return {id for download in self.downloads.values() for id in download.ids()}

    @property
    def blocked(self) -> tuple[Path, Block] | None:
        for folder, download in self.downloads.items():
            if download.block is not None:
                return folder, download.block
        return None

    def state(self, video: Video) -> tuple[str, str] | None:
        """The mark and the words of a row's state; None if no download has it."""
        for download in self.downloads.values():
            if video.id in download.moving:
                if download.paused or download.block:
                    word = "paused" if download.paused else "waits"
                    return "waiting", f"{_share(download.moving[video.id])}  {word}".strip()
                return "running", _how_far(download.moving[video.id])
            if video.id in download.again:
                at = download.again[video.id]
                return "waiting", f"again {time_of_day(at)}" if at else "again later"
            if video.id in download.waiting:
                return "waiting", "paused" if download.paused else "waits"
        return None

    def total(self, ascii_only: bool = False) -> str:
        """The line under the rows while something is downloaded; "" else."""
        for download in self.downloads.values():
            sign = marks.mark("waiting" if download.paused or download.block or download.queued else "running")
            if ascii_only:
                sign = marks.mark("waiting" if sign == marks.mark("waiting") else "running", True)
            return f"{sign} {_total(download)}"
        return ""


def _total(download: Download) -> str:
    progress = download.progress
    done, count = progress.get("done"), progress.get("total")
    captions = "captions " if progress.get("unit") == "captions" else ""
    parts = [f"{captions}{int(done)} of {int(count)}"] if count and done is not None else []
    parts.append(_bytes(progress.get("all_bytes"), progress.get("all_bytes_total")))
    if download.queued:
        return "   ".join(filter(None, ["waits for another job", *parts, "x cancel"]))
    if download.paused:
        return "   ".join(filter(None, ["paused", *parts, "p goes on", "x cancel"]))
    if download.block is not None:
        return "   ".join(filter(None, ["stopped by the site", *parts]))
    speed, left = progress.get("speed"), progress.get("all_eta")
    if speed and progress.get("bytes") is not None:
        parts.append(f"{marks.megabytes(speed)}/s")
    if left is not None:
        parts.append(f"{span(left)} left")
    if not parts[0]:
        parts = ["downloading"]
    return "   ".join(filter(None, [*parts, "p pause", "x cancel", *_note(progress)]))


def _note(progress: dict[str, Any]) -> Iterable[str]:
    note = cells.cut(cells.harmless(str(progress.get("note") or "")), 80)
    return [note] if note else []


def _bytes(done: float | None, total: float | None) -> str:
    """`34 of 120 MB`: the unit once, where both have the same."""
    if not done and not total:
        return ""
    first, second = marks.megabytes(done or 0), marks.megabytes(total)
    if not total:
        return first
    if first.split()[-1] == second.split()[-1] or not done:
        first = first.split()[0]
    return f"{first} of {second}"


def _share(moving: dict[str, Any]) -> str:
    done, total = moving.get("done"), moving.get("total")
    if total and done is not None:
        return f"{min(1.0, done / total):.0%}"
    return marks.megabytes(done) if done else ""


def _how_far(moving: dict[str, Any]) -> str:
    speed, left = moving.get("speed"), moving.get("eta")
    parts = [_share(moving) or "asks", f"{marks.megabytes(speed)}/s" if speed else ""]
    if left is not None and speed:
        parts.append(marks.length(round(left * 1000)))
    return "  ".join(filter(None, parts))


def span(seconds: float) -> str:
    """`1 h 02 m`, `1 m 05 s`, `42 s`."""
    whole = max(0, round(seconds))
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 60} m {whole % 60:02d} s" if whole >= 60 else f"{whole} s"
