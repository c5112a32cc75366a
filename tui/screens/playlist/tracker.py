"""What the jobs say of recordings: which wait, which is on its way and how far, what a block of the site asks for.

Pure: it is given batches (tui/bridge.py) and gives words. `DownloadTracker.handle` returns which rows to draw anew and
which to read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from core.clock import time_of_day
from core.events import (
    Blocked,
    Event,
    Item,
    ItemFailed,
    ItemState,
    JobState,
    Paused,
    Progress,
    Resumed,
    TransferProgress,
    Unblocked,
)
from core.store import Video
from tui.bridge import JobBatch
from tui.widgets import cells, marks

NOTHING_YET = Progress()


@dataclass(frozen=True)
class FetchParams:
    """Which recordings a job was asked for by name; None: those that are due."""

    ids: tuple[str, ...] | None = None


@dataclass
class Download:
    """One live job that moves recordings."""

    waiting: set[str] = field(default_factory=set)
    moving: set[str] = field(default_factory=set)
    again: dict[str, int | None] = field(default_factory=dict)
    progress: Progress = NOTHING_YET
    paused: bool = False
    queued: bool = False
    """The job waits for another one."""
    block: Blocked | None = None

    def ids(self) -> set[str]:
        return {*self.waiting, *self.moving, *self.again}

    def forget(self, id: str) -> None:
        self.waiting.discard(id)
        self.moving.discard(id)
        self.again.pop(id, None)

    def transfer(self, id: str) -> TransferProgress:
        """The figures of the recording that comes now; without any for another one."""
        found = self.progress.transfer
        return found if found is not None and found.id == id else TransferProgress()


class DownloadTracker:
    """The live downloads of this workspace, as their logs have them."""

    def __init__(self) -> None:
        self.downloads: dict[Path, Download] = {}
        self._held: dict[Path, bool] = {}
        """Whether a live job is paused, of every stage."""
        self._over: set[Path] = set()
        self.last_block: Blocked | None = None
        """What the site had said when the last download ended."""

    def handle(self, batch: JobBatch) -> tuple[set[str], set[str]]:
        """Ids of the rows to draw anew, and of those that are no longer in the store what they were."""
        self._held.setdefault(batch.folder, batch.view.paused)
        for event in batch.of(Paused, Resumed):
            self._held[batch.folder] = isinstance(event, Paused)
        if batch.ended:
            self._held.pop(batch.folder)
        if batch.stage != "fetch":
            return set(), {item.id for item in batch.of(Item, ItemFailed) if item.state != ItemState.KNOWN}
        draw, read = set(), set()
        if batch.folder in self._over:
            # The end of a job can come twice: by its log, then by its lock.
            return draw, read
        download = self.downloads.get(batch.folder)
        if download is None:
            download = self.downloads[batch.folder] = Download()
            download.waiting = set(batch.view.params_as(FetchParams).ids or ())
            download.paused = batch.view.paused
            draw |= download.waiting
        if batch.progress is not None and batch.progress != download.progress:
            download.progress = batch.progress
            draw |= download.moving
        queued = batch.view.state == JobState.WAITING
        for entry in batch.entries:
            event = entry.event
            if isinstance(event, (Item, ItemFailed)):
                draw.add(event.id)
                if self._apply_item(download, event):
                    read.add(event.id)
            elif self._apply(download, event):
                draw |= download.ids()
        if queued != download.queued:
            download.queued = queued
            draw |= download.ids()
        if batch.ended:
            read |= download.moving
            self._over.add(batch.folder)
            self.last_block = download.block
            draw |= self.downloads.pop(batch.folder).ids()
        return draw, read

    @staticmethod
    def _apply_item(download: Download, item: Item | ItemFailed) -> bool:
        """True where the row in the store has changed, too."""
        download.forget(item.id)
        if item.state == ItemState.FETCHING:
            download.moving.add(item.id)
            return False
        if item.state == ItemState.QUEUED:
            download.waiting.add(item.id)
        elif isinstance(item, Item) and item.state == ItemState.AGAIN:
            download.again[item.id] = item.at
        return True

    @staticmethod
    def _apply(download: Download, event: Event) -> bool:
        """True where every row of the job looks different now."""
        match event:
            case Paused() | Resumed():
                download.paused = isinstance(event, Paused)
            case Blocked():
                download.block = event
            case Unblocked():
                download.block = None
            case _:
                return False
        return True

    def toggle(self, folder: Path) -> bool:
        """A key pauses a job or lets it go on: shown at once, the job's own event follows. True if it is paused now."""
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
    def blocked(self) -> tuple[Path, Blocked] | None:
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
                    return "waiting", f"{_share(download.transfer(video.id))}  {word}".strip()
                return "running", _how_far(download.transfer(video.id))
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
    transfer = progress.transfer or TransferProgress()
    captions = "captions " if progress.unit == "captions" else ""
    parts = [f"{captions}{int(progress.done)} of {int(progress.total)}"] if progress.total else []
    parts.append(_bytes(transfer.all_bytes, transfer.all_bytes_total))
    if download.queued:
        return "   ".join(filter(None, ["waits for another job", *parts, "x cancel"]))
    if download.paused:
        return "   ".join(filter(None, ["paused", *parts, "p goes on", "x cancel"]))
    if download.block is not None:
        return "   ".join(filter(None, ["stopped by the site", *parts]))
    if transfer.speed and transfer.bytes is not None:
        parts.append(f"{marks.megabytes(transfer.speed)}/s")
    if transfer.all_eta is not None:
        parts.append(f"{span(transfer.all_eta)} left")
    if not parts[0]:
        parts = ["downloading"]
    note = cells.cut(cells.harmless(progress.note), 80)
    return "   ".join(filter(None, [*parts, "p pause", "x cancel", note]))


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


def _share(transfer: TransferProgress) -> str:
    if transfer.bytes_total and transfer.bytes is not None:
        return f"{min(1.0, transfer.bytes / transfer.bytes_total):.0%}"
    return marks.megabytes(transfer.bytes) if transfer.bytes else ""


def _how_far(transfer: TransferProgress) -> str:
    parts = [_share(transfer) or "asks", f"{marks.megabytes(transfer.speed)}/s" if transfer.speed else ""]
    if transfer.eta is not None and transfer.speed:
        parts.append(marks.length(round(transfer.eta * 1000)))
    return "  ".join(filter(None, parts))


def span(seconds: float) -> str:
    """`1 h 02 m`, `1 m 05 s`, `42 s`."""
    whole = max(0, round(seconds))
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 60} m {whole % 60:02d} s" if whole >= 60 else f"{whole} s"
