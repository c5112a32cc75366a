"""The lines above and below the rows of the playlist screen. Pure functions; plain is `--ascii`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from core.stage import lookup
from core.store import Source
from tui.bridge import JobBatch
from tui.screens.playlist import sources as lists
from tui.screens.playlist.rows import Totals, VideoRows, number, obtainable
from tui.status.jobs import progress_text
from tui.widgets import cells, marks


def source_line(sources: Sequence[Source], live: Sequence[JobBatch], plain: bool) -> Text:
    """What is being listed now, else where the recordings come from."""
    text = Text("Source  ", "bold")
    for batch in live:
        # x stops what moves recordings before it stops this.
        cancel = "" if any(other.stage in ("fetch", "captions") for other in live) else "x cancel   "
        if batch.stage == "add":
            return text.append(f"{marks.mark('running', plain)} listing   {cancel}{batch.view.note}")
        if lookup(batch.stage).fills_workspace:
            # The key before what is cut where there is little room.
            return text.append(f"{marks.mark('running', plain)} {cancel}{progress_text(batch)}")
    return text.append(lists.heading(sources))


def empty_text(rows: VideoRows, live: Sequence[JobBatch]) -> str:
    """What stands where there are no rows."""
    if len(rows.index):
        return "\nNothing matches the filter; esc shows all."
    for batch in live:
        if lookup(batch.stage).fills_workspace:
            made = "Recordings, their captions and a model come by themselves;"
            return f"\n{progress_text(batch)}\n{made}\nthen the step that is next opens."
        if batch.stage == "add":
            return "\nThe source is being listed; its recordings appear here one by one."
    return "\nNothing here yet.\n+ adds a playlist, a channel, a video, a file or a folder."


def hint_line(rows: VideoRows, sources: Sequence[Source], licences: str, listing: bool, plain: bool) -> Text:
    """What goes on in the background, and what was left half done, with its key."""
    glyphs = cells.ASCII if plain else cells.UNICODE
    parts: list[Text] = []
    if rows.matched is not None:
        parts.append(Text(f"{number(len(rows))} of {number(len(rows.index))} shown {glyphs.dot} esc shows all"))
    stopped = [] if listing else lists.stopped_short(sources)
    if stopped:
        what = lists.names_of(stopped, len(sources), glyphs.more)
        parts.append(Text(f"{marks.mark('look', plain)} {what} stopped early {glyphs.dot} l goes on", "yellow"))
    if licences:
        parts.append(Text(licences, "dim"))
    return Text("   ").join(parts)


def range_line(rows: VideoRows) -> str:
    """The range that is being chosen; "" without one."""
    if rows.range is None:
        return ""
    first, last = rows.range
    chosen = all(video.selected for video in obtainable(rows.between(first, last)))
    return f"range of {number(last - first + 1)}   space {'leaves out' if chosen else 'selects'}   esc drops it"


def chosen_line(totals: Totals) -> str:
    """What Enter would download; "" where there is nothing at all."""
    if totals.chosen:
        about = f": {marks.total_length(totals.chosen_ms)}, about {marks.megabytes(totals.chosen_bytes)}"
        return f"{number(totals.chosen)} selected{about if totals.chosen_ms else ''}"
    if totals.count and totals.here == totals.count:
        return "Everything is here"
    return "Nothing is selected to download; space selects" if totals.count else ""
