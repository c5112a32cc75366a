"""What would become of many texts: rows with their text before and after, from which a person ticks. No app."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from core.review.fix_everywhere import Mistake, fixes
from core.review.flags import meaning
from core.store import TranscriptRow
from core.store.records import TextChange
from core.text import plural
from tui.screens import review_state
from tui.widgets import marks
from tui.widgets.columns import Column
from tui.widgets.diff_text import inline_diff

TICKED = ("[ ]", "[x]")


@dataclass(frozen=True)
class Proposal:
    """row: as it is; text: what it would be. is_ticked: to begin with."""

    row: TranscriptRow
    text: str
    is_ticked: bool

    @property
    def change(self) -> TextChange:
        return TextChange(self.row.id, self.row.text, self.text)


def rewritten(rows: Iterable[TranscriptRow], rewrite: Callable[[str], str]) -> list[Proposal]:
    """Rows that read otherwise after `rewrite`. What a person rejected is left alone, what they accepted or wrote is
    theirs to tick."""
    found = []
    for row in rows:
        if row.review != "rejected" and row.text and (text := rewrite(row.text)) != row.text:
            found.append(Proposal(row, text, is_open(row)))
    return found


def fixed(rows: Iterable[TranscriptRow], made: Sequence[Mistake], besides: str) -> list[Proposal]:
    """Rows in which these mistakes were made again, without them. besides: the row in which they were corrected."""
    others = [row for row in rows if row.review != "rejected" and row.id != besides]
    found = dict(fixes(((row.id, row.text) for row in others), made))
    return [
        Proposal(row, one.text, one.is_likely and is_open(row))
        for row in others
        if (one := found.get(row.id)) is not None
    ]


def is_open(row: TranscriptRow) -> bool:
    """Whether nobody has written or judged it."""
    return row.review == "pending" and row.origin not in ("human", "imported")


@dataclass
class ProposalRows:
    """The rows of the table (a RowSource)."""

    proposals: Sequence[Proposal]
    ascii: bool = False
    ticked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.ticked |= {one.row.id for one in self.proposals if one.is_ticked}
        self._places = {one.row.id: place for place, one in enumerate(self.proposals)}

    def __len__(self) -> int:
        return len(self.proposals)

    def key(self, index: int, /) -> str:
        return self.proposals[index].row.id

    def index_of(self, key: str, /) -> int | None:
        return self._places.get(key)

    def cells(self, index: int, /) -> list[str | Text]:
        one = self.proposals[index]
        state = review_state.state_text(review_state.state_of(one.row), self.ascii, word=False)
        is_ticked = one.row.id in self.ticked
        diff = inline_diff(one.row.text, one.text, from_change=True, ascii=self.ascii)
        return [TICKED[is_ticked], marks.length(one.row.start_ms), state, diff]

    def toggle(self, key: str) -> None:
        self.ticked ^= {key}

    def toggle_all(self) -> None:
        """All of them; none where all are."""
        everything = set(self._places)
        self.ticked = set() if self.ticked == everything else everything

    def changes(self) -> list[TextChange]:
        return [one.change for one in self.proposals if one.row.id in self.ticked]

    def summary(self) -> str:
        """`12 rows, 9 of them ticked; 3 are accepted, or written by a person`."""
        text = f"{plural(len(self.proposals), 'row')}, {len(self.ticked)} of them ticked"
        closed = sum(not is_open(one.row) for one in self.proposals)
        return f"{text}; {closed} accepted, or written by a person" if closed else text


def columns() -> list[Column]:
    return [
        Column("tick", "", 3),
        Column("time", "time", 7, "right", drop=1),
        Column("state", "", 1, drop=2),
        Column("text", "before, after", None, least=24),
    ]


def flagged(rows: Iterable[TranscriptRow]) -> str:
    """`5 loop: it repeats itself without end`: how many of the rows have which flag, a line each, the most first."""
    counts = Counter(flag for row in rows for flag in row.flags)
    return "\n".join(f"{count} {meaning(flag)}" for flag, count in counts.most_common())
