"""One run of the download queue: a video at a time, with pauses, second tries, blocks and a word on all of it."""

from __future__ import annotations

import random
import time
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from core.clock import now_ms, time_of_day
from core.config import Config
from core.downloads.download import Downloader, FetchFailed, Transfer
from core.downloads.queue_progress import QueueProgress
from core.errors import UserError
from core.events import Blocked, ItemState, TransferProgress, Unblocked
from core.licences import FREE
from core.links import is_youtube, url_parts
from core.sources import failures
from core.sources.failures import Failure
from core.sources.ytdlp import cancel_check, version_age
from core.store import Store, Video
from core.text import clean, plural
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs.handle import Job

_NETWORK_KINDS = frozenset(("network", "certificate"))
"""Kinds of failure that are the machine's own once they come twice in a row."""

_IN_A_ROW = 2
_LONGEST_WAIT_S = 24 * failures.HOUR_S


@dataclass
class QueuedVideo:
    """A video of the queue. tries: finished attempts of this run. not_before: of time.monotonic(), for a second try."""

    video: Video
    tries: int = 0
    deferrals: int = 0
    not_before: float = 0.0
    renewed: bool = False
    failure: Failure | None = None


class _Paused(Exception):
    """The video was interrupted because the job is paused; what has come of it is kept."""


class DownloadQueue:
    """free: whatever is not under a free licence may be taken, too."""

    def __init__(self, workspace: Workspace, config: Config, job: Job, store: Store, *, free: bool) -> None:
        self.workspace = workspace
        self.config = config
        self.job = job
        self.store = store
        self.fetched = self.failed = 0
        self.stopped = ""
        self._check_cancel = cancel_check(job)
        self._free = free
        self._queue: deque[QueuedVideo] = deque()
        self._queue_progress = QueueProgress(())
        self._finished = self._total = 0
        self._part_done = 0.0
        # One after the other, of the kind that says that going on is no use.
        self._network_failures = self._blocks_in_a_row = 0
        self._outdated_in_a_row: set[str] = set()
        # The next video follows without a pause: it is the first one, or the same one once more.
        self._skip_pause = True
        self._interrupted = self._cookies_warned = self._new_downloader = False

    def run(self, videos: Sequence[Video]) -> None:
        """Fetch these; they have to be on disk as selected already. Raises core.jobs.Cancelled."""
        if not videos:
            return
        self._queue.extend(QueuedVideo(video) for video in videos)
        self._total = len(videos)
        pause = (self.config.fetch.pause_min_s + self.config.fetch.pause_max_s) / 2
        self._queue_progress = QueueProgress(videos, pause_s=pause)
        for video in videos:
            self.job.item(video.id, ItemState.QUEUED)
        while self._queue and not self.stopped:
            self._new_downloader = False
            with self._downloader() as downloader:
                while self._queue and not self.stopped and not self._new_downloader:
                    self._process(downloader, self._next_due())

    def refusal(self, video: Video) -> Failure | None:
        """Why the licence does not permit it. An unknown one of YouTube is asked for before any audio."""
        ask = video.licence == "unknown" and is_youtube(video.url)
        return None if self._free or ask or video.licence in FREE else licence_failure(video.id, video.licence)

    def fail(self, video: Video, failure: Failure) -> None:
        """Its reason goes into the row; the queue goes on."""
        if failure.kind == "outdated":
            version, days = version_age()
            failure = replace(failure, why=f"{failure.why}; yt-dlp {version} is {plural(days, 'day')} old")
        self.failed += 1
        self.store.videos.update(video.id, state="failed", error=failure.as_row())
        self.job.item_failed(video.id, failure.error())

    # -- whose turn it is

    def _next_due(self) -> QueuedVideo:
        """The next video, when its time has come: second tries are due after a wait, and only after the others."""
        queued = min(self._queue, key=lambda due: due.not_before)
        self._queue.remove(queued)
        polite = 0.0 if self._skip_pause else self._polite_pause()
        self._skip_pause = False
        wait = queued.not_before - time.monotonic()
        if wait > polite:
            self._report_progress(f"tried again at {time_of_day(now_ms() + wait * 1000)}: {queued.video.title}")
            self.job.wait_for_resume(wait)
        elif polite:
            self._report_progress(f"pause of {polite:.0f} s")
            self.job.wait(polite)
        self.job.hold()
        return queued

    def _polite_pause(self) -> float:
        """Seconds. Several videos in quick succession are what makes a site suspicious."""
        return random.uniform(*sorted((self.config.fetch.pause_min_s, self.config.fetch.pause_max_s)))

    def _process(self, downloader: Downloader, queued: QueuedVideo) -> None:
        self.job.check()
        self.job.item(queued.video.id, ItemState.FETCHING)
        self._report_progress(queued.video.title)
        try:
            failure = self._try(downloader, queued.video)
        except _Paused:
            self._report_progress(f"paused: {queued.video.title}")
            self.job.hold()
            self._requeue_first(queued)
            return
        finally:
            self._part_done = 0.0
            self._warn_of_old_cookies(downloader.warnings)
        queued.tries += 1
        if failure is None:
            self._network_failures = self._blocks_in_a_row = 0
            self._outdated_in_a_row.clear()
            self._finish(queued.video)
        else:
            self._handle_failure(queued, failure)

    def _requeue_first(self, queued: QueuedVideo) -> None:
        queued.not_before = 0.0
        self._skip_pause = True
        self._queue.appendleft(queued)

    def _finish(self, video: Video) -> None:
        self._finished += 1
        self._report_progress(video.title)

    # -- what a failure means for the queue

    def _handle_failure(self, queued: QueuedVideo, failure: Failure) -> None:
        queued.failure = failure
        tries_left = queued.tries < self.config.fetch.tries
        if (block := self._blocking_failure(queued.video, failure)) is not None:
            self._handle_block(queued, failure, block)
        elif failure.retry == "now" and tries_left and not queued.renewed:
            queued.renewed = True
            self.job.log(f"{queued.video.id}: {failure.what}; once more with a new link")
            self.job.wait(min(2.0, self.config.fetch.pause_min_s))
            self.job.hold()
            self._requeue_first(queued)
        elif failure.retry in ("now", "again") and tries_left:
            self._retry_later(queued, failure)
        else:
            self._mark_failed(queued.video, failure)

    def _mark_failed(self, video: Video, failure: Failure) -> None:
        self._queue_progress.drop(video.id)
        self.fail(video, failure)
        self._finish(video)

    def _retry_later(self, queued: QueuedVideo, failure: Failure) -> None:
        """To the end of the queue, to be tried after a wait that grows."""
        wait = self.config.fetch.retry_wait_s * 2**queued.deferrals
        queued.deferrals += 1
        queued.not_before = time.monotonic() + wait
        self._queue.append(queued)
        self.job.item(queued.video.id, ItemState.AGAIN, at=int(now_ms() + wait * 1000))
        self.job.log(f"{queued.video.id}: {failure.what}; tried again in {wait:.0f} s, after the others")

    def _blocking_failure(self, video: Video, failure: Failure) -> Failure | None:
        """Why going on with any video would be no use, or make it worse; None if only this one is concerned."""
        self._network_failures = self._network_failures + 1 if failure.kind in _NETWORK_KINDS else 0
        self._outdated_in_a_row = self._outdated_in_a_row | {video.id} if failure.kind == "outdated" else set()
        if len(self._outdated_in_a_row) >= _IN_A_ROW:
            return failures.out_of_date(failure, *version_age())
        return failure if failure.stops_queue or self._network_failures >= _IN_A_ROW else None

    def _handle_block(self, queued: QueuedVideo, failure: Failure, block: Failure) -> None:
        waits = bool(self.job.params.get("wait")) and block.wait_s is not None
        seconds = self._block_wait(block) if waits else None
        until = None if seconds is None else int(now_ms() + seconds * 1000)
        resumes = self.job.resumes
        left = len(self._queue) + 1
        self.job.emit(Blocked(block.what, block.kind, block.why, block.fix, tuple(block.steps), until, waits, left))
        if waits:
            self._wait_for_unblock(queued, block, seconds, until, resumes)
        else:
            self._stop_queue(queued.video, failure, block)

    def _block_wait(self, block: Failure) -> float | None:
        """Seconds, doubled for every block since the last success; None: until somebody says go on."""
        seconds = (block.wait_s or 0.0) * self.config.fetch.block_wait_min / 60 * 2 ** min(self._blocks_in_a_row, 20)
        self._blocks_in_a_row += 1
        # A site forgets in a day; a line that is back should not be waited for until tomorrow.
        longest = failures.HOUR_S if block.kind in ("network", "proxy") else _LONGEST_WAIT_S
        return min(seconds, longest) if seconds else None

    def _wait_for_unblock(
        self, queued: QueuedVideo, block: Failure, seconds: float | None, until: int | None, resumes: int
    ) -> None:
        """Wait until the block may have passed or somebody says go on, then go on with the same video."""
        who = f"blocked by {_site(queued.video)}" if block.kind in ("bot wall", "rate limited") else block.what
        goes_on = "goes on when told to" if until is None else f"goes on at {time_of_day(until)}"
        self.job.item(queued.video.id, ItemState.QUEUED)
        self.job.log(f"{block.what}: {goes_on}, {len(self._queue) + 1} left", level="warning")
        self._report_progress(f"{who}: {goes_on}")
        self.job.wait_for_resume(float("inf") if seconds is None else seconds, since=resumes)
        self.job.hold()
        self._read_settings()
        self.job.emit(Unblocked())
        # What the site refused says nothing of the video: the try does not count.
        queued.tries -= 1
        self._requeue_first(queued)

    def _read_settings(self) -> None:
        """A block ends by another proxy or by cookies, which somebody has set while this waited."""
        try:
            self.config = self.workspace.config()
        except UserError as error:
            text = f"the settings are used as they were: {error.what}; {error.why}; {error.fix}"
            self.job.log(text, level="warning")
        self._new_downloader = True

    def _stop_queue(self, video: Video, failure: Failure, block: Failure) -> None:
        """Nothing more is asked for. Rows keep what is known of them; the rest stays in the queue on disk."""
        self._mark_failed(video, failure)
        untried = [queued for queued in self._queue if queued.failure is None]
        for queued in self._queue:
            if queued.failure is not None:
                self._mark_failed(queued.video, queued.failure)
        self.stopped = f"{block.what}; {block.fix}"
        self.job.log(f"stopped with {len(untried)} not tried: {self.stopped}", level="warning")

    # -- one video

    def _try(self, downloader: Downloader, video: Video) -> Failure | None:
        """Fetch it. None if it is here; raises _Paused, or Cancelled."""
        from yt_dlp.utils import DownloadCancelled

        from core.jobs.handle import Cancelled

        def permit(licence: str) -> None:
            if not self._free and licence not in FREE:
                self.store.videos.update(video.id, licence=licence)
                raise FetchFailed(licence_failure(video.id, licence))

        self._interrupted = False
        # What others have learnt since the queue was made: licences are asked for beside it.
        video = self.store.videos.get(video.id) or video
        try:
            row = downloader.fetch(video, permit=permit, on_transfer=partial(self._on_transfer, video))
        except Cancelled:
            raise
        except DownloadCancelled:
            self.job.check()
            if self._interrupted:
                raise _Paused from None
            raise
        except FetchFailed as failed_fetch:
            if self.job.paused and failed_fetch.failure.retry == "again":
                # A line that went dead before the pause, and was found to be so in it: no fault of the video.
                raise _Paused from None
            return failed_fetch.failure
        except UserError as error:
            return failures.broken(error)
        except Exception as error:  # noqa: BLE001 - an extractor is strangers' code for strangers' pages; it may raise anything
            traceback.print_exc()
            return failures.unexpected(error)
        self._store(video, row)
        return None

    def _store(self, before: Video, row: Video) -> None:
        """before: the row as it was when the download began. What that has not changed, others may have."""
        path = self.workspace.relative(self.workspace.media / str(row.path))
        kept = ("title", "channel", "channel_url", "duration_ms", "upload_date", "licence", "licence_text", "captions")
        names_changed = (name for name in (*kept, "live_status") if getattr(row, name) != getattr(before, name))
        changes = {name: getattr(row, name) for name in names_changed}
        self.store.videos.update(
            row.id, **changes, bytes=row.bytes, state="fetched", path=path, error=None, media_fault=None
        )
        self.fetched += 1
        self._queue_progress.finish(row.id, row.bytes or 0)
        self.job.item(row.id, ItemState.FETCHED)
        self.job.log(f"{row.id}: fetched, {(row.bytes or 0) / 1e6:.1f} MB, {row.title}")

    def _downloader(self) -> Downloader:
        return Downloader(
            self.config.ytdlp,
            root=self.workspace.root,
            media=self.workspace.media,
            partial=self.workspace.partial,
            check=self._check_cancel_or_pause,
            check_cancel=self._check_cancel,
            request_pause_s=self.config.fetch.request_pause_s,
            vault=self.workspace.vault,
        )

    def _check_cancel_or_pause(self) -> None:
        from yt_dlp.utils import DownloadCancelled

        self._check_cancel()
        if self.job.paused:
            self._interrupted = True
            raise DownloadCancelled

    # -- what is said

    def _report_progress(self, note: str, transfer: TransferProgress | None = None) -> None:
        """transfer: the figures of the video that comes now, where there are any."""
        figures = self._queue_progress.figures(transfer or TransferProgress())
        self.job.progress(self._finished + self._part_done, self._total, "videos", note, figures)

    def _on_transfer(self, video: Video, now: Transfer) -> None:
        self._queue_progress.transfer(video.id, now.done, now.total, now.speed)
        self._part_done = min(now.done / now.total, 0.99) if now.total else 0.0
        self._report_progress(video.title, TransferProgress(video.id, now.done, now.total, now.speed, now.eta))

    def _warn_of_old_cookies(self, warnings: Sequence[str]) -> None:
        """Said once: yt-dlp itself repeats it at every request."""
        if not self._cookies_warned and any(failures.COOKIES_ENDED in line for line in warnings):
            self._cookies_warned = True
            error = failures.COOKIES_OLD
            self.job.log(f"{error.what}: {error.why}; {error.fix}", level="warning")


def licence_failure(id: str, licence: str) -> Failure:
    said = "its licence is not known" if licence == "unknown" else "it is not under a Creative Commons licence"
    return Failure(
        "licence",
        "the licence of this video does not permit this by itself",
        f"{said}; whether you may use it is for you to know, and said once it counts for this workspace",
        f"if you may: whispersmith fetch --any-licence {'-- ' if id.startswith('-') else ''}{id}",
        "later",
    )


def _site(video: Video) -> str:
    if is_youtube(video.url):
        return "YouTube"
    return clean(url_parts(video.url).hostname, 60) or "the site"
