"""What stands in a row of the transcripts screen, and around the editor: words and signs. No app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from core.store import Segment, TranscriptRow
from core.store.records import Undone
from core.text import plural
from tui.screens import review_state
from tui.screens.review_state import span, state_text, written_by
from tui.screens.transcripts.index import Query, QueryResult, TranscriptIndex
from tui.screens.transcripts.saving import UnsavedTexts
from tui.widgets import cells, marks
from tui.widgets.columns import Column


def state_of(row: Segment | TranscriptRow, unsaved: UnsavedTexts | None = None) -> str:
    """saving or unsaved until it is on the disk; else as `review_state` has it."""
    waits = unsaved.get(row.id) if unsaved is not None else None
    if waits is not None:
        return "saving" if waits.error is None else "unsaved"
    return review_state.state_of(row)


@dataclass
class TranscriptRows:
    """The table's rows (a RowSource): those of the index that were selected."""

    index: TranscriptIndex = field(default_factory=TranscriptIndex)
    result: QueryResult = field(default_factory=QueryResult)
    unsaved: UnsavedTexts = field(default_factory=UnsavedTexts)
    ascii: bool = False
    wide: bool = True

    def __len__(self) -> int:
        return len(self.result)

    def key(self, index: int, /) -> str:
        return self.result.id(index)

    def index_of(self, key: str, /) -> int | None:
        row = self.index.get(key)
        return None if row is None else self.result.find(row)

    def cells(self, index: int, /) -> list[str | Text]:
        row = self.index.get(self.result.id(index))
        if row is None:
            return []
        return [
            str(self.index.number(row)),
            marks.length(row.start_ms),
            state_text(state_of(row, self.unsaved), self.ascii, word=self.wide),
            " ".join(row.flags),
            two_digits(row.suspicion),
            "" if row.avg_logprob is None else f"{row.avg_logprob:.2f}",
            row.text,
        ]


def two_digits(value: float | None) -> str:
    """`.97`, `1.0`; "" where it was not measured."""
    if value is None:
        return ""
    return f"{value:.2f}"[1:] if 0 <= value < 0.995 else f"{value:.1f}"


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


def heading(segment: Segment, state: str, ascii: bool) -> Text:
    """`8:00–8:10  ✓ accepted, by a person  loop`, what is known of the row under the cursor."""
    text = Text(span(segment, ascii), "bold")
    text.append("  ").append_text(state_text(state, ascii))
    if who := written_by(segment):
        text.append(f", {who}")
    if segment.flags:
        text.append(f"  {marks.mark('look', ascii)} {' '.join(segment.flags)}", marks.style("look"))
    return text


def around(before: TranscriptRow | None, after: TranscriptRow | None, width: int, ascii: bool) -> Text:
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


def lies_there(row: TranscriptRow | None, width: int, ascii: bool) -> Text:
    """What is said now where a segment was cut away."""
    if row is None:
        return Text("nothing lies there now", "dim")
    text = Text().append(f"now {span(row, ascii)} lies there ", "dim")
    return text.append(cells.cut(cells.harmless(row.text) or "-", max(4, width - 36), ".." if ascii else "…"))


@dataclass(frozen=True)
class ReviewRate:
    """How quickly a person reviews. per_hour: None while there is too little to tell."""

    per_hour: float | None = None

    @classmethod
    def of(cls, reviewed: int, elapsed_s: float) -> ReviewRate:
        return cls(reviewed * 3600 / elapsed_s if reviewed >= 3 and elapsed_s >= 20 else None)


def progress(counts: Mapping[str, Any], rate: ReviewRate, wide: bool, unsaved: int = 0) -> str:
    """`145 of 601 reviewed  19.8 min accepted  41 rows/h  3 h 05 m left`; unsaved: rows that are not on the disk."""
    total = counts.get("segments", 0)
    done = counts.get("accepted", 0) + counts.get("rejected", 0)
    minutes = counts.get("accepted_ms", 0) / 60_000
    parts = [f"{done} of {total} reviewed", f"{minutes:.1f} min accepted" if wide else f"{minutes:.1f} min"]
    if unsaved:
        parts.insert(1, f"{unsaved} not saved yet")
    if rate.per_hour:
        parts.append(f"{rate.per_hour:.0f} rows/h" if wide else f"{rate.per_hour:.0f}/h")
        if total > done:
            parts.append(f"{marks.total_length(round((total - done) / rate.per_hour * 3_600_000))} left")
    return "  ".join(parts)


@dataclass(frozen=True)
class Presentation:
    """How the rows are shown. wide: room for words; searching: the search box stands open, with the words in it;
    plays: each row that is gone on to is played."""

    wide: bool = True
    searching: bool = False
    plays: bool = False


def shown(query: Query, count: int, total: int, how: Presentation, *, ascii: bool) -> str:
    """`filter pending 601→456  order suspicion  /words  plays on arrival`."""
    parts = []
    if how.wide or query.filter != "all" or count != total:
        name = f"filter {query.filter}" if how.wide or query.filter != "all" else ""
        parts.append(f"{name} {total}{'->' if ascii else '→'}{count}".strip() if count != total else name)
    if how.wide or query.order != "time":
        parts.append(f"order {query.order}")
    if query.words and not how.searching:
        parts.append(f"/{' '.join(query.words)}")
    if how.plays:
        parts.append("plays on arrival" if how.wide else "plays")
    return "  ".join(parts)


def undone(what: Undone, time: str) -> str:
    """What an undo has taken back. time: of its row, where it is one."""
    if what.count == 1 and not what.changed:
        return f"{time} is as it was before"
    stays = f", {what.changed} were changed since and stay" if what.changed else ""
    return f"{plural(what.count, 'row')} as before{stays}"
