"""Stage "details": what no list tells of a video (licence, captions, channel, date), by one cheap request each.

params: ids (or None for every row), limit (requests at most, or None), again (ask those that were asked before, too).
Only rows of YouTube are asked about. `received("rows")`, the ids now on a screen, go first; the rest in playing order.
result: asked, left (rows still to be asked about), stopped ("" or why it ended before its time).
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.clock import now_ms
from core.config import Config
from core.events import ItemState
from core.links import is_youtube
from core.sources import failures
from core.sources.failures import Failure
from core.sources.licence import look_up, open_site
from core.sources.listing import state_of
from core.sources.rate_limit import RateLimiter
from core.sources.ytdlp import YtdlpLogger, cancel_check
from core.store import Store, Video
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs.handle import Job

OF_THE_VIDEO = frozenset(
    ("private", "gone", "copyright", "country", "members", "age", "drm", "live", "upcoming", "not found")
)
"""Failures that are the video's own: the site has answered, and the next video may well be asked about."""

_MOST_FAILURES = 3
"""Requests that fail one after the other for a reason that may be the site's, before it is left alone."""

_LONG_S = 2.0
"""A wait from which on it is said that this is one."""


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Ask for every row that is due. What is known is in the store at once: a run that is killed loses nothing."""
    with Store(workspace.db_path) as store:
        lookups = _DetailsRun(workspace, config, job, store)
        try:
            lookups.run()
        finally:
            lookups.close()
        return {"asked": len(lookups.answered), "left": lookups.left(), "stopped": lookups.stopped}


def is_due(video: Video) -> bool:
    """Whether the site has something to tell of this row that nobody has asked for yet."""
    if video.asked is not None or video.licence != "unknown" or not is_youtube(video.url):
        return False
    return video.state != "failed" or (video.error or {}).get("kind") not in OF_THE_VIDEO


class _DetailsRun:
    """One run of the stage."""

    def __init__(self, workspace: Workspace, config: Config, job: Job, store: Store) -> None:
        self.answered: set[str] = set()
        self.stopped = ""
        self._workspace = workspace
        self._config = config
        self._job = job
        self._store = store
        self._ids = [str(id) for id in job.params.get("ids") or []]
        self._again = bool(job.params.get("again"))
        self._tried: set[str] = set()
        self._failures_in_a_row = 0
        self._rows: dict[str, Video] = {}
        self._version = -1
        self._limiter = RateLimiter(config.fetch.request_pause_s, config.fetch.lookups_per_hour)
        self._logger = YtdlpLogger(check=cancel_check(job))
        self._ydl: Any = None

    def close(self) -> None:
        if self._ydl is not None:
            self._ydl.close()

    def due(self) -> list[Video]:
        """Rows that this run may still ask about, in playing order."""
        return [row for row in self._wanted() if row.id not in self._tried]

    def left(self) -> int:
        """Rows that nobody has an answer for."""
        return sum(row.id not in self.answered for row in self._wanted())

    def _wanted(self) -> Iterator[Video]:
        """What the parameters ask for. Read anew when others have written: a listing may run beside this."""
        version = self._store.version()
        if version != self._version:
            self._version = version
            self._rows = {row.id: row for row in self._store.videos.all()}
        rows = [self._rows[id] for id in self._ids if id in self._rows] if self._ids else self._rows.values()
        for row in rows:
            if is_due(row) or (self._again and is_youtube(row.url)):
                yield row

    def run(self) -> None:
        self._store.videos.named(self._ids)  # one that is not here is told
        limit = self._job.params.get("limit")
        while not self.stopped and (limit is None or len(self._tried) < int(limit)):
            self._job.hold()
            if not self.due():
                break
            self._wait()
            self._job.hold()
            # Chosen after the wait: by then a person may look at other rows, or a listing may have found some.
            if due := self.due():
                self._look_up_row(self._choose(due), len(due))
        if self._tried and not self.stopped:
            self._job.progress(len(self._tried), len(self._tried), unit="videos", note="licences")

    def _wait(self) -> None:
        seconds = self._limiter.wait_s(time.monotonic())
        if seconds > _LONG_S:
            self._report(len(self.due()), f"licences, {self._config.fetch.lookups_per_hour} an hour")
        self._job.wait(seconds)

    def _report(self, left: int, note: str = "licences") -> None:
        self._job.progress(len(self._tried), len(self._tried) + left, unit="videos", note=note)

    def _choose(self, due: list[Video]) -> Video:
        seen = self._job.received("rows")
        by_id = {row.id: row for row in due}
        shown = (by_id[id] for id in seen if isinstance(id, str) and id in by_id) if isinstance(seen, list) else ()
        return next(iter(shown), due[0])

    def _look_up_row(self, row: Video, left: int) -> None:
        self._report(left)
        self._limiter.begin(time.monotonic())
        self._tried.add(row.id)
        failure = self._look_up(row)
        if row.id in self.answered:
            self._failures_in_a_row = 0
        if failure is None or failure.kind in OF_THE_VIDEO:
            return
        if row.id not in self.answered:
            self._failures_in_a_row += 1
            self._job.log(f"{row.id}: its licence is not known: {failure.what}", level="warning")
        if failure.stops_queue or self._failures_in_a_row == _MOST_FAILURES:
            self.stopped = failure.what
            self._job.log(f"licences not asked for: {self.left()} more; {failure.what}", level="warning")

    def _look_up(self, row: Video) -> Failure | None:
        """One request, its answer in the store. Returns what was wrong; `asked` stays empty if the site refused."""
        from yt_dlp.utils import DownloadCancelled, YoutubeDLError

        self._logger.warnings.clear()
        try:
            found = look_up(self._site(), row.id)
        except DownloadCancelled:
            self._job.check()
            raise
        except YoutubeDLError as error:
            failure = failures.classify(error, self._logger.warnings)
            if failure.kind in OF_THE_VIDEO:
                self._store_answer(row, {}, failure)
            return failure
        except Exception as error:  # noqa: BLE001 - an extractor is strangers' code for strangers' pages; it may raise anything
            traceback.print_exc()
            return failures.unexpected(error)
        failure = self._failure_in(found)
        if found["licence"] != "unknown" or failure is None or failure.kind in OF_THE_VIDEO:
            self._store_answer(row, found, failure)
        return failure

    def _failure_in(self, found: dict[str, Any]) -> Failure | None:
        """What the answer and the warnings beside it say; None for a page that was read and is in order."""
        warned = failures.from_warnings(self._logger.warnings)
        if warned is not None and (warned.kind in OF_THE_VIDEO or warned.stops_queue):
            return warned
        if found["licence"] != "unknown":
            # The page was read in spite of what was warned of: nobody wanted formats.
            return state_of(found)
        if warned is None and self._logger.warnings:
            warned = replace(failures.UNKNOWN, detail=" | ".join(self._logger.warnings[-5:]))
        return warned

    def _site(self) -> Any:
        if self._ydl is None:
            # The pauses are kept here: those of yt-dlp cannot be interrupted.
            self._ydl = open_site(self._config.ytdlp, self._workspace.root, self._logger, pause_s=0)
        return self._ydl

    def _store_answer(self, row: Video, found: dict[str, Any], failure: Failure | None) -> None:
        self.answered.add(row.id)
        changes = {**found, "asked": now_ms()}
        if found.get("licence") == "unknown":
            # Nothing was learnt of it, so what was known stays.
            del changes["licence"]
        elif found:
            changes.setdefault("captions", ())
        # In one transaction: a fetch that ends at this moment has the last word on the row's state.
        with self._store.write():
            now = self._store.videos.get(row.id) or row
            if failure is not None and failure.kind in OF_THE_VIDEO and now.path is None:
                changes |= {"state": "failed", "error": failure.as_row()}
            elif failure is None and now.state == "failed" and (now.error or {}).get("kind") in OF_THE_VIDEO:
                changes |= {"state": "listed", "error": None}
            self._store.videos.update(row.id, **changes)
        now = replace(now, **changes)
        self._rows[row.id] = now
        self._job.item(row.id, ItemState(now.state))
