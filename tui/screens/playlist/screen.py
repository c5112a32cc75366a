"""2 Playlist: sources and their recordings; rows arrive while they are listed, and show how far each download is.

The parts know no screen: they are given data, and return rows, words, or what is to be done (tui/effects.py).

rows.py         every recording with its sums, the rows that are shown, their cells
loader.py       what to read of the store, and when
tracker.py      what the jobs say of the recordings
selection.py    what is chosen, and the range
sources.py      the lists that the recordings come from
lines.py        what the lines above and below the rows say
licences.py     when the licences are looked up in the background
downloads.py    what the keys that begin, hold and stop work have to do
dialogs.py      what is asked before work begins
block_panel.py  what a block of the site asks for
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from core.errors import UserError
from core.events import JobState
from core.licences import FREE
from core.query.grammar import Query
from core.query.videos import LANGUAGE, ListedVideo, parse
from core.store import Store, Video
from tui import keymap
from tui.bridge import JobBatch
from tui.effects import Effect, StartJob
from tui.screens.pipeline import ErrorBanner, PipelineScreen
from tui.screens.playlist import dialogs, lines, sources
from tui.screens.playlist.block_panel import BlockPanel
from tui.screens.playlist.downloads import Downloads, error_after
from tui.screens.playlist.licences import LicenceLookUp
from tui.screens.playlist.loader import Everything, PlaylistLoader, Some
from tui.screens.playlist.rows import NARROW, VideoIndex, VideoRows, obtainable
from tui.screens.playlist.selection import Selection
from tui.screens.playlist.tracker import DownloadTracker
from tui.screens.playlist.video_table import VideoTable
from tui.widgets import marks
from tui.widgets.query_line import QueryLine
from tui.widgets.segment_table import RowTable
from tui.widgets.text_line import Headline, TextLine

SIGHT_S = 0.5
"""How often it is looked which rows are on the screen, for a look-up of licences."""
MATCH_S = 0.5
"""What all patterns of a filter may take for all rows: they are looked for on the UI thread."""
EXAMPLE = "words, or: cc length<30m date>=2023-05 captions:zh state:failed"


class Filter(QueryLine):
    PANE = "playlist.filter"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("playlist.filter")


class PlaylistScreen(PipelineScreen):
    PANE = STEP = "playlist"
    REPORTS_FAILURES = True
    CSS_PATH = "playlist.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("playlist"), ("escape", "back")]

    def __init__(self) -> None:
        super().__init__()
        self.tracker = DownloadTracker()
        self.rows = VideoRows(VideoIndex(), self.tracker.state)
        self.selection = Selection()
        self.loader = PlaylistLoader(self.rows)
        self.licences = LicenceLookUp()
        self.downloads = Downloads(self.rows, self.tracker, lambda: self.workspace.config().fetch.any_licence)
        self._query = parse("")
        self._too_slow: UserError | None = None
        """What the filter's pattern has cost: then the rows stay as they are until it is another."""
        self._error: UserError | None = None
        """What stands under the rows, until work begins anew."""
        self._unlisted = ""
        self._unreadable = False

    def content(self) -> Iterable[Widget]:
        yield Headline(id="source")
        yield TextLine(id="hint")
        yield VideoTable(self.rows, narrow=self._narrow)
        yield BlockPanel()
        yield ErrorBanner()
        yield TextLine(id="total")
        yield Filter(LANGUAGE, EXAMPLE)
        yield TextLine(id="suggestions")

    @property
    def filter(self) -> Filter:
        return self.query_one(Filter)

    @property
    def _narrow(self) -> bool:
        return self.app.size.width < NARROW

    def on_mount(self) -> None:
        self.filter.display = self.query_one("#suggestions").display = False
        self.set_interval(SIGHT_S, self._send_rows_in_sight)
        self._read_all()

    def store_changed(self) -> None:
        if self.loader.is_all_due(jobs_run=bool(self.live_jobs())):
            self._read_all()

    # -- the rows

    def _read_all(self) -> None:
        read, store = self.loader.all(), self.store
        self.in_thread(lambda: read(store), self._all_read, group="load", failed=self._not_read)

    def _all_read(self, found: Everything) -> None:
        if self._unreadable:
            self._unreadable = False
            self._show_error_below(None)
        again = self.loader.take_all(found)
        self._rows_read(self.rows.index.ids, arrived=True)
        self._read_rows(again)

    def _read_rows(self, ids: Iterable[str] = ()) -> None:
        read, store = self.loader.some(ids), self.store
        if read is not None:
            self.in_thread(lambda: read(store), self._some_read, group="rows", failed=self._not_read)

    def _some_read(self, found: Some) -> None:
        arrived = self.loader.take_some(found)
        self._rows_read([video.id for video in found.videos], arrived=arrived)
        self._read_rows()

    def _not_read(self, error: UserError) -> None:
        self.loader.failed()
        self._unreadable = True
        self._show_error_below(error)

    def _rows_read(self, ids: Sequence[str], *, arrived: bool) -> None:
        """These rows were read from the store. arrived: some of them are new, or it was all of them."""
        self.selection.lay_over(self.rows.index)
        self._match_more(ids)
        if arrived:
            self._arrange()
        else:
            self._draw(ids)
            self._show_lines()
        self._look_up_licences()

    def _match_more(self, ids: Iterable[str]) -> None:
        """What a filter has once shown stays until it is another: no row goes from under the cursor."""
        if self.rows.matched is not None and self._too_slow is None:
            self.rows.matched |= self._match(self._query, ids) or set()

    def _match(self, query: Query[ListedVideo], ids: Iterable[str]) -> set[str] | None:
        """Those of them that match. None where a pattern takes too long for one, or all of it for all: the screen would
        be held up, so no other is tried."""
        found, has = ((id, self.rows.index.get(id)) for id in ids), self.rows.has_captions
        deadline = time.monotonic() + MATCH_S if query.has_patterns else None
        try:
            return {id for id, video in found if video and query.matches(ListedVideo(video, has(id)), deadline)}
        except UserError as error:
            self._too_slow = error
            self._show_suggestions()
            return None

    def _arrange(self, *, filtered: bool = False) -> None:
        """Other rows than before. filtered: by a key, so that the cursor has to stay in sight."""
        self.rows.arrange()
        if filtered:
            # What was found is read from its top, not from where some other row was.
            self.table.set_source(self.rows, keep_key=self.rows.index_of(self.table.cursor_key or "") is not None)
        else:
            self.table.refresh_rows()
        self.rows.range = self.selection.range(self.rows, self.table.cursor)
        self._show_lines()

    # -- showing

    @on(events.Resize)
    def _fit_columns(self) -> None:
        self.rows.narrow, self.rows.ascii = self._narrow, self.host.ascii
        self.query_one(VideoTable).fit(narrow=self._narrow)

    def _draw(self, ids: Iterable[str]) -> None:
        for id in ids:
            place = self.rows.index_of(id)
            if place is not None:
                self.table.refresh_row(place)

    def _show_lines(self) -> None:
        plain, live, rows = self.host.ascii, self.live_jobs(), self.rows
        held = any(batch.stage == "details" and self.tracker.is_held(batch.folder) for batch in live)
        licences = self.licences.text(rows.index.totals.unasked, live, held=held, plain=plain)
        listing = any(batch.stage == "add" for batch in live)
        source = lines.source_line(self.loader.sources, live, plain)
        self.query_one(Headline).show(source, rows.index.totals.heading())
        self.query_one("#hint", TextLine).show(lines.hint_line(rows, self.loader.sources, licences, listing, plain))
        chosen = lines.chosen_line(rows.index.totals)
        below = lines.range_line(rows) or self.tracker.total(plain) or chosen
        self.query_one("#total", TextLine).show(below)
        self.table.empty_text = lines.empty_text(rows, live)
        blocked = self.tracker.blocked
        self.query_one(BlockPanel).show(blocked[1] if blocked else None)
        self.query_one(ErrorBanner).show(self._error)

    def _sign(self, name: str) -> str:
        return marks.mark(name, self.host.ascii)

    # -- jobs

    def reports(self, batch: JobBatch) -> bool:
        """Also of what x has stopped, and of a queue that ended early: the screen says what mends it."""
        if self.downloads.was_stopped(batch.folder) and batch.view.state == JobState.CANCELLED:
            return True
        return super().reports(batch) or (batch.stage in self.stages and bool(batch.view.stopped))

    def job_events(self, batch: JobBatch) -> None:
        draw, read = self.tracker.handle(batch)
        self._draw(draw)
        if batch.history or batch.ended:
            self._read_all()
        else:
            self._read_rows(read)
        self.licences.handle(batch)
        if batch.ended:
            if not batch.history:
                error = error_after(batch, self.tracker.last_block if batch.stage == "fetch" else None)
                # What goes on in the background does not wipe out why the download stopped.
                self._error = error if error or batch.stage not in ("details", "captions") else self._error
                self._unlisted = sources.unlisted(batch) if batch.stage == "add" else self._unlisted
            self._look_up_licences()
        self._show_lines()

    # -- selecting

    def _mark(self, chosen: Mapping[str, bool]) -> None:
        self.selection.mark(self.rows.index, chosen)
        store: Store = self.store

        def saved(due: Mapping[str, bool]) -> None:
            self.selection.saved(due)
            self.loader.written(due)

        self.in_thread(lambda: self.selection.save(store), saved, group="select")
        self._draw(chosen) if len(chosen) < 100 else self.table.refresh_rows()
        self._show_lines()

    @property
    def video(self) -> Video | None:
        return self.rows.index.get(self.table.cursor_key or "")

    def action_mark(self) -> None:
        span, video = self.rows.range, self.video
        if span is not None:
            inside = obtainable(self.rows.between(*span))
            value = not all(video.selected for video in inside)
            self._drop_range()
            self._mark({video.id: value for video in inside})
        elif video is not None:
            self._mark({video.id: not video.selected})
            self.table.cursor += 1

    def action_mark_all(self) -> None:
        shown = obtainable(self.rows.videos())
        value = not all(video.selected for video in shown)
        self._drop_range()
        self._mark({video.id: value for video in shown})

    def action_mark_free(self) -> None:
        self._drop_range()
        free = {video.id for video in obtainable(self.rows.videos()) if video.licence in FREE}
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
            self._show_lines()

    # -- filter

    def action_filter(self) -> None:
        self.filter.display = True
        self.filter.open()

    @on(Input.Changed)
    def _narrow_down(self) -> None:
        asked, self._too_slow = self.filter.asked, None
        if asked.complaint:
            return
        matched = self._match(asked, self.rows.index.ids) if self.filter.value.strip() else None
        if self._too_slow is None:
            self._query, self.rows.matched = asked, matched
            self._arrange(filtered=True)

    @on(QueryLine.Hinted)
    def _show_hint(self, event: QueryLine.Hinted) -> None:
        self._show_suggestions(event.hint, event.told)

    def _show_suggestions(self, hint: Text | str = "", told: str = "") -> None:
        """What the line's pattern costs goes before what could stand there next."""
        line, error = self.query_one("#suggestions", TextLine), self._too_slow
        if error is not None:
            hint, told = Text(f"{self._sign('look')} {error.what}", marks.style("look")), error.fix
        line.display = bool(hint)
        line.show(hint, told)

    @on(Input.Submitted)
    def _to_the_rows(self) -> None:
        if not self.filter.asked.complaint:
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

    def apply(self, effects: Iterable[Effect]) -> None:
        """Work that somebody asked for begins anew: what failed before is over."""
        effects = list(effects)
        if any(isinstance(effect, StartJob) and effect.stage in ("add", "fetch") for effect in effects):
            self._show_error_below(None)
        super().apply(effects)
        self._show_lines()

    def _show_error_below(self, error: UserError | None) -> None:
        self._error = error
        self.query_one(ErrorBanner).show(error)

    def action_add(self) -> None:
        self.open_dialog(dialogs.add_prompt(self._unlisted), lambda text: self._add([str(text).strip()]))

    def _add(self, what: list[str]) -> None:
        self.licences.expect()
        self.apply([StartJob("add", {"what": what, "cwd": str(Path.cwd())})])

    def action_list_again(self) -> None:
        what = [source.url for source in sources.to_list_again(self.loader.sources)]
        if self.live_jobs("add"):
            self.toast("A list is being read already; x cancels")
        elif what:
            self._add(what)
            which = "The source is" if len(what) == 1 else f"{len(what)} sources are"
            self.toast(f"{which} listed again: what is new comes in")
        else:
            self.toast("There is no list to read again; + adds one")

    def action_licences(self) -> None:
        self.apply(self.licences.by_key(self.rows.index, self.live_jobs()))

    def _look_up_licences(self) -> None:
        if effects := self.licences.due(self.rows.index.totals.unasked, self.live_jobs()):
            self.apply(effects)

    def _send_rows_in_sight(self) -> None:
        top = self.table.scroll_offset.y
        seen = self.rows.ids[top : top + max(1, self.table.size.height)]
        if effects := self.licences.in_sight(seen, self.live_jobs()):
            self.apply(effects)

    def action_captions(self) -> None:
        self.apply(self.downloads.captions(self.live_jobs()))

    @on(RowTable.Chosen)
    def action_get(self) -> None:
        self.apply(self.downloads.get(self.video))

    def action_retry(self) -> None:
        self.apply(self.downloads.retry(self.video))

    def action_pause(self) -> None:
        self.apply(self.downloads.pause(self.live_jobs()))
        self._draw(self.tracker.busy)

    def action_stop(self) -> None:
        self.apply(self.downloads.stop(self.live_jobs()))
