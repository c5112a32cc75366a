"""The rows of the segments table, and the recording they make up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from rich.text import Text

from core.store import SegmentRow
from tui.raster.strip import NOTHING, SegmentSpans
from tui.raster.time_axis import moment
from tui.screens.review_state import state_of, state_text
from tui.widgets.columns import Column

COLUMNS = (
    Column("number", "#", 5, "right"),
    Column("start", "start", 8, "right"),
    Column("length", "len", 4, "right", drop=1),
    Column("level", "dB", 4, "right"),
    Column("speech", "speech", 6, "right"),
    Column("state", "", 1),
    Column("flags", "flags", None, least=6),
)


KEPT = "earlier"
"""What a row says that does not belong to the cut its recording has now."""


QUIET_DBFS, LOUD_DBFS = -60.0, -10.0
"""The lowest and the highest bar of a recording in which no detector has listened for speech."""


class SegmentRows:
    """The segments of one recording, in playing order. Of 100 000 it is made in a thread."""

    def __init__(self, rows: Sequence[SegmentRow], ascii: bool = False) -> None:
        self.rows = rows
        self._ascii = ascii
        self._places = {row.id: place for place, row in enumerate(rows)}
        self.spans = spans_of(rows)
        self.reviewed = int(self.spans.reviewed.sum())
        """How many a person has decided on."""
        self.kept = sum(row.kept for row in rows)
        """How many are of an earlier cut."""

    def __len__(self) -> int:
        return len(self.rows)

    def key(self, index: int, /) -> str:
        return self.rows[index].id

    def index_of(self, key: str, /) -> int | None:
        return self._places.get(key)

    def cells(self, index: int, /) -> list[str | Text]:
        row, minus = self.rows[index], "-" if self._ascii else "–"
        return [
            str(index),
            moment(row.start_ms),
            f"{(row.end_ms - row.start_ms) / 1000:.1f}",
            "" if row.dbfs is None else f"{row.dbfs:.0f}".replace("-", minus),
            "" if row.speech is None else f"{row.speech:.0%}",
            state_text(state_of(row), self._ascii, word=False),
            " ".join((*row.sound_flags, *row.flags, *([KEPT] if row.kept else []))),
        ]

    def index_at(self, ms: int) -> int:
        """The last segment that begins at this moment or before it; the first one where none does."""
        return max(0, bisect_right(self.rows, ms, key=lambda row: row.start_ms) - 1)


def spans_of(rows: Sequence[SegmentRow]) -> SegmentSpans:
    """All of them as arrays; how loud they are, where no detector has heard any of them."""
    if not rows:
        return NOTHING
    starts, ends = (np.array([row[place] for row in rows], np.int64) for place in (0, 1))
    speech = np.array([np.nan if row.speech is None else row.speech for row in rows])
    reviewed = np.array([row.review != "pending" for row in rows], np.bool_)
    is_heard = bool(np.isfinite(speech).any())
    if not is_heard:
        level = np.array([np.nan if row.dbfs is None else row.dbfs for row in rows])
        speech = np.clip((level - QUIET_DBFS) / (LOUD_DBFS - QUIET_DBFS), 0, 1)
    return SegmentSpans(int(ends.max()), starts, ends, speech, reviewed, is_heard)
