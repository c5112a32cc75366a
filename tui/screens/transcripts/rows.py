"""The rows of the transcripts screen: which segments are shown, in which order, and what stands in a row. No app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from core.store import Segment
from tui.widgets import cells, marks
from tui.widgets.columns import Column

FILTERS = ("all", "pending", "accepted", "rejected", "flagged")
ORDERS = ("time", "suspicion")
STATES = {"accepted": "done", "rejected": "failed", "pending": "not", "no text": "unknown"}
"""The sign (tui/marks.py) of each state of a transcript."""


@dataclass(frozen=True)
class Query:
    """What is shown. words: each must occur in a row's text or name."""

    filter: str = "all"
    order: str = "time"
    words: tuple[str, ...] = ()


class SegmentIndex:
    """Every segment in playing order, to be found by its place and by its id. `put` replaces one."""

    def __init__(self, segments: Sequence[Segment] = (), counts: Mapping[str, int] | None = None) -> None:
        self.segments = list(segments)
        self.counts = dict(counts or {})
        self._places = {segment.id: place for place, segment in enumerate(self.segments)}

    def place(self, id: str) -> int | None:
        return self._places.get(id)

    def put(self, segment: Segment) -> None:
        place = self._places.get(segment.id)
        if place is not None:
            self.segments[place] = segment

    def neighbours(self, id: str) -> tuple[Segment | None, Segment | None]:
        """The segments before and after it in the same recording."""
        place = self._places.get(id)
        if place is None:
            return None, None
        video = self.segments[place].video
        around = [self.segments[i] if 0 <= i < len(self.segments) else None for i in (place - 1, place + 1)]
        before, after = (found if found is not None and found.video == video else None for found in around)
        return before, after


def state_of(segment: Segment) -> str:
    """accepted, rejected, pending, or "no text" where nobody has written any yet."""
    if segment.review != "pending":
        return segment.review
    return "pending" if segment.origin is not None else "no text"


def matches(segment: Segment, query: Query) -> bool:
    if query.filter == "flagged":
        if not segment.flags:
            return False
    elif query.filter != "all" and segment.review != query.filter:
        return False
    if not query.words:
        return True
    text = f"{segment.id} {segment.text}".casefold()
    return all(word in text for word in query.words)


def select(segments: Sequence[Segment], query: Query, kept: Mapping[str, Segment]) -> list[int]:
    """Places in `segments` of the rows to show, in order.

    kept: rows a person has just dealt with, as they were before: these are filtered and ordered as if nothing had
    happened to them, so that a row does not run away from under the cursor.
    """
    seen = [kept.get(segment.id, segment) for segment in segments] if kept else segments
    found = [place for place, segment in enumerate(seen) if matches(segment, query)]
    if query.order == "suspicion":
        # What nobody has measured comes last; equals stay in playing order.
        found.sort(key=lambda place: -1.0 if (value := seen[place].suspicion) is None else value, reverse=True)
    return found


@dataclass
class TranscriptRows:
    """The table's rows (a RowSource): the places of a index that a query found."""

    index: SegmentIndex = field(default_factory=SegmentIndex)
    shown: list[int] = field(default_factory=list)
    ascii: bool = False
    wide: bool = True

    def __post_init__(self) -> None:
        self._rows = {self.index.segments[place].id: row for row, place in enumerate(self.shown)}

    def __len__(self) -> int:
        return len(self.shown)

    def key(self, index: int, /) -> str:
        return self.index.segments[self.shown[index]].id

    def index_of(self, key: str, /) -> int | None:
        return self._rows.get(key)

    def segment(self, index: int) -> Segment:
        return self.index.segments[self.shown[index]]

    def cells(self, index: int, /) -> list[str | Text]:
        segment = self.segment(index)
        return [
            str(self.shown[index]),
            marks.length(segment.start_ms),
            state_text(segment, self.ascii, word=self.wide),
            " ".join(segment.flags),
            two_digits(segment.suspicion),
            "" if segment.avg_logprob is None else f"{segment.avg_logprob:.2f}",
            segment.text,
        ]


def two_digits(value: float | None) -> str:
    """`.97`, `1.0`; "" where it was not measured."""
    if value is None:
        return ""
    return f"{value:.2f}"[1:] if 0 <= value < 0.995 else f"{value:.1f}"


def state_text(segment: Segment, ascii: bool, *, word: bool = True) -> Text:
    state = state_of(segment)
    name = STATES[state]
    sign = marks.mark(name, ascii)
    return Text(f"{sign} {state}" if word else sign, marks.style(name))


def columns(wide: bool) -> list[Column]:
    """Columns drop in this order: conf, susp, time. The text never does."""
    return [
        Column("number", "#", 5, "right"),
        Column("time", "time", 7, "right", drop=3),
        Column("state", "state" if wide else "", 10 if wide else 1),
        Column("flags", "flags", 10 if wide else 7),
        Column("susp", "susp", 4, "right", drop=2),
        Column("conf", "conf", 5, "right", drop=1),
        Column("text", "text", None, least=24),
    ]


def heading(segment: Segment, ascii: bool) -> Text:
    """`8:00–8:10  ✓ accepted, by a person  loop`, what is known of the row under the cursor."""
    dash = "-" if ascii else "–"
    text = Text(f"{marks.length(segment.start_ms)}{dash}{marks.length(segment.end_ms)}", "bold")
    text.append("  ").append_text(state_text(segment, ascii))
    by = {"human": "by a person", "imported": "by a person", "machine": "by a machine", "caption": "a caption"}
    if segment.origin is not None:
        text.append(f", {by[segment.origin]}")
    if segment.flags:
        text.append(f"  {marks.mark('look', ascii)} {' '.join(segment.flags)}", marks.style("look"))
    return text


def around(before: Segment | None, after: Segment | None, width: int, ascii: bool) -> Text:
    """The end of the text before and the beginning of the text after, in `width` cells."""
    more = ".." if ascii else "…"
    half = max(4, (width - 20) // 2)
    text = Text().append("before ", "dim")
    text.append(tail(cells.harmless(before.text), half, more) if before else "-")
    text.append("   after ", "dim")
    text.append(cells.cut(cells.harmless(after.text), half, more) if after else "-")
    return text


def tail(text: str, width: int, more: str = "…") -> str:
    """The end of `text` in at most `width` cells, beginning with `more` if something was cut."""
    if cell_len(text) <= width:
        return text
    room, start = width - cell_len(more), len(text)
    while start and cell_len(text[start - 1]) <= room:
        start -= 1
        room -= cell_len(text[start])
    return more + text[start:]


def written_by_machine(segment: Segment, width: int, ascii: bool) -> Text:
    """What the machine wrote, or the captions said, whatever a person has made of it."""
    if not segment.raw:
        return Text("no machine has written here yet" if segment.origin is None else "", "dim")
    raw = " ".join(segment.raw.split())
    who = "caption said " if segment.model.startswith("captions:") else "machine wrote "
    text, count = Text().append(who, "dim"), f" ({len(raw)})"
    shown = cells.cut(cells.harmless(raw), max(4, width - 16 - len(count)), ".." if ascii else "…")
    return text.append(shown).append(count if len(shown) < len(raw) else "", "dim")


@dataclass(frozen=True)
class ReviewRate:
    """How quickly a person reviews. per_hour: None while there is too little to tell."""

    per_hour: float | None = None

    @classmethod
    def of(cls, reviewed: int, elapsed_s: float) -> ReviewRate:
        return cls(reviewed * 3600 / elapsed_s if reviewed >= 3 and elapsed_s >= 20 else None)


def progress(counts: Mapping[str, Any], pace: ReviewRate, wide: bool) -> str:
    """`145 of 601 reviewed · 19.8 min accepted · 41 rows/h · 3 h 05 m left`."""
    total = counts.get("segments", 0)
    done = counts.get("accepted", 0) + counts.get("rejected", 0)
    minutes = counts.get("accepted_ms", 0) / 60_000
    parts = [f"{done} of {total} reviewed", f"{minutes:.1f} min accepted" if wide else f"{minutes:.1f} min"]
    if pace.per_hour:
        parts.append(f"{pace.per_hour:.0f} rows/h" if wide else f"{pace.per_hour:.0f}/h")
        if total > done:
            parts.append(f"{marks.total_length(round((total - done) / pace.per_hour * 3_600_000))} left")
    return "  ".join(parts)
