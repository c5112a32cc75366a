"""Stage "captions": what people wrote as captions of the recordings here, fetched apart from the audio.

params: ids (or None for every YouTube recording that is here), automatic (also a site's own recognition, where
people wrote nothing; None: as in the settings), again (ask anew for those that are known).
result: found, none, failed (counts), stopped ("" or why the rest was not tried).
"""

from __future__ import annotations

import argparse
import contextlib
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from core.config import Config
from core.downloads.watchdog import Watchdog
from core.errors import UserError
from core.events import ItemFailed, ItemState
from core.links import is_youtube
from core.sources import captions, failures
from core.sources.captions import Track
from core.sources.failures import Failure
from core.sources.rate_limit import RateLimiter
from core.sources.ytdlp import YtdlpLogger, base_options, cancel_check, detail_options, follow_redirects
from core.store import Store, Video
from core.store.records import Captions
from core.text import clean, plural
from core.timed_text import Cue
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs.handle import Job

_T = TypeVar("_T")

_MOST_BYTES = 32_000_000
"""A day of speech is some 5 MB of json3."""

_MOST_TRACKS = 3
"""How many are tried where those that are listed come back empty."""

_IN_A_ROW = 2
"""Failures of the network, one after the other, after which the rest is not tried."""

_STUCK_S = 180.0
"""After this a JavaScript runtime, which the whole request may need, is taken for one that never ends."""

_OF_THE_VIDEO = frozenset(("private", "gone", "members", "copyright", "country", "age", "upcoming", "live"))
_HIDDEN = "PO token was not provided"
"""What yt-dlp warns of where YouTube lists captions that this client may not have."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID", help="default: every recording that is here")
    parser.add_argument("--automatic", action="store_true", help="also the site's own speech recognition")
    parser.add_argument("--again", action="store_true", help="also where there are some already, or were none")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    # None leaves it to the setting captions.automatic.
    return {"ids": arguments.ids or None, "automatic": arguments.automatic or None, "again": arguments.again}


def report(result: dict[str, Any]) -> str:
    stopped = f"; stopped: {result['stopped']}" if result["stopped"] else ""
    found = plural(result["found"], "recording")
    return f"captions of {found}, none for {result['none']}, {result['failed']} failed{stopped}"


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """Refuse ids that no source lists, and recordings of this machine, which no site has captions of."""
    if ids := params.get("ids"):
        with Store(workspace.db_path) as store:
            _named(store, [str(id) for id in ids])


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Fetch the captions of what is here and was never asked for. One video's failure never stops the rest, save
    one that says that going on makes it worse."""
    with Store(workspace.db_path) as store:
        captions_run = _CaptionsRun(workspace, config, job, store, is_own_job=True)
        ids = [str(id) for id in job.params.get("ids") or []]
        with contextlib.closing(captions_run):
            captions_run.run(_named(store, ids) if ids else _here(store.videos.all()))
        return captions_run.result()


def fetch_for(workspace: Workspace, config: Config, job: Job, store: Store, videos: Sequence[Video]) -> dict[str, Any]:
    """The same for some videos, at the end of a fetch job: nothing that goes wrong here fails it or its videos.

    Returns the counts of `run`. Only a cancel is raised.
    """
    from core.jobs.handle import Cancelled

    captions_run = _CaptionsRun(workspace, config, job, store, is_own_job=False)
    try:
        wanted = {video.id for video in videos}
        with contextlib.closing(captions_run):
            captions_run.run([video for video in _here(store.videos.all()) if video.id in wanted])
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001 - the audio is here and whole: captions may not take that back
        if not isinstance(error, UserError):
            traceback.print_exc()
        captions_run.stopped = clean(str(error), 300) or type(error).__name__
        job.log(f"captions were not fetched: {captions_run.stopped}", "warning")
    return captions_run.result()


def _here(videos: Sequence[Video]) -> list[Video]:
    return [video for video in videos if video.state == "fetched" and is_youtube(video.url)]


def _named(store: Store, ids: list[str]) -> list[Video]:
    videos = store.videos.named(ids)
    for video in videos:
        if not video.url:
            raise UserError(
                f"{video.id} comes from this machine",
                "no site can be asked for its captions",
                f"put them beside it as media/{video.id}.srt, or whispersmith import PATH",
            )
    return videos


def _in_words_of_captions(failure: Failure) -> Failure:
    """The table of failures speaks of videos and of audio, neither of which is concerned."""
    fix = failure.fix.replace("whispersmith fetch", "whispersmith captions")
    steps = tuple(step.replace("whispersmith fetch", "whispersmith captions") for step in failure.steps)
    if failure.stops_queue or failure.kind.startswith("captions"):
        return replace(failure, fix=fix, steps=steps)
    why = f"{failure.what}: {failure.why}; the audio is not concerned"
    return replace(failure, what="the captions could not be fetched", why=why, fix=fix, steps=steps)


class _NoCaptions(Exception):
    """There are no captions of a video, or they could not be had."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what)
        self.failure = failure


class _CaptionsRun:
    """One run. is_own_job: a stage of its own, whose failures are the job's."""

    def __init__(self, workspace: Workspace, config: Config, job: Job, store: Store, *, is_own_job: bool) -> None:
        self.found = self.none = self.failed = 0
        self.stopped = ""
        self._workspace = workspace
        self._config = config
        self._job = job
        self._store = store
        self._is_own_job = is_own_job
        self._again = is_own_job and bool(job.params.get("again"))
        asked = job.params.get("automatic") if is_own_job else None
        self._automatic = config.captions.automatic if asked is None else bool(asked)
        self._patterns = captions.wanted(config)
        # With other languages or recognition asked for, "none" is no answer any more.
        self._wanted = " ".join((*self._patterns, *(("automatic",) if self._automatic else ())))
        self._network_failures = 0
        self._limiter = RateLimiter(config.fetch.request_pause_s, config.fetch.lookups_per_hour)
        self._logger = YtdlpLogger(check=cancel_check(job))
        self._instances: dict[bool, Any] = {}

    def close(self) -> None:
        for ydl in self._instances.values():
            ydl.close()

    def result(self) -> dict[str, Any]:
        return {"found": self.found, "none": self.none, "failed": self.failed, "stopped": self.stopped}

    def run(self, videos: Sequence[Video]) -> None:
        known = self._store.captions.asked()
        due = [video for video in videos if self._again or self._is_due(video, known)]
        if due:
            self._ydl(whole=False)  # here, since a setting that cannot be is no video's failure
        for number, video in enumerate(due):
            self._job.hold()
            self._job.progress(number, len(due), unit="captions", note=video.title)
            self._fetch_one(video)
            if self.stopped:
                left = len(due) - number - 1
                self._job.log(f"captions: stopped with {left} not tried: {self.stopped}", "warning")
                return
        if due:
            self._job.progress(len(due), len(due), unit="captions")
            self._job.log(f"captions: {self.found} found, {self.none} without, {self.failed} failed")
        elif self._is_own_job:
            self._job.log("no recording of YouTube that is here waits for its captions")

    def _is_due(self, video: Video, known: dict[str, dict[str, str] | None]) -> bool:
        error = known.get(video.id, {})
        return error is not None and (error.get("retry") != "never" or error.get("wanted") != self._wanted)

    # -- one video

    def _fetch_one(self, video: Video) -> None:
        try:
            track, cues = self._fetch_cues(video)
        except _NoCaptions as missing:
            self._store_failure(video, missing.failure)
            return
        self._network_failures = 0
        self.found += 1
        self._store.captions.put(Captions(video.id, track.language, track.automatic, tuple(cues)))
        self._job.item(video.id, ItemState.CAPTIONS)

    def _fetch_cues(self, video: Video) -> tuple[Track, list[Cue]]:
        """The captions of a video; raises _Missed with the reason where there are none."""
        from yt_dlp.utils import DownloadCancelled, YoutubeDLError

        from core.jobs.handle import Cancelled

        self._logger.warnings.clear()
        try:
            ydl, info = self._extract_info(video)
            tracks = captions.choices(info, self._patterns, automatic=self._automatic)
            for track, _ in zip(tracks, range(_MOST_TRACKS), strict=False):
                if cues := captions.read(track, self._download_track(ydl, track, info)):
                    self._warn_if_translated(video, info, track)
                    return track, cues
            raise _NoCaptions(self._reason(video, info))
        except (Cancelled, _NoCaptions):
            raise
        except DownloadCancelled:
            self._job.check()
            raise
        except (YoutubeDLError, OSError) as error:
            raise _NoCaptions(failures.classify(error, self._logger.warnings)) from error
        except UserError as error:
            unreadable = Failure("captions unreadable", error.what, error.why, error.fix, detail=error.detail)
            raise _NoCaptions(unreadable) from error
        except Exception as error:
            traceback.print_exc()
            raise _NoCaptions(failures.unexpected(error)) from error

    def _extract_info(self, video: Video) -> tuple[Any, dict[str, Any]]:
        """(the yt-dlp that was asked, what it knows): the cheap request, and the whole one where that was shown less.

        For the web page YouTube hides captions from a part of its guests; other clients are shown them.
        """
        ydl, url = self._ydl(whole=False), self._workspace.vault.reveal(video.url)
        info = self._extract(ydl, url)
        if info.get("subtitles") or info.get("automatic_captions") or not is_youtube(video.url):
            return ydl, info
        warned = failures.from_warnings(self._logger.warnings)
        if self._hidden() or (warned is not None and warned.kind == "age"):
            self._logger.warnings.clear()
            ydl = self._ydl(whole=True)
            with Watchdog(_STUCK_S):
                info = self._extract(ydl, url)
        return ydl, info

    def _hidden(self) -> bool:
        return any(_HIDDEN in line for line in self._logger.warnings)

    def _reason(self, video: Video, info: dict[str, Any]) -> Failure:
        """Why nothing was taken: there is nothing, or the site has not shown what there is."""
        warned = failures.from_warnings(self._logger.warnings)
        if warned is not None and (warned.stops_queue or warned.kind in _OF_THE_VIDEO):
            return warned
        if self._hidden():
            return captions.HIDDEN
        if is_youtube(video.url) and not info.get("channel"):
            return replace(failures.UNKNOWN, detail=" | ".join(self._logger.warnings[-5:]))
        return captions.NONE

    def _warn_if_translated(self, video: Video, info: dict[str, Any], track: Track) -> None:
        """Captions in another language than is spoken are somebody's translation: no transcript of the sound."""
        spoken = captions.spoken(info)
        if spoken and not track.automatic and captions.best([track.language], captions.family_of(spoken)) is None:
            text = (
                f"{video.id}: what is spoken is {spoken}, says the site: captions in {track.language} may translate it"
            )
            self._job.log(text, "warning")

    def _store_failure(self, video: Video, failure: Failure) -> None:
        """Store why there are none, unless captions from an earlier time are here, and say so."""
        if failure.kind == captions.NONE.kind:
            self.none += 1
        else:
            self.failed += 1
            failure = _in_words_of_captions(failure)
        self._network_failures = self._network_failures + 1 if failure.kind == "network" else 0
        before = self._store.captions.get(video.id)
        if before is None or not before.cues:
            row = failure.as_row() | {"wanted": self._wanted}
            self._store.captions.put(Captions(video.id, error=row))
        if failure.kind == captions.NONE.kind:
            self._job.item(video.id, ItemState.CAPTIONS)
        elif self._is_own_job:
            self._job.item_failed(video.id, failure.error())
        else:
            self._job.emit(ItemFailed(video.id, failure.error(), ItemState.CAPTIONS))
            self._job.log(f"{video.id}: {failure.what}; {failure.why}", "warning")
        if failure.stops_queue or self._network_failures == _IN_A_ROW:
            self.stopped = f"{failure.what}; {failure.fix}"

    # -- yt-dlp

    def _ydl(self, *, whole: bool) -> Any:
        """The yt-dlp of this pass: the cheap one, or the one that asks every client that it knows."""
        import yt_dlp

        if whole not in self._instances:
            # The pauses are kept here: those of yt-dlp cannot be interrupted.
            base = base_options(self._config.ytdlp, root=self._workspace.root, logger=self._logger, request_pause_s=0)
            options = {**base, "ignore_no_formats_error": True} if whole else detail_options(base)
            # Without the second, sites other than YouTube list none, and YouTube does not say that it hides some.
            options |= {"skip_download": True, "writesubtitles": True}
            self._instances[whole] = yt_dlp.YoutubeDL(options)  # type: ignore[arg-type]
        return self._instances[whole]

    def _extract(self, ydl: Any, url: str) -> dict[str, Any]:
        def request(url: str, _: str | None) -> Any:
            self._pause()
            return self._in_thread(lambda: ydl.extract_info(url, download=False, process=False))

        info = follow_redirects(request, url)
        if info is not None and info.get("_type", "video") == "video":
            return info
        raise _NoCaptions(captions.NONE)

    def _download_track(self, ydl: Any, track: Track, info: dict[str, Any]) -> bytes:
        """A track as it comes over the line, b"" where there is nothing at its address."""
        from yt_dlp.networking import Request
        from yt_dlp.networking.exceptions import HTTPError

        if track.data is not None:
            return track.data.encode("utf-8", "ignore")
        headers = dict(track.headers) or {str(k): str(v) for k, v in (info.get("http_headers") or {}).items()}

        def get() -> bytes:
            with contextlib.closing(ydl.urlopen(Request(track.url, headers=headers))) as response:
                blocks, size = [], 0
                while size < _MOST_BYTES and (block := response.read(1 << 18)):
                    blocks.append(block)
                    size += len(block)
                return b"".join(blocks)

        self._pause()
        try:
            return self._in_thread(get)
        except HTTPError as error:
            if error.status in (404, 410):
                return b""
            raise

    def _pause(self) -> None:
        self._job.wait(self._limiter.wait_s(time.monotonic()))
        self._limiter.begin(time.monotonic())

    def _in_thread(self, request: Callable[[], _T]) -> _T:
        """The answer of a request, made in a thread of its own: a silent server must not hold up a cancel, which
        leaves the thread to its timeout."""
        answers: list[_T] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                answers.append(request())
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for it
                errors.append(error)

        thread = threading.Thread(target=work, name="captions", daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(0.1)
            self._job.check()
        if errors:
            raise errors[0]
        return answers[0]
