"""2 Playlist: sources and their recordings; rows arrive while they are listed, and show how far each download is."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from core.errors import UserError
from core.store import Source, Video
from tui import keymap, marks
from tui.bridge import JobBatch
from tui.line import Line
from tui.screens.pipeline import PipelineScreen, StepTable, Trouble
from tui.widgets import dialog
from tui.widgets.columns import Column
from tui.widgets.segment_table import RowTable

FREE = frozenset(("cc-by", "own"))
LICENCES = {"cc-by": "CC BY", "standard": "standard", "own": "own", "unknown": "–"}
SHORT_LICENCES = {"cc-by": "cc", "standard": "©", "own": "", "unknown": "?"}
HOPELESS = frozenset(("private", "gone"))
BYTES_A_MS = 13.6
"""About what YouTube's audio track takes, until this workspace has downloads of its own to go by."""
NARROW = 95


class Recordings:
    """The table's rows: a list of videos, with what the running jobs say of them on top."""

    def __init__(self, videos: Sequence[Video], screen: PlaylistScreen) -> None:
        self.videos = videos
        self._screen = screen
        self._places = {video.id: place for place, video in enumerate(videos)}

    def __len__(self) -> int:
        return len(self.videos)

    def key(self, index: int, /) -> str:
        return self.videos[index].id

    def index_of(self, key: str, /) -> int | None:
        return self._places.get(key)

    def cells(self, index: int, /) -> list[str | Text]:
        return self._screen.cells(self.videos[index])


class Filter(Input):
    """Its own pane: while it is written in, the keys of the rows are letters."""

    PANE = "playlist.filter"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("playlist.filter")

    def __init__(self) -> None:
        super().__init__(placeholder="part of a title, a channel, an id", classes="filter", compact=True)
        self.cursor_blink = False


class PlaylistScreen(PipelineScreen):
    PANE = STEP = "playlist"
    STAGES = frozenset({"add", "fetch", "demo"})
    TELLS_FAILURES = True
    CSS_PATH = "playlist.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("playlist"), ("escape", "no_filter")]

    def __init__(self) -> None:
        super().__init__()
        self._videos: dict[str, Video] = {}
        self._sources: list[Source] = []
        self._moving: dict[str, dict[str, Any]] = {}
        """id -> what the download last said of it."""
        self._queued: dict[Path, set[str]] = {}
        """Ids that a live job has still before it."""
        self._unsaved: dict[str, bool] = {}
        """Selections that are not in the store yet."""
        self._saving = threading.Lock()
        self._any_licence = False
        self._trouble: UserError | None = None
        self._count = ""

    def content(self) -> Iterable[Widget]:
        yield Line(id="source")
        yield StepTable(
            self._columns(),
            Recordings([], self),
            empty_text="\nNothing here yet.\n+ adds a playlist, a channel, a video, a file or a folder.",
        )
        yield Trouble()
        yield Line(id="total")
        yield Filter()

    @property
    def filter(self) -> Filter:
        return self.query_one(Filter)

    def on_mount(self) -> None:
        self.filter.display = False
        self.table.focus()
        self._load()

    def store_changed(self) -> None:
        self._load()

    # -- reading

    def _load(self) -> None:
        store = self.store
        self.in_thread(
            lambda: (store.videos.all(), store.videos.sources()), self._loaded, group="load", failed=self._not_loaded
        )

    def _not_loaded(self, error: UserError) -> None:
        self.query_one(Trouble).tell(error)

    def _loaded(self, found: tuple[list[Video], list[Source]]) -> None:
        videos, self._sources = found
        self._videos = {video.id: video for video in videos}
        self._filtered()
        self._show_totals()

    def _filtered(self) -> None:
        wanted = self.filter.value.casefold().split()
        videos = self._videos.values()
        shown = [video for video in videos if self._matches(video, wanted)] if wanted else list(videos)
        self.table.set_source(Recordings(shown, self))
        if self._videos and not shown:
            self.table.empty_text = "\nNothing matches the filter; esc shows all."

    @staticmethod
    def _matches(video: Video, wanted: list[str]) -> bool:
        text = f"{video.title} {video.channel} {video.id} {LICENCES.get(video.licence, '')}".casefold()
        return all(word in text for word in wanted)

    def selected(self, video: Video) -> bool:
        return self._unsaved.get(video.id, video.selected)

    # -- showing

    def _columns(self) -> list[Column]:
        narrow = self.app.size.width < NARROW
        return [
            Column("mark", "", 1),
            Column("title", "title", None, least=24),
            Column("length", "length", 8, "right"),
            Column("date", "date", 10, drop=1),
            Column("licence", "" if narrow else "licence", 2 if narrow else 8, drop=3),
            Column("captions", "captions", 8, drop=2),
            Column("state", "state", 17),
        ]

    @on(events.Resize)
    def _fit_columns(self) -> None:
        self.table.set_columns(self._columns())

    def cells(self, video: Video) -> list[str | Text]:
        plain, narrow = self.smith.ascii, self.app.size.width < NARROW
        date = video.upload_date
        if len(date) == 8 and date.isdigit():
            date = f"{date[:4]}-{date[4:6]}-{date[6:]}"
        names = SHORT_LICENCES if narrow else LICENCES
        licence = names.get(video.licence, video.licence)
        return [
            marks.mark("ok" if self.selected(video) else "not", plain),
            video.title or video.id,
            marks.length(video.duration_ms),
            date or marks.mark("unknown", plain),
            "(c)"[:2] if plain and licence == "©" else licence,
            ",".join(video.captions) or marks.mark("unknown", plain),
            self._state(video),
        ]

    def _state(self, video: Video) -> Text:
        moving = self._moving.get(video.id)
        if moving is not None:
            name, word = "running", self._speed(moving)
        elif any(video.id in ids for ids in self._queued.values()):
            name, word = "waiting", "waits"
        elif video.state == "fetched":
            name, word = "done", marks.megabytes(video.bytes)
        elif video.state == "failed":
            name, word = "failed", (video.error or {}).get("kind") or "failed"
        else:
            name, word = "unknown", "not here"
        return Text(f"{marks.mark(name, self.smith.ascii)} {word}", marks.style(name))

    @staticmethod
    def _speed(moving: dict[str, Any]) -> str:
        done, total, speed = moving.get("done"), moving.get("total"), moving.get("speed")
        share = f"{done / total:.0%}" if total and done is not None else marks.megabytes(done) if done else "asks"
        return f"{share}  {marks.megabytes(speed)}/s" if speed else share

    def _show_totals(self) -> None:
        videos = list(self._videos.values())
        free = sum(video.licence == "cc-by" for video in videos)
        whole = marks.total_length(sum(video.duration_ms or 0 for video in videos))
        self._count = f"{len(videos)} video{'s' * (len(videos) != 1)}, {whole}, {free} CC BY" if videos else ""
        self._show_source()
        chosen = [video for video in videos if self.selected(video) and video.state != "fetched"]
        here = [video for video in videos if video.state == "fetched" and video.bytes and video.duration_ms]
        rate = sum(v.bytes or 0 for v in here) / sum(v.duration_ms or 1 for v in here) if here else BYTES_A_MS
        ms = sum(video.duration_ms or 0 for video in chosen)
        total = (
            f"{len(chosen)} selected: {marks.total_length(ms)}, about {marks.megabytes(ms * rate)}" if chosen else ""
        )
        self.query_one("#total", Line).show(total or self._done_text(videos))
        self.query_one(Trouble).tell(self._trouble)

    def _show_source(self) -> None:
        self.query_one("#source", Line).show(self._source_text(), self._count)

    def _done_text(self, videos: list[Video]) -> str:
        if videos and all(video.state == "fetched" for video in videos):
            return "Everything is here; next: 3 Segments"
        return "Nothing is selected to download; space selects" if videos else ""

    def _source_text(self) -> Text:
        text = Text("Source  ", "bold")
        for batch in self.live_jobs("add", "demo"):
            sign, doing = marks.mark("running", self.smith.ascii), {"add": "listing"}.get(batch.stage, "being made")
            return text.append(f"{sign} {doing}  {batch.view.note}   x cancel")
        if len(self._sources) == 1:
            return text.append(self._sources[0].title or self._sources[0].url)
        titles = ", ".join(source.title or source.url for source in reversed(self._sources))
        return text.append(f"{len(self._sources)}: {titles}" if titles else "none yet")

    # -- jobs

    def job_events(self, batch: JobBatch) -> None:
        items = {str(event.data.get("id")): event.data for event in batch.of("item")}
        moved = {id for id, data in items.items() if data.get("state") != "fetching"}
        if batch.stage == "fetch" and batch.folder not in self._queued:
            self._queued[batch.folder] = {str(id) for id in batch.view.params.get("ids") or ()}
            self.table.refresh_rows()
        left = self._queued.get(batch.folder, set())
        left -= moved
        for id, data in items.items():
            if id in moved or batch.ended:
                self._moving.pop(id, None)
            else:
                self._moving[id] = data
        if batch.ended:
            for id in self._queued.pop(batch.folder, set()):
                self._moving.pop(id, None)
            self._ended(batch)
        if moved or batch.ended:
            self._load()
        for id in items:
            place = self._place(id)
            if place is not None:
                self.table.refresh_row(place)
        self._show_source()

    def _ended(self, batch: JobBatch) -> None:
        if batch.history:
            return
        error = batch.view.error or next((e.data.get("error") for e in batch.of("item") if e.data.get("error")), None)
        stopped = str(batch.view.result.get("stopped") or "")
        if batch.view.state == "cancelled" or not (error or stopped):
            self._trouble = None
        else:
            self._trouble = UserError(stopped) if stopped else UserError.from_dict(error or {})
        self.table.refresh_rows()

    def _place(self, id: str) -> int | None:
        source = self.table.source
        return source.index_of(id) if isinstance(source, Recordings) else None

    # -- selecting

    def _mark(self, chosen: dict[str, bool]) -> None:
        self._unsaved.update(chosen)
        store = self.store

        def save() -> dict[str, bool]:
            # Whatever is due by now, so that quick presses end in one write and the last press wins.
            with self._saving:
                due = dict(self._unsaved)
                for value in (True, False):
                    store.videos.select([id for id, wanted in due.items() if wanted is value], value)
            return due

        def saved(due: dict[str, bool]) -> None:
            for id, value in due.items():
                if self._unsaved.get(id) is value:
                    del self._unsaved[id]
            self._load()

        self.in_thread(save, saved, group="select")
        self.table.refresh_rows()
        self._show_totals()

    @property
    def video(self) -> Video | None:
        return self._videos.get(self.table.cursor_key or "")

    def _shown(self) -> Sequence[Video]:
        source = self.table.source
        return source.videos if isinstance(source, Recordings) else []

    def action_mark(self) -> None:
        if self.video is not None:
            self._mark({self.video.id: not self.selected(self.video)})
            self.table.cursor += 1

    def action_mark_all(self) -> None:
        shown = self._shown()
        value = not all(self.selected(video) for video in shown)
        self._mark({video.id: value for video in shown})

    def action_mark_free(self) -> None:
        self._mark({video.id: video.licence in FREE for video in self._videos.values()})

    # -- filter

    def action_filter(self) -> None:
        self.filter.display = True
        self.filter.focus()

    @on(Input.Changed)
    def _narrow(self) -> None:
        self._filtered()

    @on(Input.Submitted)
    def _to_the_rows(self) -> None:
        self.filter.display = bool(self.filter.value)
        self.table.focus()

    def action_no_filter(self) -> None:
        self.filter.value = ""
        self.filter.display = False
        self.table.focus()

    # -- keys that start and stop work

    def action_add(self) -> None:
        question = dialog.TextPrompt(
            "Add a source",
            check=lambda text: None if text.strip() else "paste a link, or write a path",
            text="The link of a playlist, a channel, a video or a podcast feed; or the path of a file or a folder.",
            placeholder="https://www.youtube.com/playlist?list=…",
        )
        self.ask(question, lambda text: self._add(str(text).strip()))

    def _add(self, text: str) -> None:
        self._trouble = None
        self.query_one(Trouble).tell(None)
        self.start_job("add", {"what": [text], "cwd": str(Path.cwd())})

    @on(RowTable.Chosen)
    def action_get(self) -> None:
        video = self.video
        if video is not None and video.state == "failed" and video.id not in self._moving:
            self._tell_failure(video)
            return
        chosen = [v for v in self._videos.values() if self.selected(v) and v.state != "fetched"]
        self._fetch([v for v in chosen if v.state != "failed" or (v.error or {}).get("kind") not in HOPELESS])

    def _tell_failure(self, video: Video) -> None:
        error = UserError.from_dict(video.error or {})
        self.smith.push_screen(dialog.Message(video.title or video.id, error.what or "It failed", error.why, error.fix))

    def action_retry(self) -> None:
        failed = [video for video in self._videos.values() if video.state == "failed"]
        again = [v for v in failed if (v.error or {}).get("kind") not in HOPELESS or v is self.video]
        if not again:
            self.say(
                "Private and removed recordings only: put the cursor on one to try it" if failed else "Nothing failed"
            )
            return
        self._fetch(again)

    def _fetch(self, videos: list[Video]) -> None:
        busy = {id for ids in self._queued.values() for id in ids}
        wanted = [video for video in videos if video.id not in busy]
        if not wanted:
            self.say(
                "They are being downloaded already; x cancels" if videos else "Select recordings first: space, a or c"
            )
            return
        unfree = [video for video in wanted if video.licence not in FREE]
        try:
            permitted = self._any_licence or self.workspace.config().fetch.any_licence
        except UserError as error:
            self.explain(error)
            return
        if not unfree or permitted:
            self._start_fetch(wanted, any_licence=bool(unfree))
            return
        unknown = sum(video.licence == "unknown" for video in unfree)
        said = f"; of {unknown} the licence is not known yet" if unknown else ""
        text = (
            f"{len(unfree)} of {len(wanted)} are not under a Creative Commons licence{said}. Whether you may use "
            "them is for you to know; the rest of this session does not ask again."
        )
        free = [video for video in wanted if video.licence in FREE]
        choices = [("y", f"I may use them: download all {len(wanted)}")]
        if free:
            choices.insert(0, ("c", f"only the {len(free)} that are free"))
        self.ask(dialog.Choice("Licence", text, choices), lambda answer: self._licence_answered(answer, wanted, free))

    def _licence_answered(self, answer: str, wanted: list[Video], free: list[Video]) -> None:
        if answer == "y":
            self._any_licence = True
        self._start_fetch(wanted if answer == "y" else free, any_licence=answer == "y")

    def _start_fetch(self, videos: list[Video], *, any_licence: bool) -> None:
        self._trouble = None
        self.start_job("fetch", {"ids": [video.id for video in videos], "any_licence": any_licence})
        self._show_totals()

    def action_stop(self) -> None:
        live = self.live_jobs()
        running = [batch for batch in live if batch.view.state != "waiting"] or live
        if not running:
            self.say("Nothing is being listed or downloaded")
            return
        self.stop_job(running[0].folder)
        self.say(f"{running[0].stage} stops; what has arrived is kept")
