"""2 Playlist: sources and their recordings; rows arrive while they are listed, and show how far each download is.

playlist_rows.py       every recording with its sums, the rows that are shown, their cells
playlist_reading.py    the store, read off the UI thread
playlist_queue.py      what the jobs say of them
playlist_selection.py  what is chosen, and the range
playlist_panel.py      what a block of the site asks for
playlist_licences.py   the look-up of licences in the background
playlist_downloads.py  the keys that begin, hold and stop work
playlist_work.py       what is asked before work begins, and the words for how it ends
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from core.errors import UserError
from core.licences import FREE
from core.sources import query
from core.store import Store, Video
from tui import keymap
from tui.bridge import JobBatch
from tui.screens.pipeline import ErrorBanner, PipelineScreen, StepTable
from tui.screens.playlist import wording as work
from tui.screens.playlist.block_panel import BlockPanel
from tui.screens.playlist.downloads import Downloads
from tui.screens.playlist.licences import Licences
from tui.screens.playlist.loader import PlaylistLoader
from tui.screens.playlist.queue import Queue
from tui.screens.playlist.rows import LIVE, NARROW, VideoIndex, VideoRows, columns, number
from tui.screens.playlist.selection import Selection
from tui.widgets import cells, marks
from tui.widgets.segment_table import RowTable
from tui.widgets.text_line import TextLine

TELL_S = 0.5
"""How often a look-up of licences is told which rows are on the screen."""
EXAMPLE = "words, or: cc length<30m date>=2023-05 captions:zh state:failed"


class Filter(Input):
    """Its own pane: while it is written in, the keys of the rows are letters."""

    PANE = "playlist.filter"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("playlist.filter")

    def __init__(self) -> None:
        super().__init__(placeholder=EXAMPLE, classes="filter", compact=True)
        self.cursor_blink = False


class PlaylistScreen(PipelineScreen):
    PANE = STEP = "playlist"
    REPORTS_FAILURES = True
    CSS_PATH = "playlist.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("playlist"), ("escape", "back")]

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue()
        self.rows = VideoRows(VideoIndex(), self.queue.state)
        self.selection = Selection()
        self.loader = PlaylistLoader(self)
        self.licences = Licences(self)
        self.downloads = Downloads(self)
        self._query = query.parse("")
        self._trouble: UserError | None = None

    def content(self) -> Iterable[Widget]:
        yield TextLine(id="source")
        yield TextLine(id="hint")
        yield StepTable(
            columns(self._narrow),
            self.rows,
            empty_text="\nNothing here yet.\n+ adds a playlist, a channel, a video, a file or a folder.",
        )
        yield BlockPanel()
        yield ErrorBanner()
        yield TextLine(id="total")
        yield Filter()
        yield TextLine(id="complaint")

    @property
    def filter(self) -> Filter:
        return self.query_one(Filter)

    @property
    def _narrow(self) -> bool:
        return self.app.size.width < NARROW

    def on_mount(self) -> None:
        self.filter.display = self.query_one("#complaint").display = False
        self.set_interval(TELL_S, self.licences.tell)
        self.loader.whole()

    def store_changed(self) -> None:
        self.loader.something_changed()

    # -- the rows

    def rows_read(self, ids: Sequence[str], *, arrived: bool) -> None:
        """These rows were read from the store. arrived: some of them are new, or it was all of them."""
        self._match(ids)
        if arrived:
            self._arrange()
        else:
            self.draw(ids)
            self.show_lines()
        self.licences.look_after()

    def _match(self, ids: Iterable[str]) -> None:
        """What a filter has once shown stays until it is another: no row goes from under the cursor."""
        if self.rows.matched is not None:
            found = ((id, self.rows.index.get(id)) for id in ids)
            matches, has = self._query.matches, self.rows.has_captions
            self.rows.matched |= {id for id, video in found if video is not None and matches(video, has(id))}

    def _arrange(self, *, filtered: bool = False) -> None:
        """Other rows than before. filtered: by a key, so that the cursor has to stay in sight."""
        self.rows.arrange()
        if filtered:
            # What was found is read from its top, not from where some other row was.
            self.table.set_source(self.rows, keep_key=self.rows.index_of(self.table.cursor_key or "") is not None)
        else:
            self.table.refresh_rows()
        self.rows.range = self.selection.range(self.rows, self.table.cursor)
        if len(self.rows.index) and not len(self.rows):
            self.table.empty_text = "\nNothing matches the filter; esc shows all."
        self.show_lines()

    # -- showing

    @on(events.Resize)
    def _fit_columns(self) -> None:
        self.rows.narrow, self.rows.ascii = self._narrow, self.host.ascii
        self.table.set_columns(columns(self._narrow))

    def draw(self, ids: Iterable[str]) -> None:
        for id in ids:
            place = self.rows.index_of(id)
            if place is not None:
                self.table.refresh_row(place)

    def show_lines(self) -> None:
        self.query_one("#source", TextLine).show(self._source_text(), self.rows.index.totals.heading())
        self.query_one("#hint", TextLine).show(self._hint())
        self.query_one("#total", TextLine).show(
            self._range_text() or self.queue.total(self.host.ascii) or self._chosen()
        )
        blocked = self.queue.blocked
        self.query_one(BlockPanel).tell(blocked[1] if blocked else None)
        self.query_one(ErrorBanner).show(self._trouble)

    def _source_text(self) -> Text:
        text = Text("Source  ", "bold")
        for batch in self.live_jobs("add", "demo"):
            doing = {"add": "listing"}.get(batch.stage, "being made")
            cancel = "" if self.live_jobs("fetch", "captions") else "x cancel   "
            return text.append(f"{self._sign('running')} {doing}   {cancel}{batch.view.note}")
        return text.append(work.sources_text([source.title or source.url for source in self.loader.sources]))

    def _sign(self, name: str) -> str:
        return marks.mark(name, self.host.ascii)

    def _hint(self) -> Text:
        """What goes on in the background, and what was left half done, with its key."""
        dot = cells.glyphs(self.app).dot
        parts: list[Text] = []
        if self.rows.matched is not None:
            parts.append(Text(f"{number(len(self.rows))} of {number(len(self.rows.index))} shown {dot} esc shows all"))
        stopped = [] if self.live_jobs("add") else work.stopped_short(self.loader.sources)
        if stopped:
            what = work.which(stopped, len(self.loader.sources), cells.glyphs(self.app).more)
            parts.append(Text(f"{self._sign('look')} {what} stopped early {dot} l goes on", "yellow"))
        if said := self.licences.text(dot):
            parts.append(Text(said, "dim"))
        return Text("   ").join(parts)

    def _range_text(self) -> str:
        if self.rows.range is None:
            return ""
        first, last = self.rows.range
        chosen = all(video.selected for video in self._obtainable(self.rows.between(first, last)))
        return f"range of {number(last - first + 1)}   space {'leaves out' if chosen else 'selects'}   esc drops it"

    def _chosen(self) -> str:
        totals = self.rows.index.totals
        if totals.chosen:
            about = f": {marks.total_length(totals.chosen_ms)}, about {marks.megabytes(totals.chosen_bytes)}"
            return f"{number(totals.chosen)} selected{about if totals.chosen_ms else ''}"
        if totals.count and totals.here == totals.count:
            return "Everything is here; next: 3 Segments"
        return "Nothing is selected to download; space selects" if totals.count else ""

    # -- jobs

    def reports(self, batch: JobBatch) -> bool:
        """Also of what x has stopped, and of a queue that ended early: a toast would lie over what mends it."""
        if self.downloads.has_stopped(batch.folder) and batch.view.state == "cancelled":
            return True
        return super().reports(batch) or (batch.stage in self.stages and bool(batch.view.result.get("stopped")))

    def job_events(self, batch: JobBatch) -> None:
        draw, read = self.queue.handle(batch)
        self.draw(draw)
        if batch.history or batch.ended:
            self.loader.whole()
        else:
            self.loader.some(read)
        self.licences.handle(batch)
        if batch.ended:
            if not batch.history:
                told = work.trouble_of(batch, self.queue.last_block if batch.stage == "fetch" else None)
                # What goes on in the background does not wipe out why the download stopped.
                self._trouble = told if told or batch.stage not in ("details", "captions") else self._trouble
            self.licences.look_after()
        self.show_lines()

    # -- selecting

    def _mark(self, chosen: Mapping[str, bool]) -> None:
        self.selection.mark(self.rows.index, chosen)
        store: Store = self.store

        def saved(due: Mapping[str, bool]) -> None:
            self.selection.saved(due)
            self.loader.newer(due)

        self.in_thread(lambda: self.selection.save(store), saved, group="select")
        self.draw(chosen) if len(chosen) < 100 else self.table.refresh_rows()
        self.show_lines()

    @property
    def video(self) -> Video | None:
        return self.rows.index.get(self.table.cursor_key or "")

    @staticmethod
    def _obtainable(found: list[Video]) -> list[Video]:
        """Without what is still on the air, or to come: by its own row only that is chosen."""
        return [video for video in found if video.live_status not in LIVE or video.state == "fetched"]

    def action_mark(self) -> None:
        span, video = self.rows.range, self.video
        if span is not None:
            inside = self._obtainable(self.rows.between(*span))
            value = not all(video.selected for video in inside)
            self._drop_range()
            self._mark({video.id: value for video in inside})
        elif video is not None:
            self._mark({video.id: not video.selected})
            self.table.cursor += 1

    def action_mark_all(self) -> None:
        shown = self._obtainable(self.rows.videos())
        value = not all(video.selected for video in shown)
        self._drop_range()
        self._mark({video.id: value for video in shown})

    def action_mark_free(self) -> None:
        self._drop_range()
        free = {video.id for video in self._obtainable(self.rows.videos()) if video.licence in FREE}
        self._mark({id: id in free for id in self.rows.ids})

    def action_range(self) -> None:
        if self.selection.anchor is not None:
            self._drop_range()
        elif self.table.cursor_key is not None:
            self.selection.anchor = self.table.cursor_key
            self._stretch()

    def _drop_range(self) -> None:
        self.selection.anchor = None
        self._stretch()

    @on(RowTable.Highlighted)
    def _stretch(self) -> None:
        before, now = self.rows.range, self.selection.range(self.rows, self.table.cursor)
        if before != now:
            self.rows.range = now
            self.table.refresh_rows()
            self.show_lines()

    # -- filter

    def action_filter(self) -> None:
        self.filter.display = True
        self.filter.focus()

    @on(Input.Changed)
    def _narrow_down(self) -> None:
        asked = query.parse(self.filter.value)
        self._complain(asked.complaint)
        if asked.complaint:
            return
        self._query = asked
        self.rows.matched = set() if self.filter.value.strip() else None
        self._match(self.rows.index.ids)
        self._arrange(filtered=True)

    def _complain(self, complaint: str) -> None:
        line = self.query_one("#complaint", TextLine)
        line.display = bool(complaint)
        line.show(f"{self._sign('look')} {complaint}" if complaint else "")

    @on(Input.Submitted)
    def _to_the_rows(self) -> None:
        if not query.parse(self.filter.value).complaint:
            self.filter.display = bool(self.filter.value)
            self.table.focus()

    def action_back(self) -> None:
        if self.selection.anchor is not None and not self.filter.has_focus:
            self._drop_range()
            return
        self.filter.value = ""
        self.filter.display = False
        self.table.focus()

    # -- keys that start and stop work

    def show_trouble(self, error: UserError | None) -> None:
        """What stands under the rows, until work begins anew."""
        self._trouble = error
        self.query_one(ErrorBanner).show(error)

    def action_add(self) -> None:
        self.open_dialog(work.add_prompt(), lambda text: self._add([str(text).strip()]))

    def _add(self, what: list[str]) -> None:
        self.show_trouble(None)
        self.licences.expect()
        self.start_job("add", {"what": what, "cwd": str(Path.cwd())})

    def action_list_again(self) -> None:
        what = [source.url for source in work.to_list_again(self.loader.sources)]
        if self.live_jobs("add"):
            self.toast("A list is being read already; x cancels")
        elif what:
            self._add(what)
            which = "The source is" if len(what) == 1 else f"{len(what)} sources are"
            self.toast(f"{which} listed again: what is new comes in")
        else:
            self.toast("There is no list to read again; + adds one")

    def action_licences(self) -> None:
        self.toast(self.licences.ask())

    def action_captions(self) -> None:
        work.ask_captions(self, [video for video in self.rows.index.all() if video.state == "fetched"])

    @on(RowTable.Chosen)
    def action_get(self) -> None:
        self.downloads.get()

    def action_retry(self) -> None:
        self.downloads.retry()

    def action_pause(self) -> None:
        self.downloads.pause()

    def action_stop(self) -> None:
        self.downloads.stop()
