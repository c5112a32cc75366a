"""Stage "add": what a link, a file or a folder holds goes into the store. Nothing is downloaded.

params: what (links and paths; a relative path is looked for in cwd), cwd (a folder; default: the workspace).
result: sources [{id, url, kind, title, added, known}], added, known, failed (counts).
items: a row's state, or "known" for one that was there before.
"""

from __future__ import annotations

import argparse
import time
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import Config
from core.errors import UserError
from core.events import ItemState
from core.redaction import redact_title
from core.sources import failures, listing, local, names, sidecar
from core.sources.licence import open_site
from core.sources.ytdlp import YtdlpLogger, cancel_check
from core.stages.details import OF_THE_VIDEO
from core.store import Store, StoreFault, Video
from core.temporaries import leftovers_in, remove_abandoned
from core.text import clean, plural
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs.handle import Job

BATCH, BATCH_S = 25, 0.1
"""Rows are stored together, since each transaction waits for the disk, but never held longer than this."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="+", metavar="URL_OR_PATH")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    # The job runs in the workspace; a relative path is meant from here.
    return {"what": arguments.what, "cwd": str(Path.cwd())}


def report(result: dict[str, Any]) -> str:
    return f"{plural(result['added'], 'video')} added, {result['known']} known already, {result['failed']} failed"


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """Refuse nothing at all, and the only source if it is neither a link nor here; one of several fails alone."""
    wanted = [str(text) for text in params.get("what") or []]
    if not wanted:
        raise UserError("nothing was given to add", "no link and no path", "whispersmith add URL_OR_PATH")
    if len(wanted) == 1:
        names.parse(wanted[0], Path(str(params.get("cwd") or workspace.root)))


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Add every source named in params. One that fails does not stop the others; UserError if it was the only one."""
    wanted = [str(text) for text in job.params.get("what") or []]
    remove_abandoned(leftovers_in(workspace.partial))
    with Store(workspace.db_path) as store:
        add_run = _AddRun(workspace, config, job, store)
        try:
            for text in wanted:
                job.check()
                _add_one(add_run, text, alone=len(wanted) == 1)
        finally:
            add_run.close()
        return {"sources": add_run.sources, "added": add_run.added, "known": add_run.known, "failed": add_run.failed}


def _add_one(add_run: _AddRun, text: str, *, alone: bool) -> None:
    try:
        what = names.parse(text, add_run.cwd)
        if isinstance(what, Path):
            add_run.add_path(what)
        else:
            add_run.add_link(what)
    except UserError as error:
        if alone and not add_run.added:
            raise
        add_run.fail(clean(text, 200), error)


class _AddRun:
    """One run of the stage: the store it fills, the yt-dlp it asks, and the counts."""

    def __init__(self, workspace: Workspace, config: Config, job: Job, store: Store) -> None:
        self.workspace = workspace
        self.config = config
        self.job = job
        self.store = store
        self.sources: list[dict[str, Any]] = []
        self.added = self.known = self.failed = 0
        self._logger = YtdlpLogger(check=cancel_check(job), on_line=lambda _: self._flush())
        self._ydl: Any = None
        self._batch: _RowBatch | None = None

    def close(self) -> None:
        if self._ydl is not None:
            self._ydl.close()

    @property
    def cwd(self) -> Path:
        """The folder the person stood in."""
        return Path(str(self.job.params.get("cwd") or self.workspace.root))

    def fail(self, name: str, error: UserError) -> None:
        self.failed += 1
        self.job.item_failed(name, error)

    # -- links

    def add_link(self, url: str) -> None:
        from yt_dlp.utils import DownloadCancelled, YoutubeDLError

        from core.jobs.handle import Cancelled

        self.job.log(f"listing {clean(url, 300)}")
        try:
            self._list(url)
        except DownloadCancelled:
            self.job.check()
            raise
        except YoutubeDLError as error:
            raise failures.classify(error, self._logger.warnings).error("whispersmith add") from error
        except (Cancelled, UserError, StoreFault):
            raise
        except Exception as error:
            # An extractor is strangers' code for strangers' pages; it may raise anything. The next source may be fine.
            traceback.print_exc()
            raise failures.unexpected(error).error("whispersmith add") from error

    def _list(self, url: str) -> None:
        ydl = self._open()
        self._logger.warnings.clear()
        found = listing.list_source(url, ydl)
        try:
            for found_row in found.rows:
                self.job.check()
                row = listing.sealed(found_row, self.workspace.vault)
                if found.kind == "video" or row.id == found.wanted:
                    row = self._failed_if_warned(row)
                if self._batch is None:
                    self._batch = self._begin(found)
                batch = self._batch
                batch.take(row)
                if batch.full:
                    self._flush()
                self.job.progress(batch.count, found.count, unit="videos", note=found.title)
        finally:
            # Also what came before a page that failed, or before somebody stopped it.
            self._flush()
            batch, self._batch = self._batch, None
        if batch is None:
            raise listing.nothing_found(url)
        self.store.videos.listed_to_end(batch.source["id"])
        self.job.progress(batch.count, batch.count, unit="videos", note=found.title)

    def _begin(self, found: listing.Listing) -> _RowBatch:
        source = self._source(found.url, found.kind, found.title)
        fresh = not any(video.source == source["id"] for video in self.store.videos.all())
        return _RowBatch(source, found.wanted, fresh)

    def _open(self) -> Any:
        if self._ydl is None:
            pause_s = self.config.fetch.request_pause_s
            self._ydl = open_site(self.config.ytdlp, self.workspace.root, self._logger, pause_s=pause_s)
        return self._ydl

    def _source(self, url: str, kind: str, title: str) -> dict[str, Any]:
        given, url, title = url, self.workspace.vault.seal(url), redact_title(title)
        if given != url:
            self.store.videos.rename_source(given, url)  # as earlier versions kept it
        number = self.store.videos.add_source(url, kind, title)
        source = {"id": number, "url": url, "kind": kind, "title": title, "added": 0, "known": 0}
        self.sources.append(source)
        return source

    def _flush(self) -> None:
        """Store the rows that are held. yt-dlp says a line before each request: then they would wait for its answer."""
        batch = self._batch
        if batch is None or not batch.rows:
            return
        rows = batch.release()
        source = batch.source
        with self.store.write():
            before = {video.id: video for video in self.store.videos.some([row.id for row in rows])}
            new = self.store.videos.add_many(rows)
            for row in rows:
                if row.id in before and (changes := _changes(before[row.id], row)):
                    self.store.videos.update(row.id, **changes)
            if batch.wanted in {row.id for row in rows if row.selected} - new:
                self.store.videos.select([batch.wanted])
        source["added"] += len(new)
        source["known"] += len(rows) - len(new)
        self.added += len(new)
        self.known += len(rows) - len(new)
        for row in rows:
            self.job.item(row.id, ItemState(row.state) if row.id in new else ItemState.KNOWN)

    def _failed_if_warned(self, row: Video) -> Video:
        """The row, failed if yt-dlp has just warned that it is private, gone or blocked."""
        failure = failures.from_warnings(self._logger.warnings)
        return listing.failed(row, failure) if failure is not None and failure.kind in OF_THE_VIDEO else row

    # -- files

    def add_path(self, path: Path) -> None:
        files = local.candidates(path, self.workspace.root)
        whole = path.is_dir()
        fingerprints = self._known_fingerprints()
        source: dict[str, Any] | None = None
        rejected: list[str] = []
        for number, file in enumerate(files):
            self.job.check()
            self.job.progress(number, len(files), unit="files", note=clean(file.name, 100))
            try:
                found = local.examine(file, self.job.check)
            except UserError as error:
                if not whole:
                    raise
                rejected.append(f"{clean(file.name, 100)} ({error.why})")
                continue
            if source is None:
                source = self._source(local.address(path), "folder" if whole else "file", clean(path.stem, 300))
            self._add_recording(source, found, number, fingerprints)
        if rejected:
            self.job.log(
                f"{plural(len(rejected), 'file')} left out, no recording: {', '.join(rejected[:10])}", level="warning"
            )
        if source is None:
            raise UserError(
                f"there is no recording in {clean(str(path), 300)}",
                f"none of {plural(len(files), 'file')} has sound that ffmpeg can read",
                "give the folder that holds the recordings",
            )

    def _known_fingerprints(self) -> dict[str, str]:
        """Fingerprint -> id of the local files that are here."""
        own = [video.id for video in self.store.videos.all() if video.licence == "own" and video.path]
        return {mark: id for id in own if (mark := sidecar.read(self.workspace.media, id).get("mark"))}

    def _add_recording(
        self, source: dict[str, Any], found: local.LocalRecording, position: int, fingerprints: dict[str, str]
    ) -> None:
        known = fingerprints.get(found.fingerprint)
        if known is not None and sidecar.on_disk(self.workspace.media, known):
            source["known"] += 1
            self.known += 1
            self.job.log(f"{clean(found.path.name, 200)} is here already, as {known}")
            self.job.item(known, ItemState.KNOWN)
            return
        id = known or local.choose_id(found, lambda id: self._id_in_use(id, found.fingerprint))
        target = self.workspace.media / f"{id}{found.path.suffix.lower()}"
        row = Video(
            id=id,
            source=source["id"],
            position=position,
            title=clean(found.path.stem, 300) or id,
            duration_ms=found.info.duration_ms,
            licence="own",
            captions=tuple(dict.fromkeys(language for language, _ in found.captions)),
            state="fetched",
            path=self.workspace.relative(target),
            bytes=found.path.stat().st_size,
        )
        sidecar.write(self.workspace.media, row, mark=found.fingerprint, file=clean(found.path.name, 300))
        for language, file in found.captions:
            name = id if language == "und" else f"{id}.{language}"
            caption = self.workspace.media / f"{name}{file.suffix.lower()}"
            local.place(file, caption, self.workspace.partial, self.job.check)
        local.place(found.path, target, self.workspace.partial, self.job.check)
        if not self.store.videos.add(row):
            self.store.videos.update(id, state="fetched", path=row.path, bytes=row.bytes, error=None, media_fault=None)
        fingerprints[found.fingerprint] = id
        source["added"] += 1
        self.added += 1
        self.job.item(id, ItemState.FETCHED)

    def _id_in_use(self, id: str, fingerprint: str) -> bool:
        """True if the id belongs to another recording. A file left by a killed run is the same one, not another."""
        if self.store.videos.get(id) is not None:
            return True
        lying = sidecar.on_disk(self.workspace.media, id)
        return lying is not None and sidecar.read(self.workspace.media, id).get("mark") != fingerprint


@dataclass
class _RowBatch:
    """The rows of one list on their way into the store. wanted: the id that the link pointed at, or "".

    fresh: the source is new here, so its first video is preselected.
    """

    source: dict[str, Any]
    wanted: str
    fresh: bool
    rows: list[Video] = field(default_factory=list)
    count: int = 0
    since: float = 0.0

    def take(self, row: Video) -> None:
        """Hold a row, selected where it is to be: the one pointed at, else the first that can be fetched."""
        if not self.rows:
            self.since = time.monotonic()
        selected = row.state == "listed" and (row.id == self.wanted if self.wanted else self.fresh)
        self.fresh = self.fresh and not selected
        self.count += 1
        self.rows.append(replace(row, source=self.source["id"], selected=selected))

    @property
    def full(self) -> bool:
        return self.count == 1 or len(self.rows) >= BATCH or time.monotonic() - self.since >= BATCH_S

    def release(self) -> list[Video]:
        rows, self.rows = self.rows, []
        return rows


def _changes(before: Video, seen: Video) -> dict[str, Any]:
    """What a list tells anew of a row that was known: it has become private, or a stream that was announced is over.

    What was learnt of the video otherwise, and what a person decided, stays.
    """
    if before.path:
        return {}
    changes: dict[str, Any] = {}
    hidden = before.title in listing.PLACEHOLDERS
    if (hidden or before.title in ("", before.id)) and seen.title not in ("", *listing.PLACEHOLDERS):
        changes["title"] = seen.title
    if before.duration_ms is None and seen.duration_ms is not None:
        changes["duration_ms"] = seen.duration_ms
    if before.asked is None and seen.asked is not None:
        changes |= {name: getattr(seen, name) for name in _PAGE_COLUMNS}
    if seen.state == "failed" and before.state == "listed":
        changes |= {"state": "failed", "error": seen.error}
    elif seen.state == "listed" and before.state == "failed":
        passing = (before.error or {}).get("kind") in ("live", "upcoming")
        if passing or hidden:
            changes |= {"state": "listed", "error": None, "asked": seen.asked, "live_status": seen.live_status}
    return changes


_PAGE_COLUMNS = ("asked", "licence", "licence_text", "captions", "channel", "channel_url", "upload_date", "live_status")
"""Columns that the page of one video tells, and no list."""
