"""What stands in a row of the transcripts screen, and around the editor: words and signs. No app."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from rich.cells import cell_len
from rich.text import Text

from core.query.grammar import Query
from core.store import Segment, TranscriptRow
from core.store.records import HUMAN, Undone
from core.text import plural
from tui.raster.bars import share
from tui.screens import review_state
from tui.screens.review_state import span, state_text, written_by
from tui.screens.transcripts.saving import UnsavedTexts
from tui.screens.transcripts.table.index import QueryResult, TranscriptIndex
from tui.widgets import cells, marks
from tui.widgets.columns import Column
from tui.widgets.diff_text import inline_diff


def state_of(row: Segment | TranscriptRow, unsaved: UnsavedTexts | None = None) -> str:
    """saving or unsaved until it is on the disk; else as `review_state` has it."""
    waits = unsaved.get(row.id) if unsaved is not None else None
    if waits is not None:
        return "saving" if waits.error is None else "unsaved"
    return review_state.state_of(row)


@dataclass
class TranscriptRows:
    """The table's rows (a RowSource): those of the index that are shown, as `columns` has them. names: of recordings,
    by id; several: rows are of more than one."""

    index: TranscriptIndex = field(default_factory=TranscriptIndex)
    result: QueryResult = field(default_factory=QueryResult)
    unsaved: UnsavedTexts = field(default_factory=UnsavedTexts)
    names: Mapping[str, str] = field(default_factory=dict)
    ascii: bool = False
    wide: bool = True
    several: bool = False

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
        recording = [self.names.get(row.video) or row.video] if self.several else []
        return [
            str(self.index.number(row)),
            *recording,
            marks.length(row.start_ms),
            state_text(state_of(row, self.unsaved), self.ascii, word=self.wide),
            flag_words(row.flags, row.sound_flags),
            suspicion_bar(row.suspicion, BAR_WIDE if self.wide else BAR, self.ascii),
            "" if row.avg_logprob is None else f"{row.avg_logprob:.2f}",
            marked(row.text, self.result.view.query, ".." if self.ascii else "…"),
        ]


def recording_names(titles: Mapping[str, str]) -> dict[str, str]:
    """Titles, by id, without the words that all of them begin with, as those of a series do."""
    first, last = min(titles.values(), default=""), max(titles.values(), default="")
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
    found = re.match(r".*[\W_]", first[:common]) if first != last else None
    beginning = "" if found is None else found[0]
    return {id: title.removeprefix(beginning) or title for id, title in titles.items()}


BAR, BAR_WIDE = 4, 6
"""Cells of the bar of suspicion."""

GRAVE = frozenset(("loop", "no-speech", "phrase", "empty"))
"""What is nearly surely wrong; all other flags ask to be looked at."""

ALARMING, DOUBTFUL = 0.63, 0.22
"""Suspicion of twelve expected edits, and of three."""


def flag_words(flags: Sequence[str], sound_flags: Sequence[str]) -> Text:
    """What is wrong with the text, the gravest first, then with the sound: colours beside words."""
    styles = {"grave": marks.style("failed"), "look": marks.style("look"), "sound": "cyan"}
    text = Text()
    for number, flag in enumerate((*flags, *sound_flags)):
        kind = "sound" if number >= len(flags) else "grave" if flag in GRAVE else "look"
        text.append(" " if number else "").append(flag, styles[kind])
    return text


def suspicion_bar(suspicion: float | None, width: int, ascii: bool) -> Text:
    """A bar as long as the suspicion is high; nothing where it was not measured."""
    if suspicion is None:
        return Text()
    style = marks.style("failed" if suspicion >= ALARMING else "look" if suspicion >= DOUBTFUL else "done")
    return Text(share(suspicion, width, ascii), style)


def marked(text: str, query: Query[TranscriptRow], more: str) -> str | Text:
    """A row's text with what the query looks for marked; where that stands far behind, the text begins before it."""
    text = cells.harmless(text)
    spans = query.found_in(text) if query.words or query.patterns else []
    if not spans:
        return text
    skipped = spans[0][0] - LEADING if cell_len(text[: spans[0][1]]) > LEAST_TEXT else 0
    shown = Text(more if skipped > 0 else "").append(text[max(0, skipped) :])
    offset = len(more) - skipped if skipped > 0 else 0
    for start, end in spans:
        shown.stylize("black on yellow", start + offset, end + offset)
    return shown


LEAST_TEXT = 32
"""Cells below which the column of the text makes others drop."""

LEADING = 6
"""Characters that are shown before what was found."""


def columns(wide: bool, several: bool) -> list[Column]:
    """Columns drop from the least telling: confidence, number, suspicion, time, recording. The text never does.

    wide: room for words beside the signs; several: rows are of more than one recording.
    """
    return [
        Column("number", "#", 6, "right", drop=2),
        *([Column("recording", "recording", 16 if wide else 10, drop=5)] if several else []),
        Column("time", "time", 7, "right", drop=4),
        Column("state", "state" if wide else "", 10 if wide else 1),
        Column("flags", "flags", 12 if wide else 9),
        Column("susp", "susp", BAR_WIDE if wide else BAR, drop=3),
        Column("conf", "conf", 5, "right", drop=1),
        Column("text", "text", None, least=LEAST_TEXT),
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
    said = tail(cells.harmless(before.text), half, more) if before else ""
    follows = cells.cut(cells.harmless(after.text), half, more) if after else ""
    text = Text()
    for word, row, shown in (("before ", before, said), ("   after ", after, follows)):
        nothing = "no text" if row is not None else marks.mark("unknown", ascii)
        text.append(word, "dim").append(shown or nothing, "" if shown else "dim")
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
    """What the machine wrote, or the captions said, whatever a person has made of it. Where it is still the machine's
    text, in another script or mended in some places, it is told which: [软件→軟體]."""
    if not segment.raw:
        return Text("no machine has written here yet" if segment.origin is None else "", "dim")
    raw = " ".join(segment.raw.split())
    who = "caption said " if segment.model.startswith("captions:") else "machine wrote "
    text, count = Text().append(who, "dim"), f" ({len(raw)})"
    if not segment.is_human and segment.text != raw:
        text.append_text(inline_diff(raw, segment.text, from_change=True, ascii=ascii))
        text.truncate(max(4, width), overflow="crop" if ascii else "ellipsis")
        return text
    shown = cells.cut(cells.harmless(raw), max(4, width - 16 - len(count)), ".." if ascii else "…")
    return text.append(shown).append(count if len(shown) < len(raw) else "", "dim")


def written_meanwhile(row: Segment | TranscriptRow, width: int, ascii: bool) -> Text:
    """What somebody else has put into a row that is looked at, or typed in."""
    who = "a person wrote here meanwhile " if row.origin in HUMAN else "written anew meanwhile "
    if row.review == "rejected" or (row.review == "accepted" and row.origin not in HUMAN):
        who = f"{row.review} meanwhile "
    text = Text().append(f"{marks.mark('look', ascii)} {who}", marks.style("look"))
    return text.append(cells.cut(cells.harmless(row.text) or "-", max(4, width - 62), ".." if ascii else "…"))


def lies_there(row: TranscriptRow | None, width: int, ascii: bool) -> Text:
    """What is said now where a segment was cut away."""
    if row is None:
        return Text("nothing lies there now", "dim")
    text = Text().append(f"now {span(row, ascii)} lies there ", "dim")
    return text.append(cells.cut(cells.harmless(row.text) or "-", max(4, width - 36), ".." if ascii else "…"))


def undone(what: Undone, time: str) -> str:
    """What an undo has taken back. time: of its row, where it is one."""
    if what.count == 1 and not what.changed:
        return f"{time} is as it was before"
    stays = f", {what.changed} were changed since and stay" if what.changed else ""
    return f"{plural(what.count, 'row')} as before{stays}"
