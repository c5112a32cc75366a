"""Stage "add": what a link, a file or a folder holds goes into the store. Nothing is downloaded.

params: what (links and paths; a relative path is looked for in cwd), cwd (a folder; default: the workspace).
result: sources [{id, url, kind, title, added, known}], added, known, failed (counts).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import Config
from core.errors import UserError
from core.sources import failures, listing, local, names, sidecar
from core.sources.licence import look_up
from core.sources.ytdlp import Ear, base_options, detail_options
from core.store import Store, Video
from core.text import clean
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs.handle import Job

# Failures of a row that another try at another time does not mend.
_FINAL = frozenset(("private", "gone", "copyright", "country", "members"))
_GIVE_UP = 3
"""Look-ups that fail one after the other before the licence pass stops."""


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Add every source named in params. One that fails does not stop the others; UserError if it was the only one."""
    wanted = [str(text) for text in job.params.get("what") or []]
    if not wanted:
        raise UserError("nothing was given to add", "no link and no path", "whispersmith add URL_OR_PATH")
    with Store(workspace.db_path) as store:
        adding = _Adding(workspace, config, job, store)
        try:
            for text in wanted:
                job.check()
                _one(adding, text, alone=len(wanted) == 1)
            adding.look_up_licences()
        finally:
            adding.close()
        return {"sources": adding.sources, "added": adding.added, "known": adding.known, "failed": adding.failed}


def _one(adding: _Adding, text: str, *, alone: bool) -> None:
    try:
        what = names.parse(adding.absolute(text))
        if isinstance(what, Path):
            adding.add_path(what)
        else:
            adding.add_link(what)
    except UserError as error:
        if alone and not adding.added:
            raise
        adding.fail(clean(text, 200), error)


class _Adding:
    """One run of the stage: the store it fills, the yt-dlp it asks, and the counts."""

    def __init__(self, workspace: Workspace, config: Config, job: Job, store: Store) -> None:
        self.workspace = workspace
        self.config = config
        self.job = job
        self.store = store
        self.sources: list[dict[str, Any]] = []
        self.added = self.known = self.failed = 0
        self._ear = Ear(heed=self._heed)
        self._ydl: Any = None

    def close(self) -> None:
        if self._ydl is not None:
            self._ydl.close()

    def absolute(self, text: str) -> str:
        """A relative path against the folder the person stood in; everything else as it is."""
        cwd = Path(str(self.job.params.get("cwd") or self.workspace.root))
        if "://" not in text and text.strip() and not text.startswith("~"):
            try:
                path = cwd / text
                return str(path) if path.exists() else text
            except (OSError, ValueError):  # too long for a name, or with a NUL inside: no path
                return text
        return text

    def fail(self, name: str, error: UserError) -> None:
        self.failed += 1
        self.job.item_failed(name, error)

    def _heed(self) -> None:
        from yt_dlp.utils import DownloadCancelled

        if self.job.cancelled:
            raise DownloadCancelled

    # -- links

    def add_link(self, url: str) -> None:
        from yt_dlp.utils import DownloadCancelled, YoutubeDLError

        self.job.log(f"listing {clean(url, 300)}")
        try:
            self._list(url)
        except DownloadCancelled:
            self.job.check()
            raise
        except YoutubeDLError as error:
            raise failures.classify(error, self._ear.warnings).error("whispersmith add") from error

    def _list(self, url: str) -> None:
        ydl = self._open()
        self._ear.warnings.clear()
        found = listing.list_source(url, ydl)
        source: dict[str, Any] | None = None
        fresh = False
        for row in found.rows:
            self.job.check()
            if found.kind == "video":
                row = self._judged(row)
            if source is None:
                source = self._source(found.url, found.kind, found.title)
                fresh = not any(video.source == source["id"] for video in self.store.videos.all())
            wanted = row.state == "listed" and (row.id == found.wanted if found.wanted else fresh)
            fresh = fresh and not wanted
            self._keep(source, row, wanted)
            self.job.progress(source["added"] + source["known"], unit="videos", note=found.title)
        if source is None:
            raise listing.nothing_found(url)

    def _open(self) -> Any:
        import yt_dlp

        if self._ydl is None:
            self._ydl = yt_dlp.YoutubeDL(self._options(self.config.fetch.request_pause_s))  # type: ignore[arg-type]
        return self._ydl

    def _options(self, pause_s: float) -> dict[str, Any]:
        table = self.config.ytdlp
        base = base_options(table, root=self.workspace.root, logger=self._ear, request_pause_s=pause_s)
        return detail_options(base)

    def _source(self, url: str, kind: str, title: str) -> dict[str, Any]:
        number = self.store.videos.add_source(url, kind, title)
        source = {"id": number, "url": url, "kind": kind, "title": title, "added": 0, "known": 0}
        self.sources.append(source)
        return source

    def _keep(self, source: dict[str, Any], row: Video, wanted: bool) -> None:
        """Store a row. One that is known keeps all it has, but is selected where the link pointed at it."""
        new = self.store.videos.add(replace(row, source=source["id"], selected=wanted))
        if not new and wanted:
            self.store.videos.select([row.id])
        source["added" if new else "known"] += 1
        self.added += new
        self.known += not new
        self.job.item(row.id, row.state if new else "known", title=row.title, source=source["id"])

    def _judged(self, row: Video) -> Video:
        """The row, failed if yt-dlp has just warned that it is private, gone or blocked."""
        failure = failures.from_warnings(self._ear.warnings)
        return listing.failed(row, failure) if failure is not None and failure.kind in _FINAL else row

    # -- licences

    def look_up_licences(self) -> None:
        """Ask for the licence of every YouTube row that has none yet: one request each, with pauses."""
        touched = {source["id"] for source in self.sources}
        rows = [
            video
            for video in self.store.videos.all()
            if video.source in touched
            and video.licence == "unknown"
            and video.state == "listed"
            and names.is_youtube(video.url)
        ]
        misses = 0
        for number, row in enumerate(rows):
            self.job.check()
            self.job.progress(number, len(rows), unit="videos", note="licences")
            failure = self._look_up(row)
            misses = misses + 1 if failure is not None and failure.kind not in _FINAL else 0
            if failure is not None and (failure.stops_queue or misses == _GIVE_UP):
                left = len(rows) - number - 1
                text = f"licences not asked for: {left} more; {failure.what}; the same `add` later asks for the rest"
                self.job.log(text, level="warning")
                return
        if rows:
            self.job.progress(len(rows), len(rows), unit="videos", note="licences")

    def _look_up(self, row: Video) -> failures.Failure | None:
        """Ask for one licence and store it. Returns what was wrong, None if nothing was."""
        from yt_dlp.utils import DownloadCancelled, YoutubeDLError

        self._ear.warnings.clear()
        try:
            facts = look_up(self._open(), row.id)
        except DownloadCancelled:
            self.job.check()
            raise
        except YoutubeDLError as error:
            failure = failures.classify(error, self._ear.warnings)
            self.job.log(f"{row.id}: its licence is not known: {failure.what}", level="warning")
            return failure
        self.store.videos.update(row.id, **facts)
        failure = failures.from_warnings(self._ear.warnings)
        if failure is not None and failure.kind in _FINAL:
            self.store.videos.update(row.id, state="failed", error=failure.as_row())
        now = self.store.videos.get(row.id) or row
        self.job.item(row.id, now.state, licence=now.licence)
        return failure if facts["licence"] == "unknown" or (failure and failure.stops_queue) else None

    # -- files

    def add_path(self, path: Path) -> None:
        files = local.candidates(path, self.workspace.root)
        whole = path.is_dir()
        marks = self._marks()
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
                source = self._source(str(path.resolve()), "folder" if whole else "file", clean(path.stem, 300))
            self._take(source, found, number, marks)
        if rejected:
            self.job.log(f"{len(rejected)} files are no recordings: {', '.join(rejected[:10])}", level="warning")
        if source is None:
            raise UserError(
                f"there is no recording in {clean(str(path), 300)}",
                f"of {len(files)} files none has sound that ffmpeg can read",
                "give the folder that holds the recordings",
            )

    def _marks(self) -> dict[str, str]:
        """Fingerprint -> id of the local files that are here."""
        own = [video.id for video in self.store.videos.all() if video.licence == "own" and video.path]
        return {mark: id for id in own if (mark := sidecar.read(self.workspace.media, id).get("mark"))}

    def _take(self, source: dict[str, Any], found: local.Recording, position: int, marks: dict[str, str]) -> None:
        known = marks.get(found.mark)
        if known is not None and sidecar.on_disk(self.workspace.media, known):
            source["known"] += 1
            self.known += 1
            self.job.log(f"{clean(found.path.name, 200)} is here already, as {known}")
            self.job.item(known, "known", source=source["id"])
            return
        id = known or local.choose_id(found, lambda id: self._taken(id, found.mark))
        target = self.workspace.media / f"{id}{found.path.suffix.lower()}"
        row = Video(
            id=id,
            source=source["id"],
            position=position,
            title=clean(found.path.stem, 300),
            duration_ms=found.info.duration_ms,
            licence="own",
            captions=tuple(dict.fromkeys(language for language, _ in found.captions)),
            state="fetched",
            path=self.workspace.relative(target),
            bytes=found.path.stat().st_size,
        )
        sidecar.write(self.workspace.media, row, mark=found.mark, file=found.path.name)
        for language, file in found.captions:
            name = id if language == "und" else f"{id}.{language}"
            caption = self.workspace.media / f"{name}{file.suffix.lower()}"
            local.place(file, caption, self.workspace.partial, self.job.check)
        local.place(found.path, target, self.workspace.partial, self.job.check)
        if not self.store.videos.add(row):
            self.store.videos.update(id, state="fetched", path=row.path, bytes=row.bytes, error=None)
        marks[found.mark] = id
        source["added"] += 1
        self.added += 1
        self.job.item(id, "fetched", title=row.title, source=source["id"])

    def _taken(self, id: str, mark: str) -> bool:
        """True if the id belongs to another recording. A file left by a killed run is the same one, not another."""
        if self.store.videos.get(id) is not None:
            return True
        lying = sidecar.on_disk(self.workspace.media, id)
        return lying is not None and sidecar.read(self.workspace.media, id).get("mark") != mark
