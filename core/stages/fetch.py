"""Stage "fetch": the chosen videos become audio in `media/`, one at a time.

params: ids (or None), all, first (a count), any_licence. Without any of the first three: what is selected.
result: fetched, skipped, failed (counts), passed (private or removed rows that were not asked for by name),
stopped ("" or why the rest was not tried).
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.config import Config
from core.errors import UserError
from core.sources import failures, names, sidecar
from core.sources.download import Downloader, Refused, Transfer
from core.sources.failures import Failure
from core.sources.ytdlp import version_age
from core.store import Store, Video
from core.text import clean
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs.handle import Job

_HOPELESS = frozenset(("private", "gone"))
"""Kinds of failure for which a row is tried again only when it is named."""

_FREE = frozenset(("cc-by", "own"))
_IN_A_ROW = 2
"""Failures of the network, one after the other, after which the rest is not tried."""


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Fetch the chosen videos. What is on disk is not asked for again; a failure never stops the rest,
    except one that says that going on makes it worse."""
    with Store(workspace.db_path) as store:
        queue = _Queue(workspace, config, job, store)
        chosen = _choose(store.videos.all(), job.params)
        queue.run([video for video in chosen if not queue.passes_over(video)])
        return queue.result()


def _choose(videos: list[Video], params: dict[str, Any]) -> list[Video]:
    ids = params.get("ids")
    if ids:
        known = {video.id: video for video in videos}
        for id in ids:
            if id not in known:
                raise UserError(
                    f"there is no video {clean(str(id), 100)}",
                    "no source that was added lists it",
                    "whispersmith videos shows the ids; whispersmith add URL lists a new source",
                )
        return [known[id] for id in dict.fromkeys(ids)]
    if params.get("all"):
        return videos
    if first := int(params.get("first") or 0):
        hopeful = [video for video in videos if (video.error or {}).get("kind") not in _HOPELESS]
        return hopeful[:first]
    chosen = [video for video in videos if video.selected or video.path]
    if not chosen:
        raise UserError(
            "no video is selected" if videos else "there are no videos yet",
            "nothing says what to fetch" if videos else "no source has been added",
            "whispersmith fetch --first 1" if videos else "whispersmith add URL_OR_PATH",
        )
    return chosen


class _Queue:
    """One run of the stage."""

    def __init__(self, workspace: Workspace, config: Config, job: Job, store: Store) -> None:
        self.workspace = workspace
        self.config = config
        self.job = job
        self.store = store
        self.fetched = self.skipped = self.failed = self.passed = 0
        self.stopped = ""
        self._network_failures = 0
        self._at, self._count, self._title = 0.0, 0, ""
        self._free = bool(job.params.get("any_licence")) or config.fetch.any_licence

    def result(self) -> dict[str, Any]:
        return {
            "fetched": self.fetched,
            "skipped": self.skipped,
            "failed": self.failed,
            "passed": self.passed,
            "stopped": self.stopped,
        }

    def passes_over(self, video: Video) -> bool:
        """True for a private or removed video that nobody asked for by name."""
        hopeless = not self.job.params.get("ids") and (video.error or {}).get("kind") in _HOPELESS
        self.passed += hopeless
        return hopeless

    def run(self, videos: list[Video]) -> None:
        due = list(self._due(videos))
        if self.passed:
            self.job.log(f"passed over, private or removed: {self.passed}")
        if not due:
            return
        with self._downloader() as downloader:
            for number, video in enumerate(due):
                if number:
                    self._pause(number, len(due))
                self._one(downloader, video, number, len(due))
                if self.stopped:
                    left = len(due) - number - 1
                    self.job.log(f"stopped with {left} not tried: {self.stopped}", level="warning")
                    return

    def _downloader(self) -> Downloader:
        return Downloader(
            self.config.ytdlp,
            root=self.workspace.root,
            media=self.workspace.media,
            partial=self.workspace.partial,
            heed=self._heed,
            on_line=self._say,
            request_pause_s=self.config.fetch.request_pause_s,
        )

    def _heed(self) -> None:
        from yt_dlp.utils import DownloadCancelled

        if self.job.cancelled:
            raise DownloadCancelled

    def _say(self, line: str) -> None:
        """yt-dlp is silent for seconds while it extracts or waits; its last line shows that it works."""
        if str(self.workspace.partial) in line:
            return
        self.job.progress(self._at, self._count, unit="videos", note=self._title, saying=line)

    def _due(self, videos: list[Video]) -> Iterator[Video]:
        """Those that have to be fetched: not on disk, from a site, and with a licence that permits it."""
        for video in videos:
            self.job.check()
            lying = sidecar.on_disk(self.workspace.media, video.id)
            if lying is not None:
                self._note_on_disk(video, self.workspace.relative(lying), lying.stat().st_size)
            elif not video.url:
                self._fail(video, _LOST)
            elif (refusal := self._refusal(video)) is not None:
                self._fail(video, refusal)
            else:
                yield video

    def _note_on_disk(self, video: Video, path: str, size: int) -> None:
        """The disk is the truth: the row follows it."""
        self.skipped += 1
        if (video.state, video.path, video.bytes) != ("fetched", path, size):
            length = video.duration_ms or sidecar.read(self.workspace.media, video.id).get("duration_ms")
            self.store.videos.update(video.id, state="fetched", path=path, bytes=size, duration_ms=length, error=None)
        self.job.item(video.id, "skipped", path=path)

    def _refusal(self, video: Video) -> Failure | None:
        """Why the licence does not permit it. An unknown one of YouTube is asked for before any audio."""
        ask = video.licence == "unknown" and names.is_youtube(video.url)
        return None if self._free or ask or video.licence in _FREE else _licence_failure(video.id, video.licence)

    def _permit(self, video: Video, licence: str) -> None:
        if not self._free and licence not in _FREE:
            self.store.videos.update(video.id, licence=licence)
            raise Refused(_licence_failure(video.id, licence))

    def _pause(self, number: int, count: int) -> None:
        seconds = random.uniform(*sorted((self.config.fetch.pause_min_s, self.config.fetch.pause_max_s)))
        if seconds:
            self.job.progress(number, count, unit="videos", note=f"pause of {seconds:.0f} s")
        self.job.wait(seconds)

    def _one(self, downloader: Downloader, video: Video, number: int, count: int) -> None:
        """Fetch one video, twice where the site's answer says that a new link may help."""
        self._at, self._count, self._title = number, count, video.title
        self.job.item(video.id, "fetching", done=0, total=None, speed=None)
        self.job.progress(number, count, unit="videos", note=video.title)
        failure = self._try(downloader, video, number, count)
        if failure is not None and failure.retry == "now":
            self.job.log(f"{video.id}: {failure.what}; once more with a new link")
            self.job.wait(min(2.0, self.config.fetch.pause_min_s))
            failure = self._try(downloader, video, number, count)
        if failure is None:
            self._network_failures = 0
            self.job.progress(number + 1, count, unit="videos", note=video.title)
            return
        self._fail(video, failure)
        self._network_failures = self._network_failures + 1 if failure.kind == "network" else 0
        if failure.stops_queue or self._network_failures == _IN_A_ROW:
            self.stopped = f"{failure.what}; {failure.fix}"

    def _try(self, downloader: Downloader, video: Video, number: int, count: int) -> Failure | None:
        from yt_dlp.utils import DownloadCancelled

        from core.jobs.handle import Cancelled

        def on_transfer(transfer: Transfer) -> None:
            share = transfer.done / transfer.total if transfer.total else 0.0
            numbers = {"done": transfer.done, "total": transfer.total, "speed": transfer.speed, "eta": transfer.eta}
            self.job.item(video.id, "fetching", **numbers)
            more = {"bytes": transfer.done, "bytes_total": transfer.total, "speed": transfer.speed, "eta": transfer.eta}
            self._at = number + min(share, 0.99)
            self.job.progress(self._at, count, unit="videos", note=video.title, **more)

        def permit(licence: str) -> None:
            self._permit(video, licence)

        try:
            row = downloader.fetch(video, permit=permit, on_transfer=on_transfer)
        except Cancelled:
            raise
        except DownloadCancelled:
            self.job.check()
            raise
        except Refused as refused:
            return refused.failure
        except UserError as error:
            return failures.broken(error)
        except Exception as error:  # noqa: BLE001 - an extractor is strangers' code for strangers' pages; it may raise anything
            traceback.print_exc()
            return replace(failures.OUTDATED, detail=clean(f"{type(error).__name__}: {error}", 1000))
        self._store(row)
        return None

    def _store(self, row: Video) -> None:
        path = self.workspace.relative(self.workspace.media / str(row.path))
        kept = ("title", "channel", "channel_url", "duration_ms", "upload_date", "licence", "licence_text", "captions")
        changes = {name: getattr(row, name) for name in (*kept, "live_status", "bytes")}
        self.store.videos.update(row.id, **changes, state="fetched", path=path, error=None)
        self.fetched += 1
        self.job.item(row.id, "fetched", path=path, bytes=row.bytes)
        self.job.log(f"{row.id}: fetched, {(row.bytes or 0) / 1e6:.1f} MB, {row.title}")

    def _fail(self, video: Video, failure: Failure) -> None:
        if failure.kind == "outdated":
            version, days = version_age()
            failure = replace(failure, why=f"{failure.why}; yt-dlp {version} is {days} days old")
        self.failed += 1
        self.store.videos.update(video.id, state="failed", error=failure.as_row())
        self.job.item_failed(video.id, failure.error())


_LOST = Failure(
    "lost",
    "the file of this recording is no longer in media/",
    "it was added from this machine, so it cannot be fetched from anywhere",
    "whispersmith add PATH, with the path of the original file",
)


def _licence_failure(id: str, licence: str) -> Failure:
    said = "its licence is not known" if licence == "unknown" else "it is not under a Creative Commons licence"
    return Failure(
        "licence",
        "the licence of this video does not permit this by itself",
        f"{said}; whether you may use it is for you to know",
        f"if you may: whispersmith fetch --any-licence {'-- ' if id.startswith('-') else ''}{id}",
        "later",
    )
