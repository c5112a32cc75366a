"""One recording from a site into `media/`: fetched, checked, and only then given its name."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.downloads.watchdog import Watchdog
from core.errors import UserError
from core.files import NO_ROOM_BYTES, has_no_room
from core.links import is_youtube
from core.media import dbfs, find_ffmpeg, probe, stream_pcm
from core.sources import failures, sidecar
from core.sources.failures import Failure
from core.sources.licence import facts, licence
from core.sources.listing import sealed
from core.sources.ytdlp import YtdlpLogger, base_options, download_options, follow_redirects
from core.store.records import Video
from core.text import clean
from core.vault import Vault

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

REPORT_S = 0.25
"""Progress is reported at most this often; yt-dlp calls many times a second."""

TOLERANCE_S = 2.0
SILENCE_DBFS = -65.0
"""A second louder than this is sound. Encoded silence lies below -90, a quiet room at about -60."""

STUCK_S = 180.0
"""yt-dlp may be silent for this long: reads end after 20 s, a JavaScript runtime takes some seconds."""

BACKOFF_S = 8.0
"""The longest of the growing waits between the tries that yt-dlp makes by itself."""

_NOT_YET = frozenset(("is_live", "post_live"))


class FetchFailed(Exception):
    """A video that could not be fetched, with the reason."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what)
        self.failure = failure


@dataclass(frozen=True)
class Transfer:
    """How far one download is: bytes, bytes (None if the site does not say), bytes a second, seconds."""

    done: int
    total: int | None
    speed: float | None
    eta: float | None


class Downloader:
    """yt-dlp for a whole queue: one instance keeps connections, cookies and the player script. A context manager.

    table: `[ytdlp]` of the workspace. check: called from every hook and log line; it raises to interrupt, and the
    video is continued later. check_cancel: the same where all has come and is only being verified; it raises to end
    for good. vault: what the passwords and tokens of links are in.
    """

    def __init__(
        self,
        table: Mapping[str, Any],
        *,
        root: Path,
        media: Path,
        partial: Path,
        check: Callable[[], None],
        check_cancel: Callable[[], None],
        request_pause_s: float,
        vault: Vault,
    ) -> None:
        self._logger = YtdlpLogger(check=self._sign_of_life)
        self._vault = vault
        self._check = check
        self._check_cancel = check_cancel
        self._watchdog = Watchdog(STUCK_S)
        self._base = base_options(table, root=root, logger=self._logger, request_pause_s=request_pause_s)
        self._media = media
        self._partial = partial
        self._on_transfer: Callable[[Transfer], None] = lambda transfer: None
        self._last = 0.0
        self._open: dict[bool, YoutubeDL] = {}
        self._ffmpeg = find_ffmpeg().path

    def __enter__(self) -> Downloader:
        self._watchdog.__enter__()
        return self

    @property
    def warnings(self) -> list[str]:
        """What yt-dlp warned of for the last video."""
        return self._logger.warnings

    def __exit__(self, *exc: object) -> None:
        self._watchdog.__exit__(*exc)
        for ydl in self._open.values():
            ydl.close()

    def fetch(
        self,
        video: Video,
        *,
        permit: Callable[[str], None],
        on_transfer: Callable[[Transfer], None],
    ) -> Video:
        """Fetch one video into media/ and return its row as it is now. Nothing is there until all of it is.

        permit: given the licence once it is known for certain, before any audio is asked for; it may raise.
        Raises FetchFailed, or whatever `check` raised.
        """
        from yt_dlp.utils import DownloadCancelled, YoutubeDLError

        self._logger.warnings.clear()
        self._watchdog.fired = False
        self._on_transfer = on_transfer
        try:
            self._partial.mkdir(parents=True, exist_ok=True)
            clear_halves(self._partial, video.id)
            finish_parts(self._partial, video.id)
            ydl: Any = self._ydl(is_youtube(video.url))
            info = self._extract(ydl, self._vault.reveal(video.url))
            row = sealed(_updated_row(video, info), self._vault)
            permit(row.licence)
            if row.live_status in _NOT_YET:
                raise FetchFailed(failures.LIVE)
            done = ydl.process_ie_result(info, download=True, extra_info={"row_id": video.id})
            return self._accept(row, Path(done["requested_downloads"][0]["filepath"]), info.get("duration"))
        except DownloadCancelled:
            raise
        except (YoutubeDLError, ConnectionError, TimeoutError) as error:
            raise FetchFailed(self._classified(error, video.id)) from error
        except UserError as error:
            raise FetchFailed(failures.link_lost(error)) from error
        except OSError as error:
            raise FetchFailed(replace(failures.DISK, detail=clean(str(error), 1000))) from error

    def _classified(self, error: Exception, id: str) -> Failure:
        failure = failures.classify(error, self._logger.warnings)
        if has_no_room(self._partial):
            return replace(failures.DISK, detail=failure.detail)
        if self._watchdog.fired:
            return replace(failures.STUCK, detail=failure.detail)
        if "HTTP Error 416" in failure.detail:
            # There is nothing behind what has come: of a file whose size nobody told, that may be all or another one.
            for part in self._partial.glob(f"{id}.*.part"):
                part.unlink(missing_ok=True)
            return replace(failures.INCOMPLETE, why="it could not be continued", detail=failure.detail)
        return failure

    def _extract(self, ydl: YoutubeDL, url: str) -> dict[str, Any]:
        info = follow_redirects(lambda url, _: ydl.extract_info(url, download=False, process=False), url)
        if info is not None and info.get("_type", "video") == "video":
            return info
        raise FetchFailed(failures.classify(ValueError(f"Unsupported URL: {url}")))

    def _ydl(self, youtube: bool) -> YoutubeDL:
        """The instance for YouTube, or the one for all other sites: they differ in what they may take."""
        import yt_dlp

        if youtube not in self._open:
            options = download_options(self._base, self._partial, ffmpeg=self._ffmpeg, youtube=youtube)
            options["progress_hooks"] = [self._hook]
            options["postprocessor_hooks"] = [self._before_conversion]
            # yt-dlp would sleep in one piece, where neither pause nor cancel reaches it.
            options.setdefault("retry_sleep_functions", {"http": self._back_off, "extractor": self._back_off})
            self._open[youtube] = yt_dlp.YoutubeDL(options)  # type: ignore[arg-type]
        return self._open[youtube]

    def _sign_of_life(self) -> None:
        self._watchdog.reset()
        self._check()

    def _back_off(self, n: int) -> float:
        """The wait before yt-dlp's own next try, n from 0. It is over when this returns; 0 for yt-dlp."""
        end = time.monotonic() + min(BACKOFF_S, float(n))
        while time.monotonic() < end:
            self._sign_of_life()
            time.sleep(0.05)
        return 0.0

    def _hook(self, status: Mapping[str, Any]) -> None:
        if status.get("status") == "finished":
            self._check_cancel()
        else:
            self._sign_of_life()
        now = time.monotonic()
        if status.get("status") != "downloading" or now - self._last < REPORT_S:
            return
        self._last = now
        total = status.get("total_bytes") or status.get("total_bytes_estimate")
        done = int(status.get("downloaded_bytes") or 0)
        self._on_transfer(Transfer(done, int(total) if total else None, status.get("speed"), status.get("eta")))

    def _before_conversion(self, status: Mapping[str, Any]) -> None:
        """OSError if there is no room for another copy: ffmpeg would write as much as fits, and not complain."""
        self._check_cancel()
        source = Path(str(status.get("info_dict", {}).get("filepath") or ""))
        if status.get("status") == "started" and source.is_file():
            needed = source.stat().st_size + NO_ROOM_BYTES
            if shutil.disk_usage(self._partial).free < needed:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))

    def _accept(self, row: Video, path: Path, promised_s: float | None) -> Video:
        """Check what came, give it its name, and clear away what it was made of."""
        try:
            length_ms = self._verify(path, promised_s)
        except FetchFailed:
            # Left where it is it would pass for a finished download the next time.
            path.unlink(missing_ok=True)
            raise
        suffix = ".mp4" if path.suffix in (".mp4", ".m4a") else path.suffix
        target = self._media / f"{row.id}{suffix}"
        row = replace(row, duration_ms=length_ms, state="fetched", error=None, bytes=path.stat().st_size)
        # First the words, then the sound: a recording in media/ always has its attribution.
        sidecar.write(self._media, row)
        _sync(path)
        os.replace(path, target)
        for left in self._partial.glob(f"{row.id}.*"):
            with contextlib.suppress(OSError):  # only room is lost
                left.unlink()
        return replace(row, path=target.name)

    def _verify(self, path: Path, promised_s: float | None) -> int:
        """Milliseconds of the recording. Raises FetchFailed where it is cut short, no recording, or silent."""
        try:
            info = probe(path, cancelled=self._check_cancel)
            if promised_s and abs(info.duration_ms / 1000 - promised_s) > TOLERANCE_S:
                why = f"{info.duration_ms / 1000:.1f} s came, {promised_s:.1f} s were promised"
                raise FetchFailed(replace(failures.INCOMPLETE, why=why))
            # Ends at the first second with sound in it; only silence is decoded to its end.
            stream: Any = stream_pcm(path, cancelled=self._check_cancel)
            with contextlib.closing(stream) as blocks:
                loud = any(dbfs(block) > SILENCE_DBFS for block in blocks)
        except UserError as error:
            raise FetchFailed(failures.broken(error)) from error
        if not loud:
            raise FetchFailed(failures.SILENT)
        return info.duration_ms


def clear_halves(partial: Path, id: str) -> None:
    """Take away what a killed ffmpeg left half-written; the download itself stays, to be continued.

    yt-dlp's remux writes `x.mp4` beside `x.m4a` and deletes the source when it is done. So an mp4 with its source
    still there is half, and without it whole. Repairs go through `x.temp.*`.
    """
    files = list(partial.glob(f"{id}.*"))
    for path in files:
        source = any(
            other != path and other.stem == path.stem and other.suffix not in (".part", ".ytdl") for other in files
        )
        if path.stem.endswith(".temp") or (path.suffix == ".mp4" and source):
            path.unlink(missing_ok=True)


def finish_parts(partial: Path, id: str) -> None:
    """Take away the suffix of a partial file that is whole: the kill came between its last byte and its renaming.

    The size stands in the name (`download_options`). yt-dlp would ask for the byte behind the end, be told 416, and
    ask for the same again. One that is longer than it may be is of no use.
    """
    for part in partial.glob(f"{id}.*.part"):
        told = part.name.removesuffix(".part").rpartition(".")[0].rpartition("-")[2]
        promised = int(told) if told.isdecimal() else 0
        if promised and part.stat().st_size == promised:
            os.replace(part, part.with_suffix(""))
        elif promised and part.stat().st_size > promised:
            part.unlink()


def _updated_row(video: Video, info: Mapping[str, Any]) -> Video:
    """The row with what the site says now; what it does not say stays."""
    said = licence(info)
    found = facts(info)
    if not is_youtube(video.url) and video.title:
        # A bare file knows nothing better than its own name.
        found.pop("title", None)
    return replace(video, **found, licence=video.licence if said == "unknown" else said)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
